//! When keys were last used: beside the log of commits, where every node may write at once.

use super::{
    connect::Mongo,
    driver::{MongoError, SOON, within},
};
use futures::TryStreamExt as _;
use mongodb::{Collection, bson::doc};
use sentinel_model::Time;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

pub struct KeyUses(Collection<UseDoc>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct UseDoc {
    #[serde(rename = "_id")]
    id: String,
    at: i64,
}

impl KeyUses {
    pub const NAME: &str = "key_uses";

    pub fn new(mongo: &Mongo) -> Self {
        Self(mongo.settled_collection(Self::NAME))
    }

    /// Where two nodes note the same key in the same moment either may be the one that stays:
    /// they are a minute apart at most.
    pub async fn note(&self, uses: Vec<(String, Time)>) -> Result<(), MongoError> {
        let held = self.all().await?;
        let newer = uses.into_iter().filter(|(id, at)| held.get(id).is_none_or(|held| held < at));
        for (id, at) in newer {
            let (uses, which) = (self.0.clone(), doc! { "_id": &id });
            let noted = UseDoc { id, at: at.ms() };
            within(SOON, async move { uses.replace_one(which, noted).upsert(true).await.map(drop) }).await?;
        }
        Ok(())
    }

    pub async fn all(&self) -> Result<HashMap<String, Time>, MongoError> {
        let uses = self.0.clone();
        let docs: Vec<UseDoc> =
            within(SOON, async move { uses.find(doc! {}).await?.try_collect().await }).await?;
        Ok(docs.into_iter().map(|doc| (doc.id, Time(doc.at))).collect())
    }
}
