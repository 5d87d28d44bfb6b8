//! From an installation into a file, beside nodes and workers that run.
//!
//! What is read when matters, as fixes move on meanwhile: first what waits in the queue, then
//! the archive, so that a fix is met on one side at least. Patrols are read before the
//! records are read a second time, so that every station and unit they name is there.

use super::{
    format::{Counts, DeadLine, Header, Line, Secret, VERSION},
    progress::Progress,
    target::{Target, as_text},
};
use crate::{
    clock::Clock,
    ports::{AlertRecord, AlertsOf, Change, QueueEntry, Records, TaskRecord, TasksOf, TimeRange},
    wiring::Offline,
};
use anyhow::ensure;
use futures::TryStreamExt as _;
use sentinel_model::UnitId;
use std::{collections::HashSet, path::Path};
use tokio_util::sync::CancellationToken;

/// Entries of the audit log in memory at once.
const AUDIT_AT_ONCE: usize = 1_000;
const DELIVERIES_AT_ONCE: usize = 1_000;
const ALERTS_AT_ONCE: usize = 1_000;
const TASKS_AT_ONCE: usize = 500;

pub async fn save(from: &Offline, file: &Path, stop: &CancellationToken) -> anyhow::Result<Counts> {
    let mut saving = Saving {
        from,
        stop,
        target: Target::create(file)?,
        records: HashSet::new(),
        units: Vec::new(),
        progress: Progress::of("backup"),
    };
    let by = env!("CARGO_PKG_VERSION").to_owned();
    let header = Header { version: VERSION, made_at: Clock::system().now(), by };
    saving.target.write(&Line::SentinelBackup(header))?;
    for (name, bytes) in from.registry.secrets().await? {
        saving.target.write(&Line::Secret(Secret::of(name, &bytes)))?;
    }
    saving.records().await?;
    saving.patrols().await?;
    saving.records().await?;
    saving.alerts().await?;
    saving.tasks().await?;
    saving.deliveries().await?;
    saving.audit().await?;
    saving.queue().await?;
    saving.history().await?;
    saving.target.finish()
}

struct Saving<'a> {
    from: &'a Offline,
    stop: &'a CancellationToken,
    target: Target,
    /// The lines of those that are written.
    records: HashSet<Vec<u8>>,
    units: Vec<UnitId>,
    progress: Progress,
}

impl Saving<'_> {
    fn go_on(&self) -> anyhow::Result<()> {
        ensure!(!self.stop.is_cancelled(), "interrupted");
        Ok(())
    }

    /// The records that are not written as they are, without patrols.
    async fn records(&mut self) -> anyhow::Result<()> {
        let Records { scopes, units, users, keys, sessions, webhooks, fences, .. } =
            self.from.registry.load(Clock::system().now()).await?;
        let known: HashSet<UnitId> = self.units.iter().cloned().collect();
        self.units.extend(units.iter().map(|unit| unit.id.clone()).filter(|unit| !known.contains(unit)));
        let all = (scopes.into_iter().map(Change::PutScope))
            .chain(units.into_iter().map(Change::PutUnit))
            .chain(users.into_iter().map(Change::PutUser))
            .chain(keys.into_iter().map(Change::PutKey))
            .chain(sessions.into_iter().map(Change::PutSession))
            .chain(webhooks.into_iter().map(Change::PutWebhook))
            .chain(fences.into_iter().map(Change::PutFence));
        for record in all {
            let line = Line::Record(record);
            if self.records.insert(as_text(&line)?) {
                self.target.write(&line)?;
            }
        }
        Ok(())
    }

    /// Those that have ended too.
    async fn patrols(&mut self) -> anyhow::Result<()> {
        for unit in &self.units {
            self.go_on()?;
            for patrol in self.from.registry.patrols_of(unit, TimeRange::ALL).await? {
                self.target.write(&Line::Record(Change::PutPatrol(patrol)))?;
            }
        }
        Ok(())
    }

    /// Acknowledged ones too.
    async fn alerts(&mut self) -> anyhow::Result<()> {
        let mut behind = None;
        loop {
            self.go_on()?;
            let alerts = self.from.registry.alerts(&AlertsOf::default(), behind, ALERTS_AT_ONCE).await?;
            let Some(AlertRecord { alert, .. }) = alerts.last() else { return Ok(()) };
            behind = Some((alert.at, alert.id.clone()));
            for record in alerts {
                self.target.write(&Line::Record(Change::PutAlert(record)))?;
            }
        }
    }

    /// Closed ones too.
    async fn tasks(&mut self) -> anyhow::Result<()> {
        let mut behind = None;
        loop {
            self.go_on()?;
            let tasks = self.from.registry.tasks(&TasksOf::default(), behind, TASKS_AT_ONCE).await?;
            let Some(TaskRecord { task, .. }) = tasks.last() else { return Ok(()) };
            behind = Some((task.created_at, task.id.clone()));
            for record in tasks {
                self.target.write(&Line::Record(Change::PutTask(record)))?;
            }
        }
    }

    /// Those that are still to be made: what was delivered is not told again.
    async fn deliveries(&mut self) -> anyhow::Result<()> {
        let mut behind: Option<String> = None;
        loop {
            self.go_on()?;
            let page = self.from.outbox.pending(behind.as_deref(), DELIVERIES_AT_ONCE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            behind = Some(last.delivery.id.clone());
            for queued in page {
                self.target.write(&Line::Delivery(queued))?;
            }
        }
    }

    async fn audit(&mut self) -> anyhow::Result<()> {
        let mut before = None::<String>;
        loop {
            self.go_on()?;
            let entries = self.from.registry.audit(before.as_deref(), AUDIT_AT_ONCE).await?;
            let Some(last) = entries.last() else { return Ok(()) };
            before = Some(last.id.clone());
            for entry in entries {
                self.target.write(&Line::Record(Change::Audit(entry)))?;
            }
        }
    }

    async fn queue(&mut self) -> anyhow::Result<()> {
        let Some(queue) = &self.from.queue else { return Ok(()) };
        let mut contents = queue.contents();
        while let Some(entry) = contents.try_next().await? {
            self.go_on()?;
            match entry {
                QueueEntry::Waiting { unit, fixes } => {
                    for fix in fixes {
                        self.target.write(&Line::Queued(unit.clone(), fix))?;
                    }
                }
                QueueEntry::Dead(letter) => self.target.write(&Line::Dead(DeadLine::from(letter)))?,
            }
        }
        Ok(())
    }

    async fn history(&mut self) -> anyhow::Result<()> {
        for unit in std::mem::take(&mut self.units) {
            let mut pieces = self.from.archive.whole(&unit, TimeRange::ALL);
            while let Some(piece) = pieces.try_next().await? {
                self.go_on()?;
                for fix in piece {
                    self.target.write(&Line::Fix(unit.clone(), fix))?;
                }
                self.progress.fixes(self.target.counts().fixes, None);
            }
        }
        Ok(())
    }
}
