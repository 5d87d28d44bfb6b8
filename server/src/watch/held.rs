//! What is looked for in the positions of a unit, what is held of it meanwhile, and what comes
//! of it.

use super::{Sighting, index::FenceIndex, limits, memory::Memory};
use crate::{
    auth::secret::Hash,
    directory::UnitEntry,
    ingest::{filter, shown, shown_at},
    ports::AlertRecord,
};
use sentinel_model::{
    Fix, Location, PatrolId, ScopePath, Time, UnitId,
    alert_rules::AlertRules,
    alerts::{Alert, AlertKind, AlertPlace},
    filters::Filters,
    geofence::Geofence,
};
use std::sync::Arc;

pub struct Held {
    pub memory: Memory,
    /// The last position that the filters of its scope let pass.
    pub shown: Option<Location>,
    pub is_kept: bool,
}

/// What there is to look for in the positions of a unit.
pub struct Concern {
    pub path: ScopePath,
    pub index: Arc<FenceIndex>,
    pub fences: bool,
    pub rules: AlertRules,
    pub filters: Option<Filters>,
}

impl Concern {
    pub fn is_of_positions(&self) -> bool {
        self.fences || limits::concern(&self.rules)
    }
}

/// Something to raise an alert of.
pub struct Raised {
    pub id: String,
    kind: AlertKind,
    place: AlertPlace,
    fence: Option<Arc<Geofence>>,
    received_at: Time,
    /// On which the unit was then, under the station that is told of it.
    pub patrol: Option<PatrolId>,
}

impl Held {
    pub fn step(&mut self, unit: &UnitId, fix: &Fix, concern: &Concern, raised: &mut Vec<Raised>) {
        if concern.filters.is_some_and(|filters| self.is_hidden(unit, fix, &filters)) {
            return;
        }
        let (at, received_at, crossings) = (sighting(fix), fix.received_at, &mut self.memory.crossings);
        let before = crossings.seen_until();
        for crossing in crossings.step(&at, &concern.index, &concern.path) {
            // What was before a fence was drawn has not crossed it.
            if received_at >= crossing.fence.updated_at {
                let (id, kind) = (crossing.alert_id(unit), crossing.kind.into());
                let (place, fence) = (crossing.at, Some(crossing.fence));
                raised.push(Raised { id, kind, place, fence, received_at, patrol: None });
            }
        }
        if crossings.seen_until() == before {
            return;
        }
        self.is_kept = false;
        for (kind, place) in self.memory.limits.step(&at, &concern.rules) {
            let id = rule_id(unit, kind, place.time);
            raised.push(Raised { id, kind, place, fence: None, received_at, patrol: None });
        }
    }

    /// Leaves what is told of what was raised: of a unit on patrol, as often as it may.
    /// `goes_on_patrol`: whether it may be about to, by these positions.
    pub fn tell(&mut self, unit: &UnitEntry, goes_on_patrol: bool, raised: &mut Vec<Raised>) {
        let mut has_run_out = false;
        raised.retain(|raised| {
            let is_told =
                raised.is_of_duty(unit, goes_on_patrol) && self.memory.allowance.take(raised.received_at);
            has_run_out |= !is_told && self.memory.allowance.has_just_run_out();
            is_told
        });
        if has_run_out {
            tracing::warn!(unit = %unit.record.id, "a unit raises alerts without end; no more of them are told for up to an hour");
        }
    }

    /// Whether the filters of the unit's scope keep a position from being shown.
    fn is_hidden(&mut self, unit: &UnitId, fix: &Fix, filters: &Filters) -> bool {
        let position = shown(unit.clone(), fix);
        match &self.shown {
            Some(shown) if position.time <= shown.time => return false,
            Some(shown) if filter::is_hidden(filters, shown, &position, fix) => return true,
            _ => self.shown = Some(position),
        }
        false
    }
}

impl Raised {
    /// Device time.
    pub fn time(&self) -> Time {
        self.place.time
    }

    fn is_of_duty(&self, unit: &UnitEntry, goes_on_patrol: bool) -> bool {
        let path = unit.path();
        let is_begun = || {
            let is_free = unit.patrol.is_none() && !unit.record.patrols_managed;
            goes_on_patrol && is_free && unit.home_at(self.time()) == path
        };
        // The fences of another station may have been asked before it moved here.
        self.fence.as_ref().is_none_or(|fence| path.within(fence.scope))
            && (self.patrol.is_some() || is_begun())
    }

    pub fn record(&self, unit: &UnitEntry, now: Time) -> AlertRecord {
        let path = unit.path();
        let alert = Alert {
            id: self.id.clone(),
            kind: self.kind,
            unit_id: unit.record.id.clone(),
            unit_name: unit.record.name.clone(),
            patrol_id: self.patrol,
            station: path.station(),
            at: now,
            time: self.place.time,
            place: Some(self.place),
            fence: self.fence.as_ref().map(|fence| fence.name.clone()),
            fence_id: self.fence.as_ref().map(|fence| fence.id.clone()),
            acknowledged: None,
            escalated: Vec::new(),
        };
        AlertRecord { alert, path }
    }
}

/// The id of an alert of a scope's rules: the same however often the same is found.
pub fn rule_id(unit: &UnitId, kind: AlertKind, time: Time) -> String {
    Hash::of(&format!("rule {unit} {} {}", time.ms(), kind.as_str())).as_str()[..24].to_owned()
}

/// A fix as it is shown.
pub fn sighting(fix: &Fix) -> Sighting {
    Sighting::of_fix(fix, shown_at(fix))
}
