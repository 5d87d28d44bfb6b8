//! The statements of `records.db`: what each change writes, and how it is read back.
//!
//! What is only loaded whole is kept as JSON by id; patrols, which are queried, have
//! columns. That a unit has at most one active patrol is a constraint of the file:
//! a commit that would break it fails whole.

use super::{alerts, outbox, tasks};
use crate::ports::{Change, Queued};
use rusqlite::{Connection, Row, Transaction, params};
use sentinel_model::{Patrol, PatrolId, Time, UnitId};
use serde::{Serialize, de::DeserializeOwned};

pub const SCHEMA: &str = "
        CREATE TABLE scope (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE unit (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE user (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE api_key (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE session (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE secret (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE patrol (
            id INTEGER PRIMARY KEY,
            unit TEXT NOT NULL,
            station TEXT NOT NULL,
            started_at INTEGER NOT NULL,
            ended_at INTEGER
        );
        CREATE INDEX patrol_of_unit ON patrol (unit, started_at);
        CREATE INDEX patrol_ended ON patrol (ended_at);
        CREATE UNIQUE INDEX patrol_active ON patrol (unit) WHERE ended_at IS NULL;
    ";

pub const FENCES: &str = "CREATE TABLE fence (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;";

pub const AUDIT: &str = "CREATE TABLE audit (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;";

#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("the {table} record {id:?} does not read")]
    Body { table: &'static str, id: String, source: serde_json::Error },
    #[error("a record does not write as JSON")]
    Encode(#[from] serde_json::Error),
    #[error("patrol {0} has a number that does not fit")]
    PatrolNumber(PatrolId),
    #[error("patrol {0} is another unit's already, so it cannot be unit {1}'s")]
    PatrolTaken(PatrolId, UnitId),
    #[error("the stored secret {0:?} has not 32 bytes")]
    Secret(String),
    #[error("the thread that owns the records has stopped")]
    Stopped,
}

pub fn secrets(db: &Connection) -> Result<Vec<(String, [u8; 32])>, RecordError> {
    let mut query = db.prepare("SELECT name, bytes FROM secret ORDER BY name")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.map(|row| {
        let (name, bytes): (String, Vec<u8>) = row?;
        let secret = bytes.try_into().map_err(|_| RecordError::Secret(name.clone()))?;
        Ok((name, secret))
    })
    .collect()
}

pub fn apply(tx: &Transaction<'_>, change: &Change) -> Result<(), RecordError> {
    match change {
        Change::PutScope(record) => put(tx, "scope", &record.scope.to_string(), record),
        Change::PutUnit(record) => put(tx, "unit", record.id.as_str(), record),
        Change::PutUser(record) => put(tx, "user", record.username.as_str(), record),
        Change::PutKey(record) => put(tx, "api_key", &record.id, record),
        Change::PutSession(record) => {
            tx.prepare_cached("INSERT OR REPLACE INTO session (id, expires_at, body) VALUES (?1, ?2, ?3)")?
                .execute(params![record.hash, record.expires_at.ms(), serde_json::to_string(record)?])?;
            Ok(())
        }
        Change::DropSession { hash } => {
            tx.prepare_cached("DELETE FROM session WHERE id = ?1")?.execute([hash])?;
            Ok(())
        }
        Change::PutPatrol(patrol) => put_patrol(tx, patrol),
        Change::PutWebhook(record) => put(tx, "webhook", &record.id, record),
        Change::DropWebhook { id } => {
            tx.execute("DELETE FROM webhook WHERE id = ?1", [id])?;
            Ok(())
        }
        Change::PutFence(fence) => put(tx, "fence", &fence.id, fence),
        Change::DropFence { id } => {
            tx.execute("DELETE FROM fence WHERE id = ?1", [id])?;
            Ok(())
        }
        Change::PutAlert(record) => alerts::put(tx, record),
        Change::DropAlert { id } => alerts::remove(tx, id),
        Change::PutTask(record) => tasks::put(tx, record),
        Change::PutDelivery(delivery) => outbox::put(tx, &Queued::new(delivery.clone())),
        Change::Audit(entry) => put(tx, "audit", &entry.id, entry),
    }
}

fn put(
    tx: &Transaction<'_>,
    table: &'static str,
    id: &str,
    record: &impl Serialize,
) -> Result<(), RecordError> {
    let sql = format!("INSERT OR REPLACE INTO {table} (id, body) VALUES (?1, ?2)");
    tx.prepare_cached(&sql)?.execute(params![id, serde_json::to_string(record)?])?;
    Ok(())
}

/// Not `OR REPLACE`: that would quietly remove another active patrol of the unit. Nor does
/// a patrol change its unit: an id that another unit's patrol has is taken.
fn put_patrol(tx: &Transaction<'_>, patrol: &Patrol) -> Result<(), RecordError> {
    let number = i64::try_from(patrol.id.0).map_err(|_| RecordError::PatrolNumber(patrol.id))?;
    let changed = tx
        .prepare_cached(
            "INSERT INTO patrol (id, unit, station, started_at, ended_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET station = ?3, started_at = ?4, ended_at = ?5 WHERE unit = ?2",
        )?
        .execute(params![
            number,
            patrol.unit_id.as_str(),
            patrol.station.to_string(),
            patrol.started_at.ms(),
            patrol.ended_at.map(Time::ms),
        ])?;
    if changed == 0 {
        return Err(RecordError::PatrolTaken(patrol.id, patrol.unit_id.clone()));
    }
    Ok(())
}

pub fn bodies<T: DeserializeOwned>(db: &Connection, table: &'static str) -> Result<Vec<T>, RecordError> {
    let mut statement = db.prepare(&format!("SELECT id, body FROM {table}"))?;
    let mut rows = statement.query([])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        let body = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        records.push(serde_json::from_str(body).map_err(|source| RecordError::Body {
            table,
            id: row.get(0).unwrap_or_default(),
            source,
        })?);
    }
    Ok(records)
}

pub fn patrols(
    db: &Connection,
    condition: &'static str,
    values: impl rusqlite::Params,
) -> Result<Vec<Patrol>, RecordError> {
    let sql = format!("SELECT id, unit, station, started_at, ended_at FROM patrol WHERE {condition}");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(values, patrol_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn patrol_of(row: &Row<'_>) -> rusqlite::Result<Patrol> {
    let number: i64 = row.get(0)?;
    Ok(Patrol {
        id: PatrolId(u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, number))?),
        unit_id: parsed(row, 1)?,
        station: parsed(row, 2)?,
        started_at: Time(row.get(3)?),
        ended_at: row.get::<_, Option<i64>>(4)?.map(Time),
    })
}

fn parsed<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|source: T::Err| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(source))
    })
}
