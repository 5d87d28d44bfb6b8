//! What the archive refused alone: it is tried again over minutes, beside everything else.
//!
//! A refusal may be the entry's own fault, or the archive's for a while. So one counts only
//! where the archive takes something else at that moment, and the last of them is minutes
//! after the first. Only what is still refused then is given up. What waits here is known by
//! its id, and read from the queue again: it takes no room from others.

use super::{
    hands::Held,
    store::{Outcome, Storing, see},
    tenure::Tenure,
};
use crate::{
    ports::EngineError,
    redis::{Entry, EntryId},
};
use sentinel_model::UnitId;
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, task::JoinSet};

/// Entries that are tried again at a time; more have the worker wait.
const AT_ONCE: usize = 4096;
/// Each pause is so many times the one before it,
const LONGER: u32 = 3;
/// and this at most.
const PAUSE_MAX: Duration = Duration::from_secs(600);

pub struct Refusal {
    pub shard: u8,
    pub id: EntryId,
    pub tenure: Arc<Tenure>,
    pub unit: Option<UnitId>,
    pub error: String,
}

impl Refusal {
    pub fn of(held: &Held, error: String) -> Self {
        let (entry, tenure) = (&held.entry, held.tenure.clone());
        let unit = Entry::unit_of(&entry.bytes);
        Self { shard: entry.shard, id: entry.id.clone(), tenure, unit, error }
    }
}

/// Until the worker stops.
pub async fn run(storing: Arc<Storing>, mut refused: mpsc::Receiver<Refusal>) -> Result<(), EngineError> {
    let mut outcome = Ok(());
    let mut trials = JoinSet::new();
    loop {
        tokio::select! {
            refusal = refused.recv(), if trials.len() < AT_ONCE => {
                let Some(refusal) = refusal else { break };
                if trials.is_empty() {
                    let Refusal { shard, id, unit, error, .. } = &refusal;
                    let unit = unit.as_ref().map(UnitId::as_str);
                    tracing::warn!(unit, shard, %id, error, "the archive refuses an entry; it is tried again");
                }
                let storing = storing.clone();
                trials.spawn(async move {
                    let stop_at_a_panic = storing.stop.clone().drop_guard();
                    storing.try_again(refusal).await;
                    stop_at_a_panic.disarm();
                });
            }
            Some(ended) = trials.join_next() => see(&mut outcome, ended),
            () = storing.stop.cancelled() => break,
        }
    }
    while let Some(ended) = trials.join_next().await {
        see(&mut outcome, ended);
    }
    outcome
}

impl Storing {
    /// Again and again while the shard is this worker's, and then no more.
    async fn try_again(&self, mut refusal: Refusal) {
        let (shard, id, tenure) = (refusal.shard, refusal.id.clone(), refusal.tenure.clone());
        let queue = &self.queues[usize::from(shard)];
        let mut here = 0;
        while !tenure.is_over() {
            if let Err(other) = self.writer.probe().await {
                tracing::debug!(error = &other as &dyn std::error::Error, shard, %id, "nothing is taken now");
            } else {
                here += 1;
                // Counted in Redis too, where it survives this worker.
                let tries = queue.refused(&id).await.unwrap_or(here).max(here);
                if tries >= self.options.tries {
                    return self.give_up(&refusal, tries).await;
                }
                here = tries;
            }
            tokio::select! {
                () = tokio::time::sleep(pause(self.options.refused_after, here)) => {}
                () = tenure.ended() => return,
                () = self.stop.cancelled() => return,
            }
            let held = match queue.read(&id).await {
                Ok(Some(entry)) => Held::new(entry, tenure.clone()),
                // Another has dealt with it.
                Ok(None) => return tenure.release(&id),
                Err(error) => {
                    tracing::debug!(%error, shard, %id, "what is tried again could not be read");
                    continue;
                }
            };
            match self.store(&[&held], None).await {
                Outcome::Stored => return self.stored(&[&held], None).await,
                Outcome::Refused(again) => refusal.error = again,
                Outcome::Left => return,
            }
        }
    }
}

/// Before it is tried the next time.
fn pause(first: Duration, tries: u64) -> Duration {
    let longer = LONGER.saturating_pow(u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX));
    first.saturating_mul(longer).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::WorkerOptions;

    #[test]
    fn an_entry_is_refused_for_minutes_before_it_is_given_up() {
        let WorkerOptions { tries, refused_after, .. } = WorkerOptions::named("w");
        let pauses = |tries| (1..tries).map(|tried| pause(refused_after, tried)).sum::<Duration>();
        assert_eq!(pauses(tries), Duration::from_secs(200));
        assert_eq!(pause(refused_after, u64::MAX), PAUSE_MAX);
        assert_eq!(pause(refused_after, 0), refused_after, "while nothing is taken");
    }
}
