//! How this copy stays like the log of commits that all nodes share, and how it is known that
//! it does not.
//!
//! A copy is current as of a moment at which the log was read to its end, or at which the bus,
//! where every commit is told, knew of none after it. So where the database is away from every
//! node, nobody can commit and nothing changes; where it is away from one alone, that one soon
//! knows that it is behind, and answers nobody by rights that may have been taken away.

use super::Directory;
use std::{pin::pin, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// The records are looked at this often even if no other node has told of a commit.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often it is said that they cannot be read.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// How often it is asked which commit is the newest, and how soon that has to be answered.
const ASK_EVERY: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// For how long a copy counts that may be old: a database has its short absences.
const BEHIND_AFTER: Duration = Duration::from_secs(4);

/// How long a request waits for the newest records.
const FRESHEN_WITHIN: Duration = Duration::from_secs(5);

/// How well this copy is known to be the newest.
pub(super) struct Known {
    /// The last commit that shows here.
    at: u64,
    /// Every commit up to this one that is in the log shows here. Beyond `at` where one was
    /// told that the log has not: it is another log than the bus has heard of.
    read: u64,
    /// This copy was current then.
    current: Instant,
    /// When the last look began that has ended, and whether it did well.
    looked: Option<(Instant, bool)>,
}

impl Known {
    pub fn from_now() -> Self {
        Self { at: 0, read: 0, current: Instant::now(), looked: None }
    }

    pub fn at(self, at: u64) -> Self {
        Self { at, read: at, ..self }
    }
}

/// This copy may lack what other nodes have changed some time ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this server cannot read what others have changed, so it knows nobody's rights; send this again")]
pub struct Behind;

impl Directory {
    /// Refuses where what is here may be old. Asked before anybody is told apart by it.
    pub fn ensure_current(&self) -> Result<(), Behind> {
        if *self.behind.borrow() { Err(Behind) } else { Ok(()) }
    }

    /// Whether it is not: for those that have begun already.
    pub fn behind(&self) -> watch::Receiver<bool> {
        self.behind.subscribe()
    }

    /// Says that another node has committed.
    pub fn hear_of(&self, at: u64) {
        if at > self.known.lock().read {
            self.told.send_if_modified(|told| at > std::mem::replace(told, at.max(*told)));
        }
    }

    /// For a request that did not find what it asked for: another node may have made it just
    /// now. Many that come at once wait for one look. Answers whether asking again makes sense.
    pub async fn freshen(&self) -> bool {
        self.is_shared() && timeout(FRESHEN_WITHIN, self.look_once()).await.unwrap_or(false)
    }

    async fn look_once(&self) -> bool {
        let asked = Instant::now();
        let mut at = self.at.lock().await;
        let looked = self.known.lock().looked;
        if let Some((_, well)) = looked.filter(|(began, _)| *began > asked) {
            return well;
        }
        let read = self.read_on(&mut at).await;
        if let Err(error) = &read {
            let error: &dyn std::error::Error = error;
            tracing::warn!(error, "what other nodes changed could not be read");
        }
        read.is_ok()
    }

    /// Keeps this copy like the records, whichever node changes them.
    pub async fn follow(&self, stop: CancellationToken) {
        let following = async { tokio::join!(self.read_for_ever(), self.compare_for_ever()) };
        tokio::select! {
            _ = following => {}
            () = stop.cancelled() => {}
        }
    }

    async fn read_for_ever(&self) {
        let mut told = self.told.subscribe();
        let mut said: Option<Instant> = None;
        loop {
            tokio::select! {
                _ = told.changed() => {}
                () = sleep(LOOK_EVERY) => {}
            }
            let read = self.catch_up().await;
            if let Err(error) = &read {
                // Now and then: why it fails may change.
                if said.is_none_or(|said| said.elapsed() > SAY_EVERY) {
                    let error: &dyn std::error::Error = error;
                    tracing::warn!(error, "what other nodes changed could not be read; tried again");
                    said = Some(Instant::now());
                }
                sleep(LOOK_EVERY / 4).await;
            } else {
                said = None;
            }
        }
    }

    /// Looks beside it, as reading may hang, whether there is anything to read. What this copy
    /// has it says at the same time: that may have been forgotten, or never been told.
    async fn compare_for_ever(&self) {
        let mut ticks = interval(ASK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (began, at) = (Instant::now(), self.known.lock().at);
            let asking = pin!(self.bus.publish_records(at));
            // Where there is no answer, whoever keeps the connection says so.
            if let Ok(Ok(newest)) = timeout(ANSWER_WITHIN, asking).await {
                if newest <= self.known.lock().read {
                    self.is_current(began);
                    continue;
                }
                self.hear_of(newest);
            }
            let current = self.known.lock().current;
            if current.elapsed() > BEHIND_AFTER && !self.behind.send_replace(true) {
                tracing::error!("the records here may be old: nobody's rights are known until they are read");
            }
        }
    }

    /// A look at the log has ended.
    pub(super) fn has_looked(&self, began: Instant, well: bool) {
        self.known.lock().looked = Some((began, well));
    }

    /// The log was read to its end, which was `at`, when it was told that `told` was.
    pub(super) fn has_read(&self, began: Instant, at: u64, told: u64) {
        {
            let mut known = self.known.lock();
            known.at = at;
            known.read = known.read.max(told).max(at);
        }
        if began.elapsed() <= BEHIND_AFTER {
            self.is_current(began);
        }
    }

    fn is_current(&self, as_of: Instant) {
        {
            let mut known = self.known.lock();
            known.current = known.current.max(as_of);
        }
        if self.behind.send_if_modified(std::mem::take) {
            tracing::info!("the records here are the newest again");
        }
    }
}
