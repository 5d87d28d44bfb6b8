//! Workers move what was taken from the queue into the archive.
//!
//! Any number of them, on any machine. Each entry is delivered to one of them and stays in
//! Redis until that one says that the archive has it:
//!
//! - [`reader`]: one a shard; reads what is new, and takes over what a dead worker held
//! - [`store`]: gathers entries of all shards into batches; the archive has them, then they
//!   leave the queue
//! - [`looks`]: who looks at what is archived, in the order of the queue
//! - [`refused`]: what the archive refuses, and takes later or not at all
//! - [`hands`]: what this worker holds, which it tells the others while it lasts
//! - [`args`], [`dead`]: `sentinel worker`, `sentinel dead`
//!
//! So an entry is stored at least once, and as the archive keeps each fix once, exactly
//! once. While the archive is away everything waits. What the archive refuses alone, for
//! minutes in which it takes other things, goes to the dead letters with its error; it
//! stands in nobody's way.

pub use looks::Looks;

pub mod args;
pub mod dead;
mod hands;
mod looks;
mod reader;
mod refused;
mod store;

use crate::{
    ports::{ArchiveWriter, EngineError},
    redis::{Address, Link, Queue, shard::SHARDS},
};
use futures::future::{join3, try_join_all};
use hands::Hands;
use parking_lot::Mutex;
use reader::Reader;
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

/// Why the queue cannot be read, of each shard where that is so.
#[derive(Debug, Default)]
pub struct QueueTrouble(Mutex<BTreeMap<u8, String>>);

impl QueueTrouble {
    fn begins(&self, shard: u8, error: &redis::RedisError) {
        self.0.lock().insert(shard, error.to_string());
    }

    fn ends(&self, shard: u8) {
        self.0.lock().remove(&shard);
    }

    /// For `/readyz`.
    pub fn words(&self) -> Option<String> {
        let failing = self.0.lock();
        let error = failing.values().next()?;
        Some(format!("the queue cannot be read ({} of {SHARDS} shards): {error}", failing.len()))
    }
}

#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Its name among the consumers. One that starts again under the same name goes on at
    /// once with what it held; two that run at a time must not share one.
    pub name: String,
    /// How long a worker may be silent before others take over what it holds.
    pub idle: Duration,
    /// How often they look.
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
            idle: Duration::from_secs(30),
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
        let hands = Arc::new(Hands::default());
        let (refuse, refused) = mpsc::channel(REFUSED_MAX);
        let storing = Storing {
            writer,
            looks,
            queues: queues.clone(),
            hands: hands.clone(),
            refused: refuse,
            options: options.clone(),
            stop: stop.clone(),
        };
        let storing = Arc::new(storing);
        let (out, delivered) = mpsc::channel(QUEUED_MAX);
        let mut readers = JoinSet::new();
        for (shard, link) in (0..SHARDS).zip(reading) {
            let queue = Queue::new(link, shard, &options.name);
            let (out, storing) = (out.clone(), storing.clone());
            readers.spawn(
                Reader { queue, shard, out, storing, options: options.clone(), stop: stop.clone() }.run(),
            );
        }
        drop(out);
        let trying = refused::run(storing.clone(), refused);
        let keeping = hands::keep(&hands, &queues, options.idle / 3);
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
            () = keeping => Ok(()),
        };
        for queue in &queues {
            // Where Redis is away, the others forget it some time.
            queue.leave().await.ok();
        }
        outcome
    }
}
