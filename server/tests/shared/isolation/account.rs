//! What happened to a unit, as the stories have it.

use sentinel_model::{PatrolId, ScopePath, Time, UnitId};
use sentinel_server::ports::UnitRecord;
use std::collections::BTreeMap;

/// What happened to a unit.
pub struct Account {
    pub id: UnitId,
    pub token: String,
    pub record: UnitRecord,
    pub homes: Vec<(Time, ScopePath)>,
    pub patrols: Vec<Duty>,
    /// Every fix by device time, with its latitude.
    pub fixes: BTreeMap<Time, f64>,
    /// Latitudes of fixes from far ahead, by the time at which they were shown instead.
    pub shown: BTreeMap<Time, f64>,
    pub marker: Option<Time>,
    pub by_hand: bool,
    /// When it called for help, and under which station.
    pub calls: Vec<(Time, ScopePath)>,
}

#[derive(Debug, Clone, Copy)]
pub struct Duty {
    pub id: PatrolId,
    pub path: ScopePath,
    pub from: Time,
    pub to: Option<Time>,
}

impl Account {
    pub fn active(&self) -> Option<&Duty> {
        self.patrols.last().filter(|duty| duty.to.is_none())
    }

    /// The station it is under now.
    pub fn path(&self) -> ScopePath {
        self.active().map_or_else(|| self.home(), |duty| duty.path)
    }

    pub fn home(&self) -> ScopePath {
        self.homes.last().expect("it has one").1
    }

    /// The station it was under at a moment.
    pub fn path_at(&self, at: Time) -> ScopePath {
        let on = self.patrols.iter().find(|duty| duty.from <= at && duty.to.is_none_or(|to| at < to));
        let home = self.homes.iter().rev().find(|(from, _)| *from <= at).or(self.homes.first());
        on.map(|duty| duty.path).or(home.map(|(_, path)| *path)).expect("it has a home")
    }

    /// Whether it was ever under a station.
    pub fn has_been_under(&self, path: &ScopePath) -> bool {
        let homes = self.homes.iter().map(|(_, home)| home);
        homes.chain(self.patrols.iter().map(|duty| &duty.path)).any(|other| other == path)
    }

    /// The latitude that belongs to a time at which the unit was shown.
    pub fn latitude_at(&self, shown: Time) -> f64 {
        self.shown.get(&shown).copied().unwrap_or_else(|| self.fixes[&shown])
    }

    /// Moments at which the station may have changed.
    pub fn turns(&self) -> impl Iterator<Item = Time> {
        let homes = self.homes.iter().map(|(from, _)| *from);
        homes.chain(self.patrols.iter().flat_map(|duty| [Some(duty.from), duty.to]).flatten())
    }
}

/// A unit's place, known from the time; with seven decimals, as phones send it.
pub fn latitude(time: Time) -> f64 {
    (90_000_000 + time.0 % 10_000_019) as f64 / 1e7
}
