//! The slim rail: what stands beside the map. On a phone it is the bar below it.

use super::whole::{IntoWhole, text};
use super::{
    area_tree::has_tree,
    icon::{Glyph, Icon},
};
use crate::console::{Console, Sheet};
use leptos::prelude::*;

#[component]
fn RailButton(
    glyph: Glyph,
    word: &'static str,
    #[prop(into)] pressed: Signal<bool>,
    press: impl Fn() + Send + 'static,
    #[prop(default = "rail-button")] class: &'static str,
    /// How many wait for somebody.
    #[prop(optional)]
    waiting: Option<Signal<usize>>,
) -> impl IntoView {
    view! {
        <button type="button" class=class aria-pressed=move || pressed.get().to_string() on:click=move |_| press()>
            <Icon glyph/>
            <span>{word}</span>
            {waiting.map(|waiting| view! {
                <span class="rail-count" hidden=move || waiting.get() == 0>
                    {text(move || waiting.get().min(99).to_string())}
                    <span class="visually-hidden">" wait for somebody"</span>
                </span>
            })}
        </button>
    }
    .whole()
}

#[component]
pub fn Rail() -> impl IntoView {
    let console = Console::of_page();
    let flip = |signal: RwSignal<bool>| move || signal.update(|on| *on = !*on);
    let sheet = move |sheet: Sheet| Signal::derive(move || console.sheet.get() == sheet);
    let waiting = Signal::derive(move || console.board.with(|tasks| tasks.counts().1));
    let flip_board = move || console.show_board(!console.board.on.get_untracked());
    let wide = "rail-button wide-only";
    let narrow = "rail-button narrow-only";
    view! {
        <nav class="rail needs-script" aria-label="What stands beside the map">
            <Show when=move || has_tree(console)>
                <RailButton class=wide glyph=Glyph::Areas word="Areas" pressed=console.show_areas press=flip(console.show_areas)/>
            </Show>
            <RailButton class=wide glyph=Glyph::Units word="Units" pressed=console.show_units press=flip(console.show_units)/>
            <RailButton class=wide glyph=Glyph::Incident word="Incidents" pressed=console.board.on press=flip_board waiting/>
            <RailButton class=wide glyph=Glyph::Fence word="Fences" pressed=console.fences.on press=flip(console.fences.on)/>
            <RailButton class=wide glyph=Glyph::Legend word="Legend" pressed=console.show_legend press=flip(console.show_legend)/>
            <RailButton class=narrow glyph=Glyph::Map word="Map" pressed=sheet(Sheet::Map) press=move || console.sheet.set(Sheet::Map)/>
            <RailButton class=narrow glyph=Glyph::Units word="Units" pressed=sheet(Sheet::Units) press=move || console.sheet.set(Sheet::Units)/>
            <RailButton class=narrow glyph=Glyph::Incident word="Incidents" pressed=sheet(Sheet::Incidents) press=move || console.sheet.set(Sheet::Incidents) waiting/>
            <RailButton class=narrow glyph=Glyph::Fence word="Fences" pressed=sheet(Sheet::Fences) press=move || console.sheet.set(Sheet::Fences)/>
            <Show when=move || has_tree(console)>
                <RailButton class=narrow glyph=Glyph::Areas word="Areas" pressed=sheet(Sheet::Areas) press=move || console.sheet.set(Sheet::Areas)/>
            </Show>
        </nav>
    }
    .whole()
}
