//! `sentinel serve`: from settings to a socket that answers, and back down without loss.

use crate::{
    clock::Clock,
    config::{Config, Place, ServeArgs},
    demo, http,
    tls::Tls,
    wiring::{self, Running},
};
use anyhow::Context;
use axum::Router;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use sentinel_fleet::{
    city::{DEMO_PASSWORD, kochi},
    simulate::{self, SimulateArgs},
};
use std::{
    io::ErrorKind,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Edges of the time histograms: from what a durable answer takes to what nobody waits for.
const SECONDS: [f64; 11] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];
/// Of response times: half a minute to two hours, seconds.
const RESPONSE_SECONDS: [f64; 10] = [30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0];

pub async fn run(args: ServeArgs, stop: CancellationToken) -> anyhow::Result<()> {
    let config = args.settle()?;
    let metrics = metrics()?;
    allow_many_connections();
    let tls = config.tls.clone().map(Tls::open).transpose()?;
    // The port first: a second Sentinel on it is noticed before it touches the data.
    let listener = listen(config.listen).await?;
    let address = listener.local_addr().context("the listening address could not be read")?;
    let running = wiring::start(&config, Clock::system(), metrics, stop.clone()).await?;
    let directory = &running.sentinel.directory;
    if !(config.demo && address.ip().is_loopback()) && demo::has_demo_sign_ins(directory).await? {
        let place = config.place();
        anyhow::ensure!(
            address.ip().is_loopback(),
            "{place} has sign-ins with the demo's well-known password, so {address} is not listened on: use \
             127.0.0.1, or change those passwords, or begin with an empty one"
        );
        tracing::warn!(
            "{place} has sign-ins with the demo's well-known password: change those passwords, or begin with an \
             empty one. --demo drives the demo's units"
        );
    }
    let keeping = tls.clone().map(|tls| tokio::spawn(tls.keep(stop.clone())));
    say_where(&config, address, &running);
    let router = http::router(running.sentinel.clone());
    let simulator = match config.demo {
        true => Some(start_simulator(&running, address, tls.is_some().then(|| router.clone()), &stop).await?),
        false => None,
    };
    http::listen::serve(listener, tls, router, stop.clone()).await;
    // Also when the listener ended by itself.
    stop.cancel();
    if let Some(simulator) = simulator {
        simulator.await.ok();
    }
    if let Some(keeping) = keeping {
        keeping.await.ok();
    }
    running.end().await;
    tracing::info!("stopped; everything that was answered is on disk");
    Ok(())
}

/// Begins to count, once in a process.
pub fn metrics() -> anyhow::Result<PrometheusHandle> {
    let responses = Matcher::Full("sentinel_response_seconds".into());
    let metrics = PrometheusBuilder::new()
        .set_buckets(&SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(responses, &RESPONSE_SECONDS))
        .and_then(PrometheusBuilder::install_recorder)
        .context("metrics could not be set up")?;
    http::ops::describe();
    Ok(metrics)
}

/// Every connection is an open file, and the usual limit of 1024 is a default, not a
/// decision: whoever decided on one has set the hard limit.
fn allow_many_connections() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let why = match error.kind() {
            ErrorKind::AddrInUse => "the port is taken",
            ErrorKind::PermissionDenied => "this user may not; ports from 1024 on are free for all",
            ErrorKind::AddrNotAvailable => "this machine has no such address",
            _ => "it is not to be had",
        };
        anyhow::Error::new(error).context(format!(
            "{address} could not be listened on: {why}. Give another with --listen, such as --listen 127.0.0.1:3001"
        ))
    })
}

/// The demo's units are clients like any other, who would not trust the demo's certificate: with
/// TLS they get an entrance of their own, on loopback and without.
async fn start_simulator(
    running: &Running,
    address: SocketAddr,
    plain: Option<Router>,
    stop: &CancellationToken,
) -> anyhow::Result<JoinHandle<()>> {
    let entrance = match plain {
        Some(router) => Some((listen(SocketAddr::from(([127, 0, 0, 1], 0))).await?, router)),
        None => None,
    };
    let address = match &entrance {
        Some((listener, _)) => listener.local_addr().context("the demo's address could not be read")?,
        None => address,
    };
    let sentinel = &running.sentinel;
    let key = demo::simulator_key(&sentinel.directory, sentinel.clock.now()).await?;
    let args = SimulateArgs::demo(format!("http://{address}"), key);
    let stop = stop.clone();
    Ok(tokio::spawn(async move {
        let serving = async {
            if let Some((listener, router)) = entrance {
                http::listen::serve(listener, None, router, stop.clone()).await;
            }
        };
        let simulating = async {
            if let Err(error) = simulate::run(args, stop.clone()).await {
                tracing::error!("the demo's units stopped moving: {error:#}");
            }
        };
        tokio::join!(serving, simulating);
    }))
}

/// This program, as it was called.
fn program() -> PathBuf {
    std::env::args_os().next().map_or_else(|| "sentinel".into(), PathBuf::from)
}

/// A path as a shell takes it.
fn as_typed(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%:,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn say_where(config: &Config, address: SocketAddr, running: &Running) {
    let (units, patrols) = running.sentinel.directory.counts();
    tracing::info!(%address, data = %config.place(), units, patrols, "listening");
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    println!("Sentinel is at {scheme}://{address}");
    if config.demo {
        let people = kochi().users;
        println!("Sign in with the password {DEMO_PASSWORD} as");
        for person in people {
            println!("  {:<12} {} ({})", person.username, person.name, person.scope);
        }
    }
    if running.sentinel.directory.users().is_empty() {
        println!("{}", first_account(&config.place(), &as_typed(&program())));
    }
}

/// How somebody can begin to sign in.
fn first_account(place: &Place, program: &str) -> String {
    match place {
        Place::Folder(data) => format!(
            "Nobody can sign in yet. Stop this server (Ctrl-C), make the first account, and start again:\n  \
             {program} user add admin --data {}",
            as_typed(data)
        ),
        // Not the URLs: there may be passwords in them.
        Place::Shared(_) => format!(
            "Nobody can sign in yet. Make the first account; this server goes on meanwhile:\n  \
             {program} user add admin --redis-url URL --mongodb-url URL\n\
             with the two URLs that this server was given; without the flags where they stand in the environment."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_as_a_shell_takes_it() {
        for (path, typed) in [
            ("/srv/sentinel-1", "/srv/sentinel-1"),
            ("my data", "'my data'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
        ] {
            assert_eq!(as_typed(Path::new(path)), typed);
        }
    }
}
