//! A node that is cut off from Redis while the others are not.

use crate::{
    fleet::eventually,
    scene::Scene,
    town::{DISTRICT, ELSEWHERE, Town},
    viewer::Viewer,
};
use sentinel_services::RedisOptions;
use std::net::SocketAddr;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Passes bytes on between a node and Redis, for as long as it is let.
struct Cable {
    address: SocketAddr,
    whole: watch::Sender<bool>,
}

impl Cable {
    async fn lay(to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let (address, whole) = (listener.local_addr().expect("an address"), watch::Sender::new(true));
        let told = whole.subscribe();
        tokio::spawn(async move {
            while let Ok((mut node, _)) = listener.accept().await {
                let mut told = told.clone();
                tokio::spawn(async move {
                    let is_whole = *told.borrow();
                    if !is_whole {
                        return;
                    }
                    let Ok(mut redis) = TcpStream::connect(("127.0.0.1", to)).await else { return };
                    let copying = tokio::io::copy_bidirectional(&mut node, &mut redis);
                    let cut = async { told.wait_for(|whole| !*whole).await.map(drop) };
                    let is_cut = tokio::select! {
                        _ = copying => false,
                        _ = cut => true,
                    };
                    // Nothing comes through, and neither end is told of it.
                    if is_cut {
                        told.wait_for(|whole| *whole).await.map(drop).ok();
                    }
                });
            }
        });
        Self { address, whole }
    }
}

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
    cable.whole.send_replace(false);
    eventually("it says so", || async { ready().await.0 == 503 }).await;
    let said = ready().await.1;
    assert!(said.contains("Redis"), "{said}");
    eventually("watchers are sent away", || async { loyal.seen.lock().ended > 0 }).await;
    eventually("also who sees nobody", || async { stranger.seen.lock().ended > 0 }).await;
    scene.fleet.more(60).await;
    cable.whole.send_replace(true);
    eventually("it is back", || async { ready().await.0 == 200 }).await;
    scene.fleet.more(60).await;
    scene
        .end_with(async |devices| {
            loyal.sees(devices).await;
            stranger.has_heard_of_nobody();
        })
        .await;
}
