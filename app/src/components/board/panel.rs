//! The place of the list beside the map; what fills it comes later.

use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, part, text},
    },
    console::Console,
    live::tasks::Draft,
};
use leptos::prelude::*;

#[component]
pub fn BoardPanel() -> impl IntoView {
    let console = Console::of_page();
    let board = console.board;
    super::keys::listen(console);
    let count = move || match board.with(|tasks| tasks.counts()) {
        (0, _) => String::new(),
        (all, 0) => format!("{all} open"),
        (all, waiting) => format!("{all} open, {waiting} wait"),
    };
    view! {
        <section class="board" id="board" tabindex="-1" aria-label="Incidents" hidden=move || !board.on.get()>
            <header class="section-head">
                <h2>"Incidents"</h2>
                <span class="faint">{text(count)}</span>
                {console.may_dispatch().then(|| view! {
                    <button
                        type="button"
                        class="button primary new-incident needs-script"
                        aria-keyshortcuts="N"
                        title="New incident or order (N)"
                        on:click=move |_| console.begin_incident(Draft::default())
                    >
                        <Icon glyph=Glyph::Plus/>
                        "New"
                    </button>
                })}
            </header>
            <p class="visually-hidden" role="status" aria-live="polite">{text(move || board.announced.get())}</p>
            {part(move || console.parts().map(|parts| untrack(|| (parts.board)())))}
        </section>
    }
    .whole()
}
