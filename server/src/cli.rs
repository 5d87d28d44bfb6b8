//! The program's commands.

use crate::{
    backup::{self, BackupArgs, RestoreArgs},
    config::ServeArgs,
    import::command::{self as import, ImportArgs},
    logs, serve, users,
    worker::{self, args::WorkerArgs, dead::DeadCommand},
};
use clap::{CommandFactory as _, Parser, Subcommand};
use sentinel_fleet::{load, replay, simulate};
use tokio_util::sync::CancellationToken;

/// Sentinel: a real-time command dashboard for fleets in the field.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const LOG_HELP: &str = "The log goes to standard error:
  SENTINEL_LOG         how much: error, warn, info, debug, trace, or
                       sentinel_server::live=trace [default: info]
  SENTINEL_LOG_FORMAT  text or json [default: text]";

/// Variables of the build and the tests, which are not the program's but no mistakes either.
const OTHERS_VARIABLES: [&str; 9] = [
    "SENTINEL_SETUP",
    "SENTINEL_SHOTS",
    "SENTINEL_CHROMIUM",
    "SENTINEL_BIN",
    "SENTINEL_STORIES",
    "SENTINEL_TURMOILS",
    "SENTINEL_CRASH_CYCLES",
    "SENTINEL_FAULT_SECONDS",
    "SENTINEL_SERVICES",
];

#[derive(Subcommand)]
enum Command {
    /// Run the server: dashboard, API, live streams
    #[command(after_help = LOG_HELP)]
    Serve(Box<ServeArgs>),
    /// Move what was taken from the queue in Redis into the archive; run any number of them
    #[command(after_help = LOG_HELP)]
    Worker(Box<WorkerArgs>),
    /// Entries of the queue that the archive would not take
    #[command(subcommand)]
    Dead(DeadCommand),
    /// Write everything that an installation holds into one file
    #[command(after_help = backup::HELP)]
    Backup(BackupArgs),
    /// Fill an empty installation from such a file, whatever engines it came from
    #[command(after_help = backup::HELP)]
    Restore(RestoreArgs),
    /// Drive made-up units through the demo city
    Simulate(Box<simulate::SimulateArgs>),
    /// Post a recorded fleet's fixes again, at any speed, and audit what the server kept
    Replay(Box<replay::ReplayArgs>),
    /// Load a server with devices and dashboards, measure, and audit what it kept
    Load(Box<load::LoadArgs>),
    /// Put the positions of a GPX or CSV file into a server's history
    Import(ImportArgs),
    /// People who may sign in
    #[command(subcommand)]
    User(users::UserCommand),
}

impl Cli {
    pub async fn run(self) -> anyhow::Result<()> {
        warn_of_unknown_variables();
        let stop = CancellationToken::new();
        let by_signal = stop.clone();
        let signals = tokio::spawn(async move {
            until_asked_to_stop().await;
            by_signal.cancel();
        });
        let outcome = match self.command {
            Command::Serve(args) => serve::run(*args, stop).await,
            Command::Worker(args) => worker::args::run(*args, stop).await,
            Command::Dead(command) => worker::dead::run(command, stop).await,
            Command::Backup(args) => backup::backup(args, stop).await,
            Command::Restore(args) => backup::restore(args, stop).await,
            Command::Simulate(args) => simulate::run(*args, stop).await,
            Command::Replay(args) => replay::run(*args, stop).await,
            Command::Load(args) => load::run(*args, stop).await,
            Command::Import(args) => import::run(args, stop).await,
            Command::User(command) => users::run(command).await,
        };
        signals.abort();
        outcome
    }
}

/// A misspelt variable would change nothing and say nothing. Names only: a value may be a secret.
fn warn_of_unknown_variables() {
    let mut known: Vec<String> = [logs::LEVEL, logs::FORMAT].into_iter().map(String::from).collect();
    known.extend(OTHERS_VARIABLES.map(String::from));
    variables_of(&Cli::command(), &mut known);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("SENTINEL_") && !known.iter().any(|known| *known == name) {
            tracing::warn!("the variable {name} is none of Sentinel's and changes nothing; see --help");
        }
    }
}

fn variables_of(command: &clap::Command, known: &mut Vec<String>) {
    let own = command.get_arguments().filter_map(clap::Arg::get_env);
    known.extend(own.map(|name| name.to_string_lossy().into_owned()));
    for sub in command.get_subcommands() {
        variables_of(sub, known);
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
