//! A node that cannot read what the others change answers nobody by rights that are gone.

use crate::{
    cable::Cable,
    server::{Answer, DISTRICT, PASSWORD, Server, at, eventually, fix, id, send, zone},
    socket::{Form, Socket},
    town::{Ground, Town},
};
use reqwest::{Method, StatusCode};
use sentinel_model::{Permission, Scope, live::close};
use sentinel_services::Kind;
use serde_json::json;
use std::time::{Duration, Instant};

async fn units(node: &Server, credential: &str) -> Answer {
    node.get(credential, "/api/v1/units").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_cut_off_from_the_database_alone_soon_serves_nobody_until_it_has_caught_up() {
    let Some(mongo) = sentinel_services::own_mongo(Kind::FerretDb) else { return };
    let Some(ground) = Ground::over(mongo.database()) else { return };
    let town = Town::on(ground, 2, 0).await;
    let a = &town.nodes[0];
    let device = a.unit("PC-1", 5).await;
    let admin = a.sign_in("admin").await;
    let revoked = a.key_named("the-key", zone(3), &[Permission::Read]).await;
    let kept = a.key(DISTRICT, &[Permission::Read]).await;
    let cable = Cable::lay(mongo.port()).await;
    let far = town.ground.node_by(&cable, mongo.port()).await;
    far.fixes(&device, &[fix(at(0), 9.9, 76.2)]).await;
    for key in [&revoked, &kept] {
        assert_eq!(units(&far, key).await.status, StatusCode::OK);
    }
    let (by_revoked, _) = Socket::subscribed(&far, &revoked, zone(3)).await;
    let (by_kept, _) = Socket::subscribed(&far, &kept, zone(3)).await;

    cable.cut();
    let answer = send(a.request(Method::DELETE, &admin, "/api/v1/api-keys/the-key")).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let moving =
        a.request(Method::PATCH, &admin, "/api/v1/units/PC-1").json(&json!({"station": "station:6"}));
    let answer = send(moving).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let answer = a.post(&admin, "/api/v1/units/PC-1/token", json!({})).await;
    assert!(answer.status.is_success(), "{}", answer.text);

    let ready = async || far.get("", "/readyz").await;
    eventually("it says that it is behind", || async {
        ready().await.status == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    let said = ready().await;
    assert!(said.text.contains("cannot be read from MongoDB"), "{}", said.text);
    for socket in [by_revoked, by_kept] {
        assert_eq!(socket.closed().await.0, close::RESTART);
    }
    let fixes = json!({"location": [fix(at(1), 9.9, 76.2)]});
    let sign_in = json!({"username": "chief5", "password": PASSWORD});
    let refusals = [
        units(&far, &revoked).await,
        units(&far, &kept).await,
        far.post(&device, "/api/v1/locations", fixes.clone()).await,
        far.post("", "/api/v1/auth/login", sign_in).await,
    ];
    for refused in refusals {
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.text);
        assert!(!refused.header("retry-after").is_empty(), "{:?}", refused.headers);
        assert!(refused.message().contains("cannot read what others have changed"), "{}", refused.text);
    }
    for key in [&revoked, &kept] {
        assert_eq!(Socket::open_with(&far, key, Form::Json, &[]).await.err(), Some(503));
    }
    assert_eq!(far.get("", "/healthz").await.status, StatusCode::OK);
    assert_eq!(units(a, &kept).await.status, StatusCode::OK, "the others go on");

    cable.mend();
    eventually("it is back", || async { ready().await.status == StatusCode::OK }).await;
    assert_eq!(units(&far, &revoked).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(units(&far, &kept).await.status, StatusCode::OK);
    let old = far.post(&device, "/api/v1/locations", fixes).await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED, "{}", old.text);
    let unit = far.sentinel.directory.unit(&id("PC-1")).expect("it is there");
    assert_eq!(unit.home().station(), Scope::station(6));
    far.end().await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_from_all_nobody_is_behind_and_what_needs_it_is_refused_for_now() {
    /// Longer than it takes to know that one is behind.
    const AWAY: Duration = Duration::from_secs(8);
    let Some(mongo) = sentinel_services::own_mongo(Kind::FerretDb) else { return };
    let Some(ground) = Ground::over(mongo.database()) else { return };
    let town = Town::on(ground, 2, 0).await;
    let [a, b] = &town.nodes[..] else { panic!("two nodes") };
    let device = a.unit("PC-1", 5).await;
    let admin = a.sign_in("admin").await;
    a.fixes(&device, &[fix(at(0), 9.9, 76.2)]).await;
    town.settled().await;

    mongo.kill();
    let route = format!("/api/v1/units/PC-1/route?start_time={}&end_time={}", at(-60), at(60));
    let refused = a.get(&admin, &route).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.text);
    assert!(!refused.header("retry-after").is_empty(), "{:?}", refused.headers);
    assert!(refused.message().contains("cannot be reached right now"), "{}", refused.text);
    let began = Instant::now();
    while began.elapsed() < AWAY {
        for node in [a, b] {
            assert_eq!(units(node, &admin).await.status, StatusCode::OK, "after {:?}", began.elapsed());
            let ready = node.get("", "/readyz").await;
            assert_eq!(ready.status, StatusCode::OK, "{}", ready.text);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let ready = b.get("", "/readyz").await;
    assert!(ready.text.contains("MongoDB cannot be reached"), "{}", ready.text);
    mongo.restart().expect("it starts again");
    eventually("history is read again", || async { a.get(&admin, &route).await.status == StatusCode::OK })
        .await;
    town.end().await;
}
