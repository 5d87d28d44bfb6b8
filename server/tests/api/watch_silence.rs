//! Silence that nobody was there to tell of, and alerts of silence that is over.

use crate::{
    receiver::Receiver,
    server::{Server, eventually, id},
    socket::Socket,
    watch::{alerts, fence, north, rules},
    webhooks,
};
use sentinel_model::{
    Scope,
    alerts::{Alert, AlertKind},
    live::{Event, ServerFrame},
};
use sentinel_server::{
    config::ServeArgs,
    ports::{AlertRecord, Change},
    watch::rule_id,
};
use serde_json::json;

/// The same server, after it was away for so long.
async fn away(server: Server, seconds: i64) -> Server {
    let (folder, clock) = (server.folder.clone(), server.clock.clone());
    server.end().await;
    clock.turn(seconds);
    let args = ServeArgs { webhook_allow: Some(vec!["127.0.0.1".into()]), ..ServeArgs::default() };
    Server::over(folder, args.settle().expect("settles"), clock).await
}

/// The unit and the kind of each, those that are open first.
async fn told(server: &Server, admin: &str) -> (Vec<(String, AlertKind)>, Vec<(String, AlertKind)>) {
    let (open, closed): (Vec<_>, Vec<_>) =
        alerts(server, admin).await.into_iter().partition(|alert| alert.acknowledged.is_none());
    let named = |alerts: Vec<Alert>| {
        let mut named: Vec<_> = alerts.into_iter().map(|a| (a.unit_id.to_string(), a.kind)).collect();
        named.sort_by_key(|(unit, kind)| (unit.clone(), kind.as_str()));
        named
    };
    (named(open), named(closed))
}

fn of(unit: &str, kind: AlertKind) -> (String, AlertKind) {
    (unit.to_owned(), kind)
}

#[tokio::test]
async fn who_falls_silent_while_the_server_is_away_is_told_when_it_is_back_and_only_then() {
    const EVENTS: [&str; 3] = ["unit.stale", "unit.offline", "unit.available"];
    let (receiver, later) = (Receiver::start().await, Receiver::start().await);
    let server = webhooks::serve().await;
    let admin = server.sign_in("admin").await;
    webhooks::make(&server, &admin, &receiver.url(), "district:1", &EVENTS).await;
    rules(&server, &admin, "station:5", json!({"offline": true})).await;
    let fence = fence(&server, &admin, json!({"on": {"silent": true}})).await;
    let (token, other) = (server.unit("PC-1", 5).await, server.unit("PC-2", 5).await);
    server.fixes(&token, &[north(server.clock.now(), 0.0)]).await;

    let server = away(server, 70).await;
    let stale = of("PC-1", AlertKind::Stale);
    eventually("it is told", || async { told(&server, &admin).await.0 == [stale.clone()] }).await;
    assert_eq!(alerts(&server, &admin).await[0].fence_id, Some(fence));
    receiver.until(1).await;
    let server = away(server, 300).await;
    let offline = of("PC-1", AlertKind::Offline);
    let then = (vec![offline.clone()], vec![stale.clone()]);
    eventually("more is told", || async { told(&server, &admin).await == then }).await;
    receiver.until(2).await;

    // It was told: whoever asks later is not told what was before.
    webhooks::make(&server, &admin, &later.url(), "district:1", &EVENTS).await;
    rules(&server, &admin, "station:5", json!({"offline": true, "stale": true})).await;
    server.fixes(&other, &[north(server.clock.now(), 900.0)]).await;
    let server = away(server, 70).await;
    let then = vec![offline.clone(), of("PC-2", AlertKind::Stale)];
    eventually("the other is told", || async { told(&server, &admin).await.0 == then }).await;
    let server = away(server, 1).await;
    server.fixes(&token, &[north(server.clock.now(), 0.0)]).await;
    eventually("it is heard of", || async { told(&server, &admin).await.1.len() == 2 }).await;
    let of_unit = |receiver: &Receiver| -> Vec<String> {
        let got = receiver.got().into_iter().filter(|got| got.json["data"]["unit_id"] == "PC-1");
        got.map(|got| got.event().to_owned()).collect()
    };
    receiver.until(4).await;
    assert_eq!(of_unit(&receiver), EVENTS);
    later.until(2).await;
    assert_eq!(of_unit(&later), ["unit.available"]);
    server.end().await;
}

#[tokio::test]
async fn who_vanishes_in_a_fence_while_the_server_is_away_for_long_is_told_too() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let fence = fence(&server, &admin, json!({"on": {"silent": true}})).await;
    let (token, other) = (server.unit("PC-1", 5).await, server.unit("PC-2", 5).await);
    for (token, metres) in [(token, 0.0), (other, 900.0)] {
        server.fixes(&token, &[north(server.clock.now(), metres)]).await;
    }
    let server = away(server, 400).await;
    let offline = of("PC-1", AlertKind::Offline);
    eventually("it is told", || async { told(&server, &admin).await.0 == [offline.clone()] }).await;
    assert_eq!(alerts(&server, &admin).await[0].fence_id, Some(fence));
    server.end().await;
}

#[tokio::test]
async fn an_alert_of_silence_ends_with_its_patrol() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    rules(&server, &admin, "station:5", json!({"stale": true, "offline": true})).await;
    for unit in ["PC-1", "PC-2"] {
        server.unit(unit, 5).await;
    }
    let patrol = server.start_patrol("PC-1", 5).await;
    server.start_patrol("PC-2", 5).await;
    server.clock.turn(301);
    let (one, other) = (of("PC-1", AlertKind::Offline), of("PC-2", AlertKind::Offline));
    let both = (vec![one.clone(), other.clone()], vec![]);
    eventually("both are told", || async { told(&server, &admin).await == both }).await;
    server.end_patrol(patrol).await;
    let then = (vec![other.clone()], vec![one.clone()]);
    eventually("it is closed", || async { told(&server, &admin).await == then }).await;
    // Another patrol is not silent for the one before.
    let again = server.start_patrol("PC-2", 6).await;
    eventually("all are closed", || async { told(&server, &admin).await.0.is_empty() }).await;
    let notes: Vec<_> = alerts(&server, &admin).await.into_iter().filter_map(|a| a.acknowledged).collect();
    assert!(notes.iter().all(|by| by.by == "sentinel" && by.note.contains("patrol")), "{notes:?}");
    server.end_patrol(again).await;
    server.end().await;
}

#[tokio::test]
async fn an_alert_of_silence_that_was_kept_and_not_told_is_told_once() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    rules(&server, &admin, "station:5", json!({"stale": true})).await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[north(server.clock.now(), 0.0)]).await;
    let (mut socket, _) = Socket::subscribed(&server, &admin, Scope::station(5)).await;
    // As of a process that is killed between the commit and its telling.
    let last = server.sentinel.positions.get(&id("PC-1")).await.expect("reads").expect("it was heard");
    let unit = server.sentinel.directory.unit(&id("PC-1")).expect("it is there");
    let patrol = unit.patrol.expect("it is on patrol");
    let heard = last.received_at.max(patrol.started_at);
    let alert = Alert {
        id: rule_id(&id("PC-1"), AlertKind::Stale, heard),
        kind: AlertKind::Stale,
        unit_id: id("PC-1"),
        unit_name: "PC-1".into(),
        patrol_id: Some(patrol.id),
        station: Scope::station(5),
        at: server.clock.now(),
        time: heard,
        place: None,
        fence: None,
        fence_id: None,
        acknowledged: None,
        escalated: Vec::new(),
    };
    // Of a silence that has begun: else it would be closed at once.
    server.clock.turn(70);
    let kept = alert.id.clone();
    server.change(vec![Change::PutAlert(AlertRecord { alert, path: unit.path() })]).await;
    let told = |frame| match frame {
        ServerFrame::Event(Event::Alert(told)) => Some(*told.alert),
        _ => None,
    };
    let first = socket.until("it is told", told).await;
    assert_eq!((first.id, first.acknowledged), (kept.clone(), None));
    server.fixes(&token, &[north(server.clock.now(), 0.0)]).await;
    let second = socket.until("its end", told).await;
    assert_eq!(second.id, kept);
    assert!(second.acknowledged.is_some(), "it is told once");
    server.end().await;
}
