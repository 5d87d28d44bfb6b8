//! How many alerts are open, at the top of the page; the way to them.

use super::AlertMark;
use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, effect, text},
    },
    console::Console,
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
    let label = move || match counts() {
        (open, 0) => format!("Alerts, {open} open"),
        (open, calls) => format!("Alerts, {open} open, {calls} SOS"),
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
            class:calling=move || counts().1 != 0
            aria-label=label
            aria-expanded=move || alerts.drawer.get().to_string()
            aria-keyshortcuts="Alt+A"
            title="Alerts (Alt+A)"
            on:click=move |_| alerts.drawer.update(|on| *on = !*on)
        >
            <span class="bell-calls" hidden=move || counts().1 == 0>
                <AlertMark kind=AlertKind::Sos/>
                {text(move || short(counts().1))}
            </span>
            <span class="bell-icon">
                <Icon glyph=Glyph::Bell/>
                <span class="bell-count" hidden=move || counts().0 == 0>{text(move || short(counts().0))}</span>
            </span>
        </button>
    }
    .whole()
}
