//! How much waits for the archive, so that devices are asked to wait before Redis is full.
//!
//! Workers delete what they have archived, so a stream's length is what waits. It is asked
//! for twice a second; in between, what this node adds is counted here.

use super::{keys, link::Link, shard::SHARDS};
use futures::future::try_join_all;
use redis::RedisResult;
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

const ASK_EVERY: Duration = Duration::from_millis(500);

pub struct Backlog {
    /// Entries that may wait.
    limit: u64,
    counted: AtomicU64,
    added_since: AtomicU64,
    full: AtomicBool,
}

impl Backlog {
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            counted: AtomicU64::new(0),
            added_since: AtomicU64::new(0),
            full: AtomicBool::new(false),
        }
    }

    pub fn added(&self, entries: u64) {
        self.added_since.fetch_add(entries, Relaxed);
    }

    /// Whether too much waits. Once it does, until a fifth of the limit is free again, so
    /// that devices do not come back to the last free place.
    pub fn is_full(&self) -> bool {
        let waiting = self.counted.load(Relaxed) + self.added_since.load(Relaxed);
        if waiting > self.limit {
            self.full.store(true, Relaxed);
        }
        self.full.load(Relaxed)
    }

    /// As Redis has it now.
    fn count(&self, waiting: u64) {
        self.counted.store(waiting, Relaxed);
        self.added_since.store(0, Relaxed);
        let was_full = self.full.load(Relaxed);
        let full = waiting > if was_full { self.limit / 5 * 4 } else { self.limit };
        self.full.store(full, Relaxed);
        if full && !was_full {
            tracing::warn!(
                waiting,
                limit = self.limit,
                "too much waits for the archive: devices are asked to wait; are the workers well?"
            );
        } else if was_full && !full {
            tracing::info!(waiting, "positions are taken again");
        }
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        metrics::gauge!("sentinel_intake_backlog").set(waiting as f64);
    }

    pub async fn watch(&self, link: &Link, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(ASK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            match waiting(link).await {
                Ok(waiting) => self.count(waiting),
                // The last count holds on; the connection's keeper says what is wrong.
                Err(error) => tracing::debug!(%error, "the backlog could not be counted"),
            }
        }
    }
}

/// Entries of all shards that no worker has archived yet.
pub async fn waiting(link: &Link) -> RedisResult<u64> {
    let lengths = (0..SHARDS).map(|shard| {
        let mut link = link.clone();
        async move { redis::cmd("XLEN").arg(keys::queue(shard)).query_async::<u64>(&mut link).await }
    });
    Ok(try_join_all(lengths).await?.into_iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_above_its_limit_until_a_fifth_is_free_again() {
        let backlog = Backlog::new(100);
        backlog.count(90);
        backlog.added(10);
        assert!(!backlog.is_full());
        backlog.added(1);
        assert!(backlog.is_full(), "also between two counts");
        for (waiting, full) in [(95, true), (81, true), (80, false), (100, false), (101, true)] {
            backlog.count(waiting);
            assert_eq!(backlog.is_full(), full, "{waiting}");
        }
    }
}
