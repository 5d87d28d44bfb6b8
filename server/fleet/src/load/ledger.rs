//! What became of every post, as its sender knows it.
//!
//! Written by the senders, read by every dashboard and by the audit while and after
//! the load runs. Eight bytes a post, no locks. A post is `InDoubt` from just before
//! it is sent until its answer is read, and stays so when none comes: it may then be
//! stored or not, once. Refused and unsent ones must not be stored at all.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Unsent,
    InDoubt,
    Refused,
    /// A 2xx was read this long after the run's origin.
    Answered(Duration),
}

const UNSENT: u64 = 0;
const IN_DOUBT: u64 = 1;
const REFUSED: u64 = 2;
const FIRST_ANSWER: u64 = 3;

/// Posts in a unit's first chunk; each further chunk is twice as long.
const FIRST_CHUNK: u64 = 64;
const CHUNKS: usize = 32;

pub struct Ledger {
    origin: Instant,
    units: Vec<Track>,
}

#[derive(Default)]
struct Track {
    chunks: [OnceLock<Box<[AtomicU64]>>; CHUNKS],
    /// One more than the newest answered post, and than the newest sent one.
    answered: AtomicU64,
    sent: AtomicU64,
}

/// Chunk and place in it: chunk `c` begins at `FIRST_CHUNK * (2^c - 1)`.
fn slot(post: u64) -> (usize, usize) {
    let from_one = post / FIRST_CHUNK + 1;
    let chunk = from_one.ilog2();
    let begins = FIRST_CHUNK * ((1 << chunk) - 1);
    let place = usize::try_from(post - begins).expect("a chunk fits memory");
    (usize::try_from(chunk).expect("at most 63"), place)
}

impl Ledger {
    pub fn new(units: usize) -> Self {
        Self { origin: Instant::now(), units: std::iter::repeat_with(Track::default).take(units).collect() }
    }

    /// Time since the run's origin, as answers and arrivals are noted.
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    pub fn fate(&self, unit: usize, post: u64) -> Fate {
        let (chunk, place) = slot(post);
        match self.units[unit].chunks[chunk].get().map(|c| c[place].load(Ordering::Acquire)) {
            None | Some(UNSENT) => Fate::Unsent,
            Some(IN_DOUBT) => Fate::InDoubt,
            Some(REFUSED) => Fate::Refused,
            Some(ns) => Fate::Answered(Duration::from_nanos(ns)),
        }
    }

    pub fn sending(&self, unit: usize, post: u64) {
        self.set(unit, post, IN_DOUBT);
        self.units[unit].sent.fetch_max(post + 1, Ordering::Release);
    }

    pub fn refused(&self, unit: usize, post: u64) {
        self.set(unit, post, REFUSED);
    }

    pub fn answered(&self, unit: usize, post: u64, at: Duration) {
        self.set(unit, post, u64::try_from(at.as_nanos()).unwrap_or(u64::MAX).max(FIRST_ANSWER));
        self.units[unit].answered.fetch_max(post + 1, Ordering::Release);
    }

    /// One more than the unit's newest answered post.
    pub fn answered_to(&self, unit: usize) -> u64 {
        self.units[unit].answered.load(Ordering::Acquire)
    }

    /// One more than the unit's newest sent post.
    pub fn sent_to(&self, unit: usize) -> u64 {
        self.units[unit].sent.load(Ordering::Acquire)
    }

    fn set(&self, unit: usize, post: u64, value: u64) {
        let (chunk, place) = slot(post);
        let cells = self.units[unit].chunks[chunk].get_or_init(|| {
            let len = FIRST_CHUNK << chunk;
            (0..len).map(|_| AtomicU64::new(UNSENT)).collect()
        });
        cells[place].store(value, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_follow_each_other_without_gap_or_overlap() {
        let mut expected = (0, 0);
        for post in 0..10_000 {
            assert_eq!(slot(post), expected, "post {post}");
            expected.1 += 1;
            if expected.1 == 64 << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn a_post_goes_from_unsent_by_doubt_to_its_answer() {
        let ledger = Ledger::new(2);
        assert_eq!(ledger.fate(1, 5_000), Fate::Unsent);
        ledger.sending(1, 5_000);
        assert_eq!(ledger.fate(1, 5_000), Fate::InDoubt);
        ledger.answered(1, 5_000, Duration::from_micros(7));
        assert_eq!(ledger.fate(1, 5_000), Fate::Answered(Duration::from_micros(7)));
        assert_eq!((ledger.answered_to(1), ledger.sent_to(1), ledger.answered_to(0)), (5_001, 5_001, 0));
        ledger.refused(0, 3);
        assert_eq!(ledger.fate(0, 3), Fate::Refused);
    }
}
