//! The time in which this worker alone reads a shard, and what it holds of it: delivered to
//! it, and not in the archive yet.
//!
//! It ends when its lease is given back or has run out. What it still holds is the next one's
//! then, be that this worker's own: that one takes it from the queue again, in order, and what
//! is under way of it here is dropped as soon as that is noticed.

use crate::redis::{Delivered, EntryId};
use parking_lot::Mutex;
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub struct Tenure {
    state: Mutex<State>,
    over: CancellationToken,
    /// Told when nothing is left to do in a shard that is for another.
    idle: Arc<Notify>,
}

struct State {
    /// The lease is this worker's until then, unless it is renewed.
    until: Instant,
    /// Since when the shard is for another.
    leaving: Option<Instant>,
    is_read: bool,
    is_looked_at: bool,
    held: HashSet<EntryId>,
}

impl State {
    fn is_idle(&self) -> bool {
        self.leaving.is_some() && !self.is_read && self.held.is_empty()
    }
}

impl Tenure {
    pub fn begin(until: Instant, idle: Arc<Notify>) -> Self {
        let state = State { until, leaving: None, is_read: true, is_looked_at: false, held: HashSet::new() };
        Self { state: Mutex::new(state), over: CancellationToken::new(), idle }
    }

    /// The lease lasts until then; false where the tenure was over before.
    pub fn renew(&self, until: Instant) -> bool {
        let mut state = self.state.lock();
        let goes_on = !self.over.is_cancelled() && Instant::now() < state.until;
        if goes_on {
            state.until = until;
        }
        goes_on
    }

    pub fn is_over(&self) -> bool {
        self.over.is_cancelled() || Instant::now() >= self.state.lock().until
    }

    pub fn end(&self) {
        self.over.cancel();
    }

    /// Somebody has ended it; one that has run out is ended soon after.
    pub async fn ended(&self) {
        self.over.cancelled().await;
    }

    /// The shard is for another: what is in hands is dealt with, and no more is read.
    pub fn leave(&self) {
        self.state.lock().leaving.get_or_insert_with(Instant::now);
    }

    /// Whether more is to be read.
    pub fn goes_on(&self) -> bool {
        self.state.lock().leaving.is_none() && !self.is_over()
    }

    /// Whoever reads has seen that it does not go on.
    pub fn is_read_no_more(&self) {
        self.change(|state| state.is_read = false);
    }

    /// Whether the shard can be given to the other, who waits for so long at most.
    pub fn can_end(&self, patience: Duration) -> bool {
        let state = self.state.lock();
        state.is_idle() || state.leaving.is_some_and(|since| since.elapsed() > patience)
    }

    /// Whether somebody looks at it for the first time now.
    pub fn is_first_look(&self) -> bool {
        !std::mem::replace(&mut self.state.lock().is_looked_at, true)
    }

    pub fn holds(&self, id: &EntryId) -> bool {
        self.state.lock().held.contains(id)
    }

    pub fn hold(&self, entries: &[Delivered]) {
        self.state.lock().held.extend(entries.iter().map(|entry| entry.id.clone()));
    }

    /// This one is dealt with.
    pub fn release(&self, id: &EntryId) {
        self.change(|state| {
            state.held.remove(id);
        });
    }

    pub fn held(&self) -> Vec<EntryId> {
        self.state.lock().held.iter().cloned().collect()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        change(&mut state);
        if state.is_idle() {
            self.idle.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn entry(id: &str) -> Delivered {
        Delivered { shard: 0, id: id.into(), bytes: Vec::new() }
    }

    #[test]
    fn it_can_end_once_nobody_reads_and_nothing_is_in_hands_or_the_other_has_waited_enough() {
        let tenure = Tenure::begin(Instant::now() + LONG, Arc::default());
        tenure.hold(&[entry("1-0")]);
        assert!(tenure.goes_on() && !tenure.can_end(Duration::ZERO), "it is for this one");
        tenure.leave();
        assert!(!tenure.goes_on() && !tenure.is_over() && !tenure.can_end(LONG));
        tenure.is_read_no_more();
        assert!(!tenure.can_end(LONG) && tenure.can_end(Duration::ZERO));
        tenure.release(&"1-0".into());
        assert!(tenure.can_end(LONG));
    }

    #[test]
    fn one_that_has_run_out_or_was_ended_is_not_renewed() {
        let run_out = Tenure::begin(Instant::now(), Arc::default());
        assert!(run_out.is_over() && !run_out.renew(Instant::now() + LONG) && run_out.is_over());
        let ended = Tenure::begin(Instant::now() + LONG, Arc::default());
        assert!(ended.renew(Instant::now() + LONG) && !ended.is_over());
        ended.end();
        assert!(!ended.renew(Instant::now() + LONG) && ended.is_over());
    }
}
