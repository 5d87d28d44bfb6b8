//! How much waits for the archive, so that devices are asked to wait before Redis is full.
//!
//! Workers delete what they have archived, so a stream's length is what waits. It is asked
//! for twice a second; in between, what this node adds is counted here. Entries differ in
//! size by a thousand times, so the memory is looked at as well: its last tenth is left to
//! the rooms, the positions and the workers, who make room.

use super::{keys, link::Link, shard::SHARDS};
use futures::future::try_join_all;
use redis::{RedisResult, streams::StreamRangeReply};
use std::{
    num::NonZeroU64,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio_util::sync::CancellationToken;

const ASK_EVERY: Duration = Duration::from_millis(500);
/// How often it is asked for how long the oldest has waited.
const AGE_EVERY: Duration = Duration::from_secs(5);
/// Whoever waits for longer waits for workers that are not there, or a database that is not.
const LATE: Duration = Duration::from_secs(30);

pub struct Backlog {
    /// Entries that may wait.
    limit: u64,
    counted: AtomicU64,
    added_since: AtomicU64,
    full: AtomicBool,
    /// The last tenth of some server's memory is begun.
    short_of_memory: AtomicBool,
    /// Seconds that the oldest has waited.
    oldest_s: AtomicU64,
}

impl Backlog {
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            counted: AtomicU64::new(0),
            added_since: AtomicU64::new(0),
            full: AtomicBool::new(false),
            short_of_memory: AtomicBool::new(false),
            oldest_s: AtomicU64::new(0),
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
        self.full.load(Relaxed) || self.short_of_memory.load(Relaxed)
    }

    /// Why no more is taken, for `/readyz`.
    pub fn trouble(&self) -> Option<String> {
        let words = match (self.short_of_memory.load(Relaxed), self.full.load(Relaxed)) {
            (true, _) => "nine tenths of the maxmemory of Redis are used",
            (_, true) => "too much waits for the archive",
            _ => return None,
        };
        Some(format!("{words}, so positions are refused until the workers have made room"))
    }

    /// That nobody empties the queue, for `/readyz`.
    pub fn lateness(&self) -> Option<String> {
        let oldest_s = self.oldest_s.load(Relaxed);
        (oldest_s > LATE.as_secs()).then(|| {
            format!(
                "what was posted {oldest_s} s ago waits for the archive: history ends there, and silent units are not \
                 marked; see that workers run and reach the database"
            )
        })
    }

    fn age(&self, oldest_s: u64) {
        let was_late = self.oldest_s.swap(oldest_s, Relaxed) > LATE.as_secs();
        match (was_late, self.lateness()) {
            (false, Some(words)) => tracing::warn!("{words}"),
            (true, None) => tracing::info!("the workers have caught up"),
            _ => {}
        }
    }

    /// As Redis has it now.
    fn measure(&self, memory: &[Memory]) {
        let short = memory.iter().any(Memory::is_short);
        match (self.short_of_memory.swap(short, Relaxed), short) {
            (false, true) => tracing::warn!(
                "nine tenths of the maxmemory of Redis are used: devices are asked to wait; are the workers well?"
            ),
            (true, false) => tracing::info!("there is room in Redis again"),
            _ => {}
        }
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
        let mut aged = Instant::now();
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
            match memory(link).await {
                Ok(memory) => self.measure(&memory),
                Err(error) => tracing::debug!(%error, "the memory could not be looked at"),
            }
            if aged.elapsed() >= AGE_EVERY {
                aged = Instant::now();
                match oldest(link).await {
                    Ok(added_ms) => self.age(added_ms.map_or(0, seconds_since)),
                    Err(error) => tracing::debug!(%error, "the oldest could not be looked at"),
                }
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

/// When the oldest entry was added, in ms since 1970: entries are numbered by that.
async fn oldest(link: &Link) -> RedisResult<Option<u64>> {
    let firsts = (0..SHARDS).map(|shard| {
        let mut link = link.clone();
        async move {
            let mut first = redis::cmd("XRANGE");
            first.arg(keys::queue(shard)).arg(("-", "+", "COUNT", 1));
            first.query_async::<StreamRangeReply>(&mut link).await
        }
    });
    let added_ms = |first: StreamRangeReply| first.ids.first()?.id.split('-').next()?.parse().ok();
    Ok(try_join_all(firsts).await?.into_iter().filter_map(added_ms).min())
}

fn seconds_since(ms: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(Duration::from_millis(ms)).as_secs()
}

/// Of one server, in bytes.
struct Memory {
    used: u64,
    /// None may be used without a limit.
    limit: Option<NonZeroU64>,
}

impl Memory {
    fn read(info: &str) -> Self {
        let number = |name: &str| -> u64 {
            let mut said = info.lines().filter_map(|line| line.trim_end().split_once(':'));
            said.find(|(it, _)| *it == name).and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
        };
        // As Redis counts it: buffers for replicas and the file do not make it refuse.
        let used = number("used_memory").saturating_sub(number("mem_not_counted_for_evict"));
        Self { used, limit: NonZeroU64::new(number("maxmemory")) }
    }

    fn is_short(&self) -> bool {
        self.limit.is_some_and(|limit| self.used > limit.get() / 10 * 9)
    }
}

async fn memory(link: &Link) -> RedisResult<Vec<Memory>> {
    let mut info = redis::cmd("INFO");
    info.arg("memory");
    let read = |info| Ok(Memory::read(&redis::from_redis_value::<String>(info)?));
    link.ask_masters(info).await?.into_values().map(read).collect()
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

    #[test]
    fn a_queue_that_nobody_empties_is_told_of() {
        let backlog = Backlog::new(100);
        for (oldest_s, late) in [(0, false), (30, false), (31, true), (500, true), (2, false)] {
            backlog.age(oldest_s);
            assert_eq!(backlog.lateness().is_some(), late, "{oldest_s}");
        }
        backlog.age(45);
        assert!(backlog.lateness().expect("late").contains("45 s ago"));
    }

    #[test]
    fn the_last_tenth_of_the_memory_of_any_server_is_not_for_posts() {
        let backlog = Backlog::new(100);
        let info = |used, not_counted| {
            Memory::read(&format!(
                "# Memory\r\nused_memory:{used}\r\nused_memory_peak:999\r\nmaxmemory:1000\r\n\
                 mem_not_counted_for_evict:{not_counted}\r\n"
            ))
        };
        for (used, not_counted, full) in [(900, 0, false), (901, 0, true), (950, 50, false)] {
            backlog.measure(&[info(0, 0), info(used, not_counted)]);
            assert_eq!((backlog.is_full(), backlog.trouble().is_some()), (full, full), "{used}");
        }
        backlog.measure(&[Memory::read("used_memory:1000000\r\nmaxmemory:0\r\n")]);
        assert!(!backlog.is_full(), "without a limit there is no tenth");
    }
}
