//! What the queue does on this machine, beside Redis itself: `cargo bench --bench queue`.

#[expect(dead_code, reason = "shared with the worker's tests, which need more of it")]
#[path = "../tests/worker/stage.rs"]
mod stage;

use async_trait::async_trait;
use futures::future::join_all;
use parking_lot::Mutex;
use sentinel_model::{Fix, UnitId};
use sentinel_server::{
    clock::Clock,
    ports::{ArchiveWriter, Intake as _, StoreError},
    worker::Worker,
};
use stage::{Stage, fix, unit};
use std::{
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

const SUBMITTERS: usize = 256;

async fn accepted_per_second(stage: &Stage, fixes: i64, submissions: usize) -> f64 {
    let intake = stage.intake(10_000_000).await;
    let begun = Instant::now();
    let submitting = (0..SUBMITTERS).map(|n| {
        let intake = intake.clone();
        tokio::spawn(async move {
            let of = unit(&format!("u{n}"));
            for m in 0..(submissions / SUBMITTERS) as i64 {
                intake.accept(&of, (m * fixes..(m + 1) * fixes).map(fix).collect()).await.expect("accepted");
            }
        })
    });
    join_all(submitting).await.into_iter().for_each(|ended| ended.expect("it ends"));
    (submissions / SUBMITTERS * SUBMITTERS) as f64 / begun.elapsed().as_secs_f64()
}

async fn figures() {
    let Some(stage) = Stage::new().await else { return };
    let port = stage.redis.port().to_string();
    for (fixes, submissions, bytes) in [(1, 100_000, "40"), (100, 20_000, "1500")] {
        let rate = accepted_per_second(&stage, fixes, submissions).await;
        stage.redis.cli(&["FLUSHALL"]);
        let value = "x".repeat(bytes.parse().expect("a number"));
        let benchmark = ["-p", &port, "-q", "-P", "100", "-n", "100000", "XADD", "in:{0}", "*", "b", &value];
        let said = Command::new("redis-benchmark").args(benchmark).output().expect("runs").stdout;
        let said = String::from_utf8_lossy(&said).replace('\r', "\n");
        let last = said.trim().lines().last().unwrap_or_default().to_owned();
        println!(
            "{fixes} fixes a submission: {rate:.0} submissions/s; redis-benchmark of {bytes} bytes: {last}"
        );
        stage.redis.cli(&["FLUSHALL"]);
    }
}

/// Milliseconds from received to stored, of each fix.
#[derive(Default)]
struct Lag(Mutex<Vec<i64>>);

#[async_trait]
impl ArchiveWriter for Lag {
    async fn store(&self, batch: Vec<(UnitId, Vec<Fix>)>) -> Result<(), StoreError> {
        // About what a database takes.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let now = Clock::system().now();
        let fixes = batch.iter().flat_map(|(_, fixes)| fixes);
        self.0.lock().extend(fixes.map(|fix| now.ms_since(fix.received_at)));
        Ok(())
    }
}

async fn lag_at_two_thousand_fixes_a_second() {
    const FIXES: i64 = 10_000;
    let Some(stage) = Stage::new().await else { return };
    let intake = stage.intake(10_000_000).await;
    let lag = Arc::new(Lag::default());
    let address = stage.redis.url().parse().expect("an address");
    let worker = Worker { address, writer: lag.clone(), looks: None, options: Stage::options("w") };
    let working = tokio::spawn(worker.run(Default::default()));
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    for n in 0..FIXES {
        if n % 10 == 0 {
            ticks.tick().await;
        }
        let intake = intake.clone();
        let received = Fix { received_at: Clock::system().now(), ..fix(n) };
        tokio::spawn(async move { intake.accept(&unit(&format!("u{}", n % 500)), vec![received]).await });
    }
    crate::stage::eventually("all", async || lag.0.lock().len() as i64 == FIXES).await;
    working.abort();
    let mut lag = lag.0.lock();
    lag.sort_unstable();
    let at = |percent: usize| lag[lag.len() * percent / 100 - 1];
    println!("received to stored: median {} ms, p99 {} ms, longest {} ms", at(50), at(99), at(100));
}

#[tokio::main]
async fn main() {
    figures().await;
    lag_at_two_thousand_fixes_a_second().await;
}
