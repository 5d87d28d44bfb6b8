//! Redis out of memory, and what cannot be archived.

use crate::{
    fleet::{Fleet, eventually},
    town::Town,
};
use sentinel_services::RedisOptions;
use std::sync::atomic::Ordering::Relaxed;

#[tokio::test(flavor = "multi_thread")]
async fn redis_out_of_memory_refuses_honestly_and_goes_on_once_workers_have_made_room() {
    let options = RedisOptions { maxmemory: Some(6 << 20), ..RedisOptions::default() };
    let Some(mut town) = Town::start(6, 2, 0, options).await else { return };
    let fleet = Fleet::drive(&town);
    eventually("it is full", || async { fleet.refused.load(Relaxed) > 20 }).await;
    let answered = fleet.answered.load(Relaxed);
    assert!(answered > 100, "it took {answered} before");
    let worker = town.worker(0);
    town.workers.push(worker);
    fleet.more(1000).await;
    fleet.end_and_audit(&town).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_nobody_can_read_is_set_aside_and_stops_nothing() {
    let Some(town) = Town::start(6, 2, 2, RedisOptions::default()).await else { return };
    let fleet = Fleet::drive(&town);
    fleet.more(200).await;
    for shard in 0..16 {
        town.redis.cli(&["xadd", &format!("in:{{{shard}}}"), "*", "b", "this is no entry"]);
        town.redis.cli(&["xadd", &format!("in:{{{shard}}}"), "*", "other", "field"]);
    }
    fleet.more(500).await;
    fleet.end_and_audit(&town).await;
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
}
