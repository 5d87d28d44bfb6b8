//! All open alerts, looked through by kind and by area; and what was acknowledged today.

use super::{
    AlertMark,
    card::{Extra, cards},
    several::{Several, several},
    words,
};
use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, effect, part, text},
    },
    console::Console,
    live::{
        alerts::Reading,
        link::Link,
        rest::{self, RestError},
        urgency::{Urgency, urgency},
    },
};
use leptos::{prelude::*, task::spawn_local};
use sentinel_model::{
    Level, Scope,
    alerts::{Alert, AlertKind},
};
use std::{collections::HashSet, sync::Arc};

type List = RwSignal<Arc<Vec<Alert>>>;

/// Cards that one step brings: a page stays quick with thousands of alerts open.
const STEP: usize = 50;

/// Which of the open ones are on show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Only {
    Pressing,
    Kind(AlertKind),
}

#[derive(Clone, Copy)]
struct Filter {
    only: RwSignal<Option<Only>>,
    /// Those of the area that the map shows.
    here: RwSignal<bool>,
    shown: RwSignal<usize>,
}

impl Only {
    fn keeps(self, alert: &Alert, home: Scope) -> bool {
        match self {
            Only::Pressing => urgency(alert, home) == Urgency::Pressing,
            Only::Kind(kind) => alert.kind == kind,
        }
    }
}

impl Filter {
    fn new() -> Self {
        Self { only: RwSignal::new(None), here: RwSignal::new(false), shown: RwSignal::new(STEP) }
    }

    /// Visits the open alerts that it keeps, or that `only` would.
    fn visit(self, console: Console, only: Option<Only>, see: &mut dyn FnMut(&Alert)) {
        let home = console.alerts.home;
        let here = self.here.get().then(|| console.stations_within(console.scope.get()));
        let open = console.alerts.open.read();
        let is_here =
            |alert: &Alert| here.as_ref().is_none_or(|all: &HashSet<_>| all.contains(&alert.station));
        open.iter()
            .filter(|alert| is_here(alert) && only.is_none_or(|only| only.keeps(alert, home)))
            .for_each(see);
    }

    fn count(self, console: Console, only: Option<Only>) -> usize {
        let mut count = 0;
        self.visit(console, only, &mut |_| count += 1);
        count
    }

    fn kept(self, console: Console) -> Vec<Alert> {
        let mut kept = Vec::new();
        self.visit(console, self.only.get(), &mut |alert| kept.push(alert.clone()));
        kept
    }

    fn is_on(self) -> bool {
        self.here.get() || self.only.read().is_some()
    }

    fn clear(self) {
        self.here.set(false);
        self.only.set(None);
    }
}

/// Why there is nothing to list.
fn empty(hidden: impl Fn() -> bool + Send + 'static, title: &'static str, words: &'static str) -> AnyView {
    view! {
        <div class="empty" hidden=hidden>
            <p class="empty-title">{title}</p>
            <p class="faint">{words}</p>
        </div>
    }
    .whole()
}

fn failure(why: impl Fn() -> Option<String> + Copy + Send + 'static, again: impl Fn() + 'static) -> AnyView {
    view! {
        <div class="alerts-failed" role="status" hidden=move || why().is_none()>
            <p>"The alerts cannot be read now. " {text(move || why().unwrap_or_default())}</p>
            <button type="button" class="button" on:click=move |_| again()>
                <Icon glyph=Glyph::Retry/>
                "Try again"
            </button>
        </div>
    }
    .whole()
}

/// A list, and what is said while it is not read, cannot be read, or is empty.
fn body(
    list: List,
    reading: RwSignal<Reading>,
    read: fn(Console, List, RwSignal<Reading>),
    reads: &'static str,
    empties: (&'static str, &'static str),
    cards: AnyView,
) -> AnyView {
    let console = Console::of_page();
    let none = move || list.read().is_empty();
    let failed = move || match reading.get() {
        Reading::Failed(why) => Some(why),
        _ => None,
    };
    view! {
        <div class="drawer-body scroll">
            <p class="alerts-may" hidden=move || console.may_acknowledge() || none()>
                "Your role sees alerts and cannot acknowledge them. A dispatcher, a chief or a commander can."
            </p>
            {failure(failed, move || read(console, list, reading))}
            {cards}
            {empty(move || *reading.read() != Reading::First, "Reading…", reads)}
            {empty(move || !(none() && *reading.read() == Reading::Done { more: false }), empties.0, empties.1)}
        </div>
    }
    .whole()
}

pub fn open_ones() -> AnyView {
    let console = Console::of_page();
    let alerts = console.alerts;
    let filter = Filter::new();
    let asking = RwSignal::new(None::<Several>);
    // Who closes the list reads no more than what is new.
    on_cleanup(move || alerts.go_deeper(false));
    effect(move || {
        let _ = (filter.only.get(), filter.here.get());
        filter.shown.set(STEP);
    });
    let shown = move || {
        let mut kept = filter.kept(console);
        kept.truncate(filter.shown.get());
        kept
    };
    let none = move || filter.is_on() && filter.count(console, filter.only.get()) == 0;
    let listed = view! {
        {cards(Box::new(shown), Some(of_unit(console, asking)))}
        <div class="empty" hidden=move || !none()>
            <p class="empty-title">"None of these are open"</p>
            <p><button type="button" class="button" on:click=move |_| filter.clear()>"Show all"</button></p>
        </div>
        {more(console, filter)}
    }
    .whole();
    view! {
        {chips(console, filter)}
        {take_these(console, filter, asking)}
        {part(move || asking.get().map(|what| untrack(|| several(what, asking))))}
        {body(
            alerts.open,
            alerts.reading,
            |console, _, _| console.read_alerts(),
            "They come with the connection.",
            (
                "No open alerts",
                "A call for help stands here, over the map and in the title of this page, until somebody acknowledges it.",
            ),
            listed,
        )}
    }
    .whole()
}

/// The filters, each with how many it would show.
fn chips(console: Console, filter: Filter) -> AnyView {
    let chip = move |only: Only, word: &'static str| {
        let count = move || filter.count(console, Some(only));
        let is_on = move || *filter.only.read() == Some(only);
        let mark = match only {
            Only::Kind(kind) => Some(view! { <AlertMark kind/> }.whole()),
            Only::Pressing => None,
        };
        view! {
            <button
                type="button"
                class="filter"
                aria-pressed=move || is_on().to_string()
                hidden=move || !is_on() && count() == 0
                on:click=move |_| filter.only.update(|now| *now = (*now != Some(only)).then_some(only))
            >
                {mark}
                {word}
                <b class="filter-count">{text(move || count().to_string())}</b>
            </button>
        }
        .whole()
    };
    // At a station all wait for the viewer. What has all of them in it filters nothing.
    let tells = console.alerts.home.level != Level::Station;
    let kinds = move || {
        let open = console.alerts.open.read();
        open.iter().map(|alert| alert.kind).collect::<HashSet<_>>().len()
    };
    let has_area = move || filter.here.get() || console.scope.get() != console.alerts.home;
    view! {
        <div
            class="filters alerts-filters"
            role="group"
            aria-label="Show only"
            hidden=move || console.alerts.open.read().is_empty() && !filter.is_on() || kinds() < 2 && !has_area() && !filter.is_on()
        >
            {tells.then(|| chip(Only::Pressing, "Waits for you"))}
            {AlertKind::ALL.map(|kind| chip(Only::Kind(kind), words::kind(kind))).into_iter().collect_view()}
            <button
                type="button"
                class="filter"
                aria-pressed=move || filter.here.get().to_string()
                hidden=move || !has_area()
                on:click=move |_| filter.here.update(|on| *on = !*on)
            >
                <Icon glyph=Glyph::Areas/>
                {text(move || console.scope_name(console.scope.get()))}
            </button>
        </div>
    }
    .whole()
}

/// Acknowledges all that a filter shows; calls for help only where they alone are asked for.
fn take_these(console: Console, filter: Filter, asking: RwSignal<Option<Several>>) -> AnyView {
    let these = move || {
        let of_calls = filter.only.get() == Some(Only::Kind(AlertKind::Sos));
        let mut kept = filter.kept(console);
        kept.retain(|alert| of_calls || alert.kind != AlertKind::Sos);
        kept
    };
    let count = move || if filter.is_on() { these().len() } else { 0 };
    view! {
        <p class="alerts-these" hidden=move || !console.may_acknowledge() || count() < 2 || asking.read().is_some()>
            <button
                type="button"
                class="button"
                on:click=move |_| asking.set(Some(Several { alerts: untrack(these), of: None }))
            >
                <Icon glyph=Glyph::Done/>
                {text(move || format!("Acknowledge these {}", count()))}
            </button>
        </p>
    }
    .whole()
}

/// Acknowledges all of an alert's unit.
fn of_unit(console: Console, asking: RwSignal<Option<Several>>) -> Extra {
    Arc::new(move |alert| {
        let (unit, of) = (alert.unit_id.clone(), words::who(alert));
        let name = unit.to_string();
        let own = Arc::new(move || {
            let open = console.alerts.open.read();
            open.iter().filter(|other| other.unit_id == unit).cloned().collect::<Vec<Alert>>()
        });
        let (counted, worded) = (own.clone(), own.clone());
        view! {
            <p class="alert-several" hidden=move || counted().len() < 2>
                <button
                    type="button"
                    class="text-button"
                    on:click=move |_| asking.set(Some(Several { alerts: untrack(|| own()), of: Some(of.clone()) }))
                >
                    {text(move || format!("Acknowledge all {} of {name}", worded().len()))}
                </button>
            </p>
        }
        .whole()
    })
}

/// The way to those that are not on show.
fn more(console: Console, filter: Filter) -> AnyView {
    let alerts = console.alerts;
    let left = move || filter.count(console, filter.only.get()).saturating_sub(filter.shown.get());
    let has_older = move || left() == 0 && *alerts.reading.read() == Reading::Done { more: true };
    view! {
        <p class="alerts-end" hidden=move || left() == 0>
            <button type="button" class="button" on:click=move |_| filter.shown.update(|shown| *shown += STEP)>
                {text(move || format!("Show {} more of {}", left().min(STEP), left()))}
            </button>
        </p>
        <p class="alerts-end" hidden=move || !(has_older() && alerts.can_go_deeper())>
            <button
                type="button"
                class="button"
                on:click=move |_| {
                    alerts.go_deeper(true);
                    console.read_alerts();
                }
            >
                "Show older ones"
            </button>
        </p>
        <p class="faint alerts-end" hidden=move || !has_older() || alerts.can_go_deeper()>
            "More are open than are listed: every SOS, what waits for you, and the newest of the others. Acknowledge these to see older ones."
        </p>
    }
    .whole()
}

/// What was acknowledged since midnight, the newest first.
pub fn past_ones() -> AnyView {
    let console = Console::of_page();
    let (past, reading) = (RwSignal::new(Arc::default()), RwSignal::new(Reading::First));
    effect(move || {
        console.alerts.beat.track();
        read_past(console, past, reading);
    });
    body(
        past,
        reading,
        read_past,
        "What was acknowledged today.",
        ("Nothing acknowledged today", "Who acknowledges an alert, when, and their note, are kept here."),
        cards(Box::new(move || past.get().to_vec()), Some(Arc::new(|_| ().whole()))),
    )
}

fn read_past(console: Console, past: List, reading: RwSignal<Reading>) {
    spawn_local(async move {
        let answer = rest::acknowledged_alerts().await;
        if past.is_disposed() {
            return;
        }
        match answer {
            Ok(read) => {
                let midnight = console.wall.get_untracked().midnight(console.now.get_untracked());
                let when = |alert: &Alert| alert.acknowledged.as_ref().map(|by| by.at);
                let mut today: Vec<Alert> = Vec::new();
                for alert in read.into_iter().filter(|alert| when(alert) >= Some(midnight)) {
                    // They come by when they were raised.
                    let older = today.iter().position(|other| when(other) < when(&alert));
                    today.insert(older.unwrap_or(today.len()), alert);
                }
                past.set(Arc::new(today));
                reading.set(Reading::Done { more: false });
            }
            Err(RestError::SignedOut) => console.link.set(Link::SignedOut),
            Err(e) => reading.set(Reading::Failed(e.to_string())),
        }
    });
}
