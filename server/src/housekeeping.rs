//! What has to be done now and then where many nodes share their engines, by one process at
//! a time: the one that holds the lease.
//!
//! Every chore bears being done twice and being left half done. One that fails is logged
//! and tried again when it is due.

use crate::ports::EngineError;
use futures::future::BoxFuture;
use std::time::Duration;
use tokio::{sync::watch, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub struct Chore {
    /// What it does, for the log: "mending the rooms".
    pub name: &'static str,
    pub every: Duration,
    /// How often, and for how long, at the beginning of each time on duty.
    pub at_first: Option<(Duration, Duration)>,
    pub run: Box<dyn Fn() -> BoxFuture<'static, Result<(), EngineError>> + Send + Sync>,
}

impl Chore {
    pub fn new<F>(name: &'static str, every: Duration, run: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), EngineError>> + Send + 'static,
    {
        Self { name, every, at_first: None, run: Box::new(move || Box::pin(run())) }
    }

    /// What was left undone by whoever was on duty before is found soon.
    pub fn at_first(mut self, every: Duration, lasting: Duration) -> Self {
        self.at_first = Some((every, lasting));
        self
    }

    fn pause(&self, on_duty_for: Duration) -> Duration {
        match self.at_first {
            Some((every, lasting)) if on_duty_for < lasting => every,
            _ => self.every,
        }
    }

    /// Does it at once when `on_duty` says so, and then whenever it is due, until `stop`. What
    /// is under way then is finished first.
    async fn keep(self, mut on_duty: watch::Receiver<bool>, stop: CancellationToken) {
        while until(&mut on_duty, true, &stop).await {
            let since = Instant::now();
            let mut fails = false;
            loop {
                let next = Instant::now() + self.pause(since.elapsed());
                match (self.run)().await {
                    Ok(()) => fails = false,
                    // The first says it; while it lasts more would fill the log.
                    Err(_) if fails => {}
                    Err(error) => {
                        fails = true;
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(error, chore = self.name, "a chore failed; it is tried again");
                    }
                }
                tokio::select! {
                    biased;
                    _ = until(&mut on_duty, false, &stop) => break,
                    () = tokio::time::sleep_until(next) => {}
                }
            }
        }
    }
}

/// Waits until one is on duty, or is not; answers false where `stop` came first. Where nobody
/// tells any more, it stays as it is.
async fn until(on_duty: &mut watch::Receiver<bool>, wanted: bool, stop: &CancellationToken) -> bool {
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        Ok(_) = on_duty.wait_for(|on_duty| *on_duty == wanted) => true,
    }
}

/// Begins to do the chores.
pub fn keep(
    chores: Vec<Chore>,
    on_duty: &watch::Receiver<bool>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    for chore in chores {
        tasks.spawn(chore.keep(on_duty.clone(), stop.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    async fn eventually(what: &str, holds: impl Fn() -> bool) {
        let waiting = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect(what);
    }

    #[tokio::test]
    async fn a_chore_is_done_more_often_at_first_each_time_on_duty() {
        let done = Arc::new(AtomicUsize::new(0));
        let counted = done.clone();
        let chore = Chore::new("counting", Duration::from_secs(600), move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async { Ok(()) }
        });
        let chore = chore.at_first(Duration::from_millis(1), Duration::from_millis(200));
        let count = || done.load(Ordering::Relaxed);
        let (duty, on_duty) = watch::channel(true);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        keep(vec![chore], &on_duty, &tasks, &stop);
        for _ in 0..2 {
            let before = count();
            eventually("it is done often", || count() > before + 3).await;
            let seldom = async {
                let mut before = usize::MAX;
                // For as long as it would be done a hundred times.
                while std::mem::replace(&mut before, count()) != count() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), seldom).await.expect("it is done seldom");
            duty.send_replace(false);
            tokio::time::sleep(Duration::from_millis(10)).await;
            duty.send_replace(true);
        }
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn a_chore_is_done_while_on_duty_and_goes_on_after_it_failed() {
        let done = Arc::new(AtomicUsize::new(0));
        let counted = done.clone();
        let chore = Chore::new("counting", Duration::from_millis(1), move || {
            let n = counted.fetch_add(1, Ordering::Relaxed);
            async move { if n == 1 { Err(EngineError::new("counting", "two is too much")) } else { Ok(()) } }
        });
        let count = || done.load(Ordering::Relaxed);
        let (duty, on_duty) = watch::channel(false);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        keep(vec![chore], &on_duty, &tasks, &stop);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(count(), 0, "another has the lease");
        duty.send_replace(true);
        eventually("it goes on after the second failed", || count() > 5).await;
        duty.send_replace(false);
        tokio::time::sleep(Duration::from_millis(5)).await;
        let before = count();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(count(), before, "the lease went");
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    }
}
