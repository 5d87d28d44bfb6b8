//! How far a unit is that was sent to a place.
//!
//! It is en route once it has moved more than [`MOVED_M`] beyond what its accuracy may feign, or
//! drives at three positions in a row; it is on scene once it has been near the place at all
//! positions of [`STAYS_MS`], or has stood there and is still near at the next position; or where
//! its last position is near, it did not drive there, and nothing more is heard of it for as long.
//! It is there since the first position of that stay. Each is told once, and a unit that is on scene
//! is not en route any more.

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
    /// The same as it is told.
    told_at: Time,
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

    /// Looks at the unit's next position, of which `told_at` is told; answers the stage that it
    /// shows, once, and since when.
    pub fn step(&mut self, at: &Sighting, told_at: Time, goal: &Goal) -> Option<(Stage, Time)> {
        if at.is_nowhere() || self.last.is_some_and(|last| at.time <= last) {
            return None;
        }
        self.last = Some(at.time);
        let has_set_out = self.has_set_out(at);
        let arrived_at = self.arrived_at(at, told_at, goal);
        let shown = match (arrived_at, has_set_out) {
            (Some(since), _) => (Stage::OnScene, since),
            (None, true) => (Stage::EnRoute, told_at),
            (None, false) => return None,
        };
        (shown.0 > self.stage).then(|| {
            self.stage = shown.0;
            shown
        })
    }

    /// Nothing was heard of the unit for [`STAYS_MS`] after its last position; answers since when it
    /// is on scene, where that shows it, once.
    pub fn falls_silent(&mut self) -> Option<Time> {
        let near = self.near.filter(|_| self.drives == 0 && self.stage < Stage::OnScene)?;
        self.stage = Stage::OnScene;
        Some(near.told_at)
    }

    /// When the last position was that was looked at.
    pub fn seen_until(&self) -> Option<Time> {
        self.last
    }

    fn has_set_out(&mut self, at: &Sighting) -> bool {
        self.drives = if drives(at.speed_mps) { (self.drives + 1).min(DRIVES_FIXES) } else { 0 };
        let moved_m = distance_m(*self.from.get_or_insert(at.place()), at.place());
        self.drives == DRIVES_FIXES || moved_m - at.accuracy_m.map_or(0.0, f64::from) > MOVED_M
    }

    fn arrived_at(&mut self, at: &Sighting, told_at: Time, goal: &Goal) -> Option<Time> {
        if distance_m(at.place(), (goal.latitude, goal.longitude)) > goal.near_m {
            self.near = None;
            return None;
        }
        let before = self.near;
        let stands = at.speed_mps.is_some_and(|speed_mps| speed_mps < STANDS_MPS);
        let first = Near { since: at.time, told_at, has_stood: false };
        let near = before.unwrap_or(first);
        self.near = Some(Near { has_stood: near.has_stood || stands, ..near });
        let stays = near.has_stood || at.time.ms_since(near.since) >= STAYS_MS;
        stays.then_some(near.told_at)
    }
}

/// Whether it is driving that a speed tells of.
pub fn drives(speed_mps: Option<f32>) -> bool {
    speed_mps.is_some_and(|speed_mps| speed_mps >= DRIVES_MPS)
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
        let seconds = |(stage, time): (Stage, Time)| (stage, time.ms_since(at(0, 0.0, None).time) / 1000);
        track.into_iter().filter_map(|at| journey.step(&at, at.time, &GOAL)).map(seconds).collect()
    }

    /// From 1 km away.
    fn sent() -> Journey {
        Journey::begin(Some(&at(0, 1_000.0, None)))
    }

    #[test]
    fn each_stage_is_told_once_in_order() {
        let there = [1_000.0, 910.0, 890.0, 500.0, 70.0, 10.0, 5.0, 500.0, 1_000.0, 10.0, 10.0];
        let track = (1..).zip(there).map(|(n, north_m)| at(n * 20, north_m, None));
        assert_eq!(told(&mut sent(), track), [(Stage::EnRoute, 60), (Stage::OnScene, 100)]);
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
        let arrives = |track: &[Sighting]| {
            let told = told(&mut sent(), track.to_vec());
            told.into_iter().find_map(|(stage, at)| (stage == Stage::OnScene).then_some(at))
        };
        assert_eq!(arrives(&[near(100, None), near(119, None), near(120, None)]), Some(100));
        assert_eq!(arrives(&[near(101, None), near(120, None)]), None);
        assert_eq!(arrives(&[near(101, Some(1.0)), near(120, Some(0.0))]), None, "one more has to follow");
        assert_eq!(arrives(&[near(118, Some(0.9)), near(120, Some(9.0))]), Some(118));
        let again = [near(117, Some(0.9)), at(118, 80.0, Some(9.0)), near(120, Some(0.9))];
        assert_eq!(arrives(&again), None);
        let stays = [near(117, None), at(118, 80.0, None), near(120, None), near(145, None)];
        assert_eq!(arrives(&stays), Some(120), "since it came the second time");
    }

    #[test]
    fn who_is_there_already_is_on_scene_without_a_way() {
        let mut there = Journey::begin(Some(&at(0, 10.0, None)));
        assert_eq!(told(&mut there, [at(10, 10.0, None), at(30, 10.0, None)]), [(Stage::OnScene, 10)]);
        assert_eq!(told(&mut there, [at(40, 900.0, None)]), [], "and leaves without being sent");
    }

    #[test]
    fn who_is_near_and_is_heard_of_no_more_is_on_scene_but_for_who_drives() {
        let silent = |track: &[Sighting]| {
            let mut journey = sent();
            told(&mut journey, track.to_vec());
            let since = journey.falls_silent().map(|since| since.ms_since(at(0, 0.0, None).time) / 1000);
            assert_eq!(journey.falls_silent(), None, "it is told once");
            since
        };
        assert_eq!(silent(&[at(60, 500.0, None), at(100, 50.0, None), at(110, 40.0, None)]), Some(100));
        assert_eq!(silent(&[at(100, 50.0, Some(0.0))]), Some(100));
        assert_eq!(silent(&[at(100, 50.0, Some(9.0))]), None);
        assert_eq!(silent(&[at(100, 50.0, None), at(110, 80.0, None)]), None);
        assert_eq!(silent(&[at(100, 50.0, None), at(120, 50.0, None)]), None, "it was told that it is there");
        assert_eq!(silent(&[]), None);
        // What comes after its silence takes nothing back.
        let mut journey = sent();
        told(&mut journey, [at(100, 50.0, None)]);
        assert!(journey.falls_silent().is_some());
        assert_eq!(told(&mut journey, [at(200, 900.0, None), at(300, 10.0, None), at(330, 10.0, None)]), []);
    }

    #[test]
    fn when_it_was_told_is_that_of_the_first_position_near() {
        let mut journey = sent();
        let heard = |seconds| at(seconds, 0.0, None).time;
        assert_eq!(journey.step(&at(100, 50.0, None), heard(700), &GOAL), Some((Stage::EnRoute, heard(700))));
        assert_eq!(journey.step(&at(125, 50.0, None), heard(725), &GOAL), Some((Stage::OnScene, heard(700))));
    }

    #[test]
    fn what_somebody_has_said_is_not_told_again() {
        let mut journey = sent();
        journey.is_told(Stage::EnRoute);
        let arrives = [at(60, 500.0, None), at(100, 50.0, None), at(120, 50.0, None)];
        assert_eq!(told(&mut journey, arrives), [(Stage::OnScene, 100)]);
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
