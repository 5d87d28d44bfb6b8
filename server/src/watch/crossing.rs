//! Who comes into a fence, stays, hurries and leaves.
//!
//! A unit is in a fence from its first position in it. It has left by a position that is farther
//! out than its accuracy, but 50 m are far enough, and asked for where no accuracy is said; or
//! when all its positions of a minute are out. So one that stands at the edge, and is now seen on
//! this side of it and now on that, has not left.
//!
//! Nobody enters what they are in already: a unit that is heard for the first time, and a fence
//! that is made, drawn anew, enabled or given to a unit's station while the unit is in it, are taken
//! as they are. A fence that is for a unit no more is forgotten; that is no exit.

use super::{Last, Sighting, index::FenceIndex};
use crate::auth::secret::Hash;
use sentinel_model::{
    ScopePath, Time, UnitId,
    alerts::{AlertKind, AlertPlace},
    geofence::Geofence,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// Farther out than this is out, be the accuracy what it may.
const OUT_M: f64 = 50.0;
/// Out at every position for so long is out.
const OUT_MS: i64 = 60_000;
/// Of a speed limit; below it hurrying ends.
const SLOW_AGAIN: f64 = 0.9;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CrossingKind {
    Enter,
    Exit,
    Dwell,
    Overspeed,
}

impl CrossingKind {
    pub fn as_str(self) -> &'static str {
        match self {
            CrossingKind::Enter => "enter",
            CrossingKind::Exit => "exit",
            CrossingKind::Dwell => "dwell",
            CrossingKind::Overspeed => "overspeed",
        }
    }
}

impl From<CrossingKind> for AlertKind {
    fn from(kind: CrossingKind) -> Self {
        match kind {
            CrossingKind::Enter => AlertKind::Enter,
            CrossingKind::Exit => AlertKind::Exit,
            CrossingKind::Dwell => AlertKind::Dwell,
            CrossingKind::Overspeed => AlertKind::Overspeed,
        }
    }
}

/// What is to be told of a unit and a fence.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    pub fence: Arc<Geofence>,
    pub kind: CrossingKind,
    /// The position that shows it.
    pub at: AlertPlace,
}

impl Crossing {
    /// The alert's id: the same however often the same position is looked at.
    pub fn alert_id(&self, unit: &UnitId) -> String {
        let (fence, kind) = (&self.fence.id, self.kind.as_str());
        let told = format!("fence {unit} {} {kind} {fence}", self.at.time.ms());
        Hash::of(&told).as_str()[..24].to_owned()
    }
}

/// What is remembered of a unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    last: Option<Last>,
    /// By the fences' ids.
    stays: BTreeMap<String, Stay>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Stay {
    since: Time,
    /// Since when all positions are out, where that is not long enough to have left.
    out_since: Option<Time>,
    dwell_told: bool,
    is_hurrying: bool,
}

impl State {
    /// The fences that the unit is in, as far as is known.
    pub fn fences(&self) -> impl Iterator<Item = &str> {
        self.stays.keys().map(String::as_str)
    }

    /// The time of the last position that was looked at.
    pub fn seen_until(&self) -> Option<Time> {
        self.last.map(|last| last.time)
    }

    /// Where that was, degrees.
    pub fn seen_at(&self) -> Option<(f64, f64)> {
        self.last.map(|last| (last.latitude, last.longitude))
    }

    /// Of a unit of which nothing is remembered: it was last seen there, and whatever fence it was
    /// in then it has not entered since.
    pub fn begin(at: &Sighting, index: &FenceIndex, path: &ScopePath) -> Self {
        let mut state = Self::default();
        state.step(at, index, path);
        state
    }

    /// Looks at a unit's next position. `path` is where the unit belongs: only fences of these
    /// scopes are for it. Exits come first.
    pub fn step(&mut self, at: &Sighting, index: &FenceIndex, path: &ScopePath) -> Vec<Crossing> {
        if at.is_nowhere() || self.last.is_some_and(|last| at.time <= last.time) {
            return Vec::new();
        }
        let before = self.last.replace(at.into());
        let was_in =
            |fence: &Geofence| before.is_none_or(|at| fence.shape.contains(at.latitude, at.longitude));
        let mut told = Vec::new();
        self.stays.retain(|id, stay| {
            let Some(fence) = index.get(id).filter(|fence| path.within(fence.scope)) else { return false };
            if stay.out_since.is_none() && !was_in(fence) {
                // It was drawn anew, elsewhere.
                return false;
            }
            if fence.shape.contains(at.latitude, at.longitude) {
                stay.go_on(at, fence, &mut told);
                return true;
            }
            let has_left = stay.has_left(at, fence);
            if has_left && fence.on.exit {
                told.push(crossing(CrossingKind::Exit, at, fence));
            }
            !has_left
        });
        let is_new = |fence: &&Arc<Geofence>| {
            path.within(fence.scope)
                && !self.stays.contains_key(&fence.id)
                && fence.shape.contains(at.latitude, at.longitude)
        };
        let mut new: Vec<_> = index.at(at.latitude, at.longitude).filter(is_new).collect();
        new.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        for fence in new {
            if fence.on.enter && !was_in(fence) {
                told.push(crossing(CrossingKind::Enter, at, fence));
            }
            let mut stay = Stay { since: at.time, out_since: None, dwell_told: false, is_hurrying: false };
            stay.go_on(at, fence, &mut told);
            self.stays.insert(fence.id.clone(), stay);
        }
        told.sort_by_key(|crossing| crossing.kind != CrossingKind::Exit);
        told
    }
}

impl Stay {
    /// By a position in the fence.
    fn go_on(&mut self, at: &Sighting, fence: &Arc<Geofence>, told: &mut Vec<Crossing>) {
        self.out_since = None;
        let is_long = |dwell_s: u32| at.time.ms_since(self.since) >= i64::from(dwell_s) * 1000;
        if !self.dwell_told && fence.on.dwell_s.is_some_and(is_long) {
            self.dwell_told = true;
            told.push(crossing(CrossingKind::Dwell, at, fence));
        }
        let Some(limit_mps) = fence.on.speed_limit_mps else {
            self.is_hurrying = false;
            return;
        };
        let Some(speed_mps) = at.speed_mps.map(f64::from) else { return };
        if speed_mps > limit_mps && !self.is_hurrying {
            self.is_hurrying = true;
            told.push(crossing(CrossingKind::Overspeed, at, fence));
        } else if speed_mps < limit_mps * SLOW_AGAIN {
            self.is_hurrying = false;
        }
    }

    /// By a position out of the fence.
    fn has_left(&mut self, at: &Sighting, fence: &Geofence) -> bool {
        let out_since = *self.out_since.get_or_insert(at.time);
        let far_m = at.accuracy_m.map_or(OUT_M, |accuracy_m| f64::from(accuracy_m).min(OUT_M));
        at.time.ms_since(out_since) >= OUT_MS || fence.shape.distance_m(at.latitude, at.longitude) > far_m
    }
}

fn crossing(kind: CrossingKind, at: &Sighting, fence: &Arc<Geofence>) -> Crossing {
    let &Sighting { time, latitude, longitude, .. } = at;
    Crossing { fence: fence.clone(), kind, at: AlertPlace { latitude, longitude, time } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::M_PER_DEG_LATITUDE;
    use CrossingKind::{Dwell, Enter, Exit, Overspeed};
    use sentinel_model::{
        Level, Scope,
        geofence::{Circle, FenceRules, Shape},
    };

    const PATH: ScopePath = ScopePath { district: 1, zone: 3, division: 4, station: 5 };
    const ALL: FenceRules = FenceRules {
        enter: true,
        exit: true,
        dwell_s: Some(300),
        speed_limit_mps: Some(10.0),
        silent: false,
    };

    /// Around a place so many metres north of the middle, 200 m in all directions.
    fn fence(id: &str, north_m: f64) -> Geofence {
        let circle = Circle { latitude: latitude(north_m), longitude: 76.2, radius_m: 200.0 };
        Geofence {
            id: id.into(),
            name: id.into(),
            scope: Scope::station(5),
            shape: Shape::Circle(circle),
            on: ALL,
            enabled: true,
            created_at: Time(0),
            updated_at: Time(0),
            created_by: "user:chief5".into(),
        }
    }

    fn latitude(north_m: f64) -> f64 {
        9.9 + north_m / M_PER_DEG_LATITUDE
    }

    fn at(seconds: i64, north_m: f64) -> Sighting {
        Sighting {
            time: Time(1_795_226_400_000 + seconds * 1000),
            latitude: latitude(north_m),
            longitude: 76.2,
            speed_mps: None,
            accuracy_m: Some(10.0),
            battery: None,
        }
    }

    fn index(fences: impl IntoIterator<Item = Geofence>) -> FenceIndex {
        FenceIndex::new(fences.into_iter().map(Arc::new))
    }

    /// A unit that was seen 1 km away and then in the fence.
    fn in_depot() -> State {
        let mut state = State::default();
        let fences = index([fence("depot", 0.0)]);
        assert_eq!(told(&mut state, &fences, [at(-10, 1_000.0)]), []);
        assert_eq!(told(&mut state, &fences, [at(0, 0.0)]), [(Enter, "depot".into(), 0)]);
        state
    }

    fn told(
        state: &mut State,
        index: &FenceIndex,
        track: impl IntoIterator<Item = Sighting>,
    ) -> Vec<(CrossingKind, String, i64)> {
        let crossings = track.into_iter().flat_map(|at| state.step(&at, index, &PATH));
        let seconds = |time: Time| time.ms_since(at(0, 0.0).time) / 1000;
        crossings.map(|c| (c.kind, c.fence.id.clone(), seconds(c.at.time))).collect()
    }

    #[test]
    fn a_unit_enters_dwells_once_and_leaves_and_so_again() {
        let fences = index([fence("depot", 0.0)]);
        let mut state = in_depot();
        let stay =
            [at(299, 50.0), at(300, -50.0), at(900, 0.0), at(910, 211.0), at(920, 100.0), at(1_219, 0.0)];
        let depot = |kind, seconds| (kind, "depot".to_owned(), seconds);
        let expected = [depot(Dwell, 300), depot(Exit, 910), depot(Enter, 920)];
        assert_eq!(told(&mut state, &fences, stay), expected);
        assert_eq!(state.fences().collect::<Vec<_>>(), ["depot"]);
        assert_eq!(told(&mut state, &fences, [at(1_220, 0.0)]), [depot(Dwell, 1_220)]);
    }

    #[test]
    fn who_is_heard_first_in_a_fence_has_not_entered_it_but_may_leave_it() {
        let fences = index([fence("depot", 0.0)]);
        let mut state = State::default();
        assert_eq!(told(&mut state, &fences, [at(0, 0.0), at(10, 0.0)]), []);
        assert_eq!(told(&mut state, &fences, [at(20, 300.0)]), [(Exit, "depot".into(), 20)]);
    }

    #[test]
    fn out_is_farther_than_the_accuracy_but_50_metres_are_enough() {
        let fences = index([fence("depot", 0.0)]);
        let leaves = |out_m: f64, accuracy_m: Option<f32>| {
            let out = Sighting { accuracy_m, ..at(10, 200.0 + out_m) };
            !told(&mut in_depot(), &fences, [out]).is_empty()
        };
        assert!(leaves(10.1, Some(10.0)) && !leaves(9.9, Some(10.0)));
        assert!(leaves(0.1, Some(0.0)));
        assert!(leaves(50.1, Some(2_000.0)) && !leaves(49.9, Some(2_000.0)));
        assert!(leaves(50.1, None) && !leaves(49.9, None), "unknown is not exact");
    }

    #[test]
    fn who_stands_at_the_edge_leaves_only_once_out_for_a_minute() {
        let fences = index([fence("depot", 0.0)]);
        let mut state = in_depot();
        let wavering = (1..500).map(|n| at(n * 10, if n % 6 == 0 { 195.0 } else { 205.0 }));
        let dwells = (Dwell, "depot".to_owned(), 300);
        assert_eq!(told(&mut state, &fences, wavering), [dwells]);
        let out = [at(5_000, 205.0), at(5_001, 205.0), at(5_059, 205.0), at(5_060, 205.0), at(5_070, 205.0)];
        // Since 4,990 already.
        assert_eq!(told(&mut state, &fences, out), [(Exit, "depot".into(), 5_059)]);
    }

    #[test]
    fn hurrying_is_told_once_until_it_has_clearly_ended() {
        let fences = index([fence("depot", 0.0)]);
        let speeds = [9.9, 10.1, 30.0, 9.1, 10.1, 8.9, 10.0, 10.1];
        let track = (1..).zip(speeds).map(|(n, mps)| Sighting { speed_mps: Some(mps), ..at(n, 0.0) });
        let hurries = |seconds| (Overspeed, "depot".to_owned(), seconds);
        assert_eq!(told(&mut in_depot(), &fences, track), [hurries(2), hurries(8)]);
        let outside = [Sighting { speed_mps: Some(30.0), ..at(1, 900.0) }];
        assert_eq!(told(&mut State::default(), &fences, outside), []);
        let first = [Sighting { speed_mps: Some(30.0), ..at(1, 0.0) }];
        assert_eq!(
            told(&mut State::default(), &fences, first),
            [hurries(1)],
            "it does not take two to see it"
        );
    }

    #[test]
    fn only_what_is_wanted_is_told() {
        let quiet = index([Geofence { on: FenceRules::default(), ..fence("depot", 0.0) }]);
        let fast = |seconds, north_m| Sighting { speed_mps: Some(30.0), ..at(seconds, north_m) };
        let track = [fast(0, 900.0), fast(10, 0.0), fast(900, 0.0), fast(910, 900.0)];
        assert_eq!(told(&mut State::default(), &quiet, track), []);
    }

    #[test]
    fn what_comes_late_or_is_nowhere_changes_nothing() {
        let fences = index([fence("depot", 0.0)]);
        let mut state = in_depot();
        let before = state.clone();
        let nowhere = Sighting { latitude: 0.0, longitude: 0.0, ..at(5, 0.0) };
        assert_eq!(told(&mut state, &fences, [at(0, 900.0), at(-5, 900.0), nowhere]), []);
        assert_eq!(state, before);
    }

    #[test]
    fn a_fence_that_comes_about_around_a_unit_is_not_entered() {
        let mut state = State::default();
        assert_eq!(told(&mut state, &index([]), [at(0, 0.0)]), []);
        let fences = index([fence("depot", 0.0)]);
        assert_eq!(told(&mut state, &fences, [at(10, 50.0)]), []);
        assert_eq!(told(&mut state, &fences, [at(310, 50.0)]), [(Dwell, "depot".into(), 310)]);
        assert_eq!(told(&mut state, &fences, [at(320, 500.0)]), [(Exit, "depot".into(), 320)]);
        let drawn_anew = index([fence("depot", 600.0)]);
        assert_eq!(told(&mut state, &drawn_anew, [at(330, 550.0)]), []);
        let drawn_elsewhere = index([fence("depot", 2_000.0)]);
        assert_eq!(told(&mut state, &drawn_elsewhere, [at(340, 550.0)]), []);
        assert_eq!(state.fences().count(), 0, "it was not left");
        let all = index([fence("depot", 0.0), fence("gate", 900.0), fence("yard", 1_000.0)]);
        let entered = [(Enter, "gate".to_owned(), 350), (Enter, "yard".to_owned(), 350)];
        assert_eq!(told(&mut state, &all, [at(350, 950.0)]), entered);
    }

    #[test]
    fn a_fence_that_is_for_the_unit_no_more_is_forgotten() {
        let depot = || fence("depot", 0.0);
        for gone in [
            vec![],
            vec![Geofence { enabled: false, ..depot() }],
            vec![Geofence { scope: Scope::station(6), ..depot() }],
        ] {
            let mut state = in_depot();
            assert_eq!(told(&mut state, &index(gone), [at(10, 0.0)]), []);
            assert_eq!(state.fences().count(), 0);
            assert_eq!(told(&mut state, &index([depot()]), [at(20, 0.0), at(319, 0.0)]), []);
            assert_eq!(told(&mut state, &index([depot()]), [at(330, 500.0)]), [(Exit, "depot".into(), 330)]);
        }
    }

    #[test]
    fn a_fence_is_for_the_units_of_its_scope() {
        let scopes = PATH.scopes().into_iter().chain([Scope::station(4), Scope::new(Level::Zone, 5)]);
        let fences = (0..).zip(scopes).map(|(n, scope)| Geofence { scope, ..fence(&format!("f{n}"), 0.0) });
        let entered = told(&mut State::default(), &index(fences), [at(0, 900.0), at(10, 0.0)]);
        let ids: Vec<&str> = entered.iter().map(|(_, id, _)| id.as_str()).collect();
        assert_eq!(ids, ["f0", "f1", "f2", "f3"]);
    }

    #[test]
    fn who_goes_from_one_fence_into_another_first_leaves() {
        let fences = index([fence("a", 1_000.0), fence("depot", 0.0)]);
        let told = told(&mut in_depot(), &fences, [at(10, 1_000.0)]);
        assert_eq!(told, [(Exit, "depot".into(), 10), (Enter, "a".into(), 10)]);
    }

    #[test]
    fn each_crossing_has_an_id_of_its_own_and_always_the_same() {
        let fences = index([fence("depot", 0.0), fence("gate", 10.0)]);
        let ids = |unit: &str| {
            let unit: UnitId = unit.parse().expect("an id");
            let mut state = State::default();
            let fast = |seconds, north_m| Sighting { speed_mps: Some(30.0), ..at(seconds, north_m) };
            let track = [at(0, 900.0), fast(1, 0.0), at(500, 0.0), at(510, 900.0), at(520, 0.0)];
            let crossings = track.iter().flat_map(|at| state.step(at, &fences, &PATH));
            crossings.map(|crossing| crossing.alert_id(&unit)).collect::<Vec<_>>()
        };
        let (one, other) = (ids("PC-1"), ids("PC-2"));
        assert_eq!(one, ids("PC-1"));
        let all: std::collections::BTreeSet<_> = one.iter().chain(&other).collect();
        assert_eq!((one.len(), all.len()), (10, 20));
        assert!(all.iter().all(|id| id.len() == 24), "as those of devices");
    }
}
