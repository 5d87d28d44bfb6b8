//! Credentials and rights together, as requests meet them.

mod credentials;
mod rights;

use super::{
    access::{Access, AccessConfig, SignInError},
    password::{self, PasswordCost},
    policy::{Caller, Denied, Rights, ScopeGrant},
    secret::{self, Kind},
    shares::{Most, Shares},
};
use crate::{
    clock::Clock,
    directory::Directory,
    memory::MemoryBus,
    ports::{
        AlertRecord, AlertsOf, Change, Commit, Committed, EngineError, Home, KeyRecord, Records, Registry,
        ScopeRecord, SessionRecord, TaskRecord, TasksOf, TimeRange, UnitRecord, UserRecord,
    },
};
use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use sentinel_model::{Level, Patrol, PatrolId, Permission, Role, Scope, ScopePath, TaskId, Time, UnitId};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

const START: i64 = 1_795_226_400_000;
const HOUR_MS: i64 = 3_600_000;

/// Commits to nothing: here only the running copy matters.
struct Nowhere;

#[async_trait]
impl Registry for Nowhere {
    async fn load(&self, _: Time) -> Result<Records, EngineError> {
        Ok(Records::default())
    }
    async fn commit(&self, _: u64, _: Vec<Change>) -> Result<Commit, EngineError> {
        Ok(Commit::Done)
    }
    async fn since(&self, _: u64) -> Result<Vec<Committed>, EngineError> {
        Ok(Vec::new())
    }
    async fn note_key_uses(&self, _: Vec<(String, Time)>) -> Result<(), EngineError> {
        Ok(())
    }
    async fn key_uses(&self) -> Result<std::collections::HashMap<String, Time>, EngineError> {
        Ok(std::collections::HashMap::new())
    }
    async fn patrol(&self, _: PatrolId) -> Result<Option<Patrol>, EngineError> {
        Ok(None)
    }
    async fn patrols_of(&self, _: &UnitId, _: TimeRange) -> Result<Vec<Patrol>, EngineError> {
        Ok(Vec::new())
    }
    async fn patrols_of_each(&self, _: Vec<(UnitId, Time)>) -> Result<Vec<Vec<Patrol>>, EngineError> {
        Ok(Vec::new())
    }
    async fn patrols_at(&self, _: &[sentinel_model::Scope], _: Time) -> Result<Vec<Patrol>, EngineError> {
        Ok(Vec::new())
    }
    async fn alerts_by_id(&self, _: &[String]) -> Result<Vec<AlertRecord>, EngineError> {
        Ok(Vec::new())
    }
    async fn alerts(
        &self,
        _: &AlertsOf,
        _: Option<(Time, String)>,
        _: usize,
    ) -> Result<Vec<AlertRecord>, EngineError> {
        Ok(Vec::new())
    }
    async fn task(&self, _: &TaskId) -> Result<Option<TaskRecord>, EngineError> {
        Ok(None)
    }
    async fn tasks(
        &self,
        _: &TasksOf,
        _: Option<(Time, TaskId)>,
        _: usize,
    ) -> Result<Vec<TaskRecord>, EngineError> {
        Ok(Vec::new())
    }
    async fn drop_ended(&self, _: Time) -> Result<(), EngineError> {
        Ok(())
    }
    async fn audit(
        &self,
        _: Option<&str>,
        _: usize,
    ) -> Result<Vec<sentinel_model::audit::AuditEntry>, EngineError> {
        Ok(Vec::new())
    }
    async fn secret(&self, _: &'static str) -> Result<[u8; 32], EngineError> {
        Ok([7; 32])
    }
    async fn secrets(&self) -> Result<Vec<(String, [u8; 32])>, EngineError> {
        Ok(Vec::new())
    }
    async fn put_secret(&self, _: &str, _: [u8; 32]) -> Result<(), EngineError> {
        Ok(())
    }
}

struct World {
    directory: Arc<Directory>,
    access: Access,
    now: Arc<AtomicI64>,
}

impl World {
    async fn new() -> Self {
        let now = Arc::new(AtomicI64::new(START));
        let told = now.clone();
        let clock = Clock::from_fn(move || Time(told.load(Ordering::Relaxed)));
        let directory = Directory::load(Arc::new(Nowhere), Arc::new(MemoryBus::new("an epoch")), clock.now())
            .await
            .expect("loads");
        let directory = Arc::new(directory);
        let config = AccessConfig { password_cost: PasswordCost::LEAST, ..AccessConfig::default() };
        let access = Access::open(directory.clone(), clock, config).await.expect("opens");
        Self { directory, access, now }
    }

    /// One station in every level, and its neighbour.
    async fn small() -> Self {
        let world = Self::new().await;
        let [district, zone, division, _] = PATH.scopes();
        let node = |scope, parent, path| {
            Change::PutScope(ScopeRecord {
                scope,
                name: "x".into(),
                parent,
                path,
                site: None,
                filters: None,
                alert_rules: None,
            })
        };
        let neighbour = ScopePath { station: 6, ..PATH };
        world
            .put(vec![
                node(district, None, None),
                node(zone, Some(district), None),
                node(division, Some(zone), None),
                node(Scope::station(5), Some(division), Some(PATH)),
                node(Scope::station(6), Some(division), Some(neighbour)),
            ])
            .await;
        world
    }

    async fn put(&self, changes: Vec<Change>) {
        self.directory.put(changes).await.expect("commits");
    }

    fn later(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
    }

    async fn user(&self, name: &str, role: Role, scope: Scope) -> UserRecord {
        let record = UserRecord {
            username: name.parse().expect("a good name"),
            name: name.into(),
            role,
            scope,
            disabled: false,
            password_hash: password::hash_now(PasswordCost::LEAST, "sentinel-demo").expect("hashes"),
            credentials_version: 1,
        };
        self.put(vec![Change::PutUser(record.clone())]).await;
        record
    }

    async fn session(&self, user: &UserRecord) -> String {
        let made = secret::mint(Kind::Session);
        let record = SessionRecord {
            hash: made.hash,
            username: user.username.clone(),
            credentials_version: user.credentials_version,
            expires_at: Time(START + HOUR_MS),
        };
        self.put(vec![Change::PutSession(record)]).await;
        format!("sentinel_session={}", made.text)
    }

    async fn key(&self, scope: Scope, permissions: &[Permission]) -> (KeyRecord, String) {
        let made = secret::mint(Kind::Key);
        let record = KeyRecord {
            id: secret::random_id(),
            name: "k".into(),
            scope,
            permissions: permissions.to_vec(),
            hash: made.hash,
            created_at: Time(START),
            expires_at: Some(Time(START + HOUR_MS)),
            revoked: false,
        };
        self.put(vec![Change::PutKey(record.clone())]).await;
        (record, made.text)
    }

    async fn unit(&self, id: &str, path: ScopePath) -> String {
        let made = secret::mint(Kind::Unit);
        self.put(vec![Change::PutUnit(UnitRecord {
            id: id.parse().expect("a good id"),
            name: id.into(),
            kind: "car".into(),
            homes: vec![Home { from: Time(0), path }],
            token_hash: made.hash,
            created_at: Time(START),
            patrols_managed: false,
        })])
        .await;
        made.text
    }

    fn get(&self, name: &str, value: &str) -> Result<Option<Caller>, StatusCode> {
        self.ask(&Method::GET, "/", &[(name, value)])
    }

    fn ask(&self, method: &Method, uri: &str, pairs: &[(&str, &str)]) -> Result<Option<Caller>, StatusCode> {
        let uri: Uri = uri.parse().expect("an address");
        self.access.caller(method, &uri, &headers(pairs)).map_err(|error| error.status())
    }

    /// The caller of a good credential.
    fn caller(&self, name: &str, value: &str) -> Caller {
        self.get(name, value).expect("not refused").expect("somebody")
    }

    fn view(&self, caller: &Caller, scope: Scope) -> ScopeGrant {
        caller.view(&self.directory, scope).expect("granted")
    }
}

const PATH: ScopePath = ScopePath { district: 1, zone: 3, division: 2, station: 5 };

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&str, &str)| {
        let name: HeaderName = name.parse().expect("a header name");
        (name, HeaderValue::from_str(value).expect("a header value"))
    };
    pairs.iter().map(header).collect()
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}
