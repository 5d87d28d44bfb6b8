//! Workers that divide the shards of the queue: one at a time reads a shard.

use crate::{
    cable::Cable,
    lookers::{Looker, Seen},
    stage::{Stage, Working, accept, accept_at_last, eventually, fix, unit},
};
use futures::future::join_all;
use sentinel_model::UnitId;
use sentinel_server::{
    redis::shard,
    worker::{Worker, WorkerOptions},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

/// Nobody is taken for dead within these tests.
const LONG: Duration = Duration::from_secs(600);

fn options(name: &str, lease: Duration) -> WorkerOptions {
    WorkerOptions { lease, ..Stage::options(name) }
}

fn start(stage: &Stage, seen: &Arc<Seen>, options: WorkerOptions) -> Working {
    start_at(stage, seen, options, stage.redis.url())
}

fn start_at(stage: &Stage, seen: &Arc<Seen>, options: WorkerOptions, redis: String) -> Working {
    let looker = Looker { worker: options.name.clone(), seen: seen.clone() };
    stage.start(Worker {
        address: redis.parse().expect("an address"),
        writer: stage.archive.clone(),
        looks: Some(Arc::new(looker)),
        options,
    })
}

async fn divided(stage: &Stage, workers: &[&str]) {
    eventually("the shards are divided", async || stage.is_divided(workers)).await;
}

fn units(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("u{n}")).collect()
}

/// Each of these posts a fix a second, one after the other.
async fn post(stage: &Stage, units: &[String], seconds: std::ops::Range<i64>) {
    let intake = stage.intake(1_000_000).await;
    for second in seconds {
        for of in units {
            accept(&intake, of, [second]).await;
        }
    }
}

/// Each was looked at once, in order.
fn assert_seen(seen: &Seen, units: &[String], seconds: i64) {
    let all: BTreeMap<UnitId, Vec<i64>> = units.iter().map(|of| (unit(of), (0..seconds).collect())).collect();
    assert_eq!(seen.seconds(), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_divide_the_shards_and_each_reads_only_its_own() {
    let Some(stage) = Stage::new().await else { return };
    let (seen, units) = (Arc::<Seen>::default(), units(64));
    let workers = ["one", "two"].map(|name| start(&stage, &seen, options(name, LONG)));
    divided(&stage, &["one", "two"]).await;
    post(&stage, &units, 0..10).await;
    stage.settled().await;
    assert_seen(&seen, &units, 10);
    for sight in seen.sights() {
        let owner = ["one", "two"][usize::from(shard::of(&sight.unit) % 2)];
        assert_eq!(sight.worker, owner, "{}", sight.unit);
    }
    let at_work: BTreeSet<String> = seen.sights().into_iter().map(|sight| sight.worker).collect();
    assert_eq!(at_work.len(), 2);
    for worker in workers {
        worker.end().await;
    }
    assert_eq!(stage.redis.cli(&["KEYS", "owner:*"]), "", "all is given back");
    assert_eq!(stage.redis.cli(&["EXISTS", "workers"]), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shards_of_a_killed_worker_are_another_s_with_what_it_held_in_order() {
    let Some(stage) = Stage::new().await else { return };
    let (seen, units) = (Arc::<Seen>::default(), units(32));
    // The one that stays loses nothing while the machine is slow.
    let _one = start(&stage, &seen, options("one", LONG));
    let two = start(&stage, &seen, options("two", Duration::from_secs(3)));
    divided(&stage, &["one", "two"]).await;
    let closed = stage.archive.before.forget_permits(usize::MAX);
    post(&stage, &units, 0..5).await;
    eventually("all is in their hands", async || stage.pending().len() == 160).await;
    two.kill().await;
    stage.archive.before.add_permits(closed);
    post(&stage, &units, 5..10).await;
    stage.settled().await;
    divided(&stage, &["one"]).await;
    assert_seen(&seen, &units, 10);
    assert!(seen.sights().iter().all(|sight| sight.worker == "one"), "the other had looked at nothing yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_come_and_go_under_load_and_each_unit_is_looked_at_once_in_order() {
    let Some(stage) = Stage::new().await else { return };
    let (seen, units) = (Arc::<Seen>::default(), units(24));
    let enough = AtomicBool::new(false);
    let intake = stage.intake(1_000_000).await;
    let device = async |of: &String| {
        let mut posted = 0;
        while !enough.load(SeqCst) {
            accept_at_last(&intake, &unit(of), &[fix(posted), fix(posted + 1)]).await;
            posted += 2;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        posted
    };
    let coming_and_going = async {
        let saw = async |worker: &str| {
            let before = seen.sights().len();
            eventually("it looks", async || {
                seen.sights()[before..].iter().any(|sight| sight.worker == worker)
            })
            .await;
        };
        let one = start(&stage, &seen, options("one", LONG));
        saw("one").await;
        let two = start(&stage, &seen, options("two", LONG));
        divided(&stage, &["one", "two"]).await;
        saw("two").await;
        let three = start(&stage, &seen, options("three", LONG));
        divided(&stage, &["one", "three", "two"]).await;
        saw("three").await;
        one.end().await;
        divided(&stage, &["three", "two"]).await;
        saw("two").await;
        enough.store(true, SeqCst);
        [two, three]
    };
    let (posted, _workers) =
        futures::future::join(join_all(units.iter().map(device)), coming_and_going).await;
    stage.settled().await;
    let all: BTreeMap<UnitId, Vec<i64>> =
        units.iter().zip(posted).map(|(of, posted)| (unit(of), (0..posted).collect())).collect();
    assert_eq!(seen.seconds(), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_gives_its_shards_back_at_once() {
    let Some(stage) = Stage::new().await else { return };
    let (seen, units) = (Arc::<Seen>::default(), units(32));
    let _one = start(&stage, &seen, options("one", LONG));
    let two = start(&stage, &seen, options("two", LONG));
    divided(&stage, &["one", "two"]).await;
    post(&stage, &units, 0..5).await;
    two.end().await;
    // Long before its leases would have run out.
    divided(&stage, &["one"]).await;
    post(&stage, &units, 5..10).await;
    stage.settled().await;
    assert_seen(&seen, &units, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_moves_also_while_the_archive_is_away_and_no_delivery_counts_against_it() {
    let Some(stage) = Stage::new().await else { return };
    let (seen, units) = (Arc::<Seen>::default(), units(32));
    stage.archive.away.store(true, SeqCst);
    // The other waits for this long.
    let _one = start(&stage, &seen, options("one", Duration::from_secs(10)));
    post(&stage, &units, 0..5).await;
    eventually("all is in its hands", async || stage.pending().len() == 160).await;
    let _two = start(&stage, &seen, options("two", LONG));
    divided(&stage, &["one", "two"]).await;
    let moved = |(shard, consumer, _): &(u8, String, u64)| (shard % 2 == 1) == (consumer == "two");
    eventually("it is the other's", async || stage.pending().iter().all(moved)).await;
    assert!(stage.pending().iter().all(|(_, _, deliveries)| *deliveries == 1));
    post(&stage, &units, 5..10).await;
    stage.archive.away.store(false, SeqCst);
    stage.settled().await;
    assert_seen(&seen, &units, 10);
    assert_eq!(stage.archive.memory.count(), 320);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_cut_off_for_longer_than_its_leases_looks_at_nothing_that_is_another_s() {
    let Some(stage) = Stage::new().await else { return };
    let (seen, units) = (Arc::<Seen>::default(), units(32));
    let cable = Cable::lay(stage.redis.port()).await;
    let _one = start(&stage, &seen, options("one", LONG));
    let far = format!("redis://{}", cable.address);
    let _two = start_at(&stage, &seen, options("two", Duration::from_secs(3)), far);
    divided(&stage, &["one", "two"]).await;
    let closed = stage.archive.before.forget_permits(usize::MAX);
    post(&stage, &units, 0..5).await;
    eventually("all is in their hands", async || stage.pending().len() == 160).await;
    cable.cut();
    divided(&stage, &["one"]).await;
    // What was stopped in the middle of a batch goes on, and finds that it is late.
    stage.archive.before.add_permits(closed);
    stage.settled().await;
    assert_seen(&seen, &units, 5);
    assert!(seen.sights().iter().all(|sight| sight.worker == "one"));
    cable.mend();
    divided(&stage, &["one", "two"]).await;
    post(&stage, &units, 5..10).await;
    stage.settled().await;
    for (of, mut seconds) in seen.seconds() {
        // Its leases are so short that on a busy machine it may have lost them again.
        let mut before = BTreeSet::new();
        seconds.retain(|second| before.insert(*second));
        assert_eq!(seconds, (0..10).collect::<Vec<_>>(), "{of}");
    }
    assert_eq!(stage.archive.memory.count(), 320);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_at_stays_in_the_queue_until_it_can_in_order() {
    let Some(stage) = Stage::new().await else { return };
    let (seen, units) = (Arc::<Seen>::default(), units(8));
    seen.fails.store(true, SeqCst);
    let worker = start(&stage, &seen, options("one", LONG));
    for seconds in [0..3, 3..6] {
        post(&stage, &units, seconds).await;
        let failures = seen.failures.load(SeqCst);
        eventually("it is tried", async || seen.failures.load(SeqCst) > failures + 2).await;
    }
    // Of the rest only so much is archived as is stored at once: how much, the pace of posts says.
    assert!(stage.archive.memory.count() > 0, "what is tried is archived");
    assert_eq!(stage.waiting().await, 48);
    worker.end().await;
    assert_eq!((stage.waiting().await, stage.dead().await.len()), (48, 0));
    let _worker = start(&stage, &seen, options("two", LONG));
    post(&stage, &units, 6..8).await;
    seen.fails.store(false, SeqCst);
    stage.settled().await;
    assert_seen(&seen, &units, 8);
}
