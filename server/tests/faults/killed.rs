//! Processes that are killed.

use crate::scene::Scene;
use sentinel_services::{Appendfsync, RedisOptions};
use std::{sync::atomic::Ordering::Relaxed, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_loses_and_doubles_nothing() {
    let Some(mut scene) = Scene::set(3, 2, RedisOptions::default()).await else { return };
    for n in 0..3 {
        scene.town.nodes[n].kill();
        scene.fleet.more(60).await;
        let again = scene.town.node(&scene.town.redis.url());
        scene.town.nodes[n] = again;
        scene.fleet.nodes.send_replace(scene.town.addresses());
        scene.fleet.more(60).await;
    }
    assert!(scene.viewer.seen.lock().ended > 0, "its node was killed");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_mid_batch_loses_and_doubles_nothing() {
    let Some(mut scene) = Scene::set(3, 2, RedisOptions::default()).await else { return };
    for n in 0..6 {
        scene.town.workers[n % 2].kill();
        scene.fleet.more(20 + 7 * n as u64).await;
        let again = scene.town.worker(n % 2);
        scene.town.workers[n % 2] = again;
        scene.fleet.more(40).await;
    }
    scene.end().await;
}

/// Large posts while the database is away, and how large they are: in memory some 60 KB of
/// fixes each.
const POSTS: u64 = 1800;
const TIMES: i64 = 20;

async fn redis_is_killed(appendfsync: Appendfsync) {
    let options = RedisOptions { appendfsync, ..RedisOptions::default() };
    let Some(scene) = Scene::set(3, 2, options).await else { return };
    for _ in 0..3 {
        tokio::task::block_in_place(|| scene.town.redis.kill_between_syncs());
        tokio::time::sleep(Duration::from_millis(500)).await;
        scene.town.redis.restart().expect("it starts again");
        scene.fleet.more(60).await;
    }
    assert!(scene.fleet.refused.load(Relaxed) > 0, "while Redis is away nothing is safe");
    scene.end().await;
}

/// And would have lost nothing with the machine either: see [`answered`](crate::answered).
#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_with_every_write_synced_has_lost_nothing_that_was_answered() {
    redis_is_killed(Appendfsync::Always).await;
}

/// The process is killed, not the machine: what Redis had written to its file is there, which is
/// all that it has answered while no sync is under way. With the machine about the last second could be lost: see [`answered`](crate::answered).
#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_with_a_sync_a_second_has_lost_nothing_that_was_answered() {
    redis_is_killed(Appendfsync::Everysec).await;
}

/// For a minute and [`POSTS`] large posts, so that what anybody kept of them would show; reading
/// all of it back takes as long again. `SENTINEL_FAULT_SECONDS` shortens it.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_positions_are_taken_and_shown_and_history_follows() {
    let away = std::env::var("SENTINEL_FAULT_SECONDS").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let Some(mut scene) = Scene::set(3, 2, RedisOptions::default()).await else { return };
    scene.press(TIMES).await;
    scene.town.mongo.kill();
    let begun = std::time::Instant::now();
    scene.fleet.more(POSTS).await;
    // Enough: all of it is read back in the end.
    scene.fleet.press(1);
    while begun.elapsed() < Duration::from_secs(away) {
        scene.fleet.more(40).await;
    }
    // Sooner than any balancer would take the node for gone.
    let ready = reqwest::get(format!("http://{}/readyz", scene.town.nodes[0].address));
    let ready =
        tokio::time::timeout(Duration::from_secs(10), ready).await.expect("at once").expect("answers");
    assert_eq!(ready.status(), 200, "positions are safe");
    let said = ready.text().await.expect("whole");
    assert!(said.contains("degraded") && said.contains("MongoDB"), "{said}");
    scene.town.check_queue_memory();
    scene.town.mongo.restart().expect("it starts again");
    scene.end().await;
}
