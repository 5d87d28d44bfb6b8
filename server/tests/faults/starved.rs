//! Redis out of memory, and what cannot be archived.

use crate::{fleet::eventually, scene::Scene};
use sentinel_services::RedisOptions;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes that Redis may take more than it holds: with less, what it holds empty would be
/// nine tenths of them already.
const ROOM: u64 = 600_000;

#[tokio::test(flavor = "multi_thread")]
async fn redis_out_of_memory_refuses_honestly_and_goes_on_once_workers_have_made_room() {
    let Some(scene) = Scene::set(2, 1, RedisOptions::default()).await else { return };
    let (town, fleet) = (&scene.town, &scene.fleet);
    // The worker stands still, and what is taken meanwhile finds little room.
    town.workers[0].signal("-STOP");
    let used = town.redis.counter("used_memory").expect("it is told");
    town.redis.cli(&["config", "set", "maxmemory", &(used + ROOM).to_string()]);
    eventually("it is full", || async { fleet.refused.load(Relaxed) > 20 }).await;
    town.workers[0].signal("-CONT");
    fleet.more(100).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_nobody_can_read_is_set_aside_and_stops_nothing() {
    let Some(scene) = Scene::set(2, 2, RedisOptions::default()).await else { return };
    let (town, fleet) = (&scene.town, &scene.fleet);
    for shard in 0..16 {
        town.redis.cli(&["xadd", &format!("in:{{{shard}}}"), "*", "b", "this is no entry"]);
        town.redis.cli(&["xadd", &format!("in:{{{shard}}}"), "*", "other", "field"]);
    }
    fleet.more(60).await;
    eventually("they are dead letters", || async {
        let listed: Vec<serde_json::Value> = town
            .run(&["dead", "list", "--json"])
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let count: usize = listed.iter().map(|value| value.as_array().map_or(1, Vec::len)).sum();
        count == 32
    })
    .await;
    scene.end().await;
}
