//! The engines behind the ports: this process's own, or those that many nodes share.

use super::{recover::Markers, shared::Base};
use crate::{
    clock::Clock,
    config::Config,
    data_folder::DataFolder,
    memory::{MemoryBus, MemoryPositions, MemoryRooms},
    ports::{
        Archive, Bus, Condition, Erasure, Health, Intake, Outbox, Positions, Registry, Rooms, SilenceMemory,
        WatchMemory,
    },
    sqlite::{IntakeLimits, SqliteArchive, SqliteIntake, SqliteRegistry},
};
use sentinel_model::Time;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How often history that has expired is looked for.
const EXPIRED_EVERY: Duration = Duration::from_secs(600);

pub struct Engines {
    pub registry: Arc<dyn Registry>,
    pub outbox: Arc<dyn Outbox>,
    pub intake: Arc<dyn Intake>,
    pub archive: Arc<dyn Archive>,
    pub bus: Arc<dyn Bus>,
    pub rooms: Arc<dyn Rooms>,
    pub positions: Arc<dyn Positions>,
    /// Of positions that begin empty with the process: where units were shown before that their
    /// history alone does not tell.
    pub markers: Option<Markers>,
    pub erasure: Arc<dyn Erasure>,
    pub health: Arc<dyn Health>,
    /// Of engines that many nodes share: whether this one stands in for workers that are not there.
    pub on_duty: Option<watch::Receiver<bool>>,
    /// Of who watches units: this process, or, where many share their engines, workers.
    pub memory: Arc<dyn WatchMemory>,
    /// Of rooms that begin empty with the process: which patrols were told to be silent before.
    pub silence: Option<Arc<dyn SilenceMemory>>,
    /// Held for as long as engines of its own are open.
    pub folder: Option<DataFolder>,
}

impl Engines {
    /// `tasks` and `stop` are for what engines run beside requests.
    pub async fn open(
        config: &Config,
        clock: &Clock,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        match &config.shared {
            Some(shared) => {
                Ok(Base::open(shared, tasks, stop).await?.into_engines(shared, tasks, stop).await?)
            }
            None => Self::embedded(config, clock, tasks, stop).await,
        }
    }

    async fn embedded(
        config: &Config,
        clock: &Clock,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let folder = DataFolder::take(&config.data)?;
        let history = folder.history();
        let bus = Arc::new(MemoryBus::new(&crate::auth::secret::random_id()));
        let intake = Arc::new(SqliteIntake::open(&history, IntakeLimits::default())?);
        let archive = Arc::new(SqliteArchive::open(&history)?);
        let markers = archive.markers().await?;
        let records = Arc::new(SqliteRegistry::open(&folder.records())?);
        if let Some(retention) = config.retention {
            tasks.spawn(expire(intake.clone(), records.clone(), retention, clock.clone(), stop.clone()));
        }
        Ok(Self {
            registry: records.clone(),
            outbox: records.clone(),
            memory: records.clone(),
            silence: Some(records),
            erasure: intake.clone(),
            intake,
            archive,
            rooms: Arc::new(MemoryRooms::new(bus.clone())),
            bus,
            positions: Arc::new(MemoryPositions::default()),
            health: Arc::new(Embedded),
            markers: Some(markers),
            on_duty: None,
            folder: Some(folder),
        })
    }
}

/// Drops history that is older, and alerts that told of it, until `stop`.
async fn expire(
    intake: Arc<SqliteIntake>,
    records: Arc<SqliteRegistry>,
    retention: Duration,
    clock: Clock,
    stop: CancellationToken,
) {
    let kept_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    let mut ticks = tokio::time::interval(EXPIRED_EVERY);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        let before = Time(clock.now().0.saturating_sub(kept_ms));
        let dropped = match intake.drop_before(before).await {
            Ok(()) => records.drop_ended(before).await,
            error => error,
        };
        if let Err(error) = dropped {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "expired history could not be dropped; it is tried again");
        }
    }
}

struct Embedded;

impl Health for Embedded {
    fn condition(&self) -> Condition {
        Condition { engines: "sqlite (synchronous=full), in-process bus".into(), ..Condition::default() }
    }
}
