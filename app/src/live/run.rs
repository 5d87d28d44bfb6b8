//! Brings the page to life: opens the feed, keeps the clock, reads what the first
//! paint did not hold. Called once, from an effect, so in the browser only.

use super::{
    alerts,
    feed::{Feed, Listener},
    fleet::Fleet,
    link::Link,
    rest::{self, RestError},
    tasks,
};
use crate::{console::Console, map_place::with_map};
use leptos::{leptos_dom::helpers::set_interval_with_handle, prelude::*, task::spawn_local};
use sentinel_model::{
    Scope, Time, UnitId,
    live::{Event, ServerFrame},
};
use std::{cell::Cell, rc::Rc, sync::Arc, time::Duration};

/// Words and numbers on screen change at most this often; the map is faster.
const READ_EVERY: Duration = Duration::from_millis(500);
/// Counts of scopes outside the one on show come from here.
const SCOPES_EVERY: Duration = Duration::from_secs(20);

fn local_now() -> Time {
    Time(js_sys::Date::now() as i64)
}

/// Collects changes into beats, so that a thousand frames make two repaints a second.
#[derive(Clone, Default)]
struct Beats {
    waiting: Rc<Cell<bool>>,
    shape: Rc<Cell<bool>>,
}

impl Beats {
    fn touch(&self, console: Console, shape: bool) {
        self.shape.set(self.shape.get() | shape);
        if self.waiting.replace(true) {
            return;
        }
        let beats = self.clone();
        set_timeout(
            move || {
                beats.waiting.set(false);
                console.moved.update(|n| *n = n.wrapping_add(1));
                if beats.shape.replace(false) {
                    console.shape.update(|n| *n = n.wrapping_add(1));
                }
            },
            READ_EVERY,
        );
    }
}

pub fn come_alive(console: Console, rest_from: Option<String>) {
    console.ahead_ms.set_value(console.now.get_untracked().ms_since(local_now()));
    console.alive.set(true);

    let beats = Beats::default();
    let seen = Rc::new(Seen { scope: Cell::new(console.scope.get_untracked()), epoch: Cell::default() });
    let listener = Listener {
        on_frame: Box::new({
            let beats = beats.clone();
            move |frame| receive(console, &beats, &seen, frame)
        }),
        on_link: Box::new(move |link| say(console, link)),
        now: Box::new(move || local_now().plus_ms(console.ahead_ms.get_value())),
    };
    let feed = Feed::open(console.scope.get_untracked(), listener);

    alerts::come_alive(console);
    tasks::come_alive(console);
    tasks::try_again(console);
    keep_clock(console);
    every(SCOPES_EVERY, move || refresh_scopes(console));
    let waking = feed.clone();
    // The page lives as long as its document; these listeners do too.
    window_event_listener(leptos::ev::online, move |_| waking.wake());
    let waking = feed.clone();
    window_event_listener(leptos::ev::focus, move |_| waking.wake());
    let waking = feed.clone();
    window_event_listener_untyped("visibilitychange", move |_| waking.wake());

    if rest_from.is_some() {
        read_units(console, beats.clone(), console.scope.get_untracked(), rest_from);
    }
    Effect::watch(
        move || console.scope.get(),
        move |scope, before, _| {
            if before.is_some_and(|b| b != scope) {
                turn_to(console, &beats, &feed, *scope);
            }
        },
        false,
    );
}

/// Just after each second of the server's clock: one that ticks at a moment of its own shows a
/// second twice now and then, and leaves the next one out.
fn keep_clock(console: Console) {
    let Some(ahead_ms) = console.ahead_ms.try_get_value() else { return };
    let now = local_now().plus_ms(ahead_ms);
    if console.now.try_set(now).is_none() {
        let left_ms = 1_000 - now.ms().rem_euclid(1_000);
        set_timeout(move || keep_clock(console), Duration::from_millis(left_ms.unsigned_abs()));
    }
}

/// Runs again and again for as long as the page lives.
pub fn every(time: Duration, what: impl Fn() + 'static) {
    if let Ok(handle) = set_interval_with_handle(what, time) {
        on_cleanup(move || handle.clear());
    }
}

fn turn_to(console: Console, beats: &Beats, feed: &Feed, scope: Scope) {
    let within = console.stations_within(scope);
    console.fleet.update_value(|f| f.keep_stations(|s| within.contains(&s)));
    console.complete.set(false);
    beats.touch(console, true);
    feed.turn_to(scope);
    read_units(console, beats.clone(), scope, None);
}

/// Reads the units of `scope` page by page, for names and for who is off duty.
fn read_units(console: Console, beats: Beats, scope: Scope, mut cursor: Option<String>) {
    spawn_local(async move {
        loop {
            let page = rest::units(scope, cursor.as_deref()).await;
            if console.scope.get_untracked() != scope {
                return;
            }
            match page {
                Ok(page) => {
                    console.fleet.update_value(|f| f.learn(&page.items));
                    beats.touch(console, true);
                    cursor = page.next;
                    if cursor.is_none() {
                        console.complete.set(true);
                        return;
                    }
                }
                Err(RestError::SignedOut) => return console.link.set(Link::SignedOut),
                Err(e) => {
                    console.complete.set(true);
                    return console.warn(format!("The list of units is not complete. {e}"));
                }
            }
        }
    });
}

/// A unit that this page first heard of by its joining has left: it stays listed, off
/// duty, where it is of the scope on show.
fn ask_where_it_belongs(console: Console, beats: Beats, id: UnitId) {
    spawn_local(async move {
        // More than have an id within their own.
        const MOST: usize = 100;
        let on_show = console.scope.get_untracked();
        // Without an answer it is not listed until the list is read again.
        let Ok(mut units) = rest::units_named(on_show, id.as_str(), MOST).await else { return };
        units.retain(|unit| unit.id == id);
        if console.scope.get_untracked() == on_show && !units.is_empty() {
            console.fleet.update_value(|f| f.learn(&units));
            beats.touch(console, true);
        }
    });
}

fn refresh_scopes(console: Console) {
    if console.link.get_untracked() != Link::Live {
        return;
    }
    spawn_local(async move {
        // A failure here is the connection's, which has its own words.
        if let Ok(scopes) = rest::scopes().await {
            console.scopes.set(scopes.into());
        }
    });
}

/// What the last snapshot was of.
struct Seen {
    scope: Cell<Scope>,
    epoch: Cell<Option<String>>,
}

fn receive(console: Console, beats: &Beats, seen: &Seen, frame: ServerFrame) {
    match frame {
        ServerFrame::Snapshot(s) => {
            let before = seen.epoch.replace(Some(s.epoch.clone()));
            if before.is_some_and(|b| b != s.epoch) {
                console.tell("The server restarted. Everything shown is up to date again.");
                refresh_scopes(console);
            }
            console.fleet.update_value(|f| f.snapshot(&s.units));
            with_map(|m| m.replace(&s.units));
            if seen.scope.replace(s.scope) != s.scope {
                console.look_around();
            }
            console.read_tasks();
            console.fences.ask_again();
            beats.touch(console, true);
        }
        ServerFrame::Positions(p) => {
            let mut shape = false;
            console.fleet.update_value(|f| shape = f.moved(&p.units).shape);
            with_map(|m| m.update(&p.units));
            beats.touch(console, shape);
        }
        ServerFrame::Event(event) => {
            let mut shape = false;
            console.fleet.update_value(|f: &mut Fleet| shape = f.event(&event).shape);
            with_map(|m| match &event {
                Event::UnitJoined(e) => m.update(std::slice::from_ref(&e.unit)),
                Event::UnitLeft(e) => m.remove(e.patrol),
                Event::Status(e) => m.set_status(e.patrol, e.status),
                Event::Alert(_) => console.read_alerts(),
                Event::Incident(_) | Event::Order(_) | Event::Fence(_) => {}
            });
            if let Event::Fence(told) = &event {
                console.fences.hear(&told.id, told.fence.clone().map(Arc::from));
            }
            if let Some(task) = event.task() {
                console.hear_of_task(task);
            }
            beats.touch(console, shape);
            if let Event::UnitLeft(left) = &event
                && console.with_fleet(|f| f.get(&left.id).is_none())
            {
                ask_where_it_belongs(console, beats.clone(), left.id.clone());
            }
        }
        ServerFrame::Pong(p) => console.ahead_ms.set_value(p.at.ms_since(local_now())),
        ServerFrame::Error(e) => console.warn(e.message),
    }
}

fn say(console: Console, link: Link) {
    let before = console.link.get_untracked();
    console.link.set(link);
    // Where the snapshot has told of a restart already, that says more.
    let told = console.notice.with_untracked(Option::is_some);
    if link == Link::Live && matches!(before, Link::Offline(_)) && !told {
        console.tell("Connected again. Everything shown is up to date.");
    }
}
