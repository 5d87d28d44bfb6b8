//! Who somebody is holds on every node at once, and ends on every node.

use crate::{
    server::{Answer, DISTRICT, PASSWORD, Server, at, fix, id, send, within, zone},
    socket::{Form, Socket, subscribe_to},
    town::Town,
};
use reqwest::{Method, StatusCode};
use sentinel_model::{
    Permission, Scope,
    live::{ClientFrame, close},
};
use serde_json::json;
use std::time::Duration;

/// How soon every node knows that a right is gone.
const SOON: Duration = Duration::from_secs(10);

async fn units(node: &Server, credential: &str) -> Answer {
    node.get(credential, "/api/v1/units").await
}

/// Waits until no node takes the credential any more.
async fn refused_everywhere(town: &Town, credential: &str) {
    within(SOON, "it is refused everywhere", || async {
        let mut refused = 0;
        for node in &town.nodes {
            refused += usize::from(units(node, credential).await.status == StatusCode::UNAUTHORIZED);
        }
        refused == town.nodes.len()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_at_one_node_is_known_at_the_next_at_once() {
    let Some(town) = Town::start(3, 0).await else { return };
    for turn in 0..50 {
        let [here, next, last] = [0, 1, 2].map(|n| &town.nodes[(turn + n) % 3]);
        let (cookie, token) = (here.cookie("admin").await, here.sign_in("admin").await);
        for (node, credential) in [(next, &cookie), (last, &cookie), (next, &token), (here, &cookie)] {
            let answer = units(node, credential).await;
            assert_eq!(answer.status, StatusCode::OK, "turn {turn}: {}", answer.text);
        }
        // What one request has made, the next finds wherever it comes.
        let name = format!("made-{turn}");
        let body = json!({"id": name, "name": name, "kind": "car", "station": "station:5"});
        let made = here.post(&token, "/api/v1/units", body).await;
        assert_eq!(made.status, StatusCode::CREATED, "turn {turn}: {}", made.text);
        let device = made.json["ingest_token"].as_str().expect("a token");
        next.fixes(device, &[fix(at(turn as i64), 9.9, 76.2)]).await;
        let answer = last.get(&cookie, &format!("/api/v1/units/{name}")).await;
        assert_eq!(answer.status, StatusCode::OK, "turn {turn}: {}", answer.text);
        assert_eq!(answer.json["location"]["time"], json!(at(turn as i64)));
        let key = json!({"name": name, "scope": "zone:3", "permissions": ["read"]});
        let key = last.post(&token, "/api/v1/api-keys", key).await;
        let key = key.json["key"].as_str().expect("a key");
        assert_eq!(units(here, key).await.status, StatusCode::OK, "turn {turn}");
    }
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_at_one_node_can_be_changed_at_the_next_at_once() {
    let Some(town) = Town::start(3, 0).await else { return };
    let admin = town.nodes[0].sign_in("admin").await;
    for turn in 0..20 {
        let [here, next, last] = [0, 1, 2].map(|n| &town.nodes[(turn + n) % 3]);
        let name = format!("made-{turn}");
        let body = json!({"id": name, "name": name, "kind": "car", "station": "station:5"});
        let made = here.post(&admin, "/api/v1/units", body).await;
        assert_eq!(made.status, StatusCode::CREATED, "turn {turn}: {}", made.text);
        let started = next.post(&admin, "/api/v1/patrols", json!({"unit_id": name})).await;
        assert_eq!(started.status, StatusCode::CREATED, "turn {turn}: {}", started.text);
        let patrol = started.json["id"].as_str().expect("an id");
        let ended = last.post(&admin, &format!("/api/v1/patrols/{patrol}/end"), json!({})).await;
        assert!(ended.status.is_success(), "turn {turn}: {}", ended.text);
        let path = format!("/api/v1/units/{name}");
        let renamed = send(last.request(Method::PATCH, &admin, &path).json(&json!({"name": "n"}))).await;
        assert!(renamed.status.is_success(), "turn {turn}: {}", renamed.text);
        let again = here
            .post(
                &admin,
                "/api/v1/units",
                json!({"id": name, "name": name, "kind": "car", "station": "station:5"}),
            )
            .await;
        assert_eq!(again.status, StatusCode::CONFLICT, "turn {turn}: {}", again.text);
    }
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_is_made_at_one_node_can_be_watched_at_the_next_at_once() {
    let Some(town) = Town::start(3, 0).await else { return };
    let admin = town.nodes[0].sign_in("admin").await;
    for turn in 0..20 {
        let [here, next, last] = [0, 1, 2].map(|n| &town.nodes[(turn + n) % 3]);
        let made = Scope::station(500 + turn as u32);
        let body = json!({"scope": made, "name": "new", "parent": "division:2"});
        let answer = here.post(&admin, "/api/v1/scopes", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "turn {turn}: {}", answer.text);
        let (_socket, snapshot) = Socket::subscribed(next, &admin, made).await;
        assert!(snapshot.units.is_empty());
        // Another's stays another's, also where the node looks again.
        let chief = last.sign_in("chief5").await;
        let mut refused = Socket::open(last, &chief, Form::Postcard).await;
        refused.say(ClientFrame::Subscribe(subscribe_to(made))).await;
        assert_eq!(refused.closed().await.0, close::FORBIDDEN, "turn {turn}");
    }
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_at_one_node_ends_its_socket_on_another_and_is_refused_everywhere() {
    let Some(town) = Town::start(3, 0).await else { return };
    let [a, _, c] = &town.nodes[..] else { panic!("three nodes") };
    let admin = a.sign_in("admin").await;
    let key = a.key_named("the-key", zone(3), &[Permission::Read]).await;
    let kept = a.key(DISTRICT, &[Permission::Read]).await;
    let (socket, _) = Socket::subscribed(c, &key, zone(3)).await;
    let (mut other, _) = Socket::subscribed(c, &kept, zone(3)).await;
    a.unit("mark", 5).await;
    town.settled().await;
    let revoked = send(a.request(Method::DELETE, &admin, "/api/v1/api-keys/the-key")).await;
    assert!(revoked.status.is_success(), "{}", revoked.text);
    let (code, _) = tokio::time::timeout(SOON, socket.closed()).await.expect("soon");
    assert_eq!(code, close::UNAUTHORIZED);
    refused_everywhere(&town, &key).await;
    for node in &town.nodes {
        assert_eq!(Socket::open_with(node, &key, Form::Json, &[]).await.err(), Some(401));
        assert_eq!(units(node, &kept).await.status, StatusCode::OK, "nobody else's is");
    }
    other.settled(a, "mark", 5).await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_other_sign_ins_on_every_node_and_keeps_the_own() {
    let Some(town) = Town::start(3, 0).await else { return };
    let [a, b, c] = &town.nodes[..] else { panic!("three nodes") };
    a.unit("mark", 5).await;
    let (own, other, token) = (a.cookie("chief5").await, b.cookie("chief5").await, c.sign_in("chief5").await);
    let (mut own_socket, _) = Socket::subscribed(c, &own, Scope::station(5)).await;
    let (other_socket, _) = Socket::subscribed(b, &other, Scope::station(5)).await;
    let (by_token, _) = Socket::subscribed(b, &token, Scope::station(5)).await;
    town.settled().await;
    let body = json!({"current": PASSWORD, "new": "a new password for tests"});
    let changed = a.post(&own, "/api/v1/auth/password", body).await;
    assert!(changed.status.is_success(), "{}", changed.text);
    for socket in [other_socket, by_token] {
        let (code, _) = tokio::time::timeout(SOON, socket.closed()).await.expect("soon");
        assert_eq!(code, close::UNAUTHORIZED);
    }
    refused_everywhere(&town, &token).await;
    for node in &town.nodes {
        assert_eq!(units(node, &own).await.status, StatusCode::OK);
        assert_ne!(units(node, &other).await.status, StatusCode::OK);
    }
    own_socket.settled(a, "mark", 5).await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_s_renewed_token_holds_everywhere_and_its_old_one_nowhere() {
    let Some(town) = Town::start(3, 0).await else { return };
    let [a, b, c] = &town.nodes[..] else { panic!("three nodes") };
    let old = a.unit("PC-1", 5).await;
    let admin = a.sign_in("admin").await;
    b.fixes(&old, &[fix(at(0), 9.9, 76.2)]).await;
    let renewed = a.post(&admin, "/api/v1/units/PC-1/token", json!({})).await;
    let new = renewed.json["ingest_token"].as_str().expect("a token");
    for (n, node) in (1..).zip([b, c, a]) {
        node.fixes(new, &[fix(at(n), 9.9, 76.2)]).await;
    }
    let body = json!({"location": [fix(at(9), 9.9, 76.2)]});
    within(SOON, "the old one is refused everywhere", || async {
        let mut refused = 0;
        for node in &town.nodes {
            let answer = node.post(&old, "/api/v1/locations", body.clone()).await;
            refused += usize::from(answer.status == StatusCode::UNAUTHORIZED);
        }
        refused == 3
    })
    .await;
    assert!(b.sentinel.directory.unit(&id("PC-1")).is_some());
    town.end().await;
}
