//! Engines over a Redis of the test's own, or over the cluster that the tests of a process
//! have one after the other, emptied each time: making one takes seconds.

use sentinel_model::{PatrolId, Scope, live::Event};
use sentinel_server::ports::{Bus as _, BusSink, PositionFrame};
use sentinel_server::redis::{Address, Link, RedisBus, RedisPositions, RedisRooms, Seeker, seek_lease};
use sentinel_services::{Redis, RedisCluster};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::{Mutex, MutexGuard, OnceCell};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What engines stand on; ends with the test.
pub struct Base {
    pub address: Address,
    pub link: Link,
    pub tasks: TaskTracker,
    stop: CancellationToken,
    service: Service,
}

enum Service {
    Redis(Redis),
    Cluster(MutexGuard<'static, Option<RedisCluster>>),
}

static CLUSTER: OnceCell<Mutex<Option<RedisCluster>>> = OnceCell::const_new();

impl Drop for Base {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Base {
    pub async fn redis() -> Option<Self> {
        let redis = sentinel_services::redis()?;
        Some(Self::on(redis.url(), Service::Redis(redis)).await)
    }

    pub async fn cluster() -> Option<Self> {
        let shared = CLUSTER.get_or_init(|| async { Mutex::default() }).await;
        let mut cluster = shared.lock().await;
        if cluster.is_none() {
            let made = tokio::task::spawn_blocking(sentinel_services::redis_cluster).await;
            *cluster = made.expect("starts");
        }
        let masters = cluster.as_ref()?.masters();
        for master in masters {
            master.cli(&["flushall"]);
        }
        let hosts: Vec<String> =
            masters.iter().map(|master| format!("127.0.0.1:{}", master.port())).collect();
        Some(Self::on(format!("redis+cluster://{}", hosts.join(",")), Service::Cluster(cluster)).await)
    }

    async fn on(address: String, service: Service) -> Self {
        let address: Address = address.parse().expect("an address");
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let link = Link::open(&address, &tasks, stop.clone()).await.expect("connects");
        Self { address, link, tasks, stop, service }
    }

    /// A node's bus: each has its own.
    pub fn bus(&self) -> Arc<RedisBus> {
        let bus = RedisBus::start(&self.address, self.link.clone(), &self.tasks, self.stop.clone());
        Arc::new(bus.expect("listens"))
    }

    pub fn rooms(&self) -> Arc<RedisRooms> {
        Arc::new(RedisRooms::new(self.link.clone(), self.address.is_cluster()))
    }

    pub fn positions(&self, current_for: Duration) -> RedisPositions {
        RedisPositions::start(self.link.clone(), current_for, &self.tasks, &self.stop)
    }

    /// How many keys each of the servers holds.
    pub fn keys_held(&self) -> Vec<u64> {
        let held = |redis: &Redis| redis.cli(&["dbsize"]).parse().expect("a number");
        match &self.service {
            Service::Redis(redis) => vec![held(redis)],
            Service::Cluster(cluster) => cluster.iter().flat_map(RedisCluster::masters).map(held).collect(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_one_holder_s_at_a_time_and_goes_on_when_it_is_given_back() {
    let Some(base) = Base::redis().await else { return };
    let stops = [CancellationToken::new(), CancellationToken::new()];
    let seek = |stop: &CancellationToken| {
        seek_lease("a", Seeker::Worker, base.link.clone(), &base.tasks, stop.clone())
    };
    let mut first = seek(&stops[0]);
    first.wait_for(|held| *held).await.expect("it tells");
    let mut second = seek(&stops[1]);
    let waited = tokio::time::timeout(Duration::from_secs(1), second.changed()).await;
    assert!(waited.is_err(), "it is the first one's");
    stops[0].cancel();
    second.wait_for(|held| *held).await.expect("it tells");
    assert!(!*first.borrow());
    stops[1].cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stands_in_holds_a_lease_only_while_nobody_else_asks_for_it() {
    let Some(base) = Base::redis().await else { return };
    let stops = [CancellationToken::new(), CancellationToken::new()];
    let seek = |seeker, stop: &CancellationToken| {
        seek_lease("a", seeker, base.link.clone(), &base.tasks, stop.clone())
    };
    let mut stand_in = seek(Seeker::StandIn, &stops[0]);
    stand_in.wait_for(|held| *held).await.expect("it tells");
    let mut worker = seek(Seeker::Worker, &stops[1]);
    worker.wait_for(|held| *held).await.expect("it tells");
    stand_in.wait_for(|held| !*held).await.expect("it tells");
    stops[1].cancel();
    stand_in.wait_for(|held| *held).await.expect("it tells");
    assert!(!*worker.borrow());
    stops[0].cancel();
}

/// Counts what a node hears.
#[derive(Default)]
struct Ear {
    positions: AtomicUsize,
    resumed: AtomicUsize,
}

impl BusSink for Ear {
    fn position(&self, _: PatrolId, _: PositionFrame) {
        self.positions.fetch_add(1, Relaxed);
    }
    fn event(&self, _: Scope, _: &Arc<str>, _: Arc<Event>) {}
    fn records(&self, _: u64) {}
    fn interrupted(&self) {}
    fn resumed(&self) {
        self.resumed.fetch_add(1, Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_sentinel_a_node_goes_on_with_the_replica_that_takes_the_master_s_place() {
    let made = tokio::task::spawn_blocking(sentinel_services::redis_sentinel).await.expect("starts");
    let Some(sentinel) = made else { return };
    let address: Address = sentinel.address().parse().expect("an address");
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let _stops = stop.clone().drop_guard();
    let link = Link::open(&address, &tasks, stop.clone()).await.expect("connects");
    let bus = RedisBus::start(&address, link, &tasks, stop).expect("listens");
    bus.up().await.expect("listens");
    let ear = Arc::<Ear>::default();
    bus.attach(ear.clone());
    let patrol = PatrolId(7);
    bus.watch_patrol(patrol).await.expect("watches");
    let frame = PositionFrame { time: crate::NOW, unit: vec![1, 2, 3].into() };
    bus.publish_position(patrol, frame.clone()).await.expect("published");
    crate::eventually("a position", || ear.positions.load(Relaxed) == 1).await;
    sentinel.master.kill();
    crate::eventually("it listens again", || ear.resumed.load(Relaxed) == 1).await;
    // One that is given before its connection is there again is not kept: there is a next one.
    let publishing = async {
        loop {
            bus.publish_position(patrol, frame.clone()).await.ok();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = publishing => {}
        () = crate::eventually("the next position", || ear.positions.load(Relaxed) >= 2) => {}
    }
}
