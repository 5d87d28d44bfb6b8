//! From "answered" to "on the screen".
//!
//! Each dashboard notes what arrives, by unit and device time. A post counts as
//! delivered to it when the first position arrives that is that post's or a newer
//! one of the unit: conflation leaves out what is already outdated, and the newest
//! stands for all that it covers. What arrives before its sender has read the answer
//! waits until there is one; its latency is zero.

use super::{
    course::Course,
    figures::Times,
    ledger::{Fate, Ledger},
};
use sentinel_model::Time;
use std::time::Duration;

/// What one kind of dashboard saw.
#[derive(Default, Clone)]
pub struct Deliveries {
    /// Answer to arrival, for each answered post and each socket that should see it.
    pub latency: Times,
    /// Positions of units of this run that arrived.
    pub updates: u64,
    /// Posts that a newer position stood for.
    pub conflated: u64,
    /// Arrivals that were there before their answer was read.
    pub ahead: u64,
    /// A position older than one that the socket had seen. Never right.
    pub went_back: u64,
    /// A position that no unit of the run sent. Never right.
    pub invented: u64,
    /// Answered posts that neither arrived nor were covered before the run closed.
    pub missing: u64,
    pub frames: u64,
    pub bytes: u64,
    pub events: u64,
    pub snapshots: u64,
}

impl Deliveries {
    pub fn add(&mut self, other: &Deliveries) {
        self.latency.add(&other.latency);
        self.updates += other.updates;
        self.conflated += other.conflated;
        self.ahead += other.ahead;
        self.went_back += other.went_back;
        self.invented += other.invented;
        self.missing += other.missing;
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.events += other.events;
        self.snapshots += other.snapshots;
    }
}

/// One socket's view of the fleet.
pub struct Watch {
    /// For each unit, one more than the newest post seen.
    seen: Vec<u64>,
    /// Newest fix seen of each unit, one more.
    fixes: Vec<u64>,
    /// Arrived, and not answered yet as far as the ledger knows.
    waiting: Vec<(usize, u64, Duration)>,
}

impl Watch {
    pub fn new(units: usize) -> Self {
        Self { seen: vec![0; units], fixes: vec![0; units], waiting: Vec::new() }
    }

    /// A position of `unit` with the device time `time` arrived at `at`.
    pub fn arrived(
        &mut self,
        unit: usize,
        time: Time,
        at: Duration,
        course: &Course,
        ledger: &Ledger,
        into: &mut Deliveries,
    ) {
        if time < course.base() {
            return; // from before this run
        }
        let known = course.fix_at(time).map(|fix| (fix, course.post_of(fix)));
        let Some((fix, post)) = known.filter(|(_, post)| *post < ledger.sent_to(unit)) else {
            into.invented += 1;
            return;
        };
        into.updates += 1;
        if fix + 1 < self.fixes[unit] {
            into.went_back += 1;
            return;
        }
        self.fixes[unit] = fix + 1;
        let first = self.seen[unit];
        for covered in first..=post {
            into.conflated += u64::from(covered < post);
            self.settle(unit, covered, at, ledger, into);
        }
        self.seen[unit] = first.max(post + 1);
    }

    fn settle(&mut self, unit: usize, post: u64, at: Duration, ledger: &Ledger, into: &mut Deliveries) {
        match ledger.fate(unit, post) {
            Fate::Answered(answered) => {
                into.ahead += u64::from(at < answered);
                into.latency.record(at.saturating_sub(answered));
            }
            Fate::InDoubt => self.waiting.push((unit, post, at)),
            Fate::Refused | Fate::Unsent => {}
        }
    }

    /// Looks again at what arrived before its answer.
    pub fn settle_waiting(&mut self, ledger: &Ledger, into: &mut Deliveries) {
        for (unit, post, at) in std::mem::take(&mut self.waiting) {
            self.settle(unit, post, at, ledger, into);
        }
    }

    /// Whether everything answered of these units has arrived.
    pub fn is_complete(&self, units: &[usize], ledger: &Ledger) -> bool {
        units.iter().all(|unit| self.seen[*unit] >= ledger.answered_to(*unit))
    }

    /// Counts what is missing once no more is waited for.
    pub fn close(&mut self, units: &[usize], ledger: &Ledger, into: &mut Deliveries) {
        self.settle_waiting(ledger, into);
        for unit in units {
            for post in self.seen[*unit]..ledger.answered_to(*unit) {
                into.missing += u64::from(matches!(ledger.fate(*unit, post), Fate::Answered(_)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::course::Place;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    struct Stage {
        course: Course,
        ledger: Ledger,
        watch: Watch,
        seen: Deliveries,
    }

    impl Stage {
        fn new(batch: u32) -> Self {
            let sites = vec![Place { lat_e6: 0, lon_e6: 0 }; 2];
            Self {
                course: Course::new(Time(1_000_000), 10, batch, sites),
                ledger: Ledger::new(2),
                watch: Watch::new(2),
                seen: Deliveries::default(),
            }
        }

        fn answer(&self, post: u64, at: Duration) {
            self.ledger.sending(0, post);
            self.ledger.answered(0, post, at);
        }

        fn arrive(&mut self, fix: u64, at: Duration) {
            let time = self.course.time(fix);
            self.watch.arrived(0, time, at, &self.course, &self.ledger, &mut self.seen);
        }

        fn max_ms(&self) -> f64 {
            self.seen.latency.percentiles().map_or(0.0, |p| p.max_ms)
        }
    }

    #[test]
    fn latency_is_from_the_answer_to_the_arrival() {
        let mut stage = Stage::new(1);
        stage.answer(0, 5 * MS);
        stage.arrive(0, 8 * MS);
        assert!((stage.max_ms() - 3.0).abs() < 0.01);
        assert_eq!((stage.seen.updates, stage.seen.conflated), (1, 0));
    }

    #[test]
    fn the_newest_stands_for_what_it_covers() {
        let mut stage = Stage::new(1);
        for post in 0..3 {
            stage.answer(post, MS);
        }
        stage.arrive(2, 11 * MS);
        let p = stage.seen.latency.percentiles().expect("three");
        assert_eq!((p.count, stage.seen.conflated, stage.seen.updates), (3, 2, 1));
        assert!((p.p50_ms - 10.0).abs() < 0.1);
    }

    #[test]
    fn a_batch_is_one_post_however_many_of_its_fixes_arrive() {
        let mut stage = Stage::new(10);
        stage.answer(0, MS);
        stage.answer(1, MS);
        stage.arrive(9, 2 * MS);
        stage.arrive(14, 3 * MS);
        stage.arrive(19, 4 * MS);
        let p = stage.seen.latency.percentiles().expect("two");
        assert_eq!((p.count, stage.seen.went_back), (2, 0));
    }

    #[test]
    fn an_arrival_before_its_answer_waits_for_it_and_counts_as_zero() {
        let mut stage = Stage::new(1);
        stage.ledger.sending(0, 0);
        stage.arrive(0, 4 * MS);
        assert_eq!(stage.seen.latency.percentiles(), None);
        stage.ledger.answered(0, 0, 6 * MS);
        stage.watch.settle_waiting(&stage.ledger, &mut stage.seen);
        assert_eq!(stage.seen.ahead, 1);
        assert!(stage.max_ms() < 0.001);
    }

    #[test]
    fn a_marker_that_goes_back_or_was_never_sent_is_noticed() {
        let mut stage = Stage::new(1);
        stage.answer(0, MS);
        stage.answer(1, MS);
        stage.arrive(1, 2 * MS);
        stage.arrive(0, 3 * MS);
        assert_eq!(stage.seen.went_back, 1);
        stage.arrive(7, 3 * MS);
        assert_eq!(stage.seen.invented, 1);
    }

    #[test]
    fn what_never_arrives_is_missing() {
        let mut stage = Stage::new(1);
        for post in 0..4 {
            stage.answer(post, MS);
        }
        stage.ledger.refused(0, 4);
        stage.arrive(1, 2 * MS);
        assert!(!stage.watch.is_complete(&[0], &stage.ledger));
        stage.watch.close(&[0, 1], &stage.ledger, &mut stage.seen);
        assert_eq!(stage.seen.missing, 2);
    }
}
