//! From the readers into the archive, in batches; and only then out of the queue.

use super::{
    WorkerOptions,
    hands::{Hands, Held},
    looks::{Looks, Turn, Turns},
    refused::Refusal,
};
use crate::{
    clock::Clock,
    ports::{ArchiveWriter, EngineError, StoreError},
    redis::{Entry, EntryId, Queue},
};
use futures::{StreamExt as _, stream::FuturesUnordered};
use sentinel_model::{Fix, UnitId};
use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

/// A batch ends with this many bytes: some ten thousand fixes.
const BATCH_BYTES: usize = 512 * 1024;
/// Batches that are stored at once.
const AT_ONCE: usize = 4;
/// Units that are looked at at once.
const LOOKED_AT_AT_ONCE: usize = 32;
const RETRY_AFTER: Duration = Duration::from_millis(50);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(5);
/// How often it is said that the archive is still away.
const SAY_EVERY: Duration = Duration::from_secs(60);

pub struct Storing {
    pub writer: Arc<dyn ArchiveWriter>,
    pub looks: Option<Arc<dyn Looks>>,
    /// One a shard.
    pub queues: Vec<Queue>,
    pub hands: Hands,
    /// Where what was refused alone is tried again.
    pub refused: mpsc::Sender<Refusal>,
    pub options: WorkerOptions,
    pub stop: CancellationToken,
}

type Batch = Vec<(UnitId, Vec<Fix>)>;

pub(super) enum Outcome {
    Stored,
    Refused(String),
    /// The worker stops while the archive is away.
    Left,
}

impl Storing {
    /// Until there are no more readers. A batch that ends in a panic ends the worker: its
    /// entries stay in these hands until then, and whoever takes them over is warned by
    /// their count of deliveries.
    pub async fn run(self: Arc<Self>, mut delivered: mpsc::Receiver<Held>) -> Result<(), EngineError> {
        let mut outcome = Ok(());
        let mut storing = JoinSet::new();
        let (mut turns, mut next) = (Turns::default(), None);
        while let Some(batch) = self.gather(&mut delivered, &mut next).await {
            let turn = turns.next();
            while storing.len() >= AT_ONCE
                && let Some(ended) = storing.join_next().await
            {
                see(&mut outcome, ended);
            }
            let this = self.clone();
            storing.spawn(async move {
                let stop_at_a_panic = this.stop.clone().drop_guard();
                this.batch(batch, turn).await;
                stop_at_a_panic.disarm();
            });
        }
        while let Some(ended) = storing.join_next().await {
            see(&mut outcome, ended);
        }
        outcome
    }

    /// What is tried alone is a batch of its own; `next` keeps it while the one before it goes.
    async fn gather(
        &self,
        delivered: &mut mpsc::Receiver<Held>,
        next: &mut Option<Held>,
    ) -> Option<Vec<Held>> {
        let first = match next.take() {
            Some(first) => first,
            None => delivered.recv().await?,
        };
        let mut bytes = first.entry.bytes.len();
        let is_alone = first.is_alone();
        let mut batch = vec![first];
        let until = tokio::time::sleep(self.options.gather);
        tokio::pin!(until);
        while bytes < BATCH_BYTES && !is_alone {
            tokio::select! {
                held = delivered.recv() => match held {
                    Some(alone) if alone.is_alone() => {
                        *next = Some(alone);
                        break;
                    }
                    Some(held) => {
                        bytes += held.entry.bytes.len();
                        batch.push(held);
                    }
                    None => break,
                },
                () = &mut until => break,
            }
        }
        Some(batch)
    }

    /// Stores these, or finds those that cannot be stored.
    async fn batch(&self, batch: Vec<Held>, turn: Turn) {
        let mut entries = Vec::with_capacity(batch.len());
        let mut read = Vec::with_capacity(batch.len());
        for held in batch.iter().filter(|held| !held.tenure.is_over()) {
            match Entry::from_bytes(&held.entry.bytes) {
                Ok(entry) => {
                    entries.push(held);
                    read.push(entry);
                }
                Err(error) => self.give_up(&Refusal::of(held, chain(&error)), 0).await,
            }
        }
        let mut ready = Some(by_unit(read));
        let (mut pieces, mut stored) = (vec![entries.as_slice()], Vec::with_capacity(entries.len()));
        while let Some(piece) = pieces.pop() {
            match (self.store(piece, ready.take()).await, piece) {
                (Outcome::Stored, _) => stored.extend_from_slice(piece),
                (Outcome::Left, _) => return,
                (Outcome::Refused(error), [held]) => tokio::select! {
                    // Whoever tries ends only when the worker does.
                    _ = self.refused.send(Refusal::of(held, error)) => {}
                    () = self.stop.cancelled() => return,
                },
                (Outcome::Refused(_), _) => {
                    let (first, rest) = piece.split_at(piece.len() / 2);
                    pieces.extend([rest, first]);
                }
            }
        }
        self.stored(&stored, Some(turn)).await;
    }

    /// As often as it takes while the archive is away. What is another's by then is left out,
    /// and stays another's.
    pub(super) async fn store(&self, entries: &[&Held], mut ready: Option<Batch>) -> Outcome {
        let mut said = None::<Instant>;
        for tries in 1.. {
            let batch = ready.take().unwrap_or_else(|| by_unit(still_held(entries).filter_map(decoded)));
            if batch.is_empty() {
                return Outcome::Stored;
            }
            match self.writer.store(batch).await {
                Ok(()) => return Outcome::Stored,
                Err(StoreError::Refused(error)) => return Outcome::Refused(chain(&error)),
                Err(StoreError::Away(error)) => {
                    if said.is_none_or(|said| said.elapsed() > SAY_EVERY) {
                        said = Some(Instant::now());
                        tracing::warn!(
                            error = chain(&error),
                            "the archive is away; what was taken waits in the queue"
                        );
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(backoff(tries)) => {}
                () = self.stop.cancelled() => return Outcome::Left,
            }
        }
        Outcome::Left
    }

    /// The archive has these: they are looked at, where somebody looks, and leave the queue.
    /// What cannot be looked at before the worker stops, or its shard is another's, stays there.
    pub(super) async fn stored(&self, entries: &[&Held], mut turn: Option<Turn>) {
        let entries: Vec<&Held> = still_held(entries).collect();
        let Some(looks) = &self.looks else { return self.done(&entries).await };
        if let Some(turn) = &mut turn
            && !turn.comes().await
        {
            return;
        }
        let mut units = HashMap::<UnitId, Posted>::new();
        for held in still_held(&entries) {
            if held.tenure.is_first_look() {
                looks.begin(held.entry.shard);
            }
            if let Some(Entry { unit, fixes }) = decoded(held) {
                let posted = units.entry(unit).or_default();
                posted.entries.push(held);
                posted.fixes.extend(fixes);
            }
        }
        let (mut looking, mut looked) = (FuturesUnordered::new(), Vec::new());
        for (unit, posted) in units {
            looking.push(self.look(&**looks, unit, posted));
            if looking.len() >= LOOKED_AT_AT_ONCE {
                looked.extend(looking.next().await);
            }
        }
        looked.extend(looking.collect::<Vec<_>>().await);
        let all = looked.iter().all(Option::is_some);
        self.done(&looked.into_iter().flatten().flatten().collect::<Vec<_>>()).await;
        // What a worker that stops has not looked at comes before what is in later batches.
        if let Some(turn) = turn.filter(|_| all || !self.stop.is_cancelled()) {
            turn.ends();
        }
    }

    /// As often as it takes; answers the entries, or none where the worker stops before, or they
    /// are another's.
    async fn look<'a>(&self, looks: &dyn Looks, unit: UnitId, posted: Posted<'a>) -> Option<Vec<&'a Held>> {
        let mut said = None::<Instant>;
        for tries in 1.. {
            let Err(error) = looks.look(&unit, &posted.fixes).await else { break };
            if said.is_none_or(|said| said.elapsed() > SAY_EVERY) {
                said = Some(Instant::now());
                let (error, unit) = (chain(&error), unit.as_str());
                tracing::warn!(error, unit, "what is archived could not be looked at; it is tried again");
            }
            tokio::select! {
                () = tokio::time::sleep(backoff(tries)) => {}
                () = self.stop.cancelled() => return None,
            }
            still_held(&posted.entries).next()?;
        }
        Some(posted.entries)
    }

    /// Out of the queue, as the archive has them.
    async fn done(&self, entries: &[&Held]) {
        let now = Clock::system().now().0;
        let lag = metrics::histogram!("sentinel_archive_lag_seconds");
        let mut shards = BTreeMap::<u8, Vec<EntryId>>::new();
        for Held { entry, .. } in entries {
            if let Some(added) = entry.added_ms() {
                lag.record(Duration::from_millis(now.saturating_sub(added).try_into().unwrap_or(0)));
            }
            shards.entry(entry.shard).or_default().push(entry.id.clone());
        }
        metrics::counter!("sentinel_archive_entries_total").increment(entries.len() as u64);
        for (shard, ids) in shards {
            for tries in 1.. {
                let Err(error) = self.queues[usize::from(shard)].done(&ids).await else { break };
                if tries == 1 {
                    tracing::warn!(%error, shard, "what is archived could not be taken out of the queue yet");
                }
                tokio::select! {
                    () = tokio::time::sleep(backoff(tries)) => {}
                    // Whoever takes them over stores them again, and the archive has them once.
                    () = self.stop.cancelled() => return,
                }
            }
        }
        for held in entries {
            held.tenure.release(&held.entry.id);
        }
    }

    pub(super) async fn give_up(&self, refusal: &Refusal, tries: u64) {
        let Refusal { shard, id, tenure, unit, error } = refusal;
        let unit = unit.as_ref().map(UnitId::as_str);
        tracing::error!(unit, shard, %id, tries, error, "an entry cannot be archived; see `sentinel dead list`");
        metrics::counter!("sentinel_archive_given_up_total").increment(1);
        let queue = &self.queues[usize::from(*shard)];
        if let Err(error) = queue.bury(id, tries, error, Clock::system().now().0).await {
            tracing::warn!(%error, "it could not be put among the dead letters; it is tried again");
        }
        tenure.release(id);
    }
}

/// What a unit posted, and the entries in which it did.
#[derive(Default)]
struct Posted<'a> {
    entries: Vec<&'a Held>,
    fixes: Vec<Fix>,
}

fn still_held<'a>(entries: &[&'a Held]) -> impl Iterator<Item = &'a Held> {
    entries.iter().copied().filter(|held| !held.tenure.is_over())
}

/// A task that ended in a panic ends the worker with this.
pub(super) fn see(outcome: &mut Result<(), EngineError>, ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        *outcome = Err(EngineError::new("storing a batch", error));
    }
}

/// Again; that it decodes is known.
fn decoded(held: &Held) -> Option<Entry> {
    Entry::from_bytes(&held.entry.bytes).ok()
}

/// Fixes of each unit, in the order in which they were taken.
fn by_unit(entries: impl IntoIterator<Item = Entry>) -> Batch {
    let mut units = HashMap::<UnitId, Vec<Fix>>::new();
    for Entry { unit, fixes } in entries {
        units.entry(unit).or_default().extend(fixes);
    }
    units.into_iter().collect()
}

fn backoff(tries: u64) -> Duration {
    let doubled = 2u32.saturating_pow(u32::try_from(tries - 1).unwrap_or(u32::MAX));
    RETRY_AFTER.saturating_mul(doubled).min(RETRY_AFTER_MAX)
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        source = cause.source();
    }
    chain
}
