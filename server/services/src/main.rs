//! `sentinel-services redis ferretdb …`: starts servers for whoever is no Rust test, prints a line
//! `NAME URL` for each when all answer, and ends them when its standard input closes or it is killed.

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use sentinel_services::{Appendfsync, Kind, Mongo, Redis, RedisCluster, RedisOptions};
use std::io::{self, Write as _};

#[derive(Parser)]
#[command(about = "Starts servers for tests and load runs; ends them when standard input closes.")]
struct Arguments {
    /// What to start; the same may be named more than once
    #[arg(required = true)]
    services: Vec<Service>,
    /// Redis syncs its append-only file before it answers, not once a second
    #[arg(long)]
    appendfsync_always: bool,
    /// Bytes after which Redis refuses writes
    #[arg(long)]
    maxmemory: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Service {
    Redis,
    RedisCluster,
    Ferretdb,
    MongoJavaServer,
}

enum Started {
    Redis(Redis),
    Cluster(RedisCluster),
    Mongo(Mongo),
}

impl Started {
    fn urls(&self) -> Vec<String> {
        match self {
            Self::Redis(redis) => vec![redis.url()],
            Self::Cluster(cluster) => cluster.urls(),
            Self::Mongo(mongo) => vec![mongo.uri()],
        }
    }
}

impl Arguments {
    fn start(&self, service: Service) -> Result<Started> {
        let appendfsync = if self.appendfsync_always { Appendfsync::Always } else { Appendfsync::Everysec };
        let options = RedisOptions { appendfsync, maxmemory: self.maxmemory, ..RedisOptions::default() };
        Ok(match service {
            Service::Redis => Started::Redis(Redis::start(options)?),
            Service::RedisCluster => Started::Cluster(RedisCluster::start()?),
            Service::Ferretdb => Started::Mongo(Mongo::start(Kind::FerretDb)?),
            Service::MongoJavaServer => Started::Mongo(Mongo::start(Kind::JavaServer)?),
        })
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let services = &arguments.services;
    let started = services.iter().map(|&service| arguments.start(service)).collect::<Result<Vec<_>>>()?;
    let mut out = io::stdout().lock();
    for (service, started) in services.iter().zip(&started) {
        let name = service.to_possible_value().context("naming a service")?;
        for url in started.urls() {
            writeln!(out, "{} {url}", name.get_name()).context("writing the URLs")?;
        }
    }
    out.flush().context("writing the URLs")?;
    io::copy(&mut io::stdin().lock(), &mut io::sink()).context("waiting for standard input to close")?;
    Ok(())
}
