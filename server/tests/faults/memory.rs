//! Memory stays bounded: what processes hold is noted once they are warm. Then several times
//! as much is posted, with the fault on top, and in the end nobody may have grown by more than
//! what lets them work.
//!
//! By then the archive has almost everything, so the queue holds nothing and nobody else either:
//! a node holds at most one post per device and what its allocator keeps of them. At its peak a
//! worker holds four batches of half a megabyte, which are some twenty times as large unpacked.
//! Meanwhile what waits is in Redis, and Redis holds only that.
//!
//! While the database is away as many fixes are posted as would make each node grow by twice
//! what it may, if it kept them.

use crate::town::{Program, Town};
use std::time::{Duration, Instant};

/// What a node or a worker may have grown by in the end, and at its peak, in a debug build.
const GROWN_KB: u64 = 16 * 1024;
/// How long allocators take at most to give back what is free, on a busy machine.
const GIVEN_BACK: Duration = Duration::from_secs(90);
const NODE_PEAK_KB: u64 = 24 * 1024;
const WORKER_PEAK_KB: u64 = 96 * 1024;
/// What Redis may grow by besides its queue: connections' buffers and the last events.
const REDIS_BYTES: u64 = 2 * 1024 * 1024;

/// Of each kind that process which has most.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    node_kb: u64,
    node_peak_kb: u64,
    worker_kb: u64,
    worker_peak_kb: u64,
    redis_bytes: u64,
}

impl Memory {
    fn has_grown(&self, before: &Self) -> bool {
        let grown = |before: u64, now: u64| now > before + GROWN_KB;
        grown(before.node_kb, self.node_kb) || grown(before.worker_kb, self.worker_kb)
    }
}

impl Town {
    /// Notes what everybody holds; peaks count from now on.
    pub fn mark_memory(&mut self) {
        let programs = self.nodes.iter().chain(&self.workers);
        for program in programs {
            // "5" resets the peak: see proc(5).
            std::fs::write(format!("/proc/{}/clear_refs", program.id()), "5").expect("it is our own");
        }
        self.memory = Some(self.memory_now());
    }

    fn memory_now(&self) -> Memory {
        Memory {
            node_kb: largest(&self.nodes, "VmRSS:"),
            node_peak_kb: largest(&self.nodes, "VmHWM:"),
            worker_kb: largest(&self.workers, "VmRSS:"),
            worker_peak_kb: largest(&self.workers, "VmHWM:"),
            redis_bytes: self.redis_bytes(),
        }
    }

    fn marked(&self) -> Memory {
        self.memory.expect("it was marked when all were warm")
    }

    fn redis_bytes(&self) -> u64 {
        self.redis.counter("used_memory").expect("it is told")
    }

    /// Nobody has grown but by what is allowed; for when hardly anything waits in the queue.
    pub async fn check_memory(&self) {
        let before = self.marked();
        // What the last batches took goes back a little after they are done.
        let begun = Instant::now();
        while self.memory_now().has_grown(&before) && begun.elapsed() < GIVEN_BACK {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let now = self.memory_now();
        println!("memory: {before:?}, then {now:?} after {:?}", begun.elapsed());
        let grew = |what: &str, before: u64, now: u64, most: u64| {
            assert!(now <= before + most, "{what} went from {before} to {now}");
        };
        grew("a node's memory", before.node_kb, now.node_kb, GROWN_KB);
        grew("a worker's memory", before.worker_kb, now.worker_kb, GROWN_KB);
        grew("a node's peak", before.node_peak_kb, now.node_peak_kb, NODE_PEAK_KB);
        grew("a worker's peak", before.worker_peak_kb, now.worker_peak_kb, WORKER_PEAK_KB);
        grew("Redis's memory", before.redis_bytes, now.redis_bytes, REDIS_BYTES);
    }

    /// While much waits, Redis holds that and no more besides than is allowed.
    pub fn check_queue_memory(&self) {
        let queue: u64 = (0..16)
            .map(|shard| self.redis.cli(&["memory", "usage", &format!("in:{{{shard}}}"), "samples", "0"]))
            .map(|bytes| bytes.parse::<u64>().unwrap_or(0))
            .sum();
        let (before, now) = (self.marked().redis_bytes, self.redis_bytes());
        println!("Redis: {before} bytes, then {now}, of which the queue is {queue}");
        assert!(queue > 0, "nothing waits");
        assert!(now <= before + queue + REDIS_BYTES, "{before} bytes, then {now}: the queue is {queue}");
    }
}

fn largest(programs: &[Program], what: &str) -> u64 {
    let kb = |program: &Program| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).expect("it runs");
        let kb = status.lines().find_map(|line| line.strip_prefix(what)?.trim().split(' ').next());
        kb.and_then(|kb| kb.parse().ok()).expect("a number")
    };
    programs.iter().map(kb).max().expect("there is at least one")
}
