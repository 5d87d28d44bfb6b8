//! Reads the queue of one shard, on a connection of its own, while this worker has it.
//!
//! Whoever has a shard has all of it. So at the beginning of a tenure, after every
//! interruption, and every few seconds, the reader first takes over what was delivered, to
//! whomever, and is not in these hands. A delivery that Redis has counted and nobody got is
//! among those, so nothing is left behind by a connection that breaks. And what a reader gets
//! whose tenure has just run out it leaves: the next one has taken it over by then, or will.
//!
//! Redis counts deliveries. One that was delivered several times and never dealt with may
//! be what ended the workers that had it, or only have been in their hands beside it. So
//! such suspects are taken one by one, and only the one that goes on is given up.

use super::{WorkerOptions, hands::Held, store::Storing, tenure::Tenure};
use crate::{
    clock::Clock,
    redis::{Delivered, EntryId, Pending, Queue},
};
use redis::RedisResult;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// How long a read waits. Shorter than the connection's own look whether it still answers,
/// which waits behind it; and what a stop waits for.
const WAIT: Duration = Duration::from_secs(1);
/// Entries of one read.
const AT_ONCE: usize = 64;
/// Of those that are not done, whose names are asked for at once.
const NAMES_AT_ONCE: usize = 1000;
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
    /// Its tenure, while there is one.
    pub seat: watch::Receiver<Option<Arc<Tenure>>>,
    pub out: mpsc::Sender<Held>,
    pub storing: Arc<Storing>,
    pub options: WorkerOptions,
    pub stop: CancellationToken,
}

impl Reader {
    pub async fn run(mut self) {
        while let Some(tenure) = self.seated().await {
            self.read(&tenure).await;
            self.options.trouble.ends(self.shard);
            tenure.is_read_no_more();
        }
    }

    /// Waits for a tenure; none where the worker stops.
    async fn seated(&mut self) -> Option<Arc<Tenure>> {
        let begun = self.seat.wait_for(|seat| seat.as_ref().is_some_and(|tenure| tenure.goes_on()));
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            seat = begun => seat.ok()?.clone(),
        }
    }

    async fn read(&self, tenure: &Arc<Tenure>) {
        // None at the start and after an interruption.
        let mut looked_at = None;
        let mut pause = RETRY_AFTER;
        while self.goes_on(tenure) {
            match self.round(tenure, &mut looked_at).await {
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

    fn goes_on(&self, tenure: &Tenure) -> bool {
        tenure.goes_on() && !self.stop.is_cancelled()
    }

    async fn round(&self, tenure: &Arc<Tenure>, looked_at: &mut Option<Instant>) -> RedisResult<()> {
        if looked_at.is_none_or(|at| at.elapsed() >= self.options.look_every) {
            self.queue.join().await?;
            self.take_over(tenure).await?;
            self.queue.forget_consumers(FORGET_AFTER).await?;
            *looked_at = Some(Instant::now());
            if !self.goes_on(tenure) {
                return Ok(());
            }
        }
        // Never dropped half-way: Redis would have counted what nobody got.
        let entries = self.queue.next(AT_ONCE, WAIT).await?;
        self.hand_over(tenure, entries).await;
        Ok(())
    }

    /// Takes what was delivered and is not in these hands, the oldest first.
    async fn take_over(&self, tenure: &Arc<Tenure>) -> RedisResult<()> {
        let mut after = None;
        loop {
            let some = self.queue.pending(after.as_ref(), NAMES_AT_ONCE).await?;
            let Some(last) = some.last() else { return Ok(()) };
            after = Some(last.id.clone());
            let lost = some.into_iter().filter(|one| !tenure.holds(&one.id));
            let mut together = Vec::new();
            for one in lost {
                let is_suspect = one.deliveries > SUSPECT_AFTER;
                if !is_suspect {
                    together.push(one.id.clone());
                }
                if is_suspect || together.len() >= AT_ONCE {
                    self.claim(tenure, &std::mem::take(&mut together)).await?;
                }
                if is_suspect {
                    self.try_alone(tenure, one).await?;
                }
                if !self.goes_on(tenure) {
                    return Ok(());
                }
            }
            self.claim(tenure, &together).await?;
        }
    }

    async fn claim(&self, tenure: &Arc<Tenure>, ids: &[EntryId]) -> RedisResult<()> {
        if !ids.is_empty() {
            let entries = self.claimed(ids).await?;
            self.hand_over(tenure, entries).await;
        }
        Ok(())
    }

    async fn claimed(&self, ids: &[EntryId]) -> RedisResult<Vec<Delivered>> {
        let entries = self.queue.claim(ids).await?;
        metrics::counter!("sentinel_archive_taken_over_total").increment(entries.len() as u64);
        Ok(entries)
    }

    async fn try_alone(&self, tenure: &Arc<Tenure>, suspect: Pending) -> RedisResult<()> {
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
        if !self.goes_on(tenure) {
            return Ok(());
        }
        for entry in self.claimed(&[id]).await? {
            tenure.hold(std::slice::from_ref(&entry));
            let mut held = Held::new(entry, tenure.clone());
            let dealt_with = held.alone();
            self.send(held).await;
            dealt_with.await.ok();
        }
        Ok(())
    }

    async fn hand_over(&self, tenure: &Arc<Tenure>, entries: Vec<Delivered>) {
        tenure.hold(&entries);
        for entry in entries {
            self.send(Held::new(entry, tenure.clone())).await;
        }
    }

    /// Waits for room, while it is this worker's to deal with.
    async fn send(&self, mut held: Held) {
        let tenure = held.tenure.clone();
        let sending = async move {
            self.storing.hands.make_room(&mut held).await;
            // Whoever stores ends after the readers; where it is gone the process ends too.
            self.out.send(held).await.ok();
        };
        tokio::select! {
            () = sending => {}
            () = tenure.ended() => {}
        }
    }
}
