//! The running copy of the records: hierarchy, units, people, keys, active patrols.
//!
//! Every request reads it, so it is in memory and a read is a hash look-up. Every
//! change goes to the [`Registry`] first and shows here once that has it on disk.
//!
//! What is checked against this copy still holds when it is committed: a commit is made
//! on top of the last one this copy has, and where another node was faster, its changes
//! are read and the check is made again ([`Directory::change`]).

use crate::ports::{
    Bus, Change, Commit, EngineError, KeyRecord, Records, Registry, ScopeRecord, SessionRecord, UnitRecord,
    UserRecord,
};
use parking_lot::RwLock;
use sentinel_model::{Patrol, PatrolId, Scope, ScopePath, Time, UnitId, UserName};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

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
    /// The person's credentials version has counted up: sessions that were given the new
    /// version go on, everything else has ended.
    User {
        name: UserName,
    },
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

/// How often a change is tried again because other nodes keep changing the records.
const TRIES: usize = 100;

/// The records are looked at this often even if no other node has told of a commit.
const LOOK_EVERY: Duration = Duration::from_secs(2);

impl Directory {
    pub async fn load(
        registry: Arc<dyn Registry>,
        bus: Arc<dyn Bus>,
        now: Time,
    ) -> Result<Self, EngineError> {
        let records = registry.load(now).await?;
        Ok(Self {
            registry,
            bus,
            at: Arc::new(tokio::sync::Mutex::new(records.at)),
            tables: Arc::new(RwLock::new(Tables::from(records))),
            on_end: OnceLock::new(),
            told: watch::Sender::new(0),
        })
    }

    /// Has `on_end` called for each credential that a change ends, whichever node made it.
    /// Once; called after the change shows, so what is looked up then is as it is.
    pub fn when_ended(&self, on_end: impl Fn(&Directory, &Ended) + Send + Sync + 'static) {
        if self.on_end.set(Box::new(on_end)).is_err() {
            tracing::error!("credentials that end are told to somebody already");
        }
    }

    /// Makes a change. `decide` looks at the directory and says what is to change, or why
    /// it may not; it is asked again when another node changed the records in between. No
    /// changes commit nothing.
    pub async fn change<T, E: From<EngineError>>(
        self: &Arc<Self>,
        mut decide: impl FnMut() -> Result<(Vec<Change>, T), E>,
    ) -> Result<T, E> {
        let mut at = self.at.clone().lock_owned().await;
        for _ in 0..TRIES {
            let (changes, outcome) = decide()?;
            if changes.is_empty() {
                return Ok(outcome);
            }
            // A task of its own: a request that is given up must not leave the registry and
            // this copy apart, nor let the next change begin before this one shows.
            let directory = self.clone();
            let committing = tokio::spawn(async move {
                let committed = directory.commit(&mut at, changes).await;
                (committed, at)
            });
            let (committed, held) = committing.await.map_err(EngineError::during("committing a change"))?;
            at = held;
            if committed? == Commit::Done {
                return Ok(outcome);
            }
        }
        Err(EngineError::new("committing a change", "other nodes kept changing the records").into())
    }

    /// Commits and shows the changes, or shows what was committed in between.
    async fn commit(&self, at: &mut u64, changes: Vec<Change>) -> Result<Commit, EngineError> {
        let committed = self.registry.commit(*at, changes.clone()).await?;
        match committed {
            Commit::Done => {
                *at += 1;
                self.show(changes);
                if let Err(error) = self.bus.publish_records(*at).await {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "other nodes see this change only when they look");
                }
            }
            Commit::Behind => self.read_on(at).await?,
        }
        Ok(committed)
    }

    /// Reads what other nodes have committed until now.
    pub async fn catch_up(&self) -> Result<(), EngineError> {
        let mut at = self.at.lock().await;
        self.read_on(&mut at).await
    }

    async fn read_on(&self, at: &mut u64) -> Result<(), EngineError> {
        for commit in self.registry.since(*at).await? {
            *at = commit.at;
            self.show(commit.changes);
        }
        Ok(())
    }

    fn show(&self, changes: Vec<Change>) {
        let mut tables = self.tables.write();
        let ended: Vec<Ended> = changes.into_iter().filter_map(|change| tables.apply(change)).collect();
        drop(tables);
        if let Some(on_end) = self.on_end.get() {
            for ended in ended {
                on_end(self, &ended);
            }
        }
    }

    /// Says that another node has committed.
    pub fn hear_of(&self, at: u64) {
        self.told.send_if_modified(|told| at > std::mem::replace(told, at.max(*told)));
    }

    /// Keeps this copy like the records, whichever node changes them.
    pub async fn follow(&self, stop: CancellationToken) {
        let mut told = self.told.subscribe();
        loop {
            tokio::select! {
                _ = told.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.catch_up().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what other nodes changed could not be read; tried again"
                );
                tokio::time::sleep(LOOK_EVERY / 4).await;
            }
        }
    }

    pub fn registry(&self) -> &dyn Registry {
        &*self.registry
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
    /// Shows a change; answers the credentials that it ends.
    fn apply(&mut self, change: Change) -> Option<Ended> {
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
                let before = self.users.insert(name.clone(), Arc::new(record))?;
                return (before.credentials_version != version).then_some(Ended::User { name });
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
            if entry.patrol.is_some_and(|p| p.id == patrol.id) {
                entry.patrol = None;
            }
        } else {
            entry.patrol = Some(ActivePatrol { id: patrol.id, path, started_at: patrol.started_at });
            self.unit_by_patrol.insert(patrol.id, patrol.unit_id.clone());
        }
    }
}
