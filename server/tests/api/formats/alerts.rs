//! Calls for help reach whoever may see the unit, at once and once.

use super::*;
use crate::{
    server::{DISTRICT, at, send_until_heard, zone},
    socket::Socket,
};
use sentinel_model::{
    Scope,
    alerts::{Alert, AlertKind},
    live::{Event, ServerFrame},
};
use serde_json::json;

fn sos(id: &str, seconds: i64) -> String {
    format!("/?id={id}&lat=9.9&lon=76.2&timestamp={}&alarm=sos", at(seconds))
}

async fn call(scene: &Scene, path: &str) {
    assert_answer(&send_until_heard(scene.bare(Method::GET, path)).await, "");
}

/// The next alert that a socket hears.
pub(super) async fn alert(socket: &mut Socket) -> Alert {
    let hears = |frame| match frame {
        ServerFrame::Event(Event::Alert(told)) => Some(*told.alert),
        _ => None,
    };
    socket.until("an alert", hears).await
}

#[tokio::test]
async fn an_sos_is_told_to_every_scope_above_the_unit_and_to_no_other() {
    let scene = Scene::begin().await;
    let other = scene.server.unit("PC-9", 9).await;
    let patrol = scene.server.start_patrol(UNIT, 5).await;
    let admin = scene.server.sign_in("admin").await;
    let mut sockets = Vec::new();
    for scope in [Scope::station(5), zone(3), DISTRICT] {
        sockets.push(Socket::subscribed(&scene.server, &admin, scope).await.0);
    }
    let (mut elsewhere, _) = Socket::subscribed(&scene.server, &admin, zone(4)).await;
    call(&scene, &sos(&scene.token, 0)).await;
    let mut ids = Vec::new();
    for socket in &mut sockets {
        let told = alert(socket).await;
        let place = told.place.expect("it says where it is");
        assert_eq!((told.kind, told.unit_id.as_str()), (AlertKind::Sos, UNIT));
        assert_eq!((place.latitude, place.longitude, told.time), (9.9, 76.2, at(0)));
        assert_eq!(told.patrol_id, Some(patrol));
        ids.push(told.id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "it is one alert");
    call(&scene, &sos(&other, 1)).await;
    assert_eq!(alert(&mut elsewhere).await.unit_id.as_str(), "PC-9", "and the other is not told here");
    assert_eq!(scene.fix().await.event.as_deref(), Some("sos"));
}

#[tokio::test]
async fn what_is_sent_again_is_not_told_again_and_a_plain_fix_of_the_same_second_hides_no_sos() {
    let scene = Scene::begin().await;
    let admin = scene.server.sign_in("admin").await;
    let (mut socket, _) = Socket::subscribed(&scene.server, &admin, zone(3)).await;
    let plain = sos(&scene.token, 0).replace("&alarm=sos", "");
    for path in [&plain, &sos(&scene.token, 0), &sos(&scene.token, 0), &plain, &sos(&scene.token, 5)] {
        call(&scene, path).await;
    }
    assert_eq!(alert(&mut socket).await.time, at(0));
    assert_eq!(alert(&mut socket).await.time, at(5), "the next is another");
    assert_eq!(scene.fixes().await.len(), 3);
}

#[tokio::test]
async fn every_client_that_has_an_sos_is_heard_in_its_own_words() {
    let scene = Scene::begin().await;
    let admin = scene.server.sign_in("admin").await;
    let (mut socket, _) = Socket::subscribed(&scene.server, &admin, zone(3)).await;
    let record = |n, more: Value| {
        let mut record = crate::server::fix(at(n), 9.9, 76.2);
        record.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({"location": record})
    };
    for (n, more) in [
        json!({"extras": {"alarm": "sos"}, "event": "motionchange", "uuid": "u-1"}),
        json!({"alarm": "SOS"}),
        json!({"event": "sos"}),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = scene.post(record(n as i64, more).to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(alert(&mut socket).await.time, at(n as i64));
    }
    let other = scene.post(record(9, json!({"alarm": "lowBattery"})).to_string()).await;
    assert_eq!(other.status, StatusCode::OK);
    assert_eq!(
        scene.fixes().await[3].event.as_deref(),
        Some("alarm:lowBattery"),
        "an alarm that is no call for help"
    );
}

#[tokio::test]
async fn a_unit_off_duty_is_heard_too() {
    let scene = Scene::begin().await;
    let patrol = scene.server.start_patrol(UNIT, 6).await;
    scene.server.end_patrol(patrol).await;
    let admin = scene.server.sign_in("admin").await;
    let (mut socket, _) = Socket::subscribed(&scene.server, &admin, Scope::station(5)).await;
    call(&scene, &sos(&scene.token, 0)).await;
    assert_eq!(alert(&mut socket).await.patrol_id, None);
}

#[tokio::test]
async fn who_was_away_hears_of_it_on_coming_back() {
    let scene = Scene::begin().await;
    let admin = scene.server.sign_in("admin").await;
    let (socket, snapshot) = Socket::subscribed(&scene.server, &admin, zone(3)).await;
    drop(socket);
    call(&scene, &sos(&scene.token, 0)).await;
    let mut socket = Socket::open(&scene.server, &admin, crate::socket::Form::Postcard).await;
    let resume = sentinel_model::live::Subscribe {
        epoch: Some(snapshot.epoch),
        offset: Some(snapshot.offset),
        ..crate::socket::subscribe_to(zone(3))
    };
    socket.say(sentinel_model::live::ClientFrame::Subscribe(resume)).await;
    assert_eq!(alert(&mut socket).await.unit_id.as_str(), UNIT);
}

#[tokio::test]
async fn history_that_is_sent_again_after_a_restart_calls_nobody() {
    let Scene { server, token } = Scene::begin().await;
    let call = async |server: &Server, seconds| {
        let answer = send_until_heard(server.request(Method::GET, "", &sos(&token, seconds))).await;
        assert_answer(&answer, "");
    };
    call(&server, 0).await;
    server.clock.turn(2 * 3600);
    let server = server.restart().await;
    let admin = server.sign_in("admin").await;
    let (mut socket, _) = Socket::subscribed(&server, &admin, zone(3)).await;
    call(&server, 0).await;
    call(&server, 7200).await;
    assert_eq!(alert(&mut socket).await.time, at(7200), "only the new one is told");
}

#[tokio::test]
async fn a_call_without_a_usable_place_is_told_with_the_last_known_one_whichever_app_makes_it() {
    let scene = Scene::begin().await;
    let admin = scene.server.sign_in("admin").await;
    let (mut socket, _) = Socket::subscribed(&scene.server, &admin, zone(3)).await;
    let native = r#"{"status":"ok","accepted":0"#;
    let json = |record: Value| scene.post(json!({"device_id": UNIT, "location": record}).to_string());
    let osmand = |query: &str| {
        let path = format!("/?{}", query.replace("TOKEN", &scene.token));
        let request = scene.bare(Method::GET, &path);
        async move { send_until_heard(request).await }
    };
    // Where it is nobody knows yet.
    let answer = json(json!({"timestamp": at(1), "event": "sos", "battery": {"level": 0.5}})).await;
    assert!(answer.status == StatusCode::OK && answer.text.starts_with(native), "{}", answer.text);
    let first = alert(&mut socket).await;
    assert_eq!((first.kind, first.time, first.place), (AlertKind::Sos, at(1), None));

    scene.server.fixes(&scene.token, &[crate::server::fix(at(2), 9.9, 76.2)]).await;
    let mut hears = async |seconds: Option<i64>| {
        let told = alert(&mut socket).await;
        let place = told.place.expect("the last known one");
        assert_eq!((place.latitude, place.longitude, place.time), (9.9, 76.2, at(2)));
        if let Some(seconds) = seconds {
            assert_eq!(told.time, at(seconds));
        }
    };
    let coords = |latitude: Value| json!({"latitude": latitude, "longitude": 76.2});
    for (seconds, record) in [
        (3, json!({"timestamp": at(3), "extras": {"alarm": "SOS"}, "coords": coords(json!(91))})),
        (4, json!({"timestamp": at(4), "alarm": "sos", "coords": coords(json!("north"))})),
        (5, json!({"timestamp": at(5), "event": "SOS", "coords": null, "uuid": "u".repeat(500)})),
        (6, json!({"timestamp": at(6), "event": "sos", "coords": {"latitude": 0, "longitude": 0}})),
    ] {
        let answer = json(record).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        hears(Some(seconds)).await;
    }

    // A time that does not read, a record that does not, a body that is the call alone.
    for body in [
        json!({"location": {"timestamp": "soon", "event": "sos", "coords": coords(json!(9.9))}}).to_string(),
        format!(r#"{{"location":[{{"timestamp":"{}","event":"sos","coords":{{"latitude":1e999,"longitude":76}}}}]}}"#, at(7)),
        json!({"event": "sos", "timestamp": at(8)}).to_string(),
        json!({"locations": [{"type": "Feature", "geometry": null, "properties": {"timestamp": at(9), "action": "sos"}}]}).to_string(),
    ] {
        let answer = scene.post(body.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{body}: {}", answer.text);
        hears(None).await;
    }
    for query in [
        &format!("id={UNIT}&token=TOKEN&alarm=sos&timestamp={}", at(10)),
        &format!("id=TOKEN&alarm=SOS&timestamp={}", at(11)),
        &format!("deviceid=TOKEN&alarm=sos&lat=&lon=&timestamp={}", at(12)),
        &format!("id=TOKEN&alarm=sos&lat=912&lon=76&timestamp={}", at(13)),
        "token=TOKEN&alarm=sos&uuid=u-7&timestamp=soon",
    ] {
        assert_answer(&osmand(query).await, "");
        hears(None).await;
    }
    assert_eq!(scene.fixes().await.len(), 2, "what is no position is no history");
    let stranger = send(scene.bare(Method::GET, "/?id=nobody&alarm=sos")).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn calls_of_a_key_go_to_the_units_that_its_records_name() {
    let scene = Scene::begin().await;
    scene.server.unit("PC-2", 5).await;
    let key = scene.server.key(zone(3), &[sentinel_model::Permission::Ingest]).await;
    let admin = scene.server.sign_in("admin").await;
    let record = |unit: &str, n| json!({"unit_id": unit, "timestamp": at(n), "event": "sos"});
    let body = json!([record("PC-1", 1), record("PC-2", 2), record("PC-9", 3)]);
    let answer = scene.server.post(&key, "/api/v1/locations", body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let told = scene.server.get(&admin, "/api/v1/alerts").await.json;
    let aside = &answer.json["rejected"][2];
    assert_eq!(aside["index"], 2, "{}", answer.text);
    assert!(aside["reason"].as_str().is_some_and(|why| why.contains("PC-9")), "it was not heard: {aside}");
    assert_eq!(answer.json["rejected"].as_array().map(Vec::len), Some(3), "and the others had no place");
    let units: Vec<_> = [0, 1].map(|n| told["items"][n]["unit_id"].clone()).into();
    assert!(units.contains(&json!("PC-1")) && units.contains(&json!("PC-2")), "{told}");
    assert_eq!(told["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn what_is_sent_again_without_a_place_is_the_same_call() {
    let scene = Scene::begin().await;
    let admin = scene.server.sign_in("admin").await;
    for _ in 0..3 {
        let path = format!("/?id={}&alarm=sos&timestamp={}", scene.token, at(0));
        call(&scene, &path).await;
    }
    let told = scene.server.get(&admin, "/api/v1/alerts").await.json;
    assert_eq!(told["items"].as_array().map(Vec::len), Some(1), "{told}");
}
