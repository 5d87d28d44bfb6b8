//! Numbers as people read them: always with their unit.

use sentinel_model::UnitStatus;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    #[default]
    Metric,
    Imperial,
}

pub fn status_word(status: UnitStatus) -> &'static str {
    match status {
        UnitStatus::Available => "Available",
        UnitStatus::OnTask => "On task",
        UnitStatus::Stale => "Stale",
        UnitStatus::Offline => "Offline",
        UnitStatus::OffDuty => "Off duty",
    }
}

/// `decimals` digits after the point. The page does without the tables that exact digits of
/// any number take.
pub fn fixed(n: f64, decimals: u32) -> String {
    let unit = 10_u64.pow(decimals);
    let all = (n.abs() * unit as f64).round() as u64;
    let sign = if n < 0.0 && all > 0 { "-" } else { "" };
    let (whole, part) = (all / unit, all % unit);
    if decimals == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{part:0w$}", w = decimals as usize)
    }
}

/// A whole number.
pub fn whole(n: impl Into<f64>) -> String {
    fixed(n.into(), 0)
}

pub fn speed(mps: f32, measure: Measure) -> String {
    match measure {
        Measure::Metric => format!("{} km/h", whole(mps * 3.6)),
        Measure::Imperial => format!("{} mph", whole(mps * 2.236_936_3)),
    }
}

pub fn distance(m: f64, measure: Measure) -> String {
    // The sum of nothing is minus nought.
    let m = m.max(0.0) + 0.0;
    match measure {
        Measure::Metric if m < 1_000.0 => format!("{} m", whole(m)),
        Measure::Metric => format!("{} km", tenths(m / 1_000.0)),
        Measure::Imperial if m < 160.934 => format!("{} ft", whole(m / 0.3048)),
        Measure::Imperial => format!("{} mi", tenths(m / 1_609.344)),
    }
}

/// `17,015.6`
fn tenths(n: f64) -> String {
    let all = (n * 10.0).round() as u64;
    format!("{}.{}", count(all / 10), all % 10)
}

/// How long ago, in one word and a number. What lies in the future is "now":
/// devices' clocks run a little ahead.
pub fn ago(ms: i64) -> String {
    match ms / 1_000 {
        i64::MIN..=1 => "now".into(),
        s @ 2..=59 => format!("{s} s ago"),
        s @ 60..=3_599 => format!("{} min ago", s / 60),
        s @ 3_600..=86_399 => format!("{} h ago", s / 3_600),
        s => format!("{} d ago", s / 86_400),
    }
}

/// A length of time, to the minute.
pub fn span(ms: i64) -> String {
    let minutes = (ms / 60_000).max(0);
    if minutes < 60 {
        format!("{minutes} min")
    } else {
        format!("{} h {:02} min", minutes / 60, minutes % 60)
    }
}

/// A length of time, to the second where it is below an hour: `20 s`, `6 min 10 s`, `1 h 05 min`.
pub fn took(ms: i64) -> String {
    match (ms.max(0) + 500) / 1_000 {
        s @ 0..=59 => format!("{s} s"),
        s @ 60..=3_599 if s % 60 == 0 => format!("{} min", s / 60),
        s @ 60..=3_599 => format!("{} min {} s", s / 60, s % 60),
        s => span(s * 1_000),
    }
}

pub fn heading(deg: f32) -> String {
    const POINTS: [&str; 8] = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];
    let deg = deg.rem_euclid(360.0);
    let point = POINTS[((deg + 22.5) / 45.0) as usize % 8];
    format!("{point} {}°", whole(deg))
}

pub fn battery(share: f32) -> String {
    format!("{} %", whole(share.clamp(0.0, 1.0) * 100.0))
}

pub fn coordinates(lat: f64, lon: f64) -> String {
    format!("{}, {}", fixed(lat, 5), fixed(lon, 5))
}

/// `9.96, 76.30`, degrees.
pub fn read_place(text: &str) -> Option<(f64, f64)> {
    let mut parts = text.split([',', ' ', ';']).filter(|part| !part.is_empty()).map(str::parse::<f64>);
    let (lat, lon) = (parts.next()?.ok()?, parts.next()?.ok()?);
    let is_place = parts.next().is_none() && (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
    is_place.then_some((lat, lon))
}

/// `patrol_car` as a person says it.
pub fn kind(word: &str) -> String {
    let mut text = word.replace('_', " ");
    if let Some(first) = text.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// `8,644`
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub fn plural(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_speak_in_the_largest_whole_unit() {
        for (ms, said) in [
            (-5_000, "now"),
            (900, "now"),
            (12_400, "12 s ago"),
            (61_000, "1 min ago"),
            (7_300_000, "2 h ago"),
            (200_000_000, "2 d ago"),
        ] {
            assert_eq!(ago(ms), said);
        }
    }

    #[test]
    fn a_length_of_time_is_told_to_the_second_within_an_hour() {
        for (ms, said) in [
            (-1, "0 s"),
            (19_600, "20 s"),
            (60_000, "1 min"),
            (370_000, "6 min 10 s"),
            (3_599_600, "1 h 00 min"),
            (3_900_000, "1 h 05 min"),
        ] {
            assert_eq!(took(ms), said);
        }
    }

    #[test]
    fn coordinates_are_read_as_people_write_them() {
        for text in ["9.9633, 76.2995", "9.9633 76.2995", " 9.9633;76.2995 "] {
            assert_eq!(read_place(text), Some((9.9633, 76.2995)), "{text}");
        }
        for text in ["", "9.9633", "91, 76", "9, 181", "here, there", "9, 76, 3"] {
            assert_eq!(read_place(text), None, "{text}");
        }
    }

    #[test]
    fn digits_are_rounded_at_the_last_one() {
        for (n, decimals, said) in [
            (0.0, 0, "0"),
            (-0.2, 0, "0"),
            (-0.6, 0, "-1"),
            (35.96, 1, "36.0"),
            (0.04, 1, "0.0"),
            (76.280_004, 5, "76.28000"),
            (-9.970_06, 5, "-9.97006"),
            (0.625, 3, "0.625"),
        ] {
            assert_eq!(fixed(n, decimals), said);
        }
    }

    #[test]
    fn numbers_carry_their_units() {
        assert_eq!(speed(10.0, Measure::Metric), "36 km/h");
        assert_eq!(speed(10.0, Measure::Imperial), "22 mph");
        assert_eq!(heading(359.0), "N 359°");
        assert_eq!(heading(47.0), "NE 47°");
        assert_eq!(distance(12_345.0, Measure::Metric), "12.3 km");
        assert_eq!(distance(17_015_600.0, Measure::Metric), "17,015.6 km");
        assert_eq!(distance(-0.0, Measure::Metric), "0 m");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
        assert_eq!(kind("patrol_car"), "Patrol car");
    }
}
