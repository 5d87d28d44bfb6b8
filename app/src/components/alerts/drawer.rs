//! The alerts at the right of the map: their head, and which [list](super::list) is on show.

use super::{
    bell::BELL_ID,
    list::{open_ones, past_ones},
};
use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, effect, part, text},
    },
    console::Console,
    prefs,
};
use leptos::prelude::*;
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
                walk(&e);
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

/// The arrows go from card to card, to what can first be done about each.
fn walk(e: &leptos::ev::KeyboardEvent) {
    let down = match e.key().as_str() {
        "ArrowDown" => true,
        "ArrowUp" => false,
        _ => return,
    };
    let Some(at) = document().active_element().filter(|at| !at.matches("input").unwrap_or(true)) else {
        return;
    };
    let beside = |card: web_sys::Element| match down {
        true => card.next_element_sibling(),
        false => card.previous_element_sibling(),
    };
    let to = match at.closest("li.alert").ok().flatten() {
        Some(card) => beside(card),
        None => document().query_selector(".alerts-drawer li.alert").ok().flatten(),
    };
    let button = to.and_then(|card| card.query_selector(".alert-actions button").ok().flatten());
    if let Some(button) = button.and_then(|button| button.dyn_into::<web_sys::HtmlElement>().ok()) {
        e.prevent_default();
        let _ = button.focus();
    }
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
    let open = move || {
        let counts = alerts.counts();
        format!("Open ({}{})", counts.open, if counts.more { "+" } else { "" })
    };
    let tab = move |of_past: bool, words: Box<dyn Fn() -> String + Send>| {
        view! {
            <button
                type="button"
                class="segment"
                aria-pressed=move || (past.get() == of_past).to_string()
                on:click=move |_| past.set(of_past)
            >
                {text(words)}
            </button>
        }
        .whole()
    };
    view! {
        {head(console, Some(view! { <SoundButton/> }.into_any()))}
        <div class="segments alerts-tabs" role="group" aria-label="Which alerts">
            {tab(false, Box::new(open))}
            {tab(true, Box::new(|| "Acknowledged".into()))}
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
            aria-label="Sound of alerts"
            aria-pressed=move || sound.get().to_string()
            title=move || format!("Sound of alerts: {}", if sound.get() { "on" } else { "off" })
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
