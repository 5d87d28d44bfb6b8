//! What files call what, and a point of those.

use super::Point;
use crate::{export, ingest::decode::RawPoint};
use sentinel_model::{Fix, Time, UnitId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Unit,
    Time,
    ReceivedAt,
    Latitude,
    Longitude,
    Speed,
    SpeedKmh,
    SpeedKnots,
    SpeedMph,
    Heading,
    Accuracy,
    Altitude,
    Battery,
    Event,
    Uuid,
    Extras,
}

impl Field {
    const COUNT: usize = Self::Extras as usize + 1;

    /// By the name of a column or an element, as our own files and common others have it.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "unit_id" | "unit" => Self::Unit,
            "time" | "timestamp" => Self::Time,
            "received_at" => Self::ReceivedAt,
            "latitude" | "lat" => Self::Latitude,
            "longitude" | "lon" | "lng" => Self::Longitude,
            "speed_mps" | "speed" => Self::Speed,
            "speed_kmh" | "speed_kph" => Self::SpeedKmh,
            "speed_kn" | "speed_knots" => Self::SpeedKnots,
            "speed_mph" => Self::SpeedMph,
            "heading_deg" | "heading" | "course" | "bearing" => Self::Heading,
            "accuracy_m" | "accuracy" => Self::Accuracy,
            "altitude_m" | "altitude" | "ele" => Self::Altitude,
            "battery" => Self::Battery,
            "event" => Self::Event,
            "uuid" => Self::Uuid,
            "extras" => Self::Extras,
            _ => return None,
        })
    }
}

/// What a file says of one point, as it says it.
#[derive(Debug, Default)]
pub struct Record {
    texts: [String; Field::COUNT],
    /// Numbers may be written as `9,96`.
    decimal_comma: bool,
}

/// Speeds as files have them, and how many metres per second one is.
const SPEEDS: [(Field, f64); 4] = [
    (Field::Speed, 1.0),
    (Field::SpeedKmh, 1000.0 / 3600.0),
    (Field::SpeedKnots, 1852.0 / 3600.0),
    (Field::SpeedMph, 0.44704),
];

impl Record {
    pub fn with_decimal_comma(decimal_comma: bool) -> Self {
        Self { decimal_comma, ..Self::default() }
    }

    pub fn set(&mut self, field: Field, text: &str) {
        let held = &mut self.texts[field as usize];
        held.clear();
        held.push_str(text);
    }

    pub fn clear(&mut self) {
        self.texts.iter_mut().for_each(String::clear);
    }

    fn get(&self, field: Field) -> Option<&str> {
        Some(self.texts[field as usize].trim()).filter(|text| !text.is_empty())
    }

    pub fn point(&self, line: u64, now: Time) -> Point {
        let (unit, fix) = match self.unit() {
            Ok(unit) => (unit, self.fix(now)),
            Err(words) => (None, Err(words)),
        };
        Point { line, unit, fix }
    }

    /// Whom it names.
    fn unit(&self) -> Result<Option<UnitId>, String> {
        let named = self.get(Field::Unit).map(export::plain);
        named.map(|text| text.parse().map_err(|error| format!("unit_id: {error}"))).transpose()
    }

    /// The fix. When it was received is taken from the file where that is past: a history that
    /// moves house keeps it.
    fn fix(&self, now: Time) -> Result<Fix, String> {
        let received_at = self.get(Field::ReceivedAt).map(Time::parse).transpose();
        let received_at = received_at.map_err(|error| format!("received_at: {error}"))?;
        // A device's own words, to the last space.
        let own = |field| {
            let text = export::plain(&self.texts[field as usize]);
            (!text.is_empty()).then(|| text.to_owned())
        };
        let raw = RawPoint {
            time: self.get(Field::Time).map(time),
            latitude: self.number("latitude", Field::Latitude)?,
            longitude: self.number("longitude", Field::Longitude)?,
            speed_mps: self.speed_mps()?,
            heading_deg: self.number("heading", Field::Heading)?,
            accuracy_m: self.number("accuracy", Field::Accuracy)?,
            altitude_m: self.number("altitude", Field::Altitude)?,
            battery: self.number("battery", Field::Battery)?,
            event: own(Field::Event),
            uuid: own(Field::Uuid),
            extras: own(Field::Extras),
        };
        raw.check(received_at.unwrap_or(now).min(now))
    }

    fn number(&self, name: &str, field: Field) -> Result<Option<f64>, String> {
        let Some(text) = self.get(field) else { return Ok(None) };
        let short = || text.chars().take(40).collect::<String>();
        let number = text.parse().ok();
        let number =
            number.or_else(|| text.replacen(',', ".", 1).parse().ok().filter(|_| self.decimal_comma));
        number.map(Some).ok_or_else(|| format!("{name} {:?} is not a number", short()))
    }

    fn speed_mps(&self) -> Result<Option<f64>, String> {
        for (field, mps) in SPEEDS {
            if let Some(speed) = self.number("speed", field)? {
                return Ok(Some(speed * mps));
            }
        }
        Ok(None)
    }
}

/// ISO 8601, or seconds or milliseconds since 1970.
fn time(text: &str) -> Result<Time, String> {
    /// Seconds of the year 5138: more are milliseconds.
    const SECONDS_MAX: i64 = 100_000_000_000;
    match text.parse::<i64>() {
        Ok(n) if (0..SECONDS_MAX).contains(&n) => Ok(Time::from_secs(n)),
        Ok(n) if (0..=sentinel_model::time::LAST_MS).contains(&n) => Ok(Time(n)),
        _ => Time::parse(text).map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix(fields: &[(&str, &str)]) -> Result<Fix, String> {
        let mut record = Record::default();
        for (name, text) in fields {
            record.set(Field::named(name).expect("known"), text);
        }
        record.fix(Time::parse("2026-11-21T02:00:00Z").expect("reads"))
    }

    #[test]
    fn a_time_is_written_in_one_of_three_ways() {
        let read = |text| fix(&[("time", text), ("lat", "1"), ("lon", "2")]).map(|fix| fix.time.0);
        for text in ["1795226400", "1795226400000", "2026-11-21T02:00:00Z", "2026-11-21T07:30:00+05:30"] {
            assert_eq!(read(text), Ok(1_795_226_400_000), "{text}");
        }
        for text in ["", "yesterday", "-5", "99999999999999999"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_was_received_later_than_now_and_what_is_wrong_is_named() {
        let place = [("time", "1"), ("Latitude", " 9.5 "), ("lng", "-0.25")];
        let received = |at| fix(&[&place[..], &[("received_at", at)]].concat()).map(|fix| fix.received_at);
        assert_eq!(
            received("2020-01-01T00:00:00Z").map(|at| at.to_string()),
            Ok("2020-01-01T00:00:00.000Z".into())
        );
        assert_eq!(
            received("2030-01-01T00:00:00Z").map(|at| at.to_string()),
            Ok("2026-11-21T02:00:00.000Z".into())
        );
        assert!(received("soon").is_err_and(|words| words.starts_with("received_at")));
        let bad = fix(&[("time", "1"), ("lat", "91"), ("lon", "0")]);
        assert!(bad.is_err_and(|words| words.contains("latitude 91 is outside")));
        let bad = fix(&[("time", "1"), ("lat", "north"), ("lon", "0")]);
        assert_eq!(bad, Err("latitude \"north\" is not a number".into()));
    }
}
