//! The engines behind the ports: this process's own, or those that many nodes share.

use super::shared::Base;
use crate::{
    config::Config,
    data_folder::DataFolder,
    memory::{MemoryBus, MemoryPositions, MemoryRooms},
    ports::{Archive, Bus, Condition, Health, Intake, Outbox, Positions, Registry, Rooms},
    sqlite::{IntakeLimits, SqliteArchive, SqliteIntake, SqliteRegistry},
};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub struct Engines {
    pub registry: Arc<dyn Registry>,
    pub outbox: Arc<dyn Outbox>,
    pub intake: Arc<dyn Intake>,
    pub archive: Arc<dyn Archive>,
    pub bus: Arc<dyn Bus>,
    pub rooms: Arc<dyn Rooms>,
    pub positions: Arc<dyn Positions>,
    pub health: Arc<dyn Health>,
    /// Of engines that many nodes share: whether this one stands in for workers that are not there.
    pub on_duty: Option<watch::Receiver<bool>>,
    /// Held for as long as engines of its own are open.
    pub folder: Option<DataFolder>,
}

impl Engines {
    /// `tasks` and `stop` are for what engines run beside requests.
    pub async fn open(
        config: &Config,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        match &config.shared {
            Some(shared) => {
                Ok(Base::open(shared, tasks, stop).await?.into_engines(shared, tasks, stop).await?)
            }
            None => Self::embedded(config),
        }
    }

    fn embedded(config: &Config) -> anyhow::Result<Self> {
        let folder = DataFolder::take(&config.data)?;
        let history = folder.history();
        let bus = Arc::new(MemoryBus::new(&crate::auth::secret::random_id()));
        let records = Arc::new(SqliteRegistry::open(&folder.records())?);
        Ok(Self {
            registry: records.clone(),
            outbox: records,
            intake: Arc::new(SqliteIntake::open(&history, IntakeLimits::default())?),
            archive: Arc::new(SqliteArchive::open(&history)?),
            rooms: Arc::new(MemoryRooms::new(bus.clone())),
            bus,
            positions: Arc::new(MemoryPositions::default()),
            health: Arc::new(Embedded),
            on_duty: None,
            folder: Some(folder),
        })
    }
}

struct Embedded;

impl Health for Embedded {
    fn condition(&self) -> Condition {
        Condition { engines: "sqlite (synchronous=full), in-process bus".into(), ..Condition::default() }
    }
}
