//! Traccar Client from 9 on.

use super::*;
use serde_json::json;

/// As the app writes it, by its template.
fn body(device: &str, timestamp: &str, extras: &str) -> String {
    format!(
        r#"{{"location":{{"timestamp":"{timestamp}","coords":{{"latitude":9.9312,"longitude":76.2673,"accuracy":4.5,"speed":10.25,"heading":271.5,"altitude":12.1}},"is_moving":true,"odometer":1204.7,"event":"motionchange","battery":{{"level":0.64,"is_charging":true}},"activity":{{"type":"in_vehicle"}},"extras":{extras},"_":"&id={device}&lat=9.9312&lon=76.2673&timestamp={timestamp}&"}},"device_id":"{device}"}}"#
    )
}

async fn post(scene: &Scene, body: String) -> Answer {
    send(scene.bare(Method::POST, "/").header("content-type", "application/json").body(body)).await
}

#[tokio::test]
async fn the_unit_s_token_as_device_identifier_is_all_that_it_needs() {
    let scene = Scene::begin().await;
    let answer = post(&scene, body(&scene.token, "2026-11-21T02:00:00.250Z", "{}")).await;
    assert_eq!((answer.status, &answer.json["accepted"]), (StatusCode::OK, &json!(1)), "{}", answer.text);
    let fix = scene.fix().await;
    assert_eq!(fix.time, time("2026-11-21T02:00:00.250Z"));
    assert_eq!((fix.latitude, fix.longitude), (9.9312, 76.2673));
    assert_eq!(
        measured(&fix),
        [Some(10.25), Some(271.5), Some(4.5), Some(12.1), Some(0.64)],
        "m/s and 0..1 here"
    );
    assert_eq!(fix.event.as_deref(), Some("motionchange"));
    let kept = json!({"is_moving": true, "odometer": 1204.7, "battery.is_charging": true, "activity": {"type": "in_vehicle"}});
    assert_eq!(extras(&fix), kept, "what stands under _ is nothing of its own, and holds the token");
    let again = post(&scene, body(&scene.token, "2026-11-21T02:00:00.250Z", "{}")).await;
    assert_eq!((again.status, &again.json["duplicates"]), (StatusCode::OK, &json!(1)));
}

#[tokio::test]
async fn a_location_without_coords_is_set_aside_and_never_sent_again() {
    let scene = Scene::begin().await;
    let empty = format!(
        r#"{{"location":{{"timestamp":"2026-11-21T02:00:00Z","event":"heartbeat","is_moving":false,"_":"&id=&lat=&lon=&"}},"device_id":"{}"}}"#,
        scene.token
    );
    let answer = post(&scene, empty).await;
    assert_eq!((answer.status, &answer.json["accepted"]), (StatusCode::OK, &json!(0)), "{}", answer.text);
    assert_eq!(answer.json["rejected"][0]["reason"], "latitude is missing or not a number");
}
