//! A Redis of the test's own, an intake, workers, and the archive.

use async_trait::async_trait;
use parking_lot::Mutex;
use sentinel_model::{Fix, Time, UnitId};
use sentinel_server::{
    memory::MemoryArchive,
    ports::{Archive as _, ArchiveWriter, EngineError, Intake, IntakeError, StoreError, TimeRange},
    redis::{Address, DeadLetter, DeadLetters, Link, QueueLimits, RedisIntake, shard::SHARDS, waiting},
    worker::{Worker, WorkerOptions},
};
use sentinel_services::{Redis, RedisOptions};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub const NOW: Time = Time(1_795_226_400_000);

pub fn unit(text: &str) -> UnitId {
    text.parse().expect("a good id")
}

pub fn fix(seconds: i64) -> Fix {
    Fix {
        time: NOW.plus_ms(seconds * 1000),
        received_at: NOW,
        latitude: 9.9,
        longitude: 76.25,
        speed_mps: Some(4.5),
        heading_deg: None,
        accuracy_m: None,
        altitude_m: None,
        battery: None,
        uuid: None,
        event: None,
        extras: None,
    }
}

pub struct Stage {
    pub redis: Redis,
    pub link: Link,
    pub archive: Arc<Trial>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Stage {
    pub async fn new() -> Option<Self> {
        Self::with(RedisOptions::default()).await
    }

    pub async fn with(options: RedisOptions) -> Option<Self> {
        let redis = sentinel_services::redis_with(options)?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let address: Address = redis.url().parse().expect("an address");
        let link = Link::open(&address, &tasks, stop.clone()).await.expect("connects");
        Some(Self { redis, link, archive: Arc::default(), tasks, stop })
    }

    pub async fn intake(&self, backlog: u64) -> Arc<RedisIntake> {
        let limits = QueueLimits { backlog, ..QueueLimits::default() };
        let intake = RedisIntake::start(self.link.clone(), limits, &self.tasks, self.stop.clone()).await;
        Arc::new(intake.expect("starts"))
    }

    /// Quick to notice that another is dead, as tests have no half minute.
    pub fn options(name: &str) -> WorkerOptions {
        WorkerOptions {
            lease: Duration::from_secs(3),
            look_every: Duration::from_millis(200),
            refused_after: Duration::from_millis(10),
            ..WorkerOptions::named(name)
        }
    }

    pub fn worker(&self, name: &str) -> Working {
        self.worker_with(Self::options(name))
    }

    pub fn worker_with(&self, options: WorkerOptions) -> Working {
        self.worker_over(self.archive.clone(), options)
    }

    pub fn worker_over(&self, writer: Arc<dyn ArchiveWriter>, options: WorkerOptions) -> Working {
        let address = self.redis.url().parse().expect("an address");
        self.start(Worker { address, writer, looks: None, options })
    }

    pub fn start(&self, worker: Worker) -> Working {
        let stop = self.stop.child_token();
        let stopping = stop.clone();
        let task = tokio::spawn(worker.run(stopping));
        Working { task, stop }
    }

    pub async fn waiting(&self) -> u64 {
        waiting(&self.link).await.unwrap_or(u64::MAX)
    }

    /// Shard, worker and deliveries of each entry that was delivered and is not done.
    pub fn pending(&self) -> Vec<(u8, String, u64)> {
        let of_shard = |shard| {
            let queue = format!("in:{{{shard}}}");
            let said = self.redis.cli(&["XPENDING", &queue, "archive", "-", "+", "1000"]);
            let lines: Vec<&str> = said.lines().collect();
            // Id, consumer, since when, deliveries; nothing, or an error, is no such four.
            let each = lines.chunks_exact(4);
            let each = each.map(|one| (shard, one[1].to_owned(), one[3].parse().expect("a number")));
            each.collect::<Vec<_>>()
        };
        (0..SHARDS).flat_map(of_shard).collect()
    }

    /// Until nothing waits any more.
    pub async fn settled(&self) {
        eventually("the queue is empty", async || self.waiting().await == 0).await;
    }

    pub async fn dead(&self) -> Vec<DeadLetter> {
        let letters = DeadLetters::new(self.link.clone());
        let mut all = Vec::new();
        for shard in 0..SHARDS {
            all.extend(letters.some(shard, None).await.expect("reads"));
        }
        all
    }

    /// Puts this into a shard as if it had been taken.
    pub fn put(&self, shard: u8, bytes: &str) {
        self.redis.cli(&["XADD", &format!("in:{{{shard}}}"), "*", "b", bytes]);
    }
}

pub struct Working {
    pub task: JoinHandle<Result<(), EngineError>>,
    stop: CancellationToken,
}

impl Working {
    /// As kill -9 does: from one moment to the next, with all that it does.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err_and(|error| error.is_cancelled()));
    }

    pub async fn end(self) {
        self.stop.cancel();
        self.outcome().await.expect("it ends well");
    }

    pub async fn outcome(self) -> Result<(), EngineError> {
        self.task.await.expect("it does not panic itself")
    }
}

/// An archive that is away, refuses, or holds a write up, as a test wants it.
pub struct Trial {
    pub memory: MemoryArchive,
    pub away: AtomicBool,
    /// Units that it refuses.
    pub refused: Mutex<BTreeSet<UnitId>>,
    /// It refuses everything.
    pub refuses: AtomicBool,
    /// The unit that ends a worker which tries it.
    pub kills: Mutex<Option<UnitId>>,
    /// What waits for the test before it is stored, and what then waits after it is.
    pub before: Semaphore,
    pub after: Semaphore,
    pub calls: AtomicUsize,
    pub probes: AtomicUsize,
}

impl Default for Trial {
    fn default() -> Self {
        let open = || Semaphore::new(Semaphore::MAX_PERMITS);
        Self {
            memory: MemoryArchive::default(),
            away: AtomicBool::default(),
            refused: Mutex::default(),
            refuses: AtomicBool::default(),
            kills: Mutex::default(),
            before: open(),
            after: open(),
            calls: AtomicUsize::default(),
            probes: AtomicUsize::default(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("as the test wants it")]
struct AsWanted;

#[async_trait]
impl ArchiveWriter for Trial {
    async fn store(&self, batch: Vec<(UnitId, Vec<Fix>)>) -> Result<(), StoreError> {
        self.calls.fetch_add(1, SeqCst);
        let _before = self.before.acquire().await.expect("open");
        if self.away.load(SeqCst) {
            return Err(StoreError::Away(EngineError::new("storing fixes", AsWanted)));
        }
        let has = |unit: &UnitId| batch.iter().any(|(of, _)| of == unit);
        assert!(
            !self.kills.lock().as_ref().is_some_and(has),
            "this entry ends the worker, as the test wants it"
        );
        if self.refuses.load(SeqCst) || self.refused.lock().iter().any(has) {
            return Err(StoreError::Refused(EngineError::new("storing fixes", AsWanted)));
        }
        self.memory.store(batch).await?;
        let _after = self.after.acquire().await.expect("open");
        Ok(())
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.probes.fetch_add(1, SeqCst);
        match self.refuses.load(SeqCst) {
            true => Err(StoreError::Refused(EngineError::new("probing", AsWanted))),
            false => Ok(()),
        }
    }
}

impl Trial {
    pub async fn seconds(&self, of: &str) -> Vec<i64> {
        let fixes = self.memory.fixes(&unit(of), TimeRange::ALL, usize::MAX).await.expect("reads");
        fixes.iter().map(|fix| fix.time.ms_since(NOW) / 1000).collect()
    }
}

pub async fn accept(intake: &RedisIntake, of: &str, seconds: impl IntoIterator<Item = i64>) {
    intake.accept(&unit(of), seconds.into_iter().map(fix).collect()).await.expect("accepted");
}

/// As a device does it: what is not answered is sent again, until it is.
pub async fn accept_at_last(intake: &RedisIntake, of: &UnitId, fixes: &[Fix]) -> usize {
    let mut refusals = 0;
    loop {
        match intake.accept(of, fixes.to_vec()).await {
            Ok(_) => return refusals,
            Err(IntakeError::Stopping) => panic!("nobody stops it"),
            Err(_) => refusals += 1,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap_or_else(|_| panic!("never came: {what}"));
}
