//! Bodies that post positions, for the document alone: they are read by their shape
//! (`ingest::decode`), point by point, so that one bad point spoils nothing.

#![expect(dead_code, reason = "described, not built")]

use sentinel_model::{PatrolId, Time, UnitId, fix::IngestAnswer};
use utoipa::{IntoParams, ToSchema};

/// What is posted is told apart by its shape.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum PostedPositions {
    Sentinel(OwnPositions),
    OwnTracks(OwnTracksMessage),
    Overland(OverlandBatch),
}

/// Sentinel's own form, which Transistorsoft's and Traccar Client's are, too. With an API key it names its unit by `unit_id` or `patrol_id`, at
/// the root or in each record; with a unit's own token nothing needs to.
#[derive(serde::Serialize, ToSchema)]
pub struct OwnPositions {
    unit_id: Option<UnitId>,
    /// In place of `unit_id`; an ended patrol still names its unit.
    patrol_id: Option<PatrolId>,
    /// What the device calls itself, as Traccar Client says it: a unit's id, or its ingest token.
    device_id: Option<String>,
    location: OneOrMany,
}

#[derive(serde::Serialize, ToSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    One(PositionRecord),
    Many(Vec<PositionRecord>),
}

/// One position as a device reports it. (unit, timestamp, uuid) is its identity: sent
/// again it is stored once.
#[derive(serde::Serialize, ToSchema)]
pub struct PositionRecord {
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
pub struct Coords {
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
pub struct Battery {
    /// 0 to 1.
    #[schema(maximum = 1, example = 0.82)]
    level: Option<f64>,
}

/// OwnTracks in HTTP mode; of other types than `location` nothing is stored.
#[derive(serde::Serialize, ToSchema)]
pub struct OwnTracksMessage {
    #[serde(rename = "_type")]
    #[schema(example = "location")]
    kind: String,
    /// Seconds since 1970.
    #[schema(example = 1_795_226_400)]
    tst: Option<i64>,
    /// Degrees.
    #[schema(minimum = -90, maximum = 90, example = 9.9624)]
    lat: Option<f64>,
    /// Degrees.
    #[schema(minimum = -180, maximum = 180, example = 76.2995)]
    lon: Option<f64>,
    /// Metres.
    acc: Option<f64>,
    /// Metres above sea level.
    alt: Option<f64>,
    /// Kilometres per hour.
    vel: Option<f64>,
    /// Degrees clockwise from north.
    cog: Option<f64>,
    /// Percent.
    batt: Option<f64>,
}

/// Overland's GeoJSON, up to a thousand points.
#[derive(serde::Serialize, ToSchema)]
pub struct OverlandBatch {
    locations: Vec<OverlandFeature>,
    /// Where the phone is now, while a backlog is sent.
    current: Option<OverlandFeature>,
}

#[derive(serde::Serialize, ToSchema)]
pub struct OverlandFeature {
    #[serde(rename = "type")]
    #[schema(pattern = "^Feature$")]
    kind: String,
    geometry: OverlandPoint,
    properties: OverlandProperties,
}

#[derive(serde::Serialize, ToSchema)]
pub struct OverlandPoint {
    #[serde(rename = "type")]
    #[schema(pattern = "^Point$")]
    kind: String,
    /// Longitude, then latitude, degrees.
    #[schema(min_items = 2, max_items = 3)]
    coordinates: Vec<f64>,
}

#[derive(serde::Serialize, ToSchema)]
pub struct OverlandProperties {
    timestamp: Time,
    device_id: Option<String>,
    /// Metres per second.
    speed: Option<f64>,
    /// Metres.
    horizontal_accuracy: Option<f64>,
    /// Metres above sea level.
    altitude: Option<f64>,
    /// 0 to 1.
    battery_level: Option<f64>,
}

/// A position as parameters: of OsmAnd and of Traccar Client up to 8, and with other names for
/// some of them of GPSLogger. What is not named here is kept with the fix.
#[derive(serde::Serialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PositionParameters {
    /// What the device calls itself: a unit's id, or its ingest token. Or `deviceid`; GPSLogger says `aid` or `ser`.
    #[param(example = "PC-001")]
    id: Option<String>,
    /// Degrees.
    #[schema(minimum = -90, maximum = 90, example = 9.9624)]
    #[param(minimum = -90, maximum = 90, example = 9.9624)]
    lat: f64,
    /// Degrees. GPSLogger says `longitude`.
    #[schema(minimum = -180, maximum = 180, example = 76.2995)]
    #[param(minimum = -180, maximum = 180, example = 76.2995)]
    lon: f64,
    /// Seconds or milliseconds since 1970, or ISO 8601; now, where it is left out.
    #[param(example = "2026-11-21T02:00:00Z")]
    timestamp: Option<String>,
    /// Knots; of GPSLogger metres per second.
    #[param(example = 16.5)]
    speed: Option<f64>,
    /// Degrees clockwise from north.
    #[param(example = 271.5)]
    bearing: Option<f64>,
    /// Metres.
    #[param(example = 5.0)]
    accuracy: Option<f64>,
    /// Metres above sea level.
    altitude: Option<f64>,
    /// Percent.
    #[param(example = 82.0)]
    batt: Option<f64>,
    /// Such as `sos`, which alerts those who watch.
    alarm: Option<String>,
}

/// What the app waits for: counts, for OwnTracks an empty list, for Overland that it is well.
#[derive(serde::Serialize, ToSchema)]
#[serde(untagged)]
pub enum DeviceAnswer {
    Counts(IngestAnswer),
    OwnTracks(Vec<serde_json::Value>),
    Overland(OverlandAnswer),
}

#[derive(serde::Serialize, ToSchema)]
pub struct OverlandAnswer {
    #[schema(pattern = "^ok$", example = "ok")]
    result: String,
}

/// A position as parameters of the address, as OsmAnd and GPSLogger send it.
///
/// Whose it is is said by a unit's ingest token: in a header, as `token=`, or where an app has
/// nothing else, as the name of its device (`id`).
#[utoipa::path(get, path = "/api/v1/locations", operation_id = "post_position_as_query", tag = "Positions",
    security(("bearer" = []), ("basic" = []), ("api_key" = []), ("token" = [])), params(PositionParameters),
    responses(
        (status = 200, description = "Safe on disk, or set aside; nothing in it", body = String, content_type = "text/plain"),
        (status = 429, description = "This unit posts more than its rate allows; nothing was stored, send it again later"),
    ))]
pub fn post_position_as_query() {}

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
