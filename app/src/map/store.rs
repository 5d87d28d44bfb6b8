//! The units: where each is shown now, and what the graphics card must be told.
//!
//! A unit has a slot for as long as it is on the map. Its record in the instance
//! buffer says from where, to where, since when and for how long; the vertex shader
//! does the moving, so an idle unit costs nothing and a moving one costs only its
//! updates. Slots are reused, so memory is bounded by the most units ever shown.

use super::{project::World, slot::Slot};
use sentinel_model::{PatrolId, UnitId, UnitStatus, live::LiveUnit};
use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
};

/// Bytes of one record; `gl::units` declares the same layout.
pub const RECORD: usize = 36;
/// Records that are uploaded together: few calls, little waste.
pub const BLOCK: usize = 64;

/// Patrol ids are numbers already; one multiplication spreads them.
#[derive(Default)]
pub struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.write_u64(u64::from(*b));
        }
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

type ByPatrol = HashMap<PatrolId, usize, BuildHasherDefault<NumberHasher>>;

#[derive(Default)]
pub struct UnitStore {
    slots: Vec<Slot>,
    free: Vec<usize>,
    by_patrol: ByPatrol,
    by_unit: HashMap<UnitId, usize>,
    filter: Option<HashSet<PatrolId>>,
    /// Units with an open call for help.
    calling: HashSet<UnitId>,
    records: Vec<u8>,
    dirty: Vec<bool>,
    /// Places in records are relative to this, so that f32 is exact enough.
    origin: World,
    /// Times in records count from this, ms.
    epoch_ms: f64,
    /// When the last movement ends, ms.
    moving_until_ms: f64,
    /// When the last visible turn ends, ms.
    turning_until_ms: f64,
    /// The fastest movement, world sides per ms; too high rather than too low.
    pace: f64,
    /// Grows with every change that a label or a cluster might care about.
    version: u64,
    still: bool,
}

impl UnitStore {
    /// With `still`, markers jump instead of moving.
    pub fn new(still: bool) -> Self {
        Self { still, ..Self::default() }
    }

    /// Takes a unit in. False where it says nothing new, or is older than what is held.
    pub fn apply(&mut self, unit: &LiveUnit, now_ms: f64) -> bool {
        let index = match self.by_patrol.get(&unit.patrol) {
            Some(&index) => index,
            None => {
                // A unit has one patrol: a new one takes the place of the old.
                if let Some(&old) = self.by_unit.get(&unit.id) {
                    self.remove(self.slots[old].patrol);
                }
                self.insert(unit)
            }
        };
        let slot = &mut self.slots[index];
        if !slot.take(unit, now_ms, self.still) {
            return false;
        }
        self.moving_until_ms = self.moving_until_ms.max(slot.t0_ms + slot.dur_ms);
        self.turning_until_ms = self.turning_until_ms.max(slot.turning_until_ms());
        self.pace = self.pace.max(slot.pace(now_ms));
        self.touch(index);
        true
    }

    /// A snapshot: what is not in it goes. The age rule holds here too; to begin
    /// anew (another moment of history), replace with nothing first.
    pub fn replace(&mut self, units: &[LiveUnit], now_ms: f64) {
        let named: HashSet<PatrolId, BuildHasherDefault<NumberHasher>> =
            units.iter().map(|u| u.patrol).collect();
        let gone: Vec<PatrolId> = self.by_patrol.keys().filter(|p| !named.contains(p)).copied().collect();
        for patrol in gone {
            self.remove(patrol);
        }
        for unit in units {
            self.apply(unit, now_ms);
        }
    }

    pub fn remove(&mut self, patrol: PatrolId) -> bool {
        let Some(index) = self.by_patrol.remove(&patrol) else { return false };
        if self.by_unit.get(&self.slots[index].id) == Some(&index) {
            self.by_unit.remove(&self.slots[index].id);
        }
        self.slots[index].vacate();
        self.free.push(index);
        self.touch(index);
        true
    }

    pub fn set_status(&mut self, patrol: PatrolId, status: UnitStatus) -> bool {
        let Some(&index) = self.by_patrol.get(&patrol) else { return false };
        let changed = self.slots[index].status != status;
        if changed {
            self.slots[index].status = status;
            self.touch(index);
        }
        changed
    }

    pub fn set_filter(&mut self, visible: Option<HashSet<PatrolId>>) {
        self.filter = visible;
        for index in 0..self.slots.len() {
            let passes = self.passes(self.slots[index].patrol);
            if self.slots[index].filtered == passes {
                self.slots[index].filtered = !passes;
                self.touch(index);
            }
        }
    }

    pub fn set_calling(&mut self, calling: HashSet<UnitId>) {
        self.calling = calling;
        for index in 0..self.slots.len() {
            let calls = self.calling.contains(&self.slots[index].id);
            if std::mem::replace(&mut self.slots[index].calling, calls) != calls {
                self.touch(index);
            }
        }
    }

    /// Changes how a slot is drawn; `change` says whether it did.
    pub fn mark(&mut self, index: usize, change: impl FnOnce(&mut Slot) -> bool) {
        if self.slots.get_mut(index).is_some_and(change) {
            self.pack(index);
        }
    }

    pub fn find(&self, id: &UnitId) -> Option<usize> {
        self.by_unit.get(id).copied()
    }

    pub fn get(&self, index: usize) -> Option<&Slot> {
        self.slots.get(index).filter(|s| s.live)
    }

    /// For changes that no record shows; others go through [`UnitStore::mark`].
    /// Those with an open call for help.
    pub fn calling_ones(&self) -> Vec<usize> {
        self.calling.iter().filter_map(|unit| self.by_unit.get(unit).copied()).collect()
    }

    pub fn slots_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.slots.iter_mut()
    }

    /// Every unit that has a place and passes the filter, with its slot number.
    pub fn placed(&self) -> impl Iterator<Item = (usize, &Slot)> {
        self.slots.iter().enumerate().filter(|(_, s)| s.shows())
    }

    pub fn len(&self) -> usize {
        self.by_patrol.len()
    }

    /// Slots in use or free: how many records the buffer holds.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    pub fn drawn(&self) -> usize {
        self.slots.iter().filter(|s| s.drawn()).count()
    }

    pub fn moving_until_ms(&self) -> f64 {
        self.moving_until_ms
    }

    pub fn turning_until_ms(&self) -> f64 {
        self.turning_until_ms
    }

    pub fn pace(&self) -> f64 {
        self.pace
    }

    /// The pace is known better: of the units in view only.
    pub fn set_pace(&mut self, pace: f64) {
        self.pace = pace;
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn origin(&self) -> World {
        self.origin
    }

    pub fn epoch_ms(&self) -> f64 {
        self.epoch_ms
    }

    pub fn records(&self) -> &[u8] {
        &self.records
    }

    /// Moves the origin of places and times, and writes every record anew.
    pub fn rebase(&mut self, origin: World, epoch_ms: f64) {
        (self.origin, self.epoch_ms) = (origin, epoch_ms);
        for index in 0..self.slots.len() {
            self.pack(index);
        }
    }

    /// Everything must be uploaded again: the card has forgotten it.
    pub fn all_dirty(&mut self) {
        self.dirty.fill(true);
    }

    /// Calls `upload` with each run of bytes that changed since the last call.
    pub fn take_dirty(&mut self, mut upload: impl FnMut(std::ops::Range<usize>)) {
        let mut block = 0;
        while block < self.dirty.len() {
            if !self.dirty[block] {
                block += 1;
                continue;
            }
            let first = block;
            while block < self.dirty.len() && self.dirty[block] {
                self.dirty[block] = false;
                block += 1;
            }
            let bytes = BLOCK * RECORD;
            upload(first * bytes..(block * bytes).min(self.records.len()));
        }
    }

    fn passes(&self, patrol: PatrolId) -> bool {
        self.filter.as_ref().is_none_or(|f| f.contains(&patrol))
    }

    fn insert(&mut self, unit: &LiveUnit) -> usize {
        let mut slot = Slot::new(unit);
        slot.filtered = !self.passes(unit.patrol);
        slot.calling = self.calling.contains(&unit.id);
        let index = match self.free.pop() {
            Some(index) => {
                self.slots[index] = slot;
                index
            }
            None => {
                self.slots.push(slot);
                self.records.resize(self.slots.len() * RECORD, 0);
                self.dirty.resize(self.slots.len().div_ceil(BLOCK), true);
                self.slots.len() - 1
            }
        };
        self.by_patrol.insert(unit.patrol, index);
        self.by_unit.insert(unit.id.clone(), index);
        index
    }

    fn touch(&mut self, index: usize) {
        self.version += 1;
        self.pack(index);
    }

    fn pack(&mut self, index: usize) {
        let record = &mut self.records[index * RECORD..(index + 1) * RECORD];
        self.slots[index].write(record, self.origin, self.epoch_ms);
        self.dirty[index / BLOCK] = true;
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
