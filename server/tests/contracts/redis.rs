//! Engines over a Redis of the test's own, or over the cluster that the tests of a process
//! have one after the other, emptied each time: making one takes seconds.

use sentinel_server::redis::{Address, Link, RedisBus, RedisRooms};
use sentinel_services::{Redis, RedisCluster};
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard, OnceCell};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What engines stand on; ends with the test.
pub struct Base {
    pub address: Address,
    pub link: Link,
    pub tasks: TaskTracker,
    stop: CancellationToken,
    _service: Service,
}

enum Service {
    #[expect(dead_code, reason = "it runs for as long as it is held")]
    Redis(Redis),
    #[expect(dead_code, reason = "it is this test's for as long as it is held")]
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
        Self { address, link, tasks, stop, _service: service }
    }

    /// A node's bus: each has its own.
    pub fn bus(&self) -> Arc<RedisBus> {
        let bus = RedisBus::start(&self.address, self.link.clone(), &self.tasks, self.stop.clone());
        Arc::new(bus.expect("listens"))
    }

    pub fn rooms(&self) -> Arc<RedisRooms> {
        Arc::new(RedisRooms::new(self.link.clone(), self.address.is_cluster()))
    }
}
