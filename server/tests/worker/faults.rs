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
    load_of("device", stage, meanwhile).await
}

async fn load_of(
    kind: &str,
    stage: &Stage,
    meanwhile: impl Future<Output = ()>,
) -> (BTreeMap<String, i64>, usize) {
    let intake = stage.intake(1_000_000).await;
    let (enough, refusals) = (AtomicBool::new(false), AtomicUsize::new(0));
    let device = async |n: usize| {
        let name = format!("{kind}-{n}");
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

async fn kill(times: usize, stage: &Stage) {
    for _ in 0..times {
        tokio::time::sleep(Duration::from_millis(700)).await;
        stage.redis.kill();
        tokio::time::sleep(Duration::from_millis(300)).await;
        tokio::task::block_in_place(|| stage.redis.restart()).expect("starts again");
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
}

async fn with_appendfsync(appendfsync: Appendfsync) -> Option<Stage> {
    Stage::with(RedisOptions { appendfsync, ..RedisOptions::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_with_appendfsync_always_loses_nothing_that_was_answered() {
    let Some(stage) = with_appendfsync(Appendfsync::Always).await else { return };
    let _workers = [stage.worker("one"), stage.worker("two")];
    let (answered, refusals) = load(&stage, kill(3, &stage)).await;
    assert!(refusals > 0, "the kills were noticed");
    assert!(answered.values().all(|fixes| *fixes > 0), "{answered:?}");
    audit(&stage, &answered).await;
}

/// While the disk is slow to sync, Redis puts off writing for up to two seconds, and answers
/// meanwhile: so what is younger may be lost, what is older never is.
#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_with_appendfsync_everysec_has_lost_nothing_older_than_two_seconds() {
    let Some(stage) = with_appendfsync(Appendfsync::Everysec).await else { return };
    let (early, _) = load_of("early", &stage, tokio::time::sleep(Duration::from_millis(300))).await;
    assert!(early.values().all(|fixes| *fixes > 0), "{early:?}");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (late, refusals) = load_of("late", &stage, kill(1, &stage)).await;
    assert!(refusals > 0, "the kills were noticed");
    // Only now is anything taken to the archive: all of it was in Redis as that was killed.
    let _workers = [stage.worker("one"), stage.worker("two")];
    audit(&stage, &early).await;
    for (device, fixes) in &late {
        let stored = stage.archive.seconds(device).await;
        assert!(stored.is_sorted_by(|a, b| a < b), "{device} has nothing twice: {stored:?}");
        assert!(stored.last().is_none_or(|last| last < fixes), "{device} has nothing but what it posted");
        assert!(!stored.is_empty(), "{device} is there");
    }
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
