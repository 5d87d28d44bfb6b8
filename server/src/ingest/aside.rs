//! Why points were set aside lately: most apps do not read our answer, so that whoever
//! looks after them has to find the reason here. The last few of each unit, as this
//! process has seen them.

use dashmap::DashMap;
use sentinel_model::{Time, UnitId, fix::RejectedPoint};
use serde::Serialize;
use std::collections::VecDeque;

/// Kept of each unit.
const KEPT: usize = 10;
/// Units that anything is kept of.
const UNITS_MAX: usize = 100_000;
/// Kept of a reason, which may repeat what a device wrote.
const REASON_MAX_CHARS: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SetAside {
    /// When it came, by the server's clock.
    pub at: Time,
    /// The point's place in its request.
    pub index: usize,
    pub reason: String,
}

#[derive(Default)]
pub struct Aside(DashMap<UnitId, VecDeque<SetAside>>);

impl Aside {
    pub fn keep(&self, unit: &UnitId, at: Time, rejected: &[RejectedPoint]) {
        let (Some(first), false) =
            (rejected.first(), self.0.len() >= UNITS_MAX && !self.0.contains_key(unit))
        else {
            return;
        };
        tracing::debug!(%unit, points = rejected.len(), reason = first.reason, "points were set aside");
        let mut kept = self.0.entry(unit.clone()).or_default();
        for point in &rejected[rejected.len().saturating_sub(KEPT)..] {
            if kept.len() == KEPT {
                kept.pop_front();
            }
            let reason = point.reason.chars().take(REASON_MAX_CHARS).collect();
            kept.push_back(SetAside { at, index: point.index, reason });
        }
    }

    /// The newest first.
    pub fn of(&self, unit: &UnitId) -> Vec<SetAside> {
        self.0.get(unit).map_or_else(Vec::new, |kept| kept.iter().rev().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_reasons_are_kept_and_the_newest_comes_first() {
        let (aside, unit): (Aside, UnitId) = (Aside::default(), "PC-001".parse().expect("a good id"));
        let point = |index| RejectedPoint { index, reason: "x".repeat(1000) };
        aside.keep(&unit, Time(1), &(0..50).map(point).collect::<Vec<_>>());
        aside.keep(&unit, Time(2), &[point(0)]);
        aside.keep(&unit, Time(3), &[]);
        let kept = aside.of(&unit);
        assert_eq!((kept.len(), kept[0].at, kept[1].index), (KEPT, Time(2), 49));
        assert_eq!(kept[0].reason.len(), REASON_MAX_CHARS);
    }
}
