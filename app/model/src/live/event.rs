//! What happens in a scope, as every stream tells it.

use super::LiveUnit;
use crate::{
    PatrolId, Time, UnitId, UnitStatus, alerts::Alert, dispatch::Task, geofence::Geofence, wire::wire_enum,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

wire_enum! {
    /// Something that happened in a scope, in order.
    pub enum Event tagged "kind" {
        UnitJoined(UnitJoined),
        UnitLeft(UnitLeft),
        Status(StatusChanged),
        Alert(AlertEvent),
        Incident(IncidentEvent),
        Order(OrderEvent),
        Fence(FenceEvent),
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnitJoined {
    pub offset: u64,
    pub at: Time,
    pub unit: LiveUnit,
    /// What the unit is called, so that a page which has never heard of it need not ask.
    pub name: String,
    pub unit_kind: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnitLeft {
    pub offset: u64,
    pub at: Time,
    pub id: UnitId,
    pub patrol: PatrolId,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusChanged {
    pub offset: u64,
    pub at: Time,
    pub id: UnitId,
    pub patrol: PatrolId,
    pub status: UnitStatus,
}

/// An alert as it is from now on: told when it is raised and again when somebody
/// acknowledges it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlertEvent {
    pub offset: u64,
    pub at: Time,
    pub alert: Box<Alert>,
}

/// An incident as it is from now on: told when it is made and at each step of it. One that has
/// more in its timeline is newer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IncidentEvent {
    pub offset: u64,
    pub at: Time,
    pub incident: Box<Task>,
}

/// The same of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderEvent {
    pub offset: u64,
    pub at: Time,
    pub order: Box<Task>,
}

/// A fence of Sentinel's own as it is from now on: told when it is made, changed or removed, to
/// every scope whose units it may concern and all above.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FenceEvent {
    pub offset: u64,
    pub at: Time,
    pub id: String,
    /// None where it is gone, or no longer concerns the scope.
    pub fence: Option<Box<Geofence>>,
}

impl Event {
    pub fn offset(&self) -> u64 {
        match self {
            Event::UnitJoined(e) => e.offset,
            Event::UnitLeft(e) => e.offset,
            Event::Status(e) => e.offset,
            Event::Alert(e) => e.offset,
            Event::Incident(e) => e.offset,
            Event::Order(e) => e.offset,
            Event::Fence(e) => e.offset,
        }
    }

    /// The same event at another place in a stream: each scope counts its own.
    pub fn with_offset(mut self, offset: u64) -> Self {
        match &mut self {
            Event::UnitJoined(e) => e.offset = offset,
            Event::UnitLeft(e) => e.offset = offset,
            Event::Status(e) => e.offset = offset,
            Event::Alert(e) => e.offset = offset,
            Event::Incident(e) => e.offset = offset,
            Event::Order(e) => e.offset = offset,
            Event::Fence(e) => e.offset = offset,
        }
        self
    }

    /// How the unit is by this event; none where it does not say.
    pub fn status(&self) -> Option<UnitStatus> {
        match self {
            Event::UnitJoined(e) => Some(e.unit.status),
            Event::UnitLeft(_) => Some(UnitStatus::OffDuty),
            Event::Status(e) => Some(e.status),
            Event::Alert(_) | Event::Incident(_) | Event::Order(_) | Event::Fence(_) => None,
        }
    }

    /// Whose event it is; none of a task or a fence, which may concern many.
    pub fn unit(&self) -> Option<&UnitId> {
        match self {
            Event::UnitJoined(e) => Some(&e.unit.id),
            Event::UnitLeft(e) => Some(&e.id),
            Event::Status(e) => Some(&e.id),
            Event::Alert(e) => Some(&e.alert.unit_id),
            Event::Incident(_) | Event::Order(_) | Event::Fence(_) => None,
        }
    }

    /// The incident or order that it tells of.
    pub fn task(&self) -> Option<&Task> {
        match self {
            Event::Incident(e) => Some(&e.incident),
            Event::Order(e) => Some(&e.order),
            _ => None,
        }
    }

    /// Whether it is of one of these units, or of a task that one was assigned to.
    pub fn concerns(&self, units: &BTreeSet<UnitId>) -> bool {
        let assigned = self.task().into_iter().flat_map(|task| &task.assignments);
        self.unit()
            .into_iter()
            .chain(assigned.map(|assigned| &assigned.unit_id))
            .any(|unit| units.contains(unit))
    }

    /// What [`Event::kind`] may be.
    pub const KINDS: [&str; 7] =
        ["unit_joined", "unit_left", "status", "alert", "incident", "order", "fence"];

    /// As JSON says it.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::UnitJoined(_) => "unit_joined",
            Event::UnitLeft(_) => "unit_left",
            Event::Status(_) => "status",
            Event::Alert(_) => "alert",
            Event::Incident(_) => "incident",
            Event::Order(_) => "order",
            Event::Fence(_) => "fence",
        }
    }

    /// None where the unit is on none.
    pub fn patrol(&self) -> Option<PatrolId> {
        match self {
            Event::UnitJoined(e) => Some(e.unit.patrol),
            Event::UnitLeft(e) => Some(e.patrol),
            Event::Status(e) => Some(e.patrol),
            Event::Alert(e) => e.alert.patrol_id,
            Event::Incident(_) | Event::Order(_) | Event::Fence(_) => None,
        }
    }
}
