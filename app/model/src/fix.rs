//! Positions: as a device reported them ([`Fix`]) and as readers get them.

use crate::{PatrolId, Time, UnitId};
use serde::{Deserialize, Serialize};

/// One position as a device reported it, validated. Its identity is
/// (unit, `time`, `uuid`): a second one with the same three is the same fix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fix {
    /// The device's clock.
    pub time: Time,
    /// The server's clock.
    pub received_at: Time,
    /// Degrees, -90 to 90.
    pub latitude: f64,
    /// Degrees, -180 to 180.
    pub longitude: f64,
    pub speed_mps: Option<f32>,
    /// Degrees clockwise from north, 0 to 360.
    pub heading_deg: Option<f32>,
    pub accuracy_m: Option<f32>,
    pub altitude_m: Option<f32>,
    /// 0 to 1.
    pub battery: Option<f32>,
    pub uuid: Option<Box<str>>,
    pub event: Option<Box<str>>,
    /// What the device sent beyond this, a JSON object as text: its own extras as
    /// received, and with them what else it told of the position.
    pub extras: Option<Box<str>>,
}

/// Where a unit is, as `/api/v1/units/{id}/location` and the lists tell it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Location {
    pub unit_id: UnitId,
    pub patrol_id: Option<PatrolId>,
    /// Degrees, -90 to 90.
    #[cfg_attr(feature = "openapi", schema(example = 9.9624))]
    pub latitude: f64,
    /// Degrees, -180 to 180.
    #[cfg_attr(feature = "openapi", schema(example = 76.2995))]
    pub longitude: f64,
    #[cfg_attr(feature = "openapi", schema(example = 8.5))]
    pub speed_mps: Option<f32>,
    /// Degrees clockwise from north, 0 to 360.
    #[cfg_attr(feature = "openapi", schema(example = 271.5))]
    pub heading_deg: Option<f32>,
    #[cfg_attr(feature = "openapi", schema(example = 5.0))]
    pub accuracy_m: Option<f32>,
    /// 0 to 1.
    #[cfg_attr(feature = "openapi", schema(example = 0.82))]
    pub battery: Option<f32>,
    /// The device's clock; of a current position from a clock too far ahead, the time
    /// it was received.
    pub time: Time,
    /// When the unit was last heard of.
    pub received_at: Time,
}

impl Location {
    pub fn of(unit_id: UnitId, patrol_id: Option<PatrolId>, fix: &Fix) -> Self {
        Self {
            unit_id,
            patrol_id,
            latitude: fix.latitude,
            longitude: fix.longitude,
            speed_mps: fix.speed_mps,
            heading_deg: fix.heading_deg,
            accuracy_m: fix.accuracy_m,
            battery: fix.battery,
            time: fix.time,
            received_at: fix.received_at,
        }
    }
}

/// A unit near a point, nearest first in its list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Nearby {
    #[serde(flatten)]
    pub location: Location,
    /// From the point that was asked about.
    #[cfg_attr(feature = "openapi", schema(example = 412.7))]
    pub distance_m: f64,
}

/// A unit's route over a range of time. `total` counts the fixes stored in the
/// range; `points` may be thinned, first and last kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RouteAnswer {
    pub unit_id: UnitId,
    #[cfg_attr(feature = "openapi", schema(example = 86400))]
    pub total: u64,
    pub points: Vec<RoutePoint>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoutePoint {
    pub time: Time,
    /// Degrees, -90 to 90.
    #[cfg_attr(feature = "openapi", schema(example = 9.9624))]
    pub latitude: f64,
    /// Degrees, -180 to 180.
    #[cfg_attr(feature = "openapi", schema(example = 76.2995))]
    pub longitude: f64,
    #[cfg_attr(feature = "openapi", schema(example = 8.5))]
    pub speed_mps: Option<f32>,
    /// Degrees clockwise from north, 0 to 360.
    #[cfg_attr(feature = "openapi", schema(example = 271.5))]
    pub heading_deg: Option<f32>,
}

/// The answer to a native position post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IngestAnswer {
    /// Always `ok`.
    #[cfg_attr(feature = "openapi", schema(example = "ok"))]
    pub status: String,
    /// Points that are safe on disk and were not known before.
    #[cfg_attr(feature = "openapi", schema(example = 2))]
    pub accepted: u64,
    /// Points that were known already: stored once.
    #[cfg_attr(feature = "openapi", schema(example = 0))]
    pub duplicates: u64,
    /// Points that were set aside, each with its reason; no cause to send them again.
    pub rejected: Vec<RejectedPoint>,
}

/// A point that was set aside: its place in the batch, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RejectedPoint {
    #[cfg_attr(feature = "openapi", schema(example = 1))]
    pub index: usize,
    #[cfg_attr(feature = "openapi", schema(example = "latitude 91 is outside -90..90"))]
    pub reason: String,
}

/// The answer to an import: what became of the points of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportAnswer {
    /// Points that the file held.
    pub total: u64,
    /// Points that were taken. Where positions are queued for a database elsewhere, those that
    /// it has already are among them; it keeps each once all the same.
    pub accepted: u64,
    /// Points that history held already, or the file before.
    pub duplicates: u64,
    pub rejected_total: u64,
    /// The first of them.
    pub rejected: Vec<RejectedLine>,
}

/// A point of a file that was set aside: of CSV its line, of GPX which point of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RejectedLine {
    pub line: u64,
    pub reason: String,
}

/// Whether a place is what receivers say that know none yet: 0, 0. Such a fix is stored as
/// it came, and shows nobody anywhere.
pub fn is_nowhere(latitude: f64, longitude: f64) -> bool {
    latitude == 0.0 && longitude == 0.0
}
