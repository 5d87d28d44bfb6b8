//! Reports of how fast tasks were attended to, computed from their timelines as they are read.
//!
//! A report reads the tasks of its time page by page, newest first, as the lists do, and keeps of
//! each only how long things took. So its memory is bounded by [`PARTS_MAX`] and what a page holds;
//! of more than that there is no report ([`ReportError::TooMany`]), rather than one of a part.
//! Over every engine it is the same.

mod csv;
mod tally;
#[cfg(test)]
mod tests;

pub use csv::csv;

use crate::ports::{EngineError, Registry, TaskRecord, TasksOf};
use sentinel_model::{
    Scope, Task, TaskId, Time, UnitId,
    dispatch::{Priority, What},
    report::{GroupBy, PerformanceGroup, ResponseTimesReport, SlowTask, TaskKind},
};
use std::collections::{BTreeMap, BTreeSet};
use tally::{Tally, seconds};

/// Tasks that a report is made of at most, each counted once for every group that it stands in:
/// some eight megabytes.
pub const PARTS_MAX: usize = 100_000;
/// Read at once.
const READ: usize = 500;
/// The slowest that are named.
const SLOWEST: usize = 10;

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(
        "there are more than {PARTS_MAX} of them: ask for less time, a smaller scope or another grouping"
    )]
    TooMany,
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// What a report is of.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// One that the caller may see.
    pub scope: Scope,
    pub kind: TaskKind,
    pub group_by: GroupBy,
    pub from: Time,
    /// Part of the time.
    pub to: Time,
}

/// How fast the tasks that a scope sees and that were opened in a time were attended to. Groups are
/// named by what the tasks themselves say; names of scopes are left to who may see them.
pub async fn response_times(
    registry: &dyn Registry,
    wanted: Wanted,
) -> Result<ResponseTimesReport, ReportError> {
    let mut report = Report::of(wanted);
    let is_order = Some(wanted.kind == TaskKind::Order);
    let of = TasksOf { is_order, scope: Some(wanted.scope), ..TasksOf::default() };
    // No id sorts before this one, so the first page begins with what was opened at `to` itself.
    let least: TaskId = "-".parse().expect("a dash is an id");
    let mut behind = Some((wanted.to.plus_ms(1), least));
    loop {
        let page = registry.tasks(&of, behind.take(), READ).await?;
        for TaskRecord { task, .. } in page.iter().take_while(|record| record.task.created_at >= wanted.from)
        {
            report.count(task)?;
        }
        // A short page is the last; one that goes back beyond the time is enough.
        let last = page.last().filter(|last| page.len() == READ && last.task.created_at >= wanted.from);
        let Some(last) = last else { break };
        behind = Some((last.task.created_at, last.task.id.clone()));
    }
    Ok(report.finish())
}

/// What the tasks of a group have in common, in the order of groups.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Scope(Scope),
    Type(String),
    Priority(Priority),
    Unit(UnitId),
    Day(String),
}

impl Key {
    fn word(&self) -> String {
        match self {
            Key::Scope(scope) => scope.to_string(),
            Key::Type(word) | Key::Day(word) => word.clone(),
            Key::Priority(priority) => priority.as_str().to_owned(),
            Key::Unit(unit) => unit.to_string(),
        }
    }
}

struct Report {
    wanted: Wanted,
    total: Tally,
    groups: BTreeMap<Key, (Option<String>, Tally)>,
    parts: usize,
    slowest: Vec<SlowTask>,
}

impl Report {
    fn of(wanted: Wanted) -> Self {
        Self { wanted, total: Tally::default(), groups: BTreeMap::new(), parts: 0, slowest: Vec::new() }
    }

    fn count(&mut self, task: &Task) -> Result<(), ReportError> {
        let (opened_at, went) = (task.created_at, task.milestones());
        self.total.count(opened_at, &went, task.outcome);
        let before = self.parts;
        for (key, name) in keys(self.wanted.group_by, task) {
            let part = if let Key::Unit(unit) = &key { task.milestones_of(unit) } else { went };
            // Newest first: the name is the last that it had.
            let (_, tally) = self.groups.entry(key).or_insert_with(|| (name, Tally::default()));
            tally.count(opened_at, &part, task.outcome);
            self.parts += 1;
        }
        // One that is in no group is in the total all the same.
        self.parts = self.parts.max(before + 1);
        if let Some(on_scene_at) = went.on_scene_at {
            self.note_slow(task, on_scene_at);
        }
        if self.parts > PARTS_MAX { Err(ReportError::TooMany) } else { Ok(()) }
    }

    fn note_slow(&mut self, task: &Task, on_scene_at: Time) {
        let to_on_scene_s = seconds(on_scene_at.ms_since(task.created_at));
        let at = self.slowest.partition_point(|slow| slow.to_on_scene_s >= to_on_scene_s);
        if at == SLOWEST {
            return;
        }
        let (kind, priority) = match &task.what {
            What::Incident(incident) => (Some(incident.kind.clone()), Some(incident.priority)),
            What::Order(_) => (None, None),
        };
        let slow = SlowTask {
            id: task.id.clone(),
            kind,
            priority,
            scope: task.scope,
            address: task.place.text.clone(),
            opened_at: task.created_at,
            to_on_scene_s,
        };
        self.slowest.truncate(SLOWEST - 1);
        self.slowest.insert(at, slow);
    }

    fn finish(self) -> ResponseTimesReport {
        let Wanted { scope, kind, group_by, from, to } = self.wanted;
        let group = |(key, (name, tally)): (Key, (Option<String>, Tally))| {
            let key = key.word();
            PerformanceGroup { name: name.filter(|name| *name != key), key, performance: tally.performance() }
        };
        ResponseTimesReport {
            scope,
            kind,
            group_by,
            from,
            to,
            total: self.total.performance(),
            groups: self.groups.into_iter().map(group).collect(),
            slowest: self.slowest,
        }
    }
}

/// The groups that a task stands in, with what it calls them.
fn keys(by: GroupBy, task: &Task) -> BTreeMap<Key, Option<String>> {
    let incident = if let What::Incident(incident) = &task.what { Some(incident) } else { None };
    let one = match by {
        GroupBy::Station => Some((Key::Scope(task.scope), None)),
        GroupBy::Type => incident.map(|it| (Key::Type(it.kind.to_lowercase()), Some(it.kind.clone()))),
        GroupBy::Priority => incident.map(|it| (Key::Priority(it.priority), None)),
        GroupBy::Day => Some((Key::Day(day(task.created_at)), None)),
        GroupBy::Unit => {
            let units: BTreeSet<_> =
                task.assignments.iter().map(|held| (&held.unit_id, &held.unit_name)).collect();
            let key = |(unit, name): (&UnitId, &String)| (Key::Unit(unit.clone()), Some(name.clone()));
            return units.into_iter().map(key).collect();
        }
    };
    one.into_iter().collect()
}

/// `2026-11-21`, in UTC.
fn day(at: Time) -> String {
    at.to_string().split('T').next().unwrap_or_default().to_owned()
}
