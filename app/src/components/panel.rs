//! What stands at the left of the map: the tree above, the list below.

use super::whole::IntoWhole;
use super::{
    area_tree::{AreaTree, has_tree},
    board::panel::BoardPanel,
    fences::panel::FencesPanel,
    unit_list::UnitList,
};
use crate::console::Console;
use leptos::prelude::*;

#[component]
pub fn Panel() -> impl IntoView {
    let console = Console::of_page();
    let folded = move || {
        let stand = [console.show_areas, console.show_units, console.board.on, console.fences.on];
        stand.into_iter().all(|on| !on.get())
    };
    view! {
        <aside class="panel" aria-label="Areas, incidents, geofences and units" class:folded=folded>
            <Show when=move || has_tree(console)>
                <AreaTree/>
            </Show>
            <BoardPanel/>
            <FencesPanel/>
            <UnitList/>
        </aside>
    }
    .whole()
}
