//! When each post is due.
//!
//! Post `k` of the run is due at a time fixed before the run begins. A server that
//! stalls is late for all the posts that fell due meanwhile, and each of them says so.

use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    start: Instant,
    rate: u64,
    batch: u32,
    posts: u64,
}

impl Schedule {
    /// `rate` fixes a second in posts of `batch`, for `duration`.
    pub fn new(start: Instant, rate: u64, batch: u32, duration: Duration) -> Self {
        let fixes = u128::from(rate) * duration.as_nanos() / 1_000_000_000;
        let posts = u64::try_from(fixes.div_ceil(u128::from(batch))).unwrap_or(u64::MAX);
        Self { start, rate, batch, posts }
    }

    /// How many posts the whole run has.
    pub fn posts(&self) -> u64 {
        self.posts
    }

    pub fn due(&self, post: u64) -> Instant {
        let ns = u128::from(post) * u128::from(self.batch) * 1_000_000_000 / u128::from(self.rate);
        self.start + Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
    }
}

/// The posts that one connection carries: those of every `connections`-th unit, in the
/// order they are due. A unit's posts never overtake each other, as on a real device.
#[derive(Debug, Clone)]
pub struct Share {
    first: u32,
    connections: u32,
    units: u32,
    next_unit: u32,
    round: u64,
}

/// One post: `round` counts the unit's own posts, `number` all posts of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub unit: u32,
    pub round: u64,
    pub number: u64,
}

impl Share {
    pub fn new(connection: u32, connections: u32, units: u32) -> Self {
        debug_assert!(connection < connections && connections <= units);
        Self { first: connection, connections, units, next_unit: connection, round: 0 }
    }
}

impl Iterator for Share {
    type Item = Turn;

    fn next(&mut self) -> Option<Turn> {
        let unit = self.next_unit;
        let turn =
            Turn { unit, round: self.round, number: self.round * u64::from(self.units) + u64::from(unit) };
        self.next_unit += self.connections;
        if self.next_unit >= self.units {
            self.next_unit = self.first;
            self.round += 1;
        }
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn posts_are_due_at_an_even_pace_that_does_not_drift() {
        let start = Instant::now();
        let plan = Schedule::new(start, 3_000, 100, Duration::from_secs(60));
        assert_eq!(plan.posts(), 1_800);
        assert_eq!(plan.due(0), start);
        assert_eq!(plan.due(30) - start, Duration::from_secs(1));
        assert_eq!(plan.due(1) - start, Duration::from_nanos(33_333_333));
        assert_eq!(plan.due(1_800) - start, Duration::from_secs(60));
    }

    #[test]
    fn a_last_part_of_a_batch_is_still_a_post() {
        assert_eq!(Schedule::new(Instant::now(), 10, 100, Duration::from_secs(1)).posts(), 1);
    }

    #[test]
    fn the_connections_share_all_posts_and_each_once() {
        for (connections, units) in [(1, 1), (3, 7), (4, 4), (5, 12)] {
            let rounds = 5;
            let mut all = BTreeSet::new();
            for connection in 0..connections {
                let mut last = None;
                for turn in Share::new(connection, connections, units).take_while(|t| t.round < rounds) {
                    assert!(all.insert(turn.number), "{turn:?} comes twice");
                    assert!(last < Some(turn.number), "{turn:?} is out of order");
                    assert_eq!(turn.unit % connections, connection);
                    last = Some(turn.number);
                }
            }
            let expected = u64::from(units) * rounds;
            assert_eq!(all.len() as u64, expected);
            assert_eq!(all.last(), Some(&(expected - 1)));
        }
    }
}
