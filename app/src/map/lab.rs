//! `/lab/map?units=10000`: the map by itself, with made-up units, to measure it.

use leptos::prelude::*;

#[component]
pub fn MapLab() -> impl IntoView {
    view! { <main class="map-lab"></main> }
}
