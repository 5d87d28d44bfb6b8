//! A point as a format understood it, and the check that makes it a fix: the one way
//! for all formats.

use super::{EVENT_MAX, EXTRAS_MAX, UUID_MAX, events};
use sentinel_model::{Fix, Time};

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
        let event = self.event.filter(|event| !event.is_empty());
        let event = event.map(|event| if events::is_sos(&event) { events::SOS.into() } else { event });
        let uuid = self.uuid.filter(|uuid| !uuid.is_empty());
        let uuid = uuid.or_else(|| events::identity(event.as_deref()?));
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
            uuid: uuid.map(Into::into),
            event: event.map(|event| event.chars().take(EVENT_MAX).collect::<String>().into()),
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
