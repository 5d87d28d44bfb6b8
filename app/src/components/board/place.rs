//! Where a task is, as its form says it: coordinates, written or clicked on the map.

use crate::{
    components::whole::{IntoWhole, effect},
    console::CLOSE_ZOOM,
    format::{coordinates, read_place},
    map_place::with_map,
};
use leptos::prelude::*;

/// Degrees.
pub type At = (f64, f64);

/// `at` is where it is by now, a click on the map changes it; `put` is told what is written, and
/// nothing where that is no place.
pub fn place_field(
    typed: RwSignal<String>,
    at: impl Fn() -> Option<At> + 'static,
    put: impl Fn(Option<At>) + Send + 'static,
) -> AnyView {
    let put: Box<dyn Fn(Option<At>) + Send> = Box::new(put);
    effect(move || {
        if let Some(at) = at() {
            // Coordinates that are being written stay as they are written.
            let is_typed = read_place(&typed.read_untracked()).is_some_and(|typed| typed == at);
            if !is_typed {
                typed.set(coordinates(at.0, at.1));
            }
        }
    });
    view! {
        <label>
            <span>"Where"</span>
            <input
                type="text"
                class="text-field"
                placeholder="Click the map, or write: 9.9633, 76.2995"
                autocomplete="off"
                spellcheck="false"
                prop:value=typed
                on:input=move |e| {
                    typed.set(event_target_value(&e));
                    put(read_place(&typed.read_untracked()));
                }
                on:change=move |_| {
                    if let Some((lat, lon)) = read_place(&typed.read_untracked()) {
                        with_map(|m| m.fly_to(lat, lon, CLOSE_ZOOM));
                    }
                }
            />
        </label>
    }
    .whole()
}
