//! The connection's trouble, said over the map so that it is read across a room.

use super::icon::{Glyph, Icon};
use super::whole::{IntoWhole, part};
use crate::{console::Console, live::link::Doubt};
use leptos::prelude::*;

#[component]
pub fn LinkBanner() -> impl IntoView {
    let console = Console::of_page();
    let words = move || {
        let clock = |at| console.wall.get().clock_short(at);
        Some(match console.doubt.get()? {
            Doubt::Silent(at) => (
                false,
                format!("Nothing heard since {}", clock(at)),
                "What you see may be old. This page is asking the server again.",
            ),
            Doubt::Reconnecting(at) => (
                false,
                format!("Connection lost at {}", clock(at)),
                "What you see may be old. This page is connecting again by itself.",
            ),
            Doubt::Offline(at) => (
                true,
                format!("Offline since {}", clock(at)),
                "What you see is from then. This page keeps trying and goes on by itself.",
            ),
        })
    };
    view! {
        <div class="link-banner-place" role="status" aria-live="polite">
            {part(move || {
                words()
                    .map(|(lost, title, text)| {
                        view! {
                            <div class="link-banner" class:lost=lost>
                                <Icon glyph=if lost { Glyph::Unplugged } else { Glyph::Warning }/>
                                <p class="link-banner-title">{title}</p>
                                <p>{text}</p>
                            </div>
                        }
                        .whole()
                    })
            })}
        </div>
    }
    .whole()
}
