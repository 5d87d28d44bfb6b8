//! Two lists in one place, and the buttons that choose between them.

use super::whole::IntoWhole;
use leptos::prelude::*;

/// Chooses the second of the two where `second`; stands in a `.segments`.
pub fn tab(in_second: RwSignal<bool>, second: bool, word: &'static str) -> AnyView {
    view! {
        <button
            type="button"
            class="segment"
            aria-pressed=move || (in_second.get() == second).to_string()
            on:click=move |_| in_second.set(second)
        >
            {word}
        </button>
    }
    .whole()
}
