//! Device times, in all the ways that devices write them.

use super::leaf::Leaf;
use sentinel_model::{Time, time::LAST_MS};

/// Numbers from here on are milliseconds: as seconds it would be the year 5138.
const MS_FROM: f64 = 1e11;

/// A time as a JSON value: seconds or milliseconds since 1970, or text.
pub fn of(leaf: &Leaf) -> Result<Time, String> {
    match leaf {
        Leaf::Number(number) => since_1970(*number),
        Leaf::Text(text) => read(text),
        _ => Err("timestamp is not a time".into()),
    }
}

/// Seconds or milliseconds since 1970, ISO 8601 with or without an offset (`Z`, `+05:30`,
/// `-0700`; without one it is UTC), or `2026-11-21 02:00:00`.
pub fn read(text: &str) -> Result<Time, String> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return since_1970(number);
    }
    let said =
        Time::parse(text).or_else(|error| respaced(text).and_then(|iso| Time::parse(&iso).ok()).ok_or(error));
    said.map_err(|error| format!("timestamp {error}"))
}

fn since_1970(number: f64) -> Result<Time, String> {
    let ms = if number >= MS_FROM { number } else { number * 1000.0 };
    #[expect(clippy::cast_precision_loss, reason = "the last instant is below 2^53")]
    let last = LAST_MS as f64;
    #[expect(clippy::cast_possible_truncation, reason = "checked to be within the years 1970 to 9999")]
    if (0.0..=last).contains(&ms) {
        Ok(Time(ms.round() as i64))
    } else {
        Err(format!("timestamp {number} is outside the years 1970 to 9999"))
    }
}

/// A space between date and time is a `T`; one before the offset was a `+` that an
/// address did not encode.
fn respaced(text: &str) -> Option<String> {
    const DATE: usize = "2026-11-21".len();
    let (date, rest) = text.split_at_checked(DATE)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    Some(format!("{date}T{}", rest.trim().replacen(' ', "+", 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_to_write_a_time_mean_the_same() {
        for text in [
            "1795226400",
            "1795226400000",
            "1795226400.0",
            "2026-11-21T02:00:00Z",
            "2026-11-21T02:00:00.000Z",
            "2026-11-21T02:00:00",
            "2026-11-21 02:00:00",
            "2026-11-21T07:30:00+05:30",
            "2026-11-21T07:30:00+0530",
            "2026-11-21T07:30:00 05:30",
            "2026-11-21 07:30:00 0530",
            "2026-11-20T19:00:00-0700",
            " 2026-11-20 19:00:00-07:00 ",
        ] {
            assert_eq!(read(text), Ok(Time(1_795_226_400_000)), "{text}");
        }
        assert_eq!(read("1795226400.5"), Ok(Time(1_795_226_400_500)));
    }

    #[test]
    fn what_is_no_time_is_said_to_be_none() {
        for text in [
            "",
            " ",
            "now",
            "NaN",
            "inf",
            "-5",
            "1e300",
            "2026-11-21",
            "2026-13-01 00:00:00",
            "കകകക 00:00:00",
        ] {
            assert!(read(text).is_err_and(|said| said.starts_with("timestamp")), "{text}");
        }
        assert!(of(&Leaf::Bool(true)).is_err());
    }
}
