//! Reading history: segments that may overlap become points in order, each once.

use super::{
    connect::Mongo,
    driver::{LATER, MongoError, SOON, within},
    erase::{Head, Mark},
    merge::{Merge, keyed},
    segment::{Key, Segment, date, hour, hour_start, time},
    store::Writer,
};
use crate::{
    block::{self, BlockError},
    ports::{Archive, EngineError, Fixes, Points, TimeRange},
};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use mongodb::{
    Collection,
    bson::{Document, doc},
    options::IndexOptions,
};
use sentinel_model::{Fix, RoutePoint, Time, UnitId};
use std::{sync::Arc, time::Duration};

/// Points that end a piece of a route. A day at a fix a second is one piece.
const PIECE: usize = 100_000;

/// Whole fixes that end a piece: 4 MB, and more where devices send much beside.
const FIXES_PIECE: usize = 20_000;

/// Units asked for at once.
const UNITS_AT_ONCE: usize = 8;

/// Segments a reply of the server holds: about as many as are asked for, where they are full.
fn batch(enough: usize) -> u32 {
    u32::try_from(enough / block::CAPACITY).unwrap_or(u32::MAX).clamp(100, 1000)
}

/// Reads a packed segment.
type Unpack<T> = fn(&[u8]) -> Result<Vec<(Key, T)>, BlockError>;

/// History over MongoDB. Clones share what they remember.
#[derive(Clone)]
pub struct MongoArchive {
    pub(super) segments: Collection<Segment>,
    pub(super) writer: Arc<Writer>,
    /// The segments again, of which erasing reads little.
    pub(super) heads: Collection<Head>,
    pub(super) marks: Collection<Mark>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Mongo(#[from] MongoError),
    #[error(transparent)]
    Block(#[from] BlockError),
    #[error("the unit's history is being erased")]
    Erased,
}

impl MongoArchive {
    pub(super) const SEGMENTS: &str = "segments";

    /// Opens the history of that database, and makes collections and indexes that are not
    /// there. History older than `retention` expires, if that is given: soon by the server
    /// where it can, and a worker makes sure of it by [`drop_before`](Self::drop_before), as
    /// there are servers that take the wish and do nothing.
    pub async fn open(mongo: &Mongo, retention: Option<Duration>) -> Result<Self, EngineError> {
        let making = async {
            Self::prepare(mongo).await?;
            expire_after(mongo, retention).await
        };
        let made: Result<(), MongoError> = making.await;
        made.map_err(EngineError::during("preparing the history"))?;
        Ok(Self::over(mongo, mongo.collection(Self::SEGMENTS)))
    }

    /// The same for who only passes by: what expires when is left as it is, and reads miss
    /// nothing that was stored before, wherever the URI would have history read.
    pub async fn visit(mongo: &Mongo) -> Result<Self, EngineError> {
        Self::prepare(mongo).await.map_err(EngineError::during("preparing the history"))?;
        Ok(Self::over(mongo, mongo.settled_collection(Self::SEGMENTS)))
    }

    fn over(mongo: &Mongo, segments: Collection<Segment>) -> Self {
        Self {
            segments,
            writer: Arc::new(Writer::new(mongo)),
            heads: mongo.settled_collection(Self::SEGMENTS),
            marks: mongo.settled_collection(Self::ERASED),
        }
    }

    async fn prepare(mongo: &Mongo) -> Result<(), MongoError> {
        mongo.make_collection(Self::SEGMENTS).await?;
        mongo.make_collection(Self::ERASED).await?;
        Writer::prepare(mongo).await?;
        let of_unit = doc! { "unit": 1, "first": 1, "last": 1 };
        mongo.make_index(Self::SEGMENTS, of_unit, None).await.map(drop)
    }

    fn pieces<T: Send + 'static>(
        &self,
        what: &'static str,
        unit: &UnitId,
        range: TimeRange,
        enough: usize,
        unpack: Unpack<T>,
    ) -> BoxStream<'static, Result<Vec<T>, EngineError>> {
        let (archive, unit) = (self.clone(), unit.clone());
        stream::try_unfold(Some(None), move |next: Option<Option<Key>>| {
            let (archive, unit) = (archive.clone(), unit.clone());
            async move {
                let Some(behind) = next else { return Ok(None) };
                let piece = archive.piece(&unit, range, behind, enough, unpack).await;
                let (entries, reached) = piece.map_err(EngineError::during(what))?;
                Ok((!entries.is_empty()).then_some((entries, reached.map(Some))))
            }
        })
        .boxed()
    }

    /// The next points or fixes: about `enough`, in order, and behind which key to read on;
    /// without that, they are the last.
    async fn piece<T: Send + 'static>(
        &self,
        unit: &UnitId,
        range: TimeRange,
        behind: Option<Key>,
        enough: usize,
        unpack: Unpack<T>,
    ) -> Result<(Vec<T>, Option<Key>), ReadError> {
        let from = behind.as_ref().map_or(range.from, |(time, _)| *time);
        let filter = within_range(unit, from, range.to);
        let segments = self.segments.clone();
        let reading = async move {
            let mut merge = Merge::new(range, behind);
            let mut found = segments.find(filter).sort(doc! { "first": 1 }).batch_size(batch(enough)).await?;
            while let Some(segment) = found.try_next().await? {
                merge.release(Some(time(segment.first)));
                if merge.released.len() >= enough {
                    return Ok(Ok((merge.released, merge.reached)));
                }
                match unpack(&segment.data.bytes) {
                    Ok(entries) => merge.add(segment.stored, entries),
                    Err(damaged) => return Ok(Err(damaged)),
                }
            }
            merge.release(None);
            Ok(Ok((merge.released, None)))
        };
        Ok(within(LATER, reading).await??)
    }

    /// The last fix not after `at`.
    async fn last_of(&self, unit: &UnitId, at: Time) -> Result<Option<Fix>, ReadError> {
        let begun = begun(unit, at);
        let segments = self.segments.clone();
        let newest = within(SOON, async move { segments.find_one(begun).sort(doc! { "first": -1 }).await });
        let Some(newest) = newest.await? else { return Ok(None) };
        // Another one of that hour, which begins before it, may reach further.
        let (fixes, _) = block::unpack_all(&newest.data.bytes)?;
        let reached = fixes.iter().rfind(|fix| fix.time <= at).map_or(time(newest.first), |fix| fix.time);
        let mut others = within_range(unit, reached, time(newest.first).plus_ms(1));
        others.insert("_id", doc! { "$ne": newest.id });
        let segments = self.segments.clone();
        let others: Vec<Segment> =
            within(SOON, async move { segments.find(others).await?.try_collect().await }).await?;
        let mut merge = Merge::new(TimeRange { from: reached, to: at.plus_ms(1) }, None);
        merge.add(newest.stored, keyed(fixes));
        for other in others {
            merge.add(other.stored, keyed(block::unpack_all(&other.data.bytes)?.0));
        }
        Ok(merge.pending.pop_last().map(|(_, (_, fix))| fix))
    }

    /// Removes what has its last fix before `time`.
    pub async fn drop_before(&self, time: Time) -> Result<(), EngineError> {
        let segments = self.segments.clone();
        let old = ended_before(time);
        let dropped = within(LATER, async move { segments.delete_many(old).await }).await;
        dropped.map(drop).map_err(EngineError::during("dropping expired history"))
    }
}

/// Segments of a unit that may hold fixes from `from` on and before `to`.
pub(super) fn within_range(unit: &UnitId, from: Time, to: Time) -> Document {
    doc! {
        "unit": unit.as_str(),
        "first": { "$gte": date(hour_start(hour(from))), "$lt": date(to) },
        "last": { "$gte": date(from) },
    }
}

/// Segments of a unit that begin not after `at`.
pub(super) fn begun(unit: &UnitId, at: Time) -> Document {
    doc! { "unit": unit.as_str(), "first": { "$lte": date(at) } }
}

pub(super) fn ended_before(time: Time) -> Document {
    doc! { "last": { "$lt": date(time) } }
}

/// Asks the server to drop what is older, and only that: an index of another time goes. What
/// is older is found by that index, or by one that says no more.
async fn expire_after(mongo: &Mongo, retention: Option<Duration>) -> Result<(), MongoError> {
    const PREFIX: &str = "expires_after_";
    let wanted = retention.map(|retention| format!("{PREFIX}{}", retention.as_secs()));
    for name in mongo.index_names(MongoArchive::SEGMENTS).await? {
        if name.starts_with(PREFIX) && Some(&name) != wanted.as_ref() {
            mongo.drop_index(MongoArchive::SEGMENTS, name).await?;
        }
    }
    let Some(name) = wanted else { return Ok(()) };
    let options = IndexOptions::builder().name(name).expire_after(retention).build();
    let by_last = doc! { "last": 1 };
    if !mongo.make_index(MongoArchive::SEGMENTS, by_last.clone(), Some(options)).await? {
        mongo.make_index(MongoArchive::SEGMENTS, by_last, None).await?;
    }
    Ok(())
}

#[async_trait]
impl Archive for MongoArchive {
    /// Each piece is a read of its own, and short: who is slow to take them holds nothing,
    /// and what is compacted in between is not dropped so soon.
    fn points(&self, unit: &UnitId, range: TimeRange) -> Points {
        self.pieces("reading a route", unit, range, PIECE, points_of)
    }

    fn whole(&self, unit: &UnitId, range: TimeRange) -> Fixes {
        self.pieces("reading fixes", unit, range, FIXES_PIECE, fixes_of)
    }

    async fn fixes(&self, unit: &UnitId, range: TimeRange, limit: usize) -> Result<Vec<Fix>, EngineError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let piece = self.piece(unit, range, None, limit, fixes_of).await;
        let (mut fixes, _) = piece.map_err(EngineError::during("reading fixes"))?;
        fixes.truncate(limit);
        Ok(fixes)
    }

    async fn last_before(&self, units: &[UnitId], at: Time) -> Result<Vec<(UnitId, Fix)>, EngineError> {
        let found = stream::iter(units.to_vec())
            .map(|unit| async move { self.last_of(&unit, at).await.map(|fix| Some((unit, fix?))) })
            .buffered(UNITS_AT_ONCE)
            .try_collect::<Vec<_>>()
            .await;
        Ok(found.map_err(EngineError::during("reading where units were"))?.into_iter().flatten().collect())
    }
}

fn fixes_of(bytes: &[u8]) -> Result<Vec<(Key, Fix)>, BlockError> {
    Ok(keyed(block::unpack_all(bytes)?.0))
}

fn points_of(bytes: &[u8]) -> Result<Vec<(Key, RoutePoint)>, BlockError> {
    let mut points = Vec::new();
    block::each_point(bytes, |point, uuid| points.push(((point.time, uuid.into()), point)))?;
    Ok(points)
}
