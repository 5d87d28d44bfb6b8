//! What is remembered of the units that are watched, beside the records. Of one that is forgotten
//! the row stays, empty, with the time until when.

use super::{SqliteRegistry, records::RecordError};
use crate::ports::{EngineError, Remembered, WatchMemory};
use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};
use sentinel_model::{Time, UnitId};

pub const SCHEMA: &str = "
    CREATE TABLE watched (unit TEXT PRIMARY KEY, at INTEGER NOT NULL, memory TEXT NOT NULL) WITHOUT ROWID;
";

#[async_trait]
impl WatchMemory for SqliteRegistry {
    async fn recall(&self, unit: &UnitId) -> Result<Option<String>, EngineError> {
        let unit = unit.clone();
        self.read("recalling a unit", move |db| {
            let mut query =
                db.prepare_cached("SELECT memory FROM watched WHERE unit = ?1 AND memory <> ''")?;
            Ok(query.query_row([unit.as_str()], |row| row.get(0)).optional()?)
        })
        .await
    }

    async fn remembered(&self) -> Result<Vec<UnitId>, EngineError> {
        self.read("reading which units are remembered", |db| {
            let mut query = db.prepare_cached("SELECT unit FROM watched WHERE memory <> ''")?;
            let units = query.query_map([], |row| row.get::<_, String>(0))?;
            // What is no id is of no unit.
            let units = units.filter_map(|unit| unit.map(|unit| unit.parse().ok()).transpose());
            Ok(units.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn remember(&self, memories: Vec<Remembered>) -> Result<(), EngineError> {
        self.run("remembering units", move |db| {
            let tx = db.transaction()?;
            for Remembered { unit, at, memory } in &memories {
                tx.prepare_cached(
                    "INSERT INTO watched (unit, at, memory) VALUES (?1, ?2, ?3)
                     ON CONFLICT (unit) DO UPDATE SET at = ?2, memory = ?3 WHERE at <= ?2",
                )?
                .execute(params![unit.as_str(), at.ms(), memory])?;
            }
            Ok::<_, RecordError>(tx.commit()?)
        })
        .await
    }

    async fn forget(&self, unit: &UnitId, until: Time) -> Result<(), EngineError> {
        let unit = unit.clone();
        self.run("forgetting a unit", move |db| {
            db.execute(
                "INSERT INTO watched (unit, at, memory) VALUES (?1, ?2, '')
                 ON CONFLICT (unit) DO UPDATE SET at = max(at, ?2), memory = ''",
                params![unit.as_str(), until.ms()],
            )?;
            Ok(())
        })
        .await
    }
}
