//! Filters of a scope: what they keep from a marker, and that history has it all.

use crate::server::{Answer, Server, at, fix, send, zone};
use reqwest::{Method, StatusCode};
use sentinel_model::{
    Location, Permission, Scope,
    filters::{Filters, ScopeFilters},
};
use serde_json::{Value, json};

const OF_ZONE: &str = "/api/v1/scopes/zone:3/filters";
const OF_STATION: &str = "/api/v1/scopes/station:5/filters";

async fn put(server: &Server, credential: &str, path: &str, filters: Value) -> Answer {
    send(server.request(Method::PUT, credential, path).json(&filters)).await
}

async fn remove(server: &Server, credential: &str, path: &str) -> StatusCode {
    send(server.request(Method::DELETE, credential, path)).await.status
}

/// Where the unit's marker is, and of when.
async fn marker(server: &Server, admin: &str) -> (f64, i64) {
    let location: Location = server.get(admin, "/api/v1/units/PC-1/location").await.as_a();
    (location.latitude, location.time.ms_since(at(0)) / 1000)
}

fn vague(seconds: i64, latitude: f64, accuracy_m: f64) -> Value {
    let mut fix = fix(at(seconds), latitude, 76.2);
    fix["coords"]["accuracy"] = json!(accuracy_m);
    fix
}

#[tokio::test]
async fn a_hidden_position_is_stored_counted_and_a_sign_of_life_and_moves_no_marker() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    let set = put(&server, &admin, OF_ZONE, json!({"poor_accuracy_m": 100, "max_speed_mps": 70})).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    server.fixes(&token, &[vague(0, 9.9, 5.0)]).await;
    server.fixes(&token, &[vague(10, 9.9001, 900.0)]).await;
    server.fixes(&token, &[vague(20, 9.99, 5.0), vague(21, 9.9002, 5.0), vague(22, 10.4, 5.0)]).await;
    assert_eq!(marker(&server, &admin).await, (9.9002, 21), "the last good one of a batch");
    server.clock.turn(50);
    let before: Location = server.get(&admin, "/api/v1/units/PC-1/location").await.as_a();
    server.fixes(&token, &[vague(70, 9.9003, 900.0)]).await;
    let after: Location = server.get(&admin, "/api/v1/units/PC-1/location").await.as_a();
    assert!(after.received_at > before.received_at, "it has been heard");
    assert_eq!((after.latitude, after.time), (before.latitude, before.time));
    let times = [0, 10, 20, 21, 22, 70].map(at);
    assert_eq!(server.stored_times(&admin, "PC-1").await, times, "history has all of them");
    let hidden = server.sentinel.ingest.counts.hidden.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(hidden, 4);
}

#[tokio::test]
async fn nobody_disappears_behind_filters() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    put(&server, &admin, OF_ZONE, json!({"poor_accuracy_m": 10, "min_distance_m": 1000, "keep_after_s": 60}))
        .await;
    server.fixes(&token, &[vague(0, 9.9, 5_000.0)]).await;
    assert_eq!(marker(&server, &admin).await, (9.9, 0), "who was nowhere is shown however poorly");
    for (seconds, shown) in [(30, 0), (59, 0), (60, 60), (119, 60), (121, 121)] {
        server.fixes(&token, &[vague(seconds, 9.9, 5_000.0)]).await;
        assert_eq!(marker(&server, &admin).await.1, shown, "after {seconds} s");
    }
}

#[tokio::test]
async fn the_nearest_scope_that_has_filters_decides_and_without_any_everything_is_shown() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    let held = async |path| -> ScopeFilters { server.get(&admin, path).await.as_a() };
    assert_eq!(held(OF_STATION).await, ScopeFilters { scope: None, filters: Filters::default() });
    put(&server, &admin, OF_ZONE, json!({"min_period_s": 100})).await;
    let of_zone = Filters { min_period_s: Some(100), ..Filters::default() };
    assert_eq!(held(OF_STATION).await, ScopeFilters { scope: Some(zone(3)), filters: of_zone });
    for seconds in [0, 1] {
        server.fixes(&token, &[fix(at(seconds), 9.9, 76.2)]).await;
    }
    assert_eq!(marker(&server, &admin).await.1, 0);
    // Without a setting they hide nothing, whatever stands above.
    let own: ScopeFilters = put(&server, &admin, OF_STATION, json!({})).await.as_a();
    assert_eq!(own, ScopeFilters { scope: Some(Scope::station(5)), filters: Filters::default() });
    server.fixes(&token, &[fix(at(2), 9.9, 76.2)]).await;
    assert_eq!(marker(&server, &admin).await.1, 2);
    assert_eq!(remove(&server, &admin, OF_STATION).await, StatusCode::NO_CONTENT);
    server.fixes(&token, &[fix(at(3), 9.9, 76.2)]).await;
    assert_eq!(marker(&server, &admin).await.1, 2, "the zone's hold again");
    let server = server.restart().await;
    let admin = server.sign_in("admin").await;
    let kept: ScopeFilters = server.get(&admin, OF_ZONE).await.as_a();
    assert_eq!(kept.filters, of_zone);
    // Renaming a scope is not about its filters.
    let name = server.request(Method::PATCH, &admin, "/api/v1/scopes/zone:3").json(&json!({"name": "Three"}));
    assert_eq!(send(name).await.status, StatusCode::OK);
    assert_eq!(server.get(&admin, OF_ZONE).await.as_a::<ScopeFilters>().filters, of_zone);
    assert_eq!(remove(&server, &admin, OF_ZONE).await, StatusCode::NO_CONTENT);
    server.fixes(&token, &[fix(at(4), 9.9, 76.2)]).await;
    assert_eq!(marker(&server, &admin).await.1, 4);
}

#[tokio::test]
async fn an_sos_is_told_though_its_position_is_hidden() {
    use sentinel_model::live::{Event, ServerFrame};
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    put(&server, &admin, OF_ZONE, json!({"min_period_s": 100})).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    let (mut socket, _) = crate::socket::Socket::subscribed(&server, &admin, zone(3)).await;
    let path = format!("/?id={token}&lat=9.9&lon=76.2&timestamp={}&alarm=sos", at(5));
    assert_eq!(send(server.request(Method::GET, "", &path)).await.status, StatusCode::OK);
    let alert = |frame| match frame {
        ServerFrame::Event(Event::Alert(told)) => Some(*told.alert),
        _ => None,
    };
    assert_eq!(socket.until("an alert", alert).await.time, at(5));
    assert_eq!(marker(&server, &admin).await.1, 0);
}

#[tokio::test]
async fn who_manages_a_scope_sets_its_filters_and_who_sees_it_reads_them() {
    let server = Server::start().await;
    let wanted = || json!({"max_speed_mps": 70});
    let chief = server.sign_in("chief5").await;
    let manages = server.key(zone(3), &[Permission::Manage]).await;
    let reads = server.key(zone(3), &[Permission::Read]).await;
    let unit = server.unit("PC-1", 5).await;
    assert_eq!(put(&server, &manages, OF_ZONE, wanted()).await.status, StatusCode::OK);
    for (credential, path) in [
        (&chief, OF_ZONE),
        (&reads, OF_ZONE),
        (&unit, OF_STATION),
        (&manages, "/api/v1/scopes/zone:4/filters"),
        (&manages, "/api/v1/scopes/district:1/filters"),
        (&manages, "/api/v1/scopes/zone:77/filters"),
    ] {
        assert_eq!(put(&server, credential, path, wanted()).await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(remove(&server, credential, path).await, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(server.get("", OF_ZONE).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.get(&chief, OF_ZONE).await.status, StatusCode::FORBIDDEN);
    let seen: ScopeFilters = server.get(&chief, OF_STATION).await.as_a();
    assert_eq!((seen.scope, seen.filters.max_speed_mps), (None, Some(70.0)), "above it nothing is named");
    assert_eq!(server.get(&reads, OF_STATION).await.as_a::<ScopeFilters>().scope, Some(zone(3)));
    for bad in [json!({"max_speed": 1}), json!({"max_speed_mps": 0}), json!({"keep_after_s": 1}), json!([])] {
        let refused = put(&server, &manages, OF_ZONE, bad).await;
        assert_eq!((refused.status, &refused.json["code"]), (StatusCode::BAD_REQUEST, &json!("bad_request")));
    }
    assert_eq!(
        put(&server, &manages, "/api/v1/scopes/town:3/filters", wanted()).await.status,
        StatusCode::BAD_REQUEST
    );
    let admin = server.sign_in("admin").await;
    let told = server.get(&admin, "/api/v1/audit").await;
    assert_eq!(
        (&told.json["items"][0]["action"], &told.json["items"][0]["target"]),
        (&json!("filters_set"), &json!("zone:3"))
    );
}

#[tokio::test]
async fn a_server_that_starts_again_shows_what_was_shown_before() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    put(&server, &admin, OF_ZONE, json!({"max_speed_mps": 70})).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2), fix(at(10), 9.9003, 76.2), fix(at(11), 55.0, 76.2)]).await;
    assert_eq!(marker(&server, &admin).await, (9.9003, 10));
    let server = server.restart().await;
    let admin = server.sign_in("admin").await;
    assert_eq!(marker(&server, &admin).await, (9.9003, 10));
}
