//! OsmAnd's online tracking and Traccar Client up to 8: parameters, `id` or `deviceid`,
//! `lat` and `lon` (or `location=lat,lon`), `timestamp`, `speed` in knots, `batt` in
//! percent. The answer is 200 without a body.

use super::{
    Format, Posted,
    pairs::{Names, Pairs},
};
use sentinel_model::Time;

const MPS_PER_KNOT: f64 = 1852.0 / 3600.0;

const NAMES: Names = Names {
    latitude: &["lat", "latitude"],
    longitude: &["lon", "lng", "long"],
    time: &["timestamp"],
    speed: &["speed"],
    mps_per_speed: MPS_PER_KNOT,
    heading: &["bearing", "heading"],
    accuracy: &["accuracy"],
    altitude: &["altitude"],
    battery: &["batt"],
    device: &["id", "deviceid", "device_id"],
};

pub fn decode(pairs: &Pairs<'_>, now: Time) -> Posted {
    Posted { format: Format::OsmAnd, ..pairs.posted(&NAMES, now) }
}
