//! A unit dragged onto an incident is sent there, and an incident onto a unit the same. The rows
//! are told apart by what they carry, so whoever draws one needs to know nothing of this.

use crate::{
    components::whole::effect,
    console::Console,
    live::{dispatch, rest::RestError, tasks::TaskRef},
};
use leptos::{prelude::*, task::spawn_local};
use sentinel_model::{TaskId, UnitId};
use wasm_bindgen::JsCast;

const OVER: &str = "drop-here";

#[derive(Debug, Clone, PartialEq)]
enum Held {
    Unit(UnitId),
    Task(TaskId),
}

/// The unit or task whose row, card or drawer an event is in.
fn under(event: &web_sys::Event, wanted: &str) -> Option<(web_sys::Element, String)> {
    let target = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    let row = target.closest(wanted).ok().flatten()?;
    let id = row.get_attribute("data-unit").or_else(|| {
        let id = row.id();
        id.strip_prefix("unit-").or_else(|| id.strip_prefix("task-")).map(str::to_string)
    })?;
    Some((row, id))
}

const UNITS: &str = ".unit-row, .near-row";
const TASKS: &str = ".task-list .task-row, .task-drawer";

fn held_by(event: &web_sys::Event) -> Option<Held> {
    match under(event, UNITS) {
        Some((_, id)) => id.parse().ok().map(Held::Unit),
        None => under(event, TASKS).and_then(|(_, id)| id.parse().ok()).map(Held::Task),
    }
}

/// Where what is held may be dropped: the row, and who goes where.
fn target(
    console: Console,
    event: &web_sys::Event,
    held: &Held,
) -> Option<(web_sys::Element, UnitId, TaskId)> {
    match held {
        Held::Unit(unit) => {
            let (row, id) = under(event, TASKS)?;
            let task = match row.class_list().contains("task-drawer") {
                true => console.board.chosen.get_untracked()?.id,
                false => id.parse().ok()?,
            };
            Some((row, unit.clone(), task))
        }
        Held::Task(task) => {
            let (row, id) = under(event, UNITS)?;
            Some((row, id.parse().ok()?, task.clone()))
        }
    }
}

fn unmark() {
    let marked = document().query_selector(&format!(".{OVER}")).ok().flatten();
    if let Some(row) = marked {
        let _ = row.class_list().remove_1(OVER);
    }
}

/// Some browsers drag nothing that carries no words.
fn carry(event: &web_sys::Event, words: &str) {
    let data = js_sys::Reflect::get(event, &"dataTransfer".into());
    let set = data.as_ref().ok().and_then(|data| js_sys::Reflect::get(data, &"setData".into()).ok());
    if let (Ok(data), Some(set)) = (&data, set.and_then(|set| set.dyn_into::<js_sys::Function>().ok())) {
        // Without it nothing is carried; who is dragged is known all the same.
        let _ = set.call2(data, &"text/plain".into(), &words.into());
    }
}

/// Called once, when the list's code is here; listens while the list does.
pub fn listen(console: Console) {
    let held = StoredValue::new(None::<Held>);
    effect(move || {
        let start = window_event_listener(leptos::ev::dragstart, move |e| {
            let what = held_by(&e);
            match &what {
                Some(Held::Unit(unit)) => carry(&e, unit.as_str()),
                Some(Held::Task(task)) => carry(&e, task.as_str()),
                None => {}
            }
            held.set_value(what);
        });
        let over = window_event_listener(leptos::ev::dragover, move |e| {
            let found = held.get_value().and_then(|held| target(console, &e, &held));
            let Some((row, ..)) = found else { return unmark() };
            e.prevent_default();
            if !row.class_list().contains(OVER) {
                unmark();
                let _ = row.class_list().add_1(OVER);
            }
        });
        let dropped = window_event_listener(leptos::ev::drop, move |e| {
            unmark();
            let found = held.get_value().and_then(|held| target(console, &e, &held));
            if let Some((_, unit, task)) = found {
                e.prevent_default();
                send(console, unit, task);
            }
        });
        let end = window_event_listener(leptos::ev::dragend, move |_| {
            unmark();
            held.set_value(None);
        });
        on_cleanup(move || {
            for handle in [start, over, dropped, end] {
                handle.remove();
            }
        });
    });
}

/// Sends the unit; where it cannot be sent, the task is opened, with what can be done about it.
fn send(console: Console, unit: UnitId, id: TaskId) {
    let Some(task) = console.board.tasks.with_value(|tasks| tasks.get(&id).cloned()) else { return };
    if !untrack(|| console.may_steer(&task)) {
        return console.warn("This incident is not yours to steer.");
    }
    let which = TaskRef::of(&task);
    spawn_local(async move {
        match console.took_task(dispatch::assign(&which, &unit, false, None).await) {
            Ok(_) => console.tell(format!("{unit} is sent.")),
            Err(RestError::Refused { code, .. }) if code == "busy" || code == "off_duty" => {
                console.board.refused.set(Some(unit));
                console.look_at_task(&task);
            }
            Err(e) => console.warn(e.to_string()),
        }
    });
}
