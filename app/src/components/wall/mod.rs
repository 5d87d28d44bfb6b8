//! The wall display: the scope and its numbers over the map, and at its side what matters now.
//!
//! - [`fit`]: where the map looks, and when it looks elsewhere; [`turns`]: whose turn it is while
//!   somebody calls for help; both pure. [`map`]: the map that does so
//! - [`head`]: the scope, the counts, the clock and the connection
//! - [`matters`]: what matters most, pure; [`strip`]: the same on show
//! - [`awake`]: a screen that stays on, and a pointer that does not stay in sight

mod awake;
mod fit;
mod head;
mod map;
mod matters;
mod strip;
mod turns;

use super::{
    connection::Connection,
    icon::{Glyph, Icon},
    link_banner::LinkBanner,
    whole::{IntoWhole, text},
};
use crate::console::Console;
use head::{Head, WallClock};
use leptos::prelude::*;
use map::WallMap;
use sentinel_model::page::MapSettings;
use strip::Strip;

pub fn wall_body(settings: MapSettings) -> AnyView {
    let console = Console::of_page();
    let outside = RwSignal::new(0);
    let stirred = RwSignal::new(false);
    awake::keep_on();
    awake::watch_pointer(console, stirred);
    let left_out = move || match outside.get() {
        1 => "1 unit is too far away for this picture".to_string(),
        n => format!("{n} units are too far away for this picture"),
    };
    view! {
        <div class="wall-body" class:stirred=stirred>
            <div class="wall-stage">
                <WallMap settings outside/>
                <Head/>
                <div class="wall-notes">
                    <LinkBanner/>
                    <p class="wall-outside" hidden=move || outside.get() == 0>{text(left_out)}</p>
                </div>
            </div>
            <div class="wall-side">
                <div class="wall-time">
                    <WallClock/>
                    <Connection/>
                </div>
                <Strip/>
            </div>
            <a class="wall-leave" href=move || awake::console_address(console) rel="external">
                <Icon glyph=Glyph::Close/>
                "Leave the wall display"
            </a>
        </div>
    }
    .whole()
}
