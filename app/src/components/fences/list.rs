//! The fences that may concern the scope on show, searched; and the way to its alert rules.

use super::{layer::fly_to, rules, words};
use crate::{
    components::{
        icon::{Glyph, Icon},
        tabs::tab,
        whole::{IntoWhole, Row, part, rows, text},
    },
    console::Console,
    live::alerts::Reading,
    platform::lowercase,
};
use leptos::prelude::*;
use sentinel_model::geofence::{Geofence, Shape};
use std::sync::Arc;

/// Rows at once; a longer list is searched.
const MOST: usize = 200;

pub fn body() -> AnyView {
    let in_rules = RwSignal::new(false);
    let typed = RwSignal::new(String::new());
    view! {
        <div class="board-tools fence-tools">
            <div class="segments" role="group" aria-label="What raises alerts">
                {tab(in_rules, false, "Geofences")} {tab(in_rules, true, "Alert rules")}
            </div>
        </div>
        {part(move || {
            let of_rules = in_rules.get();
            Some(untrack(|| if of_rules { rules::rules() } else { all(typed) }))
        })}
    }
    .whole()
}

fn all(typed: RwSignal<String>) -> AnyView {
    let console = Console::of_page();
    let fences = console.fences;
    let matching = Memo::new(move |_| {
        fences.beat.track();
        let typed = lowercase(&typed.read());
        let says = |fence: &Arc<Geofence>| {
            let text = lowercase(&format!("{} {}", fence.name, untrack(|| console.scope_name(fence.scope))));
            typed.split_whitespace().all(|word| text.contains(word))
        };
        let mut found: Vec<Arc<Geofence>> =
            fences.known.with_value(|known| known.iter().filter(|fence| says(fence)).cloned().collect());
        found.sort_by_cached_key(|fence| (lowercase(&fence.name), fence.id.clone()));
        Matching(found)
    });
    let more = move || matching.with(|all| all.0.len().saturating_sub(MOST));
    let none = move || matching.with(|all| all.0.is_empty());
    view! {
        <div class="search-field fence-search">
            <Icon glyph=Glyph::Search/>
            <input
                type="search"
                placeholder="Search geofences"
                aria-label="Search geofences"
                autocomplete="off"
                spellcheck="false"
                prop:value=typed
                on:input=move |e| typed.set(event_target_value(&e))
            />
        </div>
        <ul class="task-list fence-list scroll" aria-label="Geofences that may concern this area" hidden=none>
            {rows(move || {
                let row = |fence: Arc<Geofence>| {
                    let key = format!("{} {:p}", fence.id, Arc::as_ptr(&fence));
                    Row::new(key, move || row(console, fence))
                };
                matching.get().0.into_iter().take(MOST).map(row).collect()
            })}
        </ul>
        <p class="faint board-more" hidden=move || more() == 0>{text(move || format!("and {} more: search for them", more()))}</p>
        {empty(matching, typed)}
    }
    .whole()
}

/// Compared by what rows show.
#[derive(Clone)]
struct Matching(Vec<Arc<Geofence>>);

impl PartialEq for Matching {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

fn row(console: Console, fence: Arc<Geofence>) -> AnyView {
    let id = fence.id.clone();
    let is_chosen = move || (console.fences.chosen.read().as_deref() == Some(id.as_str())).then_some("true");
    let glyph = if matches!(fence.shape, Shape::Circle(_)) { Glyph::Circle } else { Glyph::Fence };
    let (scope, told, shown) = (fence.scope, fence.clone(), fence.clone());
    view! {
        <li>
            <button
                type="button"
                class="task-row fence-row"
                class:off=!fence.enabled
                aria-current=is_chosen
                on:click=move |_| {
                    console.open_fence(&shown.id);
                    fly_to(&shown.shape);
                }
            >
                <Icon glyph/>
                <span class="task-title"><b>{fence.name.clone()}</b></span>
                <span class="task-age">{text(move || console.scope_label(scope))}</span>
                <span class="fence-tells">{text(move || words::brief(&told, console.measure.get()))}</span>
            </button>
        </li>
    }
    .whole()
}

/// Why nothing is listed, and what to do about it.
fn empty(matching: Memo<Matching>, typed: RwSignal<String>) -> AnyView {
    let console = Console::of_page();
    let fences = console.fences;
    let failed = move || match fences.reading.get() {
        Reading::Failed(why) => Some(why),
        _ => None,
    };
    let what = move || {
        let place = console.scope_name(console.scope.get());
        if !matching.with(|m| m.0.is_empty()) || failed().is_some() {
            None
        } else if *fences.reading.read() == Reading::First {
            Some(("Reading…", "The geofences come with the connection.".to_string()))
        } else if !typed.read().is_empty() {
            Some(("None is called like that", "Search for another name or area.".into()))
        } else if console.may_keep_fences() {
            Some((
                "No geofence yet",
                format!("Draw one, and units of {place} raise an alert when they enter or leave it."),
            ))
        } else {
            Some((
                "No geofence",
                format!("None concerns units of {place}. Dispatchers and commanders draw them."),
            ))
        }
    };
    view! {
        <div class="empty" hidden=move || what().is_none()>
            <p class="empty-title">{text(move || what().map(|w| w.0).unwrap_or_default().to_string())}</p>
            <p class="faint">{text(move || what().map(|w| w.1).unwrap_or_default())}</p>
        </div>
        <div class="alerts-failed board-failed" role="status" hidden=move || failed().is_none()>
            <p>"The geofences cannot be read now. " {text(move || failed().unwrap_or_default())}</p>
            <button type="button" class="button" on:click=move |_| fences.ask_again()>
                <Icon glyph=Glyph::Retry/>
                "Try again"
            </button>
        </div>
    }
    .whole()
}

impl Console {
    /// What an area is called; of one above the viewer's own only that.
    pub fn scope_label(self, scope: sentinel_model::Scope) -> String {
        match self.scopes.read().iter().any(|node| node.scope == scope) {
            true => self.scope_name(scope),
            false => "Area above".into(),
        }
    }
}
