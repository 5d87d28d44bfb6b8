//! The alerts that wait for somebody: the newest, by id.

use crate::ports::{AlertRecord, OPEN_ALERTS_MAX};
use sentinel_model::Time;
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

/// Ids that are remembered for a while after: longer than anybody takes who has just looked.
const ACKNOWLEDGED: usize = 1_000;

#[derive(Default)]
pub(super) struct OpenAlerts {
    by_id: HashMap<String, Arc<AlertRecord>>,
    /// Oldest first.
    by_time: BTreeSet<(Time, String)>,
    acknowledged: VecDeque<String>,
}

impl OpenAlerts {
    pub fn get(&self, id: &str) -> Option<Arc<AlertRecord>> {
        self.by_id.get(id).cloned()
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<AlertRecord>> {
        self.by_id.values()
    }

    pub fn is_acknowledged(&self, id: &str) -> bool {
        self.acknowledged.iter().any(|other| other == id)
    }

    pub fn put(&mut self, record: AlertRecord) {
        let id = record.alert.id.clone();
        self.remove(&id);
        if !record.alert.is_open() {
            if self.acknowledged.len() == ACKNOWLEDGED {
                self.acknowledged.pop_front();
            }
            self.acknowledged.push_back(id);
            return;
        }
        self.by_time.insert((record.alert.at, id.clone()));
        self.by_id.insert(id, Arc::new(record));
        if self.by_id.len() > OPEN_ALERTS_MAX
            && let Some((_, oldest)) = self.by_time.pop_first()
        {
            self.by_id.remove(&oldest);
        }
    }

    pub fn remove(&mut self, id: &str) {
        if let Some(before) = self.by_id.remove(id) {
            self.by_time.remove(&(before.alert.at, id.to_owned()));
        }
    }
}
