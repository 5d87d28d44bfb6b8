//! OwnTracks in HTTP mode.

use super::*;
use serde_json::json;

/// As the Android app writes it.
const LOCATION: &str = r#"{"_type":"location","_id":"03f72725","BSSID":"aa:bb:cc:dd:ee:ff","SSID":"Depot","acc":13,"alt":52,"batt":87,"bs":1,"cog":271,"conn":"w","created_at":1795226402,"inregions":["Depot"],"lat":9.9312,"lon":76.2673,"m":1,"t":"u","tid":"p1","topic":"owntracks/unit/phone","tst":1795226400,"vac":2,"vel":36}"#;

async fn post(scene: &Scene, body: &'static str) -> Answer {
    let request = scene.bare(Method::POST, "/").basic_auth("anybody", Some(&scene.token));
    let request = request.header("x-limit-u", "anybody").header("x-limit-d", "phone");
    send(request.header("content-type", "application/json; charset=utf-8").body(body)).await
}

#[tokio::test]
async fn a_location_in_km_h_and_percent_is_stored_in_ours() {
    let scene = Scene::begin().await;
    for _ in 0..2 {
        assert_answer(&post(&scene, LOCATION).await, "[]");
    }
    let answer = post(&scene, LOCATION).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let fix = scene.fix().await;
    assert_eq!((fix.time, fix.latitude, fix.longitude), (crate::server::START, 9.9312, 76.2673));
    assert_eq!(measured(&fix), [Some(10.0), Some(271.0), Some(13.0), Some(52.0), Some(0.87)]);
    let kept = extras(&fix);
    assert_eq!((&kept["t"], &kept["inregions"], &kept["vac"]), (&json!("u"), &json!(["Depot"]), &json!(2)));
    assert_eq!((&kept["_type"], &kept["topic"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn fields_that_are_zero_are_left_out_and_negative_ones_unknown() {
    let scene = Scene::begin().await;
    let least =
        r#"{"_type":"location","tst":1795226400,"lat":9.9,"lon":76.2,"vel":-1,"cog":-1,"acc":-1,"batt":-1}"#;
    assert_answer(&post(&scene, least).await, "[]");
    let fix = scene.fix().await;
    assert_eq!((measured(&fix), fix.extras), ([None; 5], None));
}

#[tokio::test]
async fn a_region_entered_or_left_is_a_fix_of_its_own() {
    let scene = Scene::begin().await;
    assert_answer(&post(&scene, LOCATION).await, "[]");
    let enter = r#"{"_type":"transition","wtst":1795220000,"lat":9.9312,"lon":76.2673,"tst":1795226400,"acc":13,"tid":"p1","event":"enter","desc":"Depot","t":"c"}"#;
    for _ in 0..2 {
        assert_answer(&post(&scene, enter).await, "[]");
    }
    let leave = r#"{"_type":"transition","wtst":1795220000,"lat":9.9312,"lon":76.2673,"tst":1795226400,"acc":13,"tid":"p1","event":"leave","desc":"Yard","t":"l"}"#;
    assert_answer(&post(&scene, leave).await, "[]");
    let mut events: Vec<Option<String>> =
        scene.fixes().await.iter().map(|fix| fix.event.as_deref().map(Into::into)).collect();
    events.sort();
    let words = ["geofence_enter:Depot", "geofence_exit:Yard"].map(|word| Some(word.to_owned()));
    assert_eq!(events, [None].into_iter().chain(words).collect::<Vec<_>>(), "all three of one second");
}

#[tokio::test]
async fn every_other_type_and_nothing_at_all_are_answered_alike() {
    let scene = Scene::begin().await;
    for body in [
        "",
        r#"{"_type":"waypoint","desc":"Depot","lat":9.93,"lon":76.26,"rad":50,"tst":1795226400}"#,
        r#"{"_type":"waypoints","_creator":"test","waypoints":[]}"#,
        r#"{"_type":"lwt","tst":1795226400}"#,
        r#"{"_type":"card","name":"Unit"}"#,
        r#"{"_type":"status","iOS":{}}"#,
        r#"{"_type":"cmd","action":"dump"}"#,
        r#"{"_type":"encrypted","data":"c2VjcmV0"}"#,
        r#"{"_type":"of tomorrow","lat":9.9}"#,
        r#"{"_type":"location"}"#,
        r#"{"_type":"location","tst":1795226400,"lat":1e999,"lon":76.2}"#,
        r#"{"_type":"location","tst":"yesterday","lat":95,"lon":76.2,"tid":"\ud83d"}"#,
        r#"{"_type":7}"#,
    ] {
        assert_answer(&post(&scene, body).await, "[]");
    }
    assert_eq!(scene.fixes().await, []);
    let nobody = send(scene.bare(Method::POST, "/").header("x-limit-u", "u").body("")).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_reason_why_an_encrypted_phone_is_not_seen_can_be_read() {
    let scene = Scene::begin().await;
    assert_answer(&post(&scene, r#"{"_type":"encrypted","data":"c2VjcmV0"}"#).await, "[]");
    let admin = scene.server.sign_in("admin").await;
    let rejected = scene.server.get(&admin, "/api/v1/units/PC-1/rejected").await;
    assert!(rejected.text.contains("encryption key"), "{}", rejected.text);
}

#[tokio::test]
async fn an_empty_body_of_who_shows_a_unit_s_token_is_one_of_its_own_and_nobody_else_s() {
    let scene = Scene::begin().await;
    let empty = async |path: &str| send(scene.signed(Method::POST, path).body("")).await;
    assert_answer(&empty("/").await, "[]");
    assert_answer(&empty("/api/v1/locations").await, "[]");
    let by_query = scene.bare(Method::POST, &format!("/?token={}", scene.token));
    assert_answer(&send(by_query.body("")).await, "[]");
    assert_eq!(
        empty("/log?latt=9.9&lon=76.2").await.status,
        StatusCode::BAD_REQUEST,
        "that meant a position"
    );
    assert_eq!(send(scene.signed(Method::GET, "/log")).await.status, StatusCode::BAD_REQUEST);
    let key = scene.server.key(crate::server::DISTRICT, &[sentinel_model::Permission::Ingest]).await;
    let of_key = send(scene.server.request(Method::POST, &key, "/").body("")).await;
    assert_eq!(of_key.status, StatusCode::BAD_REQUEST);
}
