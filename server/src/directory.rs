//! The running copy of the records: hierarchy, units, people, keys, active patrols.
//!
//! Every request reads it, so it is in memory and a read is a hash look-up. Every
//! change goes to the [`Registry`] first and shows here once that has it on disk.
//!
//! What is checked against this copy still holds when it is committed: a commit is made
//! on top of the last one this copy has, and where another node was faster, its changes
//! are read and the check is made again ([`Directory::change`]). Whether this copy is as new as
//! it should be is told in `follow`.

mod alerts;
mod capacity;
mod change;
mod fences;
mod follow;
mod on_patrol;
mod rules;
mod tables;
mod tasks;
#[cfg(test)]
mod tests;

pub use capacity::Capacity;
pub use follow::Behind;

use crate::geo::distance_m;
use crate::ports::{
    AlertRecord, Bus, EngineError, KeyRecord, Registry, ScopeRecord, SessionRecord, TaskRecord, UnitRecord,
    UserRecord, WebhookRecord,
};
use follow::Known;
use parking_lot::{Mutex, RwLock};
use sentinel_model::{PatrolId, Scope, ScopePath, TaskId, Time, UnitId, UserName, alerts::Alert};
use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};
use tables::Tables;
use tokio::sync::watch;

pub struct Directory {
    registry: Arc<dyn Registry>,
    bus: Arc<dyn Bus>,
    /// The last commit in `tables`. Held over check and commit of a change: changes of one
    /// process are serial.
    at: Arc<tokio::sync::Mutex<u64>>,
    tables: Arc<RwLock<Tables>>,
    /// Told which credentials a change has ended.
    on_end: OnceLock<OnEnd>,
    /// The newest commit that another node has told of.
    told: watch::Sender<u64>,
    known: Mutex<Known>,
    behind: watch::Sender<bool>,
    /// Moves on with every commit that holds deliveries.
    deliveries: watch::Sender<()>,
}

type OnEnd = Box<dyn Fn(&Directory, &Ended) + Send + Sync>;

/// A credential that a change has ended, or some of a person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Session {
        hash: String,
    },
    Key {
        id: String,
    },
    /// The person's credentials version has counted up, or the account is disabled:
    /// sessions that were given the new version go on, everything else has ended.
    User {
        name: UserName,
    },
    /// A link of an order was revoked.
    Link {
        task: TaskId,
        id: String,
    },
}

/// A unit with its active patrol, where it has one.
#[derive(Debug, Clone)]
pub struct UnitEntry {
    pub record: UnitRecord,
    pub patrol: Option<ActivePatrol>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivePatrol {
    pub id: PatrolId,
    pub path: ScopePath,
    pub started_at: Time,
}

impl UnitEntry {
    /// The station it belongs to today.
    pub fn home(&self) -> ScopePath {
        self.record.homes.last().expect("a unit record has at least one home").path
    }

    /// The station it belonged to at a moment.
    pub fn home_at(&self, at: Time) -> ScopePath {
        let homes = &self.record.homes;
        let home = homes.iter().rev().find(|home| home.from <= at).or(homes.first());
        home.map_or_else(|| self.home(), |home| home.path)
    }

    /// Whether it was on the patrol that it is on now, at a device time. Of a unit whose patrols
    /// nobody runs all that it posts is on patrol: the first position, which starts it, was made a
    /// moment before, and those that it could not send earlier were long before.
    pub fn was_on_patrol(&self, at: Time) -> bool {
        self.patrol.is_some_and(|patrol| {
            patrol.started_at <= at || (!self.record.patrols_managed && self.home_at(at) == patrol.path)
        })
    }

    /// The station it is under now: its patrol's, else its own.
    pub fn path(&self) -> ScopePath {
        self.patrol.map_or_else(|| self.home(), |p| p.path)
    }
}

impl Directory {
    pub async fn load(
        registry: Arc<dyn Registry>,
        bus: Arc<dyn Bus>,
        now: Time,
    ) -> Result<Self, EngineError> {
        let known = Known::from_now();
        let records = registry.load(now).await?;
        Ok(Self {
            registry,
            bus,
            at: Arc::new(tokio::sync::Mutex::new(records.at)),
            known: Mutex::new(known.at(records.at)),
            tables: Arc::new(RwLock::new(Tables::from(records))),
            on_end: OnceLock::new(),
            told: watch::Sender::new(0),
            behind: watch::Sender::new(false),
            deliveries: watch::Sender::new(()),
        })
    }

    pub fn registry(&self) -> &dyn Registry {
        &*self.registry
    }

    /// Whether other nodes may change the records too.
    pub fn is_shared(&self) -> bool {
        self.registry.is_shared()
    }

    pub fn unit(&self, id: &UnitId) -> Option<Arc<UnitEntry>> {
        self.tables.read().units.get(id).cloned()
    }

    pub fn unit_by_token_hash(&self, hash: &str) -> Option<Arc<UnitEntry>> {
        let tables = self.tables.read();
        tables.units.get(tables.unit_by_token.get(hash)?).cloned()
    }

    pub fn unit_by_patrol(&self, patrol: PatrolId) -> Option<Arc<UnitEntry>> {
        let tables = self.tables.read();
        tables.units.get(tables.unit_by_patrol.get(&patrol)?).cloned()
    }

    /// Units by id, from after `cursor`, that `keep` keeps, at most `limit`.
    pub fn units(
        &self,
        cursor: Option<&UnitId>,
        limit: usize,
        keep: impl Fn(&UnitEntry) -> bool,
    ) -> Vec<Arc<UnitEntry>> {
        use std::ops::Bound;
        let tables = self.tables.read();
        let from = cursor.map_or(Bound::Unbounded, Bound::Excluded);
        tables
            .units
            .range::<UnitId, _>((from, Bound::Unbounded))
            .map(|(_, unit)| unit)
            .filter(|unit| keep(unit))
            .take(limit)
            .cloned()
            .collect()
    }

    /// The same, of units whose id, name or station's name holds every one of `words`.
    pub fn matching(
        &self,
        words: &str,
        cursor: Option<&UnitId>,
        limit: usize,
        keep: impl Fn(&UnitEntry) -> bool,
    ) -> Vec<Arc<UnitEntry>> {
        let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
        if words.is_empty() {
            return self.units(cursor, limit, keep);
        }
        let stations: HashMap<Scope, String> =
            self.scopes().iter().map(|scope| (scope.scope, scope.name.to_lowercase())).collect();
        let says = |unit: &UnitEntry, word: &String| {
            unit.record.id.as_str().to_lowercase().contains(word)
                || unit.record.name.to_lowercase().contains(word)
                || stations.get(&unit.path().station()).is_some_and(|name| name.contains(word))
        };
        self.units(cursor, limit, |unit| keep(unit) && words.iter().all(|word| says(unit, word)))
    }

    /// How many units are on patrol in a scope.
    pub fn on_patrol_count(&self, scope: Scope) -> usize {
        self.tables.read().on_patrol.count(scope)
    }

    /// The units that are on patrol in a scope, in no order; of these, where it is asked for, those
    /// that are on no task.
    pub fn on_patrol(&self, scope: Scope, no_task: bool) -> Vec<UnitId> {
        let tables = self.tables.read();
        let units = tables.on_patrol.of(scope).filter_map(|patrol| tables.unit_by_patrol.get(&patrol));
        units.filter(|unit| !no_task || !tables.tasks.is_on_task(unit)).cloned().collect()
    }

    pub fn scope(&self, scope: Scope) -> Option<Arc<ScopeRecord>> {
        self.tables.read().scopes.get(&scope).cloned()
    }

    /// All scopes, widest level first, by number.
    pub fn scopes(&self) -> Vec<Arc<ScopeRecord>> {
        self.tables.read().scopes.values().cloned().collect()
    }

    pub fn station_path(&self, station: u32) -> Option<ScopePath> {
        self.tables.read().scopes.get(&Scope::station(station))?.path
    }

    /// Whether `scope` exists and is `within` or lies below it.
    pub fn scope_within(&self, scope: Scope, within: Scope) -> bool {
        let tables = self.tables.read();
        let mut at = tables.scopes.get(&scope);
        while let Some(record) = at {
            if record.scope == within {
                return true;
            }
            at = record.parent.and_then(|parent| tables.scopes.get(&parent));
        }
        false
    }

    /// The station that `pick` picks whose site is nearest to a point, degrees.
    pub fn nearest_station(&self, at: (f64, f64), pick: impl Fn(Scope) -> bool) -> Option<Scope> {
        let scopes = self.scopes();
        let sites = scopes.iter().filter_map(|record| Some((record.scope, record.site?)));
        let picked = sites.filter(|(scope, _)| pick(*scope));
        let nearest = picked.min_by(|(_, a), (_, b)| distance_m(*a, at).total_cmp(&distance_m(*b, at)));
        nearest.map(|(scope, _)| scope)
    }

    /// The scope and all above it, from below.
    pub fn upwards(&self, scope: Scope) -> Vec<Scope> {
        let tables = self.tables.read();
        let first = tables.scopes.get(&scope);
        let above = |record: &&Arc<ScopeRecord>| record.parent.and_then(|parent| tables.scopes.get(&parent));
        std::iter::successors(first, above).map(|record| record.scope).collect()
    }

    pub fn user(&self, name: &str) -> Option<Arc<UserRecord>> {
        self.tables.read().users.get(name).cloned()
    }

    pub fn users(&self) -> Vec<Arc<UserRecord>> {
        self.tables.read().users.values().cloned().collect()
    }

    pub fn key(&self, id: &str) -> Option<Arc<KeyRecord>> {
        self.tables.read().keys.get(id).cloned()
    }

    pub fn key_by_hash(&self, hash: &str) -> Option<Arc<KeyRecord>> {
        let tables = self.tables.read();
        tables.keys.get(tables.key_by_hash.get(hash)?).cloned()
    }

    pub fn keys(&self) -> Vec<Arc<KeyRecord>> {
        self.tables.read().keys.values().cloned().collect()
    }

    pub fn session(&self, hash: &str) -> Option<Arc<SessionRecord>> {
        self.tables.read().sessions.get(hash).cloned()
    }

    /// The sessions that `pick` picks.
    pub fn sessions(&self, pick: impl Fn(&SessionRecord) -> bool) -> Vec<Arc<SessionRecord>> {
        self.tables.read().sessions.values().filter(|session| pick(session)).cloned().collect()
    }

    pub fn webhook(&self, id: &str) -> Option<Arc<WebhookRecord>> {
        self.tables.read().webhooks.get(id).cloned()
    }

    /// The webhooks that `pick` picks, by id.
    pub fn webhooks(&self, pick: impl Fn(&WebhookRecord) -> bool) -> Vec<Arc<WebhookRecord>> {
        self.tables.read().webhooks.values().filter(|webhook| pick(webhook)).cloned().collect()
    }

    /// The alert of that id, where it is open.
    pub fn open_alert(&self, id: &str) -> Option<Arc<AlertRecord>> {
        self.tables.read().alerts.get(id)
    }

    /// The most pressing open alerts of a scope that `pick` picks: calls for help, then the newest.
    pub fn open_alerts(
        &self,
        scope: Scope,
        pick: impl Fn(&Alert) -> bool,
        limit: usize,
    ) -> Vec<Arc<AlertRecord>> {
        self.tables.read().alerts.most_pressing(scope, pick, limit)
    }

    /// All open ones that `pick` picks, in no order. It must not ask the directory.
    pub fn open_alerts_that(&self, pick: impl Fn(&AlertRecord) -> bool) -> Vec<Arc<AlertRecord>> {
        self.tables.read().alerts.that(pick)
    }

    /// Whether the alert of that id was acknowledged a moment ago.
    pub fn is_acknowledged(&self, id: &str) -> bool {
        self.tables.read().alerts.is_acknowledged(id)
    }

    /// The task of that id, where it is open.
    pub fn open_task(&self, id: &TaskId) -> Option<Arc<TaskRecord>> {
        self.tables.read().tasks.get(id)
    }

    /// The task of that id, where it is open, or was closed of late.
    pub fn recent_task(&self, id: &TaskId) -> Option<Arc<TaskRecord>> {
        self.tables.read().tasks.recent(id)
    }

    /// The open tasks that a scope sees, by id.
    pub fn open_tasks(&self, scope: Scope) -> Vec<Arc<TaskRecord>> {
        self.tables.read().tasks.seen_by(scope)
    }

    /// How many open tasks each scope has of its own.
    pub fn open_tasks_by_scope(&self) -> HashMap<Scope, usize> {
        self.tables.read().tasks.by_scope()
    }

    /// The tasks that a unit is on, oldest first.
    pub fn tasks_of(&self, unit: &UnitId) -> Vec<Arc<TaskRecord>> {
        self.tables.read().tasks.of_unit(unit)
    }

    /// Every unit that is on any task, in no order.
    pub fn units_on_tasks(&self) -> Vec<UnitId> {
        self.tables.read().tasks.units()
    }

    pub fn is_on_task(&self, unit: &UnitId) -> bool {
        self.tables.read().tasks.is_on_task(unit)
    }

    /// The tasks that something happened to since a time; of closed ones the last.
    pub fn tasks_since(&self, at: Time) -> Vec<Arc<TaskRecord>> {
        self.tables.read().tasks.since(at)
    }

    /// The highest number that a task was given.
    pub fn last_task_number(&self) -> u64 {
        self.tables.read().tasks.last_number()
    }

    /// Tells of every commit, whichever node's, that puts deliveries.
    pub fn deliveries(&self) -> watch::Receiver<()> {
        self.deliveries.subscribe()
    }

    pub fn is_empty(&self) -> bool {
        let tables = self.tables.read();
        tables.scopes.is_empty() && tables.users.is_empty() && tables.units.is_empty()
    }

    pub fn counts(&self) -> (usize, usize) {
        let tables = self.tables.read();
        (tables.units.len(), tables.unit_by_patrol.len())
    }
}
