//! What the archive does not take.

use crate::stage::{Stage, accept, eventually, unit};
use sentinel_server::{redis::DeadLetters, worker::WorkerOptions};
use std::{sync::atomic::Ordering::SeqCst, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_alone_goes_to_the_dead_and_its_company_is_archived() {
    let Some(stage) = Stage::new().await else { return };
    let intake = stage.intake(10_000).await;
    stage.archive.refused.lock().insert(unit("bad"));
    for n in 0..100 {
        accept(&intake, &format!("u{n}"), 0..3).await;
        if n % 50 == 0 {
            accept(&intake, "bad", n..n + 2).await;
        }
    }
    let _worker = stage.worker("w");
    stage.settled().await;
    assert_eq!(stage.archive.memory.count(), 300);
    let mut dead = stage.dead().await;
    assert_eq!(dead.len(), 2);
    // Each was tried by itself; this is the order in which they were taken.
    dead.sort_by(|a, b| a.was.cmp(&b.was));
    for letter in &dead {
        assert_eq!((letter.tries, letter.error.as_str()), (5, "storing fixes failed: as the test wants it"));
        assert!(!letter.was.is_empty() && letter.at_ms > 0);
    }
    assert_eq!(stage.redis.cli(&["KEYS", "tries:*"]), "", "no count is left behind");

    // Mended, they go where they belong.
    stage.archive.refused.lock().clear();
    let letters = DeadLetters::new(stage.link.clone());
    assert!(letters.requeue(&dead[0].id).await.expect("requeues"));
    assert!(!letters.requeue(&dead[0].id).await.expect("answers"), "it is there no more");
    stage.settled().await;
    assert!(letters.drop(&dead[1].id).await.expect("drops"));
    assert_eq!(stage.archive.seconds("bad").await, [0, 1]);
    assert_eq!(letters.count().await.expect("counts"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_refuses_everything_is_at_fault_itself_and_nothing_is_given_up() {
    let Some(stage) = Stage::new().await else { return };
    let intake = stage.intake(10_000).await;
    stage.archive.refuses.store(true, SeqCst);
    for n in 0..40 {
        accept(&intake, &format!("u{n}"), 0..3).await;
    }
    let _worker = stage.worker("w");
    // Each was refused more often than it may be.
    eventually("they are tried", async || stage.archive.probes.load(SeqCst) > 40 * 10).await;
    assert_eq!((stage.dead().await.len(), stage.waiting().await), (0, 40));
    stage.archive.refuses.store(false, SeqCst);
    stage.settled().await;
    assert_eq!((stage.dead().await.len(), stage.archive.memory.count()), (0, 120));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_stands_in_nobodys_way_while_it_is_tried_again() {
    let Some(stage) = Stage::new().await else { return };
    let intake = stage.intake(10_000).await;
    stage.archive.refused.lock().insert(unit("bad"));
    for n in 0..200 {
        accept(&intake, "bad", n..n + 1).await;
    }
    // So long that none of them is tried a second time.
    let refused_after = Duration::from_secs(600);
    let worker = stage.worker_with(WorkerOptions { refused_after, ..Stage::options("w") });
    eventually("all are refused", async || stage.archive.probes.load(SeqCst) == 200).await;
    for n in 0..100 {
        accept(&intake, &format!("u{n}"), 0..3).await;
    }
    eventually("the others are archived", async || stage.archive.memory.count() == 300).await;
    // What is archived is taken off the queue a moment later.
    eventually("the refused wait", async || stage.waiting().await == 200).await;
    assert_eq!(stage.dead().await.len(), 0);
    worker.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_read_goes_to_the_dead_at_once() {
    let Some(stage) = Stage::new().await else { return };
    let intake = stage.intake(10_000).await;
    stage.put(3, "no entry at all");
    stage.redis.cli(&["XADD", "in:{3}", "*", "other", "field"]);
    accept(&intake, "a", 0..5).await;
    let _worker = stage.worker("w");
    stage.settled().await;
    assert_eq!(stage.archive.memory.count(), 5);
    let dead = stage.dead().await;
    assert_eq!(dead.len(), 2);
    assert_eq!((dead[0].bytes.as_slice(), dead[0].tries), (&b"no entry at all"[..], 0));
    assert!(dead[0].error.contains("version"), "{}", dead[0].error);
    let kept = stage.redis.cli(&["XRANGE", "dead:{3}", "-", "+"]);
    assert!(kept.contains("other\nfield"), "whatever it was, it is kept: {kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn how_often_an_entry_was_refused_outlives_the_worker_that_counted() {
    let Some(stage) = Stage::new().await else { return };
    let intake = stage.intake(10_000).await;
    stage.archive.refused.lock().insert(unit("bad"));
    accept(&intake, "bad", 0..2).await;
    let counted = async || {
        let keys = stage.redis.cli(&["KEYS", "tries:*"]);
        let counts = if keys.is_empty() { keys } else { stage.redis.cli(&["HVALS", &keys]) };
        counts.parse::<u64>().unwrap_or(0)
    };
    for generation in 1..=2 {
        // So slowly that it is killed before it gives up.
        let refused_after = Duration::from_millis(200);
        let options = Stage::options(&format!("w{generation}"));
        let worker = stage.worker_with(WorkerOptions { refused_after, ..options });
        eventually("it is refused again", async || counted().await >= generation * 2).await;
        worker.kill().await;
    }
    assert_eq!(stage.dead().await.len(), 0);
    let _worker = stage.worker("w3");
    stage.settled().await;
    assert_eq!(stage.dead().await[0].tries, 5, "of three workers together");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_ends_its_workers_is_given_up_and_its_company_is_not() {
    let Some(stage) = Stage::new().await else { return };
    let intake = stage.intake(10_000).await;
    *stage.archive.kills.lock() = Some(unit("poison"));
    accept(&intake, "poison", 0..1).await;
    for n in 0..60 {
        accept(&intake, &format!("u{n}"), 0..2).await;
    }
    let mut ended = 0;
    loop {
        // The service manager starts it again, under its name.
        let worker = stage.worker("w");
        eventually("it ends, or all is done", async || {
            worker.task.is_finished() || stage.waiting().await == 0
        })
        .await;
        if !worker.task.is_finished() {
            worker.end().await;
            break;
        }
        worker.outcome().await.expect_err("it says that it did not end well");
        ended += 1;
        assert!(ended < 20, "it ends every worker");
    }
    assert!(ended > 3, "{ended}");
    let dead = stage.dead().await;
    assert_eq!(dead.len(), 1);
    assert_eq!(sentinel_server::redis::Entry::unit_of(&dead[0].bytes), Some(unit("poison")));
    assert_eq!(stage.archive.memory.count(), 120);
}
