//! When a row is due, and the device time it carries.

use super::trace::Trace;
use sentinel_model::Time;
use std::{collections::HashMap, str::FromStr, time::Duration};

/// How many times faster than recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    Times(f64),
    /// As fast as the server answers.
    Max,
}

impl FromStr for Speed {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Speed::Max);
        }
        match text.trim_end_matches('x').parse::<f64>() {
            Ok(times) if times.is_finite() && times > 0.0 => Ok(Speed::Times(times)),
            _ => Err(format!("{text:?} is no speed; write a number above 0, such as 60, or \"max\"")),
        }
    }
}

/// The trace's clock against the wall's.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    first: Time,
    speed: Speed,
}

impl Pace {
    pub fn new(first: Time, speed: Speed) -> Self {
        Self { first, speed }
    }

    /// How long after the start a row is due.
    pub fn due_after(&self, recorded: Time) -> Duration {
        let ms = u64::try_from(recorded.ms_since(self.first)).unwrap_or(0);
        match self.speed {
            Speed::Times(times) => Duration::from_secs_f64(Duration::from_millis(ms).as_secs_f64() / times),
            Speed::Max => Duration::ZERO,
        }
    }

    /// What the trace's clock shows; none where it does not run.
    pub fn shows(&self, elapsed: Duration) -> Option<Time> {
        match self.speed {
            Speed::Times(times) => {
                let ms = elapsed.mul_f64(times).as_millis();
                Some(self.first.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX)))
            }
            Speed::Max => None,
        }
    }
}

/// Gives every row the time at which it is going to be posted when the replay begins `now`.
/// Without a pace the last row is now, and the others as long before as they were recorded.
/// Rows of one unit that were apart stay apart, by a millisecond at least.
pub fn shift(trace: &mut Trace, speed: Speed, now: Time) {
    let (Some(first), Some(last)) = (trace.rows.first(), trace.rows.last()) else { return };
    let (first, last) = (first.recorded, last.recorded);
    let pace = Pace::new(first, speed);
    let mut before: HashMap<usize, (Time, Time)> = HashMap::new();
    for row in &mut trace.rows {
        let shifted = match speed {
            Speed::Max => now.plus_ms(-last.ms_since(row.recorded)),
            Speed::Times(_) => {
                let after = pace.due_after(row.recorded).as_millis();
                now.plus_ms(i64::try_from(after).unwrap_or(i64::MAX))
            }
        };
        row.device = match before.get(&row.unit) {
            Some((recorded, device)) if *recorded == row.recorded => *device,
            Some((_, device)) => shifted.max(device.plus_ms(1)),
            None => shifted,
        };
        before.insert(row.unit, (row.recorded, row.device));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::trace::Row, *};

    fn trace(seconds: &[i64]) -> Trace {
        let row = |s: &i64| {
            let t = Time::from_secs(*s);
            Row { recorded: t, device: t, unit: 0, lat: 1.0, lon: 2.0, more: None }
        };
        Trace { units: vec!["a".parse().expect("an id")], rows: seconds.iter().map(row).collect() }
    }

    fn shifted(seconds: &[i64], speed: Speed) -> Vec<i64> {
        let mut trace = trace(seconds);
        shift(&mut trace, speed, Time::from_secs(1_000_000));
        trace.rows.iter().map(|r| r.device.ms() - 1_000_000_000).collect()
    }

    #[test]
    fn a_speed_is_a_number_above_zero_or_max() {
        assert_eq!("60".parse(), Ok(Speed::Times(60.0)));
        assert_eq!("0.5x".parse(), Ok(Speed::Times(0.5)));
        assert_eq!("max".parse(), Ok(Speed::Max));
        for text in ["0", "-1", "fast", "", "inf", "NaN"] {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_minute_of_the_trace_is_a_second_at_sixty_times() {
        let pace = Pace::new(Time::from_secs(100), Speed::Times(60.0));
        assert_eq!(pace.due_after(Time::from_secs(160)), Duration::from_secs(1));
        assert_eq!(pace.shows(Duration::from_secs(2)), Some(Time::from_secs(220)));
        let max = Pace::new(Time::from_secs(100), Speed::Max);
        assert_eq!(
            (max.due_after(Time::from_secs(160)), max.shows(Duration::from_secs(2))),
            (Duration::ZERO, None)
        );
    }

    #[test]
    fn shifted_times_are_those_of_the_replay() {
        assert_eq!(shifted(&[100, 160, 220], Speed::Times(60.0)), [0, 1_000, 2_000]);
        assert_eq!(shifted(&[100, 160, 220], Speed::Max), [-120_000, -60_000, 0]);
    }

    #[test]
    fn shifting_keeps_apart_what_was_apart_and_together_what_was_together() {
        assert_eq!(shifted(&[100, 101, 101, 102], Speed::Times(1e7)), [0, 1, 1, 2]);
    }
}
