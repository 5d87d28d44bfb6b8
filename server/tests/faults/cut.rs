//! A node that is cut off from Redis while the others are not.

use crate::{
    cable::Cable,
    fleet::eventually,
    scene::Scene,
    town::{DISTRICT, ELSEWHERE, Town},
    viewer::Viewer,
};
use sentinel_services::RedisOptions;
use tokio::sync::watch;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_cut_off_from_redis_refuses_sends_watchers_away_and_comes_back_by_itself() {
    let Some(mut town) = Town::start(6, 2, 1, RedisOptions::default()).await else { return };
    let cable = Cable::lay(town.redis.port()).await;
    let far = town.node(&format!("redis://{}", cable.address));
    town.nodes.push(far);
    let scene = Scene::of(town).await;
    let far = scene.town.nodes[2].address.clone();
    // Two that know no other node: one may see all, one nobody.
    let only = || watch::Sender::new(vec![far.clone()]).subscribe();
    let loyal = Viewer::open(only(), &scene.town.key, DISTRICT);
    let stranger = Viewer::open(only(), &scene.town.foreign_key, ELSEWHERE);
    eventually("everybody looks on", || async {
        loyal.seen.lock().units.len() == 6 && scene.viewer.seen.lock().units.len() == 6
    })
    .await;
    let ready = async || {
        let answer = reqwest::get(format!("http://{far}/readyz")).await.expect("answers");
        (answer.status().as_u16(), answer.text().await.expect("whole"))
    };
    assert_eq!(ready().await.0, 200);
    cable.cut();
    eventually("it says so", || async { ready().await.0 == 503 }).await;
    let said = ready().await.1;
    assert!(said.contains("Redis"), "{said}");
    eventually("watchers are sent away", || async { loyal.seen.lock().ended > 0 }).await;
    eventually("also who sees nobody", || async { stranger.seen.lock().ended > 0 }).await;
    scene.fleet.more(60).await;
    cable.mend();
    eventually("it is back", || async { ready().await.0 == 200 }).await;
    scene.fleet.more(60).await;
    scene
        .end_with(async |devices| {
            loyal.sees(devices).await;
            stranger.has_heard_of_nobody();
        })
        .await;
}
