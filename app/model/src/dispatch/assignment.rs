//! One unit's part in a task.

use crate::{PatrolId, Scope, Time, UnitId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A unit assigned to a task, from the moment it was told to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Assignment {
    /// Made by whoever assigns: 1 to 64 letters, digits, `.`, `_` or `-`.
    #[cfg_attr(feature = "openapi", schema(example = "as-2077"))]
    pub id: String,
    pub unit_id: UnitId,
    pub unit_name: String,
    /// Where the unit belonged when it was assigned.
    pub station: Scope,
    /// None where the unit was off duty when it was assigned.
    pub patrol_id: Option<PatrolId>,
    pub state: AssignmentState,
    pub times: AssignmentTimes,
    /// From the unit to the task's place, as estimated when it was assigned; none where the
    /// unit's place was not known.
    #[cfg_attr(feature = "openapi", schema(example = 412.7))]
    pub distance_m: Option<f64>,
    /// How long it would take to arrive, as estimated when it was assigned.
    #[cfg_attr(feature = "openapi", schema(example = 95.0))]
    pub eta_s: Option<f64>,
}

/// How far a unit is with a task. From one to a later one, some left out where need be, until it
/// is cleared or cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AssignmentState {
    Dispatched,
    Accepted,
    EnRoute,
    OnScene,
    /// Its part is done.
    Cleared,
    /// Stood down, or refused by the unit.
    Cancelled,
}

impl AssignmentState {
    pub const ALL: [AssignmentState; 6] = [
        AssignmentState::Dispatched,
        AssignmentState::Accepted,
        AssignmentState::EnRoute,
        AssignmentState::OnScene,
        AssignmentState::Cleared,
        AssignmentState::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            AssignmentState::Dispatched => "dispatched",
            AssignmentState::Accepted => "accepted",
            AssignmentState::EnRoute => "en_route",
            AssignmentState::OnScene => "on_scene",
            AssignmentState::Cleared => "cleared",
            AssignmentState::Cancelled => "cancelled",
        }
    }

    pub fn is_active(self) -> bool {
        self < AssignmentState::Cleared
    }
}

impl fmt::Display for AssignmentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When an assignment came into each state; none of those that were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AssignmentTimes {
    pub dispatched_at: Time,
    pub accepted_at: Option<Time>,
    pub en_route_at: Option<Time>,
    pub on_scene_at: Option<Time>,
    /// Cleared or cancelled.
    pub ended_at: Option<Time>,
}

/// How long after it was dispatched a unit got so far, in seconds; none where it did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResponseTimes {
    #[cfg_attr(feature = "openapi", schema(example = 12.4))]
    pub to_accepted_s: Option<f64>,
    #[cfg_attr(feature = "openapi", schema(example = 48.0))]
    pub to_en_route_s: Option<f64>,
    #[cfg_attr(feature = "openapi", schema(example = 391.25))]
    pub to_on_scene_s: Option<f64>,
    /// None where it was cancelled.
    #[cfg_attr(feature = "openapi", schema(example = 2710.0))]
    pub to_cleared_s: Option<f64>,
}

/// Which unit to assign, and how it stood then.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAssignment {
    /// One that the task does not have yet.
    pub id: String,
    pub unit_id: UnitId,
    pub unit_name: String,
    pub station: Scope,
    pub patrol_id: Option<PatrolId>,
    pub distance_m: Option<f64>,
    pub eta_s: Option<f64>,
}

impl Assignment {
    pub(super) fn dispatched(new: NewAssignment, at: Time) -> Self {
        Self {
            id: new.id,
            unit_id: new.unit_id,
            unit_name: new.unit_name,
            station: new.station,
            patrol_id: new.patrol_id,
            state: AssignmentState::Dispatched,
            times: AssignmentTimes {
                dispatched_at: at,
                accepted_at: None,
                en_route_at: None,
                on_scene_at: None,
                ended_at: None,
            },
            distance_m: new.distance_m,
            eta_s: new.eta_s,
        }
    }

    pub fn is_active(&self) -> bool {
        self.state.is_active()
    }

    pub fn response_times(&self) -> ResponseTimes {
        let times = &self.times;
        let cleared_at = times.ended_at.filter(|_| self.state == AssignmentState::Cleared);
        let after = |at: Option<Time>| at.map(|at| seconds(at.ms_since(times.dispatched_at)));
        ResponseTimes {
            to_accepted_s: after(times.accepted_at),
            to_en_route_s: after(times.en_route_at),
            to_on_scene_s: after(times.on_scene_at),
            to_cleared_s: after(cleared_at),
        }
    }

    /// Into a later state; the caller has seen to it that it is one.
    pub(super) fn go(&mut self, state: AssignmentState, at: Time) {
        self.state = state;
        let times = &mut self.times;
        match state {
            AssignmentState::Dispatched => times.dispatched_at = at,
            AssignmentState::Accepted => times.accepted_at = Some(at),
            AssignmentState::EnRoute => times.en_route_at = Some(at),
            AssignmentState::OnScene => times.on_scene_at = Some(at),
            AssignmentState::Cleared | AssignmentState::Cancelled => times.ended_at = Some(at),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "the milliseconds of a thousand years are exact in a double")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
