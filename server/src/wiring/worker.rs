//! A worker: it moves the queue into the archive, and while it holds the lease it keeps the
//! house that all nodes live in.

use super::{
    duty::{HOUSEKEEPING, LOOK_EVERY, forget_unconcerned, keep_watching, live_chores, notice_standing},
    shared::{Base, WorkerHealth},
};
use crate::{
    alerts::Alerts,
    clock::Clock,
    config::{Shared, WorkerConfig},
    directory::Directory,
    dispatch::{Dispatch, estimate::Estimator},
    housekeeping::{self, Chore},
    http,
    live::status::StatusWatch,
    patrols::{Patrols, Starts},
    ports::{ArchiveWriter, Bus as _, BusSink, EngineError, PositionFrame, Registry as _},
    redis::{DeadLetters, Seeker, seek_lease, warn_of_volatile},
    serve,
    watch::{fences::Fences, watcher::Watcher},
    worker::{Looks, Worker, WorkerOptions},
};
use metrics_exporter_prometheus::PrometheusHandle;
use sentinel_model::{PatrolId, Scope, live::Event};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Works until `stop`.
pub async fn work(
    config: WorkerConfig,
    clock: Clock,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let WorkerConfig { shared, listen, name, silence } = config;
    let listener = match listen {
        Some(address) => Some(serve::listen(address).await?),
        None => None,
    };
    // What is under way when `stop` comes is still finished over these.
    let (tasks, engines_stop) = (TaskTracker::new(), CancellationToken::new());
    let _ends = engines_stop.clone().drop_guard();
    let base = Base::open(&shared, &tasks, &engines_stop).await?;
    warn_of_volatile(&base.link).await;
    let writer: Arc<dyn ArchiveWriter> = base.archive.clone();
    let options = WorkerOptions::named(name);

    if let Some(listener) = listener {
        let health = Arc::new(WorkerHealth {
            bus: base.bus.clone(),
            mongo: base.mongo.clone(),
            queue: options.trouble.clone(),
        });
        let router = http::ops::of_worker(metrics, health);
        tasks.spawn(http::listen::serve(listener, None, router, stop.clone()));
    }

    let directory = Directory::load(base.registry.clone(), base.bus.clone(), clock.now()).await?;
    let directory = Arc::new(directory);
    base.bus.attach(Arc::new(Ear(directory.clone())));
    let followed = directory.clone();
    tasks.spawn({
        let stop = stop.clone();
        async move { followed.follow(stop).await }
    });
    let patrols = Arc::new(Patrols {
        clock: clock.clone(),
        directory: directory.clone(),
        rooms: base.rooms.clone(),
        positions: base.positions.clone(),
        silence,
        starts: Starts::default(),
    });
    let alerts =
        Arc::new(Alerts { clock: clock.clone(), directory: directory.clone(), bus: base.bus.clone() });
    let fences = Arc::new(Fences::new(directory.clone()));
    let watch = Arc::new(StatusWatch {
        clock: clock.clone(),
        directory: directory.clone(),
        positions: base.positions.clone(),
        rooms: base.rooms.clone(),
        silence,
        alerts: alerts.clone(),
        fences: fences.clone(),
        told: None,
        every: LOOK_EVERY,
    });
    let on_duty = seek_lease(HOUSEKEEPING, Seeker::Worker, base.link.clone(), &tasks, stop.clone());
    let go_on = {
        let (on_duty, stop) = (on_duty.clone(), stop.clone());
        move || *on_duty.borrow() && !stop.is_cancelled()
    };
    let mut chores = chores(&base, &shared, &clock, go_on);
    let dispatch = Arc::new(Dispatch {
        clock: clock.clone(),
        directory,
        bus: base.bus.clone(),
        rooms: base.rooms.clone(),
        positions: base.positions.clone(),
        silence,
        estimator: Estimator::default(),
        numbering: tokio::sync::Mutex::default(),
    });
    let watcher = Arc::new(Watcher::new(
        base.archive.clone(),
        base.registry.clone(),
        alerts.clone(),
        dispatch.clone(),
        fences,
    ));
    chores.push(forget_unconcerned(watcher.clone()));
    chores.extend(live_chores(patrols, watch, alerts, dispatch, shared.retention));
    chores.push(notice_standing(watcher.clone()));
    housekeeping::keep(chores, &on_duty, &tasks, &stop);
    // Every worker says how many there are, whoever of them is asked; and watches units of its own.
    let always = vec![count_dead_letters(&base), keep_watching(watcher.clone())];
    housekeeping::keep(always, &watch::channel(true).1, &tasks, &stop);

    let looks = Some(watcher.clone() as Arc<dyn Looks>);
    let worker = Worker { address: shared.redis.clone(), writer, looks, options };
    worker.run(stop.clone()).await?;
    if let Err(error) = watcher.keep().await {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "what is remembered of units could not be kept; it is found out anew");
    }
    // Also where the worker ended by itself.
    stop.cancel();
    engines_stop.cancel();
    tasks.close();
    tasks.wait().await;
    Ok(())
}

fn chores(
    base: &Base,
    shared: &Shared,
    clock: &Clock,
    go_on: impl Fn() -> bool + Clone + Send + Sync + 'static,
) -> Vec<Chore> {
    let seconds = Duration::from_secs;
    let (registry, archive, positions) = (&base.registry, &base.archive, &base.positions);
    let mut chores = vec![
        Chore::new("folding the records", seconds(1), {
            let (registry, clock) = (registry.clone(), clock.clone());
            move || {
                let (registry, now) = (registry.clone(), clock.now());
                async move { registry.fold(now).await.map(drop) }
            }
        }),
        Chore::new("forgetting positions that are old", seconds(2), {
            let positions = positions.clone();
            move || {
                let positions = positions.clone();
                async move { positions.sweep().await.map(drop) }
            }
        }),
        Chore::new("compacting history", seconds(60), {
            let (archive, clock, go_on) = (archive.clone(), clock.clone(), go_on.clone());
            move || {
                let (archive, now, go_on) = (archive.clone(), clock.now(), go_on.clone());
                async move { archive.compact(now, go_on).await.map(drop) }
            }
        }),
        Chore::new("dropping compacted history", seconds(60), {
            let (archive, clock) = (archive.clone(), clock.clone());
            move || {
                let (archive, now, go_on) = (archive.clone(), clock.now(), go_on.clone());
                async move { archive.drop_replaced(now, go_on).await }
            }
        }),
    ];
    // Also where the database took the wish: not every one that takes it fulfils it.
    if let Some(retention) = shared.retention {
        let kept_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let (registry, archive, clock) = (registry.clone(), archive.clone(), clock.clone());
        chores.push(Chore::new("dropping history that is too old", seconds(600), move || {
            let (registry, archive) = (registry.clone(), archive.clone());
            let before = clock.now().plus_ms(-kept_ms);
            async move {
                archive.drop_before(before).await?;
                registry.drop_ended(before).await
            }
        }));
    }
    chores
}

fn count_dead_letters(base: &Base) -> Chore {
    let link = base.link.clone();
    Chore::new("counting dead letters", Duration::from_secs(5), move || {
        let letters = DeadLetters::new(link.clone());
        async move {
            let count = letters.count().await.map_err(EngineError::during("counting dead letters"))?;
            #[expect(clippy::cast_precision_loss, reason = "a count")]
            metrics::gauge!("sentinel_dead_letters").set(count as f64);
            Ok(())
        }
    })
}

/// A worker follows the records and watches nobody.
struct Ear(Arc<Directory>);

impl BusSink for Ear {
    fn position(&self, _: PatrolId, _: PositionFrame) {}
    fn event(&self, _: Scope, _: &Arc<str>, _: Arc<Event>) {}
    fn records(&self, at: u64) {
        self.0.hear_of(at);
    }
    fn interrupted(&self) {}
    fn resumed(&self) {}
}
