//! What is remembered of the units that are watched: beside the log of commits, as each unit has
//! one watcher at a time. Of one that is forgotten the document stays, empty, with the time until
//! when.

use super::{
    connect::Mongo,
    driver::{LATER, MongoError, SOON, within},
    registry::MongoRegistry,
};
use crate::ports::{EngineError, Remembered, WatchMemory};
use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use mongodb::{Collection, bson::doc};
use sentinel_model::{Time, UnitId};
use serde::{Deserialize, Serialize};

/// Memories that are written at the same time.
const AT_ONCE: usize = 8;

pub struct Watched(Collection<WatchedDoc>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct WatchedDoc {
    #[serde(rename = "_id")]
    unit: String,
    at: i64,
    memory: String,
}

impl Watched {
    pub const NAME: &str = "watched";

    pub fn new(mongo: &Mongo) -> Self {
        Self(mongo.settled_collection(Self::NAME))
    }

    async fn one(&self, unit: &UnitId) -> Result<Option<WatchedDoc>, MongoError> {
        let (watched, which) = (self.0.clone(), doc! { "_id": unit.as_str() });
        within(SOON, async move { watched.find_one(which).await }).await
    }

    async fn all(&self) -> Result<Vec<WatchedDoc>, MongoError> {
        let watched = self.0.clone();
        within(LATER, async move { watched.find(doc! {}).await?.try_collect().await }).await
    }

    async fn put(&self, Remembered { unit, at, memory }: Remembered) -> Result<(), MongoError> {
        let which = doc! { "_id": unit.as_str(), "at": { "$lte": at.ms() } };
        let doc = WatchedDoc { unit: unit.to_string(), at: at.ms(), memory };
        let watched = self.0.clone();
        let put = within(SOON, async move { watched.replace_one(which, doc).upsert(true).await });
        match put.await {
            Ok(_) => Ok(()),
            // What is there is of a later time.
            Err(error) if error.is_duplicate() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Empty, whatever is there; what is of later comes after it, or before and is lost.
    async fn empty(&self, unit: &UnitId, until: Time) -> Result<(), MongoError> {
        let doc = WatchedDoc { unit: unit.to_string(), at: until.ms(), memory: String::new() };
        let (watched, which) = (self.0.clone(), doc! { "_id": unit.as_str() });
        within(SOON, async move { watched.replace_one(which, doc).upsert(true).await.map(drop) }).await
    }
}

#[async_trait]
impl WatchMemory for MongoRegistry {
    async fn recall(&self, unit: &UnitId) -> Result<Option<String>, EngineError> {
        let found = self.watched.one(unit).await.map_err(EngineError::during("recalling a unit"))?;
        Ok(found.map(|doc| doc.memory).filter(|memory| !memory.is_empty()))
    }

    async fn remembered(&self) -> Result<Vec<UnitId>, EngineError> {
        let all = self.watched.all().await;
        let all = all.map_err(EngineError::during("reading which units are remembered"))?;
        // What is no id is of no unit.
        let all = all.into_iter().filter(|doc| !doc.memory.is_empty());
        Ok(all.filter_map(|doc| doc.unit.parse().ok()).collect())
    }

    async fn remember(&self, memories: Vec<Remembered>) -> Result<(), EngineError> {
        let puts = stream::iter(memories).map(|memory| self.watched.put(memory));
        let put = puts.buffer_unordered(AT_ONCE).try_collect::<()>().await;
        put.map_err(EngineError::during("remembering units"))
    }

    async fn forget(&self, unit: &UnitId, until: Time) -> Result<(), EngineError> {
        self.watched.empty(unit, until).await.map_err(EngineError::during("forgetting a unit"))
    }
}
