//! The scope and how its units are, and what time it is.

use crate::{
    components::{
        mark::{Mark, status_class},
        status_bar::of_status,
        whole::{IntoWhole, text},
    },
    console::Console,
    format::status_word,
    local_time::Wall,
};
use leptos::prelude::*;
use sentinel_model::UnitStatus;

const COUNTED: [UnitStatus; 4] =
    [UnitStatus::Available, UnitStatus::OnTask, UnitStatus::Stale, UnitStatus::Offline];

#[component]
pub fn Head() -> impl IntoView {
    let console = Console::of_page();
    let count = move |status: UnitStatus| {
        let n = move || of_status(&console.counts.read(), status);
        view! {
            <li class=format!("wall-count {}", status_class(status)) class:none=move || n() == 0>
                <Mark status/>
                <b>{text(move || n().to_string())}</b>
                <span>{status_word(status)}</span>
            </li>
        }
        .whole()
    };
    let calls = move || console.alerts.counts().calls;
    view! {
        <header class="wall-head">
            <h1>{text(move || console.scope_name(console.scope.get()))}</h1>
            <ul class="wall-counts" aria-label="Units on patrol, by status">
                {COUNTED.map(count).collect_view()}
                <li class="wall-count s-sos" class:none=move || calls() == 0 class:calling=move || calls() != 0>
                    <Mark status=UnitStatus::Available calling=true/>
                    <b>{text(move || calls().to_string())}</b>
                    <span>"SOS"</span>
                </li>
            </ul>
        </header>
    }
    .whole()
}

/// Twenty-four hours, whatever the person likes: a room speaks of times in one way.
#[component]
pub fn WallClock() -> impl IntoView {
    let console = Console::of_page();
    let said = move |say: fn(Wall, sentinel_model::Time) -> String, before: &'static str| {
        text(move || match console.alive.get() {
            true => say(Wall { twelve: false, ..console.wall.get() }, console.now.get()),
            false => before.to_string(),
        })
    };
    view! {
        <p class="wall-clock needs-script">{said(Wall::clock, "--:--:--")}</p>
        <p class="wall-date needs-script">
            {said(|wall, now| format!("{} {}", wall.date(now), wall.zone(now)), "UTC")}
        </p>
    }
    .whole()
}
