//! How revoking a credential ends the streams that were opened with it.
//!
//! Every grant holds a lease of its credential; ending the credential cancels the
//! lease, and a stream watches its grant's token. Only leases that some grant still
//! holds are remembered, so memory is bounded by open streams. Dropping the last
//! grant cancels the lease too: a stream that outlives its grant stops.

use crate::clock::Clock;
use parking_lot::Mutex;
use sentinel_model::{TaskId, Time, UserName};
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};
use tokio_util::sync::CancellationToken;

/// What a caller came with, by what can be revoked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Credential {
    Session { hash: Arc<str>, user: UserName },
    Jwt { user: UserName },
    Key { id: Arc<str> },
    Link { task: TaskId, id: Arc<str> },
}

#[derive(Debug)]
pub(super) struct Lease(CancellationToken);

impl Lease {
    /// Cancelled when the credential ends; cancelling it ends nothing but itself.
    pub(super) fn ended(&self) -> CancellationToken {
        self.0.child_token()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

pub(super) struct Ends {
    clock: Clock,
    leases: Mutex<Leases>,
}

#[derive(Debug, Default)]
struct Leases {
    held: HashMap<Credential, Weak<Lease>>,
    /// How many entries there may be before those that nobody holds are dropped.
    sweep_at: usize,
}

/// Below this many entries a sweep is not worth its time.
const SWEEP_AT_LEAST: usize = 64;

impl Ends {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, leases: Mutex::default() }
    }

    /// Whether what ends by itself at that time has ended.
    pub(super) fn is_past(&self, expires_at: Option<Time>) -> bool {
        expires_at.is_some_and(|at| at <= self.clock.now())
    }

    /// A lease that lasts until the credential is ended. Who calls this must check
    /// afterwards that the credential still holds: it may have ended just before.
    pub(super) fn lease(&self, credential: &Credential) -> Arc<Lease> {
        let mut leases = self.leases.lock();
        if let Some(lease) = leases.held.get(credential).and_then(Weak::upgrade) {
            return lease;
        }
        if leases.held.len() >= leases.sweep_at {
            leases.held.retain(|_, lease| lease.strong_count() > 0);
            leases.sweep_at = SWEEP_AT_LEAST.max(2 * leases.held.len());
        }
        let lease = Arc::new(Lease(CancellationToken::new()));
        leases.held.insert(credential.clone(), Arc::downgrade(&lease));
        lease
    }

    /// Ends every credential that `over` picks.
    pub(super) fn end(&self, over: impl Fn(&Credential) -> bool) {
        let mut ended = Vec::new();
        self.leases.lock().held.retain(|credential, lease| {
            let end = over(credential);
            if end {
                ended.extend(lease.upgrade());
            }
            !end
        });
        for lease in ended {
            lease.0.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> Credential {
        Credential::Key { id: id.into() }
    }

    #[test]
    fn ending_a_credential_cancels_its_leases_and_no_others() {
        let ends = Ends::new(Clock::system());
        let (a, again, b) = (ends.lease(&key("a")), ends.lease(&key("a")), ends.lease(&key("b")));
        ends.end(|c| *c == key("a"));
        assert!(a.ended().is_cancelled() && again.ended().is_cancelled());
        assert!(!b.ended().is_cancelled());
        assert!(!ends.lease(&key("a")).ended().is_cancelled(), "a later lease is judged anew");
    }

    #[test]
    fn a_stream_that_outlives_its_grant_stops() {
        let ends = Ends::new(Clock::system());
        let lease = ends.lease(&key("a"));
        let token = lease.ended();
        drop(lease);
        assert!(token.is_cancelled());
    }

    #[test]
    fn leases_that_nobody_holds_are_forgotten() {
        let ends = Ends::new(Clock::system());
        for n in 0..10_000 {
            ends.lease(&key(&n.to_string()));
        }
        assert!(ends.leases.lock().held.len() <= SWEEP_AT_LEAST);
    }
}
