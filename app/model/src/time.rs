//! Instants. Milliseconds since 1970 inside, ISO 8601 UTC in JSON.
//!
//! Milliseconds are what devices send and what every store behind Sentinel keeps;
//! finer digits are cut at the edge.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(pub i64);

/// The last instant that four-digit years can write: 9999-12-31T23:59:59.999Z.
pub const LAST_MS: i64 = 253_402_300_799_999;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time; write it as 2026-11-21T02:00:00Z, with Z or an offset")]
pub struct TimeError(pub String);

impl Time {
    pub const fn from_secs(s: i64) -> Self {
        Self(s.saturating_mul(1000))
    }

    pub const fn ms(self) -> i64 {
        self.0
    }

    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this, negative where it is later.
    pub const fn ms_since(self, earlier: Time) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads ISO 8601 with `Z` or an offset (`+05:30`, `-0700`); a time without one is UTC.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let ms = iso8601::read(text).filter(|ms| (0..=LAST_MS).contains(ms));
        ms.map(Self).ok_or_else(|| TimeError(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&iso8601::write(self.0.clamp(0, LAST_MS)).ok_or(fmt::Error)?)
    }
}

/// Milliseconds since 1970 to text and back.
#[cfg(not(target_arch = "wasm32"))]
mod iso8601 {
    use time::{
        OffsetDateTime, PrimitiveDateTime, format_description::well_known::Iso8601,
        macros::format_description,
    };

    pub fn read(text: &str) -> Option<i64> {
        let time = OffsetDateTime::parse(text, &Iso8601::PARSING)
            .or_else(|_| PrimitiveDateTime::parse(text, &Iso8601::PARSING).map(|t| t.assume_utc()))
            .ok()?;
        i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
    }

    pub fn write(ms: i64) -> Option<String> {
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()?;
        let text = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        time.format(text).ok()
    }
}

/// The same by the browser, which knows how already: the page need not carry it. What it
/// reads was written by the server, with `Z`.
#[cfg(target_arch = "wasm32")]
mod iso8601 {
    #[expect(clippy::cast_possible_truncation, reason = "a date's milliseconds fit an i64")]
    pub fn read(text: &str) -> Option<i64> {
        Some(js_sys::Date::parse(text)).filter(|ms| ms.is_finite()).map(|ms| ms as i64)
    }

    #[expect(clippy::cast_precision_loss, reason = "until the year 9999 a double is exact")]
    pub fn write(ms: i64) -> Option<String> {
        Some(js_sys::Date::new(&(ms as f64).into()).to_iso_string().into())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Time;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as 2026-11-21T02:00:00Z")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                Time::parse(text).map_err(E::custom)
            }
        }
        if d.is_human_readable() { d.deserialize_str(Text) } else { i64::deserialize(d).map(Self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_to_the_millisecond() {
        let t = Time::parse("2026-11-21T02:00:00.123Z").map(|t| t.to_string());
        assert_eq!(t.as_deref(), Ok("2026-11-21T02:00:00.123Z"));
    }

    #[test]
    fn offsets_are_taken_into_account() {
        let utc = Time::parse("2026-11-21T02:00:00Z");
        for same in ["2026-11-21T07:30:00+05:30", "2026-11-20T19:00:00-0700", "2026-11-21T02:00:00"] {
            assert_eq!(Time::parse(same), utc, "{same}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "now", "2026-13-01T00:00:00Z", "2026-11-21", "1969-12-31T23:59:59Z"] {
            assert!(Time::parse(text).is_err(), "{text}");
        }
    }
}
