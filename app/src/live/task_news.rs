//! What a person is told of incidents and orders as they come: that there is a new one, and that
//! a unit of theirs was sent.
//!
//! Of the area on show the page's socket tells. Where that is less than the viewer's own scope,
//! the [`stream`](super::stream) of the whole of it tells of the rest: the one that is open beside
//! the map goes on, and what is new is news. The list stays that of the area on show.

use super::{
    dispatch,
    tasks::{Heard, TaskRef},
};
use crate::{components::board::words, console::Console};
use js_sys::{Array, JSON, Reflect};
use leptos::{prelude::*, task::spawn_local};
use sentinel_model::{
    Level, Scope, Task,
    dispatch::{By, EntryKind},
};
use wasm_bindgen::JsValue;

/// The socket told of a task; `heard` is what of it was new to the page.
pub fn heard(console: Console, task: &Task, heard: Heard) {
    match heard {
        Heard::Old | Heard::Ended => {}
        Heard::New if task.timeline.len() == 1 => {
            tell_new(console, task, console.board.on.get_untracked());
        }
        Heard::New | Heard::Changed => tell_sent(console, task),
    }
}

/// Who has it in the list before them is told of it aloud only.
fn tell_new(console: Console, task: &Task, is_listed: bool) {
    if is_mine(console, &task.created_by) {
        return;
    }
    let place = task.place.text.clone().unwrap_or_else(|| untrack(|| console.scope_name(task.scope)));
    let told = format!("New: {}, {place}", words::brief(task));
    match is_listed {
        true => console.board.announced.set(told),
        false => console.tell(told),
    }
}

/// Where the last that happened is that somebody else sent a unit which the viewer answers for.
fn tell_sent(console: Console, task: &Task) {
    let Some(last) = task.timeline.last().filter(|last| !is_mine(console, &last.by)) else { return };
    let EntryKind::Assigned(assigned) = &last.step else { return };
    let sent = task.assignment(&assigned.assignment).filter(|sent| sent.is_active());
    if let Some(sent) = sent.filter(|sent| answers_for(console, sent.station)) {
        console.tell(words::sent(sent.unit_id.as_str(), task));
    }
}

fn is_mine(console: Console, by: &By) -> bool {
    console.viewer.with_value(|viewer| by.by.strip_prefix("user:") == Some(viewer.username.as_str()))
}

/// Those of a station answer for its units, and so does who has units and sends none. Dispatchers
/// of more see in their list who is sent where, all day.
fn answers_for(console: Console, station: Scope) -> bool {
    console.alerts.home == station
        || !console.may_dispatch() && untrack(|| console.known_name(station)).is_some()
}

/// What an event of the stream says of a task.
struct Told {
    which: TaskRef,
    /// Entries of its timeline by then.
    steps: u32,
    /// The last of them is that a unit was sent.
    is_sending: bool,
}

fn field(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).unwrap_or_default()
}

fn read(event: &str) -> Option<Told> {
    let event = JSON::parse(event).ok()?;
    let kind = field(&event, "kind").as_string()?;
    let is_order = match kind.as_str() {
        "incident" => false,
        "order" => true,
        _ => return None,
    };
    let task = field(&event, &kind);
    let id = field(&task, "id").as_string()?.parse().ok()?;
    let timeline = Array::from(&field(&task, "timeline"));
    let steps = timeline.length();
    let last = field(&timeline.get(steps.saturating_sub(1)), "step");
    let is_sending = field(&last, "type").as_string().is_some_and(|step| step == "assigned");
    Some(Told { which: TaskRef { is_order, id }, steps, is_sending })
}

/// Something happened in the viewer's own scope. Whether it happened to a task.
pub fn hear_elsewhere(console: Console, event: &str) -> bool {
    let Some(told) = read(event) else { return false };
    let board = console.board;
    let is_followed = board.chosen.get_untracked().as_ref() == Some(&told.which)
        && board.shown.get_untracked().is_none_or(|shown| !console.has_in_area(&shown));
    if is_followed {
        console.read_task(told.which.clone());
    }
    let answers_for_units = !console.may_dispatch() || console.alerts.home.level == Level::Station;
    let is_news = told.steps == 1 || told.is_sending && answers_for_units;
    if is_news && !console.is_wall {
        spawn_local(tell_elsewhere(console, told));
    }
    true
}

async fn tell_elsewhere(console: Console, told: Told) {
    // What cannot be read is no news: whoever looks for it is told why.
    let Ok(mut task) = dispatch::task(&told.which).await else { return };
    if task.is_closed() || console.has_in_area(&task) {
        return;
    }
    // It may have gone on since; that is told when it is heard of.
    task.timeline.truncate(told.steps as usize);
    match told.steps {
        1 => tell_new(console, &task, false),
        _ => tell_sent(console, &task),
    }
}

impl Console {
    /// Whether the area on show has a part in a task: then the socket tells of it, and the list
    /// holds it.
    pub fn has_in_area(self, task: &Task) -> bool {
        let area = self.scope.get_untracked();
        let is_within = |scope| untrack(|| self.lineage(scope)).iter().any(|node| node.scope == area);
        is_within(task.scope) || task.assignments.iter().any(|held| is_within(held.station))
    }
}
