//! Numbers a report is made of: percentiles of times, and what a process used.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::{fmt, time::Duration};

/// Times in nanoseconds, to three significant digits.
#[derive(Clone)]
pub struct Times(Histogram<u64>);

/// Longer times are taken too, at the price of growing in the middle of a run.
const ROOM: Duration = Duration::from_secs(30);

impl Default for Times {
    /// With all its memory at hand: a sender that first has to be given some, while a
    /// server is slow, would be late itself and lay that to the server.
    fn default() -> Self {
        let room = u64::try_from(ROOM.as_nanos()).expect("fits");
        let mut counts = Histogram::new_with_bounds(1, room, 3).expect("three digits are within 0 to 5");
        counts.auto(true);
        // Writes to all of it.
        counts.reset();
        Self(counts)
    }
}

impl Times {
    pub fn record(&mut self, time: Duration) {
        self.record_many(time, 1);
    }

    pub fn record_many(&mut self, time: Duration, count: u64) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.record_n(ns, count).expect("a histogram that grows takes every value");
    }

    pub fn add(&mut self, other: &Times) {
        self.0 += &other.0;
    }

    pub fn percentiles(&self) -> Option<Percentiles> {
        let at = |q| Duration::from_nanos(self.0.value_at_quantile(q)).as_secs_f64() * 1e3;
        (!self.0.is_empty()).then(|| Percentiles {
            count: self.0.len(),
            p50_ms: at(0.50),
            p90_ms: at(0.90),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: Duration::from_nanos(self.0.max()).as_secs_f64() * 1e3,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    pub count: u64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
}

#[expect(clippy::cast_precision_loss, reason = "a count, for display")]
pub fn ratio(n: u64, by: f64) -> f64 {
    if by > 0.0 { n as f64 / by } else { 0.0 }
}

pub fn line(f: &mut fmt::Formatter<'_>, name: &str, p: Option<&Percentiles>) -> fmt::Result {
    match p {
        None => writeln!(f, "  {name:<24} none"),
        Some(p) => writeln!(
            f,
            "  {name:<24} p50 {:>8.3}  p90 {:>8.3}  p99 {:>8.3}  p99.9 {:>8.3}  max {:>9.3} ms  ({})",
            p.p50_ms, p.p90_ms, p.p99_ms, p.p999_ms, p.max_ms, p.count
        ),
    }
}

/// What a process has used so far, from `/proc`. None of it on other systems than Linux.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    pub cpu: Duration,
    pub rss_bytes: u64,
    pub peak_rss_bytes: u64,
}

/// The kernel tells CPU time in hundredths of a second on every Linux platform.
const TICK: Duration = Duration::from_millis(10);

pub fn usage_of(pid: u32) -> Option<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(Usage {
        cpu: cpu_time(&stat)?,
        rss_bytes: kilobytes(&status, "VmRSS:")? * 1024,
        peak_rss_bytes: kilobytes(&status, "VmHWM:")? * 1024,
    })
}

pub fn own_usage() -> Option<Usage> {
    usage_of(std::process::id())
}

/// User and system time, fields 14 and 15; the name before them may hold blanks.
fn cpu_time(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * user.saturating_add(system))
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|l| l.strip_prefix(name))?.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_recorded() {
        let mut times = Times::default();
        assert_eq!(times.percentiles(), None);
        for ms in 1..=1000 {
            times.record(Duration::from_millis(ms));
        }
        let mut more = Times::default();
        more.record_many(Duration::from_secs(5), 2);
        times.add(&more);
        let p = times.percentiles().expect("not empty");
        assert_eq!(p.count, 1002);
        for (got, want) in [(p.p50_ms, 501.0), (p.p90_ms, 902.0), (p.p99_ms, 992.0), (p.max_ms, 5000.0)] {
            assert!((got - want).abs() / want < 0.002, "{got} is not {want}");
        }
    }

    #[test]
    fn processor_time_is_read_past_a_name_with_blanks() {
        let stat = "77 (a b) c) S 1 77 77 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 3 0 100 0 0";
        assert_eq!(cpu_time(stat), Some(Duration::from_secs(2)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_memory() {
        assert!(own_usage().is_some_and(|u| u.rss_bytes > 0 && u.peak_rss_bytes >= u.rss_bytes));
    }
}
