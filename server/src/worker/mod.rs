//! Workers move what was taken from the queue into the archive.
//!
//! Any number of them, on any machine. They divide the shards of the queue: one worker at a
//! time reads a shard, so what a unit posted is dealt with by one process, in order. An entry
//! stays in Redis until that worker says that the archive has it:
//!
//! - [`seats`]: which shards are this worker's, by leases in Redis
//! - [`tenure`]: the time in which one is, and what is held of it
//! - [`reader`]: one a shard; takes over what others were given and have not dealt with, then
//!   reads what is new
//! - [`store`]: gathers entries of all shards into batches; the archive has them, then they
//!   leave the queue
//! - [`looks`]: who looks at what is archived, before it leaves the queue
//! - [`refused`]: what the archive refuses, and takes later or not at all
//! - [`hands`]: how much this worker holds
//! - [`args`], [`dead`]: `sentinel worker`, `sentinel dead`
//!
//! So an entry is stored at least once, and as the archive keeps each fix once, exactly
//! once. A worker that stood still for longer than its leases last may store again what
//! another has taken over: that is all that a lease does not prevent, and it does no harm.
//! While the archive is away everything waits. What the archive refuses alone, for
//! minutes in which it takes other things, goes to the dead letters with its error; it
//! stands in nobody's way.

pub use looks::Looks;

pub mod args;
pub mod dead;
mod hands;
mod looks;
mod reader;
mod refused;
mod seats;
mod store;
mod tenure;

use crate::{
    ports::{ArchiveWriter, EngineError},
    redis::{Address, Link, Owners, Queue, shard::SHARDS},
};
use futures::future::{join3, try_join_all};
use hands::Hands;
use parking_lot::Mutex;
use reader::Reader;
use seats::Seats;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use store::Storing;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Entries on their way from the readers to the archive; how many bytes is bounded in `hands`.
const QUEUED_MAX: usize = 1024;
/// Entries that were refused, on their way to where they are tried again.
const REFUSED_MAX: usize = 64;

pub struct Worker {
    pub address: Address,
    pub writer: Arc<dyn ArchiveWriter>,
    pub looks: Option<Arc<dyn Looks>>,
    pub options: WorkerOptions,
}

/// What keeps a worker from its work.
#[derive(Debug, Default)]
pub struct QueueTrouble {
    /// Why the queue cannot be read, of each shard where that is so.
    shards: Mutex<BTreeMap<u8, String>>,
    /// Why it does not know of the other workers.
    list: Mutex<Option<String>>,
}

impl QueueTrouble {
    fn begins(&self, shard: u8, error: &redis::RedisError) {
        self.shards.lock().insert(shard, error.to_string());
    }

    fn ends(&self, shard: u8) {
        self.shards.lock().remove(&shard);
    }

    fn list(&self, error: Option<&redis::RedisError>) {
        *self.list.lock() = error.map(ToString::to_string);
    }

    /// For `/readyz`.
    pub fn words(&self) -> Option<String> {
        let failing = self.shards.lock();
        if let Some(error) = failing.values().next() {
            return Some(format!("the queue cannot be read ({} of {SHARDS} shards): {error}", failing.len()));
        }
        let list = self.list.lock();
        list.as_ref().map(|error| format!("the queue cannot be divided with other workers: {error}"))
    }
}

#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Its name among the workers. One that starts again under the same name goes on at
    /// once with what it held; two that run at a time must not share one.
    pub name: String,
    /// How long a worker may be silent before others take over its shards; and how long they
    /// wait at most for one that is theirs by now.
    pub lease: Duration,
    /// How often a reader looks for what was delivered and is in nobody's hands.
    pub look_every: Duration,
    /// How long a batch may gather.
    pub gather: Duration,
    /// How often the archive may refuse an entry, while it takes others, before it is given up.
    pub tries: u64,
    /// How long after the first refusal it is tried again; after each more, three times as long.
    pub refused_after: Duration,
    /// Where it says what keeps it from reading.
    pub trouble: Arc<QueueTrouble>,
}

impl WorkerOptions {
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            lease: Duration::from_secs(6),
            look_every: Duration::from_secs(10),
            gather: Duration::from_millis(20),
            // After 5, 15, 45 and 135 seconds: longer than a disk is full or a server starts anew.
            tries: 5,
            refused_after: Duration::from_secs(5),
            trouble: Arc::default(),
        }
    }
}

impl Worker {
    /// Works until `stop`, then stores what it holds, as far as the archive takes it.
    pub async fn run(self, stop: CancellationToken) -> Result<(), EngineError> {
        let Self { address, writer, looks, options } = self;
        let stop = stop.child_token();
        // Connections end after everything that uses them.
        let tasks = TaskTracker::new();
        let connections = CancellationToken::new();
        let _end_connections = connections.clone().drop_guard();
        let open = || Link::open(&address, &tasks, connections.clone());
        let link = open().await?;
        // A read that waits holds its connection up, so each reader has its own.
        let reading = try_join_all((0..SHARDS).map(|_| open())).await?;

        let queues: Vec<Queue> =
            (0..SHARDS).map(|shard| Queue::new(link.clone(), shard, &options.name)).collect();
        let owners = Owners::new(link.clone(), &options.name, options.lease);
        let mut seats = Seats::new(owners, &queues, &options);
        let (refuse, refused) = mpsc::channel(REFUSED_MAX);
        let storing = Storing {
            writer,
            looks,
            queues: queues.clone(),
            hands: Hands::default(),
            refused: refuse,
            options: options.clone(),
            stop: stop.clone(),
        };
        let storing = Arc::new(storing);
        let (out, delivered) = mpsc::channel(QUEUED_MAX);
        let mut readers = JoinSet::new();
        for (shard, link) in (0..SHARDS).zip(reading) {
            let reader = Reader {
                queue: Queue::new(link, shard, &options.name),
                shard,
                seat: seats.follow(shard),
                out: out.clone(),
                storing: storing.clone(),
                options: options.clone(),
                stop: stop.clone(),
            };
            readers.spawn(reader.run());
        }
        drop(out);
        let trying = refused::run(storing.clone(), refused);
        let reading = async {
            let mut outcome = Ok(());
            while let Some(ended) = readers.join_next().await {
                if ended.is_err() {
                    // Without one of them a shard would wait for ever.
                    stop.cancel();
                    outcome = ended.map_err(EngineError::during("reading the queue"));
                }
            }
            outcome
        };
        let outcome = tokio::select! {
            (read, stored, tried) = join3(reading, storing.run(delivered), trying) => read.and(stored).and(tried),
            () = seats.keep() => Ok(()),
        };
        seats.leave(outcome.is_ok()).await;
        for queue in &queues {
            // Where Redis is away, the others forget it some time.
            queue.leave().await.ok();
        }
        outcome
    }
}
