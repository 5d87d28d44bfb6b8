//! Whose a position is: what the credential says, and never what a body claims alone.

use super::*;
use crate::server::{DISTRICT, at, fix, zone};
use sentinel_model::Permission;
use serde_json::json;

const PLACE: &str = "lat=9.9&lon=76.2&timestamp=1795226400";

#[tokio::test]
async fn a_unit_s_bare_id_or_a_wrong_token_opens_nothing() {
    let scene = Scene::begin().await;
    let wrong = format!("{}x", scene.token);
    let key = scene.server.key(DISTRICT, &[Permission::Ingest]).await;
    for whom in [UNIT, "", "snt_unit_", &wrong, &key] {
        let native = json!({"device_id": whom, "location": fix(at(0), 9.9, 76.2)}).to_string();
        let owntracks = r#"{"_type":"location","tst":1795226400,"lat":9.9,"lon":76.2}"#.to_owned();
        let overland = json!({"locations": [{"type": "Feature", "geometry": {"type": "Point", "coordinates": [76.2, 9.9]},
            "properties": {"timestamp": at(0), "device_id": whom}}]});
        let requests = [
            scene.bare(Method::GET, &format!("/?id={whom}&{PLACE}")),
            scene.bare(Method::POST, "/").body(format!("id={whom}&{PLACE}")),
            scene.bare(Method::GET, &format!("/log?aid={whom}&{PLACE}&s=1")),
            scene.bare(Method::POST, "/").body(native),
            scene.bare(Method::POST, "/").header("x-limit-d", whom).body(owntracks),
            scene.bare(Method::POST, "/").body(overland.to_string()),
        ];
        for request in requests {
            let answer = send(request).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{whom}: {}", answer.text);
            assert_eq!(answer.json["code"], "unauthorized");
        }
    }
    assert_eq!(scene.fixes().await, []);
}

#[tokio::test]
async fn a_token_names_its_own_unit_whatever_the_body_says() {
    let scene = Scene::begin().await;
    let other = scene.server.unit("PC-2", 5).await;
    for request in [
        scene.signed(Method::GET, &format!("/?id=PC-2&{PLACE}")),
        scene.signed(Method::GET, &format!("/?id={other}&{PLACE}")),
        scene.signed(Method::POST, "/").body(format!("id=PC-2&{PLACE}")),
    ] {
        assert_eq!(send(request).await.status, StatusCode::OK);
    }
    scene.fix().await;
    assert_eq!(scene.server.sentinel.positions.get(&id("PC-2")).await.expect("reads"), None);
}

#[tokio::test]
async fn a_form_may_carry_its_token_itself() {
    let scene = Scene::begin().await;
    let request = scene.bare(Method::POST, "/").body(format!("id=phone&{PLACE}&token={}", scene.token));
    assert_answer(&send(request).await, "");
    assert_eq!(scene.fix().await.extras, None, "the token is nothing to keep");
}

#[tokio::test]
async fn a_key_posts_for_the_units_of_its_scope_by_every_name_that_clients_have() {
    let scene = Scene::begin().await;
    let key = scene.server.key(zone(3), &[Permission::Ingest]).await;
    let elsewhere = scene.server.unit("PC-9", 9).await;
    assert!(!elsewhere.is_empty());
    let location =
        |n: i64| format!(r#"{{"_type":"location","tst":{},"lat":9.9,"lon":76.2}}"#, 1_795_226_400 + n);
    let topic = |n: i64| location(n).replace('{', r#"{"topic":"owntracks/anybody/PC-1","#);
    let requests = |unit: &str| {
        let post = |path: &str| scene.server.request(Method::POST, &key, path);
        [
            post(&format!("/?id={unit}&lat=9.9&lon=76.2&timestamp={}", at(1))),
            post(&format!("/?deviceid={unit}&lat=9.9&lon=76.2&timestamp={}", at(2))),
            post("/").header("x-limit-d", unit).header("x-limit-u", "somebody").body(location(3)),
            post("/").header("x-limit-d", "phone").header("x-limit-u", unit).body(location(4)),
            post(&format!("/?u={unit}&d=phone")).body(location(5)),
            post("/").body(topic(6).replace("PC-1", unit)),
            post("/").body(json!({"device_id": unit, "location": fix(at(7), 9.9, 76.2)}).to_string()),
        ]
    };
    for request in requests(UNIT) {
        let answer = send(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    assert_eq!(scene.fixes().await.len(), 7);
    for request in requests("PC-9") {
        assert_eq!(send(request).await.status, StatusCode::FORBIDDEN, "it is of another zone");
    }
    let nothing = scene.server.request(Method::POST, &key, "/").header("x-limit-d", "stranger");
    let status = nothing.body(r#"{"_type":"status"}"#);
    assert_answer(&send(status).await, "[]");
}

#[tokio::test]
async fn more_than_a_point_is_not_read_of_whoever_shows_no_credential() {
    let scene = Scene::begin().await;
    let many: Vec<Value> = (0..1000).map(|n| fix(at(n), 9.9, 76.2)).collect();
    let body = json!({"device_id": scene.token, "location": many}).to_string();
    assert_eq!(send(scene.bare(Method::POST, "/").body(body.clone())).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(scene.post(body).await.status, StatusCode::OK);
}
