//! Parameters of an address or a form, which two formats share: one point a request.

use super::{Named, Posted, events, extras, point::RawPoint, when};
use form_urlencoded::parse;
use sentinel_model::{Time, fix::RejectedPoint};
use serde_json::Value;
use std::borrow::Cow;

/// More than any client sends.
const PAIRS_MAX: usize = 128;

/// The first value of each name counts. A `+` that was not encoded has become a space,
/// which numbers are trimmed of and times know of.
pub struct Pairs<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// Under which names a format sends what, and in which unit its speeds are.
pub struct Names {
    pub latitude: &'static [&'static str],
    pub longitude: &'static [&'static str],
    pub time: &'static [&'static str],
    pub speed: &'static [&'static str],
    pub mps_per_speed: f64,
    pub heading: &'static [&'static str],
    pub accuracy: &'static [&'static str],
    pub altitude: &'static [&'static str],
    /// Percent.
    pub battery: &'static [&'static str],
    /// What the device calls itself, the likeliest first.
    pub device: &'static [&'static str],
}

/// Both coordinates as one.
const LOCATION: &str = "location";
const ALARM: &str = "alarm";
/// Secrets, which are nothing to keep.
const TOKEN: &str = "token";
const UNIT: &str = "unit_id";

impl<'a> Pairs<'a> {
    pub fn read(query: &'a str, form: &'a [u8]) -> Self {
        Self(parse(query.as_bytes()).chain(parse(form)).take(PAIRS_MAX).collect())
    }

    /// Whether they are a position at all, sound or not, or a device's call for help without one.
    pub fn are_position(&self) -> bool {
        let has = |names: &[&str]| names.iter().any(|name| self.has(name));
        self.get(LOCATION).is_some_and(|place| place.contains(','))
            || has(&["lat", "latitude"]) && has(&["lon", "longitude", "lng", "long"])
            || self.get(ALARM).is_some_and(events::is_sos)
                && has(&["id", "deviceid", "device_id", UNIT, TOKEN])
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(other, _)| other == name)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    fn number(&self, names: &[&str]) -> Option<f64> {
        self.first(names)?.parse().ok()
    }

    /// The request's one point; one that says no time is of now.
    pub fn posted(&self, names: &Names, now: Time) -> Posted {
        let place = self.get(LOCATION).and_then(|place| place.split_once(','));
        let half = |text: &str| text.trim().parse().ok();
        let point = RawPoint {
            time: Some(self.first(names.time).map_or(Ok(now), when::read)),
            latitude: self.number(names.latitude).or_else(|| half(place?.0)),
            longitude: self.number(names.longitude).or_else(|| half(place?.1)),
            speed_mps: self.number(names.speed).map(|speed| speed * names.mps_per_speed),
            heading_deg: self.number(names.heading),
            accuracy_m: self.number(names.accuracy),
            altitude_m: self.number(names.altitude),
            battery: self.number(names.battery).map(|percent| percent / 100.0),
            uuid: self.get("uuid").map(Into::into),
            event: self.get(ALARM).and_then(events::of_alarm).or_else(|| self.get("event").map(Into::into)),
            extras: extras::rest(self.rest(names)),
        };
        let devices: Vec<String> =
            names.device.iter().filter_map(|name| self.get(name)).map(Into::into).collect();
        let named = self.get(UNIT).map(|id| Named::Unit(id.into()));
        let mut posted = Posted {
            named: named.or_else(|| (!devices.is_empty()).then_some(Named::Device(devices))),
            ..Posted::default()
        };
        let call = point.call(0, None, now);
        match point.check(now) {
            Ok(fix) => posted.fixes.push(fix),
            Err(reason) => {
                posted.rejected.push(RejectedPoint { index: 0, reason });
                posted.calls.extend(call);
            }
        }
        posted
    }

    fn rest(&self, names: &Names) -> impl Iterator<Item = (&str, Value)> {
        let columns = [
            names.latitude,
            names.longitude,
            names.time,
            names.speed,
            names.heading,
            names.accuracy,
            names.altitude,
            names.battery,
            names.device,
            &[LOCATION, TOKEN, UNIT, "uuid", "event"],
        ];
        let rest =
            self.0.iter().filter(move |(name, _)| !columns.iter().any(|names| names.contains(&&**name)));
        rest.map(|(name, value)| (&**name, plain(value)))
    }
}

/// A number or a truth value where the text is one in JSON, the text itself elsewhere.
fn plain(text: &str) -> Value {
    let read = serde_json::from_str(text.trim()).ok();
    read.filter(|value: &Value| value.is_number() || value.is_boolean()).unwrap_or_else(|| text.into())
}
