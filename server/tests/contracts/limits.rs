//! What waits for the archive is bounded by its bytes as well, in this process and in Redis.

use crate::{eventually, fix, unit};
use futures::future::join_all;
use sentinel_model::Fix;
use sentinel_server::{
    ports::{Intake as _, IntakeError},
    redis::{Link, QueueLimits, RedisIntake},
};
use sentinel_services::{Redis, RedisOptions};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

const KIB: usize = 1024;

struct Stage {
    redis: Redis,
    intake: RedisIntake,
    _ends: DropGuard,
}

impl Stage {
    async fn set(options: RedisOptions, limits: QueueLimits) -> Option<Self> {
        let redis = sentinel_services::redis_with(options)?;
        let address = redis.url().parse().expect("an address");
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let link = Link::open(&address, &tasks, stop.clone()).await.expect("connects");
        let intake = RedisIntake::start(link, limits, &tasks, stop.clone()).await.expect("starts");
        Some(Self { redis, intake, _ends: stop.drop_guard() })
    }
}

/// A fix that takes about so much, and does not compress.
fn large(seconds: i64, kib: usize) -> Fix {
    let text: String = (0..kib * KIB / 16).map(|_| format!("{:016x}", rand::random::<u64>())).collect();
    Fix { extras: Some(text.into()), ..fix(seconds) }
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_that_wait_in_this_process_are_bounded_by_their_bytes() {
    let limits = QueueLimits { queue_kib: 2048, ..QueueLimits::default() };
    let Some(stage) = Stage::set(RedisOptions::default(), limits).await else { return };
    // Nobody answers, so all of them wait.
    stage.redis.stop();
    let of = unit("a");
    let asked = (0..100).map(|n| stage.intake.accept(&of, vec![large(n, 100)]));
    let (answers, ()) = tokio::join!(join_all(asked), async {
        assert!(stage.intake.queued() <= 40, "{} of about 50 KiB or more each", stage.intake.queued());
        stage.redis.resume();
    });
    let refused = answers.iter().filter(|answer| matches!(answer, Err(IntakeError::Full))).count();
    assert!((60..100).contains(&refused), "{refused} refused");
    assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(IntakeError::Full))), "{answers:?}");
    let alone = stage.intake.accept(&of, vec![large(1000, 6 * KIB)]).await;
    assert_eq!(alone.expect("one that is larger than all of it is taken by itself").accepted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_are_refused_before_redis_itself_refuses_everything() {
    let options = RedisOptions { maxmemory: Some(24 * 1024 * 1024), ..RedisOptions::default() };
    let Some(stage) = Stage::set(options, QueueLimits::default()).await else { return };
    assert_eq!(stage.intake.degraded(), Vec::<String>::new());
    let of = unit("a");
    let filling = async {
        for n in 0.. {
            match stage.intake.accept(&of, vec![large(n, 64)]).await {
                Ok(_) => {}
                Err(IntakeError::Full) => return n,
                Err(error) => panic!("{error:?}"),
            }
            // Not so fast that the last tenth is used up between two looks.
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        unreachable!("the memory ends")
    };
    let taken = tokio::time::timeout(std::time::Duration::from_secs(60), filling).await.expect("it fills");
    assert!(taken > 50, "{taken}");
    let errors = stage.redis.cli(&["INFO", "errorstats"]);
    assert!(!errors.contains("errorstat_OOM"), "{errors}");
    assert_eq!(stage.redis.cli(&["SET", "for the rest", "there is room"]), "OK");
    assert!(stage.intake.degraded().iter().any(|words| words.contains("maxmemory")));
    for shard in 0..16 {
        stage.redis.cli(&["DEL", &format!("in:{{{shard}}}")]);
    }
    eventually("there is room again", || stage.intake.degraded().is_empty()).await;
    stage.intake.accept(&of, vec![fix(0)]).await.expect("taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_without_a_limit_of_memory_is_named() {
    let Some(stage) = Stage::set(RedisOptions::default(), QueueLimits::default()).await else { return };
    let degraded = stage.intake.degraded();
    assert!(degraded.len() == 1 && degraded[0].contains("set maxmemory"), "{degraded:?}");
    assert_eq!(stage.intake.trouble(), None);
}
