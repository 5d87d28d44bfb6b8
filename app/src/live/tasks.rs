//! Open incidents and orders of the scope on show, and the one that is open beside the map.
//!
//! A snapshot of the stream holds none: they are read when one comes, and kept current by
//! events. Of two accounts of a task the one with the longer timeline is newer, so that it does
//! not matter which comes first, the answer to what was done here or the event that tells of it.

use super::{
    alerts::Reading,
    dispatch,
    link::Link,
    rest::{self, RestError},
};
use crate::{components::whole::effect, console::Console, prefs};
use leptos::{prelude::*, task::spawn_local};
use sentinel_model::{
    Role, Scope, Task, TaskId, UnitId,
    dispatch::{Assignment, Priority, TaskState, What},
};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// What came of an account of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Nothing new in it.
    Old,
    /// It was not known before.
    New,
    Changed,
    /// It is open no more.
    Ended,
}

/// The open ones, by id.
#[derive(Debug, Default)]
pub struct Tasks {
    open: BTreeMap<TaskId, Arc<Task>>,
    ended: HashSet<TaskId>,
    /// Heard of while a list is being read, which may be older.
    heard: HashSet<TaskId>,
}

impl Tasks {
    pub fn hear(&mut self, task: &Task) -> Heard {
        self.heard.insert(task.id.clone());
        let held = self.open.get(&task.id);
        if self.ended.contains(&task.id) || held.is_some_and(|held| !is_newer(task, held)) {
            return Heard::Old;
        }
        if task.is_closed() {
            self.ended.insert(task.id.clone());
            return if self.open.remove(&task.id).is_some() { Heard::Ended } else { Heard::Old };
        }
        match self.open.insert(task.id.clone(), Arc::new(task.clone())) {
            Some(_) => Heard::Changed,
            None => Heard::New,
        }
    }

    /// A list is about to be asked for.
    pub fn begin_list(&mut self) {
        self.heard.clear();
    }

    /// Of a list that is not `whole` nobody knows what is missing.
    pub fn take_list(&mut self, list: &[Task], whole: bool) {
        let heard = std::mem::take(&mut self.heard);
        let listed: HashSet<&TaskId> = list.iter().map(|task| &task.id).collect();
        if whole {
            self.open.retain(|id, _| listed.contains(id) || heard.contains(id));
        }
        for task in list {
            self.hear(task);
        }
    }

    /// Another scope comes on show.
    pub fn forget(&mut self) {
        self.open.clear();
        self.heard.clear();
    }

    pub fn get(&self, id: &TaskId) -> Option<&Arc<Task>> {
        self.open.get(id)
    }

    /// The most pressing first, of each priority the longest waiting.
    pub fn all(&self) -> Vec<Arc<Task>> {
        let mut all: Vec<Arc<Task>> = self.open.values().cloned().collect();
        all.sort_by(|a, b| (priority(a), a.created_at, &a.id).cmp(&(priority(b), b.created_at, &b.id)));
        all
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.open.values()
    }

    /// All of them, and those that no unit attends to.
    pub fn counts(&self) -> (usize, usize) {
        (self.open.len(), self.open.values().filter(|task| task.state == TaskState::Open).count())
    }

    /// What a unit is on.
    pub fn of_unit(&self, unit: &UnitId) -> Vec<Arc<Task>> {
        self.open.values().filter(|task| task.is_active_for(unit)).cloned().collect()
    }
}

pub fn is_newer(task: &Task, held: &Task) -> bool {
    task.timeline.len() > held.timeline.len()
}

/// An order is like an incident of normal priority.
pub fn priority(task: &Task) -> Priority {
    match &task.what {
        What::Incident(incident) => incident.priority,
        What::Order(_) => Priority::Normal,
    }
}

/// Which task, and under which address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRef {
    pub is_order: bool,
    pub id: TaskId,
}

impl TaskRef {
    pub fn of(task: &Task) -> Self {
        Self { is_order: task.is_order(), id: task.id.clone() }
    }

    pub fn word(&self) -> &'static str {
        if self.is_order { "order" } else { "incident" }
    }
}

/// A new incident or order that is being written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    pub is_order: bool,
    /// Degrees.
    pub place: Option<(f64, f64)>,
    /// What it begins with.
    pub kind: String,
    pub notes: String,
    pub is_high: bool,
}

#[derive(Clone, Copy)]
pub struct Board {
    pub tasks: StoredValue<Tasks>,
    /// Grows when they are others.
    pub beat: RwSignal<u32>,
    pub reading: RwSignal<Reading>,
    /// Open beside the map, as the address says.
    pub chosen: Memo<Option<TaskRef>>,
    /// That one as it was last heard of, closed ones too.
    pub shown: RwSignal<Option<Arc<Task>>>,
    /// Why it cannot be shown.
    pub missing: RwSignal<Option<String>>,
    /// The list is on show.
    pub on: RwSignal<bool>,
    pub draft: RwSignal<Option<Draft>>,
    /// Where the one on show is to be, while what is said of it is being changed. Degrees.
    pub moving: RwSignal<Option<(f64, f64)>>,
    /// What a reader of the screen is told.
    pub announced: RwSignal<String>,
    /// A unit that was dropped on the one that is open, and cannot be sent just so.
    pub refused: RwSignal<Option<UnitId>>,
    /// Which scope they are of.
    of: StoredValue<Option<Scope>>,
}

impl Board {
    pub fn new(chosen: Memo<Option<TaskRef>>) -> Self {
        Self {
            tasks: StoredValue::default(),
            beat: RwSignal::new(0),
            reading: RwSignal::new(Reading::First),
            chosen,
            shown: RwSignal::new(None),
            missing: RwSignal::new(None),
            on: RwSignal::new(prefs::board_chosen()),
            draft: RwSignal::new(None),
            moving: RwSignal::new(None),
            announced: RwSignal::default(),
            refused: RwSignal::new(None),
            of: StoredValue::default(),
        }
    }

    /// Reads them, and again whenever they change.
    pub fn with<T>(self, read: impl FnOnce(&Tasks) -> T) -> T {
        self.beat.track();
        self.tasks.with_value(read)
    }

    /// Whether a click on the map says where something is.
    pub fn is_placing(self) -> bool {
        self.draft.read().is_some() || self.moving.read().is_some()
    }

    /// Where somebody clicked on the map: of a new one, or of the one that is being changed.
    pub fn place_at(self, lat: f64, lon: f64) {
        if self.draft.with_untracked(Option::is_some) {
            self.draft.update(|draft| {
                if let Some(draft) = draft {
                    draft.place = Some((lat, lon));
                }
            });
        } else if self.moving.with_untracked(Option::is_some) {
            self.moving.set(Some((lat, lon)));
        }
    }

    fn changed(self) {
        self.beat.update(|n| *n = n.wrapping_add(1));
    }
}

/// Whether something other than the map stands at its right.
pub fn is_beside(board: Board) -> bool {
    board.chosen.read().is_some() || board.draft.read().is_some()
}

pub fn come_alive(console: Console) {
    let board = console.board;
    effect(move || {
        let Some(chosen) = board.chosen.get() else {
            board.shown.set(None);
            return;
        };
        if board.shown.read_untracked().as_ref().is_some_and(|task| task.id == chosen.id) {
            return;
        }
        board.missing.set(None);
        let held = board.tasks.with_value(|tasks| tasks.get(&chosen.id).cloned());
        let is_held = held.is_some();
        board.shown.set(held);
        if !is_held {
            console.read_task(chosen);
        }
    });
}

impl Console {
    pub fn may_dispatch(self) -> bool {
        self.viewer.with_value(|v| matches!(v.role, Role::Admin | Role::Commander | Role::Dispatcher))
    }

    /// Whether the viewer steers a task: sends units, changes and closes it.
    pub fn may_steer(self, task: &Task) -> bool {
        self.may_dispatch() && self.scopes.read().iter().any(|node| node.scope == task.scope)
    }

    /// Whether the viewer may say how far an assigned unit is.
    pub fn may_step(self, task: &Task, assignment: &Assignment) -> bool {
        let own = || self.scopes.read().iter().any(|node| node.scope == assignment.station);
        self.may_steer(task) || (self.may_dispatch() || self.may_manage_patrols()) && own()
    }

    /// Whether the viewer works on it, and so may write about it.
    pub fn may_note(self, task: &Task) -> bool {
        self.may_steer(task) || task.assignments.iter().any(|held| self.may_step(task, held))
    }

    /// Of the one that is open, whatever area it is of.
    fn show_newer(self, task: &Task) {
        let shown = self.board.shown;
        let is_shown = shown.with_untracked(|shown| {
            shown.as_ref().is_some_and(|held| held.id == task.id && is_newer(task, held))
        });
        if is_shown {
            shown.set(Some(Arc::new(task.clone())));
        }
    }

    /// A task as the server says it is, by an event or by an answer.
    pub fn hear_task(self, task: &Task) -> Heard {
        let board = self.board;
        self.show_newer(task);
        let mut heard = Heard::Old;
        board.tasks.update_value(|tasks| heard = tasks.hear(task));
        if heard != Heard::Old {
            board.changed();
        }
        heard
    }

    /// The same, told by the socket: what is new to the page is news to the person.
    pub fn hear_of_task(self, task: &Task) {
        let heard = self.hear_task(task);
        if let Some(parts) = untrack(|| self.parts()) {
            (parts.task_news)(self, task, heard);
        }
    }

    /// Reads the open ones of the scope on show.
    pub fn read_tasks(self) {
        let (board, scope) = (self.board, self.scope.get_untracked());
        if board.of.get_value() != Some(scope) {
            board.of.set_value(Some(scope));
            board.tasks.update_value(Tasks::forget);
            board.reading.set(Reading::First);
            board.changed();
        }
        board.tasks.update_value(Tasks::begin_list);
        spawn_local(async move {
            let answer = dispatch::open_tasks(scope).await;
            if self.scope.get_untracked() != scope {
                return;
            }
            match answer {
                Ok((list, more)) => {
                    board.tasks.update_value(|tasks| tasks.take_list(&list, !more));
                    board.reading.set(Reading::Done { more });
                    board.changed();
                    self.refresh_shown();
                }
                Err(RestError::SignedOut) => self.link.set(Link::SignedOut),
                Err(e) => board.reading.set(Reading::Failed(e.to_string())),
            }
        });
    }

    /// The one on show may have gone on, or ended, while nobody told.
    pub(super) fn refresh_shown(self) {
        let board = self.board;
        let Some(chosen) = board.chosen.get_untracked() else { return };
        match board.tasks.with_value(|tasks| tasks.get(&chosen.id).cloned()) {
            Some(task) => board.shown.update(|shown| {
                if shown.as_ref().is_none_or(|held| held.id != task.id || is_newer(&task, held)) {
                    *shown = Some(task);
                }
            }),
            None => self.read_task(chosen),
        }
    }

    /// Reads one task, for whoever has it open.
    pub fn read_task(self, which: TaskRef) {
        let board = self.board;
        spawn_local(async move {
            let answer = dispatch::task(&which).await;
            if board.chosen.get_untracked().as_ref() != Some(&which) {
                return;
            }
            match answer {
                Ok(task) => {
                    if board.shown.with_untracked(Option::is_none) {
                        // A link opened it: nobody has looked there yet.
                        self.fly_to_task(&task);
                    }
                    let held = board.shown.get_untracked().filter(|held| held.id == task.id);
                    if held.is_none_or(|held| is_newer(&task, &held)) {
                        board.shown.set(Some(Arc::new(task)));
                    }
                    board.missing.set(None);
                }
                Err(RestError::SignedOut) => self.link.set(Link::SignedOut),
                Err(e) => board.missing.set(Some(e.to_string())),
            }
        });
    }

    /// What became of something that was done to a task here.
    pub fn took_task(self, answer: Result<Task, RestError>) -> Result<Task, RestError> {
        match &answer {
            Ok(task) => {
                let is_listed = self.board.tasks.with_value(|tasks| tasks.get(&task.id).is_some());
                if is_listed || self.has_in_area(task) {
                    self.hear_task(task);
                } else {
                    self.show_newer(task);
                }
            }
            Err(RestError::SignedOut) => self.link.set(Link::SignedOut),
            Err(_) => {}
        }
        answer
    }

    /// A new incident is begun. Its place comes by a click on the map, or is given.
    pub fn begin_incident(self, draft: Draft) {
        if self.may_dispatch() {
            self.alerts.drawer.set(false);
            self.sheet.set(crate::console::Sheet::Map);
            self.board.draft.set(Some(draft));
        }
    }

    pub fn show_board(self, on: bool) {
        self.board.on.set(on);
        prefs::remember_board(on);
    }
}

/// Has the list asked for again after a while, where it could not be read.
pub fn try_again(console: Console) {
    let again = RwSignal::new(0u32);
    effect(move || {
        let is_again = again.get() > 0;
        if is_again {
            console.read_tasks();
        }
    });
    effect(move || {
        if matches!(*console.board.reading.read(), Reading::Failed(_)) {
            rest::ask_later(again);
        }
    });
}

#[cfg(test)]
#[path = "tasks_tests.rs"]
pub mod tests;
