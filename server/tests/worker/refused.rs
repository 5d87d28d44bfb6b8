//! A Redis that would lose what it answers.

use crate::stage::Stage;
use sentinel_server::redis::{QueueLimits, RedisIntake};
use sentinel_services::RedisOptions;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

async fn start(stage: &Stage, allow_volatile: bool) -> Result<RedisIntake, String> {
    let limits = QueueLimits { allow_volatile, ..QueueLimits::default() };
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let _ends = stop.clone().drop_guard();
    let started = RedisIntake::start(stage.link.clone(), limits, &tasks, stop).await;
    started.map_err(|error| std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_answer_is_worth_is_said() {
    let Some(stage) = Stage::new().await else { return };
    let intake = stage.intake(100).await;
    let said = intake.describe();
    assert!(said.starts_with("redis ") && said.contains("appendonly yes, appendfsync everysec"), "{said}");
    assert_eq!(intake.trouble(), None);
    // An operator changes it while both run.
    stage.redis.cli(&["CONFIG", "SET", "appendonly", "no"]);
    crate::stage::eventually("it is noticed", async || intake.trouble().is_some()).await;
    stage.redis.cli(&["CONFIG", "SET", "appendonly", "yes"]);
    crate::stage::eventually("and that it is mended", async || intake.trouble().is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_would_lose_what_it_answers_is_refused_unless_that_is_allowed() {
    for (directive, value, remedy) in [
        ("appendonly", "no", "set appendonly yes"),
        ("maxmemory-policy", "allkeys-lru", "set maxmemory-policy noeviction"),
    ] {
        let options = RedisOptions { maxmemory: Some(50_000_000), ..RedisOptions::default() };
        let Some(stage) = Stage::with(options.with(directive, value)).await else { return };
        let refused = start(&stage, false).await.err().expect("refused");
        assert!(refused.contains(remedy) && refused.contains("--allow-volatile-redis"), "{refused}");
        let allowed = start(&stage, true).await.expect("starts");
        assert_eq!(allowed.trouble(), None);
    }
}
