//! All open alerts at the right of the map, and what was acknowledged today.

use super::{bell::BELL_ID, card::AlertCard};
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
use wasm_bindgen::JsCast;

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
    let drawer = Console::of_page().alerts.drawer;
    effect(move || {
        if drawer.get() {
            request_animation_frame(|| focus(TITLE_ID));
        }
    });
    view! { {part(move || drawer.get().then(|| view! { <Opened/> }.whole()))} }.whole()
}

#[component]
fn Opened() -> impl IntoView {
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
    let close = move || {
        alerts.drawer.set(false);
        focus(BELL_ID);
    };
    let own = move || console.scope_name(console.viewer.with_value(|v| v.scope));
    view! {
        <aside
            class="drawer alerts-drawer"
            aria-labelledby=TITLE_ID
            on:keydown=move |e| {
                if e.key() == "Escape" {
                    e.stop_propagation();
                    close();
                }
            }
        >
            <header class="drawer-head">
                <div class="drawer-title">
                    <h2 id=TITLE_ID tabindex="-1">"Alerts"</h2>
                    <p class="faint">"All of " {text(own)}</p>
                </div>
                <SoundButton/>
                <button type="button" class="icon-button" aria-label="Close the alerts" on:click=move |_| close()>
                    <Icon glyph=Glyph::Close/>
                </button>
            </header>
            <div class="segments alerts-tabs" role="group" aria-label="Which alerts">
                {tab(false, |open| format!("Open ({open})"))}
                {tab(true, |_| "Acknowledged".into())}
            </div>
            {part(move || Some(if past.get() { view! { <Past/> }.whole() } else { view! { <OpenOnes/> }.whole() }))}
        </aside>
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
            title=move || if sound.get() { "Sound of an SOS: on" } else { "Sound of an SOS: off" }
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

fn list(alerts: Signal<Vec<Alert>>) -> AnyView {
    view! {
        <ul class="alert-list">
            <For each=move || alerts.get() key=|alert| alert.id.clone() let:alert>
                <li class="alert">
                    <AlertCard alert/>
                </li>
            </For>
        </ul>
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

#[component]
fn OpenOnes() -> impl IntoView {
    let console = Console::of_page();
    let alerts = console.alerts;
    let none = move || alerts.open.read().is_empty();
    let is = move |reading: &Reading| *alerts.reading.read() == *reading;
    let failed = move || match alerts.reading.get() {
        Reading::Failed(why) => Some(why),
        _ => None,
    };
    let all = Signal::derive(move || alerts.open.get().to_vec());
    view! {
        <div class="drawer-body scroll">
            <p class="alerts-may" hidden=console.may_acknowledge() || none()>
                "Your role sees alerts and cannot acknowledge them. A dispatcher, a chief or a commander can."
            </p>
            {failure(failed, move || console.read_alerts())}
            {list(all)}
            {empty(move || !is(&Reading::First), "Reading the alerts…", "They come with the connection.")}
            {empty(
                move || !(none() && is(&Reading::Done { more: false })),
                "No open alerts",
                "A call for help stands here, over the map and in the title of this page, until somebody acknowledges it.",
            )}
            <p class="faint alerts-end" hidden=move || !is(&Reading::Done { more: true })>
                "More are open than are listed: every SOS, and the newest of the others. Acknowledge these to see older ones."
            </p>
        </div>
    }
    .whole()
}

/// What was acknowledged since midnight, the newest first.
#[component]
fn Past() -> impl IntoView {
    let console = Console::of_page();
    let (past, failed) = (RwSignal::new(None::<Vec<Alert>>), RwSignal::new(None::<String>));
    let again = RwSignal::new(0u32);
    effect(move || {
        again.track();
        console.alerts.beat.track();
        spawn_local(async move {
            let answer = rest::acknowledged_alerts().await;
            if past.is_disposed() {
                return;
            }
            match answer {
                Ok(read) => {
                    let midnight = console.wall.get_untracked().midnight(console.now.get_untracked());
                    let when = |alert: &Alert| alert.acknowledged.as_ref().map(|by| by.at);
                    let mut today: Vec<Alert> =
                        read.into_iter().filter(|alert| when(alert) >= Some(midnight)).collect();
                    today.sort_by_key(|alert| std::cmp::Reverse(when(alert)));
                    failed.set(None);
                    past.set(Some(today));
                }
                Err(RestError::SignedOut) => console.link.set(Link::SignedOut),
                Err(e) => failed.set(Some(e.to_string())),
            }
        });
    });
    let all = Signal::derive(move || past.get().unwrap_or_default());
    view! {
        <div class="drawer-body scroll">
            {failure(move || failed.get(), move || again.update(|n| *n = n.wrapping_add(1)))}
            {list(all)}
            {empty(
                move || past.read().is_some() || failed.read().is_some(),
                "Reading…",
                "What was acknowledged today.",
            )}
            {empty(
                move || past.read().as_ref().is_none_or(|past| !past.is_empty()),
                "Nothing acknowledged today",
                "Who acknowledges an alert, when, and their note, are kept here.",
            )}
        </div>
    }
    .whole()
}
