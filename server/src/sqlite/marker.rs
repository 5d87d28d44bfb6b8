//! Where a unit is shown, where its history does not tell: under filters, with a clock that runs
//! ahead, or since a file was imported for it. Of all others it is the newest place of their
//! history, and nothing is kept.
//!
//! Written in the commit of the fixes that move it, and by the rule of the positions in memory
//! ([`MemoryPositions`](crate::memory::MemoryPositions)): never back in time.

use super::writer::WriteError;
use crate::{block, ingest::is_nowhere, ports::Marker};
use rusqlite::{Connection, params};
use sentinel_model::{Location, Time, UnitId};
use std::collections::HashMap;

/// Whether something is kept of a unit.
pub fn is_kept(db: &Connection, unit_ix: i64) -> Result<bool, WriteError> {
    let mut query = db.prepare_cached("SELECT 1 FROM marker WHERE unit = ?1")?;
    Ok(query.exists([unit_ix])?)
}

/// Keeps where a unit stands by its history, before what comes next is no longer told by it.
pub fn keep_standing(db: &Connection, unit_ix: i64, unit: &UnitId) -> Result<(), WriteError> {
    let mut blocks =
        db.prepare_cached("SELECT fixes FROM block WHERE unit = ?1 ORDER BY first DESC, first_uuid DESC")?;
    let mut rows = blocks.query([unit_ix])?;
    while let Some(row) = rows.next()? {
        let (fixes, _) = block::unpack_all(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
        if let Some(fix) = fixes.iter().rfind(|fix| !is_nowhere(fix)) {
            return go(db, unit_ix, &Location::of(unit.clone(), None, fix));
        }
    }
    db.prepare_cached("INSERT OR IGNORE INTO marker (unit) VALUES (?1)")?.execute([unit_ix])?;
    Ok(())
}

/// Moves it, where anything is kept or now has to be.
pub fn follow(
    db: &Connection,
    unit_ix: i64,
    is_kept: bool,
    marker: &Marker,
    any_new: bool,
) -> Result<(), WriteError> {
    match marker {
        Marker::Follows(Some(to)) if is_kept => go(db, unit_ix, to),
        Marker::Chosen { to, if_new: true } if !any_new => hear(db, unit_ix, to.received_at),
        Marker::Chosen { to, .. } => go(db, unit_ix, to),
        Marker::Follows(_) | Marker::Stays => Ok(()),
    }
}

/// A sign of life that moves nothing.
fn hear(db: &Connection, unit_ix: i64, at: Time) -> Result<(), WriteError> {
    db.prepare_cached("UPDATE marker SET received_at = max(received_at, ?2) WHERE unit = ?1")?
        .execute(params![unit_ix, at.0])?;
    Ok(())
}

fn go(db: &Connection, unit_ix: i64, to: &Location) -> Result<(), WriteError> {
    let place = postcard::to_allocvec(to).map_err(block::BlockError::from)?;
    db.prepare_cached(
        "INSERT INTO marker (unit, time, received_at, place) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (unit) DO UPDATE SET
            place = CASE WHEN time IS NULL OR excluded.time > time THEN excluded.place ELSE place END,
            received_at = max(coalesce(received_at, excluded.received_at), excluded.received_at),
            time = max(coalesce(time, excluded.time), excluded.time)",
    )?
    .execute(params![unit_ix, to.time.0, to.received_at.0, place])?;
    Ok(())
}

/// All that is kept: none where a unit is shown nowhere.
pub fn all(db: &Connection) -> Result<HashMap<UnitId, Option<Location>>, WriteError> {
    let mut query =
        db.prepare("SELECT unit.id, received_at, place FROM marker JOIN unit ON unit.ix = marker.unit")?;
    let mut rows = query.query([])?;
    let mut kept = HashMap::new();
    while let Some(row) = rows.next()? {
        // One that is being erased has no such id.
        let Ok(unit) = row.get::<_, String>(0)?.parse::<UnitId>() else { continue };
        let place: Option<Vec<u8>> = row.get(2)?;
        let received_at: Option<i64> = row.get(1)?;
        let location = match place {
            None => None,
            Some(bytes) => {
                let location: Location = postcard::from_bytes(&bytes).map_err(block::BlockError::from)?;
                Some(Location { received_at: received_at.map_or(location.received_at, Time), ..location })
            }
        };
        kept.insert(unit, location);
    }
    Ok(kept)
}

/// Forgets a unit's, overwritten on the disk.
pub fn erase(db: &Connection, unit_ix: i64) -> rusqlite::Result<()> {
    db.pragma_update(None, "secure_delete", true)?;
    let erased = db.execute("DELETE FROM marker WHERE unit = ?1", [unit_ix]);
    db.pragma_update(None, "secure_delete", false)?;
    erased.map(drop)
}

/// Forgets the places of before a time. That history does not tell of them stays true.
pub fn expire(db: &Connection, before: Time) -> rusqlite::Result<()> {
    let expired = "UPDATE marker SET time = NULL, received_at = NULL, place = NULL WHERE time < ?1";
    db.prepare_cached(expired)?.execute([before.ms()]).map(drop)
}
