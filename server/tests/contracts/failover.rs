//! A replica takes the place of a master that is killed while positions are posted.

use crate::{eventually, fix, unit};
use sentinel_server::{
    ports::Intake as _,
    redis::{Address, Entry, Link, QueueLimits, RedisIntake, shard::SHARDS},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

type Answered = BTreeSet<(String, i64)>;

/// All that waits for the archive.
async fn queued(link: &Link) -> Answered {
    let mut queued = Answered::new();
    for shard in 0..SHARDS {
        let mut range = redis::cmd("XRANGE");
        range.arg(format!("in:{{{shard}}}")).arg("-").arg("+");
        let entries: Vec<(String, Vec<Vec<u8>>)> =
            range.query_async(&mut link.clone()).await.expect("it reads");
        for (_, fields) in entries {
            let Entry { unit, fixes } = Entry::from_bytes(&fields[1]).expect("an entry");
            queued.extend(fixes.into_iter().map(|fix| (unit.to_string(), fix.time.0)));
        }
    }
    queued
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_is_there_after_a_failover_where_a_replica_is_demanded() {
    let made = tokio::task::spawn_blocking(sentinel_services::redis_sentinel).await.expect("starts");
    let Some(sentinel) = made else { return };
    let address: Address = sentinel.address().parse().expect("an address");
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let _stops = stop.clone().drop_guard();
    let link = Link::open(&address, &tasks, stop.clone()).await.expect("connects");
    let intake =
        RedisIntake::start(link.clone(), QueueLimits::default(), &tasks, stop).await.expect("starts");
    let intake = Arc::new(intake);
    let is_weak = || intake.degraded().iter().any(|words| words.contains("set min-replicas-to-write 1"));
    assert!(is_weak(), "{:?}", intake.degraded());
    sentinel.master.cli(&["config", "set", "min-replicas-to-write", "1"]);
    eventually("it is noticed", || !is_weak()).await;

    let (count, counted) = watch::channel(0);
    let (count, ended) = (Arc::new(count), CancellationToken::new());
    let mut posting = JoinSet::new();
    for n in 0..8 {
        let (intake, count, ended) = (intake.clone(), count.clone(), ended.clone());
        posting.spawn(async move {
            let (of, mut answered) = (unit(&format!("u{n}")), Answered::new());
            for second in 0.. {
                if ended.is_cancelled() {
                    break;
                }
                match intake.accept(&of, vec![fix(second)]).await {
                    Ok(_) => {
                        answered.insert((of.to_string(), fix(second).time.0));
                        count.send_modify(|count| *count += 1);
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
            answered
        });
    }
    let more = async |than: usize| {
        let waiting = async { counted.clone().wait_for(|count| *count > than).await.map(drop) };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("answers").expect("they post");
    };
    more(500).await;
    sentinel.master.kill();
    let before = *counted.borrow();
    more(before + 100).await;
    ended.cancel();
    let answered: Answered = posting.join_all().await.into_iter().flatten().collect();
    let queued = queued(&link).await;
    let lost: Vec<_> = answered.difference(&queued).collect();
    assert!(lost.is_empty(), "{} of {} that were answered: {lost:?}", lost.len(), answered.len());
}
