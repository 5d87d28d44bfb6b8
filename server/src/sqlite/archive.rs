//! Reading history, off the async threads, on a few connections of its own.

use super::{block, open::open_reader};
use crate::ports::{Archive, EngineError, TimeRange};
use async_trait::async_trait;
use parking_lot::Mutex;
use rusqlite::{Connection, params};
use sentinel_model::{Fix, RoutePoint, Time, UnitId};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::Semaphore;

/// Reads under way at once; more wait their turn.
const READERS: usize = 4;

#[derive(Clone)]
pub struct SqliteArchive(Arc<Pool>);

struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    turns: Semaphore,
}

impl SqliteArchive {
    /// Reads the history file that an intake has opened.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let first = open_reader(path)?;
        Ok(Self(Arc::new(Pool {
            path: path.to_owned(),
            idle: Mutex::new(vec![first]),
            turns: Semaphore::new(READERS),
        })))
    }

    async fn read<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, super::writer::WriteError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let _turn = self.0.turns.acquire().await.map_err(EngineError::during(what))?;
        let pool = self.0.clone();
        tokio::task::spawn_blocking(move || {
            let idle = pool.idle.lock().pop();
            let db = match idle {
                Some(db) => db,
                None => open_reader(&pool.path)?,
            };
            let answer = work(&db).map_err(EngineError::during(what));
            pool.idle.lock().push(db);
            answer
        })
        .await
        .map_err(EngineError::during(what))?
    }
}

#[async_trait]
impl Archive for SqliteArchive {
    async fn points(&self, unit: &UnitId, range: TimeRange) -> Result<Vec<RoutePoint>, EngineError> {
        let unit = unit.clone();
        self.read("reading a route", move |db| {
            let mut points = Vec::new();
            each_block(db, &unit, range, |bytes| {
                block::unpack_points(bytes, |time| range.contains(time), &mut points)?;
                Ok(true)
            })?;
            Ok(points)
        })
        .await
    }

    async fn fixes(&self, unit: &UnitId, range: TimeRange, limit: usize) -> Result<Vec<Fix>, EngineError> {
        let unit = unit.clone();
        self.read("reading fixes", move |db| {
            let mut fixes = Vec::new();
            each_block(db, &unit, range, |bytes| {
                let (block, _) = block::unpack_all(bytes)?;
                fixes.extend(block.into_iter().filter(|fix| range.contains(fix.time)));
                Ok(fixes.len() < limit)
            })?;
            fixes.truncate(limit);
            Ok(fixes)
        })
        .await
    }

    async fn last_before(&self, units: &[UnitId], at: Time) -> Result<Vec<(UnitId, Fix)>, EngineError> {
        let units = units.to_vec();
        self.read("reading where units were", move |db| {
            let mut query = db.prepare_cached(
                "SELECT fixes FROM block WHERE unit = (SELECT ix FROM unit WHERE id = ?1) AND first <= ?2
                 ORDER BY first DESC, first_uuid DESC LIMIT 1",
            )?;
            let mut found = Vec::new();
            for unit in units {
                let mut rows = query.query(params![unit.as_str(), at.0])?;
                if let Some(row) = rows.next()? {
                    let (block, _) = block::unpack_all(&row.get::<_, Vec<u8>>(0)?)?;
                    if let Some(fix) = block.into_iter().rev().find(|fix| fix.time <= at) {
                        found.push((unit, fix));
                    }
                }
            }
            Ok(found)
        })
        .await
    }
}

/// Hands over the blocks that may hold fixes of the range, in order, until told to stop.
fn each_block(
    db: &Connection,
    unit: &UnitId,
    range: TimeRange,
    mut take: impl FnMut(&[u8]) -> Result<bool, super::writer::WriteError>,
) -> Result<(), super::writer::WriteError> {
    // The range may begin inside the block that begins before it.
    let mut query = db.prepare_cached(
        "SELECT fixes FROM block WHERE unit = (SELECT ix FROM unit WHERE id = ?1)
           AND first >= coalesce((SELECT max(first) FROM block
                WHERE unit = (SELECT ix FROM unit WHERE id = ?1) AND first < ?2), ?2)
           AND first < ?3
         ORDER BY first, first_uuid",
    )?;
    let mut rows = query.query(params![unit.as_str(), range.from.0, range.to.0])?;
    while let Some(row) = rows.next()? {
        let blob = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        if !take(blob)? {
            break;
        }
    }
    Ok(())
}
