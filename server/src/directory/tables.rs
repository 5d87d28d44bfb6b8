//! The records by what they are looked up by, and how a change shows in them.

use super::{
    ActivePatrol, Ended, UnitEntry, alerts::OpenAlerts, fences::Fences, on_patrol::OnPatrol, tasks::OpenTasks,
};
use crate::ports::{
    Change, KeyRecord, LinkRecord, Records, ScopeRecord, SessionRecord, TaskRecord, UserRecord, WebhookRecord,
};
use sentinel_model::{Patrol, PatrolId, Scope, UnitId, UserName};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

#[derive(Default)]
pub(super) struct Tables {
    pub scopes: BTreeMap<Scope, Arc<ScopeRecord>>,
    pub units: BTreeMap<UnitId, Arc<UnitEntry>>,
    pub unit_by_token: HashMap<String, UnitId>,
    pub unit_by_patrol: HashMap<PatrolId, UnitId>,
    pub on_patrol: OnPatrol,
    pub users: BTreeMap<UserName, Arc<UserRecord>>,
    pub keys: BTreeMap<String, Arc<KeyRecord>>,
    pub key_by_hash: HashMap<String, String>,
    pub sessions: HashMap<String, Arc<SessionRecord>>,
    pub webhooks: BTreeMap<String, Arc<WebhookRecord>>,
    pub fences: Fences,
    pub alerts: OpenAlerts,
    pub tasks: OpenTasks,
}

impl From<Records> for Tables {
    fn from(records: Records) -> Self {
        let mut tables = Tables::default();
        tables.tasks.given(records.last_task);
        let changes = (records.scopes.into_iter().map(Change::PutScope))
            .chain(records.units.into_iter().map(Change::PutUnit))
            .chain(records.users.into_iter().map(Change::PutUser))
            .chain(records.keys.into_iter().map(Change::PutKey))
            .chain(records.sessions.into_iter().map(Change::PutSession))
            .chain(records.webhooks.into_iter().map(Change::PutWebhook))
            .chain(records.fences.into_iter().map(Change::PutFence))
            .chain(records.patrols.into_iter().map(Change::PutPatrol))
            .chain(records.alerts.into_iter().map(Change::PutAlert))
            .chain(records.tasks.into_iter().map(Change::PutTask));
        for change in changes {
            tables.apply(change);
        }
        tables
    }
}

/// The link that is revoked in the second and was not in the first; a change revokes one at a time.
fn revoked(before: &TaskRecord, after: &TaskRecord) -> Option<Ended> {
    let mut held = before.links.iter().filter(|link| link.revoked_at.is_none());
    let ended = |link: &LinkRecord| {
        let after = after.links.iter().find(|after| after.id == link.id);
        after.is_none_or(|after| after.revoked_at.is_some())
    };
    let link = held.find(|link| ended(link))?;
    Some(Ended::Link { task: after.task.id.clone(), id: link.id.clone() })
}

impl Tables {
    /// Shows a change; answers the credentials that it ends.
    pub fn apply(&mut self, change: Change) -> Option<Ended> {
        match change {
            Change::PutScope(record) => {
                self.scopes.insert(record.scope, Arc::new(record));
            }
            Change::PutUnit(record) => {
                let before = self.units.get(&record.id);
                let patrol = before.and_then(|b| b.patrol);
                if let Some(before) = before {
                    self.unit_by_token.remove(&before.record.token_hash);
                }
                self.unit_by_token.insert(record.token_hash.clone(), record.id.clone());
                self.units.insert(record.id.clone(), Arc::new(UnitEntry { record, patrol }));
            }
            Change::PutUser(record) => {
                let (name, version) = (record.username.clone(), record.credentials_version);
                let disabled = record.disabled;
                let before = self.users.insert(name.clone(), Arc::new(record))?;
                let ended = disabled || before.credentials_version != version;
                return ended.then_some(Ended::User { name });
            }
            Change::PutKey(record) => {
                let ended = record.revoked.then(|| Ended::Key { id: record.id.clone() });
                self.key_by_hash.insert(record.hash.clone(), record.id.clone());
                self.keys.insert(record.id.clone(), Arc::new(record));
                return ended;
            }
            Change::PutSession(record) => {
                self.sessions.insert(record.hash.clone(), Arc::new(record));
            }
            Change::DropSession { hash } => {
                self.sessions.remove(&hash);
                return Some(Ended::Session { hash });
            }
            Change::PutPatrol(patrol) => self.apply_patrol(&patrol),
            Change::PutWebhook(record) => {
                self.webhooks.insert(record.id.clone(), Arc::new(record));
            }
            Change::DropWebhook { id } => {
                self.webhooks.remove(&id);
            }
            Change::PutFence(fence) => self.fences.put(fence),
            Change::DropFence { id } => self.fences.remove(&id),
            Change::PutAlert(record) => self.alerts.put(record),
            Change::DropAlert { id } => self.alerts.remove(&id),
            Change::PutTask(record) => {
                let before = self.tasks.recent(&record.task.id);
                let ended = before.and_then(|before| revoked(&before, &record));
                self.tasks.put(record);
                return ended;
            }
            // In the outbox, not here.
            Change::PutDelivery(_) => {}
            // Read where it is kept.
            Change::Audit(_) => {}
        }
        None
    }

    fn apply_patrol(&mut self, patrol: &Patrol) {
        let path = self.scopes.get(&patrol.station).and_then(|s| s.path);
        let (Some(entry), Some(path)) = (self.units.get_mut(&patrol.unit_id), path) else {
            return;
        };
        let entry = Arc::make_mut(entry);
        if patrol.ended_at.is_some() {
            self.unit_by_patrol.remove(&patrol.id);
            if let Some(ended) = entry.patrol.take_if(|p| p.id == patrol.id) {
                self.on_patrol.leave(&ended);
            }
        } else {
            let active = ActivePatrol { id: patrol.id, path, started_at: patrol.started_at };
            if let Some(before) = entry.patrol.replace(active) {
                self.on_patrol.leave(&before);
            }
            self.on_patrol.enter(&active);
            self.unit_by_patrol.insert(patrol.id, patrol.unit_id.clone());
        }
    }
}
