//! Puts the parts together. Here alone engines are named ([`engines`]).

mod away;
mod duty;
mod engines;
mod offline;
mod recover;
mod shared;
mod worker;

pub use away::is_away;
pub use offline::Offline;
pub use worker::work;

use crate::{
    alerts::Alerts,
    auth::{Access, AccessConfig, Most, Shares},
    clock::Clock,
    config::Config,
    data_folder::DataFolder,
    directory::Directory,
    dispatch::{Dispatch, estimate::Estimator},
    geofences::Geofences,
    housekeeping,
    ingest::{Counts, Ingest, alerts::DeviceFences, aside::Aside, limits::UnitLimits},
    live::{Hub, status::StatusWatch, told::Told},
    patrols::{Patrols, Starts},
    reads::Reads,
    simulator::{Cars, Simulator},
    state::Sentinel,
    watch::{fences::Fences, watcher::Watcher},
    webhooks::{self, Deliverer, Guard},
};
use duty::{LOOK_EVERY, alert_chores, keep_watching, live_chores, notice_standing};
use engines::Engines;
use metrics_exporter_prometheus::PrometheusHandle;
use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Files of history that are sent at once: each keeps a core busy for as long as its reader is fast.
const EXPORTS_AT_ONCE: usize = 4;
/// Of them, those that go to one caller: nobody waits for one that takes its time with all of them.
const EXPORTS_EACH: Most = Most(NonZeroU32::new(2));
/// Reports that are made at once: each keeps a core busy, and some megabytes; others wait for them.
const REPORTS_AT_ONCE: usize = 2;
/// Files of positions that are read in at once, beside what devices post.
const IMPORTS_AT_ONCE: usize = 2;
/// Of them, those of one caller.
const IMPORTS_EACH: Most = Most(NonZeroU32::new(1));

/// Live streams of one link of an order: a household's phones, and no more.
const STREAMS_OF_LINK: Most = Most(NonZeroU32::new(20));
/// Sockets at once that have not said yet by what they follow an order.
const STREAMS_OF_NOBODY: Most = Most(NonZeroU32::new(256));

/// A running Sentinel and what has to be ended with it.
pub struct Running {
    pub sentinel: Arc<Sentinel>,
    tasks: TaskTracker,
    /// Ends what the engines run: after the last request.
    engines_stop: CancellationToken,
    /// Given back last, once everything is on disk.
    _folder: Option<DataFolder>,
}

/// Opens the engines, takes up where the last process ended, and starts the background
/// tasks.
pub async fn start(
    config: &Config,
    clock: Clock,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> anyhow::Result<Running> {
    let (tasks, engines_stop) = (TaskTracker::new(), CancellationToken::new());
    let engines = Engines::open(config, &clock, &tasks, &engines_stop).await?;
    let Engines {
        registry,
        outbox,
        intake,
        archive,
        bus,
        rooms,
        positions,
        markers,
        erasure,
        health,
        on_duty,
        memory,
        silence,
        folder,
    } = engines;
    let directory = Arc::new(Directory::load(registry, bus.clone(), clock.now()).await?);
    if config.demo {
        crate::demo::prepare(&directory, clock.now()).await?;
    }
    if let Some(markers) = markers {
        recover::positions(&directory, &*archive, markers, &*positions, clock.now()).await?;
    }

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
        config.room_linger,
    );
    let patrols = Arc::new(Patrols {
        clock: clock.clone(),
        directory: directory.clone(),
        rooms: rooms.clone(),
        positions: positions.clone(),
        silence: config.silence,
        starts: Starts::default(),
    });
    let dispatch = Arc::new(Dispatch {
        clock: clock.clone(),
        directory: directory.clone(),
        bus: bus.clone(),
        rooms: rooms.clone(),
        positions: positions.clone(),
        silence: config.silence,
        estimator: Estimator::new(config.routing_url.as_deref(), &clock),
        numbering: tokio::sync::Mutex::default(),
    });
    let alerts = Arc::new(Alerts { clock: clock.clone(), directory: directory.clone(), bus: bus.clone() });
    let fences = Arc::new(Fences::new(directory.clone()));
    let told = match silence {
        Some(silence) => Some(Told::open(silence).await?),
        None => None,
    };
    if let Some(told) = &told {
        patrols.take_up(&told.silent()).await?;
    }
    let watch = StatusWatch {
        clock: clock.clone(),
        directory: directory.clone(),
        positions: positions.clone(),
        rooms,
        silence: config.silence,
        alerts: alerts.clone(),
        fences: fences.clone(),
        told,
        every: LOOK_EVERY,
    };
    let watcher = match on_duty {
        Some(on_duty) => {
            let (followed, ends) = (directory.clone(), engines_stop.clone());
            tasks.spawn(async move { followed.follow(ends).await });
            let watch = Arc::new(watch);
            let chores =
                live_chores(patrols.clone(), watch, alerts.clone(), dispatch.clone(), config.retention);
            housekeeping::keep(chores, &on_duty, &tasks, &stop);
            None
        }
        None => {
            tasks.spawn(watch.run(stop.clone()));
            let watcher =
                Watcher::new(archive.clone(), memory.clone(), alerts.clone(), dispatch.clone(), fences);
            let watcher = Arc::new(watcher);
            tasks.spawn(catch_up(watcher.clone(), stop.clone()));
            let mut chores = alert_chores(alerts.clone(), config.retention);
            chores.push(keep_watching(watcher.clone()));
            chores.push(notice_standing(watcher.clone()));
            housekeeping::keep(chores, &watch::channel(true).1, &tasks, &stop);
            Some(watcher)
        }
    };

    let ingest = Arc::new(Ingest {
        clock: clock.clone(),
        directory: directory.clone(),
        intake: intake.clone(),
        positions: positions.clone(),
        bus: bus.clone(),
        hub: hub.clone(),
        patrols: patrols.clone(),
        limits: UnitLimits::new(config.unit_rate),
        patrol_by_fix: config.patrol_by_fix,
        counts: Counts::default(),
        aside: Aside::default(),
        alerts,
        fences: DeviceFences::default(),
        watcher,
        began: clock.now(),
    });
    let webhooks =
        Arc::new(webhooks::Sender::new(Guard::new(config.webhook_allow.clone()), config.webhook_timeout));
    let deliverer = Deliverer::new(clock.clone(), directory.clone(), outbox.clone(), webhooks.clone());
    tasks.spawn(deliverer.run(stop.clone()));

    let sentinel = Arc::new(Sentinel {
        simulator: Arc::new(Simulator {
            clock: clock.clone(),
            directory: directory.clone(),
            ingest: ingest.clone(),
            patrols: patrols.clone(),
            cars: Cars::default(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        }),
        ingest,
        reads: Arc::new(Reads {
            clock: clock.clone(),
            directory: directory.clone(),
            archive,
            positions: positions.clone(),
            silence: config.silence,
        }),
        geofences: Geofences::new(clock.clone(), directory.clone(), bus),
        clock,
        directory,
        access,
        intake,
        positions,
        patrols,
        dispatch,
        hub,
        outbox,
        webhooks,
        map: crate::demo::map_settings(config),
        erasure,
        memory,
        health,
        metrics,
        imports: Arc::new(Semaphore::new(IMPORTS_AT_ONCE)),
        imports_each: Shares::of(IMPORTS_EACH),
        reports: Arc::new(Semaphore::new(REPORTS_AT_ONCE)),
        exports: Arc::new(Semaphore::new(EXPORTS_AT_ONCE)),
        exports_each: Shares::of(EXPORTS_EACH),
        sockets_open: Arc::default(),
        streams_each: Shares::of(config.streams_each),
        streams_of_link: Shares::of(STREAMS_OF_LINK),
        streams_of_nobody: Shares::of(STREAMS_OF_NOBODY),
        started: Instant::now(),
        stop: stop.clone(),
    });
    tasks.spawn(tidy(sentinel.clone(), stop));
    Ok(Running { sentinel, tasks, engines_stop, _folder: folder })
}

impl Running {
    /// Ends the background tasks and waits until everything taken is on disk.
    pub async fn end(self) {
        self.sentinel.hub.stop().await;
        self.sentinel.intake.drain().await;
        if let Some(watcher) = &self.sentinel.ingest.watcher
            && let Err(error) = watcher.keep().await
        {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "what is remembered of units could not be kept; it is found out anew");
        }
        self.sentinel.access.key_uses.write(self.sentinel.directory.registry()).await;
        self.engines_stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Looks at what the process before had stored and not looked at.
async fn catch_up(watcher: Arc<Watcher>, stop: CancellationToken) {
    let caught_up = tokio::select! {
        caught_up = watcher.catch_up() => caught_up,
        () = stop.cancelled() => return,
    };
    if let Err(error) = caught_up {
        let error: &dyn std::error::Error = &error;
        tracing::error!(error, "what was stored before the start could not be looked at; it is tried again");
    }
}

async fn tidy(sentinel: Arc<Sentinel>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_secs(60));
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                sentinel.ingest.limits.tidy();
                sentinel.access.key_uses.write(sentinel.directory.registry()).await;
            }
            () = stop.cancelled() => return,
        }
    }
}
