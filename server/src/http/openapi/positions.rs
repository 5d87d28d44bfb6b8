//! Bodies that post positions, for the document alone: they are read by their shape
//! (`ingest::decode`), point by point, so that one bad point spoils nothing.

#![expect(dead_code, reason = "described, not built")]

use sentinel_model::{PatrolId, Time, UnitId};
use utoipa::ToSchema;

/// Sentinel's own form. With an API key it names its unit by `unit_id` or `patrol_id`, at
/// the root or in each record; with a unit's own token nothing needs to.
#[derive(ToSchema)]
pub struct PostedPositions {
    unit_id: Option<UnitId>,
    /// In place of `unit_id`; an ended patrol still names its unit.
    patrol_id: Option<PatrolId>,
    location: OneOrMany,
}

#[derive(serde::Serialize, ToSchema)]
#[serde(untagged)]
enum OneOrMany {
    One(PositionRecord),
    Many(Vec<PositionRecord>),
}

/// One position as a device reports it. (unit, timestamp, uuid) is its identity: sent
/// again it is stored once.
#[derive(serde::Serialize, ToSchema)]
struct PositionRecord {
    timestamp: Time,
    coords: Coords,
    /// At most 64 characters.
    #[schema(max_length = 64)]
    uuid: Option<String>,
    #[schema(max_length = 64, example = "motionchange")]
    event: Option<String>,
    battery: Option<Battery>,
    /// Whatever else, kept with the fix: at most 4096 bytes.
    extras: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(serde::Serialize, ToSchema)]
struct Coords {
    /// Degrees.
    #[schema(minimum = -90, maximum = 90, example = 9.9624)]
    latitude: f64,
    /// Degrees.
    #[schema(minimum = -180, maximum = 180, example = 76.2995)]
    longitude: f64,
    /// Metres per second; a negative number means unknown, here and below.
    #[schema(example = 8.5)]
    speed: Option<f64>,
    /// Degrees clockwise from north.
    #[schema(maximum = 360, example = 271.5)]
    heading: Option<f64>,
    /// Metres.
    #[schema(example = 5.0)]
    accuracy: Option<f64>,
    /// Metres above sea level.
    altitude: Option<f64>,
}

#[derive(serde::Serialize, ToSchema)]
struct Battery {
    /// 0 to 1.
    #[schema(maximum = 1, example = 0.82)]
    level: Option<f64>,
}

/// A position for the address that names its unit.
#[derive(ToSchema)]
pub struct UnitPosition {
    /// Degrees.
    #[schema(minimum = -90, maximum = 90, example = 9.9624)]
    latitude: f64,
    /// Degrees.
    #[schema(minimum = -180, maximum = 180, example = 76.2995)]
    longitude: f64,
    /// Metres per second.
    #[schema(example = 8.5)]
    speed: Option<f64>,
    /// Degrees clockwise from north.
    #[schema(maximum = 360, example = 271.5)]
    heading: Option<f64>,
    /// Metres.
    #[schema(example = 5.0)]
    accuracy: Option<f64>,
    /// The job that the unit is on; kept with the fix.
    order_id: Option<String>,
    /// Now, where it is left out.
    timestamp: Option<Time>,
}
