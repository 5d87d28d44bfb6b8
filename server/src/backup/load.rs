//! From a file into an empty installation: read once to see that it is sound, then again.
//!
//! Each piece is stored before the next but three; what is stored twice is there once, in the
//! order in which it was read. A restore that was interrupted leaves a part of it behind,
//! and is told from a whole one by who runs it again: the installation is not empty.

use super::{
    format::{Counts, Line},
    progress::Progress,
    source::Source,
};
use crate::{
    clock::Clock,
    config::Place,
    ports::{ArchiveWriter, Change, Commit, DeadEntry, StoreError},
    wiring::Offline,
};
use anyhow::{Context as _, bail, ensure};
use futures::{StreamExt as _, stream::FuturesOrdered};
use sentinel_model::{Fix, Time, UnitId};
use std::{collections::BTreeSet, future::Future, path::Path, pin::Pin, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Changes of one commit: a document of MongoDB holds 16 MB.
const COMMIT: usize = 500;
/// Fixes that are stored at once.
const BATCH: usize = 5_000;
/// Batches that are under way at once.
const UNDER_WAY: usize = 4;
/// How often a batch is tried while the archive is away.
const TRIES: u32 = 10;
/// Units asked for at once.
const ASKED: usize = 1_000;

/// What a sound backup holds.
pub struct Held {
    pub counts: Counts,
    units: BTreeSet<UnitId>,
}

/// Reads all of it.
pub fn verify(file: &Path, stop: &CancellationToken) -> anyhow::Result<Held> {
    let (mut source, _) = Source::open(file)?;
    let (mut units, mut progress) = (BTreeSet::new(), Progress::of("looking through the backup"));
    while let Some(line) = source.next()? {
        ensure!(!stop.is_cancelled(), "interrupted");
        match line {
            Line::Record(Change::PutUnit(unit)) => drop(units.insert(unit.id)),
            Line::Secret(secret) => drop(secret.bytes().context("a secret in the backup does not read")?),
            Line::Dead(dead) => {
                drop(DeadEntry::try_from(dead).context("a dead letter in the backup does not read")?);
            }
            _ => {}
        }
        progress.fixes(source.counts().fixes, None);
    }
    Ok(Held { counts: source.counts(), units })
}

pub async fn restore(
    into: &Offline,
    place: &Place,
    file: &Path,
    held: &Held,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut at = ensure_empty(into, place, held).await?;
    let emptied = emptied(place);
    let half =
        || format!("what was restored so far is not all of it: empty it ({emptied}), and restore again");
    let mut restoring = Restoring {
        into,
        stop,
        progress: Progress::of("restore"),
        all: held.counts.fixes,
        done: 0,
        batch: Vec::new(),
        gathered: 0,
        under_way: FuturesOrdered::new(),
        unread: 0,
    };
    restoring.all_but_queued(file, &mut at).await.with_context(half)?;
    if held.counts.queued > 0 {
        restoring.queued(file).await.with_context(half)?;
    }
    into.recover_positions(&Clock::system()).await.with_context(half)?;
    if restoring.unread > 0 {
        eprintln!(
            "NOT RESTORED: {} dead letters do not read as positions, and {place} has no place for them; {} keeps them",
            restoring.unread,
            file.display()
        );
    }
    Ok(())
}

/// How an installation is emptied.
fn emptied(place: &Place) -> &'static str {
    match place {
        Place::Folder(_) => "remove the folder",
        Place::Shared(_) => "drop the database in MongoDB, and FLUSHDB in Redis",
    }
}

/// Answers the number of the last commit.
async fn ensure_empty(into: &Offline, place: &Place, held: &Held) -> anyhow::Result<u64> {
    let records = into.registry.load(Clock::system().now()).await?;
    let mut found = Vec::new();
    let (people, units) = (records.users.len() + records.keys.len(), records.units.len());
    let others = records.sessions.len() + records.webhooks.len() + records.fences.len();
    let others = others + records.patrols.len() + records.alerts.len() + records.tasks.len();
    if people + units + records.scopes.len() + others > 0 {
        found.push("records");
    }
    let held: Vec<UnitId> = held.units.iter().cloned().collect();
    for units in held.chunks(ASKED) {
        if !into.archive.last_before(units, Time(i64::MAX)).await?.is_empty() {
            found.push("history");
            break;
        }
    }
    for units in held.chunks(ASKED) {
        if into.positions.get_many(units).await?.iter().any(Option::is_some) {
            found.push("positions");
            break;
        }
    }
    if let Some(queue) = &into.queue
        && !queue.is_empty().await?
    {
        found.push("a queue");
    }
    if !found.is_empty() {
        bail!(
            "{place} is not empty, it has {}: nothing was written. Restore into another place, or empty this one ({})",
            found.join(" and "),
            emptied(place)
        );
    }
    Ok(records.at)
}

type Storing = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

struct Restoring<'a> {
    into: &'a Offline,
    stop: &'a CancellationToken,
    progress: Progress,
    all: u64,
    done: u64,
    /// Fixes that wait for more, by unit.
    batch: Vec<(UnitId, Vec<Fix>)>,
    gathered: usize,
    under_way: FuturesOrdered<Storing>,
    /// Dead letters that could not be kept.
    unread: u64,
}

impl Restoring<'_> {
    async fn all_but_queued(&mut self, file: &Path, at: &mut u64) -> anyhow::Result<()> {
        let (mut source, _) = Source::open(file)?;
        let (mut changes, mut deliveries) = (Vec::new(), Vec::new());
        while let Some(line) = source.next()? {
            ensure!(!self.stop.is_cancelled(), "interrupted");
            match line {
                Line::Record(change) => {
                    changes.push(change);
                    if changes.len() >= COMMIT {
                        self.commit(at, &mut changes).await?;
                    }
                }
                Line::Secret(secret) => {
                    let bytes = secret.bytes().context("a secret does not read")?;
                    self.into.registry.put_secret(&secret.name, bytes).await?;
                }
                Line::Fix(unit, fix) => {
                    self.commit(at, &mut changes).await?;
                    self.take(unit, fix).await?;
                }
                Line::Dead(dead) => self.bury(dead.try_into()?).await?,
                Line::Delivery(queued) => {
                    deliveries.push(queued);
                    if deliveries.len() >= COMMIT {
                        self.into.outbox.put(std::mem::take(&mut deliveries)).await?;
                    }
                }
                Line::Queued(..) | Line::SentinelBackup(_) | Line::End(_) => {}
            }
        }
        self.commit(at, &mut changes).await?;
        self.into.outbox.put(deliveries).await?;
        self.store_rest().await
    }

    /// Behind all of history: a fix that was sent twice stays as it was first.
    async fn queued(&mut self, file: &Path) -> anyhow::Result<()> {
        let (mut source, _) = Source::open(file)?;
        while let Some(line) = source.next()? {
            ensure!(!self.stop.is_cancelled(), "interrupted");
            if let Line::Queued(unit, fix) = line {
                self.take(unit, fix).await?;
            }
        }
        self.store_rest().await
    }

    async fn commit(&self, at: &mut u64, changes: &mut Vec<Change>) -> anyhow::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        match self.into.registry.commit(*at, std::mem::take(changes)).await? {
            Commit::Done => *at += 1,
            Commit::Behind => bail!("somebody else changes the records: stop all nodes and workers"),
        }
        Ok(())
    }

    async fn take(&mut self, unit: UnitId, fix: Fix) -> anyhow::Result<()> {
        match self.batch.last_mut().filter(|(last, _)| *last == unit) {
            Some((_, fixes)) => fixes.push(fix),
            None => self.batch.push((unit, vec![fix])),
        }
        self.gathered += 1;
        if self.gathered >= BATCH {
            self.store().await?;
        }
        Ok(())
    }

    /// Begins to store what is gathered.
    async fn store(&mut self) -> anyhow::Result<()> {
        while self.under_way.len() >= UNDER_WAY {
            self.stored().await?;
        }
        let batch = std::mem::take(&mut self.batch);
        self.done += std::mem::take(&mut self.gathered) as u64;
        self.under_way.push_back(Box::pin(store(self.into.writer.clone(), batch)));
        self.progress.fixes(self.done, Some(self.all));
        Ok(())
    }

    /// Waits for the oldest batch.
    async fn stored(&mut self) -> anyhow::Result<()> {
        self.under_way.next().await.transpose()?;
        Ok(())
    }

    async fn store_rest(&mut self) -> anyhow::Result<()> {
        self.store().await?;
        while !self.under_way.is_empty() {
            self.stored().await?;
        }
        Ok(())
    }

    /// Where there are no dead letters, the archive is asked once more.
    async fn bury(&mut self, letter: DeadEntry) -> anyhow::Result<()> {
        match (&self.into.queue, letter.fixes) {
            (Some(queue), fixes) => queue.put_dead(DeadEntry { fixes, ..letter }).await?,
            (None, Some((unit, fixes))) => {
                for fix in fixes {
                    self.take(unit.clone(), fix).await?;
                }
            }
            (None, None) => self.unread += 1,
        }
        Ok(())
    }
}

async fn store(into: Arc<dyn ArchiveWriter>, batch: Vec<(UnitId, Vec<Fix>)>) -> Result<(), StoreError> {
    let mut tried = 1;
    loop {
        match into.store(batch.clone()).await {
            Err(StoreError::Away(error)) if tried < TRIES => {
                tracing::warn!(error = &error as &dyn std::error::Error, "not stored yet; tried again");
                tokio::time::sleep(Duration::from_millis(300) * tried).await;
                tried += 1;
            }
            outcome => return outcome,
        }
    }
}
