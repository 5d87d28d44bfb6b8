//! Removing a unit's history, on the writer's thread, a little at a time between commits.
//!
//! First, in one commit, the history gets another name, which no unit can have: from then on
//! nobody finds it, and what comes is stored anew. Then its blocks go. What a process that
//! ended left of that goes when the file is opened again.

use super::{
    marker,
    writer::{BlockWriter, WriteError},
};
use rusqlite::{Connection, OptionalExtension as _, params};
use sentinel_model::{Time, UnitId};

/// Blocks that go in one commit: while they do, nobody is answered.
const BLOCKS_AT_ONCE: i64 = 2_000;

/// No unit's id begins with a space.
const ERASED: &str = " erased ";

/// Takes a unit's history out of sight; answers how many fixes that is.
pub fn hide(db: &Connection, writer: &mut BlockWriter, unit: &UnitId) -> Result<u64, WriteError> {
    let of_unit = db.query_row("SELECT ix FROM unit WHERE id = ?1", [unit.as_str()], |row| row.get(0));
    let Some(ix) = of_unit.optional()? else { return Ok(0) };
    let ix: i64 = ix;
    let fixes: i64 =
        db.query_row("SELECT coalesce(sum(count), 0) FROM block WHERE unit = ?1", [ix], |row| row.get(0))?;
    db.execute("UPDATE unit SET id = ?2 || ix WHERE ix = ?1", params![ix, ERASED])?;
    marker::erase(db, ix)?;
    writer.forget();
    Ok(fixes.unsigned_abs())
}

/// Removes some of what is out of sight, overwritten on the disk; answers whether there is more.
pub fn remove_some(db: &Connection) -> Result<bool, WriteError> {
    let hidden =
        db.query_row("SELECT ix FROM unit WHERE id >= ?1 AND id < ?1 || 'x' LIMIT 1", [ERASED], |row| {
            row.get::<_, i64>(0)
        });
    let Some(ix) = hidden.optional()? else { return Ok(false) };
    db.pragma_update(None, "secure_delete", true)?;
    let removed = db.execute(
        "DELETE FROM block WHERE id IN (SELECT id FROM block WHERE unit = ?1 LIMIT ?2)",
        params![ix, BLOCKS_AT_ONCE],
    );
    let emptied = match removed {
        Ok(0) => db.execute("DELETE FROM unit WHERE ix = ?1", [ix]).map(drop),
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    db.pragma_update(None, "secure_delete", false)?;
    emptied?;
    // What was written before lies in the log too, until that is folded and cut.
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(true)
}

/// Removes some of what ended before a time; answers whether there is more.
pub fn drop_some_before(db: &Connection, writer: &mut BlockWriter, time: Time) -> Result<bool, WriteError> {
    marker::expire(db, time)?;
    let units: Vec<i64> = {
        let mut query = db.prepare_cached("SELECT ix FROM unit")?;
        query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
    };
    let mut removed = 0;
    for ix in units {
        // A unit's blocks do not overlap: those that ended before stand first.
        removed += db
            .prepare_cached(
                "DELETE FROM block WHERE id IN (SELECT id FROM block
                   WHERE unit = ?1 AND first < ?2 AND last < ?2 ORDER BY first LIMIT ?3)",
            )?
            .execute(params![ix, time.ms(), BLOCKS_AT_ONCE])?;
        if removed >= usize::try_from(BLOCKS_AT_ONCE).unwrap_or(usize::MAX) {
            break;
        }
    }
    if removed > 0 {
        // The last block of a unit may be among them.
        writer.forget();
    }
    Ok(removed >= usize::try_from(BLOCKS_AT_ONCE).unwrap_or(usize::MAX))
}
