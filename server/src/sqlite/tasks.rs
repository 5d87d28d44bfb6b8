//! Tasks, beside the records: found by who sees them and by whom they were assigned to, newest
//! first.

use super::records::RecordError;
use crate::ports::{TaskRecord, TasksOf};
use rusqlite::{Connection, OptionalExtension, ToSql, params, types::ToSqlOutput};
use sentinel_model::{TaskId, Time};

/// `task_key` holds the scopes that see a task and the units (`unit:PC-1`) that it was assigned to.
pub const SCHEMA: &str = "
    CREATE TABLE task (
        id TEXT PRIMARY KEY,
        number INTEGER NOT NULL,
        at INTEGER NOT NULL,
        open INTEGER NOT NULL,
        is_order INTEGER NOT NULL,
        body TEXT NOT NULL
    );
    CREATE INDEX task_number ON task (number);
    CREATE INDEX task_at ON task (at, id);
    CREATE INDEX task_open ON task (at, id) WHERE open;
    CREATE TABLE task_key (
        key TEXT NOT NULL,
        at INTEGER NOT NULL,
        id TEXT NOT NULL,
        PRIMARY KEY (key, at, id)
    ) WITHOUT ROWID;
    CREATE INDEX task_key_of ON task_key (id);
";

pub fn put(db: &Connection, record: &TaskRecord) -> Result<(), RecordError> {
    let (id, at) = (record.task.id.as_str(), record.task.created_at.ms());
    db.prepare_cached(
        "INSERT OR REPLACE INTO task (id, number, at, open, is_order, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        id,
        i64::try_from(record.number).unwrap_or(i64::MAX),
        at,
        !record.task.is_closed(),
        record.task.is_order(),
        serde_json::to_string(record)?,
    ])?;
    db.prepare_cached("DELETE FROM task_key WHERE id = ?1")?.execute([id])?;
    let mut insert = db.prepare_cached("INSERT OR IGNORE INTO task_key (key, at, id) VALUES (?1, ?2, ?3)")?;
    for key in record.keys() {
        insert.execute(params![key, at, id])?;
    }
    Ok(())
}

pub fn open_ones(db: &Connection) -> Result<Vec<TaskRecord>, RecordError> {
    read(db, "SELECT body FROM task WHERE open ORDER BY at, id", &[])
}

pub fn last_number(db: &Connection) -> Result<u64, RecordError> {
    let last: Option<i64> = db.query_row("SELECT max(number) FROM task", [], |row| row.get(0))?;
    Ok(last.unwrap_or(0).unsigned_abs())
}

pub fn one(db: &Connection, id: &TaskId) -> Result<Option<TaskRecord>, RecordError> {
    let mut query = db.prepare_cached("SELECT body FROM task WHERE id = ?1")?;
    let body: Option<String> = query.query_row([id.as_str()], |row| row.get(0)).optional()?;
    Ok(body.map(|body| serde_json::from_str(&body)).transpose()?)
}

pub fn find(
    db: &Connection,
    of: &TasksOf,
    behind: Option<(Time, TaskId)>,
    limit: usize,
) -> Result<Vec<TaskRecord>, RecordError> {
    let keys = of.keys();
    // By the rarer key: a unit has fewer tasks than a scope.
    let (from, others) = match keys.split_last() {
        Some((rarest, others)) => (Some(rarest), others),
        None => (None, [].as_slice()),
    };
    let mut values: Vec<ToSqlOutput<'_>> = Vec::new();
    let mut conditions = Vec::new();
    let (table, order) = match from {
        Some(rarest) => {
            conditions.push("k.key = ?");
            values.push(rarest.as_str().into());
            ("task_key k JOIN task t ON t.id = k.id", "k.at DESC, k.id DESC")
        }
        None => ("task t", "t.at DESC, t.id DESC"),
    };
    for other in others {
        conditions.push("EXISTS (SELECT 1 FROM task_key o WHERE o.key = ? AND o.at = t.at AND o.id = t.id)");
        values.push(other.as_str().into());
    }
    conditions.extend(of.is_open.map(|is_open| if is_open { "t.open" } else { "NOT t.open" }));
    conditions.extend(of.is_order.map(|is_order| if is_order { "t.is_order" } else { "NOT t.is_order" }));
    if let Some((at, id)) = &behind {
        conditions.push(if from.is_some() { "(k.at, k.id) < (?, ?)" } else { "(t.at, t.id) < (?, ?)" });
        values.extend([at.ms().into(), id.as_str().into()]);
    }
    conditions.push("1");
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let conditions = conditions.join(" AND ");
    let sql = format!("SELECT t.body FROM {table} WHERE {conditions} ORDER BY {order} LIMIT ?");
    let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
    read(db, &sql, &values)
}

pub fn drop_closed(db: &Connection, before: Time) -> Result<(), RecordError> {
    // The last number that was given stays, so that none is given twice; 0 is none.
    let old = "NOT open AND at < ?1 AND (number = 0 OR number < (SELECT max(number) FROM task))";
    db.execute(
        &format!("DELETE FROM task_key WHERE id IN (SELECT id FROM task WHERE {old})"),
        [before.ms()],
    )?;
    db.execute(&format!("DELETE FROM task WHERE {old}"), [before.ms()])?;
    Ok(())
}

fn read(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<TaskRecord>, RecordError> {
    let mut query = db.prepare_cached(sql)?;
    let bodies = query.query_map(values, |row| row.get::<_, String>(0))?;
    bodies.map(|body| Ok(serde_json::from_str(&body?)?)).collect()
}
