//! The records, in `records.db`.
//!
//! One thread owns the connection that writes and does what is sent to it in order, one
//! transaction a commit, so no async thread ever waits for the disk. Its queue is
//! bounded: when the disk is slow, callers wait. Patrols are read by connections of
//! their own, which neither wait for commits nor hold them up. Dropping the registry
//! finishes what was sent and closes the file.

use super::{
    alerts, key_uses,
    open::{self, Migrations},
    outbox,
    readers::Readers,
    records::{self, RecordError, apply, bodies, patrols, secrets},
    silence, tasks, watch,
};
use crate::ports::{
    AlertRecord, AlertsOf, Change, Commit, Committed, EngineError, Records, Registry, TaskRecord, TasksOf,
    TimeRange,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use sentinel_model::{Patrol, PatrolId, Scope, TaskId, Time, UnitId, audit::AuditEntry};
use std::{collections::HashMap, path::Path, thread::JoinHandle};
use tokio::sync::{mpsc, oneshot};

const SCHEMA: Migrations = Migrations {
    steps: &[
        records::SCHEMA,
        key_uses::SCHEMA,
        outbox::SCHEMA,
        records::AUDIT,
        alerts::SCHEMA,
        tasks::SCHEMA,
        records::FENCES,
        watch::SCHEMA,
        silence::SCHEMA,
    ],
};

/// Requests that may wait for the thread before callers do.
const QUEUE: usize = 64;

/// Reads under way at once; more wait their turn.
const READERS: usize = 2;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

pub struct SqliteRegistry {
    readers: Readers,
    /// None only while dropping.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl SqliteRegistry {
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let mut db = open::open(path, &SCHEMA)?;
        // What is dropped says where somebody was, as alerts and deliveries do: it is overwritten.
        let secure = db.pragma_update(None, "secure_delete", true);
        secure.map_err(EngineError::during("opening the records"))?;
        outbox::end_leases(&db).map_err(EngineError::during("opening the outbox"))?;
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let thread = std::thread::Builder::new()
            .name("records".into())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    job(&mut db);
                }
            })
            .map_err(EngineError::during("starting the records thread"))?;
        Ok(Self { readers: Readers::open(path, READERS)?, jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs on the records thread, after everything sent before.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        what: &'static str,
        job: impl FnOnce(&mut Connection) -> Result<T, RecordError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |db| {
            // The asker may be gone; what it asked for is done all the same.
            let _ = answer.send(job(db));
        });
        let jobs = self.jobs.as_ref().expect("the sender is there until drop");
        let result = match jobs.send(job).await {
            Ok(()) => answered.await.unwrap_or(Err(RecordError::Stopped)),
            Err(_) => Err(RecordError::Stopped),
        };
        result.map_err(EngineError::during(what))
    }

    /// Beside the thread.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        what: &'static str,
        job: impl FnOnce(&Connection) -> Result<T, RecordError> + Send + 'static,
    ) -> Result<T, EngineError> {
        self.readers.read(what, move |db| Ok(job(db)?)).await
    }
}

impl Drop for SqliteRegistry {
    fn drop(&mut self) {
        self.jobs = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that owns the records panicked");
        }
    }
}

#[async_trait]
impl Registry for SqliteRegistry {
    async fn load(&self, now: Time) -> Result<Records, EngineError> {
        self.run("loading the records", move |db| {
            // Expired sessions are of no use to anyone: they go at each start.
            db.execute("DELETE FROM session WHERE expires_at <= ?1", [now.ms()])?;
            Ok(Records {
                at: 0,
                scopes: bodies(db, "scope")?,
                units: bodies(db, "unit")?,
                users: bodies(db, "user")?,
                keys: bodies(db, "api_key")?,
                sessions: bodies(db, "session")?,
                webhooks: bodies(db, "webhook")?,
                fences: bodies(db, "fence")?,
                patrols: patrols(db, "ended_at IS NULL ORDER BY id", [])?,
                alerts: alerts::open_ones(db)?,
                tasks: tasks::open_ones(db)?,
                last_task: tasks::last_number(db)?,
            })
        })
        .await
    }

    /// The file is one process's, so nobody else has committed since.
    async fn commit(&self, _at: u64, changes: Vec<Change>) -> Result<Commit, EngineError> {
        self.run("committing records", move |db| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for change in &changes {
                apply(&tx, change)?;
            }
            tx.commit()?;
            Ok(Commit::Done)
        })
        .await
    }

    async fn since(&self, _at: u64) -> Result<Vec<Committed>, EngineError> {
        Ok(Vec::new())
    }

    async fn note_key_uses(&self, uses: Vec<(String, Time)>) -> Result<(), EngineError> {
        self.run("noting when keys were used", move |db| Ok(key_uses::note(db, &uses)?)).await
    }

    async fn key_uses(&self) -> Result<HashMap<String, Time>, EngineError> {
        self.readers.read("reading when keys were used", |db| Ok(key_uses::all(db)?)).await
    }

    async fn patrol(&self, id: PatrolId) -> Result<Option<Patrol>, EngineError> {
        self.readers
            .read("reading a patrol", move |db| {
                let Ok(number) = i64::try_from(id.0) else { return Ok(None) };
                Ok(patrols(db, "id = ?1", [number])?.pop())
            })
            .await
    }

    async fn patrols_of(&self, unit: &UnitId, range: TimeRange) -> Result<Vec<Patrol>, EngineError> {
        let unit = unit.clone();
        self.readers.read("reading a unit's patrols", move |db| {
            Ok(patrols(
                db,
                "unit = ?1 AND started_at < ?3 AND (ended_at IS NULL OR ended_at > ?2) ORDER BY started_at, id",
                params![unit.as_str(), range.from.ms(), range.to.ms()],
            )?)
        })
        .await
    }

    async fn patrols_of_each(&self, moments: Vec<(UnitId, Time)>) -> Result<Vec<Vec<Patrol>>, EngineError> {
        self.readers
            .read("reading the patrols of units", move |db| {
                let active = "unit = ?1 AND started_at <= ?2 AND (ended_at IS NULL OR ended_at > ?2)";
                moments
                    .iter()
                    .map(|(unit, at)| Ok(patrols(db, active, params![unit.as_str(), at.ms()])?))
                    .collect()
            })
            .await
    }

    async fn patrols_at(&self, stations: &[Scope], at: Time) -> Result<Vec<Patrol>, EngineError> {
        let stations = serde_json::Value::from_iter(stations.iter().map(Scope::to_string)).to_string();
        self.readers
            .read("reading the patrols of a moment", move |db| {
                let active = "started_at <= ?1 AND (ended_at IS NULL OR ended_at > ?1)
                    AND station IN (SELECT value FROM json_each(?2)) ORDER BY id";
                Ok(patrols(db, active, params![at.ms(), stations])?)
            })
            .await
    }

    async fn audit(&self, before: Option<&str>, limit: usize) -> Result<Vec<AuditEntry>, EngineError> {
        let before = before.map(ToOwned::to_owned);
        self.readers
            .read("reading the audit log", move |db| {
                let limit = i64::try_from(limit).unwrap_or(i64::MAX);
                let mut query = db.prepare_cached(
                    "SELECT body FROM audit WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2",
                )?;
                let bodies = query.query_map(params![before, limit], |row| row.get::<_, String>(0))?;
                bodies.map(|body| Ok(serde_json::from_str(&body?)?)).collect()
            })
            .await
    }

    async fn alerts_by_id(&self, ids: &[String]) -> Result<Vec<AlertRecord>, EngineError> {
        let ids = ids.to_vec();
        self.read("reading alerts", move |db| alerts::by_id(db, &ids)).await
    }

    async fn alerts(
        &self,
        of: &AlertsOf,
        behind: Option<(Time, String)>,
        limit: usize,
    ) -> Result<Vec<AlertRecord>, EngineError> {
        let of = of.clone();
        self.read("reading a list of alerts", move |db| alerts::find(db, &of, behind, limit)).await
    }

    async fn drop_ended(&self, before: Time) -> Result<(), EngineError> {
        self.run("forgetting old alerts and tasks", move |db| {
            alerts::drop_acknowledged(db, before)?;
            tasks::drop_closed(db, before)
        })
        .await
    }

    async fn task(&self, id: &TaskId) -> Result<Option<TaskRecord>, EngineError> {
        let id = id.clone();
        self.read("reading a task", move |db| tasks::one(db, &id)).await
    }

    async fn tasks(
        &self,
        of: &TasksOf,
        behind: Option<(Time, TaskId)>,
        limit: usize,
    ) -> Result<Vec<TaskRecord>, EngineError> {
        let of = of.clone();
        self.read("reading a list of tasks", move |db| tasks::find(db, &of, behind, limit)).await
    }

    async fn secret(&self, name: &'static str) -> Result<[u8; 32], EngineError> {
        self.run("reading the installation's secret", move |db| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let fresh: [u8; 32] = rand::random();
            tx.execute("INSERT OR IGNORE INTO secret (name, bytes) VALUES (?1, ?2)", params![name, fresh])?;
            let stored: Option<Vec<u8>> = tx
                .query_row("SELECT bytes FROM secret WHERE name = ?1", [name], |row| row.get(0))
                .optional()?;
            tx.commit()?;
            stored.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| RecordError::Secret(name.into()))
        })
        .await
    }

    async fn secrets(&self) -> Result<Vec<(String, [u8; 32])>, EngineError> {
        self.readers.read("reading the installation's secrets", |db| Ok(secrets(db)?)).await
    }

    async fn put_secret(&self, name: &str, secret: [u8; 32]) -> Result<(), EngineError> {
        let name = name.to_owned();
        self.run("storing the installation's secret", move |db| {
            db.execute("INSERT OR REPLACE INTO secret (name, bytes) VALUES (?1, ?2)", params![name, secret])?;
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    #[test]
    fn a_newer_schema_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("records.db");
        drop(SqliteRegistry::open(&path).expect("opens"));
        let db = Connection::open(&path).expect("opens");
        db.pragma_update(None, "user_version", 99).expect("writes");
        drop(db);
        let error = SqliteRegistry::open(&path).err().expect("refused");
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        let newest = format!("up to {}", SCHEMA.steps.len());
        for part in ["records.db", "99", &newest, "newer program"] {
            assert!(cause.contains(part), "{cause}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_not_a_panic() {
        assert!(SqliteRegistry::open(Path::new("/nonexistent/folder/records.db")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("records.db");
        let _registry = SqliteRegistry::open(&path).expect("opens");
        let mode = std::fs::metadata(&path).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
