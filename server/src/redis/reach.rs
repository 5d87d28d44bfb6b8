//! Whether all of a cluster answers: one connection to one node does not tell.
//!
//! A master that is dead takes its slots with it, until a replica has them or it is there
//! again. So every key that positions pass through is looked for once a second, by the same
//! way that they go. One Redis alone is either reached or not ([`line`](super::line)).

use super::{keys, line::timed_out, link::Link, shard::SHARDS};
use futures::future::join_all;
use parking_lot::Mutex;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const LOOK_EVERY: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// A key that is silent for so long is out of reach: a failover should not be noticed.
const SILENT_FOR: Duration = Duration::from_secs(3);

/// Keys that are out of reach; empty where all is well.
pub type OutOfReach = Vec<String>;

/// Begins to look, where there is a cluster; ends with `stop`.
pub fn watch(link: &Link, tasks: &TaskTracker, stop: CancellationToken) -> watch::Receiver<OutOfReach> {
    let (sender, receiver) = watch::channel(OutOfReach::new());
    if link.is_cluster() {
        let looking = look_on(link.clone(), sender);
        tasks.spawn(async move {
            tokio::select! {
                () = looking => {}
                () = stop.cancelled() => {}
            }
        });
    }
    receiver
}

/// For an operator, whom `redis-cli CLUSTER KEYSLOT` tells the rest.
pub fn told(out_of_reach: &[String]) -> Option<String> {
    const SHOWN: usize = 3;
    let (first, rest) = (out_of_reach.get(..SHOWN).unwrap_or(out_of_reach), out_of_reach.len());
    let more = if rest > SHOWN { format!(" and {} more", rest - SHOWN) } else { String::new() };
    (rest > 0).then(|| {
        format!("the Redis Cluster does not answer for {}{more}, as where a master is down", first.join(", "))
    })
}

async fn look_on(link: Link, tell: watch::Sender<OutOfReach>) {
    let queues = (0..SHARDS).map(keys::queue);
    let positions = (0..SHARDS).map(|shard| keys::Positions::sharded(shard).last());
    let keys = queues.chain(positions).chain([keys::Rooms::new(true).offsets()]);
    let watched: Vec<(String, Mutex<Instant>)> = keys.map(|key| (key, Mutex::new(Instant::now()))).collect();
    loop {
        join_all(watched.iter().map(|(key, answered)| look(&link, key, answered))).await;
        let silent = watched.iter().filter(|(_, answered)| answered.lock().elapsed() > SILENT_FOR);
        let silent: OutOfReach = silent.map(|(key, _)| key.clone()).collect();
        tell.send_if_modified(|told| {
            if *told == silent {
                return false;
            }
            match (told.is_empty(), silent.is_empty()) {
                (true, _) => tracing::error!("{}", self::told(&silent).unwrap_or_default()),
                (_, true) => tracing::info!("all of the Redis Cluster answers again"),
                _ => {}
            }
            *told = silent;
            true
        });
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn look(link: &Link, key: &str, answered: &Mutex<Instant>) {
    let mut link = link.clone();
    let mut exists = redis::cmd("EXISTS");
    exists.arg(key);
    let looking = tokio::time::timeout(ANSWER_WITHIN, exists.exec_async(&mut link)).await;
    match looking.unwrap_or_else(|_| Err(timed_out())) {
        Ok(()) => *answered.lock() = Instant::now(),
        Err(error) => tracing::debug!(%error, key, "a key was looked for"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_answer_is_named_and_not_at_length() {
        let keys = |n: u8| (0..n).map(keys::queue).collect::<Vec<_>>();
        assert_eq!(told(&[]), None);
        assert!(told(&keys(2)).is_some_and(|words| words.contains("in:{0}, in:{1}, as")));
        assert!(told(&keys(7)).is_some_and(|words| words.contains("in:{0}, in:{1}, in:{2} and 4 more")));
    }
}
