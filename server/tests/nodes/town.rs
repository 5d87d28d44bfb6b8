//! Nodes and workers in this process, over a Redis or a cluster of the test's own and a
//! fresh database.

use crate::{
    cable::Cable,
    isolation::ground::know_the_same,
    server::{Server, Turned, city, eventually},
};
use metrics_exporter_prometheus::PrometheusBuilder;
use sentinel_server::{
    config::{Config, ServeArgs, WorkerConfig},
    wiring,
};
use sentinel_services::{Database, Kind, Redis, RedisCluster};
use std::{collections::BTreeSet, slice, sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a node holds on to a room that nobody is in. The product's is half a minute, so
/// that its channels stay for a minute at most ([`sentinel_server::live::LINGER`]).
const ROOM_LINGER: Duration = Duration::from_millis(50);

fn config(redis: String, mongodb: String) -> Config {
    let args = ServeArgs {
        redis_url: Some(redis),
        mongodb_url: Some(mongodb),
        webhook_allow: Some(vec!["127.0.0.1".into()]),
        ..ServeArgs::default()
    };
    Config { room_linger: ROOM_LINGER, ..args.settle().expect("settles") }
}

/// The test's services, and what nodes and workers have alike.
pub struct Ground {
    service: Service,
    pub clock: Turned,
    config: Config,
    folder: Arc<tempfile::TempDir>,
    database: Database,
}

enum Service {
    Redis(Redis),
    Cluster(RedisCluster),
}

impl Ground {
    /// None, loudly, where the services are not installed.
    pub fn lay() -> Option<Self> {
        Self::over(sentinel_services::mongo_of(Kind::JavaServer)?)
    }

    pub fn over(database: Database) -> Option<Self> {
        let redis = sentinel_services::redis()?;
        let url = redis.url();
        Some(Self::on(Service::Redis(redis), url, database))
    }

    /// The same with three masters in place of the one Redis.
    pub fn on_a_cluster() -> Option<Self> {
        let database = sentinel_services::mongo_of(Kind::JavaServer)?;
        let cluster = sentinel_services::redis_cluster()?;
        let hosts: Vec<String> =
            cluster.masters().iter().map(|master| format!("127.0.0.1:{}", master.port())).collect();
        let url = format!("redis+cluster://{}", hosts.join(","));
        Some(Self::on(Service::Cluster(cluster), url, database))
    }

    fn on(service: Service, redis_url: String, database: Database) -> Self {
        let config = config(redis_url, database.uri().to_owned());
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        Self { service, clock: Turned::new(), config, folder, database }
    }

    /// Where nodes and workers of other processes find their engines.
    pub fn urls(&self) -> [(&'static str, String); 2] {
        let shared = self.config.shared.as_ref().expect("they share their engines");
        [
            ("SENTINEL_REDIS_URL", shared.redis.to_string()),
            ("SENTINEL_MONGODB_URL", shared.mongodb.as_str().to_owned()),
        ]
    }

    /// The one Redis, or the masters of the cluster.
    pub fn servers(&self) -> &[Redis] {
        match &self.service {
            Service::Redis(redis) => slice::from_ref(redis),
            Service::Cluster(cluster) => cluster.masters(),
        }
    }

    /// What Redis says to a command of one key, whichever server has it.
    fn ask(&self, command: &[&str]) -> String {
        self.servers()[0].cli(&[&["-c"], command].concat())
    }

    pub async fn node(&self) -> Server {
        Server::over(self.folder.clone(), self.config.clone(), self.clock.clone()).await
    }

    /// One that reaches the database, which is at this port, by a cable.
    pub async fn node_by(&self, cable: &Cable, port: u16) -> Server {
        let uri = self.database.uri().replace(&format!("127.0.0.1:{port}"), &cable.address.to_string());
        assert_ne!(uri, self.database.uri(), "it goes by the cable");
        let [(_, redis), _] = self.urls();
        Server::over(self.folder.clone(), config(redis, uri), self.clock.clone()).await
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
        (0..16).all(|shard| self.ask(&["XLEN", &format!("in:{{{shard}}}")]) == "0")
    }

    /// The worker that holds the lease of the chores.
    pub fn on_duty(&self) -> Option<String> {
        Some(self.ask(&["GET", "lease:housekeeping"]))
            .filter(|holder| !holder.is_empty() && !stands_in(holder))
    }

    /// Whether it is a node that holds it.
    pub fn is_stood_in_for(&self) -> bool {
        stands_in(&self.ask(&["GET", "lease:housekeeping"]))
    }
}

fn stands_in(holder: &str) -> bool {
    holder.starts_with("stand-in:")
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

    /// As kill -9 does: from one moment to the next, in the middle of whatever it does.
    pub async fn kill(self) {
        self.working.abort();
        assert!(self.working.await.is_err_and(|error| error.is_cancelled()));
        // With what it does beside.
        self.stop.cancel();
    }
}

pub struct Town {
    pub ground: Ground,
    pub nodes: Vec<Server>,
    pub workers: Vec<Worker>,
    /// Each node's connection that listens, by its server and its number there.
    listening: Vec<(usize, u64)>,
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
        eventually("a worker is on duty", || async { self.ground.on_duty().is_some() }).await;
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
        let channels = |server: &Redis| server.cli(&["PUBSUB", "CHANNELS"]);
        let said: Vec<String> = self.ground.servers().iter().map(channels).collect();
        said.iter().flat_map(|said| said.lines()).map(str::to_owned).collect()
    }

    /// How many connections listen to a channel.
    pub fn listeners(&self, channel: &str) -> u64 {
        let listeners = |server: &Redis| -> u64 {
            let said = server.cli(&["PUBSUB", "NUMSUB", channel]);
            said.lines().last().and_then(|count| count.parse().ok()).expect("a count")
        };
        self.ground.servers().iter().map(listeners).sum()
    }

    /// Everything that is connected to Redis.
    pub fn clients(&self) -> Vec<Client> {
        let mut clients = Vec::new();
        for (at, server) in self.ground.servers().iter().enumerate() {
            clients.extend(server.cli(&["CLIENT", "LIST"]).lines().map(|line| Client::of(at, line)));
        }
        clients
    }
}

/// A connection, as CLIENT LIST shows it.
#[derive(Debug)]
pub struct Client {
    /// The server, and the number there.
    pub id: (usize, u64),
    /// Channels, patterns and sharded channels that it listens to.
    pub sub: u64,
    pub psub: u64,
    pub ssub: u64,
}

impl Client {
    fn of(server: usize, line: &str) -> Self {
        let number = |name: &str| {
            let field = line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
            field.map_or(0, |value| value.parse().expect("a number"))
        };
        Self { id: (server, number("id")), sub: number("sub"), psub: number("psub"), ssub: number("ssub") }
    }
}
