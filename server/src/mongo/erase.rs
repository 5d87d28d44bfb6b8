//! Removing a unit's history, beside workers that store and compact.
//!
//! A mark is left first, then the segments go. Compaction, which may have read them before,
//! looks for the mark before it trusts what it has made, and where it was ended in between the
//! next one finds by the mark what is to go ([`compact`](super::compact)). What workers store
//! is never removed by the mark: their clocks may be behind.

use super::{
    archive::MongoArchive,
    driver::{LATER, MongoError, SOON, within},
    segment::binary,
};
use crate::ports::EngineError;
use futures::TryStreamExt as _;
use mongodb::bson::{Binary, doc};
use sentinel_model::UnitId;
use serde::{Deserialize, Serialize};

/// Segments that are removed by one request.
const AT_ONCE: i64 = 1_000;

/// That a unit's history was erased, up to what was stored then.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mark {
    #[serde(rename = "_id")]
    pub unit: String,
    /// Microseconds since 1970: no segment that was erased was stored later.
    pub stored: i64,
}

/// What is needed of a segment that goes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Head {
    #[serde(rename = "_id")]
    id: Binary,
    n: i64,
    stored: i64,
}

impl MongoArchive {
    pub(super) const ERASED: &str = "erased";

    /// Removes all that is stored of a unit; answers how many fixes that were. Two segments may
    /// have held the same.
    pub async fn erase(&self, unit: &UnitId) -> Result<u64, EngineError> {
        let erasing = async {
            let newest = self.newest_stored(unit).await?.unwrap_or(0);
            // What was compacted since the last erasure counts as stored just after that one.
            let last = self.mark(unit).await?.saturating_add(1);
            let stored = newest.max(last).max(self.writer.now());
            self.leave_mark(unit, stored).await?;
            let mut fixes = 0;
            loop {
                let (heads, some) =
                    (self.heads.clone(), doc! { "unit": unit.as_str(), "stored": { "$lte": stored } });
                let found: Vec<Head> = within(LATER, async move {
                    let wanted = doc! { "n": 1, "stored": 1 };
                    heads.find(some).projection(wanted).limit(AT_ONCE).await?.try_collect().await
                })
                .await?;
                if found.is_empty() {
                    return Ok::<_, MongoError>(fixes);
                }
                fixes += found.iter().map(|head| head.n.unsigned_abs()).sum::<u64>();
                let (segments, ids) =
                    (self.segments.clone(), found.into_iter().map(|head| binary(head.id.bytes)));
                let these = doc! { "_id": { "$in": ids.collect::<Vec<_>>() } };
                within(LATER, async move { segments.delete_many(these).await }).await?;
            }
        };
        erasing.await.map_err(EngineError::during("erasing a unit's history"))
    }

    async fn newest_stored(&self, unit: &UnitId) -> Result<Option<i64>, MongoError> {
        let (heads, of_unit) = (self.heads.clone(), doc! { "unit": unit.as_str() });
        let newest = within(LATER, async move {
            heads.find_one(of_unit).sort(doc! { "stored": -1 }).projection(doc! { "n": 1, "stored": 1 }).await
        });
        Ok(newest.await?.map(|head| head.stored))
    }

    async fn leave_mark(&self, unit: &UnitId, stored: i64) -> Result<(), MongoError> {
        let (marks, name) = (self.marks.clone(), unit.to_string());
        within(SOON, async move {
            let put = doc! { "$max": { "stored": stored } };
            marks.update_one(doc! { "_id": name }, put).upsert(true).await
        })
        .await
        .map(drop)
    }

    /// Up to what was stored when the unit's history was last erased; nothing is before it
    /// where it never was.
    pub(super) async fn mark(&self, unit: &UnitId) -> Result<i64, MongoError> {
        let (marks, name) = (self.marks.clone(), unit.to_string());
        let mark = within(SOON, async move { marks.find_one(doc! { "_id": name }).await }).await?;
        Ok(mark.map_or(i64::MIN, |mark| mark.stored))
    }
}
