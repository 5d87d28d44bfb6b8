//! What waits in the queue of a unit whose data is to be erased.
//!
//! An entry that a worker holds will be stored, whatever becomes of it here, so what waits is
//! waited for: it is in the archive or among the dead letters, and can be erased there.

use super::{
    dead::{DeadId, DeadLetters},
    entry::{Entry, FIELD},
    keys,
    link::Link,
    shard,
};
use redis::{RedisResult, streams::StreamRangeReply};
use sentinel_model::UnitId;
use std::time::Duration;

/// Entries that are read at once.
const AT_ONCE: usize = 64;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Waits until nothing waits of a unit that did when this was called; false where it does not
/// end in time.
pub async fn await_archived(link: &Link, unit: &UnitId, patience: Duration) -> RedisResult<bool> {
    let waiting = async {
        for id in waiting_of(link, unit).await? {
            while is_there(link, unit, &id).await? {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Ok(true)
    };
    tokio::time::timeout(patience, waiting).await.unwrap_or(Ok(false))
}

async fn waiting_of(link: &Link, unit: &UnitId) -> RedisResult<Vec<String>> {
    let (mut found, mut after) = (Vec::new(), "-".to_owned());
    loop {
        let mut range = redis::cmd("XRANGE");
        range.arg(keys::queue(shard::of(unit))).arg(&after).arg("+").arg("COUNT").arg(AT_ONCE);
        let piece: StreamRangeReply = range.query_async(&mut link.clone()).await?;
        let Some(last) = piece.ids.last() else { return Ok(found) };
        after = format!("({}", last.id);
        let of_unit =
            |bytes: Option<Vec<u8>>| Entry::unit_of(&bytes.unwrap_or_default()).as_ref() == Some(unit);
        found.extend(piece.ids.into_iter().filter(|one| of_unit(one.get(FIELD))).map(|one| one.id));
    }
}

async fn is_there(link: &Link, unit: &UnitId, id: &str) -> RedisResult<bool> {
    let mut range = redis::cmd("XRANGE");
    range.arg(keys::queue(shard::of(unit))).arg(id).arg(id);
    let found: StreamRangeReply = range.query_async(&mut link.clone()).await?;
    Ok(!found.ids.is_empty())
}

/// Drops the dead letters of a unit; answers how many.
pub async fn drop_dead(link: &Link, unit: &UnitId) -> RedisResult<u64> {
    let letters = DeadLetters::new(link.clone());
    let (mut dropped, mut after) = (0, None::<DeadId>);
    loop {
        let some = letters.some(shard::of(unit), after.as_ref()).await?;
        let Some(last) = some.last() else { return Ok(dropped) };
        after = Some(last.id.clone());
        for letter in some {
            if Entry::unit_of(&letter.bytes).as_ref() == Some(unit) {
                dropped += u64::from(letters.drop(&letter.id).await?);
            }
        }
    }
}
