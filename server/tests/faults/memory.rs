//! Memory stays bounded: what processes hold is noted once they are warm. Then several times
//! as much is posted, with the fault on top, and in the end nobody may have grown by more than
//! what lets them work.
//!
//! By then the archive has everything, so the queue holds nothing. Meanwhile it is Redis that
//! holds what waits, and only that. A node holds at most one post per device, and what its
//! allocator keeps of them; a worker holds a batch per shard. Of what a test posts after the
//! mark each copy kept of every fix would be several times these bounds.

use crate::town::{Program, Town};

/// What a node or a worker may grow by at its peak, in a debug build.
const PROCESS_KB: u64 = 24 * 1024;
/// What Redis may grow by besides its queue: connections' buffers and the last events.
const REDIS_BYTES: u64 = 6 * 1024 * 1024;

/// Of the largest of each kind.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    node_kb: u64,
    worker_kb: u64,
    redis_bytes: u64,
}

impl Town {
    /// Notes what everybody holds; peaks count from now on.
    pub fn mark_memory(&mut self) {
        let programs = self.nodes.iter().chain(&self.workers);
        for program in programs {
            // "5" resets the peak: see proc(5).
            std::fs::write(format!("/proc/{}/clear_refs", program.id()), "5").expect("it is our own");
        }
        self.memory = Some(Memory {
            node_kb: largest(&self.nodes),
            worker_kb: largest(&self.workers),
            redis_bytes: self.redis_bytes(),
        });
    }

    fn marked(&self) -> Memory {
        self.memory.expect("it was marked when all were warm")
    }

    fn redis_bytes(&self) -> u64 {
        self.redis.counter("used_memory").expect("it is told")
    }

    /// Nobody has grown but by what is allowed; for when nothing waits in the queue any more.
    pub fn check_memory(&self) {
        let before = self.marked();
        let (node_kb, worker_kb) = (largest(&self.nodes), largest(&self.workers));
        let redis_bytes = self.redis_bytes();
        let now = Memory { node_kb, worker_kb, redis_bytes };
        println!("memory: {before:?}, then {now:?}");
        assert!(node_kb <= before.node_kb + PROCESS_KB, "nodes grew: {before:?}, {now:?}");
        assert!(worker_kb <= before.worker_kb + PROCESS_KB, "workers grew: {before:?}, {now:?}");
        assert!(redis_bytes <= before.redis_bytes + REDIS_BYTES, "Redis grew: {before:?}, {now:?}");
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

/// The highest peak since it was reset; where a process began later, of all its time.
fn largest(programs: &[Program]) -> u64 {
    let peak_kb = |program: &Program| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().split(' ').next());
        peak.and_then(|kb| kb.parse().ok()).expect("a number")
    };
    programs.iter().map(peak_kb).max().expect("there is at least one")
}
