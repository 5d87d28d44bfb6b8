//! How many alerts a unit raises: one that crosses borders without end is told of so often an hour,
//! as a device is with its own fences.
//!
//! Counted by when positions were received, which is stored with them, and remembered with what they
//! mean: whoever looks again counts the same, tells the same, and leaves out the same.

use crate::ingest::alerts::FENCES_AN_HOUR;
use sentinel_model::Time;
use serde::{Deserialize, Serialize};

const HOUR_MS: i64 = 3_600_000;

/// What is remembered of a unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// When the hour began that is counted.
    since: Option<Time>,
    raised: u32,
}

impl Allowance {
    /// Counts one more; answers whether it is told.
    pub fn take(&mut self, received_at: Time) -> bool {
        if self.since.is_none_or(|since| received_at.ms_since(since) >= HOUR_MS) {
            *self = Self { since: Some(received_at), raised: 0 };
        }
        self.raised = self.raised.saturating_add(1);
        self.raised <= FENCES_AN_HOUR
    }

    /// Whether the last that was counted was the first of its hour that is not told.
    pub fn has_just_run_out(&self) -> bool {
        self.raised == FENCES_AN_HOUR + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_told_an_hour_and_who_counts_again_counts_the_same() {
        let at = |seconds: i64| Time(1_795_226_400_000 + seconds * 1000);
        let limit = i64::from(FENCES_AN_HOUR);
        // One every 40 s, for two hours; what came late is of the hour that is counted.
        let times: Vec<Time> = (0..180).map(|n| at(n * 40)).chain([at(7_100)]).collect();
        let told = |allowance: &mut Allowance, times: &[Time]| -> Vec<bool> {
            times.iter().map(|time| allowance.take(*time)).collect()
        };
        let mut whole = Allowance::default();
        let all = told(&mut whole, &times);
        let expected: Vec<bool> = (0..180).map(|n| n % 90 < limit).chain([false]).collect();
        assert_eq!(all, expected);
        // From what was remembered in between, at any moment.
        for until in [0, 1, 59, 60, 61, 100] {
            let mut first = Allowance::default();
            told(&mut first, &times[..until]);
            let kept = serde_json::to_string(&first).expect("writes");
            let mut again: Allowance = serde_json::from_str(&kept).expect("reads");
            assert_eq!(told(&mut again, &times[until..]), all[until..]);
        }
    }

    #[test]
    fn that_it_has_run_out_is_said_once() {
        let mut allowance = Allowance::default();
        let said = (0..200).filter(|_| {
            allowance.take(Time(0));
            allowance.has_just_run_out()
        });
        assert_eq!(said.count(), 1);
    }
}
