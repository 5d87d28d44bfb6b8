//! A call for help over the map, until somebody acknowledges it, or puts it aside on
//! this page. Few at once: the drawer has all.

use super::card::cards;
use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, text},
    },
    console::Console,
    live::alerts::calls,
    prefs::{NARROW, media},
};
use leptos::prelude::*;
use sentinel_model::alerts::Alert;

const MOST: usize = 3;
/// On a phone more would cover the map, and beside a unit's drawer the unit; where the alerts' is
/// open, they are all in it.
const MOST_BESIDE: usize = 1;

#[component]
pub fn Banners() -> impl IntoView {
    let console = Console::of_page();
    let alerts = console.alerts;
    let waiting = move || {
        let (open, aside) = (alerts.open.read(), alerts.aside.read());
        calls(&open).filter(|call| !aside.contains(&call.id)).count()
    };
    let most = move || match waiting() {
        // Only a browser has calls to show, and only it knows how wide it is.
        1.. if alerts.drawer.get() || console.selected.get().is_some() || media(NARROW) => MOST_BESIDE,
        _ => MOST,
    };
    let shown = move || {
        let (open, aside, held) = (alerts.open.read(), alerts.aside.read(), alerts.held.get());
        let mut shown: Vec<Alert> = Vec::new();
        for call in calls(&open).filter(|call| !aside.contains(&call.id)) {
            if shown.len() < most() {
                shown.push(call.clone());
            } else if held.as_ref() == Some(&call.id) {
                shown.pop();
                shown.push(call.clone());
            }
        }
        shown
    };
    let more = move || waiting().saturating_sub(most());
    view! {
        <p class="visually-hidden" role="alert">{text(move || alerts.announced.get())}</p>
        <section class="calls" aria-label="Calls for help" hidden=move || waiting() == 0>
            {cards(Box::new(shown), true)}
            <div class="calls-more" hidden=move || more() == 0>
                <span>{text(move || format!("and {} more", more()))}</span>
                <button type="button" class="text-button" on:click=move |_| alerts.drawer.set(true)>"Open alerts"</button>
                <button
                    type="button"
                    class="icon-button"
                    aria-label="Dismiss all"
                    title="Dismiss all: they stay open in the alerts"
                    on:click=move |_| {
                        let open = alerts.open.get_untracked();
                        alerts.aside.set(calls(&open).map(|call| call.id.clone()).collect());
                    }
                >
                    <Icon glyph=Glyph::Close/>
                </button>
            </div>
            <p class="calls-silent" hidden=move || !alerts.silenced.get()>
                "No sound yet: the browser plays none before you click on this page or press a key."
            </p>
        </section>
    }
    .whole()
}
