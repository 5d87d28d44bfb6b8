//! The few buttons that stand on the map.

use super::icon::{Glyph, Icon};
use super::whole::IntoWhole;
use crate::{console::Console, map_place::with_map, prefs};
use leptos::prelude::*;

#[component]
pub fn MapTools() -> impl IntoView {
    let console = Console::of_page();
    view! {
        <div class="map-tools needs-script" role="group" aria-label="Map">
            <button
                type="button"
                class="tool narrow-only"
                aria-label="Legend"
                aria-pressed=move || console.show_legend.get().to_string()
                on:click=move |_| console.show_legend.update(|on| *on = !*on)
            >
                <Icon glyph=Glyph::Legend/>
            </button>
            <button
                type="button"
                class="tool"
                aria-label="Geofences on the map"
                title="Geofences on the map"
                aria-pressed=move || console.fences.drawn.get().to_string()
                on:click=move |_| {
                    let on = !console.fences.drawn.get_untracked();
                    console.fences.drawn.set(on);
                    prefs::remember_fences(on);
                }
            >
                <Icon glyph=Glyph::Fence/>
            </button>
            <button type="button" class="tool" aria-label="Zoom in" on:click=|_| with_map(|m| m.zoom_by(1.0))>
                <Icon glyph=Glyph::Plus/>
            </button>
            <button type="button" class="tool" aria-label="Zoom out" on:click=|_| with_map(|m| m.zoom_by(-1.0))>
                <Icon glyph=Glyph::Minus/>
            </button>
            <button
                type="button"
                class="tool"
                aria-label="Show all units"
                on:click=move |_| {
                    console.following.set(false);
                    with_map(|m| m.fit_units());
                }
            >
                <Icon glyph=Glyph::Fit/>
            </button>
        </div>
    }
    .whole()
}
