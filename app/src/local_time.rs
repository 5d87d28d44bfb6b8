//! Instants on the person's own clock. Only a browser knows their time zone, so the
//! first paint says UTC and the page says local time once it is alive.

use sentinel_model::Time;

/// How a person reads the clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wall {
    /// Coordinated universal time, whatever the place.
    pub utc: bool,
    /// Twelve hours and a half of the day.
    pub twelve: bool,
}

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

fn date(at: Time) -> js_sys::Date {
    js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(at.ms() as f64))
}

impl Wall {
    /// How far this clock is ahead of UTC at an instant.
    fn ahead_ms(self, at: Time) -> i64 {
        if self.utc { 0 } else { -(date(at).get_timezone_offset() as i64) * MINUTE_MS }
    }

    fn hours(self, at: Time, seconds: bool) -> String {
        let ms = (at.ms() + self.ahead_ms(at)).rem_euclid(DAY_MS);
        let (h, m, s) = (ms / (60 * MINUTE_MS), ms / MINUTE_MS % 60, ms / 1_000 % 60);
        let seconds = if seconds { format!(":{s:02}") } else { String::new() };
        if self.twelve {
            let half = if h < 12 { "am" } else { "pm" };
            format!("{}:{m:02}{seconds} {half}", (h + 11) % 12 + 1)
        } else {
            format!("{h:02}:{m:02}{seconds}")
        }
    }

    /// `08:37:12` or `8:37:12 am`
    pub fn clock(self, at: Time) -> String {
        self.hours(at, true)
    }

    /// `08:37` or `8:37 am`
    pub fn clock_short(self, at: Time) -> String {
        self.hours(at, false)
    }

    /// `21 Nov 2026`
    pub fn date(self, at: Time) -> String {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let d = date(at.plus_ms(self.ahead_ms(at)));
        let month = MONTHS.get(d.get_utc_month() as usize).copied().unwrap_or_default();
        let (day, year) = (d.get_utc_date(), d.get_utc_full_year());
        format!("{day} {month} {year}")
    }

    /// `21 Nov 2026, 08:37:12 (UTC+05:30)`
    pub fn exact(self, at: Time) -> String {
        format!("{}, {} ({})", self.date(at), self.clock(at), self.zone(at))
    }

    /// `UTC+05:30`
    pub fn zone(self, at: Time) -> String {
        let ahead_min = self.ahead_ms(at) / MINUTE_MS;
        if ahead_min == 0 {
            return "UTC".into();
        }
        let sign = if ahead_min < 0 { '-' } else { '+' };
        format!("UTC{sign}{:02}:{:02}", ahead_min.abs() / 60, ahead_min.abs() % 60)
    }

    /// The last midnight before `at`, on this clock.
    pub fn midnight(self, at: Time) -> Time {
        let ahead = self.ahead_ms(at);
        let midnight = at.plus_ms(-(at.ms() + ahead).rem_euclid(DAY_MS));
        // Where the clocks were changed since, midnight was at another distance from UTC.
        midnight.plus_ms(ahead - self.ahead_ms(midnight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_reads_as_the_person_likes_it() {
        let at = |h: i64, m: i64| Time(h * 60 * MINUTE_MS + m * MINUTE_MS + 5_000);
        let plain = Wall { utc: true, twelve: false };
        let twelve = Wall { utc: true, twelve: true };
        assert_eq!(plain.clock(at(0, 7)), "00:07:05");
        assert_eq!(twelve.clock(at(0, 7)), "12:07:05 am");
        assert_eq!(twelve.clock_short(at(12, 0)), "12:00 pm");
        assert_eq!(twelve.clock_short(at(23, 59)), "11:59 pm");
        assert_eq!(plain.zone(at(1, 1)), "UTC");
        assert_eq!(plain.midnight(at(30, 0)), Time(DAY_MS));
    }
}
