//! The engines as commands use them that serve nobody: `user add`, `backup`, `restore`.

use super::{recover, shared::Base};
use crate::{
    clock::Clock,
    config::Place,
    data_folder::DataFolder,
    directory::Directory,
    memory::{MemoryBus, MemoryPositions},
    ports::{
        Archive, ArchiveWriter, Bus, EngineError, Intake, IntakeError, Outbox, Positions, QueueContents,
        Registry, StoreError,
    },
    redis::RedisContents,
    sqlite::{IntakeLimits, SqliteArchive, SqliteIntake, SqliteRegistry},
};
use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use sentinel_model::{Fix, UnitId};
use std::sync::Arc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Opened engines of an installation, and what has to be ended with them.
pub struct Offline {
    pub registry: Arc<dyn Registry>,
    pub outbox: Arc<dyn Outbox>,
    pub archive: Arc<dyn Archive>,
    pub writer: Arc<dyn ArchiveWriter>,
    pub bus: Arc<dyn Bus>,
    pub positions: Arc<dyn Positions>,
    /// Where positions wait for the archive.
    pub queue: Option<Arc<dyn QueueContents>>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Given back last.
    _folder: Option<DataFolder>,
}

impl Offline {
    /// A data folder is then this process's alone; engines that nodes share may be in use.
    pub async fn open(place: &Place) -> anyhow::Result<Self> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        match place {
            Place::Folder(path) => {
                let folder = DataFolder::take(path)?;
                let history = folder.history();
                let intake = SqliteIntake::open(&history, IntakeLimits::default())?;
                let records = Arc::new(SqliteRegistry::open(&folder.records())?);
                Ok(Self {
                    registry: records.clone(),
                    outbox: records,
                    writer: Arc::new(ThroughIntake(Arc::new(intake))),
                    archive: Arc::new(SqliteArchive::open(&history)?),
                    // Nobody runs beside it, so nobody is told.
                    bus: Arc::new(MemoryBus::new("")),
                    positions: Arc::new(MemoryPositions::default()),
                    queue: None,
                    tasks,
                    stop,
                    _folder: Some(folder),
                })
            }
            Place::Shared(shared) => {
                let base = Base::visit(shared, &tasks, &stop).await?;
                Ok(Self {
                    registry: base.registry.clone(),
                    outbox: base.registry,
                    writer: base.archive.clone(),
                    archive: base.archive,
                    bus: base.bus,
                    positions: base.positions,
                    queue: Some(Arc::new(RedisContents::new(base.link))),
                    tasks,
                    stop,
                    _folder: None,
                })
            }
        }
    }

    pub async fn directory(&self, clock: &Clock) -> Result<Arc<Directory>, EngineError> {
        let loading = Directory::load(self.registry.clone(), self.bus.clone(), clock.now());
        Ok(Arc::new(loading.await?))
    }

    /// Puts last known positions where nodes look for them. One with its own engines finds
    /// them by itself when it starts.
    pub async fn recover_positions(&self, clock: &Clock) -> Result<(), EngineError> {
        if !self.registry.is_shared() {
            return Ok(());
        }
        let directory = self.directory(clock).await?;
        let markers = recover::Markers::default();
        recover::positions(&directory, &*self.archive, markers, &*self.positions, clock.now()).await
    }

    /// Closes what is open; what was stored is on disk.
    pub async fn end(self) {
        let Self { tasks, stop, .. } = &self;
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    }
}

/// Stores by the intake of an installation that has no other way into its archive.
struct ThroughIntake(Arc<dyn Intake>);

#[async_trait]
impl ArchiveWriter for ThroughIntake {
    async fn store(&self, batch: Vec<(UnitId, Vec<Fix>)>) -> Result<(), StoreError> {
        /// Far fewer than its queue takes.
        const AT_ONCE: usize = 256;
        stream::iter(batch)
            .map(|(unit, fixes)| async move { self.0.accept(&unit, fixes).await.map(drop) })
            .buffered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await
            .map(drop)
            .map_err(|error| {
                let away = matches!(error, IntakeError::Full);
                let error = EngineError::new("storing fixes", error);
                if away { StoreError::Away(error) } else { StoreError::Refused(error) }
            })
    }
}
