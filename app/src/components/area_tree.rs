//! The tree of scopes the viewer may see, with how their units are.

use super::icon::{Glyph, Icon};
use super::whole::{IntoWhole, Row, effect, rows, text};
use crate::{console::Console, format::fixed};
use leptos::prelude::*;
use sentinel_model::{
    Level, Scope,
    scope::{ScopeCounts, ScopeNode},
};
use std::collections::{HashMap, HashSet};

fn add(to: &mut ScopeCounts, more: &ScopeCounts) {
    to.units += more.units;
    to.available += more.available;
    to.on_task += more.on_task;
    to.stale += more.stale;
    to.offline += more.offline;
    to.off_duty += more.off_duty;
}

/// Counts by scope: live ones within the scope on show, the server's last word elsewhere.
fn live_counts(console: Console) -> HashMap<Scope, ScopeCounts> {
    console.shape.track();
    let scopes = console.scopes.get();
    let mut all: HashMap<Scope, ScopeCounts> = scopes.iter().map(|n| (n.scope, n.counts)).collect();
    if !console.complete.get() {
        return all;
    }
    let stations = console.with_fleet(|f| f.station_counts());
    let on_show = console.scope.get();
    let within = console.stations_within(on_show);
    let parents: HashMap<Scope, Scope> = scopes.iter().filter_map(|n| Some((n.scope, n.parent?))).collect();
    let mut fresh: HashMap<Scope, ScopeCounts> = HashMap::new();
    for station in &within {
        let counts = stations.get(station).copied().unwrap_or_default();
        let mut at = Some(*station);
        while let Some(scope) = at {
            add(fresh.entry(scope).or_default(), &counts);
            at = if scope == on_show { None } else { parents.get(&scope).copied() };
        }
    }
    all.extend(fresh);
    all
}

/// Which nodes are open at first: all above the scope on show and itself, and the top.
fn open_at_first(console: Console) -> HashSet<Scope> {
    let scope = console.scope.get_untracked();
    let mut open: HashSet<Scope> = untrack(|| console.lineage(scope)).iter().map(|n| n.scope).collect();
    let top = |n: &&ScopeNode| n.parent.is_none();
    open.extend(console.scopes.read_untracked().iter().filter(top).map(|n| n.scope));
    open
}

#[component]
pub fn AreaTree() -> impl IntoView {
    let console = Console::of_page();
    let open = RwSignal::new(open_at_first(console));
    let counts = Memo::new(move |_| live_counts(console));
    // In tree order: each node after its parent, children as the server lists them.
    let shown = Memo::new(move |_| {
        let scopes = console.scopes.get();
        let open = open.read();
        let mut rows = Vec::new();
        let mut stack: Vec<(usize, &ScopeNode)> =
            scopes.iter().rev().filter(|n| n.parent.is_none()).map(|n| (0, n)).collect();
        while let Some((depth, node)) = stack.pop() {
            let children: Vec<&ScopeNode> = scopes.iter().filter(|n| n.parent == Some(node.scope)).collect();
            rows.push((depth, node.scope, node.name.clone(), !children.is_empty()));
            if open.contains(&node.scope) {
                stack.extend(children.into_iter().rev().map(|n| (depth + 1, n)));
            }
        }
        rows
    });
    effect(move || {
        let line = console.lineage(console.scope.get());
        open.update(|o| o.extend(line.iter().map(|n| n.scope)));
    });
    view! {
        <section class="areas" id="areas" aria-label="Areas" hidden=move || !console.show_areas.get()>
            <header class="section-head">
                <h2>"Areas"</h2>
                <span class="faint">"on patrol / units"</span>
            </header>
            <ul class="tree scroll" tabindex="-1">
                {rows(move || {
                    let row = |row: (usize, Scope, String, bool)| {
                        let key = format!("{} {} {}", row.1, row.0, row.3);
                        Row::new(key, move || view! { <AreaRow row open counts/> }.into_any())
                    };
                    shown.get().into_iter().map(row).collect()
                })}
            </ul>
        </section>
    }
    .whole()
}

#[component]
fn AreaRow(
    row: (usize, Scope, String, bool),
    open: RwSignal<HashSet<Scope>>,
    counts: Memo<HashMap<Scope, ScopeCounts>>,
) -> impl IntoView {
    let console = Console::of_page();
    let (depth, scope, name, has_children) = row;
    let is_open = move || open.read().contains(&scope);
    let of = move || counts.read().get(&scope).copied().unwrap_or_default();
    let on_patrol = move || of().units - of().off_duty.min(of().units);
    let (label, label_of) = (name.clone(), name.clone());
    view! {
        <li class=format!("area depth-{depth} level-{}", scope.level.as_str())>
            {has_children
                .then(|| {
                    view! {
                        <button
                            type="button"
                            class="twist"
                            aria-expanded=move || is_open().to_string()
                            aria-label=format!("What is in {label}")
                            on:click=move |_| {
                                open.update(|o| {
                                    if !o.remove(&scope) {
                                        o.insert(scope);
                                    }
                                })
                            }
                        >
                            <Icon glyph=Glyph::ChevronRight/>
                        </button>
                    }
                })}
            <a
                class="area-link"
                href=console.scope_address(scope)
                aria-current=move || (console.scope.get() == scope).then_some("page")
            >
                <span class="area-name" title=label_of.clone()>{name}</span>
                <MixBar counts=Signal::derive(of)/>
                <span class="area-count">
                    <b>{text(move || on_patrol().to_string())}</b>
                    <span class="faint">" / " {text(move || of().units.to_string())}</span>
                </span>
            </a>
        </li>
    }
    .whole()
}

/// How a scope's units are, as a bar: a look tells whether all is well.
#[component]
fn MixBar(counts: Signal<ScopeCounts>) -> impl IntoView {
    const WIDTH: u32 = 36;
    let part = move |before: fn(&ScopeCounts) -> u32, own: fn(&ScopeCounts) -> u32| {
        let scale = move |n: u32| f64::from(n) * f64::from(WIDTH) / f64::from(counts.get().units.max(1));
        (move || fixed(scale(before(&counts.get())), 1), move || fixed(scale(own(&counts.get())), 1))
    };
    let (x1, w1) = part(|_| 0, |c| c.available);
    let (x2, w2) = part(|c| c.available, |c| c.on_task);
    let (x3, w3) = part(|c| c.available + c.on_task, |c| c.stale);
    let (x4, w4) = part(|c| c.available + c.on_task + c.stale, |c| c.offline);
    view! {
        <svg class="mix" viewBox="0 0 36 4" aria-hidden="true" preserveAspectRatio="none">
            <rect class="mix-ground" width="36" height="4"></rect>
            <rect class="s-available" height="4" x=x1 width=w1></rect>
            <rect class="s-on-task" height="4" x=x2 width=w2></rect>
            <rect class="s-stale" height="4" x=x3 width=w3></rect>
            <rect class="s-offline" height="4" x=x4 width=w4></rect>
        </svg>
    }
    .whole()
}

/// Whether there is a tree to show: a station chief has one station and no tree.
pub fn has_tree(console: Console) -> bool {
    console.scopes.read().len() > 1 || console.viewer.with_value(|v| v.scope.level != Level::Station)
}
