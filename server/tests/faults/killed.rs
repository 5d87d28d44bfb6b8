//! Processes that are killed.

use crate::{
    fleet::{Fleet, eventually},
    town::{DISTRICT, ELSEWHERE, Town},
    viewer::Viewer,
};
use sentinel_services::{Appendfsync, RedisOptions};
use std::{sync::atomic::Ordering::Relaxed, time::Duration};

const UNITS: usize = 6;

/// A town under load, and two who look on: one who may see all, one who may see nobody.
struct Scene {
    town: Town,
    fleet: Fleet,
    viewer: Viewer,
    stranger: Viewer,
}

impl Scene {
    async fn set(options: RedisOptions) -> Option<Self> {
        let town = Town::start(UNITS, 3, 2, options).await?;
        let fleet = Fleet::drive(&town);
        let viewer = Viewer::open(fleet.nodes.subscribe(), &town.key, DISTRICT);
        let stranger = Viewer::open(fleet.nodes.subscribe(), &town.foreign_key, ELSEWHERE);
        fleet.more(500).await;
        Some(Self { town, fleet, viewer, stranger })
    }

    async fn end(self) {
        self.fleet.more(500).await;
        let devices = self.fleet.end_and_audit(&self.town).await;
        self.viewer.sees(&devices).await;
        self.stranger.has_seen_nobody();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_loses_and_doubles_nothing() {
    let Some(mut scene) = Scene::set(RedisOptions::default()).await else { return };
    for n in 0..3 {
        scene.town.nodes[n].kill();
        scene.fleet.more(300).await;
        let again = scene.town.node(&scene.town.redis.url());
        scene.town.nodes[n] = again;
        scene.fleet.nodes.send_replace(scene.town.addresses());
        scene.fleet.more(300).await;
    }
    assert!(scene.viewer.seen.lock().ended > 0, "its node was killed");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_mid_batch_loses_and_doubles_nothing() {
    let Some(mut scene) = Scene::set(RedisOptions::default()).await else { return };
    for n in 0..6 {
        scene.town.workers[n % 2].kill();
        scene.fleet.more(100 + 37 * n as u64).await;
        let again = scene.town.worker(n % 2);
        scene.town.workers[n % 2] = again;
        scene.fleet.more(200).await;
    }
    scene.end().await;
}

async fn redis_is_killed(appendfsync: Appendfsync) {
    let options = RedisOptions { appendfsync, ..RedisOptions::default() };
    let Some(scene) = Scene::set(options).await else { return };
    for _ in 0..3 {
        scene.town.redis.kill();
        tokio::time::sleep(Duration::from_millis(500)).await;
        scene.town.redis.restart().expect("it starts again");
        scene.fleet.more(300).await;
    }
    assert!(scene.fleet.refused.load(Relaxed) > 0, "while Redis is away nothing is safe");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_with_every_write_synced_has_lost_nothing_that_was_answered() {
    redis_is_killed(Appendfsync::Always).await;
}

/// The process is killed, not the machine: what Redis had written to its file is there.
#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_with_a_sync_a_second_has_lost_nothing_that_was_answered() {
    redis_is_killed(Appendfsync::Everysec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_positions_are_taken_and_shown_and_history_follows() {
    let away = std::env::var("SENTINEL_FAULT_SECONDS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let Some(scene) = Scene::set(RedisOptions::default()).await else { return };
    scene.town.mongo.kill();
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_secs(away) {
        scene.fleet.more(200).await;
    }
    // Sooner than any balancer would take the node for gone.
    let ready = reqwest::get(format!("http://{}/readyz", scene.town.nodes[0].address));
    let ready = tokio::time::timeout(Duration::from_secs(1), ready).await.expect("at once").expect("answers");
    assert_eq!(ready.status(), 200, "positions are safe");
    let said = ready.text().await.expect("whole");
    assert!(said.contains("degraded") && said.contains("MongoDB"), "{said}");
    scene.town.mongo.restart().expect("it starts again");
    eventually("what waits is archived", || async {
        let waiting: u64 = (0..16)
            .map(|n| scene.town.redis.cli(&["xlen", &format!("in:{{{n}}}")]).parse().unwrap_or(0))
            .sum();
        waiting < 100
    })
    .await;
    scene.end().await;
}
