//! The place of a fence at the right of the map, and of its form; what fills it comes later.

use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, effect, part},
    },
    console::{Console, Sheet},
    live::fences::Editing,
};
use leptos::prelude::*;

#[component]
pub fn FenceDrawer() -> impl IntoView {
    let console = Console::of_page();
    let fences = console.fences;
    let mut begun = false;
    effect(move || {
        if let Some(parts) = console.parts()
            && !begun
        {
            begun = true;
            untrack(|| (parts.begin_fences)(console));
        }
    });
    effect(move || {
        // One chosen on a phone is seen on the map, not under the list.
        if fences.chosen.read().is_some() {
            console.sheet.set(Sheet::Map);
        }
    });
    let card = move || {
        let id = fences.chosen.get()?;
        let parts = console.parts();
        Some(
            view! {
                <aside class="drawer task-drawer fence-drawer" aria-label="Geofence">
                    {match parts {
                        Some(parts) => untrack(|| (parts.fence_card)(id)),
                        None => waiting(console),
                    }}
                </aside>
            }
            .whole(),
        )
    };
    let form = move || {
        let what = fences.editing.get()?;
        let parts = console.parts()?;
        let label = if what == Editing::New { "New geofence" } else { "Change geofence" };
        Some(
            view! {
                <aside class="drawer new-drawer fence-editor" aria-label=label>
                    {untrack(|| (parts.fence_editor)(what))}
                </aside>
            }
            .whole(),
        )
    };
    view! { {part(card)} {part(form)} }.whole()
}

fn waiting(console: Console) -> AnyView {
    view! {
        <header class="drawer-head" aria-busy="true">
            <div class="drawer-title"><h2>"Geofence"</h2></div>
            <a class="icon-button" href=move || console.closed_address() aria-label="Close">
                <Icon glyph=Glyph::Close/>
            </a>
        </header>
    }
    .whole()
}
