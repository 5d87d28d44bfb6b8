//! `sentinel worker`: its settings, by flags, then `SENTINEL_*` variables, then a TOML file.

use crate::{
    clock::Clock,
    config::{self, Given, ServeArgs, WorkerConfig},
    serve, wiring,
};
use anyhow::Context;
use std::{net::SocketAddr, path::PathBuf};
use tokio_util::sync::CancellationToken;

/// What `sentinel worker` takes. Its TOML file may be the one of `sentinel serve`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct WorkerArgs {
    /// A TOML file with the settings that neither flags nor variables give
    #[arg(long, env = "SENTINEL_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The Redis whose queue is emptied: redis://HOST:PORT, redis+cluster://… or redis+sentinel://…
    #[arg(long, env = "SENTINEL_REDIS_URL", value_name = "URL", hide_env_values = true)]
    pub redis_url: Option<String>,

    /// The MongoDB that keeps the history
    #[arg(long, env = "SENTINEL_MONGODB_URL", value_name = "URL", hide_env_values = true)]
    pub mongodb_url: Option<String>,

    /// Address and port of its own /healthz, /readyz and /metrics, for this machine or the
    /// operator's network [default: none]
    #[arg(long, env = "SENTINEL_WORKER_LISTEN", value_name = "ADDRESS:PORT", value_parser = config::listening)]
    pub listen: Option<SocketAddr>,

    /// Seconds that a unit is found nearby after its last position, as the nodes have it [default: 300]
    #[arg(long, env = "SENTINEL_POSITION_TTL", value_name = "SECONDS")]
    pub position_ttl: Option<u64>,

    /// Days that history is kept [default: for ever]
    #[arg(long, env = "SENTINEL_RETENTION_DAYS", value_name = "DAYS")]
    pub retention_days: Option<u32>,

    /// Seconds of silence after which a unit on patrol is stale, as the nodes have it [default: 60]
    #[arg(long, env = "SENTINEL_STALE_AFTER", value_name = "SECONDS")]
    pub stale_after: Option<u64>,

    /// Seconds of silence after which it is offline, as the nodes have it [default: 300]
    #[arg(long, env = "SENTINEL_OFFLINE_AFTER", value_name = "SECONDS")]
    pub offline_after: Option<u64>,

    /// This worker's name, which no other has; under the same name it goes on at once after
    /// a restart [default: the host's name and something random]
    #[arg(long, env = "SENTINEL_WORKER_NAME", value_name = "NAME")]
    pub name: Option<String>,
}

impl WorkerArgs {
    fn settle(self) -> anyhow::Result<WorkerConfig> {
        // One file may serve nodes and workers.
        let file: ServeArgs = match &self.config {
            Some(path) => config::read(path)?,
            None => ServeArgs::default(),
        };
        let given = Given {
            redis_url: self.redis_url,
            mongodb_url: self.mongodb_url,
            position_ttl: self.position_ttl,
            retention_days: self.retention_days,
            allow_volatile_redis: None,
            backlog: None,
        };
        let shared = given.or(file.shared()).settle()?;
        let shared = shared.context("a worker needs --redis-url and --mongodb-url")?;
        let name = self.name.or(file.worker_name).unwrap_or_else(default_name);
        anyhow::ensure!(!name.trim().is_empty(), "a worker's name must not be empty");
        let silence = config::silence(
            self.stale_after.or(file.stale_after),
            self.offline_after.or(file.offline_after),
        )?;
        Ok(WorkerConfig { shared, listen: self.listen.or(file.worker_listen), name, silence })
    }
}

fn default_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{:08x}", if host.trim().is_empty() { "worker" } else { host.trim() }, rand::random::<u32>())
}

pub async fn run(args: WorkerArgs, stop: CancellationToken) -> anyhow::Result<()> {
    let config = args.settle()?;
    tracing::info!(redis = %config.shared.redis, mongodb = ?config.shared.mongodb, name = config.name, "this worker empties the queue");
    wiring::work(config, Clock::system(), serve::metrics()?, stop).await?;
    tracing::info!("stopped; what this worker could not archive waits in the queue");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_what_flags_do_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("worker.toml");
        std::fs::write(&path, "redis-url = \"redis://a\"\nmongodb-url = \"mongodb://m\"\nworker-name = \"w1\"\nlisten = \"127.0.0.1:3000\"\n")
            .expect("writes");
        let args =
            WorkerArgs { config: Some(path), redis_url: Some("redis://b".into()), ..WorkerArgs::default() };
        let settled = args.settle().expect("settles");
        assert_eq!(settled.shared.redis.to_string(), "redis://b:6379/0", "a flag goes before the file");
        assert_eq!((settled.shared.mongodb.as_str(), settled.name.as_str()), ("mongodb://m", "w1"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let without = |args: WorkerArgs| format!("{:#}", args.settle().expect_err("refused"));
        assert!(without(WorkerArgs::default()).contains("--redis-url"));
        let redis_url = Some("redis://a".into());
        assert!(without(WorkerArgs { redis_url, ..WorkerArgs::default() }).contains("--mongodb-url"));
        assert_ne!(default_name(), default_name());
    }
}
