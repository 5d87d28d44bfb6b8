//! A position as Redis holds it: `<device time> <received at> <longitude> <latitude> <rest>`.
//!
//! What the scripts compare and index is text that they read to the last digit; what they
//! only pass on is JSON. Times are ms since 1970, below 2^53 and so exact in a script.

use super::PositionError;
use sentinel_model::{Location, PatrolId, Time, UnitId};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Rest {
    #[serde(skip_serializing_if = "Option::is_none")]
    patrol: Option<PatrolId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed_mps: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heading_deg: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy_m: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    battery: Option<f32>,
}

/// All but the two times.
pub fn place(location: &Location) -> Result<String, PositionError> {
    let Location { patrol_id, speed_mps, heading_deg, accuracy_m, battery, .. } = *location;
    let rest = Rest { patrol: patrol_id, speed_mps, heading_deg, accuracy_m, battery };
    Ok(format!("{} {} {}", location.longitude, location.latitude, serde_json::to_string(&rest)?))
}

pub fn read(unit: UnitId, held: &str) -> Result<Location, PositionError> {
    parse(unit, held).ok_or(PositionError::Held)
}

fn parse(unit: UnitId, held: &str) -> Option<Location> {
    let mut parts = held.splitn(5, ' ');
    let mut next = || parts.next();
    let (time, received_at) = (next()?.parse().ok()?, next()?.parse().ok()?);
    let (longitude, latitude) = (next()?.parse().ok()?, next()?.parse().ok()?);
    let Rest { patrol, speed_mps, heading_deg, accuracy_m, battery } = serde_json::from_str(next()?).ok()?;
    Some(Location {
        unit_id: unit,
        patrol_id: patrol,
        latitude,
        longitude,
        speed_mps,
        heading_deg,
        accuracy_m,
        battery,
        time: Time(time),
        received_at: Time(received_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_position_reads_back_to_the_last_bit(
            latitude in -90.0..=90.0f64,
            longitude in prop_oneof![-180.0..=180.0f64, -1e-9..1e-9],
            speed_mps in proptest::option::of(0.0..100.0f32),
            battery in proptest::option::of(0.0..=1.0f32),
            patrol in proptest::option::of(0..1u64 << 53),
            time in -1_000_000..4_000_000_000_000i64,
        ) {
            let location = Location {
                unit_id: "a".parse().expect("a good id"),
                patrol_id: patrol.map(PatrolId),
                latitude,
                longitude,
                speed_mps,
                heading_deg: speed_mps.map(|speed| speed * 3.0),
                accuracy_m: None,
                battery,
                time: Time(time),
                received_at: Time(time + 250),
            };
            let held = format!("{time} {} {}", time + 250, place(&location).expect("writes"));
            prop_assert_eq!(read(location.unit_id.clone(), &held).expect("reads"), location);
        }
    }

    #[test]
    fn what_is_no_position_is_an_error() {
        for held in ["", "1 2 3 4", "1 2 x 4 {}", "1 2 3 4 {", "1 2 3"] {
            assert!(read("a".parse().expect("a good id"), held).is_err(), "{held}");
        }
    }
}
