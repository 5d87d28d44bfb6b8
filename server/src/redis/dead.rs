//! Entries that were given up, for an operator to look at: put back into the queue once
//! what was wrong is mended, or dropped.

use super::{entry::FIELD, keys, link::Link, shard::SHARDS};
use redis::{RedisResult, Script, streams::StreamRangeReply};
use std::{fmt, str::FromStr, sync::LazyLock};

/// Letters that are read at once.
const AT_ONCE: usize = 100;

pub struct DeadLetters {
    link: Link,
}

/// The shard, and the id in its stream: `3:1795226400000-0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadId {
    shard: u8,
    entry: String,
}

impl fmt::Display for DeadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.shard, self.entry)
    }
}

impl FromStr for DeadId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (shard, entry) = text.split_once(':')?;
            let (ms, number) = entry.split_once('-')?;
            let shard: u8 = shard.parse().ok().filter(|shard| *shard < SHARDS)?;
            (ms.parse::<u64>().is_ok() && number.parse::<u64>().is_ok())
                .then(|| Self { shard, entry: entry.to_owned() })
        };
        read().ok_or_else(|| {
            format!("{text:?} is no id as `sentinel dead list` shows them, such as 3:1795226400000-0")
        })
    }
}

#[derive(Debug, Clone)]
pub struct DeadLetter {
    pub id: DeadId,
    /// What it was called in the queue.
    pub was: String,
    pub bytes: Vec<u8>,
    pub tries: u64,
    pub error: String,
    pub at_ms: i64,
}

/// KEYS: dead, queue. ARGV: id. The first eight fields say why it is dead, the rest is the
/// entry as it was.
static REQUEUE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not letter then return 0 end
redis.call('XADD', KEYS[2], '*', unpack(letter[2], 9))
return redis.call('XDEL', KEYS[1], ARGV[1])
",
    )
});

impl DeadLetters {
    pub fn new(link: Link) -> Self {
        Self { link }
    }

    pub async fn count(&self) -> RedisResult<u64> {
        let mut count = 0;
        for shard in 0..SHARDS {
            let mut ask = redis::cmd("XLEN");
            count += ask.arg(keys::dead(shard)).query_async::<u64>(&mut self.link.clone()).await?;
        }
        Ok(count)
    }

    /// Some of a shard, the oldest first: those after one, or the first.
    pub async fn some(&self, shard: u8, after: Option<&DeadId>) -> RedisResult<Vec<DeadLetter>> {
        let mut range = redis::cmd("XRANGE");
        let from = after.map_or_else(|| "-".to_owned(), |id| format!("({}", id.entry));
        range.arg(keys::dead(shard)).arg(from).arg("+").arg("COUNT").arg(AT_ONCE);
        let found: StreamRangeReply = range.query_async(&mut self.link.clone()).await?;
        let letters = found.ids.into_iter().map(|found| DeadLetter {
            was: found.get("id").unwrap_or_default(),
            bytes: found.get(FIELD).unwrap_or_default(),
            tries: found.get("tries").unwrap_or_default(),
            error: found.get("error").unwrap_or_default(),
            at_ms: found.get("at").unwrap_or_default(),
            id: DeadId { shard, entry: found.id },
        });
        Ok(letters.collect())
    }

    /// Back into its queue as it was; false where it is not there.
    pub async fn requeue(&self, id: &DeadId) -> RedisResult<bool> {
        let mut call = REQUEUE.prepare_invoke();
        call.key(keys::dead(id.shard)).key(keys::queue(id.shard)).arg(&id.entry);
        call.invoke_async(&mut self.link.clone()).await
    }

    /// Away for good; false where it is not there.
    pub async fn drop(&self, id: &DeadId) -> RedisResult<bool> {
        let mut delete = redis::cmd("XDEL");
        delete.arg(keys::dead(id.shard)).arg(&id.entry).query_async(&mut self.link.clone()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_it_is_shown() {
        let id: DeadId = "3:1795226400000-12".parse().expect("reads");
        assert_eq!(id.to_string(), "3:1795226400000-12");
        for wrong in ["", "3", "16:1-0", "3:1", "3:a-0", "x:1-0", "3:1-0-0"] {
            assert!(wrong.parse::<DeadId>().is_err_and(|words| words.contains("dead list")), "{wrong}");
        }
    }
}
