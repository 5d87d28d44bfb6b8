//! GPSLogger's custom URL: parameters that its user names, by default `lat` and
//! `longitude`, `time`, `s` (m/s), with `%ALL` its own short names. The answer is 200.

use super::{
    Format, Posted,
    pairs::{Names, Pairs},
};
use sentinel_model::Time;

const NAMES: Names = Names {
    latitude: &["lat", "latitude"],
    longitude: &["longitude", "lon", "lng", "long"],
    time: &["time", "timeoffset", "timestamp"],
    speed: &["s", "spd", "speed"],
    mps_per_speed: 1.0,
    heading: &["dir", "bearing", "heading"],
    accuracy: &["acc", "accuracy"],
    altitude: &["alt", "altitude"],
    battery: &["batt", "battery"],
    device: &["id", "aid", "ser"],
};

/// Names that only this app's templates have.
const OWN: [&str; 8] = ["longitude", "time", "timeoffset", "s", "spd", "aid", "ser", "starttimestamp"];

pub fn is_it(pairs: &Pairs<'_>) -> bool {
    OWN.iter().any(|name| pairs.has(name))
}

pub fn decode(pairs: &Pairs<'_>, now: Time) -> Posted {
    Posted { format: Format::GpsLogger, ..pairs.posted(&NAMES, now) }
}
