//! Putting positions, those that come at once together.

use super::{PositionError, area::LATITUDE_MAX, held};
use crate::{
    ports::Put,
    redis::{
        keys,
        lanes::{Lanes, Traffic},
        line::{ANSWER_WITHIN, timed_out},
        link::Link,
        scripts, shard,
    },
};
use redis::RedisResult;
use sentinel_model::{Location, Time, UnitId};
use std::{sync::Arc, time::Duration};
use tokio::sync::oneshot;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A script of so many keeps others waiting for a fraction of a millisecond.
const TRAFFIC: Traffic = Traffic { waiting: 4 * 1024, together: 64, at_once: 1 };

pub struct Putting {
    unit: UnitId,
    time: Time,
    received_at: Time,
    place: String,
    answer: oneshot::Sender<RedisResult<bool>>,
}

/// A lane for each of the shards.
pub fn start(
    link: &Link,
    shards: Arc<[keys::Positions]>,
    current_for: Duration,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Lanes<Putting> {
    let sending = link.clone();
    let send = move |lane, group| {
        let (link, shards) = (sending.clone(), shards.clone());
        async move { put_all(link, &shards[lane], current_for, group).await }
    };
    Lanes::start(link, TRAFFIC, send, tasks, stop)
}

impl Lanes<Putting> {
    pub(super) async fn put(&self, location: &Location) -> Result<Put, PositionError> {
        let (answer, answered) = oneshot::channel();
        let putting = Putting {
            unit: location.unit_id.clone(),
            time: location.time,
            received_at: location.received_at,
            place: held::place(location)?,
            answer,
        };
        let putting = async {
            self.of(shard::of(&location.unit_id)).send(putting).await.map_err(|_| PositionError::Stopping)?;
            Ok(answered.await.map_err(|_| PositionError::Stopping)??)
        };
        // Behind others that wait for a node that is dead it would take a multiple.
        let is_newest = tokio::time::timeout(ANSWER_WITHIN, putting).await;
        let is_newest = is_newest.unwrap_or_else(|_| Err(PositionError::Redis(timed_out())))?;
        Ok(if is_newest { Put::Advanced } else { Put::Kept })
    }
}

async fn put_all(mut link: Link, keys: &keys::Positions, current_for: Duration, mut group: Vec<Putting>) {
    // Who gave up has been told that it failed.
    group.retain(|one| !one.answer.is_closed());
    if group.is_empty() {
        return;
    }
    let mut call = scripts::PUT.prepare_invoke();
    call.key(keys.last()).key(keys.geo()).key(keys.geo_until());
    call.arg(current_for.as_millis().to_string()).arg(LATITUDE_MAX);
    for Putting { unit, time, received_at, place, .. } in &group {
        call.key(keys.current(unit));
        call.arg(unit.as_str()).arg(time.0).arg(received_at.0).arg(place);
    }
    match call.invoke_async::<Vec<bool>>(&mut link).await {
        Ok(newest) => {
            for (one, is_newest) in group.into_iter().zip(newest) {
                // Nobody waits for it any more.
                one.answer.send(Ok(is_newest)).ok();
            }
        }
        Err(error) => {
            for one in group {
                one.answer.send(Err(error.clone())).ok();
            }
        }
    }
}
