//! All open alerts at the right of the map, and what was acknowledged today.

use super::{bell::BELL_ID, card::cards};
use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, effect, part, text},
    },
    console::Console,
    live::{
        alerts::Reading,
        link::Link,
        rest::{self, RestError},
    },
    prefs,
};
use leptos::{prelude::*, task::spawn_local};
use sentinel_model::alerts::Alert;
use std::sync::Arc;
use wasm_bindgen::JsCast;

type List = RwSignal<Arc<Vec<Alert>>>;

const TITLE_ID: &str = "alerts-title";

fn focus(id: &str) {
    let element = document().get_element_by_id(id);
    if let Some(element) = element.and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// What had the focus is gone: it stays near, where keyboards go on from.
pub fn keep_focus() {
    let open = document().get_element_by_id(TITLE_ID).is_some();
    focus(if open { TITLE_ID } else { BELL_ID });
}

#[component]
pub fn AlertsDrawer() -> impl IntoView {
    let console = Console::of_page();
    let drawer = console.alerts.drawer;
    effect(move || {
        // Once more when the code comes that fills it.
        let _ = console.parts();
        if drawer.get() {
            request_animation_frame(|| focus(TITLE_ID));
        }
    });
    view! { {part(move || drawer.get().then(|| view! { <Opened/> }.whole()))} }.whole()
}

fn close(console: Console) {
    console.alerts.drawer.set(false);
    focus(BELL_ID);
}

#[component]
fn Opened() -> impl IntoView {
    let console = Console::of_page();
    view! {
        <aside
            class="drawer alerts-drawer"
            aria-labelledby=TITLE_ID
            on:keydown=move |e| {
                if e.key() == "Escape" {
                    e.stop_propagation();
                    close(console);
                }
            }
        >
            {part(move || Some(match console.parts() {
                Some(parts) => untrack(|| (parts.alerts_body)()),
                None => head(console, None),
            }))}
        </aside>
    }
    .whole()
}

fn head(console: Console, sound: Option<AnyView>) -> AnyView {
    let own = move || console.scope_name(console.viewer.with_value(|v| v.scope));
    let busy = sound.is_none().then_some("true");
    view! {
        <header class="drawer-head" aria-busy=busy>
            <div class="drawer-title">
                <h2 id=TITLE_ID tabindex="-1">"Alerts"</h2>
                <p class="faint">"All of " {text(own)}</p>
            </div>
            {sound}
            <button type="button" class="icon-button" aria-label="Close the alerts" on:click=move |_| close(console)>
                <Icon glyph=Glyph::Close/>
            </button>
        </header>
    }
    .whole()
}

pub fn alerts_body() -> AnyView {
    let console = Console::of_page();
    let alerts = console.alerts;
    let past = RwSignal::new(false);
    let tab = move |of_past: bool, word: fn(usize) -> String| {
        view! {
            <button
                type="button"
                class="segment"
                aria-pressed=move || (past.get() == of_past).to_string()
                on:click=move |_| past.set(of_past)
            >
                {text(move || word(alerts.counts().0))}
            </button>
        }
        .whole()
    };
    view! {
        {head(console, Some(view! { <SoundButton/> }.into_any()))}
        <div class="segments alerts-tabs" role="group" aria-label="Which alerts">
            {tab(false, |open| format!("Open ({open})"))}
            {tab(true, |_| "Acknowledged".into())}
        </div>
        {part(move || Some(if past.get() { past_ones() } else { open_ones() }))}
    }
    .whole()
}

#[component]
fn SoundButton() -> impl IntoView {
    let sound = Console::of_page().alerts.sound;
    view! {
        <button
            type="button"
            class="icon-button"
            aria-label="Sound of an SOS"
            aria-pressed=move || sound.get().to_string()
            title=move || format!("Sound of an SOS: {}", if sound.get() { "on" } else { "off" })
            on:click=move |_| {
                sound.update(|on| *on = !*on);
                prefs::remember_sound(sound.get_untracked());
            }
        >
            {part(move || Some(view! { <Icon glyph=if sound.get() { Glyph::Sound } else { Glyph::Mute }/> }.whole()))}
        </button>
    }
    .whole()
}

/// Why there is nothing to list.
fn empty(hidden: impl Fn() -> bool + Send + 'static, title: &'static str, words: &'static str) -> AnyView {
    view! {
        <div class="empty" hidden=hidden>
            <p class="empty-title">{title}</p>
            <p class="faint">{words}</p>
        </div>
    }
    .whole()
}

fn failure(why: impl Fn() -> Option<String> + Copy + Send + 'static, again: impl Fn() + 'static) -> AnyView {
    view! {
        <div class="alerts-failed" role="status" hidden=move || why().is_none()>
            <p>"The alerts cannot be read now. " {text(move || why().unwrap_or_default())}</p>
            <button type="button" class="button" on:click=move |_| again()>
                <Icon glyph=Glyph::Retry/>
                "Try again"
            </button>
        </div>
    }
    .whole()
}

/// A list, and what is said while it is not read, cannot be read, or is empty.
fn body(
    list: List,
    reading: RwSignal<Reading>,
    read: fn(Console, List, RwSignal<Reading>),
    reads: &'static str,
    empties: (&'static str, &'static str),
    more: &'static str,
) -> AnyView {
    let console = Console::of_page();
    let none = move || list.read().is_empty();
    let has_more = move || *reading.read() == Reading::Done { more: true };
    let failed = move || match reading.get() {
        Reading::Failed(why) => Some(why),
        _ => None,
    };
    view! {
        <div class="drawer-body scroll">
            <p class="alerts-may" hidden=move || console.may_acknowledge() || none()>
                "Your role sees alerts and cannot acknowledge them. A dispatcher, a chief or a commander can."
            </p>
            {failure(failed, move || read(console, list, reading))}
            {cards(Box::new(move || list.get().to_vec()), false)}
            {empty(move || *reading.read() != Reading::First, "Reading…", reads)}
            {empty(move || !(none() && *reading.read() == Reading::Done { more: false }), empties.0, empties.1)}
            <p class="faint alerts-end" hidden=move || !has_more()>{more}</p>
        </div>
    }
    .whole()
}

fn open_ones() -> AnyView {
    let alerts = Console::of_page().alerts;
    body(
        alerts.open,
        alerts.reading,
        |console, _, _| console.read_alerts(),
        "They come with the connection.",
        (
            "No open alerts",
            "A call for help stands here, over the map and in the title of this page, until somebody acknowledges it.",
        ),
        "More are open than are listed: every SOS, and the newest of the others. Acknowledge these to see older ones.",
    )
}

/// What was acknowledged since midnight, the newest first.
fn past_ones() -> AnyView {
    let console = Console::of_page();
    let (past, reading) = (RwSignal::new(Arc::default()), RwSignal::new(Reading::First));
    effect(move || {
        console.alerts.beat.track();
        read_past(console, past, reading);
    });
    body(
        past,
        reading,
        read_past,
        "What was acknowledged today.",
        ("Nothing acknowledged today", "Who acknowledges an alert, when, and their note, are kept here."),
        "",
    )
}

fn read_past(console: Console, past: List, reading: RwSignal<Reading>) {
    spawn_local(async move {
        let answer = rest::acknowledged_alerts().await;
        if past.is_disposed() {
            return;
        }
        match answer {
            Ok(read) => {
                let midnight = console.wall.get_untracked().midnight(console.now.get_untracked());
                let when = |alert: &Alert| alert.acknowledged.as_ref().map(|by| by.at);
                let mut today: Vec<Alert> = Vec::new();
                for alert in read.into_iter().filter(|alert| when(alert) >= Some(midnight)) {
                    // They come by when they were raised.
                    let older = today.iter().position(|other| when(other) < when(&alert));
                    today.insert(older.unwrap_or(today.len()), alert);
                }
                past.set(Arc::new(today));
                reading.set(Reading::Done { more: false });
            }
            Err(RestError::SignedOut) => console.link.set(Link::SignedOut),
            Err(e) => reading.set(Reading::Failed(e.to_string())),
        }
    });
}
