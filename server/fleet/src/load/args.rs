//! What `sentinel load` can be asked for.

use sentinel_model::UnitId;
use std::{num::ParseIntError, path::PathBuf, str::FromStr};

/// Plays devices and dashboards against a running server, then audits every answered fix.
///
/// Open loop: posts leave on a fixed schedule and each latency counts from the moment the
/// post was due, so that a stall of the server shows in the figures instead of slowing the
/// load down. `--closed` sends as fast as answers come, for the highest throughput.
///
/// The run ends by reading every answered fix back. If one is missing, doubled or altered,
/// the command fails and its figures count as nothing.
#[derive(Debug, Clone, clap::Args)]
pub struct LoadArgs {
    /// Where the server is. Plain HTTP: point it at the server itself, not at a TLS proxy. Of
    /// several nodes, connections and dashboards go to one after the other, and everything
    /// else to the first.
    #[arg(long, env = "SENTINEL_URL", value_delimiter = ',', default_value = "http://127.0.0.1:3000")]
    pub url: Vec<String>,

    /// Who signs in to make units and a key for the run: someone who may manage both.
    #[arg(long, env = "SENTINEL_USERNAME", default_value = "admin")]
    pub username: String,

    /// The password; the default is the demo's.
    #[arg(long, env = "SENTINEL_PASSWORD", default_value = "sentinel-demo", hide_env_values = true)]
    pub password: String,

    /// How many units post. They are spread over all stations and made where they do not exist.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub units: u32,

    /// Make stations until there are so many: ten in a division, ten divisions in a zone.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub stations: u32,

    /// What the units' ids begin with [default: LOAD-, or MAX- with --closed, whose units
    /// live in the past so that they have room to outrun the clock]
    #[arg(long)]
    pub unit_prefix: Option<String>,

    /// Each unit posts with its own ingest token instead of one API key for all. Tokens are
    /// shown once, when a unit is made: the prefix must be one not used before.
    #[arg(long)]
    pub unit_tokens: bool,

    /// Fixes per second, all units together.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rate: u64,

    /// Fixes in one post.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub batch: u32,

    /// Seconds of load.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub duration: u64,

    /// Kept-alive connections the posts go over; a unit stays on one.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub connections: u32,

    /// As many posts as the connections can carry, instead of --rate.
    #[arg(long)]
    pub closed: bool,

    /// Seconds after which a post without an answer counts as failed.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,

    /// Dashboards, each with a WebSocket, that watch while the units post.
    #[arg(long, default_value_t = 0)]
    pub dashboards: u32,

    /// Subscribers by server-sent events that watch beside them.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub sse: u32,

    /// What they watch, in turn: levels (all scopes of it) or scopes, such as `station,zone:3`.
    #[arg(long, value_delimiter = ',', default_value = "station,division,zone,district")]
    pub scopes: Vec<String>,

    /// Shortest time between two position frames that a dashboard asks for, milliseconds.
    #[arg(long, default_value_t = sentinel_model::live::INTERVAL_MIN_MS)]
    pub interval_ms: u32,

    /// Encoding on the live sockets.
    #[arg(long, value_enum, default_value_t = Protocol::Postcard)]
    pub protocol: Protocol,

    /// Instead of load: open this many subscribed, idle sockets and tell the server's memory
    /// for each. Needs --server-pid, and `ulimit -n` above the number on both sides.
    #[arg(long, value_name = "N", conflicts_with_all = ["read", "prepare_day"])]
    pub idle_sockets: Option<u32>,

    /// The same with so many subscribers by server-sent events.
    #[arg(long, value_name = "N", conflicts_with_all = ["idle_sockets", "read", "prepare_day"])]
    pub idle_sse: Option<u32>,

    /// Instead of load: time current-position and nearby reads over --units units.
    #[arg(long)]
    pub read: bool,

    /// Instead of load: give this unit a day of 86,400 fixes, then time reading it as a route
    /// of 2,000 points. Goes with --read.
    #[arg(long, value_name = "UNIT")]
    pub prepare_day: Option<UnitId>,

    /// Processes of the server on this machine, by id, each with a name where there are
    /// several, such as `--server-pid node=71 --server-pid redis=72`: CPU time and memory of
    /// each are told.
    #[arg(long, value_name = "[NAME=]PID")]
    pub server_pid: Vec<ServerProcess>,

    /// Also write the figures to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl LoadArgs {
    pub fn prefix(&self) -> &str {
        self.unit_prefix.as_deref().unwrap_or(if self.closed { "MAX-" } else { "LOAD-" })
    }
}

/// A process with the name that the report gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerProcess {
    pub name: String,
    pub pid: u32,
}

impl FromStr for ServerProcess {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, pid) = text.rsplit_once('=').unwrap_or(("server", text));
        Ok(Self { name: name.to_string(), pid: pid.parse()? })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    Json,
    Postcard,
}
