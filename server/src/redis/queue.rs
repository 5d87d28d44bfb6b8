//! The queue of one shard as workers see it: a consumer group that delivers each entry to
//! the one that reads, and keeps it until it is said to be done.

use super::{entry::FIELD, keys, link::Link};
use redis::{
    RedisResult, Script,
    streams::{StreamRangeReply, StreamReadReply},
};
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

/// Every worker is one of these consumers.
pub(super) const GROUP: &str = "archive";

/// An entry's id within its shard: the time it was added, and a number.
pub type EntryId = Arc<str>;

#[derive(Clone)]
pub struct Queue {
    link: Link,
    shard: u8,
    stream: String,
    consumer: Arc<str>,
}

/// An entry that was delivered to this consumer.
#[derive(Debug, Clone)]
pub struct Delivered {
    pub shard: u8,
    pub id: EntryId,
    pub bytes: Vec<u8>,
}

impl Delivered {
    /// Milliseconds since 1970, by the clock of Redis.
    pub fn added_ms(&self) -> Option<i64> {
        self.id.split_once('-')?.0.parse().ok()
    }
}

/// An entry that was delivered and is not done.
#[derive(Debug, Clone)]
pub struct Pending {
    pub id: EntryId,
    pub deliveries: u64,
}

/// Ids that one script is given: Lua passes on a few thousand.
const AT_ONCE: usize = 1000;

/// KEYS: queue, tries. ARGV: group, ids. A script and no transaction, as Redis takes nothing
/// within a transaction once its memory is full, and then this is what makes room.
static DONE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local ids = {unpack(ARGV, 2)}
redis.call('XACK', KEYS[1], ARGV[1], unpack(ids))
redis.call('HDEL', KEYS[2], unpack(ids))
return redis.call('XDEL', KEYS[1], unpack(ids))
",
    )
});

/// KEYS: queue, dead, tries. ARGV: group, id, tries, error, time. Nothing where another
/// consumer was first. The entry's own fields come last, as they were.
static BURY: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
local was_pending = redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 1
redis.call('HDEL', KEYS[3], ARGV[2])
if not entry or not was_pending then return 0 end
redis.call('XADD', KEYS[2], '*', 'id', ARGV[2], 'tries', ARGV[3], 'error', ARGV[4], 'at', ARGV[5], unpack(entry[2]))
redis.call('XDEL', KEYS[1], ARGV[2])
return 1
",
    )
});

/// KEYS: queue. ARGV: group, milliseconds, and a consumer that goes however short it was
/// idle. Consumers that hold nothing are forgotten once they are idle for so long.
static FORGET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local forgotten = 0
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local is = {}
  for i = 1, #consumer, 2 do is[consumer[i]] = consumer[i + 1] end
  if is.pending == 0 and (is.idle > tonumber(ARGV[2]) or is.name == ARGV[3]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], is.name)
    forgotten = forgotten + 1
  end
end
return forgotten
",
    )
});

impl Queue {
    pub fn new(link: Link, shard: u8, consumer: &str) -> Self {
        Self { link, shard, stream: keys::queue(shard), consumer: consumer.into() }
    }

    /// Makes the group where there is none; it begins with the oldest entry. Redis refuses
    /// that when its memory is full, also of a group that is there: then reading shows it.
    pub async fn join(&self) -> RedisResult<()> {
        let mut create = redis::cmd("XGROUP");
        create.arg("CREATE").arg(&self.stream).arg(GROUP).arg(0).arg("MKSTREAM");
        match create.exec_async(&mut self.link.clone()).await {
            Err(error) if matches!(error.code(), Some("BUSYGROUP" | "OOM")) => Ok(()),
            outcome => outcome,
        }
    }

    /// New entries, as soon as there is one; none after `wait`.
    pub async fn next(&self, count: usize, wait: Duration) -> RedisResult<Vec<Delivered>> {
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg(&*self.consumer).arg("COUNT").arg(count);
        read.arg("BLOCK").arg(wait.as_millis() as u64).arg("STREAMS").arg(&self.stream).arg(">");
        let reply: Option<StreamReadReply> = read.query_async(&mut self.link.clone()).await?;
        let entries = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids);
        Ok(entries.map(|entry| self.delivered(&entry.id, entry.get(FIELD))).collect())
    }

    fn delivered(&self, id: &str, bytes: Option<Vec<u8>>) -> Delivered {
        // One without the field does not decode, and is dealt with as that.
        Delivered { shard: self.shard, id: id.into(), bytes: bytes.unwrap_or_default() }
    }

    /// Entries after this one that were delivered, to whomever, the oldest first.
    pub async fn pending(&self, after: Option<&EntryId>, count: usize) -> RedisResult<Vec<Pending>> {
        let mut ask = redis::cmd("XPENDING");
        ask.arg(&self.stream).arg(GROUP);
        ask.arg(after.map_or_else(|| "-".to_owned(), |id| format!("({id}"))).arg("+").arg(count);
        let found: Vec<(String, String, u64, u64)> = ask.query_async(&mut self.link.clone()).await?;
        let pending =
            |(id, _, _, deliveries): (String, String, u64, u64)| Pending { id: id.into(), deliveries };
        Ok(found.into_iter().map(pending).collect())
    }

    /// Takes these over from whoever holds them.
    pub async fn claim(&self, ids: &[EntryId]) -> RedisResult<Vec<Delivered>> {
        type Claimed = Option<(String, Vec<Vec<u8>>)>;
        let claimed: Vec<Claimed> = self.claiming(ids).query_async(&mut self.link.clone()).await?;
        let delivered = |(id, fields): (String, Vec<Vec<u8>>)| {
            let mut pairs = fields.chunks_exact(2);
            let bytes = pairs.find(|pair| pair[0] == FIELD.as_bytes()).map(|pair| pair[1].clone());
            self.delivered(&id, bytes)
        };
        Ok(claimed.into_iter().flatten().map(delivered).collect())
    }

    fn claiming(&self, ids: &[EntryId]) -> redis::Cmd {
        let mut claim = redis::cmd("XCLAIM");
        claim.arg(&self.stream).arg(GROUP).arg(&*self.consumer).arg(0).arg(names(ids));
        claim
    }

    /// Of these, which this consumer holds, no delivery counts any more.
    pub async fn absolve(&self, ids: &[EntryId]) -> RedisResult<()> {
        for some in ids.chunks(AT_ONCE) {
            let mut claim = self.claiming(some);
            claim.arg("RETRYCOUNT").arg(0).arg("JUSTID").exec_async(&mut self.link.clone()).await?;
        }
        Ok(())
    }

    /// An entry of this queue, whoever holds it; does not count as a delivery.
    pub async fn read(&self, id: &EntryId) -> RedisResult<Option<Delivered>> {
        let mut range = redis::cmd("XRANGE");
        range.arg(&self.stream).arg(&**id).arg(&**id);
        let found: StreamRangeReply = range.query_async(&mut self.link.clone()).await?;
        Ok(found.ids.first().map(|entry| self.delivered(&entry.id, entry.get(FIELD))))
    }

    /// These are in the archive: they leave the queue.
    pub async fn done(&self, ids: &[EntryId]) -> RedisResult<()> {
        for some in ids.chunks(AT_ONCE) {
            let mut call = DONE.prepare_invoke();
            call.key(&self.stream).key(keys::tries(self.shard)).arg(GROUP).arg(names(some));
            call.invoke_async::<u64>(&mut self.link.clone()).await?;
        }
        Ok(())
    }

    /// The archive refused this one alone, as often as is answered.
    pub async fn refused(&self, id: &EntryId) -> RedisResult<u64> {
        let mut count = redis::cmd("HINCRBY");
        count.arg(keys::tries(self.shard)).arg(&**id).arg(1);
        count.query_async(&mut self.link.clone()).await
    }

    /// Gives an entry up: in one step it leaves the queue and is among the dead.
    pub async fn bury(&self, id: &EntryId, tries: u64, error: &str, at_ms: i64) -> RedisResult<()> {
        let mut call = BURY.prepare_invoke();
        call.key(&self.stream).key(keys::dead(self.shard)).key(keys::tries(self.shard));
        call.arg(GROUP).arg(&**id).arg(tries).arg(error).arg(at_ms);
        call.invoke_async::<u64>(&mut self.link.clone()).await.map(drop)
    }

    /// Forgets consumers that hold nothing and were not seen for so long.
    pub async fn forget_consumers(&self, idle: Duration) -> RedisResult<()> {
        self.forget(idle, "").await
    }

    /// This consumer goes; what it still holds is left for the others.
    pub async fn leave(&self) -> RedisResult<()> {
        self.forget(Duration::from_secs(3600), &self.consumer).await
    }

    async fn forget(&self, idle: Duration, consumer: &str) -> RedisResult<()> {
        let mut call = FORGET.prepare_invoke();
        call.key(&self.stream).arg(GROUP).arg(idle.as_millis() as u64).arg(consumer);
        call.invoke_async::<u64>(&mut self.link.clone()).await.map(drop)
    }
}

fn names(ids: &[EntryId]) -> Vec<&str> {
    ids.iter().map(|id| &**id).collect()
}
