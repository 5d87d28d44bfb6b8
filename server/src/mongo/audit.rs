//! The audit log: entries of the commit log, folded into a collection of their own.

use super::{
    driver::{LATER, within},
    log::LogError,
    registry::MongoRegistry,
};
use crate::ports::Change;
use futures::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use sentinel_model::audit::AuditEntry;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A folded entry, by the commit that it came with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditDoc {
    #[serde(rename = "_id")]
    pub id: String,
    pub n: i64,
    pub body: String,
}

impl MongoRegistry {
    pub(super) const AUDIT: &str = "audit";

    /// The newest entries before one. The folded are read first: what is folded meanwhile is
    /// met in the log.
    pub(super) async fn read_audit(
        &self,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, LogError> {
        let folded_to = self.log.folded().await?;
        let filter = before.map_or_else(Document::new, |id| doc! { "_id": { "$lt": id } });
        let (collection, few) = (self.audit.clone(), i64::try_from(limit).unwrap_or(i64::MAX));
        let docs: Vec<AuditDoc> = within(LATER, async move {
            collection.find(filter).sort(doc! { "_id": -1 }).limit(few).await?.try_collect().await
        })
        .await?;
        let mut found = BTreeMap::new();
        for doc in docs {
            found.insert(doc.id.clone(), super::records::read_audit(&doc.id, &doc.body)?);
        }
        for commit in self.log.since(folded_to).await? {
            for change in commit.changes {
                if let Change::Audit(entry) = change
                    && before.is_none_or(|before| *entry.id < *before)
                {
                    found.insert(entry.id.clone(), entry);
                }
            }
        }
        Ok(found.into_values().rev().take(limit).collect())
    }
}
