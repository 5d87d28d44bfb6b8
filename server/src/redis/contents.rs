//! The queue and the dead letters as a backup reads them, beside nodes and workers.
//!
//! A worker deletes an entry only once the archive has it, or moves it to the dead letters
//! in one step; an operator moves a dead letter back in one step. So the dead letters are
//! read before the queue, and those that are new after it: whichever way an entry goes
//! meanwhile, it is met on one side or is in the archive by then.

use super::{
    dead::DeadLetters,
    entry::{Entry, FIELD},
    keys,
    link::Link,
    shard::{self, SHARDS},
};
use crate::ports::{DeadEntry, EngineError, QueueContents, QueueEntry};
use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use redis::{RedisResult, streams::StreamRangeReply};
use sentinel_model::{Fix, Time, UnitId};
use std::collections::HashSet;

/// Entries that are read at once.
const AT_ONCE: usize = 64;

/// Clones share a connection.
#[derive(Clone)]
pub struct RedisContents {
    link: Link,
}

/// A piece of the contents: which dead letters were met already, and what is read next.
struct Reading {
    contents: RedisContents,
    met: HashSet<String>,
    at: Option<(Part, u8, Option<String>)>,
}

#[derive(Clone, Copy)]
enum Part {
    Dead,
    Waiting,
    NewlyDead,
}

impl RedisContents {
    pub fn new(link: Link) -> Self {
        Self { link }
    }

    /// Entries of a stream behind one, or the first.
    async fn some(&self, stream: String, after: Option<&str>) -> RedisResult<StreamRangeReply> {
        let mut range = redis::cmd("XRANGE");
        range.arg(stream).arg(after.map_or_else(|| "-".to_owned(), |id| format!("({id}")));
        range.arg("+").arg("COUNT").arg(AT_ONCE).query_async(&mut self.link.clone()).await
    }
}

impl Reading {
    /// The next piece; none behind the last.
    async fn next(mut self) -> RedisResult<Option<(Vec<QueueEntry>, Self)>> {
        let Some((part, shard, after)) = self.at.take() else { return Ok(None) };
        let stream = match part {
            Part::Waiting => keys::queue(shard),
            Part::Dead | Part::NewlyDead => keys::dead(shard),
        };
        let found = self.contents.some(stream, after.as_deref()).await?.ids;
        self.at = match found.last() {
            Some(last) => Some((part, shard, Some(last.id.clone()))),
            None if shard + 1 < SHARDS => Some((part, shard + 1, None)),
            None => match part {
                Part::Dead => Some((Part::Waiting, 0, None)),
                Part::Waiting => Some((Part::NewlyDead, 0, None)),
                Part::NewlyDead => None,
            },
        };
        let mut entries = Vec::with_capacity(found.len());
        for one in found {
            let bytes: Vec<u8> = one.get(FIELD).unwrap_or_default();
            match part {
                Part::Waiting => entries.push(waiting(one.id, bytes)),
                Part::Dead | Part::NewlyDead => {
                    if self.met.insert(format!("{shard}:{}", one.id)) {
                        entries.push(QueueEntry::Dead(DeadEntry {
                            was: one.get("id").unwrap_or_default(),
                            tries: one.get("tries").unwrap_or_default(),
                            error: one.get("error").unwrap_or_default(),
                            at: Time(one.get("at").unwrap_or_default()),
                            fixes: readable(&bytes),
                            bytes,
                        }));
                    }
                }
            }
        }
        Ok(Some((entries, self)))
    }
}

fn readable(bytes: &[u8]) -> Option<(UnitId, Vec<Fix>)> {
    Entry::from_bytes(bytes).ok().map(|entry| (entry.unit, entry.fixes))
}

fn waiting(id: String, bytes: Vec<u8>) -> QueueEntry {
    match Entry::from_bytes(&bytes) {
        Ok(Entry { unit, fixes }) => QueueEntry::Waiting { unit, fixes },
        // As a worker would, at the time at which it was added.
        Err(error) => QueueEntry::Dead(DeadEntry {
            at: Time(id.split_once('-').and_then(|(ms, _)| ms.parse().ok()).unwrap_or_default()),
            was: id,
            tries: 0,
            error: error.to_string(),
            bytes,
            fixes: None,
        }),
    }
}

#[async_trait]
impl QueueContents for RedisContents {
    fn contents(&self) -> BoxStream<'static, Result<QueueEntry, EngineError>> {
        let begin = Reading { contents: self.clone(), met: HashSet::new(), at: Some((Part::Dead, 0, None)) };
        stream::try_unfold(begin, |reading| async move {
            reading.next().await.map_err(EngineError::during("reading the queue"))
        })
        .map_ok(|entries| stream::iter(entries.into_iter().map(Ok)))
        .try_flatten()
        .boxed()
    }

    async fn put_dead(&self, entry: DeadEntry) -> Result<(), EngineError> {
        let shard = Entry::unit_of(&entry.bytes).map_or(0, |unit| shard::of(&unit));
        let mut add = redis::cmd("XADD");
        add.arg(keys::dead(shard)).arg("*").arg("id").arg(entry.was).arg("tries").arg(entry.tries);
        add.arg("error").arg(entry.error).arg("at").arg(entry.at.0).arg(FIELD).arg(entry.bytes);
        let added = add.exec_async(&mut self.link.clone()).await;
        added.map_err(EngineError::during("storing a dead letter"))
    }

    async fn is_empty(&self) -> Result<bool, EngineError> {
        let counting = async {
            let dead = DeadLetters::new(self.link.clone()).count().await?;
            Ok::<_, redis::RedisError>(dead + super::backlog::waiting(&self.link).await? == 0)
        };
        counting.await.map_err(EngineError::during("counting what waits in the queue"))
    }
}
