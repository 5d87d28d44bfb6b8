//! Alerts are kept until somebody says that they have them: `/api/v1/alerts`.

use crate::{
    over_every_form,
    receiver::Receiver,
    server::{Answer, DISTRICT, Server, at, eventually, fix, id, send, send_until_heard, zone},
    socket::{EventSource, Form, Socket},
};
use axum::http::{Method, StatusCode};
use sentinel_model::{
    Page, Permission, Scope,
    alerts::{Alert, AlertKind},
    audit::AuditEntry,
    live::{Event, ServerFrame},
};
use sentinel_server::{
    config::ServeArgs,
    ingest::{alerts::FENCES_AN_HOUR, decode},
};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

over_every_form!(an_alert_is_in_every_snapshot_until_it_is_acknowledged_and_both_are_told);

/// A call for help, with a place.
pub(crate) async fn call(server: &Server, token: &str, seconds: i64) {
    let path = format!("/?id={token}&lat=9.9&lon=76.2&timestamp={}&alarm=sos", at(seconds));
    let answer = send_until_heard(server.request(Method::GET, "", &path)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

/// Points of a device that comes to a fence.
pub(crate) fn entered(seconds: i64, fence: &str) -> Value {
    let mut point = fix(at(seconds), 9.9, 76.2);
    point["geofence"] = json!({"identifier": fence, "action": "ENTER"});
    point
}

pub(crate) async fn alerts(server: &Server, who: &str, query: &str) -> Vec<Alert> {
    let answer = server.get(who, &format!("/api/v1/alerts{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.as_a::<Page<Alert>>().items
}

/// So many there are; fences are told beside the answer.
pub(crate) async fn until_there_are(server: &Server, who: &str, query: &str, count: usize) {
    eventually("the alerts are there", || async { alerts(server, who, query).await.len() == count }).await;
}

async fn acknowledge(server: &Server, who: &str, id: &str, body: Value) -> Answer {
    server.post(who, &format!("/api/v1/alerts/{id}/acknowledge"), body).await
}

/// The next alert that is told.
pub(crate) async fn told(socket: &mut Socket) -> Alert {
    let hears = |frame| match frame {
        ServerFrame::Event(Event::Alert(told)) => Some(*told.alert),
        _ => None,
    };
    socket.until("an alert", hears).await
}

async fn an_alert_is_in_every_snapshot_until_it_is_acknowledged_and_both_are_told(form: Form) {
    let server = Server::start().await;
    let (token, admin) = (server.unit("PC-1", 5).await, server.sign_in("admin").await);
    let (mut socket, before) = Socket::subscribed_as(form, &server, &admin, zone(3)).await;
    assert_eq!(before.alerts, []);
    call(&server, &token, 0).await;
    let raised = told(&mut socket).await;
    assert_eq!((raised.kind, raised.unit_id.as_str(), raised.is_open()), (AlertKind::Sos, "PC-1", true));
    assert_eq!(raised.station, Scope::station(5));
    let (other, snapshot) = Socket::subscribed_as(form, &server, &admin, DISTRICT).await;
    assert_eq!(snapshot.alerts, std::slice::from_ref(&raised));
    drop(other);
    let (_, elsewhere) = Socket::subscribed_as(form, &server, &admin, zone(4)).await;
    assert_eq!(elsewhere.alerts, []);

    let answer = acknowledge(&server, &admin, &raised.id, json!({"note": "on it"})).await;
    let acknowledged: Alert = answer.as_a();
    assert_eq!(told(&mut socket).await, acknowledged);
    let (_, after) = Socket::subscribed_as(form, &server, &admin, zone(3)).await;
    assert_eq!(after.alerts, []);
    server.end().await;
}

#[tokio::test]
async fn what_is_open_is_open_after_a_restart_and_what_is_acknowledged_is_kept() {
    let server = Server::start().await;
    let (token, admin) = (server.unit("PC-1", 5).await, server.sign_in("admin").await);
    call(&server, &token, 0).await;
    call(&server, &token, 1).await;
    let [second, first] = &alerts(&server, &admin, "").await[..] else { panic!("two alerts") };
    assert_eq!((first.time, second.time), (at(0), at(1)));
    acknowledge(&server, &admin, &first.id, json!({})).await;
    let server = server.restart().await;
    let ids = |alerts: Vec<Alert>| alerts.into_iter().map(|alert| alert.id).collect::<Vec<_>>();
    assert_eq!(ids(alerts(&server, &admin, "").await), [second.id.as_str()]);
    assert_eq!(ids(alerts(&server, &admin, "?state=acknowledged").await), [first.id.as_str()]);
    assert_eq!(ids(alerts(&server, &admin, "?state=all&unit_id=PC-1&kind=sos").await).len(), 2);
    assert_eq!(ids(alerts(&server, &admin, "?state=all&kind=enter").await).len(), 0);
    let (_, snapshot) = Socket::subscribed(&server, &admin, zone(3)).await;
    assert_eq!(ids(snapshot.alerts), [second.id.as_str()]);
}

#[tokio::test]
async fn a_list_is_paged_newest_first() {
    let server = Server::start().await;
    let (token, admin) = (server.unit("PC-1", 5).await, server.sign_in("admin").await);
    // In one request, and so at one moment.
    let points: Vec<Value> = (0..25).map(|n| entered(n, &format!("f{n}"))).collect();
    server.fixes(&token, &points).await;
    until_there_are(&server, &admin, "", 25).await;
    let (mut read, mut cursor) = (Vec::new(), String::new());
    loop {
        let page: Page<Alert> =
            server.get(&admin, &format!("/api/v1/alerts?limit=10&cursor={cursor}")).await.as_a();
        read.extend(page.items.into_iter().map(|alert| alert.id));
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    let all: Vec<String> = alerts(&server, &admin, "").await.into_iter().map(|alert| alert.id).collect();
    assert_eq!((read.len(), read), (25, all));
    let bad = server.get(&admin, "/api/v1/alerts?cursor=nonsense").await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_first_who_acknowledges_stays_and_the_audit_log_tells_who_it_was() {
    let server = Server::start().await;
    let (token, admin) = (server.unit("PC-1", 5).await, server.sign_in("admin").await);
    let chief = server.sign_in("chief5").await;
    call(&server, &token, 0).await;
    let alert = alerts(&server, &chief, "").await.remove(0);
    let first = acknowledge(&server, &chief, &alert.id, json!({"note": " PC-2 drives there "})).await;
    let first: Alert = first.as_a();
    let by = first.acknowledged.as_ref().expect("it is acknowledged");
    assert_eq!((by.by.as_str(), by.note.as_str()), ("user:chief5", "PC-2 drives there"));
    let again: Alert = acknowledge(&server, &admin, &alert.id, json!({"note": "mine"})).await.as_a();
    assert_eq!(again, first);
    assert_eq!(server.get(&admin, &format!("/api/v1/alerts/{}", alert.id)).await.as_a::<Alert>(), first);
    let told: Page<AuditEntry> = server.get(&admin, "/api/v1/audit").await.as_a();
    let told: Vec<_> = told.items.iter().filter(|entry| entry.action == "alert_acknowledged").collect();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].who.as_str(), told[0].target.as_str()), ("user:chief5", alert.id.as_str()));
}

#[tokio::test]
async fn a_note_is_short_and_may_be_left_out() {
    let server = Server::start().await;
    let (token, admin) = (server.unit("PC-1", 5).await, server.sign_in("admin").await);
    call(&server, &token, 0).await;
    let id = alerts(&server, &admin, "").await.remove(0).id;
    for bad in [json!({"note": "x".repeat(501)}), json!({"note": 7}), json!({"node": "x"}), json!([])] {
        assert_eq!(acknowledge(&server, &admin, &id, bad).await.status, StatusCode::BAD_REQUEST);
    }
    let path = format!("/api/v1/alerts/{id}/acknowledge");
    assert_eq!(send(server.request(Method::POST, &admin, &path)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn who_sees_a_station_sees_its_alerts_and_who_runs_it_acknowledges_them() {
    let server = Server::start().await;
    let (token, other) = (server.unit("PC-1", 5).await, server.unit("PC-9", 9).await);
    call(&server, &token, 0).await;
    call(&server, &other, 0).await;
    let key = async |scope, permissions: &[Permission]| server.key(scope, permissions).await;
    let reads = key(zone(3), &[Permission::Read]).await;
    let dispatches = key(zone(3), &[Permission::Read, Permission::Dispatch]).await;
    let blind = key(zone(3), &[Permission::Dispatch]).await;
    let manages = key(zone(3), &[Permission::Manage]).await;
    let mine = alerts(&server, &reads, "").await.remove(0);
    assert_eq!(mine.unit_id.as_str(), "PC-1");
    let theirs = alerts(&server, &server.sign_in("chief9").await, "").await.remove(0);
    for who in [&reads, &dispatches, &server.sign_in("zone3").await, &server.sign_in("chief5").await] {
        let own = alerts(&server, who, "?state=all").await;
        assert_eq!(own, std::slice::from_ref(&mine), "its own and no other");
        assert_eq!(server.get(who, "/api/v1/alerts?scope=zone:4").await.status, StatusCode::FORBIDDEN);
        let path = format!("/api/v1/alerts/{}", theirs.id);
        assert_eq!(server.get(who, &path).await.status, StatusCode::NOT_FOUND);
        assert_eq!(acknowledge(&server, who, &theirs.id, json!({})).await.status, StatusCode::NOT_FOUND);
    }
    for who in [&blind, &manages, &token] {
        assert_eq!(server.get(who, "/api/v1/alerts").await.status, StatusCode::FORBIDDEN);
        assert_eq!(acknowledge(&server, who, &mine.id, json!({})).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(acknowledge(&server, &reads, &mine.id, json!({})).await.status, StatusCode::FORBIDDEN);
    assert_eq!(server.get("", "/api/v1/alerts").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(acknowledge(&server, &dispatches, "nothing", json!({})).await.status, StatusCode::NOT_FOUND);
    let done: Alert = acknowledge(&server, &dispatches, &mine.id, json!({})).await.as_a();
    assert!(!done.is_open());
    assert_eq!(alerts(&server, &server.sign_in("chief9").await, "").await, [theirs], "open as before");
}

#[tokio::test]
async fn a_stream_of_alerts_alone_tells_no_positions() {
    let server = Server::start().await;
    let (token, admin) = (server.unit("PC-1", 5).await, server.sign_in("admin").await);
    call(&server, &token, 0).await;
    let mut stream = EventSource::of(server.url(""), &admin);
    stream.open("scope=zone:3&kinds=alert&positions=false", &[]).await;
    let mut next = async || match stream.next().await {
        crate::socket::Heard::Frame(frame) => frame,
        other => panic!("{other:?}"),
    };
    let ServerFrame::Snapshot(snapshot) = next().await else { panic!("no snapshot") };
    assert_eq!((snapshot.units, snapshot.alerts.len()), (Vec::new(), 1));
    for seconds in 1..20 {
        server.fixes(&token, &[fix(at(seconds), 9.9 + seconds as f64 / 1e3, 76.2)]).await;
    }
    call(&server, &token, 30).await;
    let told = next().await;
    assert!(matches!(&told, ServerFrame::Event(Event::Alert(told)) if told.alert.time == at(30)), "{told:?}");
}

#[tokio::test]
async fn what_was_stored_and_never_told_is_told_when_it_is_sent_again_however_late() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    let query = format!("lat=9.9&lon=76.2&timestamp={}&alarm=sos", at(0));
    let incoming = decode::Incoming { query: &query, ..decode::Incoming::default() };
    let posted = decode::decode(&incoming, &server.sentinel.clock).expect("a position");
    // As a process leaves it that ends at this very moment.
    server.sentinel.intake.accept(&id("PC-1"), posted.fixes).await.expect("stores");
    server.clock.turn(26 * 3600);
    let server = server.restart().await;
    let admin = server.sign_in("admin").await;
    assert_eq!(server.stored_times(&admin, "PC-1").await, [at(0)]);
    let (mut socket, _) = Socket::subscribed(&server, &admin, zone(3)).await;
    for _ in 0..3 {
        call(&server, &token, 0).await;
    }
    call(&server, &token, 26 * 3600).await;
    let late = told(&mut socket).await;
    assert!(late.time == at(0) && late.at >= at(26 * 3600), "it says when it was called: {late:?}");
    assert_eq!(told(&mut socket).await.time, at(26 * 3600), "and once");
    assert_eq!(alerts(&server, &admin, "").await.len(), 2);
}

#[tokio::test]
async fn every_sos_of_a_request_is_told() {
    let server = Server::start().await;
    let (token, admin) = (server.unit("PC-1", 5).await, server.sign_in("admin").await);
    let calls = (0..40).map(|n| {
        let mut point = fix(at(n), 9.9, 76.2);
        point["event"] = json!("sos");
        point
    });
    server.fixes(&token, &calls.collect::<Vec<_>>()).await;
    assert_eq!(alerts(&server, &admin, "").await.len(), 40);
}

#[tokio::test]
async fn fences_of_devices_are_alerts_and_a_broken_phone_buries_nobody() {
    let args = ServeArgs { webhook_allow: Some(vec!["127.0.0.1".into()]), ..ServeArgs::default() };
    let server = Server::start_with(args).await;
    let receiver = Receiver::start().await;
    let (token, admin) = (server.unit("PC-1", 5).await, server.sign_in("admin").await);
    let body = json!({"name": "n", "url": receiver.url(), "scope": "zone:3", "events": ["alert.enter", "alert.exit"]});
    assert_eq!(server.post(&admin, "/api/v1/webhooks", body).await.status, StatusCode::CREATED);
    server.fixes(&token, &[entered(0, "depot")]).await;
    let left = json!({"_type": "transition", "event": "leave", "desc": "home", "tst": at(1).ms() / 1000, "lat": 9.9, "lon": 76.2});
    assert_eq!(server.post(&token, "/", left).await.status, StatusCode::OK);
    let got = receiver.until(2).await;
    let said: Vec<_> = got.iter().map(|got| (got.event(), got.json["data"]["fence"].clone())).collect();
    assert!(
        said.contains(&("alert.enter", json!("depot"))) && said.contains(&("alert.exit", json!("home"))),
        "{said:?}"
    );
    assert_eq!(got[0].json["data"]["latitude"], 9.9);
    assert!(got[0].json["data"]["unit_name"].is_string());
    until_there_are(&server, &admin, "", 2).await;
    let kinds: Vec<_> =
        alerts(&server, &admin, "").await.into_iter().map(|alert| (alert.kind, alert.fence)).collect();
    assert_eq!(kinds, [(AlertKind::Exit, Some("home".into())), (AlertKind::Enter, Some("depot".into()))]);

    let many: Vec<Value> = (10..200).map(|n| entered(n, "depot")).collect();
    server.fixes(&token, &many).await;
    assert_eq!(server.stored_times(&admin, "PC-1").await.len(), 192, "history has them all");
    until_there_are(&server, &admin, "?limit=1000", FENCES_AN_HOUR as usize).await;
    call(&server, &token, 300).await;
    assert_eq!(alerts(&server, &admin, "?kind=sos").await.len(), 1, "a call for help is always heard");
    let untold = server.sentinel.ingest.counts.fences_untold.load(Ordering::Relaxed);
    assert_eq!(untold, 192 - u64::from(FENCES_AN_HOUR));
    server.clock.turn(3600);
    server.fixes(&token, &[entered(3600, "depot")]).await;
    until_there_are(&server, &admin, "?kind=enter&limit=1000", FENCES_AN_HOUR as usize).await;
}

#[tokio::test]
async fn erasing_a_unit_removes_its_alerts_from_lists_screens_and_outboxes() {
    let server = Server::start().await;
    let (token, other) = (server.unit("PC-1", 5).await, server.unit("PC-2", 5).await);
    let admin = server.sign_in("admin").await;
    call(&server, &token, 0).await;
    call(&server, &token, 1).await;
    call(&server, &other, 0).await;
    server.fixes(&token, &[entered(2, "hideaway-41")]).await;
    until_there_are(&server, &admin, "", 4).await;
    let said = |server: &Server| {
        let bytes = |name: &str| std::fs::read(server.folder.path().join(name)).unwrap_or_default();
        let all = [bytes("records.db"), bytes("records.db-wal")].concat();
        memchr::memmem::find(&all, b"hideaway-41").is_some()
    };
    assert!(said(&server), "it is in the records");
    let taken = alerts(&server, &admin, "?unit_id=PC-1").await.remove(0);
    acknowledge(&server, &admin, &taken.id, json!({"note": "seen"})).await;
    let (mut socket, snapshot) = Socket::subscribed(&server, &admin, zone(3)).await;
    assert_eq!(snapshot.alerts.len(), 3);
    let path = "/api/v1/units/PC-1/data";
    assert_eq!(send(server.request(Method::DELETE, &admin, path)).await.status, StatusCode::OK);
    for _ in 0..2 {
        let gone = told(&mut socket).await;
        assert_eq!((gone.unit_id.as_str(), gone.is_open()), ("PC-1", false));
    }
    assert!(!said(&server), "and is no more, nor on the disk");
    let of =
        |alerts: Vec<Alert>| alerts.into_iter().map(|alert| alert.unit_id.to_string()).collect::<Vec<_>>();
    assert_eq!(of(alerts(&server, &admin, "?state=all").await), ["PC-2"]);
    let (_, snapshot) = Socket::subscribed(&server, &admin, zone(3)).await;
    assert_eq!(of(snapshot.alerts), ["PC-2"]);
    let server = server.restart().await;
    assert_eq!(of(alerts(&server, &admin, "?state=all").await), ["PC-2"]);
}
