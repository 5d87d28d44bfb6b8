//! Makes few full segments of a unit's hour out of many small ones.
//!
//! Nothing is ever in danger by it: the full ones are inserted first, under `_id`s that
//! never come again; then it is noted which small ones they replace; and only a run that
//! comes [`REPLACED_FOR_MS`] later drops those. So every fix is, at any moment, in a
//! segment that is not dropped, whoever compacts at once and wherever one dies; and a read
//! that began before sees one or the other, or both, which is the same. What is delivered
//! again meanwhile is one more small segment.

use super::{
    archive::{MongoArchive, ReadError},
    driver::{LATER, MongoError, within},
    merge::{Merge, keyed},
    segment::{self, HOUR_MS, Segment, date, hour_start},
    store::{Dirty, Replaced, SLOT_MS, insert_all},
};
use crate::{
    block,
    ports::{EngineError, TimeRange},
};
use futures::TryStreamExt;
use mongodb::bson::{Binary, doc, oid::ObjectId};
use sentinel_model::{Time, UnitId};
use std::collections::BTreeMap;

/// A unit's hour is compacted once it is over for so long, and nothing was stored in it
/// for so long.
pub const QUIET_MS: i64 = 600_000;

/// Replaced segments are kept for reads that began before; those take a minute at most.
pub const REPLACED_FOR_MS: i64 = 900_000;

/// Notes that a run takes up: few, so that its caller can see in between that the lease holds.
const NOTES: i64 = 100;

/// Segments that are made one; more of an hour are left for the next note of it.
const SEGMENTS: i64 = 50_000;

/// `_id`s in one request.
const IDS: usize = 1_000;

impl MongoArchive {
    /// Compacts hours that are over and quiet; answers how many, none when nothing is
    /// left to do. Who calls it should be alone, by a lease: for speed, not for safety.
    pub async fn compact(&self, now: Time) -> Result<usize, EngineError> {
        let compacting = async {
            let quiet = now.plus_ms(-QUIET_MS);
            let filter = doc! {
                "slot": { "$lt": quiet.ms().div_euclid(SLOT_MS) },
                "hour": { "$lt": quiet.ms().div_euclid(HOUR_MS) },
            };
            let dirty = self.writer.dirty.clone();
            let notes: Vec<Dirty> =
                within(LATER, async move { dirty.find(filter).limit(NOTES).await?.try_collect().await })
                    .await?;
            let mut hours: BTreeMap<(String, i64), Vec<String>> = BTreeMap::new();
            for note in notes {
                hours.entry((note.unit, note.hour)).or_default().push(note.id);
            }
            let count = hours.len();
            for ((unit, hour), notes) in hours {
                if let Ok(unit) = unit.parse() {
                    self.compact_hour(&unit, hour, now).await?;
                }
                let dirty = self.writer.dirty.clone();
                let done = doc! { "_id": { "$in": notes } };
                within(LATER, async move { dirty.delete_many(done).await }).await?;
            }
            Ok::<_, ReadError>(count)
        };
        compacting.await.map_err(EngineError::during("compacting the history"))
    }

    async fn compact_hour(&self, unit: &UnitId, hour: i64, now: Time) -> Result<(), ReadError> {
        let range = TimeRange { from: hour_start(hour), to: hour_start(hour + 1) };
        let of_hour = doc! {
            "unit": unit.as_str(),
            "first": { "$gte": date(range.from), "$lt": date(range.to) },
        };
        let segments = self.segments.clone();
        let small: Vec<Segment> = within(LATER, async move {
            segments.find(of_hour).sort(doc! { "first": 1 }).limit(SEGMENTS).await?.try_collect().await
        })
        .await?;
        let mut merge = Merge::new(range, None);
        for segment in &small {
            merge.add(segment.stored, keyed(block::unpack_all(&segment.data.bytes)?.0));
        }
        merge.release(None);
        let parts = segment::cut(&merge.released);
        let held: i64 = small.iter().map(|segment| segment.n).sum();
        if parts.len() == small.len() && usize::try_from(held) == Ok(merge.released.len()) {
            return Ok(());
        }
        // Of two fixes that are the same, those that were compacted first go on being first.
        let stored = small.iter().map(|segment| segment.stored).min().unwrap_or_default();
        let id = ObjectId::new();
        let full = parts.iter().map(|part| segment::pack(unit, part, stored, &id.bytes()));
        insert_all(&self.segments, full.collect::<Result<_, _>>()?).await?;
        let segments: Vec<Binary> = small.into_iter().map(|segment| segment.id).collect();
        let replaced = Replaced { id, at: date(now), segments };
        let notes = self.writer.replaced.clone();
        within(LATER, async move { notes.insert_one(replaced).await }).await?;
        Ok(())
    }

    /// Drops the segments that were replaced long enough ago.
    pub async fn drop_replaced(&self, now: Time) -> Result<(), EngineError> {
        let dropping = async {
            let since = doc! { "at": { "$lt": date(now.plus_ms(-REPLACED_FOR_MS)) } };
            let notes = self.writer.replaced.clone();
            loop {
                let (notes, since) = (notes.clone(), since.clone());
                let of = notes.clone();
                let Some(note) = within(LATER, async move { of.find_one(since).await }).await? else {
                    return Ok(());
                };
                for ids in note.segments.chunks(IDS) {
                    let segments = self.segments.clone();
                    let these = doc! { "_id": { "$in": ids.to_vec() } };
                    within(LATER, async move { segments.delete_many(these).await }).await?;
                }
                let done = doc! { "_id": note.id };
                within(LATER, async move { notes.delete_one(done).await }).await?;
            }
        };
        let dropped: Result<(), MongoError> = dropping.await;
        dropped.map_err(EngineError::during("dropping compacted history"))
    }
}
