//! How up to [`CAPACITY`] consecutive fixes of one unit lie in one row.
//!
//! Each fix is written against the one before it: times as differences, and
//! coordinates as differences of 1e-7 degrees where that loses nothing (it is what
//! phones send), else as the full double; extras that say the same as those before, as
//! they mostly do, as [`SAME`]. What is read back is bit for bit what was written.
//! A block is the plain sequence of its fixes, so it grows at its end.

use sentinel_model::{Fix, RoutePoint, Time};
use serde::{Deserialize, Serialize};

/// Fixes in a full block: few enough to rewrite for a late one, many enough that a
/// unit's day is some hundred rows.
pub const CAPACITY: usize = 128;

const E7: f64 = 1e7;

#[derive(Debug, thiserror::Error)]
#[error("a block of the history is damaged: {0}")]
pub struct BlockError(#[from] postcard::Error);

#[derive(Serialize, Deserialize)]
enum Coordinate {
    /// Difference to the coordinate before, in 1e-7 degrees.
    Step(i64),
    Exact(f64),
}

#[derive(Serialize, Deserialize)]
struct Packed<'a> {
    time_step_ms: i64,
    received_lag_ms: i64,
    latitude: Coordinate,
    longitude: Coordinate,
    speed_mps: Option<f32>,
    heading_deg: Option<f32>,
    accuracy_m: Option<f32>,
    altitude_m: Option<f32>,
    battery: Option<f32>,
    #[serde(borrow)]
    uuid: Option<&'a str>,
    event: Option<&'a str>,
    extras: Option<&'a str>,
}

/// In place of extras that are the same as those of the fix before. Extras are a JSON
/// object, never nothing.
const SAME: &str = "";
/// Longer extras are not remembered for comparing: a cursor is kept for every unit.
const REMEMBERED_MAX_BYTES: usize = 256;

/// What the next fix is written against.
#[derive(Debug, Clone, Default)]
pub struct Cursor {
    time: i64,
    latitude_e7: i64,
    longitude_e7: i64,
    extras: Option<Box<str>>,
}

impl Cursor {
    pub fn append(&mut self, fix: &Fix, out: Vec<u8>) -> Result<Vec<u8>, BlockError> {
        let extras = match fix.extras.as_deref().filter(|extras| !extras.is_empty()) {
            Some(extras) if self.extras.as_deref() == Some(extras) => Some(SAME),
            extras => {
                self.extras = extras.filter(|extras| extras.len() <= REMEMBERED_MAX_BYTES).map(Into::into);
                extras
            }
        };
        let packed = Packed {
            time_step_ms: fix.time.0.wrapping_sub(self.time),
            received_lag_ms: fix.received_at.0.wrapping_sub(fix.time.0),
            latitude: pack(&mut self.latitude_e7, fix.latitude),
            longitude: pack(&mut self.longitude_e7, fix.longitude),
            speed_mps: fix.speed_mps,
            heading_deg: fix.heading_deg,
            accuracy_m: fix.accuracy_m,
            altitude_m: fix.altitude_m,
            battery: fix.battery,
            uuid: fix.uuid.as_deref(),
            event: fix.event.as_deref(),
            extras,
        };
        self.time = fix.time.0;
        Ok(postcard::to_extend(&packed, out)?)
    }

    fn step<'a>(&mut self, bytes: &'a [u8]) -> Result<(Packed<'a>, Placed, &'a [u8]), BlockError> {
        let (packed, rest): (Packed<'a>, _) = postcard::take_from_bytes(bytes)?;
        self.time = self.time.wrapping_add(packed.time_step_ms);
        let placed = Placed {
            time: Time(self.time),
            latitude: unpack(&mut self.latitude_e7, &packed.latitude),
            longitude: unpack(&mut self.longitude_e7, &packed.longitude),
        };
        Ok((packed, placed, rest))
    }
}

struct Placed {
    time: Time,
    latitude: f64,
    longitude: f64,
}

fn pack(before_e7: &mut i64, degrees: f64) -> Coordinate {
    #[expect(clippy::cast_possible_truncation, reason = "validated degrees are within ±180")]
    let e7 = (degrees * E7).round() as i64;
    #[expect(clippy::cast_precision_loss, reason = "at most 1.8e9, exact in a double")]
    let back = e7 as f64 / E7;
    if back.to_bits() == degrees.to_bits() {
        let step = e7 - *before_e7;
        *before_e7 = e7;
        Coordinate::Step(step)
    } else {
        Coordinate::Exact(degrees)
    }
}

fn unpack(before_e7: &mut i64, coordinate: &Coordinate) -> f64 {
    match *coordinate {
        Coordinate::Step(step) => {
            *before_e7 = before_e7.wrapping_add(step);
            #[expect(clippy::cast_precision_loss, reason = "at most 1.8e9, exact in a double")]
            let degrees = *before_e7 as f64 / E7;
            degrees
        }
        Coordinate::Exact(degrees) => degrees,
    }
}

pub fn pack_all(fixes: &[Fix]) -> Result<(Vec<u8>, Cursor), BlockError> {
    let mut cursor = Cursor::default();
    let mut bytes = Vec::with_capacity(fixes.len() * 40);
    for fix in fixes {
        bytes = cursor.append(fix, bytes)?;
    }
    Ok((bytes, cursor))
}

/// Every fix of a block, and the cursor behind the last.
pub fn unpack_all(mut bytes: &[u8]) -> Result<(Vec<Fix>, Cursor), BlockError> {
    let mut cursor = Cursor::default();
    let mut fixes = Vec::with_capacity(CAPACITY);
    while !bytes.is_empty() {
        let (packed, placed, rest) = cursor.step(bytes)?;
        bytes = rest;
        let extras = match packed.extras {
            Some(SAME) => cursor.extras.clone(),
            extras => {
                let extras: Option<Box<str>> = extras.map(Into::into);
                cursor.extras = extras.clone().filter(|extras| extras.len() <= REMEMBERED_MAX_BYTES);
                extras
            }
        };
        fixes.push(Fix {
            time: placed.time,
            received_at: Time(placed.time.0.wrapping_add(packed.received_lag_ms)),
            latitude: placed.latitude,
            longitude: placed.longitude,
            speed_mps: packed.speed_mps,
            heading_deg: packed.heading_deg,
            accuracy_m: packed.accuracy_m,
            altitude_m: packed.altitude_m,
            battery: packed.battery,
            uuid: packed.uuid.map(Into::into),
            event: packed.event.map(Into::into),
            extras,
        });
    }
    Ok((fixes, cursor))
}

/// Only what a route needs, each with its uuid (empty where it has none), without
/// allocating per fix.
pub fn each_point<'a>(
    mut bytes: &'a [u8],
    mut take: impl FnMut(RoutePoint, &'a str),
) -> Result<(), BlockError> {
    let mut cursor = Cursor::default();
    while !bytes.is_empty() {
        let (packed, placed, rest) = cursor.step(bytes)?;
        bytes = rest;
        let point = RoutePoint {
            time: placed.time,
            latitude: placed.latitude,
            longitude: placed.longitude,
            speed_mps: packed.speed_mps,
            heading_deg: packed.heading_deg,
        };
        take(point, packed.uuid.unwrap_or(""));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn any_fix()(
            time in 0..sentinel_model::time::LAST_MS,
            lag in -1_000_000i64..100_000_000,
            lat in prop_oneof![(-900_000_000i64..=900_000_000).prop_map(|e| e as f64 / 1e7), -90.0..=90.0],
            lon in prop_oneof![(-1_800_000_000i64..=1_800_000_000).prop_map(|e| e as f64 / 1e7), -180.0..=180.0, Just(-0.0)],
            numbers in proptest::array::uniform5(proptest::option::of(0f32..1e6)),
            words in proptest::array::uniform2(proptest::option::of("[ -~]{0,20}")),
            extras in proptest::option::of(prop_oneof![
                Just("{\"mock\":true}".to_owned()),
                Just("{}".to_owned()),
                "[ -~]{1,300}",
            ]),
        ) -> Fix {
            let [uuid, event] = words.map(|w| w.map(Into::into));
            let extras = extras.map(Into::into);
            let [speed_mps, heading_deg, accuracy_m, altitude_m, battery] = numbers;
            Fix { time: Time(time), received_at: Time(time + lag), latitude: lat, longitude: lon,
                  speed_mps, heading_deg, accuracy_m, altitude_m, battery, uuid, event, extras }
        }
    }

    proptest! {
        #[test]
        fn what_is_unpacked_is_what_was_packed(fixes in proptest::collection::vec(any_fix(), 0..40)) {
            let (bytes, cursor) = pack_all(&fixes).expect("packs");
            let (back, end) = unpack_all(&bytes).expect("unpacks");
            prop_assert_eq!(&back, &fixes);
            prop_assert_eq!(end.time, cursor.time);
            for (a, b) in back.iter().zip(&fixes) {
                prop_assert_eq!(a.latitude.to_bits(), b.latitude.to_bits());
                prop_assert_eq!(a.longitude.to_bits(), b.longitude.to_bits());
            }
            let mut points = Vec::new();
            each_point(&bytes, |point, uuid| points.push((point.time, uuid.to_owned()))).expect("unpacks");
            let keys = fixes.iter().map(|fix| (fix.time, fix.uuid.as_deref().unwrap_or("").to_owned()));
            prop_assert_eq!(points, keys.collect::<Vec<_>>());
        }

        #[test]
        fn damage_is_an_error_or_other_fixes_but_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack_all(&bytes);
        }
    }
}
