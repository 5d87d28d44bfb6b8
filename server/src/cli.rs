//! The program's commands.

use crate::{config::ServeArgs, serve, users};
use clap::{Parser, Subcommand};
use sentinel_fleet::{load, replay, simulate};
use tokio_util::sync::CancellationToken;

/// Sentinel: a real-time command dashboard for fleets in the field.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server: dashboard, API, live streams
    Serve(Box<ServeArgs>),
    /// Drive made-up units through the demo city
    Simulate(Box<simulate::SimulateArgs>),
    /// Post a recorded fleet's fixes again, at any speed, and audit what the server kept
    Replay(Box<replay::ReplayArgs>),
    /// Load a server with devices and dashboards, measure, and audit what it kept
    Load(Box<load::LoadArgs>),
    /// People who may sign in
    #[command(subcommand)]
    User(users::UserCommand),
}

impl Cli {
    pub async fn run(self) -> anyhow::Result<()> {
        let stop = CancellationToken::new();
        let by_signal = stop.clone();
        let signals = tokio::spawn(async move {
            until_asked_to_stop().await;
            by_signal.cancel();
        });
        let outcome = match self.command {
            Command::Serve(args) => serve::run(*args, stop).await,
            Command::Simulate(args) => simulate::run(*args, stop).await,
            Command::Replay(args) => replay::run(*args, stop).await,
            Command::Load(args) => load::run(*args, stop).await,
            Command::User(command) => users::run(command).await,
        };
        signals.abort();
        outcome
    }
}

/// Returns at Ctrl-C, or when the service manager says so.
async fn until_asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = match signal(SignalKind::terminate()) {
        Ok(terminated) => terminated,
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be heard; stop with Ctrl-C");
            tokio::signal::ctrl_c().await.ok();
            return;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
