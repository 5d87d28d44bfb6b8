//! Durable acceptance into Redis Streams, sharded by unit.
//!
//! A submission is one XADD, so it is taken whole or not at all. What waits goes out as one
//! pipeline ([`lanes`](super::lanes)), and each submission is answered for itself. What Redis answered lies
//! in its append-only file, as its policy has it ([`durability`](super::durability)), until
//! a worker has moved it to the archive and deletes it; nothing else ever trims a stream.
//! Where a connection is lost with pipelines on their way, what became of them is not known:
//! devices send again, and the archive has each fix once.

use super::{
    backlog::Backlog,
    durability::Durability,
    entry::{Entry, FIELD},
    keys,
    lanes::{Lanes, Traffic},
    line::timed_out,
    link::Link,
    queue::Queue,
    shard::{self, SHARDS},
};
use crate::ports::{EngineError, Intake, IntakeError, Receipt};
use async_trait::async_trait;
use futures::future::try_join_all;
use redis::{RedisError, RedisResult, Value};
use sentinel_model::{Fix, UnitId};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Entries of one pipeline: beyond it Redis gets no faster, and the first waits for the last.
const TOGETHER: usize = 32;
/// Pipelines of a lane that are on their way at once.
const ON_THEIR_WAY: usize = 2;
/// Beyond this nobody waits, be it for those before it; a command alone ends sooner.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Submissions that may wait in this process, and of how many KiB.
    pub queue: usize,
    pub queue_kib: u32,
    /// Entries that may wait in Redis for the archive, of all nodes together.
    pub backlog: u64,
    /// Take a Redis that may lose what it answered.
    pub allow_volatile: bool,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { queue: 16 * 1024, queue_kib: 64 * 1024, backlog: 200_000, allow_volatile: false }
    }
}

pub struct RedisIntake {
    lanes: Lanes<Submission>,
    /// Of all lanes together.
    queue: u64,
    queue_kib: u32,
    room: Arc<Semaphore>,
    waiting: Arc<AtomicU64>,
    backlog: Arc<Backlog>,
    durability: Arc<Durability>,
}

struct Submission {
    shard: u8,
    entry: Vec<u8>,
    answer: oneshot::Sender<Result<(), IntakeError>>,
    _waiting: Waiting,
    _room: OwnedSemaphorePermit,
}

/// Counts a submission from when it is made until it is dropped.
struct Waiting(Arc<AtomicU64>);

impl Waiting {
    fn one_of(count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl RedisIntake {
    /// Looks at how Redis keeps what it answers, and begins to take. With `stop` it takes no
    /// more, answers what it has taken, and its tasks end.
    pub async fn start(
        link: Link,
        limits: QueueLimits,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, EngineError> {
        let durability = Arc::new(Durability::check(&link, limits.allow_volatile).await?);
        // Before the first entry: once Redis is full, workers could not make it.
        let joining = (0..SHARDS).map(|shard| {
            let queue = Queue::new(link.clone(), shard, "");
            async move { queue.join().await }
        });
        try_join_all(joining).await.map_err(EngineError::during("making the queue"))?;
        let backlog = Arc::new(Backlog::new(limits.backlog));
        tasks.spawn({
            let (durability, link, stop) = (durability.clone(), link.clone(), stop.clone());
            async move { durability.watch(&link, stop).await }
        });
        tasks.spawn({
            let (backlog, link, stop) = (backlog.clone(), link.clone(), stop.clone());
            async move { backlog.watch(&link, stop).await }
        });
        let traffic = Traffic { waiting: limits.queue, together: TOGETHER, at_once: ON_THEIR_WAY };
        let took = metrics::histogram!("sentinel_commit_seconds");
        let adding = Arc::new(Adding { link: link.clone(), backlog: backlog.clone(), took });
        let send = move |_, group| {
            let adding = adding.clone();
            async move { adding.add(group).await }
        };
        let lanes = Lanes::start(&link, traffic, send, tasks, &stop);
        let (queue_kib, room) = (limits.queue_kib, Arc::new(Semaphore::new(limits.queue_kib as usize)));
        let queue = limits.queue as u64;
        Ok(Self { lanes, queue, queue_kib, room, waiting: Arc::default(), backlog, durability })
    }

    /// What takes the positions and what its answer is worth, for `/readyz`.
    pub fn describe(&self) -> String {
        self.durability.described()
    }

    /// Why requests should rather not come here: Redis may lose what it answers.
    pub fn trouble(&self) -> Option<String> {
        self.durability.trouble()
    }

    /// What an operator should know of meanwhile.
    pub fn degraded(&self) -> Vec<String> {
        let queue = self.backlog.trouble().into_iter().chain(self.backlog.lateness());
        queue.chain(self.durability.weaknesses()).collect()
    }

    /// Room for an entry, where there is some: one alone may be larger than all of it.
    fn room_for(&self, entry: &[u8]) -> Result<OwnedSemaphorePermit, IntakeError> {
        let kib = u32::try_from(entry.len() / 1024 + 1).unwrap_or(u32::MAX).min(self.queue_kib);
        self.room.clone().try_acquire_many_owned(kib).map_err(|_| IntakeError::Full)
    }
}

#[async_trait]
impl Intake for RedisIntake {
    async fn accept(&self, unit: &UnitId, fixes: Vec<Fix>) -> Result<Receipt, IntakeError> {
        if fixes.is_empty() {
            return Ok(Receipt::default());
        }
        if self.backlog.is_full() || self.queued() >= self.queue {
            return Err(IntakeError::Full);
        }
        let (entry, receipt) = Entry::of(unit, fixes);
        let entry = entry.to_bytes().map_err(|error| IntakeError::Store(error.into()))?;
        let (answer, answered) = oneshot::channel();
        let shard = shard::of(unit);
        let (room, waiting) = (self.room_for(&entry)?, Waiting::one_of(&self.waiting));
        let submission = Submission { shard, entry, answer, _waiting: waiting, _room: room };
        self.lanes.of(shard).try_send(submission).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => IntakeError::Full,
            mpsc::error::TrySendError::Closed(_) => IntakeError::Stopping,
        })?;
        match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(answer) => answer.unwrap_or(Err(IntakeError::Stopping)).map(|()| receipt),
            Err(_) => Err(refusal(timed_out())),
        }
    }

    fn queued(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    fn is_alive(&self) -> bool {
        self.lanes.are_open()
    }

    async fn drain(&self) {
        while self.queued() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// What a lane does.
struct Adding {
    link: Link,
    backlog: Arc<Backlog>,
    took: metrics::Histogram,
}

impl Adding {
    /// Adds a group, and answers each.
    async fn add(&self, mut group: Vec<Submission>) {
        // Whoever gave up has had no answer, and sends again.
        group.retain(|one| !one.answer.is_closed());
        if group.is_empty() {
            return;
        }
        let begun = Instant::now();
        let mut pipeline = redis::Pipeline::with_capacity(group.len());
        for one in &group {
            pipeline.cmd("XADD").arg(keys::queue(one.shard)).arg("*").arg(FIELD).arg(&one.entry);
        }
        pipeline.ignore_errors();
        let outcome = pipeline.query_async::<Vec<RedisResult<Value>>>(&mut self.link.clone()).await;
        self.took.record(begun.elapsed());
        match outcome {
            Ok(outcomes) => {
                self.backlog.added(outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u64);
                for (one, outcome) in group.into_iter().zip(outcomes) {
                    // A requester that hung up sends again, and history has it once.
                    one.answer.send(outcome.map(drop).map_err(refusal)).ok();
                }
            }
            Err(error) => {
                for one in group {
                    one.answer.send(Err(refusal(error.clone()))).ok();
                }
            }
        }
    }
}

/// What a device is told of an error.
fn refusal(error: RedisError) -> IntakeError {
    let answered = matches!(error.kind(), redis::ErrorKind::Server(_) | redis::ErrorKind::Extension);
    match error.code() {
        Some("OOM") => IntakeError::Full,
        _ if answered => IntakeError::Store(error.into()),
        _ => IntakeError::Unknown(error.into()),
    }
}
