//! `sentinel load`: devices and dashboards at a fixed rate, latencies, and the audit.
//!
//! A client of the public API like any other. It measures open-loop, so that a stall of
//! the server shows; it ends by reading back every fix that was answered 2xx, and fails
//! when one is missing, doubled, altered or foreign: such a run's figures count as nothing.
//!
//! - [`args`]: what can be asked for; [`setup`]: units and a key, over [`api`] and [`http`]
//! - [`schedule`], [`course`], [`body`]: when which unit posts what
//! - [`devices`]: the senders; [`ledger`]: what became of every post
//! - [`dashboards`], [`delivery`]: who watches, and when it arrived; over a [`carrier`], which
//!   is a [`socket`] or an answer of [`events`]
//! - [`audit`], [`report`], [`deliveries`], [`figures`]: what came of it
//! - [`idle`], [`reads`]: the other two measurements

mod api;
mod args;
pub(crate) mod audit;
mod body;
mod carrier;
mod course;
mod dashboards;
mod deliveries;
mod delivery;
mod devices;
mod events;
mod figures;
mod http;
mod idle;
mod ledger;
mod reads;
mod report;
mod schedule;
mod setup;
mod socket;
#[cfg(test)]
mod tests;

pub use args::{LoadArgs, Protocol, ServerProcess};

use anyhow::Context;
use api::Api;
use carrier::Carrier;
use course::Course;
use dashboards::{View, Wall};
use deliveries::Seen;
use devices::{Fleet, Pace, Sent};
use ledger::Ledger;
use report::{Measured, Report};
use schedule::Schedule;
use sentinel_model::Time;
use setup::Prepared;
use socket::SocketOptions;
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio_util::sync::CancellationToken;

/// Closed loop: how far in the past the first fix lies, so that a unit which posts faster
/// than its clock runs has room before it reaches the present.
const CLOSED_ROOM_MS: i64 = 3_600_000;
/// Between the set-up and the first post: time for every sender to start and connect.
const LEAD: Duration = Duration::from_millis(1500);
/// Connections that the audit reads over.
const AUDITORS: usize = 4;

pub async fn run(args: LoadArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    let for_setup = args.clone();
    let mut prepared = blocking(move || setup::prepare(&for_setup)).await?;
    let idle = args.idle_sockets.map(|n| (Carrier::WebSocket, n));
    let outcome = if let Some((carrier, streams)) = idle.or(args.idle_sse.map(|n| (Carrier::Events, n))) {
        idle::run(&args, &prepared, carrier, streams, &shutdown).await
    } else if args.read || args.prepare_day.is_some() {
        let (args, key, target) = (args.clone(), prepared.key.clone(), prepared.targets[0].clone());
        let fleet = reads::Fleet {
            ids: prepared.posters.iter().map(|p| p.id.clone()).collect(),
            stations: prepared.stations.clone(),
            sites: prepared.sites.clone(),
        };
        blocking(move || reads::run(&args, &target, &key, fleet)).await
    } else {
        load(&args, &prepared, &shutdown).await
    };
    blocking(move || {
        prepared.clean_up();
        Ok(())
    })
    .await?;
    outcome
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("a part of the load tool failed")?
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Device times: how far apart two fixes of a unit are, and when the first one was.
/// Later than everything the units have sent before, and no later than now where that is
/// possible.
fn clock(args: &LoadArgs, newest: Option<Time>, now: Time) -> anyhow::Result<(Time, i64)> {
    let (units, duration_ms) = (u64::from(args.units), i64::try_from(args.duration * 1000)?);
    let after = newest.map_or(Time(0), |t| t.plus_ms(1));
    if args.closed {
        let base = after.max(now.plus_ms(-CLOSED_ROOM_MS));
        anyhow::ensure!(
            now.ms_since(base) > CLOSED_ROOM_MS / 10,
            "these units have sent fixes up to {}, too near to now for a closed run; choose another --unit-prefix",
            base
        );
        return Ok((base, 1));
    }
    let step_ms = i64::try_from((1000 * units / args.rate).max(1))?;
    let fixes_each = i64::try_from((args.rate * args.duration).div_ceil(units) + u64::from(args.batch))?;
    let ahead_ms = (fixes_each * step_ms - duration_ms).max(i64::from(args.batch) * step_ms);
    let base = after.max(now.plus_ms(-ahead_ms));
    anyhow::ensure!(
        base.ms_since(now) < 1_000,
        "these units have sent fixes up to {base}, later than now; choose another --unit-prefix"
    );
    Ok((base, step_ms))
}

async fn load(args: &LoadArgs, prepared: &Prepared, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let (base, step_ms) = clock(args, prepared.newest, now())?;
    let course = Arc::new(Course::new(base, step_ms, args.batch, prepared.sites.clone()));
    let ledger = Arc::new(Ledger::new(course.units()));
    let ids: Vec<String> = prepared.posters.iter().map(|p| p.id.clone()).collect();

    let options = SocketOptions::new(args, &prepared.targets, &prepared.key);
    let by_id = ids.iter().cloned().zip(0..).collect();
    let wall = Arc::new(Wall::new(options, Arc::clone(&course), Arc::clone(&ledger), by_id));
    let views = views(args, prepared)?;
    let mut dashboards = wall.open(views).await?;

    let usages = || {
        let of = |server: &ServerProcess| {
            figures::usage_of(server.pid)
                .with_context(|| format!("{} is no process of this machine: {}", server.pid, server.name))
        };
        args.server_pid.iter().map(of).collect::<anyhow::Result<Vec<_>>>()
    };
    let (servers_before, own_before) = (usages()?, figures::own_usage());
    let start = Instant::now() + if args.closed { Duration::ZERO } else { LEAD };
    let sent = post(args, prepared, &course, &ledger, start, shutdown).await?;
    let planned = if args.closed { Duration::ZERO } else { Duration::from_secs(args.duration) };
    let elapsed = start.elapsed().max(planned);
    let (servers_after, own_after) = (usages(), figures::own_usage());
    wall.answered.cancel();
    while let Some(ended) = dashboards.join_next().await {
        ended.context("a dashboard failed")?;
    }
    anyhow::ensure!(!shutdown.is_cancelled(), "broken off: nothing was audited, so there are no figures");

    println!("auditing {} fixes", sent.fixes_accepted);
    let (target, key) = (prepared.targets[0].clone(), prepared.key.clone());
    let auditor = move || {
        let mut api = Api::new(target.clone(), Duration::from_secs(60));
        api.authorize(key.clone());
        api
    };
    let audit = move || audit::audit_once_it_follows(&course, &ledger, &ids, AUDITORS, auditor);
    let audit = blocking(audit).await?;

    let seen: Seen = wall
        .seen
        .iter()
        .map(|(watched, seen)| (*watched, seen.lock().unwrap_or_else(PoisonError::into_inner).clone()))
        .collect();
    let socket_errors = wall.errors.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let measured = Measured {
        sent: &sent,
        seen: &seen,
        socket_errors: &socket_errors,
        elapsed,
        servers: servers_before.into_iter().zip(servers_after?).collect(),
        generator: own_before.zip(own_after),
        audit,
    };
    conclude(args, &Report::new(args, measured))
}

fn conclude(args: &LoadArgs, report: &Report) -> anyhow::Result<()> {
    print!("{report}");
    write_json(args, report)?;
    anyhow::ensure!(report.exact, "the audit found the run inexact");
    anyhow::ensure!(report.fixes_accepted > 0, "nothing was accepted: there is nothing to conclude from");
    Ok(())
}

fn write_json(args: &LoadArgs, report: &impl serde::Serialize) -> anyhow::Result<()> {
    if let Some(path) = &args.json {
        let json = serde_json::to_vec_pretty(report)?;
        std::fs::write(path, json).with_context(|| format!("{} could not be written", path.display()))?;
    }
    Ok(())
}

fn views(args: &LoadArgs, prepared: &Prepared) -> anyhow::Result<Vec<View>> {
    let mut units: BTreeMap<_, Arc<[usize]>> = BTreeMap::new();
    let mut views = Vec::new();
    for (carrier, count) in [(Carrier::WebSocket, args.dashboards), (Carrier::Events, args.sse)] {
        for scope in prepared.tree.pick(&args.scopes, count as usize)? {
            let units = units.entry(scope).or_insert_with(|| {
                let within =
                    |(_, station): &(usize, &sentinel_model::Scope)| prepared.tree.covers(scope, **station);
                prepared.stations.iter().enumerate().filter(within).map(|(unit, _)| unit).collect()
            });
            views.push(View { carrier, scope, units: Arc::clone(units) });
        }
    }
    Ok(views)
}

/// Runs the devices to their end.
async fn post(
    args: &LoadArgs,
    prepared: &Prepared,
    course: &Arc<Course>,
    ledger: &Arc<Ledger>,
    start: Instant,
    shutdown: &CancellationToken,
) -> anyhow::Result<Sent> {
    let duration = Duration::from_secs(args.duration);
    let pace = if args.closed {
        let room = u64::try_from(now().ms_since(course.base())).unwrap_or(0);
        Pace::Closed { until: start + duration, posts_per_unit: room / u64::from(args.batch) }
    } else {
        Pace::Open(Schedule::new(start, args.rate, args.batch, duration))
    };
    let fleet = Arc::new(Fleet {
        targets: prepared.targets.clone(),
        timeout: Duration::from_secs(args.timeout),
        posters: prepared.posters.clone(),
        course: Arc::clone(course),
        ledger: Arc::clone(ledger),
        pace,
        ends: start + duration,
        stop: shutdown.clone(),
    });
    let connections = args.connections;
    blocking(move || fleet.run(connections).context("the senders could not be started")).await
}
