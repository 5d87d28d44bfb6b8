//! Incidents and orders: what is to be attended to, by which units, until it is done.
//!
//! A task is a record. Every step is decided on the newest records and committed with the
//! deliveries that tell of it; then the live streams of all scopes that see the task are told, each
//! step once, and how its units are. What a process that was killed had committed and not told is
//! told by whoever watches ([`Dispatch::tell_again`]), or, where everything was in that process,
//! found anew by subscribers, whose streams begin again.
//!
//! For customers: [`links`] of orders, and what they show ([`followed`]).

pub mod estimate;
pub mod followed;
pub mod links;
mod measure;
mod routing;
mod ways;

use crate::{
    auth::{Caller, Denied},
    clock::Clock,
    directory::{Capacity, Directory, UnitEntry},
    live::status::Silence,
    ports::{Bus, Change, EngineError, OPEN_TASKS_MAX, Positions, Rooms, TaskRecord},
    webhooks::enqueue,
};
use estimate::Estimator;
use futures::future::join_all;
use sentinel_model::{
    Location, Scope, TaskId, Time, UnitId, UnitStatus,
    dispatch::{AssignmentState, By, NewAssignment, NewTask, Refusal, Step, Task, What},
    live::{Event, IncidentEvent, OrderEvent, StatusChanged},
};
use std::{collections::BTreeSet, sync::Arc};

/// How long a step is told again after it was made, by who watches: longer than anybody takes
/// between committing and telling, shorter than what was told once is remembered.
const TOLD_AGAIN_FOR_MS: i64 = 120_000;

/// Between the id of a task and the number of an assignment of it.
const OF_TASK: char = '.';

/// The longest id of its own that an order brings: one of an assignment is longer, and has 64.
pub const OWN_ID_MAX: usize = 60;

/// What ids begin with that are made here.
const OF_INCIDENT: &str = "inc-";
const OF_ORDER: &str = "ord-";

/// Open tasks of one part of the installation, of [`OPEN_TASKS_MAX`].
const OPEN_TASKS_OF: Capacity = Capacity { under_a_top: 15_000, under_another: 5_000 };

pub struct Dispatch {
    pub clock: Clock,
    pub directory: Arc<Directory>,
    pub bus: Arc<dyn Bus>,
    pub rooms: Arc<dyn Rooms>,
    pub positions: Arc<dyn Positions>,
    pub silence: Silence,
    pub estimator: Estimator,
    /// Held while a task gets its number, which is looked for first.
    pub numbering: tokio::sync::Mutex<()>,
}

#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    #[error("there is no {0} of that id that you may see")]
    NoTask(&'static str),
    #[error("there is no assignment of that id that you may see")]
    NoAssignment,
    #[error("the order has no link of that id")]
    NoLink,
    #[error("there is no unit {0} that you may send")]
    NoUnit(UnitId),
    #[error("unit {0} is off duty: start its patrol first")]
    OffDuty(UnitId),
    #[error("unit {unit} is on {task} already: stand it down there first, or say even_if_busy")]
    Busy { unit: UnitId, task: TaskId },
    #[error("an order {0} is there already")]
    Taken(TaskId),
    #[error("there are {OPEN_TASKS_MAX} open incidents and orders already: close some first")]
    TooMany,
    #[error("{0} has {1} open incidents and orders already, with what is below it: close some first")]
    TooManyOf(Scope, usize),
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A unit to assign.
#[derive(Debug, Clone)]
pub struct Send {
    pub unit: UnitId,
    /// Whether it may be on another task at the same time.
    pub even_if_busy: bool,
}

/// What a step of a task needs of who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    /// To steer the task.
    Steer,
    /// To add to its timeline: whoever works on it.
    Note,
}

impl Dispatch {
    /// Makes a task; an order may bring its own id.
    pub async fn create(
        &self,
        caller: &Caller,
        id: Option<TaskId>,
        new: NewTask,
    ) -> Result<TaskRecord, DispatchError> {
        let made = match id {
            Some(id) if self.found(&id).await?.is_some() => return Err(DispatchError::Taken(id)),
            Some(id) => self.make(caller, id, 0, &new).await?,
            None => self.make_numbered(caller, &new).await?,
        };
        self.tell(&made).await;
        Ok(made)
    }

    /// By the next number that nobody has: another node may give it first, and orders of earlier
    /// versions may have brought such an id.
    async fn make_numbered(&self, caller: &Caller, new: &NewTask) -> Result<TaskRecord, DispatchError> {
        let _in_turn = self.numbering.lock().await;
        let mut tried = 0;
        loop {
            let number = self.directory.last_task_number().max(tried) + 1;
            let id = numbered(&new.what, number);
            tried = number;
            if self.found(&id).await?.is_some() {
                continue;
            }
            match self.make(caller, id, number, new).await {
                Err(DispatchError::Taken(_)) => {}
                made => return made,
            }
        }
    }

    /// `number`: 0 where the id was not made here.
    async fn make(
        &self,
        caller: &Caller,
        id: TaskId,
        number: u64,
        new: &NewTask,
    ) -> Result<TaskRecord, DispatchError> {
        let (by, now) = (by(caller), self.clock.now());
        self.directory
            .change(|| {
                if !caller.may_dispatch_in(&self.directory, new.scope) {
                    return Err(Denied::NotAllowed("dispatch there").into());
                }
                self.ensure_room(new.scope)?;
                let is_given = number > 0 && number <= self.directory.last_task_number();
                if is_given || self.directory.recent_task(&id).is_some() {
                    return Err(DispatchError::Taken(id.clone()));
                }
                let task = Task::create(id.clone(), new.clone(), &by, now)?;
                let scopes = self.seen_by(&task, &[]);
                let made = TaskRecord { task, number, scopes, links: Vec::new() };
                Ok((self.put(&made), made))
            })
            .await
    }

    /// Whether there may be one more open task of a scope.
    fn ensure_room(&self, scope: Scope) -> Result<(), DispatchError> {
        let open = self.directory.open_tasks_by_scope();
        if open.values().sum::<usize>() >= OPEN_TASKS_MAX {
            return Err(DispatchError::TooMany);
        }
        match OPEN_TASKS_OF.full(&self.directory, scope, &open) {
            Some((full, most)) => Err(DispatchError::TooManyOf(full, most)),
            None => Ok(()),
        }
    }

    /// The task of that id, open or closed, where the caller sees it.
    pub async fn visible(
        &self,
        caller: &Caller,
        id: &TaskId,
        is_order: bool,
    ) -> Result<TaskRecord, DispatchError> {
        let found = self.found(id).await?;
        let seen = found.filter(|record| record.task.is_order() == is_order && may_see(caller, record));
        seen.ok_or(DispatchError::NoTask(word(is_order)))
    }

    async fn found(&self, id: &TaskId) -> Result<Option<TaskRecord>, EngineError> {
        match self.directory.open_task(id) {
            Some(held) => Ok(Some((*held).clone())),
            None => self.directory.registry().task(id).await,
        }
    }

    /// Takes a step that only who steers the task may take, or, for a note, who works on it.
    pub async fn step(
        &self,
        caller: &Caller,
        id: &TaskId,
        is_order: bool,
        step: Step,
    ) -> Result<TaskRecord, DispatchError> {
        let found = self.visible(caller, id, is_order).await?;
        let right = if matches!(step, Step::Note { .. }) { Right::Note } else { Right::Steer };
        self.take(caller, found, |held| {
            self.ensure(caller, held, right)?;
            if let Step::HandOver { to } = &step
                && !caller.may_dispatch_in(&self.directory, *to)
            {
                return Err(Denied::NotAllowed("hand it over to there").into());
            }
            Ok(step.clone())
        })
        .await
    }

    /// Assigns a unit, in place of another where `instead` names its assignment.
    pub async fn assign(
        &self,
        caller: &Caller,
        id: &TaskId,
        is_order: bool,
        send: &Send,
        instead: Option<&str>,
    ) -> Result<TaskRecord, DispatchError> {
        let found = self.visible(caller, id, is_order).await?;
        let last = self.positions.get(&send.unit).await?;
        let estimate = self.estimator.one(last.as_ref(), &found.task.place).await;
        self.take(caller, found, |held| {
            self.ensure(caller, held, Right::Steer)?;
            let unit = self.sent(caller, Some(&held.task.id), send)?;
            let to = NewAssignment {
                id: format!("{}{OF_TASK}{}", held.task.id, held.task.assignments.len() + 1),
                unit_id: send.unit.clone(),
                unit_name: unit.record.name.clone(),
                station: unit.path().station(),
                patrol_id: unit.patrol.map(|patrol| patrol.id),
                distance_m: estimate.map(|estimate| estimate.distance_m),
                eta_s: estimate.map(|estimate| estimate.eta_s),
            };
            Ok(match instead {
                Some(assignment) => Step::Reassign { assignment: assignment.to_owned(), to },
                None => Step::Assign { assignment: to },
            })
        })
        .await
    }

    /// Whether the caller may send a unit to a new task now.
    pub fn may_send(&self, caller: &Caller, send: &Send) -> Result<(), DispatchError> {
        self.sent(caller, None, send).map(drop)
    }

    /// The unit, where the caller may send it now.
    fn sent(
        &self,
        caller: &Caller,
        to: Option<&TaskId>,
        send: &Send,
    ) -> Result<Arc<UnitEntry>, DispatchError> {
        let unit = self.directory.unit(&send.unit).filter(|unit| caller.may_dispatch(&unit.path()));
        let unit = unit.ok_or_else(|| DispatchError::NoUnit(send.unit.clone()))?;
        if unit.patrol.is_none() {
            return Err(DispatchError::OffDuty(send.unit.clone()));
        }
        let on = self.directory.tasks_of(&send.unit);
        let other = on.iter().find(|other| Some(&other.task.id) != to);
        match other.filter(|_| !send.even_if_busy) {
            // Its name is told to who sees it alone.
            Some(other) if may_see(caller, other) => {
                Err(DispatchError::Busy { unit: send.unit.clone(), task: other.task.id.clone() })
            }
            Some(_) => Err(DispatchError::NoUnit(send.unit.clone())),
            None => Ok(unit),
        }
    }

    /// Notes how far an assigned unit is: by who steers the task, by who runs the unit's patrols,
    /// or by the unit itself.
    pub async fn status(
        &self,
        caller: &Caller,
        assignment: &str,
        state: AssignmentState,
    ) -> Result<TaskRecord, DispatchError> {
        let task = assignment.rsplit_once(OF_TASK).and_then(|(task, _)| task.parse().ok());
        let task: TaskId = task.ok_or(DispatchError::NoAssignment)?;
        let found = self.found(&task).await?;
        let found = found.filter(|record| self.may_tell_status(caller, record, assignment));
        let found = found.ok_or(DispatchError::NoAssignment)?;
        self.take(caller, found, |held| {
            if !self.may_tell_status(caller, held, assignment) {
                return Err(DispatchError::NoAssignment);
            }
            Ok(Step::Status { assignment: assignment.to_owned(), state })
        })
        .await
    }

    fn may_tell_status(&self, caller: &Caller, record: &TaskRecord, assignment: &str) -> bool {
        let Some(held) = record.task.assignment(assignment) else { return false };
        if let Caller::Unit(unit) = caller {
            return *unit.id() == held.unit_id;
        }
        let path = self.directory.station_path(held.station.id);
        caller.may_dispatch_in(&self.directory, record.task.scope)
            || path.is_some_and(|path| caller.may_dispatch(&path) || caller.may_run_patrol(&path))
    }

    /// Notes what was seen of a unit by its positions. A task that is elsewhere by now stays so.
    pub async fn seen(
        &self,
        task: &TaskId,
        assignment: &str,
        state: AssignmentState,
        at: Time,
    ) -> Result<(), DispatchError> {
        let Some(held) = self.directory.open_task(task) else { return Ok(()) };
        let step = Step::Status { assignment: assignment.to_owned(), state };
        let taken = self.take_by(&By::sentinel(), at, (*held).clone(), |_| Ok(step.clone())).await;
        match taken {
            Ok(_) | Err(DispatchError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn ensure(&self, caller: &Caller, record: &TaskRecord, right: Right) -> Result<(), DispatchError> {
        let steers = caller.may_dispatch_in(&self.directory, record.task.scope);
        let works = || {
            let stations = record.task.assignments.iter().map(|assignment| assignment.station.id);
            let mut paths = stations.filter_map(|station| self.directory.station_path(station));
            paths.any(|path| caller.may_dispatch(&path) || caller.may_run_patrol(&path))
        };
        match right {
            Right::Steer if !steers => Err(Denied::NotAllowed("steer it: its scope is not yours").into()),
            Right::Note if !steers && !works() => Err(Denied::NotAllowed("write about it").into()),
            Right::Steer | Right::Note => Ok(()),
        }
    }

    async fn take(
        &self,
        caller: &Caller,
        found: TaskRecord,
        decide: impl Fn(&TaskRecord) -> Result<Step, DispatchError>,
    ) -> Result<TaskRecord, DispatchError> {
        self.take_by(&by(caller), self.clock.now(), found, decide).await
    }

    /// Takes the step that `decide` decides on the newest record; tells of it.
    async fn take_by(
        &self,
        by: &By,
        at: Time,
        found: TaskRecord,
        decide: impl Fn(&TaskRecord) -> Result<Step, DispatchError>,
    ) -> Result<TaskRecord, DispatchError> {
        let (before, after) = self
            .directory
            .change(|| {
                // One that is not open and was not closed or written about of late nobody else has
                // changed since it was found.
                let held = self.directory.recent_task(&found.task.id);
                let before = match held {
                    Some(held) => (*held).clone(),
                    None if found.task.is_closed() => found.clone(),
                    None => return Err(Refusal::Closed.into()),
                };
                let step = decide(&before)?;
                let task = before.task.apply(step, by, at)?;
                if task == before.task {
                    return Ok((Vec::new(), (before.clone(), before)));
                }
                let scopes = self.seen_by(&task, &before.scopes);
                let after = TaskRecord { task, scopes, ..before.clone() };
                Ok::<_, DispatchError>((self.put(&after), (before, after)))
            })
            .await?;
        if before.task != after.task {
            measure::response(&before.task, &after.task);
            self.tell(&after).await;
            self.tell_units(&before.task, &after.task).await;
        }
        Ok(after)
    }

    /// The record with the deliveries that tell of its newest step.
    fn put(&self, record: &TaskRecord) -> Vec<Change> {
        let deliveries = enqueue::of_task(&self.directory, record);
        std::iter::once(Change::PutTask(record.clone())).chain(deliveries).collect()
    }

    /// Every scope that sees a task, with all above: those that saw it before go on to.
    fn seen_by(&self, task: &Task, before: &[Scope]) -> Vec<Scope> {
        let stations = task.assignments.iter().map(|assignment| assignment.station);
        let upwards = stations.chain([task.scope]).flat_map(|scope| self.directory.upwards(scope));
        let all: BTreeSet<Scope> = before.iter().copied().chain(upwards).collect();
        all.into_iter().collect()
    }

    async fn tell(&self, record: &TaskRecord) {
        if let Err(error) = self.tell_once(record).await {
            let (error, task): (&dyn std::error::Error, _) = (&error, &record.task.id);
            tracing::warn!(error, %task, "a step of a task could not be told; it is told again");
        }
    }

    /// Tells the streams how a task is, once for each of its steps.
    async fn tell_once(&self, record: &TaskRecord) -> Result<(), EngineError> {
        let task = Box::new(record.task.clone());
        let at = task.changed_at();
        let step = format!("{}/{}", task.id, task.timeline.len());
        let event = match task.what {
            What::Incident(_) => Event::Incident(IncidentEvent { offset: 0, at, incident: task }),
            What::Order(_) => Event::Order(OrderEvent { offset: 0, at, order: task }),
        };
        self.bus.publish_once(&step, &record.scopes, event).await.map(drop)
    }

    /// Tells again what was done of late, where nobody has told it.
    pub async fn tell_again(&self) -> Result<(), EngineError> {
        let since = self.clock.now().plus_ms(-TOLD_AGAIN_FOR_MS);
        for record in self.directory.tasks_since(since) {
            self.tell_once(&record).await?;
        }
        Ok(())
    }

    /// Tells how the units are that came to a task or left it. Who watches over silence mends what
    /// is not told here.
    async fn tell_units(&self, before: &Task, after: &Task) {
        let on = |task: &Task| -> BTreeSet<UnitId> { task.active().map(|a| a.unit_id.clone()).collect() };
        let (were, are) = (on(before), on(after));
        join_all(were.symmetric_difference(&are).map(|unit| self.tell_unit(unit))).await;
    }

    async fn tell_unit(&self, unit: &UnitId) {
        let told = async {
            let Some(entry) = self.directory.unit(unit) else { return Ok(()) };
            let Some(patrol) = entry.patrol else { return Ok(()) };
            let (last, now) = (self.positions.get(unit).await?, self.clock.now());
            let status = self.status_of(&entry, last.as_ref(), now);
            let changed = StatusChanged { offset: 0, at: now, id: unit.clone(), patrol: patrol.id, status };
            self.rooms.set_status(patrol.id, status, Event::Status(changed)).await
        };
        if let Err(error) = told.await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, %unit, "that a unit is on a task, or is free again, could not be told");
        }
    }

    pub fn status_of(&self, entry: &UnitEntry, last: Option<&Location>, now: Time) -> UnitStatus {
        self.silence.status(entry, last, self.directory.is_on_task(&entry.record.id), now)
    }
}

fn may_see(caller: &Caller, record: &TaskRecord) -> bool {
    match caller {
        Caller::Unit(unit) => record.task.is_active_for(unit.id()),
        Caller::User(_) | Caller::Key(_) => caller.may_view_of(&record.scopes),
    }
}

fn numbered(what: &What, number: u64) -> TaskId {
    let of = match what {
        What::Incident(_) => OF_INCIDENT,
        What::Order(_) => OF_ORDER,
    };
    format!("{of}{number}").parse().expect("letters, a dash and digits")
}

/// Whether an id looks like those that are made here, which no order brings.
pub fn is_of_ours(id: &TaskId) -> bool {
    let number = [OF_INCIDENT, OF_ORDER].iter().find_map(|of| id.as_str().strip_prefix(of));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

pub fn word(is_order: bool) -> &'static str {
    if is_order { "order" } else { "incident" }
}

/// Who takes a step, as its timeline names them.
pub fn by(caller: &Caller) -> By {
    let name = match caller {
        Caller::User(user) => user.record().name.clone(),
        Caller::Key(key) => key.record().name.clone(),
        Caller::Unit(unit) => unit.entry().record.name.clone(),
    };
    By { by: caller.to_string(), name }
}
