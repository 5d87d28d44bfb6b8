//! The audit: every answered fix is read back, and nothing else is there.
//!
//! Reads each unit's route over the time of the run, in windows small enough not to be
//! thinned, and compares it fix by fix with what the ledger knows: answered ones are
//! there once, at their place; ones in doubt once or not at all; no others exist.

use super::{
    api::Api,
    course::{Course, Place},
    ledger::{Fate, Ledger},
};
use anyhow::Context;
use sentinel_model::{RouteAnswer, RoutePoint};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Fixes in one window.
const WINDOW_FIXES: u64 = 5_000;
/// Asked for, so that a window is not thinned.
const MAX_POINTS: u64 = 2 * WINDOW_FIXES;
/// Largest difference of a coordinate that is only rounding, degrees: half of what is sent.
const ROUNDING_DEG: f64 = 6e-7;
/// How long history may take to hold what was answered, from when it is looked at first.
/// The tests' stand-in for a server keeps what it answers at once, so what it lacks is lost.
pub const FOLLOWS_WITHIN: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 60 });
pub const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How many findings are told in words.
const EXAMPLES: usize = 5;

#[derive(Debug, Default, Clone, Serialize)]
pub struct Findings {
    /// Fixes whose post was answered 2xx.
    pub answered: u64,
    /// Of those, the ones read back, once and at their place.
    pub found: u64,
    pub missing: u64,
    /// Read back more often than once.
    pub doubled: u64,
    /// Read back at another place.
    pub altered: u64,
    /// Read back, but never sent or refused.
    pub foreign: u64,
    /// Sent without an answer: these were stored, or not, as they may.
    pub in_doubt_stored: u64,
    pub in_doubt_lost: u64,
    /// Of the route's own count, where it differs from the points it lists.
    pub miscounted: u64,
    pub examples: Vec<String>,
}

impl Findings {
    pub fn is_exact(&self) -> bool {
        self.missing + self.doubled + self.altered + self.foreign + self.miscounted == 0
    }

    pub fn add(&mut self, other: Findings) {
        self.answered += other.answered;
        self.found += other.found;
        self.missing += other.missing;
        self.doubled += other.doubled;
        self.altered += other.altered;
        self.foreign += other.foreign;
        self.in_doubt_stored += other.in_doubt_stored;
        self.in_doubt_lost += other.in_doubt_lost;
        self.miscounted += other.miscounted;
        self.examples.extend(other.examples);
        self.examples.truncate(EXAMPLES);
    }

    fn note(&mut self, example: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(example());
        }
    }
}

/// Audits until nothing answered is missing any more: where history is kept elsewhere, what
/// was answered waits in a queue first. What has not followed after [`FOLLOWS_WITHIN`] is
/// missing. Blocks.
pub fn audit_once_it_follows(
    course: &Course,
    ledger: &Ledger,
    ids: &[String],
    connections: usize,
    api: impl Fn() -> Api + Sync,
) -> anyhow::Result<Findings> {
    let begun = Instant::now();
    loop {
        let found = audit(course, ledger, ids, connections, &api)?;
        if found.missing == 0 || begun.elapsed() > FOLLOWS_WITHIN {
            return Ok(found);
        }
        std::thread::sleep(LOOK_AGAIN_AFTER);
    }
}

/// Audits all units over `connections` at once. Blocks.
pub fn audit(
    course: &Course,
    ledger: &Ledger,
    ids: &[String],
    connections: usize,
    api: impl Fn() -> Api + Sync,
) -> anyhow::Result<Findings> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let parts = std::thread::scope(|threads| {
        let readers: Vec<_> = (0..connections.min(ids.len()))
            .map(|_| {
                threads.spawn(|| -> anyhow::Result<Findings> {
                    let mut api = api();
                    let mut found = Findings::default();
                    loop {
                        let unit = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        let Some(id) = ids.get(unit) else { return Ok(found) };
                        audit_unit(&mut api, course, ledger, unit, id, &mut found)?;
                    }
                })
            })
            .collect();
        readers
            .into_iter()
            .map(|r| r.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a reader of the audit failed"))))
            .collect::<Vec<_>>()
    });
    let mut all = Findings::default();
    for part in parts {
        all.add(part?);
    }
    Ok(all)
}

fn audit_unit(
    api: &mut Api,
    course: &Course,
    ledger: &Ledger,
    unit: usize,
    id: &str,
    found: &mut Findings,
) -> anyhow::Result<()> {
    let sent = course.first_fix_of(ledger.sent_to(unit));
    let mut from = 0;
    while from < sent {
        let to = (from + WINDOW_FIXES).min(sent);
        let points =
            read_window(api, course, id, from, to, found).with_context(|| format!("auditing {id}"))?;
        compare(course, ledger, unit, from..to, &points, found);
        from = to;
    }
    Ok(())
}

/// All points of the fixes `from..to`, the last not included.
fn read_window(
    api: &mut Api,
    course: &Course,
    id: &str,
    from: u64,
    to: u64,
    found: &mut Findings,
) -> anyhow::Result<Vec<RoutePoint>> {
    let (begins, ends) = (course.time(from), course.time(to));
    let route: RouteAnswer = api.get(&format!(
        "/api/v1/units/{id}/route?start_time={begins}&end_time={ends}&max_points={MAX_POINTS}"
    ))?;
    let listed = u64::try_from(route.points.len()).unwrap_or(u64::MAX);
    if route.total > listed && to - from > 1 {
        // Thinned after all: the server has more than was sent, or caps what it lists.
        let middle = from + (to - from) / 2;
        let mut points = read_window(api, course, id, from, middle, found)?;
        points.extend(read_window(api, course, id, middle, to, found)?);
        return Ok(points);
    }
    if route.total != listed {
        found.miscounted += route.total.abs_diff(listed);
        found.note(|| format!("{id}: the route counts {} fixes and lists {listed}", route.total));
    }
    // Whether a range holds its end is not this audit's business: the next window reads that fix.
    Ok(route.points.into_iter().filter(|p| p.time >= begins && p.time < ends).collect())
}

/// One window of one unit: the fixes `window`, and the points that were read for it.
pub fn compare(
    course: &Course,
    ledger: &Ledger,
    unit: usize,
    window: std::ops::Range<u64>,
    points: &[RoutePoint],
    found: &mut Findings,
) {
    let mut times = vec![0u32; usize::try_from(window.end - window.start).expect("a window is small")];
    for point in points {
        let fix = course.fix_at(point.time).filter(|fix| window.contains(fix));
        let fate = fix.map(|fix| ledger.fate(unit, course.post_of(fix)));
        let (Some(fix), Some(Fate::Answered(_) | Fate::InDoubt)) = (fix, fate) else {
            found.foreign += 1;
            found.note(|| format!("unit {unit}: {} was never accepted", point.time));
            continue;
        };
        times[usize::try_from(fix - window.start).expect("within the window")] += 1;
        if !is_at(point, course.place(unit, fix)) {
            found.altered += 1;
            found.note(|| format!("unit {unit}: {} reads back at another place", point.time));
        }
    }
    for (fix, times) in window.zip(times) {
        let answered = matches!(ledger.fate(unit, course.post_of(fix)), Fate::Answered(_));
        found.doubled += u64::from(times.saturating_sub(1));
        match (answered, times) {
            (true, 0) => {
                found.missing += 1;
                found.note(|| format!("unit {unit}: {} was answered and is not there", course.time(fix)));
            }
            (true, _) => found.found += 1,
            (false, 0) => {
                found.in_doubt_lost += u64::from(ledger.fate(unit, course.post_of(fix)) == Fate::InDoubt);
            }
            (false, _) => found.in_doubt_stored += 1,
        }
        found.answered += u64::from(answered);
        if times > 1 {
            found.note(|| format!("unit {unit}: {} is there {times} times", course.time(fix)));
        }
    }
}

fn is_at(point: &RoutePoint, place: Place) -> bool {
    let near = |degrees: f64, e6: i64| {
        #[expect(clippy::cast_precision_loss, reason = "degrees times 1e6 are far below 2^53")]
        let sent = e6 as f64 / 1e6;
        (degrees - sent).abs() < ROUNDING_DEG
    };
    near(point.latitude, place.lat_e6) && near(point.longitude, place.lon_e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::Time;
    use std::time::Duration;

    fn course() -> Course {
        Course::new(Time(1_000), 10, 2, vec![Place { lat_e6: 9_000_000, lon_e6: 76_000_000 }])
    }

    /// Posts 0 and 1 answered (fixes 0 to 3), 2 in doubt (4, 5), 3 refused (6, 7).
    fn ledger() -> Ledger {
        let ledger = Ledger::new(1);
        for post in 0..4 {
            ledger.sending(0, post);
        }
        ledger.answered(0, 0, Duration::from_millis(1));
        ledger.answered(0, 1, Duration::from_millis(1));
        ledger.refused(0, 3);
        ledger
    }

    fn point(fix: u64) -> RoutePoint {
        let place = course().place(0, fix);
        RoutePoint {
            time: course().time(fix),
            latitude: place.lat_e6 as f64 / 1e6,
            longitude: place.lon_e6 as f64 / 1e6,
            speed_mps: None,
            heading_deg: None,
        }
    }

    fn audit_of(points: &[RoutePoint]) -> Findings {
        let mut found = Findings::default();
        compare(&course(), &ledger(), 0, 0..8, points, &mut found);
        found
    }

    #[test]
    fn what_was_answered_and_is_there_once_is_exact() {
        let found = audit_of(&[point(0), point(1), point(2), point(3)]);
        assert!(found.is_exact(), "{found:?}");
        assert_eq!((found.answered, found.found, found.in_doubt_lost), (4, 4, 2));
    }

    #[test]
    fn a_fix_in_doubt_may_be_there() {
        let found = audit_of(&[point(0), point(1), point(2), point(3), point(4)]);
        assert!(found.is_exact(), "{found:?}");
        assert_eq!((found.in_doubt_stored, found.in_doubt_lost), (1, 1));
    }

    #[test]
    fn a_lost_fix_is_missing() {
        let found = audit_of(&[point(0), point(1), point(3)]);
        assert!(!found.is_exact());
        assert_eq!((found.missing, found.found), (1, 3));
    }

    #[test]
    fn a_fix_stored_twice_is_doubled_even_in_doubt() {
        let found = audit_of(&[point(0), point(0), point(1), point(2), point(3), point(5), point(5)]);
        assert_eq!(found.doubled, 2);
        assert!(!found.is_exact());
    }

    #[test]
    fn a_fix_that_was_refused_or_never_sent_is_foreign() {
        let refused = point(6);
        let never_sent = RoutePoint { time: Time(1_005), ..point(0) };
        let found = audit_of(&[point(0), point(1), point(2), point(3), refused, never_sent]);
        assert_eq!(found.foreign, 2);
        assert!(!found.is_exact());
    }

    #[test]
    fn a_fix_at_another_place_is_altered() {
        let mut moved = point(2);
        moved.latitude += 0.000_002;
        let found = audit_of(&[point(0), point(1), moved, point(3)]);
        assert_eq!(found.altered, 1);
        assert!(!found.is_exact());
    }
}
