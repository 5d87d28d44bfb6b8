//! What stands at the left of the map: the tree above, the list below.

use super::whole::IntoWhole;
use super::{
    area_tree::{AreaTree, has_tree},
    board::panel::BoardPanel,
    unit_list::UnitList,
};
use crate::console::Console;
use leptos::prelude::*;

#[component]
pub fn Panel() -> impl IntoView {
    let console = Console::of_page();
    let folded = move || !console.show_areas.get() && !console.show_units.get() && !console.board.on.get();
    view! {
        <aside class="panel" aria-label="Areas, incidents and units" class:folded=folded>
            <Show when=move || has_tree(console)>
                <AreaTree/>
            </Show>
            <BoardPanel/>
            <UnitList/>
        </aside>
    }
    .whole()
}
