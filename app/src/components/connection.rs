//! The state of the connection, in words.

use super::whole::{IntoWhole, text};
use crate::{console::Console, live::link::Link};
use leptos::prelude::*;

#[component]
pub fn Connection() -> impl IntoView {
    let console = Console::of_page();
    let class = move || match console.link.get() {
        Link::Connecting => "needs-script feed waiting",
        Link::Live => "needs-script feed live",
        Link::Stale(_) | Link::Reconnecting(_) => "needs-script feed shaky",
        Link::Offline(_) | Link::SignedOut | Link::NoPermission | Link::Outdated => "needs-script feed lost",
    };
    let words = move || match console.link.get() {
        Link::Connecting => "Connecting…".to_string(),
        Link::Live => "Live".to_string(),
        Link::Stale(at) => format!("Stale since {}", console.wall.get().clock_short(at)),
        Link::Reconnecting(_) => "Reconnecting…".to_string(),
        Link::Offline(at) => format!("Offline since {}", console.wall.get().clock_short(at)),
        Link::SignedOut => "Signed out".to_string(),
        Link::NoPermission => "No permission".to_string(),
        Link::Outdated => "Load this page again".to_string(),
    };
    view! {
        <p class=class role="status" aria-live="polite">
            <span class="feed-dot" aria-hidden="true"></span>
            <span class="visually-hidden">"Connection: "</span>
            <span class="feed-words">{text(words)}</span>
        </p>
    }
    .whole()
}

/// The clock, as the person reads it.
#[component]
pub fn Clock() -> impl IntoView {
    let console = Console::of_page();
    let (time, zone) = (
        move || {
            if console.alive.get() { console.wall.get().clock(console.now.get()) } else { "--:--:--".into() }
        },
        move || if console.alive.get() { console.wall.get().zone(console.now.get()) } else { "UTC".into() },
    );
    view! {
        <p class="clock needs-script">
            <span class="visually-hidden">"Time: "</span>
            <span class="clock-time">{text(time)}</span>
            <span class="clock-zone">{text(zone)}</span>
        </p>
    }
    .whole()
}
