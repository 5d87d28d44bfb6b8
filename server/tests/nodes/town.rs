//! Nodes and workers in this process, over a Redis of the test's own and a fresh database.

use crate::{
    isolation::ground::know_the_same,
    server::{Server, Turned, city, eventually},
};
use metrics_exporter_prometheus::PrometheusBuilder;
use sentinel_server::{
    config::{Config, ServeArgs, WorkerConfig},
    wiring,
};
use sentinel_services::{Database, Kind, Redis};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a node holds on to a room that nobody is in. The product's is half a minute, so
/// that its channels stay for a minute at most ([`sentinel_server::live::LINGER`]).
const ROOM_LINGER: Duration = Duration::from_millis(50);

/// The test's services, and what nodes and workers have alike.
pub struct Ground {
    pub redis: Redis,
    pub clock: Turned,
    config: Config,
    folder: Arc<tempfile::TempDir>,
    _database: Database,
}

impl Ground {
    /// None, loudly, where the services are not installed.
    pub fn lay() -> Option<Self> {
        Self::over(sentinel_services::mongo_of(Kind::JavaServer)?)
    }

    pub fn over(database: Database) -> Option<Self> {
        let redis = sentinel_services::redis()?;
        let args = ServeArgs {
            redis_url: Some(redis.url()),
            mongodb_url: Some(database.uri().to_owned()),
            ..ServeArgs::default()
        };
        let config = Config { room_linger: ROOM_LINGER, ..args.settle().expect("settles") };
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        Some(Self { redis, clock: Turned::new(), config, folder, _database: database })
    }

    pub async fn node(&self) -> Server {
        Server::over(self.folder.clone(), self.config.clone(), self.clock.clone()).await
    }

    pub fn worker(&self, name: &str) -> Worker {
        let shared = self.config.shared.clone().expect("they share their engines");
        let config = WorkerConfig { shared, listen: None, name: name.into(), silence: self.config.silence };
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let stop = CancellationToken::new();
        let working = tokio::spawn(wiring::work(config, self.clock.clock(), metrics, stop.clone()));
        Worker { stop, working }
    }

    /// Whether the workers have moved everything that was posted into the archive.
    pub fn has_archived(&self) -> bool {
        const QUEUED: &str =
            "local n = 0 for i = 0, 15 do n = n + redis.call('XLEN', 'in:{' .. i .. '}') end return n";
        self.redis.cli(&["EVAL", QUEUED, "0"]) == "0"
    }

    /// Who holds the lease of the chores.
    pub fn on_duty(&self) -> String {
        self.redis.cli(&["GET", "lease:housekeeping"])
    }
}

pub struct Worker {
    stop: CancellationToken,
    working: JoinHandle<anyhow::Result<()>>,
}

impl Worker {
    pub async fn end(self) {
        self.stop.cancel();
        self.working.await.expect("it ends").expect("it worked");
    }
}

pub struct Town {
    pub ground: Ground,
    pub nodes: Vec<Server>,
    pub workers: Vec<Worker>,
    /// Each node's connection that listens, by its number in Redis.
    listening: Vec<u64>,
}

impl Town {
    /// Nodes and workers, and the small city of [`city`]. None, loudly, where the services
    /// are not installed.
    pub async fn start(nodes: usize, workers: usize) -> Option<Self> {
        Some(Self::on(Ground::lay()?, nodes, workers).await)
    }

    pub async fn on(ground: Ground, nodes: usize, workers: usize) -> Self {
        let town = Self::empty(ground, nodes, workers).await;
        town.nodes[0].change(city()).await;
        town.settled().await;
        town
    }

    /// Without the city.
    pub async fn empty(ground: Ground, nodes: usize, workers: usize) -> Self {
        let mut town = Self { ground, nodes: Vec::new(), workers: Vec::new(), listening: Vec::new() };
        for _ in 0..nodes {
            town.nodes.push(town.ground.node().await);
            eventually("the node listens", || async {
                town.clients().iter().filter(|client| client.sub > 0).count() == town.nodes.len()
            })
            .await;
            let new = town
                .clients()
                .into_iter()
                .find(|client| client.sub > 0 && !town.listening.contains(&client.id));
            town.listening.push(new.expect("it listens").id);
        }
        for n in 0..workers {
            town.worker(&format!("worker-{n}")).await;
        }
        town
    }

    /// One more worker; the first has the lease before the second begins.
    pub async fn worker(&mut self, name: &str) {
        self.workers.push(self.ground.worker(name));
        eventually("a worker is on duty", || async { !self.ground.on_duty().is_empty() }).await;
    }

    /// Waits until every node has heard of what any of them has committed.
    pub async fn settled(&self) {
        eventually("all nodes know the same", || async {
            self.nodes.windows(2).all(|pair| know_the_same(&pair[0].sentinel, &pair[1].sentinel))
        })
        .await;
    }

    pub async fn end(self) {
        // They may wait for the queue, a second at most: meanwhile the nodes end.
        self.workers.iter().for_each(|worker| worker.stop.cancel());
        for node in self.nodes {
            node.end().await;
        }
        for worker in self.workers {
            worker.end().await;
        }
    }

    /// How many channels a node listens to, as Redis counts them.
    pub fn subscriptions(&self, node: usize) -> u64 {
        let clients = self.clients();
        clients.iter().find(|client| client.id == self.listening[node]).expect("it is connected").sub
    }

    /// Every channel that anybody listens to.
    pub fn channels(&self) -> BTreeSet<String> {
        self.ground.redis.cli(&["PUBSUB", "CHANNELS"]).lines().map(str::to_owned).collect()
    }

    /// How many connections listen to a channel.
    pub fn listeners(&self, channel: &str) -> u64 {
        let said = self.ground.redis.cli(&["PUBSUB", "NUMSUB", channel]);
        said.lines().last().and_then(|count| count.parse().ok()).expect("a count")
    }

    /// Everything that is connected to Redis.
    pub fn clients(&self) -> Vec<Client> {
        self.ground.redis.cli(&["CLIENT", "LIST"]).lines().map(Client::of).collect()
    }
}

/// A connection, as CLIENT LIST shows it.
#[derive(Debug)]
pub struct Client {
    pub id: u64,
    /// Channels, patterns and sharded channels that it listens to.
    pub sub: u64,
    pub psub: u64,
    pub ssub: u64,
}

impl Client {
    fn of(line: &str) -> Self {
        let number = |name: &str| {
            let field = line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
            field.map_or(0, |value| value.parse().expect("a number"))
        };
        Self { id: number("id"), sub: number("sub"), psub: number("psub"), ssub: number("ssub") }
    }
}
