//! The numbers of patrols.

use sentinel_model::{PatrolId, Time};
use std::sync::atomic::{AtomicU64, Ordering};

/// 2026-01-01T00:00:00Z: patrol ids count milliseconds from here.
const ID_EPOCH_MS: i64 = 1_767_225_600_000;

/// Gives each patrol its id: milliseconds since 2026, then 12 bits, random so that two
/// nodes seldom draw the same; the registry refuses the id of another unit's patrol.
/// Within a process each is larger than the one before.
#[derive(Debug, Default)]
pub struct Ids {
    last: AtomicU64,
}

impl Ids {
    pub fn next(&self, now: Time) -> PatrolId {
        let ms = u64::try_from(now.0 - ID_EPOCH_MS).unwrap_or(0) & ((1 << 41) - 1);
        let fresh = ms << 12 | u64::from(rand::random::<u16>() & 0xfff);
        let above = |last: u64| fresh.max(last + 1);
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(above(last)));
        PatrolId(above(last.unwrap_or_else(|last| last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_starts_of_a_process_have_one_id_also_in_one_millisecond_or_when_the_clock_goes_back() {
        let ids = Ids::default();
        let now = Time(1_795_226_400_000);
        let drawn: Vec<PatrolId> =
            (0..10_000).map(|n| ids.next(if n < 9_000 { now } else { Time(0) })).collect();
        assert!(drawn.is_sorted_by(|a, b| a < b));
        assert!(drawn[9_999].0 < 1 << 53, "it is exact in every reader of JSON");
        assert!(ids.next(now.plus_ms(60_000)).0 > drawn[9_999].0 + 1_000_000, "time goes on");
    }
}
