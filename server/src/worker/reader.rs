//! Reads the queue of one shard, on a connection of its own.
//!
//! At its start, after every interruption, and every few seconds, it first takes over what
//! was delivered and is in nobody's hands: its own from before, and what others have not
//! moved for long. A delivery that Redis has counted and this reader never got is among
//! those, so nothing is left behind by a connection that breaks.
//!
//! Redis counts deliveries. One that was delivered several times and never dealt with may
//! be what ended the workers that had it, or only have been in their hands beside it. So
//! such suspects are taken one by one, and only the one that goes on is given up.

use super::{WorkerOptions, hands::Held, store::Storing};
use crate::{
    clock::Clock,
    redis::{Delivered, EntryId, Pending, Queue},
};
use redis::RedisResult;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// How long a read waits. Shorter than the connection's own look whether it still answers,
/// which waits behind it; and what a stop waits for.
const WAIT: Duration = Duration::from_secs(1);
/// Entries of one read.
const AT_ONCE: usize = 64;
/// An entry that was delivered more often than this and never dealt with is a suspect,
const SUSPECT_AFTER: u64 = 3;
/// and is given up.
const DELIVERIES_MAX: u64 = 10;
/// A consumer of no use that was not seen for so long is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(24 * 3600);
const RETRY_AFTER: Duration = Duration::from_millis(50);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(2);

pub struct Reader {
    pub queue: Queue,
    pub shard: u8,
    pub out: mpsc::Sender<Held>,
    pub storing: Arc<Storing>,
    pub options: WorkerOptions,
    pub stop: CancellationToken,
}

impl Reader {
    pub async fn run(self) {
        // None at the start and after an interruption.
        let mut looked_at = None;
        let mut pause = RETRY_AFTER;
        while !self.stop.is_cancelled() {
            match self.round(&mut looked_at).await {
                Ok(()) => {
                    pause = RETRY_AFTER;
                    self.options.trouble.ends(self.shard);
                }
                Err(error) => {
                    self.options.trouble.begins(self.shard, &error);
                    if pause == RETRY_AFTER {
                        tracing::warn!(%error, shard = self.shard, "the queue could not be read");
                    }
                    looked_at = None;
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.stop.cancelled() => {}
                    }
                    pause = (pause * 2).min(RETRY_AFTER_MAX);
                }
            }
        }
    }

    async fn round(&self, looked_at: &mut Option<Instant>) -> RedisResult<()> {
        if looked_at.is_none_or(|at| at.elapsed() >= self.options.look_every) {
            self.queue.join().await?;
            if looked_at.is_none() {
                self.take_over(true).await?;
            }
            self.take_over(false).await?;
            self.queue.forget_consumers(FORGET_AFTER).await?;
            *looked_at = Some(Instant::now());
        }
        // Never dropped half-way: Redis would have counted what nobody got.
        let entries = self.queue.next(AT_ONCE, WAIT).await?;
        self.hand_over(entries).await;
        Ok(())
    }

    /// Takes what is pending and in nobody's hands, the oldest first: what this consumer has
    /// from before, or what nobody has moved for long.
    async fn take_over(&self, own: bool) -> RedisResult<()> {
        let idle = if own { Duration::ZERO } else { self.options.idle };
        let mut after = None;
        loop {
            let some = match own {
                true => self.queue.own(after.as_ref(), AT_ONCE).await?,
                false => self.queue.stale(idle, after.as_ref(), AT_ONCE).await?,
            };
            let Some(last) = some.last() else { return Ok(()) };
            after = Some(last.id.clone());
            let mut lost = Vec::new();
            for one in some {
                if self.storing.hands.hold(self.shard, &one.id) {
                    continue;
                }
                if one.deliveries <= SUSPECT_AFTER {
                    lost.push(one.id);
                    continue;
                }
                self.hand_over(self.claim(&std::mem::take(&mut lost), idle).await?).await;
                self.try_alone(one, idle).await?;
            }
            self.hand_over(self.claim(&lost, idle).await?).await;
            if self.stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    async fn claim(&self, ids: &[EntryId], idle: Duration) -> RedisResult<Vec<Delivered>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let entries = self.queue.claim(ids, idle).await?;
        metrics::counter!("sentinel_archive_taken_over_total").increment(entries.len() as u64);
        Ok(entries)
    }

    async fn try_alone(&self, suspect: Pending, idle: Duration) -> RedisResult<()> {
        let Pending { id, deliveries } = suspect;
        if deliveries > DELIVERIES_MAX {
            tracing::error!(shard = self.shard, %id, "an entry is given up before it ends another worker");
            let words =
                format!("delivered {deliveries} times and never dealt with: it may end the workers that try");
            self.queue.bury(&id, deliveries, &words, Clock::system().now().0).await?;
            metrics::counter!("sentinel_archive_given_up_total").increment(1);
            return Ok(());
        }
        // One at a time in the whole worker, from before it counts as delivered.
        let _alone = self.storing.hands.alone.lock().await;
        for entry in self.claim(&[id], idle).await? {
            self.storing.hands.take(std::slice::from_ref(&entry));
            let (alone, dealt_with) = oneshot::channel();
            let held = self.storing.hands.held(entry, Some(alone)).await;
            self.out.send(held).await.ok();
            // It is dropped, not used.
            dealt_with.await.ok();
        }
        Ok(())
    }

    async fn hand_over(&self, entries: Vec<Delivered>) {
        self.storing.hands.take(&entries);
        for entry in entries {
            let held = self.storing.hands.held(entry, None).await;
            // Whoever stores ends after the readers; where it is gone the process ends too.
            self.out.send(held).await.ok();
        }
    }
}
