//! What becomes of positions in Redis of units that are no longer heard of.

use crate::{
    NOW, contract_of_service, eventually,
    positions::{location, near, put},
    redis::Base,
    unit,
};
use sentinel_model::Location;
use sentinel_server::{
    ports::{Positions as _, Put},
    redis::{CURRENT_FOR, RedisPositions},
};
use std::time::Duration;

/// Positions that are current for a moment, and for long, over the same Redis.
struct Held {
    brief: RedisPositions,
    long: RedisPositions,
    base: Base,
}

impl Held {
    async fn over(base: impl Future<Output = Option<Base>>) -> Option<Self> {
        let base = base.await?;
        let brief = base.positions(Duration::from_millis(200));
        Some(Self { brief, long: base.positions(CURRENT_FOR), base })
    }

    async fn near(&self) -> Vec<String> {
        near(&self.long, (9.9, 76.2), 1000.0, 100).await
    }

    async fn until_near(&self, expected: &[&str]) {
        let waiting = async {
            while self.near().await != expected {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("never so near");
    }

    /// Sweeps until the index has let go of as many.
    async fn until_swept(&self, expected: usize) {
        let mut swept = 0;
        let sweeping = async {
            while swept < expected {
                swept += self.long.sweep().await.expect("sweeps");
            }
        };
        tokio::time::timeout(Duration::from_secs(60), sweeping).await.expect("never swept");
        assert_eq!(swept, expected);
    }
}

macro_rules! every_engine {
    ($($story:ident)*) => {
        contract_of_service!(redis, Held::over(Base::redis()), $($story)*);
        contract_of_service!(redis_cluster, Held::over(Base::cluster()), $($story)*);
    };
}

every_engine!(
    who_is_silent_is_no_longer_near_and_its_last_place_stays
    an_expired_position_leaves_every_key_but_the_last_known_place
    a_marker_does_not_go_back_after_it_expired
    a_sign_of_life_after_expiry_brings_the_last_place_back
    who_is_heard_of_again_in_time_stays
    many_that_expire_at_once_are_swept_and_nobody_else
    what_is_removed_leaves_no_key
    every_server_holds_positions
);

async fn who_is_silent_is_no_longer_near_and_its_last_place_stays(held: &Held) {
    put(&held.brief, location("silent", 0, 9.9, 76.2)).await;
    put(&held.long, location("heard", 0, 9.9, 76.2)).await;
    held.until_near(&["heard"]).await;
    let last = Some(location("silent", 0, 9.9, 76.2));
    assert_eq!(held.long.get(&unit("silent")).await.expect("reads"), last);
    let many = held.long.get_many(&[unit("silent"), unit("nobody")]).await.expect("reads");
    assert_eq!(many, [last, None]);
}

async fn an_expired_position_leaves_every_key_but_the_last_known_place(held: &Held) {
    put(&held.brief, location("silent", 0, 9.9, 76.2)).await;
    held.until_swept(1).await;
    assert_eq!(held.near().await, [""; 0]);
    // What remains is the hash of last places; Redis takes a moment to remove an expired key.
    eventually("only one key", || held.base.keys_held().iter().sum::<u64>() == 1).await;
    assert_eq!(held.long.sweep().await.expect("sweeps"), 0);
}

async fn a_marker_does_not_go_back_after_it_expired(held: &Held) {
    put(&held.brief, location("a", 100, 9.9, 76.2)).await;
    held.until_swept(1).await;
    assert_eq!(put(&held.brief, location("a", 99, 1.0, 1.0)).await, Put::Kept);
    assert_eq!(put(&held.brief, location("a", 100, 1.0, 1.0)).await, Put::Kept);
    let last = held.brief.get(&unit("a")).await.expect("reads");
    assert_eq!(last, Some(location("a", 100, 9.9, 76.2)));
    assert_eq!(put(&held.brief, location("a", 101, 9.91, 76.2)).await, Put::Advanced);
}

async fn a_sign_of_life_after_expiry_brings_the_last_place_back(held: &Held) {
    put(&held.brief, location("a", 100, 9.9, 76.2)).await;
    held.until_swept(1).await;
    let heard_before = Location { received_at: NOW, ..location("a", 50, 1.0, 1.0) };
    assert_eq!(put(&held.long, heard_before).await, Put::Kept);
    assert_eq!(held.near().await, [""; 0], "what was heard before its last sign of life is none");
    let heard_now = Location { received_at: NOW.plus_ms(900_000), ..location("a", 50, 1.0, 1.0) };
    assert_eq!(put(&held.long, heard_now).await, Put::Kept);
    assert_eq!(held.near().await, ["a"]);
    let expected = Location { received_at: NOW.plus_ms(900_000), ..location("a", 100, 9.9, 76.2) };
    assert_eq!(held.long.get(&unit("a")).await.expect("reads"), Some(expected));
}

async fn who_is_heard_of_again_in_time_stays(held: &Held) {
    put(&held.brief, location("moves", 0, 9.9, 76.2)).await;
    put(&held.brief, location("stands", 0, 9.9, 76.2)).await;
    put(&held.brief, location("silent", 0, 9.9, 76.2)).await;
    put(&held.long, location("moves", 1, 9.901, 76.2)).await;
    put(&held.long, Location { time: NOW, ..location("stands", 1, 9.9, 76.2) }).await;
    held.until_swept(1).await;
    assert_eq!(held.near().await, ["stands", "moves"]);
}

async fn many_that_expire_at_once_are_swept_and_nobody_else(held: &Held) {
    const UNITS: usize = 2500;
    let puts = (0..UNITS).map(|n| put(&held.brief, location(&format!("u{n}"), 0, 9.9, 76.2)));
    futures::future::join_all(puts).await;
    put(&held.long, location("heard", 0, 9.9, 76.2)).await;
    held.until_swept(UNITS).await;
    assert_eq!(held.near().await, ["heard"]);
    assert_eq!(held.long.sweep().await.expect("sweeps"), 0);
}

async fn what_is_removed_leaves_no_key(held: &Held) {
    put(&held.long, location("a", 0, 9.9, 76.2)).await;
    put(&held.long, location("pole", 0, 90.0, 0.0)).await;
    assert!(held.base.keys_held().iter().sum::<u64>() > 0);
    for name in ["a", "pole", "nobody"] {
        held.long.remove(&unit(name)).await.expect("removes");
    }
    assert_eq!(held.base.keys_held().iter().sum::<u64>(), 0);
}

async fn every_server_holds_positions(held: &Held) {
    for n in 0..300 {
        put(&held.long, location(&format!("u{n}"), 0, 9.9, 76.2)).await;
    }
    let keys = held.base.keys_held();
    assert!(keys.iter().all(|keys| *keys > 30), "{keys:?}");
    // Each unit's own, and the three of each shard; one Redis alone has no shards.
    let shards = if keys.len() > 1 { 16 } else { 1 };
    assert_eq!(keys.iter().sum::<u64>(), 300 + 3 * shards);
}
