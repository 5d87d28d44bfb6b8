//! Tasks: incidents and orders, and the units assigned to them.
//!
//! Pure: no clock, no store. A [`Task`] is made by [`Task::create`] and goes on by
//! [`Task::apply`], which answers the next one and leaves the old as it was, or says why
//! not ([`Refusal`]). Whatever happens to a task stands in its timeline.

use crate::{
    Scope, TaskId, Time, UnitId,
    wire::{wire_enum, wire_struct},
};
use serde::{Deserialize, Serialize};

mod assignment;
mod estimate;
mod limits;
mod link;
mod milestones;
mod nearest;
mod refusal;
mod step;
#[cfg(test)]
mod tests;

pub use assignment::{Assignment, AssignmentState, AssignmentTimes, NewAssignment, ResponseTimes};
pub use estimate::{Estimate, ROAD_FACTOR};
pub use limits::{
    ADDRESS_MAX, ASSIGNMENTS_MAX, CUSTOMER_MAX, KIND_MAX, NOTES_MAX, REMARKS_MAX, TIMELINE_MAX,
};
pub use link::OrderLink;
pub use milestones::Milestones;
pub use nearest::NearestUnit;
pub use refusal::Refusal;
pub use step::{NewTask, Step, TaskEdit};

wire_struct! {
    /// An incident or an order, with the units that attend to it.
    pub struct Task {
        pub id: TaskId,
        flat { pub what: What }
        /// What its assignments make of it ([`Task::derive_state`]).
        pub state: TaskState,
        /// None until it is closed.
        pub outcome: Option<Outcome>,
        /// Who sees this scope sees the task.
        pub scope: Scope,
        /// Where the incident is, or where the order goes.
        pub place: Place,
        /// What whoever attends to it has to know; empty where there is nothing.
        pub notes: String,
        pub created_at: Time,
        pub created_by: By,
        pub closed_at: Option<Time>,
        /// Oldest first, those that have ended among them.
        pub assignments: Vec<Assignment>,
        /// Oldest first; times never go backwards.
        pub timeline: Vec<Entry>,
    }
}

wire_enum! {
    /// What a task is.
    pub enum What tagged "type" {
        Incident(Incident),
        Order(Order),
    }
}

/// Something to attend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Incident {
    /// A word of the operator's own.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 60, example = "accident"))]
    pub kind: String,
    pub priority: Priority,
}

/// A job for a customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Order {
    #[cfg_attr(feature = "openapi", schema(max_length = 100, example = "Marine Drive Bakery"))]
    pub customer: Option<String>,
    /// Where it is fetched; the task's place is where it goes.
    pub pickup: Option<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    High,
    Normal,
    Low,
}

impl Priority {
    /// The most pressing first.
    pub const ALL: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];

    pub fn as_str(self) -> &'static str {
        match self {
            Priority::High => "high",
            Priority::Normal => "normal",
            Priority::Low => "low",
        }
    }
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// No unit attends to it.
    Open,
    /// At least one does, and none is there yet.
    Assigned,
    /// At least one is there.
    OnScene,
    Closed,
}

impl TaskState {
    pub const ALL: [TaskState; 4] =
        [TaskState::Open, TaskState::Assigned, TaskState::OnScene, TaskState::Closed];

    pub fn as_str(self) -> &'static str {
        match self {
            TaskState::Open => "open",
            TaskState::Assigned => "assigned",
            TaskState::OnScene => "on_scene",
            TaskState::Closed => "closed",
        }
    }
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    Cancelled,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Cancelled => "cancelled",
        }
    }

    /// What becomes of the units that still attend to the task.
    fn ends_in(self) -> AssignmentState {
        match self {
            Outcome::Done => AssignmentState::Cleared,
            Outcome::Cancelled => AssignmentState::Cancelled,
        }
    }
}

/// A place, degrees, and its address where one is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Place {
    #[cfg_attr(feature = "openapi", schema(minimum = -90, maximum = 90, example = 9.9624))]
    pub latitude: f64,
    #[cfg_attr(feature = "openapi", schema(minimum = -180, maximum = 180, example = 76.2995))]
    pub longitude: f64,
    #[cfg_attr(feature = "openapi", schema(max_length = 200, example = "Kadavanthra junction"))]
    pub text: Option<String>,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct By {
    /// `user:chief5`, `key:1f…`, `unit:PC-1` or `sentinel`.
    #[cfg_attr(feature = "openapi", schema(example = "user:chief5"))]
    pub by: String,
    /// How that person, key or unit was called then.
    #[cfg_attr(feature = "openapi", schema(example = "Anand K."))]
    pub name: String,
}

impl By {
    pub fn sentinel() -> Self {
        Self { by: "sentinel".into(), name: "Sentinel".into() }
    }

    pub fn unit(id: &UnitId, name: impl Into<String>) -> Self {
        Self { by: format!("unit:{id}"), name: name.into() }
    }
}

/// One line of a task's timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Entry {
    pub at: Time,
    pub by: By,
    pub step: EntryKind,
    /// What was said on closing.
    pub note: Option<String>,
}

wire_enum! {
    /// What happened to a task.
    pub enum EntryKind tagged "type" {
        Created(CreatedEntry),
        Edited(EditedEntry),
        Noted(NotedEntry),
        Assigned(AssignedEntry),
        Status(StatusEntry),
        HandedOver(HandedOverEntry),
        Closed(ClosedEntry),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedEntry {}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditedEntry {
    /// Those that are no longer as they were.
    pub fields: Vec<TaskField>,
}

/// What of a task can be edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TaskField {
    Kind,
    Priority,
    Customer,
    Place,
    Notes,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NotedEntry {
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AssignedEntry {
    pub assignment: String,
    pub unit_id: UnitId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusEntry {
    pub assignment: String,
    pub unit_id: UnitId,
    pub state: AssignmentState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HandedOverEntry {
    pub from: Scope,
    pub to: Scope,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClosedEntry {
    pub outcome: Outcome,
}

impl Task {
    pub fn is_closed(&self) -> bool {
        self.outcome.is_some()
    }

    pub fn is_order(&self) -> bool {
        matches!(self.what, What::Order(_))
    }

    /// When something last happened to it.
    pub fn changed_at(&self) -> Time {
        self.timeline.last().map_or(self.created_at, |last| last.at)
    }

    pub fn assignment(&self, id: &str) -> Option<&Assignment> {
        self.assignments.iter().find(|assignment| assignment.id == id)
    }

    /// The one by which the unit attends to this task now.
    pub fn active_of(&self, unit: &UnitId) -> Option<&Assignment> {
        self.active().find(|assignment| assignment.unit_id == *unit)
    }

    pub fn is_active_for(&self, unit: &UnitId) -> bool {
        self.active_of(unit).is_some()
    }

    /// Those that have not ended.
    pub fn active(&self) -> impl Iterator<Item = &Assignment> {
        self.assignments.iter().filter(|assignment| assignment.is_active())
    }

    /// Of those who attend to it, whoever is furthest; of two the one that was sent last.
    pub fn driver(&self) -> Option<&Assignment> {
        self.active().max_by_key(|assignment| assignment.state)
    }

    /// What `state` has to be.
    pub fn derive_state(&self) -> TaskState {
        if self.is_closed() {
            TaskState::Closed
        } else if self.active().any(|assignment| assignment.state == AssignmentState::OnScene) {
            TaskState::OnScene
        } else if self.active().next().is_some() {
            TaskState::Assigned
        } else {
            TaskState::Open
        }
    }
}
