//! Apps made with Transistorsoft's background-geolocation; more of it in `ingest`.

use super::*;
use serde_json::json;

/// A geofence event as the plugin writes it, and a sample.
const BATCH: &str = r#"{"location":[
{"event":"geofence","is_moving":true,"uuid":"8f1dd5a6-6ef5-4d5e-8a3f-2a5ad17d60e4","timestamp":"2026-11-21T02:00:02.000Z","age":12,"odometer":211.4,"mock":true,
 "coords":{"latitude":9.9312,"longitude":76.2673,"accuracy":6.1,"speed":-1,"speed_accuracy":-1,"heading":-1,"heading_accuracy":-1,"altitude":3.2,"ellipsoidal_altitude":3.2,"altitude_accuracy":2.5},
 "activity":{"type":"on_foot","confidence":75},"battery":{"is_charging":false,"level":0.81},
 "geofence":{"identifier":"Depot","action":"EXIT","timestamp":"2026-11-21T02:00:02.000Z"},"extras":{"route_id":123}},
{"event":"providerchange","is_moving":true,"uuid":"u-0","timestamp":"2026-11-21T02:00:01.000Z","odometer":200.1,
 "coords":{"latitude":9.93,"longitude":76.26,"accuracy":6.1,"speed":1.5,"heading":90,"altitude":3.2},"activity":{"type":"still","confidence":100},"battery":{"is_charging":false,"level":0.82},"extras":{}},
{"sample":true,"is_moving":true,"uuid":"u-s","timestamp":"2026-11-21T02:00:00.000Z","odometer":200.1,
 "coords":{"latitude":9.93,"longitude":76.26,"accuracy":6.1,"speed":1.5,"heading":90,"altitude":3.2},"activity":{"type":"still","confidence":100},"battery":{"is_charging":false,"level":0.82},"extras":{}}
],"shift":"late"}"#;

#[tokio::test]
async fn fences_and_batteries_come_newest_first_and_samples_are_left_out() {
    let scene = Scene::begin().await;
    let answer = scene.post(BATCH).await;
    assert_eq!((answer.status, &answer.json["accepted"]), (StatusCode::OK, &json!(2)), "{}", answer.text);
    let [before, fence] = &scene.fixes().await[..] else { panic!("two fixes") };
    assert_eq!((before.event.as_deref(), before.uuid.as_deref()), (Some("providerchange"), Some("u-0")));
    assert_eq!(measured(before), [Some(1.5), Some(90.0), Some(6.1), Some(3.2), Some(0.82)]);
    assert_eq!(fence.event.as_deref(), Some("geofence_exit:Depot"));
    assert_eq!(fence.uuid.as_deref(), Some("8f1dd5a6-6ef5-4d5e-8a3f-2a5ad17d60e4"));
    assert_eq!(measured(fence), [None, None, Some(6.1), Some(3.2), Some(0.81)]);
    let kept = extras(fence);
    assert_eq!(
        (&kept["route_id"], &kept["mock"], &kept["geofence"]["action"]),
        (&json!(123), &json!(true), &json!("EXIT"))
    );
    let again = scene.post(BATCH).await;
    assert_eq!(
        (&again.json["accepted"], &again.json["duplicates"]),
        (&json!(0), &json!(2)),
        "replayed it is nothing new"
    );
    let place = scene.server.sentinel.positions.get(&id(UNIT)).await.expect("reads").expect("it is known");
    assert_eq!(place.time, fence.time, "the marker is at the newest, whatever came last");
}

#[tokio::test]
async fn a_flat_template_is_read_too() {
    let scene = Scene::begin().await;
    let flat = json!({"location": {"latitude": 9.9, "longitude": 76.2, "timestamp": "2026-11-21T02:00:00Z", "speed": 3.5, "heading": 10,
        "accuracy": 5, "altitude": 1, "uuid": "f", "event": "", "odometer": 7, "is_moving": true, "battery.level": 0.5}, "device_id": "Pixel"});
    let answer = scene.post(flat.to_string()).await;
    assert_eq!((answer.status, &answer.json["accepted"]), (StatusCode::OK, &json!(1)), "{}", answer.text);
    let fix = scene.fix().await;
    assert_eq!(measured(&fix), [Some(3.5), Some(10.0), Some(5.0), Some(1.0), Some(0.5)]);
    assert_eq!(extras(&fix), json!({"odometer": 7, "is_moving": true}));
}
