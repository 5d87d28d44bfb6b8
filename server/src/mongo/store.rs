//! Writing history: each batch becomes segments of one unit and hour.

use super::{
    archive::MongoArchive,
    connect::Mongo,
    driver::{LATER, MongoError, SOON, within},
    segment::{self, Segment, hour},
};
use crate::ports::{ArchiveWriter, EngineError, StoreError};
use async_trait::async_trait;
use mongodb::{
    Collection,
    bson::{Binary, DateTime, doc, oid::ObjectId},
};
use parking_lot::Mutex;
use sentinel_model::{Fix, UnitId};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicI64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// For so long one note stands for all that is stored of a unit's hour.
pub const SLOT_MS: i64 = 600_000;

/// Notes that are remembered as made.
const REMEMBERED: usize = 100_000;

/// Notes that something was stored in a unit's hour, in a slot of time: work for
/// compaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dirty {
    #[serde(rename = "_id")]
    pub id: String,
    pub unit: String,
    pub hour: i64,
    /// Of the clock of who stored.
    pub slot: i64,
}

/// Segments whose fixes are in others too, since that time.
#[derive(Debug, Serialize, Deserialize)]
pub struct Replaced {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub at: DateTime,
    pub segments: Vec<Binary>,
}

/// What writing needs beside the segments.
pub struct Writer {
    pub dirty: Collection<Dirty>,
    pub replaced: Collection<Replaced>,
    /// The slot, and what was noted in it.
    noted: Mutex<(i64, HashSet<(UnitId, i64)>)>,
    /// Of the last batch; no two batches of a process have one.
    stored: AtomicI64,
}

impl Writer {
    pub const DIRTY: &str = "dirty_hours";
    pub const REPLACED: &str = "replaced_segments";

    pub async fn prepare(mongo: &Mongo) -> Result<(), MongoError> {
        mongo.make_collection(Self::DIRTY).await?;
        mongo.make_collection(Self::REPLACED).await?;
        // By the hour first: the notes of the running one are many, and no work yet.
        mongo.make_index(Self::DIRTY, doc! { "hour": 1, "slot": 1 }, None).await?;
        mongo.make_index(Self::REPLACED, doc! { "at": 1 }, None).await.map(drop)
    }

    pub fn new(mongo: &Mongo) -> Self {
        Self {
            dirty: mongo.settled_collection(Self::DIRTY),
            replaced: mongo.settled_collection(Self::REPLACED),
            noted: Mutex::default(),
            stored: AtomicI64::new(0),
        }
    }

    /// Microseconds since 1970, never the same twice.
    pub(super) fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_micros()).unwrap_or(i64::MAX - 1);
        let last =
            self.stored.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)));
        now.max(last.unwrap_or_else(|last| last) + 1)
    }

    /// Notes the hours of these fixes where that is not noted yet. Before they are stored:
    /// none is left out then.
    async fn note(&self, stored: i64, hours: HashSet<(UnitId, i64)>) -> Result<(), MongoError> {
        let slot = stored.div_euclid(SLOT_MS * 1000);
        let new: Vec<(UnitId, i64)> = {
            let noted = self.noted.lock();
            hours.into_iter().filter(|hour| noted.0 != slot || !noted.1.contains(hour)).collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        let note = |(unit, hour): &(UnitId, i64)| Dirty {
            id: format!("{unit} {hour} {slot}"),
            unit: unit.to_string(),
            hour: *hour,
            slot,
        };
        insert_all(&self.dirty, new.iter().map(note).collect()).await?;
        let mut noted = self.noted.lock();
        if noted.0 != slot || noted.1.len() > REMEMBERED {
            *noted = (slot, HashSet::new());
        }
        noted.1.extend(new);
        Ok(())
    }
}

#[async_trait]
impl ArchiveWriter for MongoArchive {
    async fn store(&self, batch: Vec<(UnitId, Vec<Fix>)>) -> Result<(), StoreError> {
        const WHAT: &str = "storing fixes";
        let mut by_unit: HashMap<UnitId, Vec<Fix>> = HashMap::new();
        for (unit, fixes) in batch {
            by_unit.entry(unit).or_default().extend(fixes);
        }
        let stored = self.writer.now();
        let (mut segments, mut hours): (Vec<Segment>, _) = (Vec::new(), HashSet::new());
        for (unit, fixes) in by_unit {
            let fixes = segment::in_order(fixes);
            for part in segment::cut(&fixes) {
                let packed = segment::pack(&unit, part, stored, &[]);
                segments.push(packed.map_err(|error| StoreError::Refused(EngineError::new(WHAT, error)))?);
                hours.insert((unit.clone(), hour(part[0].time)));
            }
        }
        if segments.is_empty() {
            return Ok(());
        }
        let storing = async {
            self.writer.note(stored, hours).await?;
            insert_all(&self.segments, segments).await
        };
        storing.await.map_err(|error: MongoError| error.into_store_error(WHAT))
    }

    /// By a segment of nobody's, where the others go: what keeps all of them out keeps out
    /// this one. One that is left behind expires as others do, and nobody reads it.
    async fn probe(&self) -> Result<(), StoreError> {
        let now = DateTime::now();
        let probe = Segment {
            id: segment::binary(ObjectId::new().bytes().to_vec()),
            unit: String::new(),
            first: now,
            last: now,
            n: 0,
            stored: 0,
            compacted: false,
            data: segment::binary(Vec::new()),
        };
        let segments = self.segments.clone();
        let probing = within(SOON, async move {
            let id = probe.id.clone();
            segments.insert_one(probe).await?;
            segments.delete_one(doc! { "_id": id }).await
        });
        probing.await.map(drop).map_err(|error| error.into_store_error("probing the archive"))
    }
}

/// Inserts what is not there.
pub async fn insert_all<T>(into: &Collection<T>, docs: Vec<T>) -> Result<(), MongoError>
where
    T: Serialize + Send + Sync + 'static,
{
    let into = into.clone();
    match within(LATER, async move { into.insert_many(docs).ordered(false).await }).await {
        Ok(_) => Ok(()),
        Err(error) => error.duplicates().map(drop),
    }
}
