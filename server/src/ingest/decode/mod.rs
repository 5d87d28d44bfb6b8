//! What devices send, told apart by its shape, as one thing: a [`Posted`].
//!
//! One file a format; each turns its own units into ours here, at the edge. A point
//! that makes no sense is set aside with a reason and never spoils its neighbours;
//! only a body that is no known format at all is refused.

mod extras;
mod leaf;
mod naming;
mod record;
mod transistorsoft;

use crate::clock::Clock;
use sentinel_model::{Fix, Time, fix::RejectedPoint};

/// Points that one request may carry.
pub const POINTS_MAX: usize = 10_000;

/// A request's positions, read.
#[derive(Debug, Default, PartialEq)]
pub struct Posted {
    /// Whom the body as a whole names, where it names somebody.
    pub named: Option<Named>,
    /// Points that ask not to be stored (`sample: true`) are left out.
    pub fixes: Vec<Fix>,
    pub rejected: Vec<RejectedPoint>,
    /// Where the body names nobody but some of its records do: of each of `fixes`, its
    /// place in the body and whom its record names.
    pub by_record: Option<Vec<(usize, Option<Named>)>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Named {
    Unit(String),
    Patrol(String),
    /// What the device calls itself; it counts as a unit's id.
    Device(String),
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    #[error(
        "the body is no format that Sentinel knows; post {{\"location\": {{\"timestamp\", \"coords\": {{\"latitude\", \"longitude\"}}}}}}, \
         or an array of such under \"location\", or the bare object or array"
    )]
    Unknown,
    #[error("one request carries at most {POINTS_MAX} points, this one has {0}: send it in parts")]
    TooMany(usize),
}

pub fn decode(body: &[u8], clock: &Clock) -> Result<Posted, DecodeError> {
    transistorsoft::decode(body, clock.now(), None)
}

/// For the addresses that name the unit in their path: there a point may leave its
/// time out and means now.
pub fn decode_for_unit(body: &[u8], clock: &Clock) -> Result<Posted, DecodeError> {
    let now = clock.now();
    transistorsoft::decode(body, now, Some(now))
}

/// What a format knows of a point, in our units, before it is checked.
#[derive(Debug, Default)]
pub struct RawPoint {
    pub time: Option<Result<Time, String>>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub speed_mps: Option<f64>,
    pub heading_deg: Option<f64>,
    pub accuracy_m: Option<f64>,
    pub altitude_m: Option<f64>,
    pub battery: Option<f64>,
    pub uuid: Option<String>,
    pub event: Option<String>,
    pub extras: Option<String>,
}

/// Longest uuid kept, characters; a longer one is no uuid and spoils the identity.
const UUID_MAX: usize = 64;
const EVENT_MAX: usize = 64;
/// Largest extras kept per fix, bytes.
const EXTRAS_MAX: usize = 4096;

impl RawPoint {
    pub fn check(self, received_at: Time) -> Result<Fix, String> {
        let time = self.time.ok_or("timestamp is missing")??;
        let latitude = degrees("latitude", self.latitude, 90.0)?;
        let longitude = degrees("longitude", self.longitude, 180.0)?;
        if self.uuid.as_ref().is_some_and(|uuid| uuid.len() > UUID_MAX) {
            return Err(format!("uuid is longer than {UUID_MAX} characters"));
        }
        if self.extras.as_ref().is_some_and(|extras| extras.len() > EXTRAS_MAX) {
            return Err(format!("extras are larger than {EXTRAS_MAX} bytes"));
        }
        Ok(Fix {
            time,
            received_at,
            latitude,
            longitude,
            speed_mps: known(self.speed_mps),
            // Some devices say 360 for north.
            heading_deg: known(self.heading_deg.filter(|d| *d <= 360.0)).map(|d| d % 360.0),
            accuracy_m: known(self.accuracy_m),
            altitude_m: self.altitude_m.and_then(single),
            battery: known(self.battery.filter(|level| *level <= 1.0)),
            uuid: self.uuid.filter(|uuid| !uuid.is_empty()).map(Into::into),
            event: self
                .event
                .filter(|e| !e.is_empty())
                .map(|e| e.chars().take(EVENT_MAX).collect::<String>().into()),
            extras: self.extras.map(Into::into),
        })
    }
}

fn degrees(name: &str, value: Option<f64>, limit: f64) -> Result<f64, String> {
    let value = value.ok_or_else(|| format!("{name} is missing or not a number"))?;
    if value.is_finite() && value.abs() <= limit {
        Ok(value)
    } else {
        Err(format!("{name} {value} is outside -{limit}..{limit}"))
    }
}

/// Devices say "unknown" with a negative number.
fn known(value: Option<f64>) -> Option<f32> {
    value.filter(|v| *v >= 0.0).and_then(single)
}

/// None for what is no number, or none that a sensor has.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a sensor's digits fit a single, and what does not is refused"
)]
fn single(value: f64) -> Option<f32> {
    Some(value as f32).filter(|value| value.is_finite())
}
