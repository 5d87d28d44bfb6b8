//! What is open is what the records say, and calls for help come before everything else.

use crate::{
    alerts::{alerts, call, entered, told, until_there_are},
    server::{Server, at, zone},
    socket::Socket,
};
use sentinel_model::{
    alerts::{Acknowledgement, Alert, AlertKind},
    live::SNAPSHOT_ALERTS,
};
use sentinel_server::{
    ingest::alerts::FENCES_AN_HOUR,
    ports::{AlertRecord, Change},
};
use serde_json::Value;
use std::time::Duration;

#[tokio::test]
async fn a_call_for_help_is_in_the_snapshot_however_many_fences_come_after_it() {
    let server = Server::start().await;
    let (token, other) = (server.unit("PC-1", 5).await, server.unit("PC-2", 5).await);
    let admin = server.sign_in("admin").await;
    call(&server, &token, 0).await;
    server.clock.turn(60);
    for token in [&token, &other] {
        let many: Vec<Value> = (0..FENCES_AN_HOUR).map(|n| entered(1 + i64::from(n), "depot")).collect();
        server.fixes(token, &many).await;
    }
    let all = 1 + 2 * FENCES_AN_HOUR as usize;
    until_there_are(&server, &admin, "?limit=1000", all).await;
    assert!(all > SNAPSHOT_ALERTS);
    let (_, snapshot) = Socket::subscribed(&server, &admin, zone(3)).await;
    assert_eq!(snapshot.alerts.len(), SNAPSHOT_ALERTS);
    assert!(snapshot.alerts.is_sorted_by_key(|alert| std::cmp::Reverse(alert.at)), "newest first");
    let last = snapshot.alerts.last().expect("there are some");
    assert_eq!((last.kind, last.time), (AlertKind::Sos, at(0)));
}

#[tokio::test]
async fn fences_close_by_themselves_after_a_day_and_a_call_for_help_only_once_nothing_of_its_time_is_kept() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    let admin = server.sign_in("admin").await;
    call(&server, &token, 0).await;
    server.fixes(&token, &[entered(1, "depot"), entered(2, "depot")]).await;
    until_there_are(&server, &admin, "", 3).await;
    server.clock.turn(23 * 3600);
    let open = &server.sentinel.ingest.alerts;
    open.close_old(None).await.expect("looks");
    let admin = server.sign_in("admin").await;
    assert_eq!(alerts(&server, &admin, "").await.len(), 3, "not before");
    server.clock.turn(2 * 3600);
    let admin = server.sign_in("admin").await;
    let (mut socket, _) = Socket::subscribed(&server, &admin, zone(3)).await;
    open.close_old(None).await.expect("closes");
    for _ in 0..2 {
        let closed = told(&mut socket).await;
        let by = closed.acknowledged.expect("it is told as acknowledged");
        assert_eq!((closed.kind, &*by.by), (AlertKind::Enter, "sentinel"));
    }
    let left = alerts(&server, &admin, "").await;
    assert_eq!(left.iter().map(|alert| alert.kind).collect::<Vec<_>>(), [AlertKind::Sos]);
    let (_, snapshot) = Socket::subscribed(&server, &admin, zone(3)).await;
    assert_eq!(snapshot.alerts, left);
    open.close_old(Some(Duration::from_secs(3600))).await.expect("closes");
    assert_eq!(told(&mut socket).await.kind, AlertKind::Sos);
    assert_eq!(alerts(&server, &admin, "").await, []);
    assert_eq!(alerts(&server, &admin, "?state=acknowledged").await.len(), 3);
}

#[tokio::test]
async fn snapshots_follow_the_records_and_show_what_was_told_and_could_not_be_kept() {
    let server = Server::start().await;
    let (token, admin) = (server.unit("PC-1", 5).await, server.sign_in("admin").await);
    let (mut socket, _) = Socket::subscribed(&server, &admin, zone(3)).await;
    call(&server, &token, 0).await;
    let kept = told(&mut socket).await;
    let directory = &server.sentinel.directory;
    let record = (*directory.open_alert(&kept.id).expect("it is open")).clone();
    let cried = Alert { id: "cried".into(), ..kept.clone() };
    let alone = AlertRecord { alert: cried.clone(), path: record.path };
    server.sentinel.ingest.alerts.tell(&[alone]).await.expect("tells");
    assert_eq!(told(&mut socket).await, cried);
    let (_, snapshot) = Socket::subscribed(&server, &admin, zone(3)).await;
    assert!(snapshot.alerts.contains(&cried) && snapshot.alerts.contains(&kept), "{snapshot:?}");
    // As where somebody's acknowledgement was committed and could not be told.
    let by = Acknowledgement { at: at(1), by: "user:x".into(), name: "X".into(), note: String::new() };
    let alert = Alert { acknowledged: Some(by), ..kept };
    directory.put(vec![Change::PutAlert(AlertRecord { alert, path: record.path })]).await.expect("commits");
    let (_, snapshot) = Socket::subscribed(&server, &admin, zone(3)).await;
    assert_eq!(snapshot.alerts, [cried]);
}
