//! How far a unit is that was sent to a place.
//!
//! It is en route once it has moved more than [`MOVED_M`] beyond what its accuracy may feign, or
//! drives at three positions in a row; it is on scene once it has been near the place at all
//! positions of [`STAYS_MS`], or has stood there and is still near at the next position. Each is
//! told once, and a unit that is on scene is not en route any more.

use super::Sighting;
use crate::geo::distance_m;
use sentinel_model::Time;
use serde::{Deserialize, Serialize};

/// How near is near, where nothing else is set.
pub const NEAR_M: f64 = 75.0;
pub const MOVED_M: f64 = 100.0;
pub const STAYS_MS: i64 = 20_000;
const DRIVES_MPS: f32 = 3.0;
const DRIVES_FIXES: u8 = 3;
/// Slower than this is standing.
const STANDS_MPS: f32 = 1.0;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    #[default]
    Assigned,
    EnRoute,
    OnScene,
}

/// Where the unit was sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// Degrees.
    pub latitude: f64,
    pub longitude: f64,
    /// How near is near, metres.
    pub near_m: f64,
}

/// What is remembered of one assignment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Journey {
    stage: Stage,
    /// Where the unit was when it was assigned, or was first seen since.
    from: Option<(f64, f64)>,
    last: Option<Time>,
    /// Positions in a row at which it drives, up to [`DRIVES_FIXES`].
    drives: u8,
    /// Of the positions in a row that are near.
    near: Option<Near>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Near {
    since: Time,
    has_stood: bool,
}

impl Journey {
    /// Begins where the unit was last seen, if it was: what was before that is not looked at.
    pub fn begin(at: Option<&Sighting>) -> Self {
        let at = at.filter(|at| !at.is_nowhere());
        Self { from: at.map(Sighting::place), last: at.map(|at| at.time), ..Self::default() }
    }

    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Somebody has said how far the unit is: what is no further is not told any more.
    pub fn is_told(&mut self, stage: Stage) {
        self.stage = self.stage.max(stage);
    }

    /// Looks at the unit's next position; answers the stage that it shows, once.
    pub fn step(&mut self, at: &Sighting, goal: &Goal) -> Option<Stage> {
        if at.is_nowhere() || self.last.is_some_and(|last| at.time <= last) {
            return None;
        }
        self.last = Some(at.time);
        let has_set_out = self.has_set_out(at);
        let has_arrived = self.has_arrived(at, goal);
        let shown = match (has_arrived, has_set_out) {
            (true, _) => Stage::OnScene,
            (_, true) => Stage::EnRoute,
            _ => Stage::Assigned,
        };
        (shown > self.stage).then(|| {
            self.stage = shown;
            shown
        })
    }

    /// The same, with when.
    pub fn told(&mut self, at: &Sighting, goal: &Goal) -> Option<(Stage, Time)> {
        Some((self.step(at, goal)?, at.time))
    }

    fn has_set_out(&mut self, at: &Sighting) -> bool {
        let drives = at.speed_mps.is_some_and(|speed_mps| speed_mps >= DRIVES_MPS);
        self.drives = if drives { (self.drives + 1).min(DRIVES_FIXES) } else { 0 };
        let moved_m = distance_m(*self.from.get_or_insert(at.place()), at.place());
        self.drives == DRIVES_FIXES || moved_m - at.accuracy_m.map_or(0.0, f64::from) > MOVED_M
    }

    fn has_arrived(&mut self, at: &Sighting, goal: &Goal) -> bool {
        if distance_m(at.place(), (goal.latitude, goal.longitude)) > goal.near_m {
            self.near = None;
            return false;
        }
        let before = self.near;
        let has_stood = before.is_some_and(|near| near.has_stood);
        let stands = at.speed_mps.is_some_and(|speed_mps| speed_mps < STANDS_MPS);
        let since = before.map_or(at.time, |near| near.since);
        self.near = Some(Near { since, has_stood: has_stood || stands });
        has_stood || at.time.ms_since(since) >= STAYS_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::M_PER_DEG_LATITUDE;

    const GOAL: Goal = Goal { latitude: 9.9, longitude: 76.2, near_m: NEAR_M };

    /// So many metres north of the place.
    fn at(seconds: i64, north_m: f64, speed_mps: Option<f32>) -> Sighting {
        Sighting {
            time: Time(1_795_226_400_000 + seconds * 1000),
            latitude: 9.9 + north_m / M_PER_DEG_LATITUDE,
            longitude: 76.2,
            speed_mps,
            accuracy_m: None,
            battery: None,
        }
    }

    fn told(journey: &mut Journey, track: impl IntoIterator<Item = Sighting>) -> Vec<(Stage, i64)> {
        let seconds = |of: &Sighting| of.time.ms_since(at(0, 0.0, None).time) / 1000;
        track.into_iter().filter_map(|at| Some((journey.step(&at, &GOAL)?, seconds(&at)))).collect()
    }

    /// From 1 km away.
    fn sent() -> Journey {
        Journey::begin(Some(&at(0, 1_000.0, None)))
    }

    #[test]
    fn each_stage_is_told_once_in_order() {
        let there = [1_000.0, 910.0, 890.0, 500.0, 70.0, 10.0, 5.0, 500.0, 1_000.0, 10.0, 10.0];
        let track = (1..).zip(there).map(|(n, north_m)| at(n * 20, north_m, None));
        assert_eq!(told(&mut sent(), track), [(Stage::EnRoute, 60), (Stage::OnScene, 120)]);
    }

    #[test]
    fn who_has_moved_less_than_its_accuracy_feigns_has_not_set_out() {
        let poor = |accuracy_m| Sighting { accuracy_m: Some(accuracy_m), ..at(10, 1_200.0, None) };
        assert_eq!(told(&mut sent(), [poor(101.0)]), []);
        assert_eq!(told(&mut sent(), [poor(99.0)]), [(Stage::EnRoute, 10)]);
    }

    #[test]
    fn who_drives_at_three_positions_in_a_row_has_set_out() {
        let drives = |seconds, mps| at(seconds, 1_000.0, Some(mps));
        assert_eq!(
            told(&mut sent(), [drives(1, 3.0), drives(2, 3.0), drives(3, 3.0)]),
            [(Stage::EnRoute, 3)]
        );
        let stops = [drives(1, 9.0), drives(2, 9.0), drives(3, 2.9), drives(4, 9.0), drives(5, 9.0)];
        assert_eq!(told(&mut sent(), stops), []);
        let silent = [drives(1, 9.0), drives(2, 9.0), at(3, 1_000.0, None), drives(4, 9.0), drives(5, 9.0)];
        assert_eq!(told(&mut sent(), silent), []);
    }

    #[test]
    fn who_drives_past_is_not_on_scene() {
        let past = (0..20).map(|n| at(n, 100.0 - 10.0 * n as f64, Some(10.0)));
        assert_eq!(told(&mut sent(), past.skip(1)), [(Stage::EnRoute, 1)]);
        let twice = [at(1, 70.0, None), at(10, 80.0, None), at(22, 70.0, None), at(41, 70.0, None)];
        assert_eq!(told(&mut sent(), twice), [(Stage::EnRoute, 1)], "the time away does not count");
    }

    #[test]
    fn who_is_near_for_20_seconds_is_on_scene_and_who_stands_sooner() {
        let near = |seconds, mps: Option<f32>| at(seconds, 50.0, mps);
        let arrives = |track: &[Sighting]| told(&mut sent(), track.to_vec()).contains(&(Stage::OnScene, 120));
        assert!(arrives(&[near(100, None), near(119, None), near(120, None)]));
        assert!(!arrives(&[near(101, None), near(120, None)]));
        assert!(!arrives(&[near(101, Some(1.0)), near(120, Some(0.0))]), "one more has to follow");
        assert!(arrives(&[near(118, Some(0.9)), near(120, Some(9.0))]));
        assert!(!arrives(&[near(117, Some(0.9)), at(118, 80.0, Some(9.0)), near(120, Some(0.9))]));
    }

    #[test]
    fn who_is_there_already_is_on_scene_without_a_way() {
        let mut there = Journey::begin(Some(&at(0, 10.0, None)));
        assert_eq!(told(&mut there, [at(10, 10.0, None), at(30, 10.0, None)]), [(Stage::OnScene, 30)]);
        assert_eq!(told(&mut there, [at(40, 900.0, None)]), [], "and leaves without being sent");
    }

    #[test]
    fn what_somebody_has_said_is_not_told_again() {
        let mut journey = sent();
        journey.is_told(Stage::EnRoute);
        let arrives = [at(60, 500.0, None), at(100, 50.0, None), at(120, 50.0, None)];
        assert_eq!(told(&mut journey, arrives), [(Stage::OnScene, 120)]);
        journey.is_told(Stage::EnRoute);
        assert_eq!(journey.stage(), Stage::OnScene);
        let mut journey = sent();
        journey.is_told(Stage::OnScene);
        assert_eq!(told(&mut journey, arrives), []);
    }

    #[test]
    fn what_was_before_or_comes_late_or_is_nowhere_is_not_looked_at() {
        let nowhere = Sighting { latitude: 0.0, longitude: 0.0, ..at(9, 0.0, None) };
        let track = [at(0, 10.0, None), at(-30, 10.0, None), nowhere, at(8, 1_000.0, None)];
        assert_eq!(told(&mut sent(), track), []);
        let mut unseen = Journey::begin(Some(&nowhere));
        let moves = [at(1, 2_000.0, None), at(2, 2_000.0, None), at(3, 1_899.0, None)];
        assert_eq!(told(&mut unseen, moves), [(Stage::EnRoute, 3)]);
    }
}
