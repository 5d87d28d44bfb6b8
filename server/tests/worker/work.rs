//! From the queue into the archive, and workers that come and go.

use crate::stage::{Stage, accept, accept_at_last, eventually, fix, unit};
use sentinel_server::{
    ports::{Intake as _, IntakeError},
    worker::WorkerOptions,
};
use std::{sync::atomic::Ordering::SeqCst, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_is_archived_and_leaves_the_queue() {
    let Some(stage) = Stage::new().await else { return };
    let intake = stage.intake(10_000).await;
    for n in 0..50 {
        accept(&intake, &format!("u{}", n % 7), n * 10..n * 10 + 10).await;
    }
    assert_eq!(stage.waiting().await, 50, "accepted without any worker");
    let worker = stage.worker("w");
    stage.settled().await;
    assert_eq!(stage.archive.memory.count(), 500);
    accept(&intake, "u1", 1000..1100).await;
    stage.settled().await;
    assert_eq!(stage.archive.memory.count(), 600);
    worker.end().await;
    assert_eq!(stage.redis.cli(&["XINFO", "CONSUMERS", "in:{1}", "archive"]), "", "it is forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_may_not_read_the_queue_says_so_and_goes_on_once_it_may() {
    let Some(stage) = Stage::new().await else { return };
    let intake = stage.intake(10_000).await;
    stage.redis.cli(&["ACL", "SETUSER", "default", "-xreadgroup"]);
    let options = Stage::options("w");
    let trouble = options.trouble.clone();
    let worker = stage.worker_with(options);
    accept(&intake, "a", 0..10).await;
    eventually("it says so", async || trouble.words().is_some_and(|words| words.contains("16 of 16"))).await;
    let words = trouble.words().expect("it says so");
    assert!(words.contains("xreadgroup"), "{words}");
    stage.redis.cli(&["ACL", "SETUSER", "default", "+xreadgroup"]);
    stage.settled().await;
    eventually("all is well", async || trouble.words().is_none()).await;
    worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_worker_held_another_takes_over() {
    let Some(stage) = Stage::new().await else { return };
    let intake = stage.intake(10_000).await;
    // One that dies before the archive has it, and one that dies before it has said so.
    for stored in [false, true] {
        let gate = if stored { &stage.archive.after } else { &stage.archive.before };
        let closed = gate.forget_permits(usize::MAX);
        let before = stage.archive.memory.count();
        let first = stage.worker(&format!("first-{stored}"));
        for n in 0..20 {
            accept(&intake, &format!("u{n}-{stored}"), 0..10).await;
        }
        let calls = stage.archive.calls.load(SeqCst);
        eventually("it is in the middle of a batch", async || {
            stage.archive.calls.load(SeqCst) > calls.min(1)
                && (stage.archive.memory.count() > before) == stored
        })
        .await;
        first.kill().await;
        gate.add_permits(closed);
        assert!(stage.waiting().await > 0, "nothing was said to be done");
        let second = stage.worker(&format!("second-{stored}"));
        stage.settled().await;
        assert_eq!(stage.archive.memory.count(), before + 200);
        second.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_its_name_a_worker_goes_on_at_once_with_what_it_held() {
    let Some(stage) = Stage::new().await else { return };
    let intake = stage.intake(10_000).await;
    let closed = stage.archive.before.forget_permits(usize::MAX);
    // Nobody else's would be touched within this test.
    let options = || WorkerOptions { lease: Duration::from_secs(600), ..Stage::options("w") };
    let worker = stage.worker_with(options());
    accept(&intake, "a", 0..10).await;
    eventually("it has it", async || stage.archive.calls.load(SeqCst) > 0).await;
    worker.kill().await;
    stage.archive.before.add_permits(closed);
    let _worker = stage.worker_with(options());
    stage.settled().await;
    assert_eq!(stage.archive.seconds("a").await, (0..10).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_living_worker_holds_nobody_takes_however_long_the_archive_is_away() {
    let Some(stage) = Stage::new().await else { return };
    let intake = stage.intake(10_000).await;
    stage.archive.away.store(true, SeqCst);
    let workers = [stage.worker("one"), stage.worker("two")];
    eventually("they divide the shards", async || stage.is_divided(&["one", "two"])).await;
    for n in 0..100 {
        accept(&intake, &format!("u{n}"), 0..3).await;
    }
    // Several times as long as a silent worker is left alone.
    tokio::time::sleep(Stage::options("").lease * 3).await;
    assert_eq!(stage.waiting().await, 100);
    assert_eq!(stage.dead().await.len(), 0);
    let pending = stage.pending();
    assert_eq!(pending.len(), 100);
    let name = |shard| ["one", "two"][usize::from(shard % 2)];
    assert!(pending.iter().all(|(shard, worker, _)| worker == name(*shard)), "{pending:?}");
    assert!(pending.iter().all(|(.., deliveries)| *deliveries == 1), "each was delivered once");
    stage.archive.away.store(false, SeqCst);
    stage.settled().await;
    assert_eq!(stage.archive.memory.count(), 300);
    for worker in workers {
        worker.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_stops_also_while_the_archive_is_away_and_loses_nothing() {
    let Some(stage) = Stage::new().await else { return };
    let intake = stage.intake(10_000).await;
    stage.archive.away.store(true, SeqCst);
    let worker = stage.worker("one");
    accept(&intake, "a", 0..10).await;
    eventually("it tries", async || stage.archive.calls.load(SeqCst) > 1).await;
    tokio::time::timeout(Duration::from_secs(60), worker.end()).await.expect("it stops");
    assert_eq!(stage.waiting().await, 1);
    stage.archive.away.store(false, SeqCst);
    let _worker = stage.worker("two");
    stage.settled().await;
    assert_eq!(stage.archive.memory.count(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn above_its_bound_the_queue_takes_no_more_until_workers_have_made_room() {
    let Some(stage) = Stage::new().await else { return };
    let intake = stage.intake(100).await;
    let of = unit("a");
    let mut accepted = 0;
    let refused = loop {
        match intake.accept(&of, vec![fix(accepted)]).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 1000, "it grows without bound");
    };
    assert!(matches!(refused, IntakeError::Full), "{refused:?}");
    // Its length is read now and then, so it may take somewhat more than its bound, never less.
    assert!(accepted >= 100, "{accepted}");
    let _worker = stage.worker("w");
    accept_at_last(&intake, &of, &[fix(-1)]).await;
    stage.settled().await;
    assert_eq!(stage.archive.seconds("a").await, (-1..accepted).collect::<Vec<_>>());
}
