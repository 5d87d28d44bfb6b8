//! Calls for help, and what else waits for the viewer, over the map: until somebody
//! acknowledges it, or puts it aside on this page. Few at once: the drawer has all.

use super::card::cards;
use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, text},
    },
    console::Console,
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
        let mut waiting = 0_usize;
        alerts.banners(&mut |_| waiting += 1);
        waiting
    };
    let most = move || match waiting() {
        // Only a browser has any to show, and only it knows how wide it is.
        1.. if alerts.drawer.get() || console.selected.get().is_some() || media(NARROW) => MOST_BESIDE,
        _ => MOST,
    };
    let shown = move || {
        let (most, held) = (most(), alerts.held.get());
        let mut shown: Vec<Alert> = Vec::new();
        alerts.banners(&mut |alert| {
            if shown.len() < most {
                shown.push(alert.clone());
            } else if held.as_ref() == Some(&alert.id) {
                shown.pop();
                shown.push(alert.clone());
            }
        });
        shown
    };
    let more = move || waiting().saturating_sub(most());
    view! {
        <p class="visually-hidden" role="alert">{text(move || alerts.announced.get())}</p>
        <section class="calls" aria-label="Calls for help and alerts that wait for you" hidden=move || waiting() == 0>
            {cards(Box::new(shown), None)}
            <div class="calls-more" hidden=move || more() == 0>
                <span>{text(move || format!("and {} more", more()))}</span>
                <button type="button" class="text-button" on:click=move |_| alerts.drawer.set(true)>"Open alerts"</button>
                <button
                    type="button"
                    class="icon-button"
                    aria-label="Dismiss all"
                    title="Dismiss all: they stay open in the alerts"
                    on:click=move |_| {
                        let mut all = alerts.aside.get_untracked();
                        untrack(|| alerts.banners(&mut |alert| all.push(alert.id.clone())));
                        alerts.aside.set(all);
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
