//! Three Redis masters that share the slots.

use crate::redis::{Redis, RedisOptions};
use anyhow::{Context as _, Result, ensure};
use std::{
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

const MASTERS: usize = 3;
const DEADLINE: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

pub struct RedisCluster {
    masters: Vec<Redis>,
}

impl RedisCluster {
    /// Starts the masters and waits until each of them says that the cluster is fine.
    pub fn start() -> Result<Self> {
        let options =
            RedisOptions::default().with("cluster-enabled", "yes").with("cluster-node-timeout", "2000");
        let masters = (0..MASTERS).map(|_| Redis::start(options.clone())).collect::<Result<Vec<_>>>()?;
        let addresses = masters.iter().map(|master| format!("127.0.0.1:{}", master.port()));
        let output = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .arg("--cluster-yes")
            .output()
            .context("running redis-cli --cluster create")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "redis-cli --cluster create did not succeed:\n{said}");
        let cluster = Self { masters };
        cluster.wait_until_whole()?;
        Ok(cluster)
    }

    /// `redis://127.0.0.1:PORT` of each master.
    pub fn urls(&self) -> Vec<String> {
        self.masters.iter().map(Redis::url).collect()
    }

    pub fn masters(&self) -> &[Redis] {
        &self.masters
    }

    /// Until every master knows that all slots are served, as after one was killed and started again.
    pub fn wait_until_whole(&self) -> Result<()> {
        let began = Instant::now();
        for master in &self.masters {
            loop {
                let info = master.cli(&["CLUSTER", "INFO"]);
                if info.contains("cluster_state:ok") {
                    break;
                }
                ensure!(began.elapsed() < DEADLINE, "the cluster is not whole within {DEADLINE:?}:\n{info}");
                sleep(BETWEEN_LOOKS);
            }
        }
        Ok(())
    }
}
