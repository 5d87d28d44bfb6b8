//! Which shards this worker reads.
//!
//! The workers that are there are sorted by name, and shard `s` is for the one at `s % count`.
//! It seeks the lease of each shard that is for it, and holds a [`Tenure`] while it has that.
//! A shard that is for another by now is read no more, and given back once nothing of it is in
//! these hands; or after as long as a lease lasts, as the archive may be away for hours.

use super::{WorkerOptions, tenure::Tenure};
use crate::redis::{Lease, Owners, Queue};
use futures::future::{join, join_all};
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
        join_all(self.seats.iter().map(|seat| seat.leave(well))).await;
        // Where Redis is away, all of it runs out by itself.
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
            self.see_to().await;
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

    async fn see_to(&self) {
        let (is_mine, current) = (self.is_mine(), self.current());
        match &current {
            None if !is_mine => return self.end(),
            Some(tenure) if !is_mine => tenure.leave(),
            _ => {}
        }
        // Also where it is this worker's again: whoever read it has ended.
        if current.as_ref().is_some_and(|tenure| tenure.can_end(self.options.lease)) {
            return self.leave(true).await;
        }
        let asked = Instant::now();
        match self.lease.take().await {
            Ok(true) => {
                let until = asked + self.options.lease;
                if !current.is_some_and(|tenure| tenure.renew(until)) {
                    self.end();
                    let tenure = Tenure::begin(until, self.idle.clone());
                    self.tenure.send_replace(Some(Arc::new(tenure)));
                }
            }
            Ok(false) => self.end(),
            Err(error) => {
                tracing::debug!(%error, shard = self.shard, "a lease could not be renewed");
                // It lasts for as long as it was given.
                if self.current().is_none() {
                    self.end();
                    self.options.trouble.begins(self.shard, &error);
                }
            }
        }
    }

    /// The tenure is over, if there was one.
    fn end(&self) {
        self.options.trouble.ends(self.shard);
        if let Some(tenure) = self.tenure.send_replace(None) {
            tenure.end();
        }
    }

    /// Gives the shard back. What is left in these hands did not end this worker, where that is
    /// `well`: then no delivery is counted against it.
    async fn leave(&self, well: bool) {
        let Some(tenure) = self.current() else { return self.end() };
        self.end();
        let given_back = async {
            if well {
                self.queue.absolve(&tenure.held()).await?;
            }
            self.lease.give_back().await
        };
        if let Err(error) = given_back.await {
            tracing::debug!(%error, shard = self.shard, "a lease could not be given back; it runs out");
        }
    }
}
