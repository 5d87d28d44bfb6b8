//! The fences, by id.

use super::Directory;
use sentinel_model::{Scope, geofence::Geofence};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

#[derive(Default)]
pub(super) struct Fences {
    by_id: BTreeMap<String, Arc<Geofence>>,
    version: u64,
}

impl Fences {
    pub fn put(&mut self, fence: Geofence) {
        self.version += 1;
        self.by_id.insert(fence.id.clone(), Arc::new(fence));
    }

    pub fn remove(&mut self, id: &str) {
        self.version += 1;
        self.by_id.remove(id);
    }
}

impl Directory {
    pub fn fence(&self, id: &str) -> Option<Arc<Geofence>> {
        self.tables.read().fences.by_id.get(id).cloned()
    }

    /// By id, the fences that can concern units of a scope: its own, those of what is in it, and
    /// those of what is above it.
    pub fn fences(&self, scope: Scope) -> Vec<Arc<Geofence>> {
        let (all, above) = (self.all_fences(), self.upwards(scope));
        let concerns =
            |fence: &Arc<Geofence>| above.contains(&fence.scope) || self.scope_within(fence.scope, scope);
        all.into_iter().filter(concerns).collect()
    }

    /// Every fence, by id.
    pub fn all_fences(&self) -> Vec<Arc<Geofence>> {
        self.tables.read().fences.by_id.values().cloned().collect()
    }

    /// How many fences each scope has of its own.
    pub fn fences_by_scope(&self) -> HashMap<Scope, usize> {
        let tables = self.tables.read();
        tables.fences.by_id.values().fold(HashMap::new(), |mut held, fence| {
            *held.entry(fence.scope).or_default() += 1;
            held
        })
    }

    /// Counts up with every change of any fence, whichever node makes it.
    pub fn fences_version(&self) -> u64 {
        self.tables.read().fences.version
    }

    /// The scope, all above it and all beneath: those whose units what holds in it may concern,
    /// and those who see these.
    pub fn along(&self, scope: Scope) -> Vec<Scope> {
        let mut along = self.upwards(scope);
        let beneath = self.scopes().into_iter().map(|record| record.scope);
        along.extend(beneath.filter(|other| *other != scope && self.scope_within(*other, scope)));
        along
    }
}
