//! The person: who they are, what they like, and the way out. A `details`
//! element, so that signing out works before and without the wasm.

use super::icon::{Glyph, Icon};
use super::whole::{IntoWhole, effect, part, text};
use crate::{
    console::{Console, WALL},
    format::Measure,
    later::as_sent,
    live::notify::{self, Leave},
    local_time::Wall,
    map::Theme,
    map_place::with_map,
    prefs::{Look, NARROW, media, remember_measure, remember_notify, remember_sound, remember_wall},
};
use leptos::prelude::*;
use sentinel_model::Role;

pub fn role_word(role: Role) -> &'static str {
    match role {
        Role::Admin => "Administrator",
        Role::Commander => "Commander",
        Role::Dispatcher => "Dispatcher",
        Role::Chief => "Station chief",
        Role::Viewer => "Viewer",
    }
}

pub fn theme_of(look: Look) -> Theme {
    if look.is_dark_now() { Theme::Dark } else { Theme::Light }
}

/// One of a few choices that exclude each other.
fn segment(
    word: &'static str,
    chosen: impl Fn() -> bool + Copy + Send + 'static,
    choose: impl Fn() + 'static,
) -> AnyView {
    view! {
        <button type="button" class="segment" aria-pressed=move || chosen().to_string() on:click=move |_| choose()>
            {word}
        </button>
    }
    .whole()
}

#[component]
pub fn PersonMenu() -> impl IntoView {
    let console = Console::of_page();
    let name = console.viewer.with_value(|viewer| viewer.name.clone());
    let menu = NodeRef::<leptos::html::Details>::new();
    let initial: String = name.chars().next().unwrap_or('?').into();
    let shut = move || {
        if let Some(menu) = menu.get() {
            menu.set_open(false);
        }
    };
    effect(move || {
        // A click elsewhere closes it, as menus do.
        let handle = window_event_listener(leptos::ev::pointerdown, move |event| {
            let target = event.target().and_then(|t| wasm_bindgen::JsCast::dyn_into::<web_sys::Node>(t).ok());
            if let Some(menu) = menu.get_untracked()
                && !menu.contains(target.as_ref())
            {
                menu.set_open(false);
            }
        });
        on_cleanup(move || handle.remove());
    });
    view! {
        <details
            class="menu person"
            node_ref=menu
            on:toggle=move |_| {
                // On a phone there is room for one card.
                if menu.get().is_some_and(|m| m.open()) && media(NARROW) {
                    console.show_legend.set(false);
                }
            }
            on:keydown=move |e| {
                if e.key() == "Escape" {
                    e.stop_propagation();
                    shut();
                }
            }
        >
            <summary class="person-button" aria-label=format!("{name}: account and preferences")>
                <span class="avatar" aria-hidden="true">{initial}</span>
            </summary>
            <div class="menu-card">
                {part(move || Some(match console.parts() {
                    Some(parts) => untrack(|| (parts.person_card)()),
                    None => as_sent(person_card),
                }))}
            </div>
        </details>
    }
    .whole()
}

pub fn person_card() -> AnyView {
    let console = Console::of_page();
    let viewer = console.viewer.get_value();
    let rights = untrack(|| format!("{}, {}", role_word(viewer.role), console.scope_name(viewer.scope)));
    let look = move |choice: Look, word: &'static str| {
        segment(
            word,
            move || console.look.get() == choice,
            move || {
                console.look.set(choice);
                choice.apply();
                with_map(|m| m.set_theme(theme_of(choice)));
            },
        )
    };
    let measure = move |choice: Measure, word: &'static str| {
        segment(
            word,
            move || console.measure.get() == choice,
            move || {
                console.measure.set(choice);
                remember_measure(choice);
            },
        )
    };
    let wall = move |choose: fn(&mut Wall), word: &'static str| {
        let chosen = move || {
            let now = console.wall.get();
            let mut then = now;
            choose(&mut then);
            now == then
        };
        segment(word, chosen, move || {
            console.wall.update(choose);
            remember_wall(console.wall.get_untracked());
        })
    };
    let sound = move |on: bool, word: &'static str| {
        segment(
            word,
            move || console.alerts.sound.get() == on,
            move || {
                console.alerts.sound.set(on);
                remember_sound(on);
            },
        )
    };
    view! {
        <div class="menu-head">
            <p class="menu-name">{viewer.name.clone()}</p>
            <p class="menu-note">{rights}</p>
        </div>
        <div class="menu-row needs-script" role="group" aria-label="Appearance">
            <span>"Appearance"</span>
            <div class="segments">
                {look(Look::Dark, "Dark")}
                {look(Look::Light, "Light")}
                {look(Look::System, "System")}
            </div>
        </div>
        <div class="menu-row needs-script" role="group" aria-label="Speed and distance">
            <span>"Speed and distance"</span>
            <div class="segments">
                {measure(Measure::Metric, "km/h")} {measure(Measure::Imperial, "mph")}
            </div>
        </div>
        <div class="menu-row needs-script" role="group" aria-label="Time zone">
            <span>"Time zone"</span>
            <div class="segments">
                {wall(|w| w.utc = false, "Local")} {wall(|w| w.utc = true, "UTC")}
            </div>
        </div>
        <div class="menu-row needs-script" role="group" aria-label="Clock">
            <span>"Clock"</span>
            <div class="segments">
                {wall(|w| w.twelve = false, "24 h")} {wall(|w| w.twelve = true, "12 h")}
            </div>
        </div>
        <div class="menu-row needs-script" role="group" aria-label="Sound of alerts">
            <span>"Sound of alerts"</span>
            <div class="segments">
                {sound(true, "On")} {sound(false, "Off")}
            </div>
        </div>
        {notifications(console)}
        <a class="menu-item menu-foot" href=move || format!("{WALL}?scope={}", console.scope.get()) rel="external">
            <Icon glyph=Glyph::Map/>
            "Wall display"
        </a>
        <a class="menu-item" href="/reports" rel="external"><Icon glyph=Glyph::Legend/>"Reports"</a>
        {matches!(viewer.role, Role::Admin | Role::Commander).then(|| view! {
            <a class="menu-item" href="/admin" rel="external"><Icon glyph=Glyph::Station/>"Administration"</a>
        })}
        <a class="menu-item" href="/api/docs" rel="external">"API documentation"</a>
        <form method="post" action="/logout" class="menu-foot">
            <button class="menu-item">
                <Icon glyph=Glyph::SignOut/>
                "Sign out"
            </button>
        </form>
    }
    .whole()
}

/// Switching them on asks the browser; what it answers is said, and what can be done.
fn notifications(console: Console) -> AnyView {
    let leave = RwSignal::new(None::<Leave>);
    effect(move || leave.set(Some(notify::leave())));
    let is_on = move || console.alerts.notify.get() && leave.get() == Some(Leave::Granted);
    let chosen = move |on: bool| {
        console.alerts.notify.set(on);
        remember_notify(on);
    };
    let switch_on = move || {
        notify::ask(move |now| {
            // Whose menu is gone has signed out.
            leave.try_set(Some(now));
            chosen(now == Leave::Granted);
        });
    };
    let words = move || {
        match leave.get() {
            Some(Leave::Refused) => {
                "This browser refuses them for this page. Allow notifications in its settings of this site, beside the address, then switch them on here."
            }
            Some(Leave::Unencrypted) => "Browsers show them for pages that came by https alone.",
            Some(Leave::Unknown) => "This browser has none.",
            _ => "For an SOS and what waits for you, while this page is not in view.",
        }
        .into()
    };
    view! {
        <div class="menu-row needs-script" role="group" aria-label="Desktop notifications">
            <span>"Desktop notifications"</span>
            <div class="segments">
                {segment("On", is_on, switch_on)} {segment("Off", move || !is_on(), move || chosen(false))}
            </div>
            <p class="menu-note" role="status">{text(words)}</p>
        </div>
    }
    .whole()
}
