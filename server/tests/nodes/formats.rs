//! Devices of all kinds, where many nodes share one history.

use crate::{
    clients,
    receiver::Receiver,
    server::{Server, at, eventually, fix, id, send, zone},
    town::Town,
};
use reqwest::{Method, StatusCode};
use sentinel_model::{Fix, Location, Permission, Time, filters::ScopeFilters};
use sentinel_server::ports::TimeRange;
use serde_json::json;

async fn stored(server: &Server, unit: &str) -> Vec<Fix> {
    let archive = &server.sentinel.reads.archive;
    let mut fixes = archive.fixes(&id(unit), TimeRange::ALL, 1000).await.expect("reads");
    // All that differs between two servers.
    fixes.iter_mut().for_each(|fix| fix.received_at = Time(0));
    fixes
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_is_answered_and_stored_by_many_nodes_as_by_one() {
    let Some(town) = Town::start(2, 1).await else { return };
    let alone = Server::start().await;
    for (n, client) in clients::all().iter().enumerate() {
        let unit = format!("PC-{n}");
        let (here, there) = (&town.nodes[n % 2], &town.nodes[(n + 1) % 2]);
        let (shared, own) = (here.unit(&unit, 5).await, alone.unit(&unit, 5).await);
        // Told to the other node as well: a resent post finds either.
        for node in [there, here] {
            let answer = send(client.request(node, &shared)).await;
            assert_eq!(answer.status, StatusCode::OK, "{}: {}", client.name, answer.text);
        }
        let answer = send(client.request(&alone, &own)).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::OK, client.answer), "{}", client.name);
    }
    eventually("all is archived", || async { town.ground.has_archived() }).await;
    for (n, client) in clients::all().iter().enumerate() {
        let unit = format!("PC-{n}");
        let alone = stored(&alone, &unit).await;
        assert_eq!(alone.len(), client.fixes, "{}", client.name);
        assert_eq!(stored(&town.nodes[n % 2], &unit).await, alone, "{}", client.name);
    }
    alone.end().await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sos_that_comes_to_several_nodes_goes_out_once() {
    let Some(town) = Town::start(3, 1).await else { return };
    let receiver = Receiver::start().await;
    let key = town.nodes[0].key(zone(3), &[Permission::Manage, Permission::Read]).await;
    let body = json!({"name": "n", "url": receiver.url(), "scope": "zone:3", "events": ["alert.sos"]});
    let made = town.nodes[0].post(&key, "/api/v1/webhooks", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let token = town.nodes[1].unit("PC-1", 5).await;
    town.settled().await;
    for seconds in 0..3 {
        let path = format!("/?id={token}&lat=9.9&lon=76.2&timestamp={}&alarm=sos", at(seconds));
        let call = async |node: &Server| send(node.request(Method::GET, "", &path)).await.status;
        let (a, b, c) = tokio::join!(call(&town.nodes[0]), call(&town.nodes[1]), call(&town.nodes[2]));
        assert_eq!([a, b, c], [StatusCode::OK; 3]);
    }
    let got = receiver.until(3).await;
    let mut times: Vec<_> = got.iter().map(|got| got.json["data"]["time"].clone()).collect();
    // Nodes that share the work do not wait for each other.
    times.sort_by_key(|time| time.to_string());
    assert_eq!(times, [0, 1, 2].map(|seconds| json!(at(seconds))), "each once");
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_that_one_node_sets_hold_on_all_and_against_what_any_has_shown() {
    let Some(town) = Town::start(2, 1).await else { return };
    let [a, b] = &town.nodes[..] else { panic!("two nodes") };
    let admin = a.sign_in("admin").await;
    let token = a.unit("PC-1", 5).await;
    let filters = "/api/v1/scopes/zone:3/filters";
    let set = send(a.request(Method::PUT, &admin, filters).json(&json!({"max_speed_mps": 70}))).await;
    let set: ScopeFilters = set.as_a();
    town.settled().await;
    assert_eq!(b.get(&admin, filters).await.as_a::<ScopeFilters>(), set);
    a.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    b.fixes(&token, &[fix(at(1), 10.9, 76.2)]).await;
    let marker: Location = a.get(&admin, "/api/v1/units/PC-1/location").await.as_a();
    assert_eq!((marker.latitude, marker.time), (9.9, at(0)), "no car goes a degree in a second");
    b.fixes(&token, &[fix(at(2), 9.9001, 76.2)]).await;
    let marker: Location = a.get(&admin, "/api/v1/units/PC-1/location").await.as_a();
    assert_eq!((marker.latitude, marker.time), (9.9001, at(2)));
    eventually("all is archived", || async { town.ground.has_archived() }).await;
    assert_eq!(stored(a, "PC-1").await.len(), 3, "history has it all");
    town.end().await;
}
