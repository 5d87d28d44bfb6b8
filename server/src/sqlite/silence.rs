//! Which patrols were told to be silent, beside the records.

use super::{SqliteRegistry, records::RecordError};
use crate::ports::{EngineError, SilenceMemory};
use async_trait::async_trait;
use rusqlite::params;
use sentinel_model::{PatrolId, UnitStatus};
use std::collections::HashMap;

pub const SCHEMA: &str = "
    CREATE TABLE silent (patrol INTEGER PRIMARY KEY, status TEXT NOT NULL);
";

#[async_trait]
impl SilenceMemory for SqliteRegistry {
    async fn told_silent(&self) -> Result<HashMap<PatrolId, UnitStatus>, EngineError> {
        self.read("reading who was told to be silent", |db| {
            let mut query = db.prepare_cached("SELECT patrol, status FROM silent")?;
            let rows = query.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
            // What is no patrol or no silence is of none.
            let read = |(patrol, status): (i64, String)| {
                let silent = [UnitStatus::Stale, UnitStatus::Offline];
                let status = silent.into_iter().find(|known| known.as_str() == status)?;
                Some((PatrolId(u64::try_from(patrol).ok()?), status))
            };
            Ok(rows.filter_map(|row| row.map(read).transpose()).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn note_silent(&self, told: Vec<(PatrolId, Option<UnitStatus>)>) -> Result<(), EngineError> {
        self.run("noting who was told to be silent", move |db| {
            let tx = db.transaction()?;
            for (patrol, status) in &told {
                let number = i64::try_from(patrol.0).map_err(|_| RecordError::PatrolNumber(*patrol))?;
                match status {
                    Some(status) => tx
                        .prepare_cached("INSERT OR REPLACE INTO silent (patrol, status) VALUES (?1, ?2)")?
                        .execute(params![number, status.as_str()])?,
                    None => tx.prepare_cached("DELETE FROM silent WHERE patrol = ?1")?.execute([number])?,
                };
            }
            Ok::<_, RecordError>(tx.commit()?)
        })
        .await
    }
}
