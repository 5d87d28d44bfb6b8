//! Reading history, a piece at a time.

use super::{marker, readers::Readers, writer::WriteError};
use crate::block;
use crate::ports::{Archive, EngineError, Fixes, Points, TimeRange};
use async_trait::async_trait;
use futures::{StreamExt, stream, stream::BoxStream};
use rusqlite::{Connection, params};
use sentinel_model::{Fix, Location, RoutePoint, Time, UnitId};
use std::{collections::HashMap, path::Path};

/// Reads under way at once; more wait their turn.
const READERS: usize = 4;

/// Points that end a piece of a route: 4 MB. A day at a fix a second is one piece.
const PIECE: usize = 100_000;

/// Whole fixes that end a piece: 2 MB, and more where devices send much beside.
const FIXES_PIECE: usize = 10_000;

#[derive(Clone)]
pub struct SqliteArchive(Readers);

impl SqliteArchive {
    /// Reads the history file that an intake has opened.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        Ok(Self(Readers::open(path, READERS)?))
    }

    /// Where units were shown that history alone does not tell; none where nowhere.
    pub async fn markers(&self) -> Result<HashMap<UnitId, Option<Location>>, EngineError> {
        self.0.read("reading where units were shown", |db| Ok(marker::all(db)?)).await
    }

    fn pieces<T: Send + 'static>(
        &self,
        what: &'static str,
        unit: &UnitId,
        range: TimeRange,
        read: ReadPiece<T>,
    ) -> BoxStream<'static, Result<Vec<T>, EngineError>> {
        let (readers, unit) = (self.0.clone(), unit.clone());
        stream::try_unfold(Some(Behind::nothing(range)), move |behind| {
            let (readers, unit) = (readers.clone(), unit.clone());
            async move {
                let Some(behind) = behind else { return Ok(None) };
                let piece = readers.read(what, move |db| Ok(read(db, &unit, range, behind)?)).await?;
                Ok(Some(piece).filter(|(entries, _)| !entries.is_empty()))
            }
        })
        .boxed()
    }
}

/// The next entries, and how far they reach; without that, they are the last.
type Piece<T> = Result<(Vec<T>, Option<Behind>), WriteError>;
type ReadPiece<T> = fn(&Connection, &UnitId, TimeRange, Behind) -> Piece<T>;

#[async_trait]
impl Archive for SqliteArchive {
    /// Each piece is a read of its own: who is slow to take them holds neither a connection
    /// nor the log, which cannot begin anew while somebody reads it.
    fn points(&self, unit: &UnitId, range: TimeRange) -> Points {
        self.pieces("reading a route", unit, range, piece_of_points)
    }

    fn whole(&self, unit: &UnitId, range: TimeRange) -> Fixes {
        self.pieces("reading fixes", unit, range, piece_of_fixes)
    }

    async fn fixes(&self, unit: &UnitId, range: TimeRange, limit: usize) -> Result<Vec<Fix>, EngineError> {
        let unit = unit.clone();
        self.0
            .read("reading fixes", move |db| {
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
        self.0
            .read("reading where units were", move |db| {
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

/// How far a route is read: the next piece begins behind the fix of this time and uuid.
struct Behind {
    time: Time,
    /// None before the first piece, which takes all fixes of that time.
    uuid: Option<String>,
}

impl Behind {
    fn nothing(range: TimeRange) -> Self {
        Self { time: range.from, uuid: None }
    }

    fn is_before(&self, time: Time, uuid: &str) -> bool {
        time > self.time || time == self.time && self.uuid.as_deref().is_none_or(|own| own < uuid)
    }
}

fn piece_of_points(db: &Connection, unit: &UnitId, range: TimeRange, behind: Behind) -> Piece<RoutePoint> {
    let (mut points, mut reached) = (Vec::new(), None);
    each_block(db, unit, TimeRange { from: behind.time, ..range }, |bytes| {
        let mut last = None;
        block::each_point(bytes, |point, uuid| {
            if point.time < range.to && behind.is_before(point.time, uuid) {
                points.push(point);
                last = Some((point.time, uuid));
            }
        })?;
        let full = points.len() >= PIECE;
        reached = last.filter(|_| full).map(|(time, uuid)| Behind { time, uuid: Some(uuid.into()) });
        Ok(!full)
    })?;
    Ok((points, reached))
}

fn piece_of_fixes(db: &Connection, unit: &UnitId, range: TimeRange, behind: Behind) -> Piece<Fix> {
    let uuid = |fix: &Fix| fix.uuid.clone().unwrap_or_default();
    let (mut fixes, mut full): (Vec<Fix>, bool) = (Vec::new(), false);
    each_block(db, unit, TimeRange { from: behind.time, ..range }, |bytes| {
        let (block, _) = block::unpack_all(bytes)?;
        fixes.extend(
            block.into_iter().filter(|fix| fix.time < range.to && behind.is_before(fix.time, &uuid(fix))),
        );
        full = fixes.len() >= FIXES_PIECE;
        Ok(!full)
    })?;
    let last = fixes.last().filter(|_| full);
    let reached = last.map(|fix| Behind { time: fix.time, uuid: Some(uuid(fix).into()) });
    Ok((fixes, reached))
}

/// Hands over the blocks that may hold fixes of the range, in order, until told to stop.
fn each_block(
    db: &Connection,
    unit: &UnitId,
    range: TimeRange,
    mut take: impl FnMut(&[u8]) -> Result<bool, WriteError>,
) -> Result<(), WriteError> {
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
