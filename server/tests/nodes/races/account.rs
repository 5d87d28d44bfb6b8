//! What happened to whom and when, as those have it who made it happen; and whether
//! something that was told agrees with it.

use crate::server::{id, path};
use sentinel_model::{PatrolId, Scope, ScopePath, Time, UnitId};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, Instant},
};

/// What was true may be told for this long after the answer to whatever ended it. Nodes that
/// no message reaches look at the records every two seconds; the rest is for a busy machine.
pub const BOUND: Duration = Duration::from_secs(8);

/// Where a unit may be: under a patrol, or at home without.
pub type Place = (Option<PatrolId>, ScopePath);

/// A time in a unit's day: it may have begun as soon as it was asked for, and is over once
/// what ended it was answered.
#[derive(Debug, Clone, Copy)]
struct Stay {
    patrol: Option<PatrolId>,
    path: ScopePath,
    from: Instant,
    to: Option<Instant>,
}

pub struct Account {
    stays: Vec<Vec<Stay>>,
    /// The patrol that a unit's first fix began: none of those who keep this account did.
    by_fix: Vec<Option<PatrolId>>,
    /// When each fix was posted, at the earliest.
    fixes: HashMap<(usize, Time), Instant>,
    newest: Vec<Option<Time>>,
}

/// One thing that somebody was told of a unit.
#[derive(Debug, Clone)]
pub struct Told {
    pub how: How,
    pub scope: Scope,
    pub unit: UnitId,
    /// None where it was said to be off duty.
    pub patrol: Option<PatrolId>,
    pub station: Option<Scope>,
    /// Its position, where one was told.
    pub position: Option<(Time, f64)>,
    /// When it was asked for, and when it was heard: the same for what was not asked for.
    pub between: (Instant, Instant),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Snapshot,
    Position,
    /// Events come late to who was away: all of them, in order.
    Event,
    Read,
}

pub fn unit_id(unit: usize) -> UnitId {
    id(&format!("u{unit}"))
}

/// A unit's latitude, known from the time.
pub fn latitude(unit: usize, time: Time) -> f64 {
    (unit as i64 * 10_000_000 + time.0 % 9_999_991) as f64 / 1e7
}

impl Account {
    /// Of units off duty at these stations.
    pub fn of(homes: &[u32]) -> Self {
        let from = Instant::now();
        let stay = |home: &u32| vec![Stay { patrol: None, path: path(*home), from, to: None }];
        let stays: Vec<_> = homes.iter().map(stay).collect();
        let nobody = vec![None; homes.len()];
        Self { stays, by_fix: nobody, fixes: HashMap::new(), newest: vec![None; homes.len()] }
    }

    pub fn posts(&mut self, unit: usize, time: Time) {
        self.fixes.entry((unit, time)).or_insert_with(Instant::now);
        self.newest[unit] = self.newest[unit].max(Some(time));
    }

    /// Something was asked for at `begun` and is answered now: the unit is at one of `after`,
    /// and may have been at `meanwhile` before.
    pub fn turns(&mut self, unit: usize, begun: Instant, after: &[Place], meanwhile: &[Place]) {
        let now = Instant::now();
        let stays = &mut self.stays[unit];
        let is_at = |stay: &Stay, place: &Place| stay.patrol == place.0 && stay.to.is_none();
        let first = stays[0];
        let is_first = stays.len() == 1;
        for place in after.iter().chain(meanwhile) {
            if !stays.iter().any(|stay| is_at(stay, place)) {
                // At home its first fix may have begun this very patrol long before.
                let from = if is_first && place.1 == first.path { first.from } else { begun };
                stays.push(Stay { patrol: place.0, path: place.1, from, to: None });
            }
        }
        for stay in stays.iter_mut().filter(|stay| stay.to.is_none()) {
            stay.to = (!after.iter().any(|place| is_at(stay, place))).then_some(now);
        }
    }

    /// The patrols of a scope and when each was seen last, where no two places are possible.
    pub fn under(&self, scope: Scope) -> BTreeMap<PatrolId, Option<Time>> {
        let mut known = BTreeMap::new();
        for (stays, newest) in self.stays.iter().zip(&self.newest) {
            let open: Vec<&Stay> = stays.iter().filter(|stay| stay.to.is_none()).collect();
            let [stay] = open[..] else { panic!("it is not known where a unit is: {open:?}") };
            known.extend(stay.patrol.filter(|_| stay.path.within(scope)).map(|patrol| (patrol, *newest)));
        }
        known
    }

    /// Whether it was within the scope, and is true.
    pub fn judge(&mut self, told: &Told) -> Result<(), String> {
        let unit = (0..self.stays.len()).find(|unit| unit_id(*unit) == told.unit).ok_or("a stranger")?;
        let stay = self.stay_of(unit, told)?;
        let (asked, heard) = told.between;
        let is_over = |at: Instant| stay.to.is_some_and(|to| at > to + BOUND);
        let after = |at: Instant| stay.to.map(|to| at.saturating_duration_since(to));
        if !stay.path.within(told.scope) {
            return Err(format!("it is under {:?}", stay.path));
        }
        if told.station.is_some_and(|station| station != stay.path.station()) {
            return Err(format!("its station is {}", stay.path.station()));
        }
        if heard < stay.from {
            return Err("it was told before it was asked for".into());
        }
        if told.how != How::Event && is_over(asked) {
            return Err(format!("it has been elsewhere for {:?}", after(asked)));
        }
        let Some((time, told_latitude)) = told.position else { return Ok(()) };
        let posted = *self.fixes.get(&(unit, time)).ok_or("nobody posted that")?;
        if told_latitude != latitude(unit, time) {
            return Err("it was never there".into());
        }
        match is_over(posted) {
            true => Err(format!("it was posted {:?} after it had left", after(posted))),
            false => Ok(()),
        }
    }

    fn stay_of(&mut self, unit: usize, told: &Told) -> Result<Stay, String> {
        let stays = &self.stays[unit];
        let Some(patrol) = told.patrol else {
            let (asked, heard) = told.between;
            let held = |stay: &&Stay| {
                stay.patrol.is_none() && stay.from <= heard && stay.to.is_none_or(|to| asked <= to + BOUND)
            };
            return stays.iter().find(held).copied().ok_or_else(|| "it was on duty".into());
        };
        if let Some(stay) = stays.iter().find(|stay| stay.patrol == Some(patrol)) {
            return Ok(*stay);
        }
        // Begun by the first fix: at home, until somebody first took it elsewhere.
        match self.by_fix[unit].replace(patrol) {
            Some(other) if other != patrol => Err(format!("its first fixes began {other:?}")),
            _ => Ok(stays[0]),
        }
    }
}

/// Judges all that somebody was told; everything that is wrong, so that one sees how much.
pub fn judge_all(account: &mut Account, who: &str, told: &[Told]) -> BTreeSet<String> {
    let wrong = |told: &Told| {
        let error = account.judge(told).err()?;
        Some(format!("{who} was told {told:?}: {error}"))
    };
    told.iter().filter_map(wrong).collect()
}
