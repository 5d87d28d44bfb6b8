//! Whether the server can be reached, and what to do while it cannot.
//!
//! One failure makes everyone hold back; then a single post probes, with growing waits,
//! until one is answered. A lone failure is not announced: connections break.

use crate::client::{Backoff, CallError};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug, Default)]
pub struct Reach {
    outage: Option<Outage>,
    backoff: Backoff,
}

#[derive(Debug)]
struct Outage {
    since: Instant,
    retry_at: Instant,
    announced: bool,
}

impl Reach {
    /// How many posts may be under way, of `usually`.
    pub fn allows(&self, usually: usize, now: Instant) -> usize {
        match &self.outage {
            None => usually,
            Some(outage) if outage.retry_at <= now => 1,
            Some(_) => 0,
        }
    }

    /// When to probe, while there is an outage.
    pub fn retry_at(&self) -> Option<Instant> {
        self.outage.as_ref().map(|o| o.retry_at)
    }

    /// A post failed for now. True where this is the moment to say that the server is away.
    pub fn failed(&mut self, error: &CallError, now: Instant) -> bool {
        let probe = self.outage.as_ref().is_some_and(|o| o.retry_at <= now);
        if self.outage.is_some() && !probe {
            return false; // one of those that were under way when it began
        }
        let retry_at = now + self.backoff.after(error);
        let outage = self.outage.get_or_insert(Outage { since: now, retry_at, announced: false });
        outage.retry_at = retry_at;
        probe && !std::mem::replace(&mut outage.announced, true)
    }

    /// A post was answered. How long the server was away, where that had been announced.
    pub fn answered(&mut self, now: Instant) -> Option<Duration> {
        self.backoff.reset();
        self.outage.take().filter(|o| o.announced).map(|o| now.duration_since(o.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::StatusCode;

    fn away() -> CallError {
        CallError::Refused {
            what: "POST /".into(),
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: String::new(),
            message: String::new(),
            retry_after: Some(Duration::from_secs(2)),
        }
    }

    #[test]
    fn an_outage_holds_everyone_back_but_one_probe_and_is_announced_once() {
        let mut reach = Reach::default();
        let start = Instant::now();
        assert_eq!(reach.allows(32, start), 32);
        assert!(!reach.failed(&away(), start), "a lone failure is not announced");
        assert!(!reach.failed(&away(), start), "nor are those under way beside it");
        assert_eq!(reach.allows(32, start), 0);
        assert_eq!(reach.retry_at(), Some(start + Duration::from_secs(2)), "what the server asked for");
        let later = start + Duration::from_secs(2);
        assert_eq!(reach.allows(32, later), 1);
        assert!(reach.failed(&away(), later));
        let still_later = later + Duration::from_secs(2);
        assert!(!reach.failed(&away(), still_later));
        let back = still_later + Duration::from_secs(2);
        assert_eq!(reach.answered(back), Some(Duration::from_secs(6)));
        assert_eq!((reach.allows(32, back), reach.answered(back)), (32, None));
    }
}
