//! Where one is, how to get elsewhere, and whether what is shown is live.

use super::whole::{IntoWhole, Row, rows};
use super::{
    alerts::bell::Bell,
    connection::{Clock, Connection},
    icon::{Glyph, Icon},
    person_menu::PersonMenu,
};
use crate::console::Console;
use leptos::prelude::*;
use sentinel_model::{Level, scope::ScopeNode};

#[component]
pub fn TopBar() -> impl IntoView {
    let console = Console::of_page();
    // Said to whoever sees less than a district, so that nobody takes a part for the whole.
    let own = console.viewer.with_value(|v| v.scope);
    let only =
        (own.level != Level::District).then(|| format!("You see {} {} only", own.level.as_str(), own.id));
    view! {
        <header class="top-bar">
            <a class="brand" href="/" aria-label="Sentinel: the live map">
                <img src="/favicon.svg" alt="" width="28" height="28"/>
            </a>
            <nav class="crumbs" aria-label="Area on show">
                <ol>
                    {rows(move || {
                        let row = |node: ScopeNode| {
                            Row::new(node.scope.to_string(), move || {
                                view! {
                                    <li class="crumb">
                                        <a
                                            href=console.scope_address(node.scope)
                                            aria-current=move || (console.scope.get() == node.scope).then_some("page")
                                        >
                                            {node.name}
                                        </a>
                                    </li>
                                }
                                .whole()
                            })
                        };
                        console.lineage(console.scope.get()).into_iter().map(row).collect()
                    })}
                </ol>
            </nav>
            {only.map(|words| {
                view! {
                    <p class="only">
                        <Icon glyph=Glyph::Lock/>
                        {words}
                    </p>
                }
            })}
            <button
                type="button"
                class="search-button needs-script"
                aria-label="Find a unit or an area"
                aria-keyshortcuts="Control+K"
                on:click=move |_| console.palette_open.set(true)
            >
                <Icon glyph=Glyph::Search/>
                <span class="search-words">"Find a unit or an area"</span>
                <kbd>"Ctrl K"</kbd>
            </button>
            <div class="top-end">
                <Connection/>
                <Bell/>
                <Clock/>
                <PersonMenu/>
            </div>
        </header>
    }
    .whole()
}
