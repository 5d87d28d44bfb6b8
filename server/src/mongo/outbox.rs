//! Deliveries of webhooks.
//!
//! A commit of the log is one document, and the intent to deliver stands in it, beside what
//! is told. Whoever looks for deliveries, and whoever folds the log, first moves those of new
//! commits from the log into a collection of their own ([`MongoRegistry::move_on`]):
//! an insert by their ids, which may be made again.
//!
//! A lease is the insert of `(delivery, when it was due)`, which one node does; then the
//! delivery is due at the lease's end. Who finds a lease taken a while ago of a delivery that
//! is still due puts that right in the place of a node that has ended in between.

use super::{
    alerts::AlertDoc,
    driver::{LATER, MongoError, SOON, within},
    log::{LogError, Mark, number},
    outbox_docs::{DeliveryDoc, LeaseDoc},
    records::{ALERT, ChangeDoc, CommitDoc, DELIVERY, TASK},
    registry::MongoRegistry,
    store::insert_all,
    tasks::TaskDoc,
};
use crate::ports::{DueOf, EngineError, Outbox, Queued};
use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::{
    Collection,
    bson::{Bson, DateTime, Document, doc},
};
use sentinel_model::{Time, webhook::WebhookEvent};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::atomic::{AtomicI64, Ordering},
};

/// How far the deliveries of the log are moved.
const MOVED: &str = "deliveries";

/// Commits that are read at once.
const READ: i64 = 500;

/// Leases of deliveries that are due are put right by others when they are so old.
const PUT_RIGHT_AFTER_MS: i64 = 5_000;

/// Leases are kept for so long after their end: far longer than two clocks are apart.
const LEASE_KEPT_MS: i64 = 3_600_000;

pub struct Deliveries {
    docs: Collection<DeliveryDoc>,
    leases: Collection<LeaseDoc>,
    /// The last commit whose deliveries this process knows to be moved.
    moved: AtomicI64,
}

impl Deliveries {
    pub const DOCS: &str = "deliveries";
    pub const LEASES: &str = "delivery_leases";

    pub async fn prepare(mongo: &super::Mongo) -> Result<Self, MongoError> {
        for name in [Self::DOCS, Self::LEASES] {
            mongo.make_collection(name).await?;
        }
        for keys in [
            doc! { "state": 1, "due": 1, "_id": 1 },
            doc! { "webhook": 1, "created_at": -1, "_id": -1 },
            doc! { "created_at": 1 },
        ] {
            mongo.make_index(Self::DOCS, keys, None).await?;
        }
        mongo.make_index(Self::LEASES, doc! { "until": 1 }, None).await?;
        Ok(Self {
            docs: mongo.settled_collection(Self::DOCS),
            leases: mongo.settled_collection(Self::LEASES),
            moved: AtomicI64::new(0),
        })
    }

    async fn find(&self, filter: Document, order: Document, limit: usize) -> Result<Vec<Queued>, LogError> {
        let docs = self.docs.clone();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found: Vec<DeliveryDoc> =
            within(
                LATER,
                async move { docs.find(filter).sort(order).limit(limit).await?.try_collect().await },
            )
            .await?;
        Ok(found.into_iter().map(DeliveryDoc::read).collect::<Result<_, _>>()?)
    }

    async fn update(&self, filter: Document, set: Document) -> Result<(), LogError> {
        let docs = self.docs.clone();
        within(SOON, async move { docs.update_many(filter, doc! { "$set": set }).await }).await?;
        Ok(())
    }

    async fn lease(&self, due: Vec<Queued>, until: Time) -> Result<Vec<Queued>, LogError> {
        let leases: Vec<LeaseDoc> = due.iter().map(|queued| LeaseDoc::of(queued, until)).collect();
        let into = self.leases.clone();
        let inserting = within(SOON, async move { into.insert_many(leases).ordered(false).await });
        let taken: HashSet<usize> = match inserting.await {
            Ok(_) => HashSet::new(),
            Err(error) => error.duplicates()?.into_iter().collect(),
        };
        let mut leased = Vec::with_capacity(due.len());
        let mut others = Vec::new();
        for (n, queued) in due.into_iter().enumerate() {
            if taken.contains(&n) {
                others.push(queued)
            } else {
                leased.push(Queued { due: until, ..queued })
            }
        }
        if !leased.is_empty() {
            let ids: Vec<&str> = leased.iter().map(|queued| queued.delivery.id.as_str()).collect();
            let of = doc! { "_id": { "$in": ids }, "state": "pending", "due": { "$lt": until.ms() } };
            self.update(of, doc! { "due": until.ms(), "leased": true }).await?;
        }
        if !others.is_empty() {
            self.put_right(others, until).await?;
        }
        Ok(leased)
    }

    /// What was taken by somebody who then did not say so. A lease taken now lasts until
    /// `until`, so one that ends so much sooner was taken so long ago.
    async fn put_right(&self, others: Vec<Queued>, until: Time) -> Result<(), LogError> {
        let ids: Vec<String> = others.iter().map(|queued| LeaseDoc::of(queued, until).id).collect();
        let leases = self.leases.clone();
        let found: Vec<LeaseDoc> =
            within(
                SOON,
                async move { leases.find(doc! { "_id": { "$in": ids } }).await?.try_collect().await },
            )
            .await?;
        let held: HashMap<String, LeaseDoc> =
            found.into_iter().map(|lease| (lease.id.clone(), lease)).collect();
        for queued in others {
            let Some(lease) = held.get(&LeaseDoc::of(&queued, until).id) else { continue };
            if until.ms() - lease.until > PUT_RIGHT_AFTER_MS {
                let of = doc! { "_id": &queued.delivery.id, "due": queued.due.ms(), "state": "pending" };
                self.update(of, doc! { "due": lease.until, "leased": true }).await?;
            }
        }
        Ok(())
    }
}

impl MongoRegistry {
    /// Moves deliveries, alerts and tasks from the log to where they are looked for; answers how far.
    pub(super) async fn move_on(&self) -> Result<i64, LogError> {
        let known = self.deliveries.moved.load(Ordering::Relaxed);
        let mut moved = if known > 0 { known } else { self.moved_mark().await? };
        loop {
            let commits = self.log.commits().clone();
            let read: Vec<CommitDoc> = within(LATER, async move {
                let new = commits.find(doc! { "_id": { "$gt": moved } });
                new.sort(doc! { "_id": 1 }).limit(READ).await?.try_collect().await
            })
            .await?;
            let Some(last) = read.last().map(|commit| commit.n) else { break };
            let (mut docs, mut alerts, mut tasks) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
            for CommitDoc { n, at, changes, .. } in read {
                for change in changes {
                    match change {
                        ChangeDoc::Put { id, body, .. } if id.starts_with(DELIVERY) => {
                            docs.push(DeliveryDoc::of_log(&id, &body)?);
                        }
                        ChangeDoc::Put { id, body, .. } if id.starts_with(ALERT) => {
                            alerts.insert(id.clone(), AlertDoc::of(&id, n, body)?);
                        }
                        ChangeDoc::Put { id, body, .. } if id.starts_with(TASK) => {
                            tasks.insert(id.clone(), TaskDoc::of(&id, n, body)?);
                        }
                        ChangeDoc::Drop { id } => {
                            if let Some(alert) = id.strip_prefix(ALERT) {
                                alerts.insert(id.clone(), AlertDoc::dropped(alert, n, at));
                            }
                        }
                        _ => {}
                    }
                }
            }
            moved = last;
            if !docs.is_empty() || !alerts.is_empty() || !tasks.is_empty() {
                self.alerts.put(alerts).await?;
                self.tasks.put(tasks).await?;
                if !docs.is_empty() {
                    insert_all(&self.deliveries.docs, docs).await?;
                }
                self.put_mark(Mark { id: MOVED.into(), n: moved }).await?;
            }
            self.deliveries.moved.fetch_max(moved, Ordering::Relaxed);
        }
        Ok(moved)
    }

    /// Of what is folded all is moved.
    async fn moved_mark(&self) -> Result<i64, LogError> {
        let marks = self.log.marks().clone();
        let mark = within(SOON, async move { marks.find_one(doc! { "_id": MOVED }).await }).await?;
        let folded = number(self.log.folded().await?)?;
        Ok(mark.map_or(0, |mark| mark.n).max(folded))
    }

    async fn due_of(&self, now: Time, of: DueOf<'_>, limit: usize) -> Result<Vec<Queued>, LogError> {
        self.move_on().await?;
        let mut filter = doc! { "state": "pending", "due": { "$lte": now.ms() } };
        match of {
            DueOf::AllBut([]) => {}
            DueOf::AllBut(ids) => drop(filter.insert("webhook", doc! { "$nin": ids.to_vec() })),
            DueOf::Only(id) => drop(filter.insert("webhook", id)),
        }
        self.deliveries.find(filter, doc! { "due": 1, "_id": 1 }, limit).await
    }

    async fn settle_one(&self, leased: &Queued, after: Queued) -> Result<(), LogError> {
        let of = doc! { "_id": &leased.delivery.id, "due": leased.due.ms(), "state": "pending" };
        self.deliveries.update(of, DeliveryDoc::of(after)?.progress()).await
    }

    async fn redeliver_one(&self, webhook: &str, id: &str, now: Time) -> Result<Option<Queued>, LogError> {
        self.move_on().await?;
        let of = doc! { "_id": id, "webhook": webhook };
        let mut free = of.clone();
        free.insert("leased", false);
        let again = doc! { "state": "pending", "due": now.ms(), "tries": 0 };
        self.deliveries.update(free, again).await?;
        Ok(self.deliveries.find(of, doc! {}, 1).await?.pop())
    }

    async fn take_turn_of(&self, webhook: &str, turn: i64) -> Result<bool, MongoError> {
        let leases = self.deliveries.leases.clone();
        let lease =
            LeaseDoc { id: format!("turn {webhook} {turn}"), until: DateTime::now().timestamp_millis() };
        match within(SOON, async move { leases.insert_one(lease).await }).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_duplicate() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn count_crowded(&self, more_than: u64) -> Result<Vec<(String, u64)>, LogError> {
        self.move_on().await?;
        let docs = self.deliveries.docs.clone();
        let counting = [
            doc! { "$match": { "state": "pending" } },
            doc! { "$group": { "_id": "$webhook", "waiting": { "$sum": 1_i64 } } },
        ];
        let counted: Vec<Document> =
            within(LATER, async move { docs.aggregate(counting).await?.try_collect().await }).await?;
        let read = |counted: &Document| {
            let waiting = match counted.get("waiting")? {
                Bson::Int32(waiting) => u64::try_from(*waiting).ok()?,
                Bson::Int64(waiting) => u64::try_from(*waiting).ok()?,
                _ => return None,
            };
            (waiting > more_than).then(|| Some((counted.get_str("_id").ok()?.to_owned(), waiting)))?
        };
        Ok(counted.iter().filter_map(read).collect())
    }

    async fn give_up_waiting(&self, given_up: Vec<(Time, Queued)>) -> Result<u64, LogError> {
        let mut changed = 0;
        for (due, after) in given_up {
            let of = doc! { "_id": &after.delivery.id, "due": due.ms(), "state": "pending", "leased": false };
            let set = doc! { "$set": DeliveryDoc::of(after)?.progress() };
            let docs = self.deliveries.docs.clone();
            let updated = within(SOON, async move { docs.update_one(of, set).await }).await?;
            changed += updated.modified_count;
        }
        Ok(changed)
    }

    async fn drop_deliveries(&self, of: Document) -> Result<(), MongoError> {
        let docs = self.deliveries.docs.clone();
        within(LATER, async move { docs.delete_many(of).await }).await.map(drop)
    }
}

#[async_trait]
impl Outbox for MongoRegistry {
    async fn due(&self, now: Time, of: DueOf<'_>, limit: usize) -> Result<Vec<Queued>, EngineError> {
        let due = self.due_of(now, of, limit).await;
        due.map_err(EngineError::during("looking for deliveries that are due"))
    }

    async fn lease(&self, due: Vec<Queued>, until: Time) -> Result<Vec<Queued>, EngineError> {
        if due.is_empty() {
            return Ok(due);
        }
        self.deliveries.lease(due, until).await.map_err(EngineError::during("taking deliveries"))
    }

    async fn settle(&self, leased: &Queued, after: Queued) -> Result<(), EngineError> {
        self.settle_one(leased, after).await.map_err(EngineError::during("settling a delivery"))
    }

    async fn redeliver(&self, webhook: &str, id: &str, now: Time) -> Result<Option<Queued>, EngineError> {
        let again = self.redeliver_one(webhook, id, now).await;
        again.map_err(EngineError::during("sending a delivery again"))
    }

    async fn log(
        &self,
        webhook: &str,
        behind: Option<(Time, String)>,
        limit: usize,
    ) -> Result<Vec<Queued>, EngineError> {
        let reading = async {
            self.move_on().await?;
            let mut filter = doc! { "webhook": webhook };
            if let Some((at, id)) = behind {
                let same = doc! { "created_at": at.ms(), "_id": { "$lt": id } };
                filter.insert("$or", vec![doc! { "created_at": { "$lt": at.ms() } }, same]);
            }
            self.deliveries.find(filter, doc! { "created_at": -1, "_id": -1 }, limit).await
        };
        reading.await.map_err(EngineError::during("reading the log of a webhook"))
    }

    async fn take_turn(&self, webhook: &str, turn: i64) -> Result<bool, EngineError> {
        let taken = self.take_turn_of(webhook, turn).await;
        taken.map_err(EngineError::during("taking the turn to try a webhook"))
    }

    async fn pending(&self, behind: Option<&str>, limit: usize) -> Result<Vec<Queued>, EngineError> {
        let reading = async {
            self.move_on().await?;
            let filter = doc! { "state": "pending", "_id": { "$gt": behind.unwrap_or_default() } };
            self.deliveries.find(filter, doc! { "_id": 1 }, limit).await
        };
        reading.await.map_err(EngineError::during("reading deliveries that wait"))
    }

    async fn crowded(&self, more_than: u64) -> Result<Vec<(String, u64)>, EngineError> {
        let counted = self.count_crowded(more_than).await;
        counted.map_err(EngineError::during("counting deliveries that wait"))
    }

    async fn longest_waiting(
        &self,
        webhook: &str,
        but: WebhookEvent,
        limit: u64,
    ) -> Result<Vec<Queued>, EngineError> {
        let reading = async {
            self.move_on().await?;
            let told = doc! { "$ne": but.as_str() };
            let filter = doc! { "webhook": webhook, "state": "pending", "leased": false, "event": told };
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            self.deliveries.find(filter, doc! { "created_at": 1, "_id": 1 }, limit).await
        };
        reading.await.map_err(EngineError::during("looking for what has waited longest"))
    }

    async fn give_up(&self, given_up: Vec<(Time, Queued)>) -> Result<u64, EngineError> {
        self.give_up_waiting(given_up).await.map_err(EngineError::during("giving deliveries up"))
    }

    async fn put(&self, deliveries: Vec<Queued>) -> Result<(), EngineError> {
        let putting = async {
            let docs: Vec<_> = deliveries.into_iter().map(DeliveryDoc::of).collect::<Result<_, _>>()?;
            if !docs.is_empty() {
                insert_all(&self.deliveries.docs, docs).await?;
            }
            Ok::<_, LogError>(())
        };
        putting.await.map_err(EngineError::during("putting deliveries"))
    }

    async fn drop_before(&self, before: Time) -> Result<(), EngineError> {
        let dropping = async {
            self.drop_deliveries(doc! { "created_at": { "$lt": before.ms() } }).await?;
            let leases = self.deliveries.leases.clone();
            let old = DateTime::now().timestamp_millis() - LEASE_KEPT_MS;
            within(LATER, async move { leases.delete_many(doc! { "until": { "$lt": old } }).await }).await
        };
        dropping.await.map(drop).map_err(EngineError::during("forgetting old deliveries"))
    }

    async fn drop_about(&self, about: &str, event: WebhookEvent) -> Result<(), EngineError> {
        let dropping = async {
            // Those that are still in the log would come after.
            self.move_on().await?;
            let told = doc! { "about": about, "event": event.as_str() };
            Ok::<_, LogError>(self.drop_deliveries(told).await?)
        };
        dropping.await.map_err(EngineError::during("forgetting what was told of a unit"))
    }

    async fn drop_of(&self, webhook: &str) -> Result<(), EngineError> {
        let dropping = async {
            // Those that are still in the log would come after.
            self.move_on().await?;
            Ok::<_, LogError>(self.drop_deliveries(doc! { "webhook": webhook }).await?)
        };
        dropping.await.map_err(EngineError::during("forgetting a webhook's deliveries"))
    }
}
