//! Folds the commit log into copies that are read by index.
//!
//! The log is folded in runs of [`RUN`] commits, whoever does it: two who fold at once
//! write the same, and one who dies half way leaves what the next writes again. Each copy
//! carries the number of the commit it comes from, and no older one replaces it. What was
//! dropped stays as an empty copy for a while, so that it does not come back.

use super::{
    audit::AuditDoc,
    driver::{LATER, MongoError, SOON, within},
    log::{FOLDED, KEPT_MS, LogError, Mark, number},
    records::{ALERT, ChangeDoc, CommitDoc, DELIVERY, PatrolDoc, RecordDoc, TASK},
    registry::MongoRegistry,
};
use crate::ports::EngineError;
use futures::{StreamExt, TryStreamExt, stream};
use mongodb::{
    Collection,
    bson::{DateTime, doc},
};
use sentinel_model::Time;
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// Commits that are folded together; fewer wait.
pub const RUN: u64 = 100;

/// What is moved to collections of its own ([`MongoRegistry::move_on`]).
const MOVED: [&str; 3] = [DELIVERY, ALERT, TASK];

/// Copies replaced at once.
const REPLACED_AT_ONCE: usize = 8;

impl MongoRegistry {
    /// Folds all whole runs of commits; answers the last folded one. Who calls it should be
    /// alone, by a lease: for speed, not for safety.
    pub async fn fold(&self, now: Time) -> Result<u64, EngineError> {
        let folding = async {
            let from = self.log.folded().await?;
            // What is folded may be forgotten: deliveries, alerts and tasks go where they stay first.
            let moved = self.move_on().await?.unsigned_abs();
            let mut folded = from;
            while folded + RUN <= moved && self.fold_run(folded).await? {
                folded += RUN;
            }
            if folded > from {
                self.forget(folded, now).await?;
                self.forget_dropped_alerts().await?;
            }
            Ok::<_, LogError>(folded)
        };
        folding.await.map_err(EngineError::during("folding the records"))
    }

    /// Folds the run after `from`, where there is a whole one.
    async fn fold_run(&self, from: u64) -> Result<bool, LogError> {
        let (after, last) = (number(from)?, number(from + RUN)?);
        let commits = self.log.commits().clone();
        let run: Vec<CommitDoc> = within(LATER, async move {
            let run = doc! { "_id": { "$gt": after, "$lte": last } };
            commits.find(run).sort(doc! { "_id": 1 }).await?.try_collect().await
        })
        .await?;
        if run.last().is_none_or(|commit| commit.n != last) {
            return Ok(false);
        }
        if !(after + 1..=last).eq(run.iter().map(|commit| commit.n)) {
            return Err(LogError::Gone(from));
        }
        let (mut records, mut patrols, mut audit) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for CommitDoc { n, at, changes, .. } in run {
            for change in changes {
                match change {
                    ChangeDoc::Put { id, .. } if MOVED.iter().any(|kind| id.starts_with(kind)) => {}
                    ChangeDoc::Drop { id } if id.starts_with(ALERT) => {}
                    ChangeDoc::Put { id, body, expires } => {
                        records.insert(id.clone(), RecordDoc { id, n, body: Some(body), expires });
                    }
                    ChangeDoc::Drop { id } => {
                        let expires = Some(DateTime::from_millis(at.timestamp_millis() + KEPT_MS));
                        records.insert(id.clone(), RecordDoc { id, n, body: None, expires });
                    }
                    ChangeDoc::Patrol(patrol) => {
                        patrols.insert(patrol.id, PatrolDoc::new(n, patrol));
                    }
                    ChangeDoc::Audit { id, body } => {
                        audit.push((id.clone().into(), n, AuditDoc { id, n, body }));
                    }
                }
            }
        }
        let records: Vec<_> = records.into_values().map(|doc| (doc.id.clone().into(), doc.n, doc)).collect();
        let patrols: Vec<_> = patrols.into_values().map(|doc| (doc.id.into(), doc.n, doc)).collect();
        put_newer(&self.records, records).await?;
        put_newer(self.patrols.folded(), patrols).await?;
        put_newer(&self.audit, audit).await?;
        self.put_mark(Mark { id: FOLDED.into(), n: last }).await?;
        Ok(true)
    }

    pub(super) async fn put_mark(&self, mark: Mark) -> Result<(), MongoError> {
        put_newer(self.log.marks(), vec![(mark.id.clone().into(), mark.n, mark)]).await
    }

    /// Removes sessions that have expired, and commits that nobody needs any more. The last
    /// folded one stays: who is behind sees by it that there was more.
    async fn forget(&self, folded: u64, now: Time) -> Result<(), LogError> {
        let (records, commits) = (self.records.clone(), self.log.commits().clone());
        let now = DateTime::from_millis(now.ms());
        let old = doc! { "$gte": DateTime::from_millis(now.timestamp_millis() - KEPT_MS) };
        let folded = number(folded)?;
        within(LATER, async move {
            records.delete_many(doc! { "expires": { "$lte": now } }).await?;
            let kept = commits.find_one(doc! { "at": old }).sort(doc! { "_id": 1 }).await?;
            let before = kept.map_or(folded, |commit| commit.n.min(folded));
            commits.delete_many(doc! { "_id": { "$lt": before } }).await
        })
        .await?;
        Ok(())
    }
}

pub(super) type Copy<T> = (mongodb::bson::Bson, i64, T);

/// Stores copies that are not there, and replaces those that are there from older commits.
pub(super) async fn put_newer<T>(collection: &Collection<T>, copies: Vec<Copy<T>>) -> Result<(), MongoError>
where
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    if copies.is_empty() {
        return Ok(());
    }
    let docs: Vec<T> = copies.iter().map(|(.., doc)| doc.clone()).collect();
    let into = collection.clone();
    let inserting = within(LATER, async move { into.insert_many(docs).ordered(false).await });
    let there = match inserting.await {
        Ok(_) => return Ok(()),
        Err(error) => error.duplicates()?,
    };
    stream::iter(there.into_iter().map(|index| {
        let (id, n, doc) = copies[index].clone();
        let collection = collection.clone();
        async move {
            let older = doc! { "_id": id, "n": { "$lt": n } };
            let replacing = async move { collection.replace_one(older, doc).upsert(true).await };
            match within(SOON, replacing).await {
                Ok(_) => Ok(()),
                // The same commit's or a newer one's is there.
                Err(error) if error.is_duplicate() => Ok(()),
                Err(error) => Err(error),
            }
        }
    }))
    .buffer_unordered(REPLACED_AT_ONCE)
    .try_collect()
    .await
}
