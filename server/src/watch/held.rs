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
    Fix, Location, ScopePath, Time, UnitId,
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
}

impl Held {
    pub fn step(&mut self, unit: &UnitId, fix: &Fix, concern: &Concern, raised: &mut Vec<Raised>) {
        if concern.filters.is_some_and(|filters| self.is_hidden(unit, fix, &filters)) {
            return;
        }
        let (at, crossings) = (sighting(fix), &mut self.memory.crossings);
        let before = crossings.seen_until();
        for crossing in crossings.step(&at, &concern.index, &concern.path) {
            // What was before a fence was drawn has not crossed it.
            if fix.received_at >= crossing.fence.updated_at {
                let (id, kind) = (crossing.alert_id(unit), crossing.kind.into());
                raised.push(Raised { id, kind, place: crossing.at, fence: Some(crossing.fence) });
            }
        }
        if crossings.seen_until() == before {
            return;
        }
        self.is_kept = false;
        for (kind, place) in self.memory.limits.step(&at, &concern.rules) {
            raised.push(Raised { id: rule_id(unit, kind, place.time), kind, place, fence: None });
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
    pub fn record(&self, unit: &UnitEntry, now: Time) -> AlertRecord {
        let path = unit.path();
        let alert = Alert {
            id: self.id.clone(),
            kind: self.kind,
            unit_id: unit.record.id.clone(),
            unit_name: unit.record.name.clone(),
            patrol_id: unit.patrol.map(|patrol| patrol.id),
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
