//! Overland.

use super::*;
use crate::server::at;
use serde_json::json;

const OK: &str = r#"{"result":"ok"}"#;

fn feature(seconds: i64, device: &str) -> Value {
    json!({"type": "Feature", "geometry": {"type": "Point", "coordinates": [76.2673, 9.9312]}, "properties": {
        "timestamp": at(seconds), "altitude": 12, "speed": 4, "horizontal_accuracy": 30, "vertical_accuracy": -1, "motion": ["driving"],
        "battery_state": "charging", "battery_level": 0.89, "device_id": device, "wifi": ""}})
}

#[tokio::test]
async fn a_feature_with_longitude_first_and_an_offset_without_colon() {
    let scene = Scene::begin().await;
    // As its documentation has it, elsewhere.
    let body = r#"{"locations":[{"type":"Feature","geometry":{"type":"Point","coordinates":[76.030581,9.331800]},"properties":{"timestamp":"2026-11-20T19:00:00-0700","altitude":0,"speed":4,"horizontal_accuracy":30,"vertical_accuracy":-1,"motion":["driving","stationary"],"pauses":false,"activity":"other_navigation","desired_accuracy":100,"deferred":1000,"significant_change":"disabled","locations_in_payload":1,"battery_state":"charging","battery_level":0.89,"device_id":"","wifi":""}}]}"#;
    for _ in 0..2 {
        assert_answer(&scene.post(body).await, OK);
    }
    let fix = scene.fix().await;
    assert_eq!((fix.time, fix.latitude, fix.longitude), (at(0), 9.3318, 76.030581));
    assert_eq!(measured(&fix), [Some(4.0), None, Some(30.0), Some(0.0), Some(0.89)]);
    let kept = extras(&fix);
    assert_eq!(
        (&kept["motion"], &kept["battery_state"]),
        (&json!(["driving", "stationary"]), &json!("charging"))
    );
    assert_eq!((&kept["device_id"], &kept["wifi"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_thousand_features_and_the_current_one_are_stored_and_replayed_store_nothing_new() {
    let scene = Scene::begin().await;
    scene.server.clock.turn(5000);
    let mut locations: Vec<Value> = (0..1000).map(|n| feature(n, "")).collect();
    locations.reverse();
    let body = json!({"locations": locations, "current": feature(5000, ""), "trip": {"mode": "car", "distance": 12, "start": at(0)}});
    for _ in 0..2 {
        assert_answer(&scene.post(body.to_string()).await, OK);
    }
    let fixes = scene.fixes().await;
    assert_eq!(fixes.len(), 1001);
    assert_eq!(fixes.last().map(|fix| fix.time), Some(at(5000)));
    let place = scene.server.sentinel.positions.get(&id(UNIT)).await.expect("reads").expect("it is known");
    assert_eq!(place.time, at(5000), "the map shows where it is now while the backlog drains");
}

#[tokio::test]
async fn good_features_among_bad_ones_are_stored() {
    let scene = Scene::begin().await;
    let good = |n| feature(n, "").to_string();
    let action =
        r#"{"type":"Feature","properties":{"timestamp":"2026-11-21T02:00:00Z","action":"will_terminate"}}"#;
    let seen = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[76.2,9.9]},"properties":{"timestamp":"2026-11-21T02:10:00Z","action":"visit","speed":-1}}"#;
    let wild = good(3).replace("76.2673", "1e999");
    let body = format!("{{\"locations\":[{},{action},null,7,[],{wild},{seen},{}]}}", good(1), good(2));
    assert_answer(&scene.post(body).await, OK);
    let fixes = scene.fixes().await;
    assert_eq!(fixes.iter().map(|fix| fix.time).collect::<Vec<_>>(), [at(1), at(2), at(600)]);
    assert_eq!(fixes[2].event.as_deref(), Some("visit"));
    let admin = scene.server.sign_in("admin").await;
    let rejected = scene.server.get(&admin, "/api/v1/units/PC-1/rejected").await.json;
    let places: Vec<&Value> =
        rejected["items"].as_array().expect("a list").iter().map(|item| &item["index"]).collect();
    assert_eq!(places, [5, 4, 3, 2, 1], "the newest first");
}

#[tokio::test]
async fn nothing_to_tell_is_well_received_too() {
    let scene = Scene::begin().await;
    let request =
        scene.signed(Method::POST, "/").header("user-agent", "Overland/1.4 (iPhone; iOS 19.1; Scale/3.00)");
    assert_answer(&send(request.body(r#"{"locations":[]}"#)).await, OK);
    // Behind something that calls itself otherwise.
    assert_answer(&scene.post(r#"{"locations": [], "trip": null}"#).await, OK);
    let native = scene.post(r#"{"unit_id":"PC-1","locations":[]}"#).await;
    assert_eq!(native.json["status"], "ok", "who names a unit is none of it: {}", native.text);
}

#[tokio::test]
async fn a_unit_that_a_feature_names_counts_before_its_device() {
    let scene = Scene::begin().await;
    let key = scene.server.key(crate::server::DISTRICT, &[sentinel_model::Permission::Ingest]).await;
    let mut named = feature(1, "my phone");
    named["properties"]["unit_id"] = json!(UNIT);
    let body = json!({"locations": [named, feature(2, "")]});
    assert_answer(&scene.server.post(&key, "/api/v1/locations", body).await, OK);
    assert_eq!(scene.fixes().await.len(), 2);
}

#[tokio::test]
async fn with_a_key_the_device_id_names_the_unit() {
    let scene = Scene::begin().await;
    let key = scene.server.key(crate::server::DISTRICT, &[sentinel_model::Permission::Ingest]).await;
    let post = async |body: Value| scene.server.post(&key, "/api/v1/locations", body).await;
    assert_answer(&post(json!({"locations": [feature(1, UNIT), feature(2, "")]})).await, OK);
    assert_eq!(scene.fixes().await.len(), 2, "a batch is of one phone");
    let other = post(json!({"locations": [feature(3, UNIT), feature(4, "nobody"), feature(5, "")]})).await;
    assert_answer(&other, OK);
    assert_eq!(scene.fixes().await.len(), 3, "where it is of several, each is where it says");
    assert_eq!(post(json!({"locations": [feature(6, "nobody")]})).await.status, StatusCode::FORBIDDEN);
}
