//! What an idle live stream costs the server: its memory before and after many are open.

use super::{
    LoadArgs,
    carrier::{Carrier, Stream},
    figures,
    setup::Prepared,
    socket::{Arrival, SocketOptions},
    write_json,
};
use anyhow::Context;
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// How long memory may settle before it is read.
const SETTLE: Duration = Duration::from_secs(3);
/// How many connect at once.
const CONNECTING: usize = 64;
/// Opened and closed before the first reading: what a server allocates once is not a stream's.
const WARM_UP: u32 = 200;

#[derive(Serialize)]
struct IdleReport {
    streams: u32,
    before_kib: u64,
    after_kib: u64,
    kib_per_stream: f64,
}

pub async fn run(
    args: &LoadArgs,
    prepared: &Prepared,
    carrier: Carrier,
    streams: u32,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let server =
        args.server_pid.first().context("an idle run reads the server's memory: give --server-pid")?;
    let pid = server.pid;
    let memory =
        || figures::usage_of(pid).map(|u| u.rss_bytes / 1024).context("--server-pid names no process here");
    let options = Arc::new(SocketOptions::new(args, &prepared.targets, &prepared.key));
    let scopes = prepared.tree.pick(&args.scopes, streams as usize)?;
    let warm = scopes.iter().copied().cycle().take(WARM_UP.min(streams) as usize).collect();
    drop(open(carrier, &options, warm).await?);
    wait(SETTLE, shutdown).await?;
    let before_kib = memory()?;
    let held = open(carrier, &options, scopes).await?;
    wait(SETTLE, shutdown).await?;
    let after_kib = memory()?;
    let report = IdleReport {
        streams,
        before_kib,
        after_kib,
        kib_per_stream: (f64::from(u32::try_from(after_kib)?) - f64::from(u32::try_from(before_kib)?))
            / f64::from(streams),
    };
    let what = match carrier {
        Carrier::WebSocket => "sockets",
        Carrier::Events => "subscribers by SSE",
    };
    println!(
        "{streams} idle {what}: the server's memory went from {before_kib} to {after_kib} KiB, {:.2} KiB for each",
        report.kib_per_stream
    );
    drop(held);
    write_json(args, &report)
}

/// Opens a stream on each scope and keeps it read, so that pings are answered. Dropping
/// the set closes them.
async fn open(
    carrier: Carrier,
    options: &Arc<SocketOptions>,
    scopes: Vec<sentinel_model::Scope>,
) -> anyhow::Result<JoinSet<()>> {
    let at_once = Arc::new(Semaphore::new(CONNECTING));
    let mut opening = JoinSet::new();
    for (number, scope) in scopes.into_iter().enumerate() {
        let (options, at_once) = (Arc::clone(options), Arc::clone(&at_once));
        opening.spawn(async move {
            let _turn = at_once.acquire().await?;
            let mut stream = Stream::open(carrier, &options, number, scope)
                .await
                .context("a stream did not open (is `ulimit -n` above their number?)")?;
            match stream.next().await {
                Arrival::Frame(_) => anyhow::Ok(stream),
                Arrival::Ended(why) => anyhow::bail!(why),
            }
        });
    }
    let mut held = JoinSet::new();
    while let Some(stream) = opening.join_next().await {
        let mut stream = stream.context("a stream failed")??;
        held.spawn(async move { while let Arrival::Frame(_) = stream.next().await {} });
    }
    Ok(held)
}

async fn wait(time: Duration, shutdown: &CancellationToken) -> anyhow::Result<()> {
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        () = shutdown.cancelled() => anyhow::bail!("broken off"),
    }
}
