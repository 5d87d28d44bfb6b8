//! The place of the list beside the map; what fills it comes later.

use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, part},
    },
    console::Console,
    live::fences::Editing,
};
use leptos::prelude::*;

#[component]
pub fn FencesPanel() -> impl IntoView {
    let console = Console::of_page();
    view! {
        <section class="board fences" id="fences" tabindex="-1" aria-label="Geofences" hidden=move || !console.fences.on.get()>
            <header class="section-head">
                <h2>"Geofences"</h2>
                {console.may_keep_fences().then(|| view! {
                    <button
                        type="button"
                        class="button primary new-incident needs-script"
                        aria-label="New geofence"
                        on:click=move |_| console.edit_fence(Editing::New)
                    >
                        <Icon glyph=Glyph::Plus/>
                        "New"
                    </button>
                })}
            </header>
            {part(move || console.parts().map(|parts| untrack(|| (parts.fences)())))}
        </section>
    }
    .whole()
}
