//! A point as a format understood it, and the check that makes it a fix: the one way
//! for all formats.

use super::{Call, EVENT_MAX, EXTRAS_MAX, Named, UUID_MAX, events};
use crate::auth::secret::hex;
use sentinel_model::{Fix, Time};
use sha2::{Digest as _, Sha256};

const MINUTE_MS: i64 = 60_000;

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
    /// What asks for attention in it even where it is no position: most points have nothing.
    pub fn call(&self, index: usize, named: Option<Named>, received_at: Time) -> Option<Call> {
        let event = event(self.event.as_deref()?)?;
        events::alert_of(&event)?;
        let time = self.time.as_ref().and_then(|time| time.as_ref().ok().copied());
        let uuid = self.uuid.clone().filter(|uuid| !uuid.is_empty()).map(short);
        // Without a time of its own, what is sent again within the minute is the same.
        let minute = Time(received_at.ms().div_euclid(MINUTE_MS) * MINUTE_MS);
        let uuid = uuid.or_else(|| events::identity(&event))?;
        Some(Call { index, named, time: time.unwrap_or(minute), uuid, event })
    }

    pub fn check(self, received_at: Time) -> Result<Fix, String> {
        let time = self.time.ok_or("timestamp is missing")??;
        let latitude = degrees("latitude", self.latitude, 90.0)?;
        let longitude = degrees("longitude", self.longitude, 180.0)?;
        let event = self.event.as_deref().and_then(event);
        let uuid = self.uuid.filter(|uuid| !uuid.is_empty()).map(short);
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
            event: event.map(Into::into),
            // A good position is worth more than what stands beside it.
            extras: self.extras.filter(|extras| extras.len() <= EXTRAS_MAX).map(Into::into),
        })
    }
}

/// As much of an event as is kept; sos in whatever letters is one word.
fn event(said: &str) -> Option<String> {
    if events::is_sos(said) {
        return Some(events::SOS.into());
    }
    Some(said.chars().take(EVENT_MAX).collect()).filter(|event: &String| !event.is_empty())
}

/// The uuid, or what stands for a long one and tells it from others as well.
fn short(uuid: String) -> String {
    if uuid.len() > UUID_MAX { hex(&Sha256::digest(uuid)) } else { uuid }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_a_good_position_never_costs_it() {
        let checked = |uuid: String, extras: String| {
            let (latitude, longitude) = (Some(9.9), Some(76.2));
            let (uuid, extras) = (Some(uuid), Some(extras));
            let point = RawPoint {
                time: Some(Ok(Time(1))),
                latitude,
                longitude,
                uuid,
                extras,
                ..RawPoint::default()
            };
            point.check(Time(2)).expect("a good position")
        };
        let kept = checked("u".repeat(UUID_MAX), "e".repeat(EXTRAS_MAX));
        assert_eq!(
            (kept.uuid.map(|uuid| uuid.len()), kept.extras.map(|e| e.len())),
            (Some(UUID_MAX), Some(EXTRAS_MAX))
        );
        let cut = checked("u".repeat(UUID_MAX + 1), "e".repeat(EXTRAS_MAX + 1));
        assert_eq!(cut.extras, None);
        let uuid = cut.uuid.expect("one that stands for it");
        assert_eq!(uuid.len(), UUID_MAX);
        assert_ne!(Some(uuid), checked("u".repeat(UUID_MAX + 2), String::new()).uuid, "told apart");
    }
}
