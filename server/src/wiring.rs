//! Puts the parts together. The one place that names engines.

use crate::{
    auth::{Access, AccessConfig},
    clock::Clock,
    config::Config,
    data_folder::DataFolder,
    directory::Directory,
    ingest::{CLOCK_AHEAD_MS, Counts, Ingest, is_ahead, is_nowhere, limits::UnitLimits, shown},
    live::{Hub, status::StatusWatch},
    memory::{MemoryBus, MemoryPositions, MemoryRooms},
    patrols::{Patrols, Starts},
    ports::{Archive, Bus, EngineError, Intake, Positions, Registry, Rooms},
    reads::Reads,
    sqlite::{IntakeLimits, SqliteArchive, SqliteIntake, SqliteRegistry},
    state::Sentinel,
};
use metrics_exporter_prometheus::PrometheusHandle;
use sentinel_model::{Fix, Time, UnitId};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A running Sentinel and what has to be ended with it.
pub struct Running {
    pub sentinel: Arc<Sentinel>,
    tasks: TaskTracker,
    /// Given back last, once everything is on disk.
    _folder: DataFolder,
}

/// Opens the data folder, takes up where the last process ended, and starts the
/// background tasks.
pub async fn embedded(
    config: &Config,
    clock: Clock,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> anyhow::Result<Running> {
    let folder = DataFolder::take(&config.data)?;
    let registry: Arc<dyn Registry> = Arc::new(SqliteRegistry::open(&folder.records())?);
    let history = folder.history();
    let intake: Arc<dyn Intake> = Arc::new(SqliteIntake::open(&history, IntakeLimits::default())?);
    let archive: Arc<dyn Archive> = Arc::new(SqliteArchive::open(&history)?);
    let memory_bus = Arc::new(MemoryBus::new(&crate::auth::secret::random_id()));
    let rooms: Arc<dyn Rooms> = Arc::new(MemoryRooms::new(memory_bus.clone()));
    let bus: Arc<dyn Bus> = memory_bus;
    let positions: Arc<dyn Positions> = Arc::new(MemoryPositions::default());

    let directory = Arc::new(Directory::load(registry, bus.clone(), clock.now()).await?);
    if config.demo {
        crate::demo::prepare(&directory, clock.now()).await?;
    }
    recover_positions(&directory, &*archive, &*positions, clock.now()).await?;

    let access_config = AccessConfig {
        secure_cookies: config.secure_cookies,
        trusted_proxies: config.trusted_proxies.clone(),
        ..AccessConfig::default()
    };
    let access = Arc::new(Access::open(directory.clone(), clock.clone(), access_config).await?);
    let hub = Hub::start(
        clock.clone(),
        directory.clone(),
        bus.clone(),
        rooms.clone(),
        positions.clone(),
        config.silence,
    );
    let patrols = Arc::new(Patrols {
        clock: clock.clone(),
        directory: directory.clone(),
        rooms: rooms.clone(),
        positions: positions.clone(),
        silence: config.silence,
        starts: Starts::default(),
    });
    patrols.mend().await?;

    let tasks = TaskTracker::new();
    let watch = StatusWatch {
        clock: clock.clone(),
        directory: directory.clone(),
        positions: positions.clone(),
        rooms,
        silence: config.silence,
        every: Duration::from_secs(1),
    };
    tasks.spawn(watch.run(stop.clone()));

    let sentinel = Arc::new(Sentinel {
        ingest: Ingest {
            clock: clock.clone(),
            directory: directory.clone(),
            intake: intake.clone(),
            positions: positions.clone(),
            bus,
            hub: hub.clone(),
            patrols: patrols.clone(),
            limits: UnitLimits::new(config.unit_rate),
            patrol_by_fix: config.patrol_by_fix,
            counts: Counts::default(),
        },
        reads: Arc::new(Reads {
            clock: clock.clone(),
            directory: directory.clone(),
            archive,
            positions: positions.clone(),
            silence: config.silence,
        }),
        clock,
        directory,
        access,
        intake,
        positions,
        patrols,
        hub,
        map: crate::demo::map_settings(config),
        engines: "sqlite (synchronous=full), in-process bus",
        metrics,
        sockets_open: Arc::default(),
        started: Instant::now(),
        stop: stop.clone(),
    });
    tasks.spawn(tidy(sentinel.clone(), stop));
    Ok(Running { sentinel, tasks, _folder: folder })
}

impl Running {
    /// Ends the background tasks and waits until everything taken is on disk.
    pub async fn end(self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.sentinel.hub.stop().await;
        self.sentinel.intake.drain().await;
    }
}

/// Where every unit was last, from its history, by the rule that ingest follows: what
/// came from a clock too far ahead is shown when it was received, so it holds only
/// until something later is known.
async fn recover_positions(
    directory: &Directory,
    archive: &dyn Archive,
    positions: &dyn Positions,
    now: Time,
) -> Result<(), EngineError> {
    /// Units read at once, so that recovery of a large fleet does not hold all in memory twice.
    const UNITS_AT_ONCE: usize = 1000;
    let units: Vec<UnitId> =
        directory.units(None, usize::MAX, |_| true).iter().map(|unit| unit.record.id.clone()).collect();
    for units in units.chunks(UNITS_AT_ONCE) {
        let mut last = archive.last_before(units, Time(i64::MAX)).await?;
        let ahead: Vec<UnitId> =
            last.iter().filter(|(_, fix)| is_ahead(&heard(fix, now))).map(|(unit, _)| unit.clone()).collect();
        if !ahead.is_empty() {
            // What the unit told before its clock went wrong, or since it is right again.
            last.extend(archive.last_before(&ahead, now.plus_ms(CLOCK_AHEAD_MS)).await?);
        }
        for (unit, fix) in last {
            if let Some(fix) = last_placed(archive, &unit, fix).await? {
                positions.put(shown(unit, &heard(&fix, now))).await?;
            }
        }
    }
    Ok(())
}

/// A fix as it was received; the server's own clock may have been put back since.
fn heard(fix: &Fix, now: Time) -> Fix {
    Fix { received_at: fix.received_at.min(now), ..fix.clone() }
}

/// The newest fix until `fix` that says a place.
async fn last_placed(archive: &dyn Archive, unit: &UnitId, mut fix: Fix) -> Result<Option<Fix>, EngineError> {
    /// Whose receiver knew no place for longer than this many fixes has none until its next.
    const LOOKED_BACK_MAX: usize = 1000;
    for _ in 0..LOOKED_BACK_MAX {
        if !is_nowhere(&fix) {
            return Ok(Some(fix));
        }
        let before = archive.last_before(std::slice::from_ref(unit), fix.time.plus_ms(-1)).await?;
        let Some((_, earlier)) = before.into_iter().next() else { break };
        fix = earlier;
    }
    Ok(None)
}

async fn tidy(sentinel: Arc<Sentinel>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_secs(60));
    loop {
        tokio::select! {
            _ = ticks.tick() => sentinel.ingest.limits.tidy(),
            () = stop.cancelled() => return,
        }
    }
}
