//! What an answer is worth at the moment it is given, by each policy of Redis's append-only
//! file: Redis is stopped in its tracks, and a copy of the file is all that counts.
//!
//! A copy shows what is written. That it has also reached the disk is Redis's own word, which
//! `/readyz` passes on; only a machine that loses its power could tell.

use crate::scene::Scene;
use sentinel_services::{Appendfsync, RedisOptions};
use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

const ROUNDS: usize = 5;
/// With a sync a second, plus what a busy machine may take.
const A_SECOND: Duration = Duration::from_millis(1500);

async fn scene(appendfsync: Appendfsync, word: &str) -> Option<Scene> {
    let options = RedisOptions { appendfsync, ..RedisOptions::default() };
    let scene = Scene::set(2, 1, options).await?;
    for node in &scene.town.nodes {
        let ready = reqwest::get(format!("http://{}/readyz", node.address)).await.expect("answers");
        assert_eq!(ready.status(), 200);
        let said = ready.text().await.expect("whole");
        assert!(said.contains(&format!("appendonly yes, appendfsync {word}")), "{said}");
    }
    Some(scene)
}

/// Where Redis keeps its append-only file.
fn folder(scene: &Scene) -> PathBuf {
    let setting = |name: &str| {
        let said = scene.town.redis.cli(&["config", "get", name]);
        said.lines().nth(1).unwrap_or_else(|| panic!("no {name}: {said}")).to_owned()
    };
    Path::new(&setting("dir")).join(setting("appenddirname"))
}

/// Posts that were added to the queue, as the file has it.
fn posts_in(folder: &Path) -> u64 {
    let mut posts = 0;
    for file in std::fs::read_dir(folder).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("reads");
        let text = String::from_utf8_lossy(&bytes);
        // The command, the length of its key, its key.
        let added = text.split("XADD\r\n$").skip(1);
        let keys = added.filter_map(|rest| rest.split_once("\r\n").map(|(_, key)| key));
        posts += keys.filter(|key| key.starts_with("in:{")).count() as u64;
    }
    posts
}

/// How many posts have been answered once those answers are in that were under way.
async fn answered(scene: &Scene) -> u64 {
    let mut before = None;
    loop {
        let now = scene.fleet.posts.load(Relaxed);
        if before.replace(now) == Some(now) {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_every_write_synced_what_is_answered_is_in_redis_s_file_at_that_moment() {
    let Some(scene) = scene(Appendfsync::Always, "always").await else { return };
    let folder = folder(&scene);
    for _ in 0..ROUNDS {
        scene.fleet.more(20).await;
        scene.town.redis.stop();
        let (answered, kept) = (answered(&scene).await, posts_in(&folder));
        scene.town.redis.resume();
        assert_eq!(scene.fleet.refused.load(Relaxed), 0, "so each was added once");
        assert!(answered <= kept, "{answered} were answered, {kept} are in the file");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_sync_a_second_what_is_answered_is_in_redis_s_file_about_a_second_later() {
    let Some(scene) = scene(Appendfsync::Everysec, "everysec").await else { return };
    let folder = folder(&scene);
    for _ in 0..ROUNDS {
        let (answered, then) = (scene.fleet.posts.load(Relaxed), Instant::now());
        while then.elapsed() < A_SECOND {
            scene.fleet.more(5).await;
        }
        scene.town.redis.stop();
        let kept = posts_in(&folder);
        scene.town.redis.resume();
        assert_eq!(scene.fleet.refused.load(Relaxed), 0, "so each was added once");
        assert!(answered <= kept, "{answered} were answered, {kept} are in the file");
    }
    scene.end().await;
}
