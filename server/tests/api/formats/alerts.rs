//! Calls for help reach whoever may see the unit, at once and once.

use super::*;
use crate::{
    server::{DISTRICT, at, zone},
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

/// The next alert that a socket hears.
async fn alert(socket: &mut Socket) -> Alert {
    let hears = |frame| match frame {
        ServerFrame::Event(Event::Alert(told)) => Some(told.alert),
        _ => None,
    };
    socket.until("an alert", hears).await
}

#[tokio::test]
async fn an_sos_is_told_to_every_scope_above_the_unit_and_to_no_other() {
    let scene = Scene::begin().await;
    let other = scene.server.unit("PC-9", 9).await;
    let admin = scene.server.sign_in("admin").await;
    let mut sockets = Vec::new();
    for scope in [Scope::station(5), zone(3), DISTRICT] {
        sockets.push(Socket::subscribed(&scene.server, &admin, scope).await.0);
    }
    let (mut elsewhere, _) = Socket::subscribed(&scene.server, &admin, zone(4)).await;
    assert_answer(&send(scene.bare(Method::GET, &sos(&scene.token, 0))).await, "");
    let mut ids = Vec::new();
    for socket in &mut sockets {
        let told = alert(socket).await;
        let place = told.place.expect("it says where it is");
        assert_eq!((told.kind, told.unit_id.as_str()), (AlertKind::Sos, UNIT));
        assert_eq!((place.latitude, place.longitude, told.time), (9.9, 76.2, at(0)));
        assert!(told.patrol_id.is_some(), "its first fix has started its patrol");
        ids.push(told.id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "it is one alert");
    assert_answer(&send(scene.bare(Method::GET, &sos(&other, 1))).await, "");
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
        assert_answer(&send(scene.bare(Method::GET, path)).await, "");
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
    assert_answer(&send(scene.bare(Method::GET, &sos(&scene.token, 0))).await, "");
    assert_eq!(alert(&mut socket).await.patrol_id, None);
}

#[tokio::test]
async fn who_was_away_hears_of_it_on_coming_back() {
    let scene = Scene::begin().await;
    let admin = scene.server.sign_in("admin").await;
    let (socket, snapshot) = Socket::subscribed(&scene.server, &admin, zone(3)).await;
    drop(socket);
    assert_answer(&send(scene.bare(Method::GET, &sos(&scene.token, 0))).await, "");
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
        let answer = send(server.request(Method::GET, "", &sos(&token, seconds))).await;
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
