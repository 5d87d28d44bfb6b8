//! `sentinel worker`: its settings, by flags, then `SENTINEL_*` variables, then a TOML file.

use super::{Worker, WorkerOptions};
use crate::{config, ports::ArchiveWriter, redis::Address};
use anyhow::Context;
use serde::Deserialize;
use std::{path::PathBuf, sync::Arc};
use tokio_util::sync::CancellationToken;

/// What `sentinel worker` takes. Each name is also a key of the TOML file.
#[derive(Debug, Clone, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct WorkerArgs {
    /// A TOML file with the settings that neither flags nor variables give
    #[arg(long, env = "SENTINEL_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// The Redis whose queue is emptied: redis://HOST:PORT, redis+cluster://… or redis+sentinel://…
    #[arg(long, env = "SENTINEL_REDIS_URL", value_name = "URL", hide_env_values = true)]
    pub redis_url: Option<String>,

    /// The MongoDB that keeps the history
    #[arg(long, env = "SENTINEL_MONGODB_URL", value_name = "URL", hide_env_values = true)]
    pub mongodb_url: Option<String>,

    /// This worker's name, which no other has; under the same name it goes on at once after
    /// a restart [default: the host's name and something random]
    #[arg(long, env = "SENTINEL_WORKER_NAME", value_name = "NAME")]
    pub name: Option<String>,
}

struct Settled {
    redis: Address,
    mongodb_url: String,
    name: String,
}

impl WorkerArgs {
    fn settle(self) -> anyhow::Result<Settled> {
        let file = match &self.config {
            Some(path) => config::read(path)?,
            None => Self::default(),
        };
        let redis = self.redis_url.or(file.redis_url).context("a worker needs --redis-url")?;
        let mongodb_url = self.mongodb_url.or(file.mongodb_url).context("a worker needs --mongodb-url")?;
        let name = self.name.or(file.name).unwrap_or_else(default_name);
        anyhow::ensure!(!name.trim().is_empty(), "a worker's name must not be empty");
        Ok(Settled { redis: redis.parse()?, mongodb_url, name })
    }
}

fn default_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{:08x}", if host.trim().is_empty() { "worker" } else { host.trim() }, rand::random::<u32>())
}

pub async fn run(args: WorkerArgs, stop: CancellationToken) -> anyhow::Result<()> {
    let settled = args.settle()?;
    let writer = writer(&settled.mongodb_url).await?;
    let options = WorkerOptions::named(settled.name);
    tracing::info!(redis = %settled.redis, name = options.name, "this worker empties the queue");
    Worker { address: settled.redis, writer, options }.run(stop).await?;
    tracing::info!("stopped; what this worker could not archive waits in the queue");
    Ok(())
}

/// The archive that workers write to.
async fn writer(_mongodb_url: &str) -> anyhow::Result<Arc<dyn ArchiveWriter>> {
    anyhow::bail!("this build has no MongoDB archive to write to")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_what_flags_do_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("worker.toml");
        std::fs::write(&path, "redis-url = \"redis://a\"\nmongodb-url = \"mongodb://m\"\nname = \"w1\"\n")
            .expect("writes");
        let args =
            WorkerArgs { config: Some(path), redis_url: Some("redis://b".into()), ..WorkerArgs::default() };
        let settled = args.settle().expect("settles");
        assert_eq!(settled.redis.to_string(), "redis://b:6379/0", "a flag goes before the file");
        assert_eq!((settled.mongodb_url.as_str(), settled.name.as_str()), ("mongodb://m", "w1"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let without = |args: WorkerArgs| format!("{:#}", args.settle().err().expect("refused"));
        assert!(without(WorkerArgs::default()).contains("--redis-url"));
        let redis_url = Some("redis://a".into());
        assert!(without(WorkerArgs { redis_url, ..WorkerArgs::default() }).contains("--mongodb-url"));
        assert_ne!(default_name(), default_name());
    }
}
