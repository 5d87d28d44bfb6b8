//! Tasks: moved, as alerts are ([`MongoRegistry::move_on`]), from the commit log into a collection
//! of their own, where lists are found by index.

use super::{
    connect::Mongo,
    driver::{LATER, MongoError, within},
    fold::put_newer,
    log::LogError,
    records::{RecordError, read_task},
    registry::MongoRegistry,
};
use crate::ports::{OPEN_TASKS_MAX, TaskRecord, TasksOf};
use futures::TryStreamExt as _;
use mongodb::{
    Collection,
    bson::{Document, doc},
};
use sentinel_model::{TaskId, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A task by the commit that last changed it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskDoc {
    #[serde(rename = "_id")]
    pub id: String,
    pub n: i64,
    pub number: i64,
    pub at: i64,
    pub open: bool,
    pub order: bool,
    /// The scopes that see it and the units (`unit:PC-1`) that it was assigned to.
    pub keys: Vec<String>,
    pub body: String,
}

/// One key of a task, as not every server has indexes over lists.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeyDoc {
    /// Key and task.
    #[serde(rename = "_id")]
    id: String,
    n: i64,
    key: String,
    task: String,
    number: i64,
    at: i64,
    open: bool,
    order: bool,
}

impl TaskDoc {
    pub fn of(id: &str, n: i64, body: String) -> Result<Self, RecordError> {
        let record = read_task(id, &body)?;
        Ok(Self {
            n,
            number: i64::try_from(record.number).unwrap_or(i64::MAX),
            at: record.task.created_at.ms(),
            open: !record.task.is_closed(),
            order: record.task.is_order(),
            keys: record.keys(),
            id: record.task.id.to_string(),
            body,
        })
    }

    fn key_docs(&self) -> impl Iterator<Item = KeyDoc> {
        self.keys.iter().map(|key| KeyDoc {
            id: format!("{key} {}", self.id),
            n: self.n,
            key: key.clone(),
            task: self.id.clone(),
            number: self.number,
            at: self.at,
            open: self.open,
            order: self.order,
        })
    }
}

pub struct Tasks {
    docs: Collection<TaskDoc>,
    keys: Collection<KeyDoc>,
}

impl Tasks {
    pub const DOCS: &str = "tasks";
    pub const KEYS: &str = "task_keys";

    pub async fn prepare(mongo: &Mongo) -> Result<Self, MongoError> {
        for (name, keys) in [
            (Self::DOCS, doc! { "open": 1, "at": -1, "_id": -1 }),
            (Self::DOCS, doc! { "at": -1, "_id": -1 }),
            (Self::DOCS, doc! { "number": -1 }),
            (Self::KEYS, doc! { "key": 1, "at": -1, "task": -1 }),
            (Self::KEYS, doc! { "open": 1, "at": -1 }),
        ] {
            mongo.make_collection(name).await?;
            mongo.make_index(name, keys, None).await?;
        }
        Ok(Self { docs: mongo.settled_collection(Self::DOCS), keys: mongo.settled_collection(Self::KEYS) })
    }

    /// Whoever finds a key finds its task.
    pub async fn put(&self, docs: BTreeMap<String, TaskDoc>) -> Result<(), MongoError> {
        let keys: Vec<_> = docs.values().flat_map(TaskDoc::key_docs).collect();
        let docs = docs.into_values().map(|doc| (doc.id.clone().into(), doc.n, doc));
        put_newer(&self.docs, docs.collect()).await?;
        let keys = keys.into_iter().map(|doc| (doc.id.clone().into(), doc.n, doc));
        put_newer(&self.keys, keys.collect()).await
    }

    pub async fn open_ones(&self) -> Result<Vec<TaskRecord>, LogError> {
        let open = TasksOf { is_open: Some(true), ..TasksOf::default() };
        // By some more than there may be: two nodes may have made the last ones at once.
        self.read(filter(&open, "_id", None), 2 * OPEN_TASKS_MAX).await
    }

    /// The highest number of those that are here.
    pub async fn last_number(&self) -> Result<u64, LogError> {
        let docs = self.docs.clone();
        let last =
            within(LATER, async move { docs.find_one(doc! {}).sort(doc! { "number": -1 }).await }).await?;
        Ok(last.map_or(0, |last| last.number.unsigned_abs()))
    }

    async fn find(
        &self,
        of: &TasksOf,
        behind: Option<(Time, TaskId)>,
        limit: usize,
    ) -> Result<Vec<TaskRecord>, LogError> {
        let wanted = of.keys();
        // By the one that the fewest tasks have.
        let Some(rarest) = wanted.last() else {
            return self.read(filter(of, "_id", behind), limit).await;
        };
        let (mut found, mut behind) = (Vec::new(), behind);
        loop {
            let mut these = filter(of, "task", behind);
            these.insert("key", rarest);
            let keys = self.keys.clone();
            let wished = i64::try_from(limit).unwrap_or(i64::MAX);
            let some: Vec<KeyDoc> = within(LATER, async move {
                let newest_first = doc! { "at": -1, "task": -1 };
                keys.find(these).sort(newest_first).limit(wished).await?.try_collect().await
            })
            .await?;
            let ids: Vec<&str> = some.iter().map(|key| key.task.as_str()).collect();
            let count = ids.len();
            let mut tasks = self.read(doc! { "_id": { "$in": ids } }, count).await?;
            tasks.retain(|record| wanted.iter().all(|key| record.keys().contains(key)));
            found.extend(tasks);
            let Some(last) = some.last().filter(|_| some.len() == limit && found.len() < limit) else {
                break;
            };
            let task = last.task.parse().map_err(|_| RecordError::Kind(last.id.clone()))?;
            behind = Some((Time(last.at), task));
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Newest first.
    async fn read(&self, filter: Document, limit: usize) -> Result<Vec<TaskRecord>, LogError> {
        let docs = self.docs.clone();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found: Vec<TaskDoc> = within(LATER, async move {
            docs.find(filter).sort(newest_first()).limit(limit).await?.try_collect().await
        })
        .await?;
        let read = found.into_iter().map(|doc| read_task(&doc.id, &doc.body));
        Ok(read.collect::<Result<_, _>>()?)
    }
}

pub(super) fn newest_first() -> Document {
    doc! { "at": -1, "_id": -1 }
}

/// What of it stands in tasks and in their keys, where the task's id is called `id`.
pub(super) fn filter(of: &TasksOf, id: &str, behind: Option<(Time, TaskId)>) -> Document {
    let mut filter = Document::new();
    if let Some(is_open) = of.is_open {
        filter.insert("open", is_open);
    }
    if let Some(is_order) = of.is_order {
        filter.insert("order", is_order);
    }
    if let Some((at, task)) = behind {
        let before = doc! { "at": { "$lt": at.ms() } };
        filter.insert("at", doc! { "$lte": at.ms() });
        filter.insert("$or", vec![before, doc! { "at": at.ms(), id: { "$lt": task.as_str() } }]);
    }
    filter
}

impl MongoRegistry {
    pub(super) async fn find_task(&self, id: &TaskId) -> Result<Option<TaskRecord>, LogError> {
        self.move_on().await?;
        Ok(self.tasks.read(doc! { "_id": id.as_str() }, 1).await?.pop())
    }

    pub(super) async fn find_tasks(
        &self,
        of: &TasksOf,
        behind: Option<(Time, TaskId)>,
        limit: usize,
    ) -> Result<Vec<TaskRecord>, LogError> {
        self.move_on().await?;
        self.tasks.find(of, behind, limit).await
    }

    pub(super) async fn drop_tasks_before(&self, before: Time) -> Result<(), LogError> {
        // Those that are still in the log would come after.
        self.move_on().await?;
        // The last number that was given stays, so that none is given twice; 0 is none.
        let last = i64::try_from(self.tasks.last_number().await?).unwrap_or(i64::MAX);
        let may_go = vec![doc! { "number": 0 }, doc! { "number": { "$lt": last } }];
        let old = doc! { "open": false, "at": { "$lt": before.ms() }, "$or": may_go };
        let (docs, keys) = (self.tasks.docs.clone(), self.tasks.keys.clone());
        within(LATER, async move {
            keys.delete_many(old.clone()).await?;
            docs.delete_many(old).await
        })
        .await?;
        Ok(())
    }
}
