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
use mongodb::bson::{Binary, Document, doc, oid::ObjectId};
use sentinel_model::{Time, UnitId};
use std::{collections::BTreeMap, error::Error};

/// A unit's hour is compacted once it is over for so long, and nothing was stored in it
/// for so long.
pub const QUIET_MS: i64 = 600_000;

/// Replaced segments are kept for reads that began before; those take a minute at most.
pub const REPLACED_FOR_MS: i64 = 900_000;

/// Notes that are read at once.
const NOTES: i64 = 100;

/// Segments that are made one; more of an hour are left for the next note of it.
const SEGMENTS: i64 = 50_000;

/// `_id`s in one request.
const IDS: usize = 1_000;

/// Hours that may fail in a run before it is the database that fails.
const FAILED_MAX: usize = 10;

/// Units' hours with the notes that name them.
type Noted = BTreeMap<(String, i64), Vec<String>>;

impl MongoArchive {
    /// Compacts all hours that are over and quiet, for as long as `go_on` says so; answers how
    /// many. An hour that fails is told and passed over. Who calls it should be alone, by a
    /// lease: for speed, not for safety.
    pub async fn compact(&self, now: Time, go_on: impl Fn() -> bool) -> Result<usize, EngineError> {
        let compacting = async {
            let (mut compacted, mut passed, mut failed) = (0, Vec::new(), 0);
            loop {
                let hours = self.noted(now, &passed).await?;
                if hours.is_empty() {
                    return Ok::<_, ReadError>(compacted);
                }
                for ((unit, hour), notes) in hours {
                    if !go_on() {
                        return Ok(compacted);
                    }
                    match self.compact_noted(&unit, hour, now).await {
                        Ok(()) => compacted += 1,
                        Err(error) => {
                            let (what, begin) = (&error as &dyn Error, hour_start(hour));
                            tracing::error!(unit, hour = %begin, error = what, "an hour was not compacted");
                            // What does not read now never will: its note goes, the hour stays as it is.
                            if let ReadError::Mongo(_) | ReadError::Erased = error {
                                failed += 1;
                                passed.extend(notes);
                                if failed == FAILED_MAX {
                                    return Err(error);
                                }
                                continue;
                            }
                        }
                    }
                    let dirty = self.writer.dirty.clone();
                    let done = doc! { "_id": { "$in": notes } };
                    within(LATER, async move { dirty.delete_many(done).await }).await?;
                }
            }
        };
        compacting.await.map_err(EngineError::during("compacting the history"))
    }

    /// Some hours that are over and quiet.
    async fn noted(&self, now: Time, passed: &[String]) -> Result<Noted, MongoError> {
        let mut filter = quiet(now);
        if !passed.is_empty() {
            filter.insert("_id", doc! { "$nin": passed });
        }
        let dirty = self.writer.dirty.clone();
        let notes: Vec<Dirty> =
            within(LATER, async move { dirty.find(filter).limit(NOTES).await?.try_collect().await }).await?;
        let mut hours = Noted::new();
        for note in notes {
            hours.entry((note.unit, note.hour)).or_default().push(note.id);
        }
        Ok(hours)
    }

    async fn compact_noted(&self, unit: &str, hour: i64, now: Time) -> Result<(), ReadError> {
        match unit.parse() {
            Ok(unit) => self.compact_hour(&unit, hour, now).await,
            Err(_) => Ok(()),
        }
    }

    async fn compact_hour(&self, unit: &UnitId, hour: i64, now: Time) -> Result<(), ReadError> {
        let range = TimeRange { from: hour_start(hour), to: hour_start(hour + 1) };
        let mark = self.mark(unit).await?;
        self.drop_erased(of_hour(unit, range), mark).await?;
        // Those before the mark are being erased at this moment, or were stored by a worker whose
        // clock was behind: these stay as they are.
        let mut of_hour = of_hour(unit, range);
        of_hour.insert("stored", doc! { "$gt": mark });
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
        // Of two fixes that are the same, those that were compacted first go on being first; and
        // none of these is older than what was erased before.
        let stored = small.iter().map(|segment| segment.stored).min().unwrap_or_default();
        let stored = stored.max(mark.saturating_add(1));
        let id = ObjectId::new();
        let full = parts.iter().map(|part| segment::pack(unit, part, stored, &id.bytes()));
        let full: Vec<Segment> = full.collect::<Result<_, _>>()?;
        let made: Vec<Binary> = full.iter().map(|segment| segment.id.clone()).collect();
        insert_all(&self.segments, full).await?;
        if self.mark(unit).await? != mark {
            // What these were made of is being erased: they go too, and what is left is
            // compacted the next time.
            self.drop_segments(&made).await?;
            return Err(ReadError::Erased);
        }
        let segments: Vec<Binary> = small.into_iter().map(|segment| segment.id).collect();
        let replaced = Replaced { id, at: date(now), segments };
        let notes = self.writer.replaced.clone();
        within(LATER, async move { notes.insert_one(replaced).await }).await?;
        Ok(())
    }

    /// Drops what an earlier run made of segments that were being erased, and ended before it
    /// saw that.
    async fn drop_erased(&self, mut of_hour: Document, mark: i64) -> Result<(), MongoError> {
        of_hour.insert("compacted", true);
        of_hour.insert("stored", doc! { "$lte": mark });
        let segments = self.segments.clone();
        within(LATER, async move { segments.delete_many(of_hour).await }).await.map(drop)
    }

    async fn drop_segments(&self, ids: &[Binary]) -> Result<(), MongoError> {
        for ids in ids.chunks(IDS) {
            let segments = self.segments.clone();
            let these = doc! { "_id": { "$in": ids.to_vec() } };
            within(LATER, async move { segments.delete_many(these).await }).await?;
        }
        Ok(())
    }

    /// Drops the segments that were replaced long enough ago, for as long as `go_on` says so.
    pub async fn drop_replaced(&self, now: Time, go_on: impl Fn() -> bool) -> Result<(), EngineError> {
        let dropping = async {
            let since = replaced_before(now.plus_ms(-REPLACED_FOR_MS));
            let notes = self.writer.replaced.clone();
            loop {
                if !go_on() {
                    return Ok(());
                }
                let (notes, since) = (notes.clone(), since.clone());
                let of = notes.clone();
                let Some(note) = within(LATER, async move { of.find_one(since).await }).await? else {
                    return Ok(());
                };
                self.drop_segments(&note.segments).await?;
                let done = doc! { "_id": note.id };
                within(LATER, async move { notes.delete_one(done).await }).await?;
            }
        };
        let dropped: Result<(), MongoError> = dropping.await;
        dropped.map_err(EngineError::during("dropping compacted history"))
    }
}

/// Notes of hours that are over and quiet.
pub(super) fn quiet(now: Time) -> Document {
    let quiet = now.plus_ms(-QUIET_MS);
    doc! {
        "hour": { "$lt": quiet.ms().div_euclid(HOUR_MS) },
        "slot": { "$lt": quiet.ms().div_euclid(SLOT_MS) },
    }
}

pub(super) fn of_hour(unit: &UnitId, hour: TimeRange) -> Document {
    doc! { "unit": unit.as_str(), "first": { "$gte": date(hour.from), "$lt": date(hour.to) } }
}

pub(super) fn replaced_before(time: Time) -> Document {
    doc! { "at": { "$lt": date(time) } }
}
