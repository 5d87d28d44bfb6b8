//! Redis killed, and Redis without memory, under load.

use crate::stage::{Stage, accept_at_last, eventually, fix, unit};
use futures::future::join_all;
use sentinel_services::{Appendfsync, RedisOptions};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

const DEVICES: usize = 24;
/// Of a Redis that has little, in bytes.
const MEMORY: u64 = 4 * 1024 * 1024;

/// Devices that post until they are told to stop, each fix until it is answered. Answers how
/// many fixes of each were answered, and how many posts were refused.
async fn load(stage: &Stage, meanwhile: impl Future<Output = ()>) -> (BTreeMap<String, i64>, usize) {
    let intake = stage.intake(1_000_000).await;
    let (enough, refusals) = (AtomicBool::new(false), AtomicUsize::new(0));
    let device = async |n: usize| {
        let name = format!("device-{n}");
        let of = unit(&name);
        let mut answered = 0;
        while !enough.load(SeqCst) {
            let fixes: Vec<_> = (answered..answered + 5).map(fix).collect();
            refusals.fetch_add(accept_at_last(&intake, &of, &fixes).await, SeqCst);
            answered += 5;
        }
        (name, answered)
    };
    let devices = join_all((0..DEVICES).map(device));
    let directing = async {
        meanwhile.await;
        enough.store(true, SeqCst);
    };
    let (answered, ()) = futures::future::join(devices, directing).await;
    (answered.into_iter().collect(), refusals.load(SeqCst))
}

async fn audit(stage: &Stage, answered: &BTreeMap<String, i64>) {
    stage.settled().await;
    for (device, fixes) in answered {
        assert_eq!(stage.archive.seconds(device).await, (0..*fixes).collect::<Vec<_>>(), "{device}");
    }
    assert_eq!(stage.dead().await.len(), 0);
}

async fn redis_is_killed_under_load(appendfsync: Appendfsync) {
    let options = RedisOptions { appendfsync, ..RedisOptions::default() };
    let Some(stage) = Stage::with(options).await else { return };
    let _workers = [stage.worker("one"), stage.worker("two")];
    let kills = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(700)).await;
            tokio::task::block_in_place(|| stage.redis.kill_between_syncs());
            tokio::time::sleep(Duration::from_millis(300)).await;
            tokio::task::block_in_place(|| stage.redis.restart()).expect("starts again");
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
    };
    let (answered, refusals) = load(&stage, kills).await;
    assert!(refusals > 0, "the kills were noticed");
    assert!(answered.values().all(|fixes| *fixes > 0), "{answered:?}");
    audit(&stage, &answered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_with_appendfsync_always_loses_nothing_that_was_answered() {
    redis_is_killed_under_load(Appendfsync::Always).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_with_appendfsync_everysec_loses_nothing_that_was_answered() {
    redis_is_killed_under_load(Appendfsync::Everysec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_without_memory_takes_nothing_more_until_workers_have_made_room() {
    let options = RedisOptions { maxmemory: Some(MEMORY), ..RedisOptions::default() };
    let Some(stage) = Stage::with(options).await else { return };
    let workers = async {
        eventually("nothing more is taken", async || {
            let before = stage.waiting().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            before > 0 && before == stage.waiting().await
        })
        .await;
        let before = stage.waiting().await;
        let used = stage.redis.counter("used_memory").expect("Redis says it");
        assert!((MEMORY / 10 * 9..MEMORY / 10 * 11).contains(&used), "{used}");
        let worker = stage.worker("w");
        eventually("there is room", async || stage.waiting().await < before / 2).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        drop(worker);
    };
    let (answered, refusals) = load(&stage, workers).await;
    assert!(refusals > 0, "devices were told to wait");
    audit(&stage, &answered).await;
}
