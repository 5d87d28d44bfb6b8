//! Overlapping segments, brought in order.

use super::segment::{Key, key};
use crate::ports::TimeRange;
use sentinel_model::{Fix, Time};
use std::collections::{BTreeMap, btree_map::Entry};

pub fn keyed(fixes: Vec<Fix>) -> Vec<(Key, Fix)> {
    fixes.into_iter().map(|fix| (key(&fix), fix)).collect()
}

/// Brings what overlapping segments hold in order, each key once.
pub struct Merge<T> {
    range: TimeRange,
    behind: Option<Key>,
    /// What a later segment may still come before, with the time it was stored.
    pub pending: BTreeMap<Key, (i64, T)>,
    pub released: Vec<T>,
    /// The key of the last released.
    pub reached: Option<Key>,
}

impl<T> Merge<T> {
    pub fn new(range: TimeRange, behind: Option<Key>) -> Self {
        Self { range, behind, pending: BTreeMap::new(), released: Vec::new(), reached: None }
    }

    pub fn add(&mut self, stored: i64, entries: Vec<(Key, T)>) {
        for (key, value) in entries {
            if !self.range.contains(key.0) || self.behind.as_ref().is_some_and(|behind| key <= *behind) {
                continue;
            }
            match self.pending.entry(key) {
                Entry::Vacant(free) => drop(free.insert((stored, value))),
                Entry::Occupied(mut held) if held.get().0 > stored => drop(held.insert((stored, value))),
                Entry::Occupied(_) => {}
            }
        }
    }

    /// Releases what is before `next`, or all.
    pub fn release(&mut self, next: Option<Time>) {
        while let Some(first) = self.pending.first_entry() {
            if next.is_some_and(|next| first.key().0 >= next) {
                break;
            }
            let (key, (_, value)) = first.remove_entry();
            self.released.push(value);
            self.reached = Some(key);
        }
    }
}
