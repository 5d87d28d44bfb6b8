//! The alerts that wait for somebody, those that press the most, by id.

use crate::ports::{AlertRecord, OPEN_ALERTS_MAX, urgency};
use sentinel_model::{Scope, Time, alerts::Alert};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

/// Ids that are remembered for a while after: longer than anybody takes who has just looked.
const ACKNOWLEDGED: usize = 1_000;

#[derive(Default)]
pub(super) struct OpenAlerts {
    by_id: HashMap<String, Arc<AlertRecord>>,
    /// What presses the least first.
    by_urgency: BTreeMap<(bool, Time, String), Arc<AlertRecord>>,
    acknowledged: VecDeque<String>,
}

impl OpenAlerts {
    pub fn get(&self, id: &str) -> Option<Arc<AlertRecord>> {
        self.by_id.get(id).cloned()
    }

    /// The most pressing of a scope that `pick` picks, at most `limit`.
    pub fn most_pressing(
        &self,
        scope: Scope,
        pick: impl Fn(&Alert) -> bool,
        limit: usize,
    ) -> Vec<Arc<AlertRecord>> {
        let picked = self.by_urgency.values().rev().filter(|r| r.path.within(scope) && pick(&r.alert));
        picked.take(limit).cloned().collect()
    }

    pub fn that(&self, pick: impl Fn(&AlertRecord) -> bool) -> Vec<Arc<AlertRecord>> {
        self.by_id.values().filter(|record| pick(record)).cloned().collect()
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
        let record = Arc::new(record);
        self.by_urgency.insert(key(&record.alert), record.clone());
        self.by_id.insert(id, record);
        if self.by_id.len() > OPEN_ALERTS_MAX
            && let Some(((_, _, least), _)) = self.by_urgency.pop_first()
        {
            self.by_id.remove(&least);
        }
    }

    pub fn remove(&mut self, id: &str) {
        if let Some(before) = self.by_id.remove(id) {
            self.by_urgency.remove(&key(&before.alert));
        }
    }
}

fn key(alert: &Alert) -> (bool, Time, String) {
    let (is_sos, at, id) = urgency(alert);
    (is_sos, at, id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::{ScopePath, alerts::AlertKind};

    fn record(n: usize, kind: AlertKind) -> AlertRecord {
        let path = ScopePath { district: 1, zone: 3, division: 2, station: 5 };
        let alert = Alert {
            id: format!("a{n}"),
            kind,
            unit_id: "PC-1".parse().expect("a good id"),
            unit_name: "PC-1".into(),
            patrol_id: None,
            station: path.station(),
            at: Time(n as i64),
            time: Time(n as i64),
            place: None,
            fence: None,
            acknowledged: None,
            fence_id: None,
            escalated: Vec::new(),
        };
        AlertRecord { alert, path }
    }

    #[test]
    fn a_call_for_help_is_held_however_many_fences_come_after_it() {
        let mut alerts = OpenAlerts::default();
        alerts.put(record(0, AlertKind::Sos));
        for n in 1..=OPEN_ALERTS_MAX {
            alerts.put(record(n, AlertKind::Enter));
        }
        assert!(alerts.get("a0").is_some() && alerts.get("a1").is_none(), "the oldest fence has gone");
        let ids = |pressing: Vec<Arc<AlertRecord>>| -> Vec<String> {
            pressing.iter().map(|record| record.alert.id.clone()).collect()
        };
        let newest = format!("a{OPEN_ALERTS_MAX}");
        assert_eq!(ids(alerts.most_pressing(Scope::station(5), |_| true, 2)), ["a0", newest.as_str()]);
        assert!(alerts.most_pressing(Scope::station(6), |_| true, 2).is_empty());
        assert_eq!(alerts.by_id.len(), alerts.by_urgency.len());
    }
}
