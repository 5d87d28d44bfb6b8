//! Which workers there are, and which of them reads which shard.
//!
//! A worker holds the lease of each shard that it reads, by its name: started again under it,
//! it goes on at once. Leases and the list of workers are kept also while the memory of Redis
//! is full, as it is the workers who make room.

use super::{keys, lease::Lease, link::Link};
use redis::{RedisResult, Script};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

/// KEYS: workers. ARGV: a worker, for how many ms it is there. Answers all that are there. It
/// begins with what removes: after that Redis takes the rest however full it is.
static ATTEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZRANGE', KEYS[1], 0, -1)
",
    )
});

/// One worker's part in it.
pub struct Owners {
    link: Link,
    worker: Arc<str>,
    lasts: Duration,
}

impl Owners {
    /// What it holds, and that it is there, is forgotten where nothing is heard of it for so long.
    pub fn new(link: Link, worker: &str, lasts: Duration) -> Self {
        Self { link, worker: worker.into(), lasts }
    }

    /// This worker is there; answers the names of all that are, in order.
    pub async fn attend(&self) -> RedisResult<Vec<String>> {
        let mut call = ATTEND.prepare_invoke();
        call.key(keys::WORKERS).arg(&*self.worker).arg(self.lasts.as_millis() as u64);
        let mut names: Vec<String> = call.invoke_async(&mut self.link.clone()).await?;
        names.sort_unstable();
        Ok(names)
    }

    /// This worker goes.
    pub async fn leave(&self) -> RedisResult<()> {
        let mut leave = redis::cmd("ZREM");
        leave.arg(keys::WORKERS).arg(&*self.worker).exec_async(&mut self.link.clone()).await
    }

    /// The lease of a shard.
    pub fn lease(&self, shard: u8) -> Lease {
        Lease::new(keys::owner(shard), self.worker.clone(), self.lasts, self.link.clone())
    }
}
