//! Puts fixes where they belong in a unit's blocks, each identity once.
//!
//! Nearly all fixes are newer than all that is stored of their unit; those are
//! appended to the unit's last block, known from a small cache, without reading.
//! The others (late, reordered, resent) are merged into the block they fall in.

use super::marker;
use crate::block::{self, CAPACITY, Cursor};
use crate::ports::{Marker, Receipt};
use rusqlite::{Connection, OptionalExtension, params};
use sentinel_model::{Fix, Time, UnitId};
use std::{borrow::Cow, collections::HashMap};

/// A fix's place in its unit's history, and with the unit its identity.
type Key<'a> = (Time, &'a str);

fn key(fix: &Fix) -> Key<'_> {
    (fix.time, fix.uuid.as_deref().unwrap_or(""))
}

#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Block(#[from] block::BlockError),
}

/// What is remembered of a unit, so that appending reads nothing.
struct Tail {
    unit_ix: i64,
    /// Whether its marker is kept beside its history.
    marker_is_kept: bool,
    /// Its last block; none while it has no fix.
    last: Option<LastBlock>,
}

struct LastBlock {
    id: i64,
    count: usize,
    cursor: Cursor,
    time: Time,
    uuid: Box<str>,
}

/// Holds the tails of units lately written. Valid only together with the
/// transactions it was used in: after a rollback it must be [`forget`](Self::forget)ten.
#[derive(Default)]
pub struct BlockWriter {
    tails: HashMap<UnitId, Tail>,
}

/// Tails kept before the cache starts over; about 200 bytes each.
const TAILS_MAX: usize = 200_000;

impl BlockWriter {
    pub fn forget(&mut self) {
        self.tails.clear();
    }

    /// Stores what is new of `fixes`, and where the unit is shown with it, within the caller's
    /// transaction.
    pub fn write_marked(
        &mut self,
        db: &Connection,
        unit: &UnitId,
        fixes: &[Fix],
        marker: &Marker,
    ) -> Result<Receipt, WriteError> {
        let tail = self.tail(db, unit)?;
        if !tail.marker_is_kept && !matches!(marker, Marker::Follows(_)) {
            marker::keep_standing(db, tail.unit_ix, unit)?;
            tail.marker_is_kept = true;
        }
        let (unit_ix, is_kept) = (tail.unit_ix, tail.marker_is_kept);
        let receipt = self.write(db, unit, fixes)?;
        marker::follow(db, unit_ix, is_kept, marker, receipt.accepted > 0)?;
        Ok(receipt)
    }

    fn tail(&mut self, db: &Connection, unit: &UnitId) -> Result<&mut Tail, WriteError> {
        if self.tails.len() >= TAILS_MAX {
            self.tails.clear();
        }
        if !self.tails.contains_key(unit) {
            self.tails.insert(unit.clone(), load_tail(db, unit)?);
        }
        Ok(self.tails.get_mut(unit).expect("it was just put there"))
    }

    /// Stores what is new of `fixes`, within the caller's transaction.
    pub fn write(&mut self, db: &Connection, unit: &UnitId, fixes: &[Fix]) -> Result<Receipt, WriteError> {
        let posted = fixes.len();
        let fixes = in_order(fixes);
        let tail = self.tail(db, unit)?;
        let after_last = match &tail.last {
            None => 0,
            Some(last) => fixes.partition_point(|fix| key(fix) <= (last.time, &*last.uuid)),
        };
        let (late, new) = fixes.split_at(after_last);
        let mut stored = new.len();
        append(db, tail, new)?;
        if !late.is_empty() {
            stored += merge(db, tail.unit_ix, late)?;
            if new.is_empty() {
                // The merge may have rewritten the last block.
                self.tails.remove(unit);
            } else {
                *tail = load_tail(db, unit)?;
            }
        }
        Ok(Receipt { accepted: stored as u64, duplicates: (posted - stored) as u64 })
    }
}

/// Sorted, each identity once; as they are where they are so already.
fn in_order(fixes: &[Fix]) -> Cow<'_, [Fix]> {
    if fixes.is_sorted_by(|a, b| key(a) < key(b)) {
        return Cow::Borrowed(fixes);
    }
    let mut fixes = fixes.to_vec();
    fixes.sort_by(|a, b| key(a).cmp(&key(b)));
    fixes.dedup_by(|b, a| key(a) == key(b));
    Cow::Owned(fixes)
}

fn load_tail(db: &Connection, unit: &UnitId) -> Result<Tail, WriteError> {
    let unit_ix = db
        .prepare_cached("SELECT ix FROM unit WHERE id = ?1")?
        .query_row([unit.as_str()], |row| row.get(0))
        .optional()?;
    let unit_ix = match unit_ix {
        Some(ix) => ix,
        None => {
            db.prepare_cached("INSERT INTO unit (id) VALUES (?1)")?.execute([unit.as_str()])?;
            db.last_insert_rowid()
        }
    };
    let row: Option<(i64, Vec<u8>)> = db
        .prepare_cached(
            "SELECT id, fixes FROM block WHERE unit = ?1 ORDER BY first DESC, first_uuid DESC LIMIT 1",
        )?
        .query_row([unit_ix], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let last = match row {
        None => None,
        Some((id, bytes)) => {
            let (fixes, cursor) = block::unpack_all(&bytes)?;
            fixes.last().map(|fix| LastBlock {
                id,
                count: fixes.len(),
                cursor,
                time: fix.time,
                uuid: fix.uuid.clone().unwrap_or_default(),
            })
        }
    };
    Ok(Tail { unit_ix, marker_is_kept: marker::is_kept(db, unit_ix)?, last })
}

/// Adds fixes that are newer than everything stored of the unit.
fn append(db: &Connection, tail: &mut Tail, mut fixes: &[Fix]) -> Result<(), WriteError> {
    if let Some(last) = &mut tail.last {
        let (fit, rest) = fixes.split_at(fixes.len().min(CAPACITY.saturating_sub(last.count)));
        if let Some(newest) = fit.last() {
            let mut bytes = Vec::with_capacity(fit.len() * 40);
            for fix in fit {
                bytes = last.cursor.append(fix, bytes)?;
            }
            db.prepare_cached(
                "UPDATE block SET fixes = CAST(fixes || ?2 AS BLOB), last = ?3, count = count + ?4 WHERE id = ?1",
            )?
            .execute(params![last.id, bytes, newest.time.0, fit.len() as i64])?;
            last.count += fit.len();
            last.time = newest.time;
            last.uuid = newest.uuid.clone().unwrap_or_default();
        }
        fixes = rest;
    }
    for chunk in fixes.chunks(CAPACITY) {
        let (id, cursor) = insert_block(db, tail.unit_ix, chunk)?;
        let newest = chunk.last().expect("chunks are not empty");
        tail.last = Some(LastBlock {
            id,
            count: chunk.len(),
            cursor,
            time: newest.time,
            uuid: newest.uuid.clone().unwrap_or_default(),
        });
    }
    Ok(())
}

/// Merges fixes that are not newer than everything stored; answers how many were new.
fn merge(db: &Connection, unit_ix: i64, mut fixes: &[Fix]) -> Result<usize, WriteError> {
    let mut stored = 0;
    while let Some(fix) = fixes.first() {
        let (time, uuid) = key(fix);
        // The block this fix falls in or comes after; none where it is before all.
        let home: Option<(i64, Vec<u8>)> = db
            .prepare_cached(
                "SELECT id, fixes FROM block WHERE unit = ?1 AND (first, first_uuid) <= (?2, ?3)
                 ORDER BY first DESC, first_uuid DESC LIMIT 1",
            )?
            .query_row(params![unit_ix, time.0, uuid], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let next: Option<(i64, String)> = db
            .prepare_cached(
                "SELECT first, first_uuid FROM block WHERE unit = ?1 AND (first, first_uuid) > (?2, ?3)
                 ORDER BY first, first_uuid LIMIT 1",
            )?
            .query_row(params![unit_ix, time.0, uuid], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let here = match &next {
            None => fixes.len(),
            Some((first, first_uuid)) => {
                fixes.partition_point(|fix| key(fix) < (Time(*first), first_uuid.as_str()))
            }
        };
        let (run, rest) = fixes.split_at(here);
        fixes = rest;
        stored += merge_run(db, unit_ix, home, run)?;
    }
    Ok(stored)
}

/// Merges fixes that all fall in `home`, or between it and the block after it.
fn merge_run(
    db: &Connection,
    unit_ix: i64,
    home: Option<(i64, Vec<u8>)>,
    run: &[Fix],
) -> Result<usize, WriteError> {
    let Some((id, bytes)) = home else {
        for chunk in run.chunks(CAPACITY) {
            insert_block(db, unit_ix, chunk)?;
        }
        return Ok(run.len());
    };
    let (mut merged, _) = block::unpack_all(&bytes)?;
    let held = merged.len();
    let new: Vec<&Fix> =
        run.iter().filter(|fix| merged.binary_search_by(|held| key(held).cmp(&key(fix))).is_err()).collect();
    let stored = new.len();
    if stored == 0 {
        return Ok(0);
    }
    let newest = new.last().map(|fix| (fix.time, fix.uuid.clone()));
    merged.extend(new.into_iter().cloned());
    merged.sort_by(|a, b| key(a).cmp(&key(b)));
    debug_assert_eq!(merged.len(), held + stored);
    db.prepare_cached("DELETE FROM block WHERE id = ?1")?.execute([id])?;
    let cut = newest.map_or(0, |(time, uuid)| {
        merged.partition_point(|fix| key(fix) <= (time, uuid.as_deref().unwrap_or("")))
    });
    for chunk in pieces(&merged, cut) {
        insert_block(db, unit_ix, chunk)?;
    }
    Ok(stored)
}

/// Cuts what no longer fits one block so that blocks stay reasonably full.
///
/// In equal parts, so that the next late fix finds room. But an hour that is sent late, one
/// fix behind the other, fills block after block: there the cut is behind the newest of
/// them, at `cut`, once that leaves half a block before it.
fn pieces(fixes: &[Fix], cut: usize) -> impl Iterator<Item = &[Fix]> {
    let one = fixes.len() <= CAPACITY;
    let (before, after) = fixes.split_at(if one || cut < CAPACITY / 2 { 0 } else { cut });
    let share = after.len().div_ceil(after.len().div_ceil(CAPACITY).max(1)).max(1);
    before.chunks(CAPACITY).chain(after.chunks(share))
}

fn insert_block(db: &Connection, unit_ix: i64, fixes: &[Fix]) -> Result<(i64, Cursor), WriteError> {
    let (Some(first), Some(last)) = (fixes.first(), fixes.last()) else {
        unreachable!("blocks are made of chunks, which are not empty")
    };
    let (bytes, cursor) = block::pack_all(fixes)?;
    db.prepare_cached(
        "INSERT INTO block (unit, first, first_uuid, last, count, fixes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![unit_ix, first.time.0, key(first).1, last.time.0, fixes.len() as i64, bytes])?;
    Ok((db.last_insert_rowid(), cursor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{HISTORY_SCHEMA, open, plain_fix};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn fix(time: i64, uuid: Option<u8>) -> Fix {
        Fix { received_at: Time(time + 5), uuid: uuid.map(|u| u.to_string().into()), ..plain_fix(time) }
    }

    fn stored(db: &Connection) -> Vec<(i64, String)> {
        let mut rows =
            db.prepare("SELECT fixes FROM block ORDER BY unit, first, first_uuid").expect("prepares");
        let blocks: Vec<Vec<u8>> =
            rows.query_map([], |r| r.get(0)).expect("queries").map(|r| r.expect("reads")).collect();
        assert!(blocks.iter().all(|b| block::unpack_all(b).expect("unpacks").0.len() <= CAPACITY));
        blocks
            .iter()
            .flat_map(|b| block::unpack_all(b).expect("unpacks").0)
            .map(|f| (f.time.0, f.uuid.map(String::from).unwrap_or_default()))
            .collect()
    }

    /// Posts one by one; answers how many fixes a block holds, on average.
    fn fill(posts: impl IntoIterator<Item = i64>) -> usize {
        let folder = tempfile::tempdir().expect("a folder");
        let db = open::open(&folder.path().join("h.db"), &HISTORY_SCHEMA).expect("opens");
        db.execute_batch("BEGIN").expect("begins");
        let unit: UnitId = "u".parse().expect("a good id");
        let mut writer = BlockWriter::default();
        let mut times = BTreeSet::new();
        for time in posts {
            writer.write(&db, &unit, &[fix(time, None)]).expect("writes");
            times.insert((time, String::new()));
        }
        assert_eq!(stored(&db), times.iter().cloned().collect::<Vec<_>>());
        let blocks: u32 = db.query_row("SELECT count(*) FROM block", [], |r| r.get(0)).expect("counts");
        times.len() / blocks as usize
    }

    #[test]
    fn late_fixes_that_come_one_by_one_leave_blocks_reasonably_full() {
        let whole = || (0..CAPACITY as i64 * 20).map(|n| n * 10);
        assert_eq!(fill(whole()), CAPACITY);
        let one_in_each = (0..20).map(|block| (block * CAPACITY as i64 + 60) * 10 + 5);
        assert!(fill(whole().chain(one_in_each)) >= CAPACITY / 2, "one late fix in every block");
        // Scattered, in no order: 7919 is prime to the range.
        let scattered = (0..2000).map(|n| n * 7919 % 2560 * 10 + 5);
        assert!(fill(whole().chain(scattered)) >= CAPACITY / 2);
        let an_hour = (0..3600).map(|second| second * 1000);
        let before_and_after = [-5000, 10_000_000];
        assert!(fill(before_and_after.into_iter().chain(an_hour)) > CAPACITY * 9 / 10, "an hour sent late");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Batches of any order and overlap, with lost caches in between, leave each identity once, in order.
        #[test]
        fn each_identity_is_stored_once_in_order(
            batches in proptest::collection::vec(
                (proptest::collection::vec((0i64..600, proptest::option::of(0u8..3)), 1..200), any::<bool>()),
                1..25,
            )
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let db = open::open(&folder.path().join("h.db"), &HISTORY_SCHEMA).expect("opens");
            // As the intake does; and a disk's sync for each statement would make this slow.
            db.execute_batch("BEGIN").expect("begins");
            let unit: UnitId = "u".parse().expect("a good id");
            let mut writer = BlockWriter::default();
            let mut oracle = BTreeSet::new();
            for (batch, lose_cache) in batches {
                let fixes: Vec<Fix> = batch.iter().map(|&(t, u)| fix(t, u)).collect();
                let before = oracle.len();
                oracle.extend(fixes.iter().map(|f| (f.time.0, key(f).1.to_string())));
                let new = (oracle.len() - before) as u64;
                let receipt = writer.write(&db, &unit, &fixes).expect("writes");
                prop_assert_eq!(receipt, Receipt { accepted: new, duplicates: batch.len() as u64 - new });
                if lose_cache {
                    writer.forget();
                }
            }
            prop_assert_eq!(stored(&db), oracle.into_iter().collect::<Vec<_>>());
        }
    }
}
