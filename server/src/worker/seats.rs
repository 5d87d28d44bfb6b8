//! Which shards this worker reads.
//!
//! The workers that are there are sorted by name, and shard `s` is for the one at `s % count`.
//! It seeks the lease of each shard that is for it, and holds a [`Tenure`] while it has that.
//! A shard that is for another by now is read no more, and given back once nothing of it is in
//! these hands; or after as long as a lease lasts, as the archive may be away for hours.

use super::{WorkerOptions, tenure::Tenure};
use crate::redis::{Lease, Owners, Queue};
use futures::future::{join, join_all};
use redis::{RedisError, RedisResult};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{Notify, watch};

pub struct Seats {
    owners: Owners,
    workers: watch::Sender<Vec<String>>,
    seats: Vec<Seat>,
    options: WorkerOptions,
}

/// Of one shard.
struct Seat {
    shard: u8,
    lease: Lease,
    queue: Queue,
    workers: watch::Receiver<Vec<String>>,
    tenure: watch::Sender<Option<Arc<Tenure>>>,
    idle: Arc<Notify>,
    options: WorkerOptions,
}

/// How often a lease is renewed at least, and so how long a shard waits for its worker when
/// workers come and go.
const RENEWED_EVERY: Duration = Duration::from_secs(2);

fn renewed_every(options: &WorkerOptions) -> Duration {
    RENEWED_EVERY.min(options.lease / 3)
}

impl Seats {
    /// Over the queues of all shards.
    pub fn new(owners: Owners, queues: &[Queue], options: &WorkerOptions) -> Self {
        let workers = watch::Sender::default();
        let seat = |(shard, queue): (u8, &Queue)| Seat {
            shard,
            lease: owners.lease(shard),
            queue: queue.clone(),
            workers: workers.subscribe(),
            tenure: watch::Sender::default(),
            idle: Arc::default(),
            options: options.clone(),
        };
        let seats = (0..).zip(queues).map(seat).collect();
        Self { owners, workers, seats, options: options.clone() }
    }

    /// This worker's tenure of a shard, while it has one.
    pub fn follow(&self, shard: u8) -> watch::Receiver<Option<Arc<Tenure>>> {
        self.seats[usize::from(shard)].tenure.subscribe()
    }

    /// For as long as it is polled.
    pub async fn keep(&mut self) {
        let attending = attend(&self.owners, &self.workers, &self.options);
        join(attending, join_all(self.seats.iter_mut().map(Seat::keep))).await;
    }

    /// Gives all back; it ends `well` where nothing that it holds can be what ended it.
    pub async fn leave(&self, well: bool) {
        // Where Redis is away, all of it runs out by itself.
        join_all(self.seats.iter().map(|seat| seat.leave(well))).await;
        self.owners.leave().await.ok();
    }
}

/// Says that this worker is there, and follows who else is.
async fn attend(owners: &Owners, workers: &watch::Sender<Vec<String>>, options: &WorkerOptions) {
    loop {
        match owners.attend().await {
            Ok(names) => {
                options.trouble.list(None);
                workers.send_if_modified(|before| {
                    let changes = *before != names;
                    if changes {
                        tracing::info!(workers = names.len(), name = options.name, "the shards are divided");
                        *before = names;
                    }
                    changes
                });
            }
            // The list stays as it was: so does whose a shard is.
            Err(error) => options.trouble.list(Some(&error)),
        }
        tokio::time::sleep(renewed_every(options)).await;
    }
}

impl Seat {
    async fn keep(&mut self) {
        loop {
            match self.see_to().await {
                // Whoever reads says it of its reading.
                Ok(()) if self.current().is_none() => self.options.trouble.ends(self.shard),
                Ok(()) => {}
                Err(error) => self.suffer(&error),
            }
            tokio::select! {
                () = tokio::time::sleep(renewed_every(&self.options)) => {}
                () = self.idle.notified() => {}
                // Whoever tells lives as long as this.
                _ = self.workers.changed() => {}
            }
        }
    }

    fn is_mine(&self) -> bool {
        let workers = self.workers.borrow();
        let turn = usize::from(self.shard).checked_rem(workers.len());
        turn.is_some_and(|turn| workers[turn] == self.options.name)
    }

    fn current(&self) -> Option<Arc<Tenure>> {
        self.tenure.borrow().clone().filter(|tenure| !tenure.is_over())
    }

    async fn see_to(&self) -> RedisResult<()> {
        let (is_mine, current) = (self.is_mine(), self.current());
        let can_end = current.as_ref().map_or(!is_mine, |tenure| {
            if !is_mine {
                tenure.leave();
            }
            tenure.can_end(self.options.lease)
        });
        if can_end {
            return self.leave(true).await;
        }
        let asked = Instant::now();
        if !self.lease.take().await? {
            return self.leave(true).await;
        }
        let until = asked + self.options.lease;
        if !current.is_some_and(|tenure| tenure.renew(until)) {
            self.leave(true).await?;
            self.tenure.send_replace(Some(Arc::new(Tenure::begin(until, self.idle.clone()))));
            metrics::gauge!("sentinel_worker_shards").increment(1.0);
        }
        Ok(())
    }

    /// A tenure lasts for as long as it was given.
    fn suffer(&self, error: &RedisError) {
        tracing::debug!(%error, shard = self.shard, "a lease could not be seen to");
        if self.current().is_none() {
            self.options.trouble.begins(self.shard, error);
            self.tenure.borrow().iter().for_each(|tenure| tenure.end());
        }
    }

    /// Ends the tenure, if there is one, and gives its lease back unless that has run out. What
    /// is left of it in these hands has not ended this worker, where that is `well`: so no
    /// delivery counts against it.
    async fn leave(&self, well: bool) -> RedisResult<()> {
        let Some(tenure) = self.tenure.borrow().clone() else { return Ok(()) };
        let has_lease = !tenure.is_over();
        tenure.end();
        if well {
            self.queue.absolve(&tenure.held()).await?;
        }
        self.tenure.send_replace(None);
        metrics::gauge!("sentinel_worker_shards").decrement(1.0);
        if has_lease {
            self.lease.give_back().await?;
        }
        Ok(())
    }
}
