//! Units and their patrols.

use crate::{Location, PatrolId, Scope, Time, UnitId};
use serde::{Deserialize, Serialize};

/// How a unit is, by the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnitStatus {
    /// On patrol, heard of lately, free.
    Available,
    /// On patrol, heard of lately, assigned to something.
    OnTask,
    /// On patrol, not heard of for a while.
    Stale,
    /// On patrol, not heard of for long.
    Offline,
    /// Not on patrol.
    OffDuty,
}

impl UnitStatus {
    pub const ALL: [UnitStatus; 5] = [
        UnitStatus::Available,
        UnitStatus::OnTask,
        UnitStatus::Stale,
        UnitStatus::Offline,
        UnitStatus::OffDuty,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            UnitStatus::Available => "available",
            UnitStatus::OnTask => "on_task",
            UnitStatus::Stale => "stale",
            UnitStatus::Offline => "offline",
            UnitStatus::OffDuty => "off_duty",
        }
    }
}

/// A vehicle, driver or person, as lists and look-ups tell it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Unit {
    pub id: UnitId,
    #[cfg_attr(feature = "openapi", schema(example = "Kadavanthra car 1"))]
    pub name: String,
    /// A word of the operator's own, such as `patrol_car`, `van` or `ambulance`.
    #[cfg_attr(feature = "openapi", schema(example = "patrol_car"))]
    pub kind: String,
    pub station: Scope,
    pub status: UnitStatus,
    pub patrol_id: Option<PatrolId>,
    pub location: Option<Location>,
}

/// The answer to making a unit: the one time its ingest token is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewUnitAnswer {
    #[serde(flatten)]
    pub unit: Unit,
    /// The unit's own secret, for its phone or tracker; shown this once.
    #[cfg_attr(feature = "openapi", schema(example = "snt_unit_Yb0x…"))]
    pub ingest_token: String,
}

/// The answer to erasing what is kept of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErasedAnswer {
    pub unit_id: UnitId,
    /// How many fixes of it went.
    pub fixes: u64,
}

/// The body that makes a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewUnit {
    pub id: UnitId,
    /// The id, where it is left out.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100, example = "Kadavanthra car 1"))]
    pub name: Option<String>,
    /// `vehicle`, where it is left out.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 32, example = "patrol_car"))]
    pub kind: Option<String>,
    /// The station that it belongs to.
    pub station: Scope,
}

/// A unit on duty under a station, from start to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Patrol {
    pub id: PatrolId,
    pub unit_id: UnitId,
    pub station: Scope,
    pub started_at: Time,
    pub ended_at: Option<Time>,
}

/// Where every unit of a scope was at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryAnswer {
    pub scope: Scope,
    pub at: Time,
    pub units: Vec<Location>,
}
