//! A call for help over the map, until somebody acknowledges it, or puts it aside on
//! this page. Few at once: the drawer has all.

use super::card::AlertCard;
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
/// On a phone more would cover the map; where the drawer is open, they are all in it.
const MOST_BESIDE: usize = 1;

#[component]
pub fn Banners() -> impl IntoView {
    let console = Console::of_page();
    let alerts = console.alerts;
    let waiting = Memo::new(move |_| {
        let (open, aside) = (alerts.open.read(), alerts.aside.read());
        calls(&open).filter(|call| !aside.contains(&call.id)).cloned().collect::<Vec<Alert>>()
    });
    let most = move || match waiting.read().is_empty() {
        // Only a browser has calls to show, and only it knows how wide it is.
        false if alerts.drawer.get() || media(NARROW) => MOST_BESIDE,
        _ => MOST,
    };
    let shown = move || {
        let (waiting, held) = (waiting.read(), alerts.held.get());
        let mut shown: Vec<Alert> = waiting.iter().take(most()).cloned().collect();
        let held = waiting.iter().skip(most()).find(|call| held.as_ref() == Some(&call.id));
        if let (Some(held), Some(last)) = (held, shown.last_mut()) {
            *last = held.clone();
        }
        shown
    };
    let more = move || waiting.read().len().saturating_sub(most());
    view! {
        <p class="visually-hidden" role="alert">{text(move || alerts.announced.get())}</p>
        <section class="calls" aria-label="Calls for help" hidden=move || waiting.read().is_empty()>
            <For each=shown key=|call| call.id.clone() let:call>
                <article class="call">
                    <AlertCard alert=call banner=true/>
                </article>
            </For>
            <div class="calls-more" hidden=move || more() == 0>
                <span>{text(move || format!("and {} more", more()))}</span>
                <button type="button" class="text-button" on:click=move |_| alerts.drawer.set(true)>"Open alerts"</button>
                <button
                    type="button"
                    class="icon-button"
                    aria-label="Dismiss all"
                    title="Dismiss all: they stay open in the alerts"
                    on:click=move |_| {
                        let all: Vec<String> = waiting.read_untracked().iter().map(|call| call.id.clone()).collect();
                        alerts.aside.update(|aside| aside.extend(all));
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
