//! MongoDB away behind each balancer: no node is taken for gone, as positions are safe without it.

use crate::{
    Shared,
    balancer::{Balancer, Kind},
    household::PASSWORD,
    program::{Node, sentinel, told},
    site::Site,
};
use reqwest::StatusCode;
use std::time::{Duration, Instant};

/// Longer than any balancer takes to call a node gone.
const AWAY: Duration = Duration::from_secs(10);
const BETWEEN: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn nginx_passes_everything_on_while_the_database_is_away() {
    everything_goes_on_behind(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn haproxy_passes_everything_on_while_the_database_is_away() {
    everything_goes_on_behind(Kind::HaProxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_passes_everything_on_while_the_database_is_away() {
    everything_goes_on_behind(Kind::Caddy).await;
}

async fn everything_goes_on_behind(kind: Kind) {
    let _alone = crate::alone().await;
    let Some(mongo) = sentinel_services::own_mongo(sentinel_services::Kind::FerretDb) else { return };
    let Some(shared) = Shared::on(&mongo) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    told(sentinel("user").args(["add", "boss"]).args(shared.flags()), PASSWORD);
    let nodes: Vec<Node> = (0..3).map(|_| Node::start(&shared.flags(), &log)).collect();
    let _worker = crate::program::worker(&shared.flags(), &log);
    let addresses = [nodes[0].address(), nodes[1].address(), nodes[2].address()];
    let Some(balancer) = Balancer::start(kind, addresses, folder.path()) else { return };
    let site = Site::prepare(&balancer).await;
    let mut posted = 1;
    assert_eq!(site.try_post(posted).await.ok(), Some(StatusCode::OK));
    for node in &nodes {
        site.until_on_patrol_at(node).await;
    }

    // It hangs, which is answered latest.
    mongo.stop();
    let (began, mut degraded) = (Instant::now(), false);
    while began.elapsed() < AWAY {
        posted += 1;
        assert_eq!(site.try_post(posted).await.ok(), Some(StatusCode::OK), "after {:?}", began.elapsed());
        let (status, said) = site.get("/readyz").await;
        assert_eq!(status, StatusCode::OK, "after {:?}: {said}", began.elapsed());
        degraded |= said.contains("MongoDB cannot be reached");
        let (status, said) = site.get("/api/v1/stats").await;
        assert_eq!(status, StatusCode::OK, "after {:?}: {said}", began.elapsed());
        tokio::time::sleep(BETWEEN).await;
    }
    assert!(degraded, "it was said");
    mongo.resume();
    site.until_archived(posted).await;
}
