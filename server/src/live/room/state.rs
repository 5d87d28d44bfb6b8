//! What a room holds: who is in it and where, and the last events of its stream.

use super::{EncodedEvent, EncodedUnit};
use crate::ports::{EVENT_HISTORY, StreamPosition};
use sentinel_model::{
    PatrolId, Scope, UnitStatus,
    alerts::Alert,
    live::{AlertEvent, Event, LiveUnit},
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

/// Alerts whose telling is remembered: more than are told while the records of this node are
/// behind.
const ALERTS_TOLD: usize = 256;

#[derive(Default)]
pub(super) struct State {
    /// Counts how often the room was filled: versions and offsets compare only within one.
    /// None of it counts before the first.
    generation: u64,
    version: u64,
    epoch: Arc<str>,
    offset: u64,
    units: HashMap<PatrolId, Held>,
    /// Recent changes, oldest first, so that "since version" need not look at every unit.
    changes: VecDeque<(u64, PatrolId)>,
    events: VecDeque<Arc<EncodedEvent>>,
    /// What was told of alerts last, oldest first, each once.
    alerts: VecDeque<Arc<Alert>>,
    /// Those about to be in, while the room is filled.
    expected: Option<Expected>,
    /// Counts the signs that the room does not hold what its stream does, and up to which
    /// of them it was mended.
    doubts: u64,
    mended: u64,
    closed: bool,
}

struct Held {
    version: u64,
    unit: Arc<EncodedUnit>,
}

#[derive(Default)]
struct Expected {
    patrols: HashSet<PatrolId>,
    /// Where they were heard to be meanwhile.
    positions: HashMap<PatrolId, Arc<EncodedUnit>>,
}

/// Where a subscriber stands in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub head: Head,
    pub version: u64,
}

/// The newest event of a room, in the order that subscribers come by them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Head {
    pub generation: u64,
    pub offset: u64,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    Applied,
    /// The room has it already, or is not filled yet and will have it then.
    Known,
    /// Something before it was missed, or the stream began anew: the room is to be mended.
    Gap,
}

/// What a room needs, and the doubts that this clears.
pub struct Mending {
    /// The position from which on it needs events; none where it was never filled.
    pub since: Option<StreamPosition>,
    pub(super) doubts: u64,
}

impl State {
    pub fn is_filled(&self) -> bool {
        self.generation > 0
    }

    pub fn epoch(&self) -> Arc<str> {
        self.epoch.clone()
    }

    pub fn head(&self) -> Head {
        Head { generation: self.generation, offset: self.offset }
    }

    pub fn cursor(&self) -> Cursor {
        Cursor { head: self.head(), version: self.version }
    }

    /// Says that something may have been missed.
    pub fn doubt(&mut self) {
        self.doubts += 1;
    }

    pub fn to_mend(&self) -> Option<Mending> {
        if self.closed || (self.is_filled() && self.doubts == self.mended) {
            return None;
        }
        let since =
            self.is_filled().then(|| StreamPosition { epoch: self.epoch.clone(), offset: self.offset });
        Some(Mending { since, doubts: self.doubts })
    }

    /// What was doubted until this mending began is cleared; later doubts are not.
    pub fn mended(&mut self, mending: &Mending) {
        self.mended = self.mended.max(mending.doubts);
    }

    pub fn close(&mut self) {
        self.closed = true;
    }

    pub fn expect(&mut self, patrols: HashSet<PatrolId>) {
        self.expected = Some(Expected { patrols, positions: HashMap::new() });
    }

    pub fn expect_nobody(&mut self) {
        self.expected = None;
    }

    /// Whether the patrol's positions belong here.
    pub fn holds(&self, patrol: PatrolId) -> bool {
        let expected = self.expected.as_ref().is_some_and(|e| e.patrols.contains(&patrol));
        !self.closed && (expected || self.units.contains_key(&patrol))
    }

    /// Everyone who is in or expected.
    pub fn patrols(&self) -> HashSet<PatrolId> {
        let expected = self.expected.iter().flat_map(|e| &e.patrols);
        self.units.keys().chain(expected).copied().collect()
    }

    pub fn unit(&self, patrol: PatrolId) -> Option<Arc<EncodedUnit>> {
        self.units.get(&patrol).map(|held| held.unit.clone())
    }

    pub fn units(&self) -> Vec<Arc<EncodedUnit>> {
        self.units.values().map(|held| held.unit.clone()).collect()
    }

    /// What was told of alerts last.
    pub fn alerts(&self) -> Vec<Arc<Alert>> {
        self.alerts.iter().cloned().collect()
    }

    /// Who was in the room at `position` of the stream takes the place of whoever is; no
    /// position goes back.
    pub fn fill(&mut self, position: &StreamPosition, members: Vec<LiveUnit>) {
        let before = std::mem::take(&mut self.units);
        self.generation += 1;
        self.epoch = position.epoch.clone();
        self.offset = position.offset;
        self.events.clear();
        self.changes.clear();
        for unit in members {
            let patrol = unit.patrol;
            let read = Arc::new(EncodedUnit::of(&unit));
            let held = before.get(&patrol).map(|held| &held.unit).filter(|held| held.time > read.time);
            let unit = held.cloned().unwrap_or(read);
            let version = self.changed(patrol);
            self.units.insert(patrol, Held { version, unit });
        }
        for (patrol, unit) in self.expected.take().unwrap_or_default().positions {
            self.advance(patrol, unit);
        }
    }

    pub fn hear(&mut self, scope: Scope, epoch: &Arc<str>, event: Arc<Event>) -> Heard {
        let same_stream = *epoch == self.epoch;
        if self.is_filled() && same_stream && event.offset() <= self.offset {
            return Heard::Known;
        }
        if !self.is_filled() || !same_stream || event.offset() > self.offset + 1 {
            self.doubt();
            return if self.is_filled() { Heard::Gap } else { Heard::Known };
        }
        self.offset = event.offset();
        self.apply(&event);
        if self.events.len() == EVENT_HISTORY {
            self.events.pop_front();
        }
        self.events.push_back(Arc::new(EncodedEvent::of(scope, epoch.clone(), event)));
        Heard::Applied
    }

    /// A newer position of a unit in the room; answers whether it is one.
    pub fn advance(&mut self, patrol: PatrolId, unit: Arc<EncodedUnit>) -> bool {
        let version = self.version + 1;
        match self.units.get_mut(&patrol) {
            Some(held) if unit.time > held.unit.time => *held = Held { version, unit },
            Some(_) => return false,
            None => {
                if let Some(expected) = &mut self.expected
                    && expected.patrols.contains(&patrol)
                    && expected.positions.get(&patrol).is_none_or(|before| unit.time > before.time)
                {
                    expected.positions.insert(patrol, unit);
                }
                return false;
            }
        }
        self.changed(patrol);
        true
    }

    fn changed(&mut self, patrol: PatrolId) -> u64 {
        self.version += 1;
        if self.changes.len() >= 1024.max(2 * self.units.len()) {
            self.changes.pop_front();
        }
        self.changes.push_back((self.version, patrol));
        self.version
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::UnitJoined(joined) => {
                let (patrol, unit) = (joined.unit.patrol, Arc::new(EncodedUnit::of(&joined.unit)));
                if self.units.contains_key(&patrol) {
                    self.advance(patrol, unit);
                } else {
                    let version = self.changed(patrol);
                    self.units.insert(patrol, Held { version, unit });
                }
            }
            Event::UnitLeft(left) => {
                self.units.remove(&left.patrol);
            }
            Event::Status(changed) => self.set_status(changed.patrol, changed.status),
            Event::Alert(AlertEvent { alert, .. }) => {
                self.alerts.retain(|told| told.id != alert.id);
                if self.alerts.len() == ALERTS_TOLD {
                    self.alerts.pop_front();
                }
                self.alerts.push_back(Arc::new((**alert).clone()));
            }
            // Whoever begins anew asks for the list of them.
            Event::Incident(_) | Event::Order(_) | Event::Fence(_) => {}
        }
    }

    /// Subscribers learn of it by the event; the held unit changes for those to come.
    fn set_status(&mut self, patrol: PatrolId, status: UnitStatus) {
        if let Some(held) = self.units.get_mut(&patrol)
            && let Some(mut unit) = held.unit.decode()
        {
            unit.status = status;
            held.unit = Arc::new(EncodedUnit::of(&unit));
        }
    }

    /// The events after an offset; none where they no longer reach back that far.
    pub fn events_since(&self, offset: u64) -> Option<Vec<Arc<EncodedEvent>>> {
        let oldest = self.events.front().map_or(self.offset + 1, |e| e.event.offset());
        if offset + 1 < oldest && offset < self.offset {
            return None;
        }
        Some(self.events.iter().filter(|e| e.event.offset() > offset).cloned().collect())
    }

    pub fn changed_since(&self, version: u64) -> Vec<Arc<EncodedUnit>> {
        if version >= self.version {
            return Vec::new();
        }
        let reaches_back = self.changes.front().is_some_and(|(first, _)| *first <= version + 1);
        if reaches_back {
            let newer = self.changes.partition_point(|(v, _)| *v <= version);
            self.changes
                .range(newer..)
                .filter_map(|(v, patrol)| self.units.get(patrol).filter(|held| held.version == *v))
                .map(|held| held.unit.clone())
                .collect()
        } else {
            self.units.values().filter(|held| held.version > version).map(|held| held.unit.clone()).collect()
        }
    }
}
