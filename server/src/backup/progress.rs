//! How far long work is, on standard error.

use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(5);

pub struct Progress {
    what: &'static str,
    begun: Instant,
    said: Instant,
}

impl Progress {
    pub fn of(what: &'static str) -> Self {
        let now = Instant::now();
        Self { what, begun: now, said: now }
    }

    /// Says so from time to time.
    pub fn fixes(&mut self, done: u64, of: Option<u64>) {
        if self.said.elapsed() < EVERY {
            return;
        }
        self.said = Instant::now();
        let rate = u128::from(done) * 1000 / self.begun.elapsed().as_millis().max(1);
        let of = of.map(|all| format!(" of {all}")).unwrap_or_default();
        eprintln!("{}: {done}{of} fixes, {rate}/s", self.what);
    }
}
