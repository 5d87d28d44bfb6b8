//! How many alerts are open, at the top of the page; the way to them.

use super::AlertMark;
use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, effect, text},
    },
    console::Console,
    live::alerts::Counts,
};
use leptos::prelude::*;
use sentinel_model::alerts::AlertKind;

/// Where the focus goes back to when the drawer closes.
pub const BELL_ID: &str = "bell";
/// Larger numbers say no more.
const COUNT_MAX: usize = 99;

fn short(n: usize) -> String {
    if n > COUNT_MAX { format!("{COUNT_MAX}+") } else { n.to_string() }
}

#[component]
pub fn Bell() -> impl IntoView {
    let console = Console::of_page();
    let alerts = console.alerts;
    let counts = move || alerts.counts();
    let label = move || {
        let Counts { open, calls, pressing, more } = counts();
        let over = if more { "over " } else { "" };
        let calls = if calls == 0 { String::new() } else { format!(", {calls} SOS") };
        let pressing = if pressing == 0 { String::new() } else { format!(", {pressing} wait for you") };
        format!("Alerts, {over}{open} open{calls}{pressing}")
    };
    effect(move || {
        let handle = window_event_listener(leptos::ev::keydown, move |e| {
            // By the key's place: with Alt some keyboards write another letter.
            if e.alt_key() && !e.ctrl_key() && e.code() == "KeyA" {
                e.prevent_default();
                alerts.drawer.update(|on| *on = !*on);
            }
        });
        on_cleanup(move || handle.remove());
    });
    view! {
        <button
            type="button"
            id=BELL_ID
            class="bell needs-script"
            class:pressing=move || counts().pressing != 0
            aria-label=label
            aria-expanded=move || alerts.drawer.get().to_string()
            aria-keyshortcuts="Alt+A"
            title="Alerts (Alt+A)"
            on:click=move |_| alerts.drawer.update(|on| *on = !*on)
        >
            <span class="bell-calls" hidden=move || counts().calls == 0>
                <AlertMark kind=AlertKind::Sos/>
                {text(move || short(counts().calls))}
            </span>
            <span class="bell-icon">
                <Icon glyph=Glyph::Bell/>
                <span class="bell-count" hidden=move || counts().open == 0>{text(move || short(counts().open))}</span>
            </span>
        </button>
    }
    .whole()
}
