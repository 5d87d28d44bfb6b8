//! The running copy of the records: hierarchy, units, people, keys, active patrols.
//!
//! Every request reads it, so it is in memory and a read is a hash look-up. Every
//! change goes to the [`Registry`] first and shows here once that has it on disk;
//! changes are made one at a time, so what is checked against this copy still holds
//! when it is committed.

use crate::ports::{
    Change, EngineError, KeyRecord, Records, Registry, ScopeRecord, SessionRecord, UnitRecord, UserRecord,
};
use parking_lot::RwLock;
use sentinel_model::{Patrol, PatrolId, Scope, ScopePath, Time, UnitId, UserName};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

pub struct Directory {
    registry: Arc<dyn Registry>,
    /// Held over check and commit of a change, so that changes are serial.
    changing: Arc<tokio::sync::Mutex<()>>,
    tables: Arc<RwLock<Tables>>,
}

#[derive(Default)]
struct Tables {
    scopes: BTreeMap<Scope, Arc<ScopeRecord>>,
    units: BTreeMap<UnitId, Arc<UnitEntry>>,
    unit_by_token: HashMap<String, UnitId>,
    unit_by_patrol: HashMap<PatrolId, UnitId>,
    users: BTreeMap<UserName, Arc<UserRecord>>,
    keys: BTreeMap<String, Arc<KeyRecord>>,
    key_by_hash: HashMap<String, String>,
    sessions: HashMap<String, Arc<SessionRecord>>,
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

    /// The station it is under now: its patrol's, else its own.
    pub fn path(&self) -> ScopePath {
        self.patrol.map_or_else(|| self.home(), |p| p.path)
    }
}

/// Holds the right to change the directory; what is read while it is held stays true.
pub struct Changing<'a> {
    directory: &'a Directory,
    serial: Arc<tokio::sync::OwnedMutexGuard<()>>,
}

impl Directory {
    pub async fn load(registry: Arc<dyn Registry>, now: Time) -> Result<Self, EngineError> {
        let records = registry.load(now).await?;
        Ok(Self { registry, changing: Arc::default(), tables: Arc::new(RwLock::new(Tables::from(records))) })
    }

    pub fn registry(&self) -> &dyn Registry {
        &*self.registry
    }

    /// Waits for its turn to change records.
    pub async fn change(&self) -> Changing<'_> {
        Changing { directory: self, serial: Arc::new(self.changing.clone().lock_owned().await) }
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

    pub fn is_empty(&self) -> bool {
        let tables = self.tables.read();
        tables.scopes.is_empty() && tables.users.is_empty() && tables.units.is_empty()
    }

    pub fn counts(&self) -> (usize, usize) {
        let tables = self.tables.read();
        (tables.units.len(), tables.unit_by_patrol.len())
    }
}

impl Changing<'_> {
    /// Commits to the registry, then shows the changes to readers, all at once.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<(), EngineError> {
        let (registry, tables) = (self.directory.registry.clone(), self.directory.tables.clone());
        let serial = self.serial.clone();
        // A task of its own: a request that is given up must not leave the two apart,
        // nor let the next change begin before this one shows.
        let both = tokio::spawn(async move {
            let _serial = serial;
            registry.commit(changes.clone()).await?;
            let mut tables = tables.write();
            for change in changes {
                tables.apply(change);
            }
            Ok(())
        });
        both.await.map_err(EngineError::during("committing a change"))?
    }
}

impl From<Records> for Tables {
    fn from(records: Records) -> Self {
        let mut tables = Tables::default();
        let changes = (records.scopes.into_iter().map(Change::PutScope))
            .chain(records.units.into_iter().map(Change::PutUnit))
            .chain(records.users.into_iter().map(Change::PutUser))
            .chain(records.keys.into_iter().map(Change::PutKey))
            .chain(records.sessions.into_iter().map(Change::PutSession))
            .chain(records.patrols.into_iter().map(Change::PutPatrol));
        for change in changes {
            tables.apply(change);
        }
        tables
    }
}

impl Tables {
    fn apply(&mut self, change: Change) {
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
                self.users.insert(record.username.clone(), Arc::new(record));
            }
            Change::PutKey(record) => {
                self.key_by_hash.insert(record.hash.clone(), record.id.clone());
                self.keys.insert(record.id.clone(), Arc::new(record));
            }
            Change::PutSession(record) => {
                self.sessions.insert(record.hash.clone(), Arc::new(record));
            }
            Change::DropSession { hash } => {
                self.sessions.remove(&hash);
            }
            Change::PutPatrol(patrol) => self.apply_patrol(&patrol),
        }
    }

    fn apply_patrol(&mut self, patrol: &Patrol) {
        let path = self.scopes.get(&patrol.station).and_then(|s| s.path);
        let (Some(entry), Some(path)) = (self.units.get_mut(&patrol.unit_id), path) else {
            return;
        };
        let entry = Arc::make_mut(entry);
        if patrol.ended_at.is_some() {
            self.unit_by_patrol.remove(&patrol.id);
            if entry.patrol.is_some_and(|p| p.id == patrol.id) {
                entry.patrol = None;
            }
        } else {
            entry.patrol = Some(ActivePatrol { id: patrol.id, path, started_at: patrol.started_at });
            self.unit_by_patrol.insert(patrol.id, patrol.unit_id.clone());
        }
    }
}
