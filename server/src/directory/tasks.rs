//! The tasks that are open, by id and by the units that are on them, and those closed last.

use crate::ports::TaskRecord;
use sentinel_model::{Scope, TaskId, Time, UnitId};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

/// Closed ones that are remembered: more than are closed within the time that telling takes.
const CLOSED: usize = 1_000;

#[derive(Default)]
pub(super) struct OpenTasks {
    by_id: BTreeMap<TaskId, Arc<TaskRecord>>,
    /// Of each unit that is on any, oldest first.
    by_unit: HashMap<UnitId, Vec<TaskId>>,
    /// How many each scope has.
    by_scope: HashMap<Scope, usize>,
    closed: VecDeque<Arc<TaskRecord>>,
    last_number: u64,
}

impl OpenTasks {
    pub fn get(&self, id: &TaskId) -> Option<Arc<TaskRecord>> {
        self.by_id.get(id).cloned()
    }

    /// Also where it is one of those closed last.
    pub fn recent(&self, id: &TaskId) -> Option<Arc<TaskRecord>> {
        let closed = || self.closed.iter().find(|record| record.task.id == *id).cloned();
        self.get(id).or_else(closed)
    }

    /// Those that a scope sees, by id.
    pub fn seen_by(&self, scope: Scope) -> Vec<Arc<TaskRecord>> {
        self.by_id.values().filter(|record| record.scopes.contains(&scope)).cloned().collect()
    }

    /// How many each scope has of its own.
    pub fn by_scope(&self) -> HashMap<Scope, usize> {
        self.by_scope.clone()
    }

    /// Those that something happened to since a time, closed ones too.
    pub fn since(&self, at: Time) -> Vec<Arc<TaskRecord>> {
        let is_new = |record: &&Arc<TaskRecord>| record.task.changed_at() >= at;
        self.by_id.values().chain(&self.closed).filter(is_new).cloned().collect()
    }

    /// The tasks that a unit is on.
    pub fn of_unit(&self, unit: &UnitId) -> Vec<Arc<TaskRecord>> {
        self.by_unit.get(unit).into_iter().flatten().filter_map(|id| self.get(id)).collect()
    }

    /// Every unit that is on any.
    pub fn units(&self) -> Vec<UnitId> {
        self.by_unit.keys().cloned().collect()
    }

    pub fn is_on_task(&self, unit: &UnitId) -> bool {
        self.by_unit.contains_key(unit)
    }

    /// The highest number that was given.
    pub fn last_number(&self) -> u64 {
        self.last_number
    }

    pub fn given(&mut self, number: u64) {
        self.last_number = self.last_number.max(number);
    }

    pub fn put(&mut self, record: TaskRecord) {
        self.given(record.number);
        self.remove(&record.task.id);
        let record = Arc::new(record);
        if record.task.is_closed() {
            self.closed.retain(|held| held.task.id != record.task.id);
            if self.closed.len() == CLOSED {
                self.closed.pop_front();
            }
            self.closed.push_back(record);
            return;
        }
        let id = &record.task.id;
        for active in record.task.active() {
            self.by_unit.entry(active.unit_id.clone()).or_default().push(id.clone());
        }
        *self.by_scope.entry(record.task.scope).or_default() += 1;
        self.by_id.insert(id.clone(), record);
    }

    fn remove(&mut self, id: &TaskId) {
        let Some(before) = self.by_id.remove(id) else { return };
        if let Some(count) = self.by_scope.get_mut(&before.task.scope) {
            *count -= 1;
            if *count == 0 {
                self.by_scope.remove(&before.task.scope);
            }
        }
        for active in before.task.active() {
            if let Some(tasks) = self.by_unit.get_mut(&active.unit_id) {
                tasks.retain(|task| task != id);
                if tasks.is_empty() {
                    self.by_unit.remove(&active.unit_id);
                }
            }
        }
    }
}
