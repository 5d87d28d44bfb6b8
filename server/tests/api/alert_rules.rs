//! Alert rules of a scope: who sets them, whose hold, and that they stay.

use crate::server::{Answer, Server, send, zone};
use reqwest::{Method, StatusCode};
use sentinel_model::{
    Permission, Scope,
    alert_rules::{AlertRules, ScopeAlertRules},
    filters::ScopeFilters,
};
use serde_json::{Value, json};

const OF_ZONE: &str = "/api/v1/scopes/zone:3/alert-rules";
const OF_STATION: &str = "/api/v1/scopes/station:5/alert-rules";

async fn put(server: &Server, credential: &str, path: &str, rules: Value) -> Answer {
    send(server.request(Method::PUT, credential, path).json(&rules)).await
}

async fn remove(server: &Server, credential: &str, path: &str) -> StatusCode {
    send(server.request(Method::DELETE, credential, path)).await.status
}

#[tokio::test]
async fn the_nearest_scope_that_has_rules_decides() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let held = async |path| -> ScopeAlertRules { server.get(&admin, path).await.as_a() };
    assert_eq!(held(OF_STATION).await, ScopeAlertRules { scope: None, rules: AlertRules::default() });
    let wanted = json!({"offline": true, "low_battery": 0.15, "escalate_after_s": 300});
    let set: ScopeAlertRules = put(&server, &admin, OF_ZONE, wanted).await.as_a();
    let rules = AlertRules {
        offline: true,
        low_battery: Some(0.15),
        escalate_after_s: Some(300),
        ..AlertRules::default()
    };
    assert_eq!(set, ScopeAlertRules { scope: Some(zone(3)), rules });
    assert_eq!(held(OF_STATION).await, set);
    assert_eq!(server.sentinel.directory.alert_rules(Scope::station(5)), Some((zone(3), rules)));
    assert_eq!(server.sentinel.directory.alert_rules(Scope::station(9)), None);
    // Its own raise nothing, whatever stands above.
    let own: ScopeAlertRules = put(&server, &admin, OF_STATION, json!({})).await.as_a();
    assert_eq!(own, ScopeAlertRules { scope: Some(Scope::station(5)), rules: AlertRules::default() });
    assert_eq!(remove(&server, &admin, OF_STATION).await, StatusCode::NO_CONTENT);
    assert_eq!(held(OF_STATION).await, set, "the zone's hold again");
    // Neither another name nor filters are about them.
    let name = server.request(Method::PATCH, &admin, "/api/v1/scopes/zone:3").json(&json!({"name": "Three"}));
    assert_eq!(send(name).await.status, StatusCode::OK);
    let filters = "/api/v1/scopes/zone:3/filters";
    let filtered: ScopeFilters = put(&server, &admin, filters, json!({"max_speed_mps": 70})).await.as_a();
    assert_eq!(held(OF_ZONE).await, set);
    let server = server.restart().await;
    let admin = server.sign_in("admin").await;
    let held = async |path| -> ScopeAlertRules { server.get(&admin, path).await.as_a() };
    assert_eq!(held(OF_ZONE).await, set);
    assert_eq!(remove(&server, &admin, OF_ZONE).await, StatusCode::NO_CONTENT);
    assert_eq!(held(OF_ZONE).await.scope, None);
    assert_eq!(server.get(&admin, filters).await.as_a::<ScopeFilters>(), filtered);
}

#[tokio::test]
async fn who_manages_a_scope_sets_its_rules_and_who_sees_it_reads_them() {
    let server = Server::start().await;
    let wanted = || json!({"stale": true});
    let chief = server.sign_in("chief5").await;
    let manages = server.key(zone(3), &[Permission::Manage]).await;
    let reads = server.key(zone(3), &[Permission::Read]).await;
    let unit = server.unit("PC-1", 5).await;
    assert_eq!(put(&server, &manages, OF_ZONE, wanted()).await.status, StatusCode::OK);
    for (credential, path) in [
        (&chief, OF_ZONE),
        (&chief, OF_STATION),
        (&reads, OF_ZONE),
        (&unit, OF_STATION),
        (&manages, "/api/v1/scopes/zone:4/alert-rules"),
        (&manages, "/api/v1/scopes/district:1/alert-rules"),
        (&manages, "/api/v1/scopes/zone:77/alert-rules"),
    ] {
        assert_eq!(put(&server, credential, path, wanted()).await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(remove(&server, credential, path).await, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(server.get("", OF_ZONE).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.get(&chief, OF_ZONE).await.status, StatusCode::FORBIDDEN);
    let seen: ScopeAlertRules = server.get(&chief, OF_STATION).await.as_a();
    assert_eq!((seen.scope, seen.rules.stale), (None, true), "above it nothing is named");
    assert_eq!(server.get(&reads, OF_STATION).await.as_a::<ScopeAlertRules>().scope, Some(zone(3)));
    for bad in [
        json!({"silent": true}),
        json!({"low_battery": 0.95}),
        json!({"speed_limit_mps": 0}),
        json!({"escalate_after_s": 29}),
        json!([]),
    ] {
        let refused = put(&server, &manages, OF_ZONE, bad).await;
        assert_eq!((refused.status, &refused.json["code"]), (StatusCode::BAD_REQUEST, &json!("bad_request")));
    }
    let admin = server.sign_in("admin").await;
    let told = server.get(&admin, "/api/v1/audit").await;
    let last = &told.json["items"][0];
    assert_eq!((&last["action"], &last["target"]), (&json!("alert_rules_set"), &json!("zone:3")));
}
