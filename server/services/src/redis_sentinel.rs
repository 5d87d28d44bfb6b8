//! A Redis master, its replica, and a Redis Sentinel that watches over both.

use crate::{
    installed,
    redis::{Redis, RedisOptions, answers},
    server::{Program, Server},
};
use anyhow::{Context as _, Result, ensure};
use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

const MASTER: &str = "mymaster";
const DEADLINE: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

pub struct RedisSentinel {
    sentinel: Server,
    pub master: Redis,
    pub replica: Redis,
}

impl RedisSentinel {
    /// Starts the three and waits until the sentinel knows the replica, so that it can put it
    /// in the master's place.
    pub fn start() -> Result<Self> {
        let options = RedisOptions::default().with("repl-diskless-sync-delay", "0");
        let master = Redis::start(options.clone())?;
        let replica = Redis::start(options)?;
        replica.cli(&["replicaof", "127.0.0.1", &master.port().to_string()]);
        until("the replica follows", || {
            replica.cli(&["info", "replication"]).contains("master_link_status:up")
        })?;
        let watched = master.port();
        let sentinel = Server::start(Program {
            name: "redis-sentinel",
            file: installed::on_path("redis-server").context("redis-server is not installed")?,
            arguments: Box::new(move |port, data| {
                // It writes what it learns into its file.
                let file = data.join("sentinel.conf");
                let settings = format!(
                    "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {MASTER} 127.0.0.1 {watched} 1\n\
                     sentinel down-after-milliseconds {MASTER} 500\nsentinel failover-timeout {MASTER} 3000\n",
                    data.display()
                );
                // Where it cannot be written, the server says so.
                fs::write(&file, settings).ok();
                vec![file.into(), "--sentinel".into()]
            }),
            answers,
        })?;
        let all = Self { sentinel, master, replica };
        until("the sentinel knows the replica", || {
            let known = Redis::cli_of(all.sentinel.port(), &["sentinel", "replicas", MASTER]);
            known.contains(&all.replica.port().to_string())
        })?;
        Ok(all)
    }

    /// `redis+sentinel://127.0.0.1:PORT/mymaster`
    pub fn address(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/{MASTER}", self.sentinel.port())
    }
}

fn until(what: &str, holds: impl Fn() -> bool) -> Result<()> {
    let began = Instant::now();
    while !holds() {
        ensure!(began.elapsed() < DEADLINE, "within {DEADLINE:?} it did not come that {what}");
        sleep(BETWEEN_LOOKS);
    }
    Ok(())
}
