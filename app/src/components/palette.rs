//! Ctrl-K: to any unit or area by typing a part of its name.

use super::whole::{IntoWhole, effect, part};
use super::{
    icon::{Glyph, Icon},
    mark::Mark,
};
use crate::{
    console::Console,
    format::status_word,
    live::{fleet::Statuses, rest},
    platform::lowercase,
};
use leptos::{html, prelude::*, task::spawn_local};
use sentinel_model::{Scope, UnitId, UnitStatus};
use std::time::Duration;
use wasm_bindgen::JsCast;

/// Results shown of each sort; a longer list is a reason to type one more letter.
const MOST: usize = 8;

#[derive(Debug, Clone, PartialEq)]
enum Found {
    Area { scope: Scope, name: String, level: &'static str },
    Unit { id: UnitId, status: UnitStatus, station: String, here: bool },
}

fn search(console: Console, words: &str) -> Vec<Found> {
    let parts: Vec<String> = words.split_whitespace().map(lowercase).collect();
    let scopes = console.scopes.get();
    let areas = scopes
        .iter()
        .filter(|n| {
            let text = lowercase(&format!("{} {}", n.name, n.scope));
            parts.iter().all(|p| text.contains(p.as_str()))
        })
        .map(|n| Found::Area { scope: n.scope, name: n.name.clone(), level: n.scope.level.as_str() });
    let name = |s: Scope| scopes.iter().find(|n| n.scope == s).map(|n| n.name.clone()).unwrap_or_default();
    let units = console.with_fleet(|f| {
        f.matching(Statuses::default(), words, name)
            .into_iter()
            .take(MOST)
            .filter_map(|id| {
                let e = f.get(&id)?;
                Some(Found::Unit { status: e.status, station: name(e.station), id, here: true })
            })
            .collect::<Vec<_>>()
    });
    // What begins with the words is what was meant; a unit before an area that only holds them.
    let begin = lowercase(words.trim());
    let begins = |f: &Found| matches!(f, Found::Area { name, .. } if lowercase(name).starts_with(&begin));
    let (mut first, after): (Vec<Found>, Vec<Found>) = areas.partition(begins);
    first.truncate(MOST);
    first.into_iter().chain(units).chain(after.into_iter().take(MOST)).collect()
}

/// Units of the viewer's own scope that are not of the narrower one on show, as the
/// server finds them while the person types.
fn elsewhere(console: Console, words: RwSignal<String>) -> RwSignal<Vec<Found>> {
    /// Until the next letter usually comes.
    const PAUSE: Duration = Duration::from_millis(150);
    let found = RwSignal::new(Vec::new());
    effect(move || {
        let asked = words.get();
        let own = console.viewer.with_value(|v| v.scope);
        found.set(Vec::new());
        if asked.trim().is_empty() || console.scope.get() == own {
            return;
        }
        set_timeout(
            move || {
                if *words.read_untracked() != asked {
                    return;
                }
                spawn_local(async move {
                    // Without an answer the search is of what the page knows.
                    let Ok(units) = rest::units_named(own, asked.trim(), MOST).await else { return };
                    if *words.read_untracked() != asked {
                        return;
                    }
                    let is_here = |id: &UnitId| console.with_fleet(|f| f.get(id).is_some());
                    let others = units.into_iter().filter(|u| !is_here(&u.id)).map(|u| Found::Unit {
                        status: u.status,
                        station: untrack(|| console.scope_name(u.station)),
                        id: u.id,
                        here: false,
                    });
                    found.set(others.collect());
                });
            },
            PAUSE,
        );
    });
    found
}

/// Where it opens; the keys that open it, and Escape, which closes what lies on top.
#[component]
pub fn Palette() -> impl IntoView {
    let console = Console::of_page();
    // What is typed while its code is on the way.
    let ahead = StoredValue::new(String::new());
    effect(move || {
        let handle = window_event_listener(leptos::ev::keydown, move |e| {
            let typing = e
                .target()
                .and_then(|t| t.dyn_into::<web_sys::Element>().ok())
                .is_some_and(|t| matches!(t.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"));
            let key = e.key();
            let called = (e.ctrl_key() || e.meta_key()) && key.eq_ignore_ascii_case("k");
            if called || (key == "/" && !typing && !e.ctrl_key() && !e.meta_key()) {
                e.prevent_default();
                console.palette_open.set(true);
            } else if console.palette_open.get_untracked() && untrack(|| console.parts()).is_none() {
                if key == "Escape" {
                    ahead.set_value(String::new());
                    console.palette_open.set(false);
                } else if key.chars().count() == 1 {
                    ahead.update_value(|words| words.push_str(&key));
                }
            } else if key == "Escape" && !console.palette_open.get_untracked() && !typing {
                // What lies on top goes first.
                if console.alerts.drawer.get_untracked() {
                    console.alerts.drawer.set(false);
                } else if console.board.draft.with_untracked(Option::is_some) {
                    console.board.draft.set(None);
                } else if console.fences.editing.with_untracked(Option::is_some) {
                    console.fences.escaped.update(|n| *n = n.wrapping_add(1));
                } else {
                    console.select(None);
                }
            }
        });
        on_cleanup(move || handle.remove());
    });
    view! { {part(move || console.parts().map(|parts| untrack(|| (parts.palette)(ahead.get_value()))))} }
        .whole()
}

/// `ahead` is what was typed before it was here.
pub fn palette(mut ahead: String) -> AnyView {
    let console = Console::of_page();
    let dialog = NodeRef::<html::Dialog>::new();
    let input = NodeRef::<html::Input>::new();
    let words = RwSignal::new(String::new());
    let at = RwSignal::new(0usize);
    let others = elsewhere(console, words);
    let found = Memo::new(move |_| {
        if !console.palette_open.get() {
            return Vec::new();
        }
        console.shape.track();
        let mut found = search(console, &words.read());
        found.extend(others.get());
        found
    });

    effect(move || {
        let Some(dialog) = dialog.get() else { return };
        if console.palette_open.get() {
            words.set(std::mem::take(&mut ahead));
            at.set(0);
            // Refused only where it is open already.
            let _ = dialog.show_modal();
            if let Some(input) = input.get_untracked() {
                let _ = input.focus();
            }
        } else {
            // At once: the browser itself lets go of a hidden field only with its next frame,
            // and until then a key would count as typed into it.
            if let Some(input) = input.get_untracked() {
                let _ = input.blur();
            }
            dialog.close();
        }
    });

    let choose = move |found: &Found| {
        console.palette_open.set(false);
        match found {
            Found::Area { scope, .. } => console.go_to_scope(*scope),
            Found::Unit { id, here: true, .. } => console.look_at(id),
            Found::Unit { id, here: false, .. } => console.look_elsewhere(id),
        }
    };
    let on_key = move |e: leptos::ev::KeyboardEvent| {
        let total = found.read_untracked().len().max(1);
        match e.key().as_str() {
            "ArrowDown" => at.update(|i| *i = (*i + 1) % total),
            "ArrowUp" => at.update(|i| *i = (*i + total - 1) % total),
            "Enter" => {
                let chosen = found.read_untracked().get(at.get_untracked()).cloned();
                if let Some(chosen) = chosen {
                    choose(&chosen);
                }
            }
            _ => return,
        }
        e.prevent_default();
    };
    view! {
        <dialog
            class="palette"
            aria-label="Find a unit or an area"
            node_ref=dialog
            on:close=move |_| console.palette_open.set(false)
            on:click=move |e| {
                // A click on the dialog itself is one beside its card.
                let target = e.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
                if target.is_some_and(|t| t.tag_name() == "DIALOG") {
                    console.palette_open.set(false);
                }
            }
        >
            <div class="palette-card">
                <div class="palette-field">
                    <Icon glyph=Glyph::Search/>
                    <input
                        type="text"
                        role="combobox"
                        aria-expanded="true"
                        aria-controls="palette-found"
                        aria-label="Find a unit or an area"
                        aria-activedescendant=move || format!("found-{}", at.get())
                        placeholder="Unit, station, division or zone"
                        autocomplete="off"
                        spellcheck="false"
                        node_ref=input
                        prop:value=words
                        on:input=move |e| {
                            words.set(event_target_value(&e));
                            at.set(0);
                        }
                        on:keydown=on_key
                    />
                    <kbd>"Esc"</kbd>
                </div>
                <div class="palette-found scroll" id="palette-found" role="listbox" aria-label="Found">
                    {part(move || {
                        let rows = found
                            .get()
                            .into_iter()
                            .enumerate()
                            .map(|(i, item)| {
                                let chosen = item.clone();
                                view! {
                                    <div
                                        class="found"
                                        role="option"
                                        id=format!("found-{i}")
                                        aria-selected=move || (at.get() == i).to_string()
                                        on:click=move |_| choose(&chosen)
                                        on:pointermove=move |_| at.set(i)
                                    >
                                        {found_view(item)}
                                    </div>
                                }
                            })
                            .collect_view();
                        Some(rows.whole())
                    })}
                </div>
                <p class="palette-none" hidden=move || !found.read().is_empty()>
                    "Nothing of that name that you may see."
                </p>
                <p class="palette-note faint">"Every unit and area that you may see"</p>
            </div>
        </dialog>
    }
    .whole()
}

fn found_view(item: Found) -> AnyView {
    match item {
        Found::Area { name, level, .. } => view! {
            <Icon glyph=Glyph::Areas/>
            <span class="found-name">{name}</span>
            <span class="faint">{level}</span>
        }
        .whole(),
        Found::Unit { id, status, station, .. } => view! {
            <Mark status/>
            <span class="found-name">{id.to_string()}</span>
            <span class="faint">{format!("{} · {station}", status_word(status))}</span>
        }
        .whole(),
    }
}
