//! When keys were last used: beside the records, as losing the last minute of it harms nobody.

use rusqlite::{Connection, Error, params};
use sentinel_model::Time;
use std::collections::HashMap;

pub const SCHEMA: &str = "CREATE TABLE key_use (id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;";

pub fn note(db: &mut Connection, uses: &[(String, Time)]) -> Result<(), Error> {
    let tx = db.transaction()?;
    for (id, at) in uses {
        tx.prepare_cached(
            "INSERT INTO key_use (id, at) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET at = max(at, ?2)",
        )?
        .execute(params![id, at.ms()])?;
    }
    tx.commit()
}

pub fn all(db: &Connection) -> Result<HashMap<String, Time>, Error> {
    let mut query = db.prepare("SELECT id, at FROM key_use")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, Time(row.get(1)?))))?;
    rows.collect()
}
