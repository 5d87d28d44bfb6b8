//! What is sent, to whom, and that it arrives.

use super::*;
use crate::server::{fix, id};
use sentinel_model::webhook::DeliveryState;
use std::collections::BTreeSet;

#[tokio::test]
async fn a_patrol_is_told_signed_to_those_who_want_it_and_to_nobody_else() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let [all, ends, elsewhere] = [Receiver::start().await, Receiver::start().await, Receiver::start().await];
    let (_, secret) = make(&server, &admin, &all.url(), "zone:3", &["*"]).await;
    make(&server, &admin, &ends.url(), "station:5", &["patrol.ended"]).await;
    make(&server, &admin, &elsewhere.url(), "zone:4", &["*"]).await;
    server.unit("PC-1", 5).await;
    let patrol = server.start_patrol("PC-1", 5).await;
    server.end_patrol(patrol).await;

    let [started, ended] = &all.until(2).await[..] else { panic!("more than two") };
    let data = json!({
        "unit_id": "PC-1", "patrol_id": patrol, "station": "station:5", "division": "division:2",
        "zone": "zone:3", "district": "district:1", "started_at": started.json["timestamp"],
    });
    assert_eq!(
        started.json,
        json!({"type": "patrol.started", "timestamp": started.json["timestamp"], "data": data})
    );
    assert_eq!(ended.event(), "patrol.ended");
    assert_eq!(ended.json["data"]["ended_at"], ended.json["timestamp"]);
    assert_eq!(ended.json["data"]["started_at"], started.json["timestamp"]);
    for got in [started, ended] {
        assert!(got.is_signed_with(&secret), "{got:?}");
        assert!(!got.is_signed_with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        assert_eq!(got.header("content-type"), "application/json");
        assert!(got.header("user-agent").starts_with("Sentinel-Webhooks/"));
        assert!(got.header("authorization").is_empty() && got.header("cookie").is_empty());
    }
    assert_ne!(started.id(), ended.id());
    assert_eq!(ends.until(1).await[0].event(), "patrol.ended");
    assert_ne!(ends.got()[0].id(), ended.id(), "an id is one endpoint's");
    assert!(ends.got().len() == 1 && elsewhere.got().is_empty());
}

#[tokio::test]
async fn what_happens_to_one_unit_arrives_in_order_each_once_under_an_id_of_its_own() {
    const SHIFTS: usize = 12;
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let receiver = Receiver::start().await;
    let (webhook, _) = make(&server, &admin, &receiver.url(), "district:1", &["*"]).await;
    for unit in ["PC-1", "PC-2", "PC-3"] {
        server.unit(unit, 5).await;
    }
    for _ in 0..SHIFTS {
        tokio::join!(shift(&server, "PC-1"), shift(&server, "PC-2"), shift(&server, "PC-3"));
    }
    let all = receiver.until(3 * 2 * SHIFTS).await;
    let ids: BTreeSet<&str> = all.iter().map(|got| got.id()).collect();
    assert_eq!(ids.len(), all.len());
    for unit in ["PC-1", "PC-2", "PC-3"] {
        let times: Vec<&str> = all
            .iter()
            .filter(|got| got.json["data"]["unit_id"] == unit)
            .map(|got| got.json["timestamp"].as_str().expect("a time"))
            .collect();
        assert_eq!(times.len(), 2 * SHIFTS);
        assert!(times.is_sorted(), "{unit}: {times:?}");
    }
    let log = until_log(&server, &admin, &webhook, "all are delivered", |log| {
        log.iter().all(|delivery| delivery.state == DeliveryState::Delivered)
    })
    .await;
    assert!(log.is_sorted_by(|a, b| a.created_at >= b.created_at), "newest first");
    assert_eq!(receiver.got().len(), all.len(), "each once");
    let pages = format!("/api/v1/webhooks/{webhook}/deliveries?limit=50");
    let first: Page<Delivery> = server.get(&admin, &pages).await.as_a();
    let next = first.next.expect("there is more");
    let second: Page<Delivery> = server.get(&admin, &format!("{pages}&cursor={next}")).await.as_a();
    assert_eq!([first.items, second.items].concat(), log);
    assert_eq!(second.next, None);
}

#[tokio::test]
async fn a_unit_that_falls_silent_is_told_once_and_again_when_it_is_heard_of() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let receiver = Receiver::start().await;
    let wanted = ["unit.stale", "unit.offline", "unit.available"];
    make(&server, &admin, &receiver.url(), "station:5", &wanted).await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(server.clock.now(), 9.9, 76.2)]).await;
    for (turned, event) in [(70, "unit.stale"), (300, "unit.offline")] {
        let before = receiver.got().len();
        server.clock.turn(turned);
        let got = receiver.until(before + 1).await;
        assert_eq!(got[before].event(), event);
        assert_eq!(got[before].json["data"]["unit_id"], "PC-1");
    }
    server.fixes(&token, &[fix(server.clock.now(), 9.9, 76.2)]).await;
    let got = receiver.until(3).await;
    assert_eq!((got[2].event(), &got[2].json["data"]["status"]), ("unit.available", &json!("available")));
    assert!(got[2].json["data"]["heard_at"].is_string());
    server.clock.turn(70);
    assert_eq!(receiver.until(4).await[3].event(), "unit.stale");
    let ids: BTreeSet<String> = receiver.got().iter().map(|got| got.id().to_owned()).collect();
    assert_eq!(ids.len(), 4, "the second silence is another: {:?}", receiver.events());
}

#[tokio::test]
async fn first_fixes_that_start_patrols_are_told_too() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let receiver = Receiver::start().await;
    make(&server, &admin, &receiver.url(), "district:1", &["patrol.started"]).await;
    for n in 0..20 {
        let token = server.unit(&format!("PC-{n}"), 5).await;
        server.fixes(&token, &[fix(server.clock.now(), 9.9, 76.2)]).await;
    }
    let units: BTreeSet<String> =
        receiver.until(20).await.iter().map(|got| got.json["data"]["unit_id"].to_string()).collect();
    assert_eq!(units.len(), 20);
}

#[tokio::test]
async fn a_new_secret_and_the_one_before_both_sign_for_a_day() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let receiver = Receiver::start().await;
    let (webhook, old) = make(&server, &admin, &receiver.url(), "zone:3", &["*"]).await;
    let path = format!("/api/v1/webhooks/{webhook}");
    let rotated = server.post(&admin, &format!("{path}/rotate-secret"), json!({})).await;
    let new = rotated.json["secret"].as_str().expect("a secret").to_owned();
    assert_ne!(new, old);
    let ping = || async { server.post(&admin, &format!("{path}/test"), json!({})).await };
    let told = ping().await;
    assert_eq!(told.status, StatusCode::ACCEPTED);
    let got = receiver.until(1).await.remove(0);
    assert_eq!((got.event(), got.id()), ("ping", told.json["id"].as_str().expect("an id")));
    assert!(got.is_signed_with(&old) && got.is_signed_with(&new));
    server.clock.turn(24 * 3600 + 1);
    // The session has ended with the day.
    let admin = server.sign_in("admin").await;
    server.post(&admin, &format!("{path}/test"), json!({})).await;
    let got = receiver.until(2).await.remove(1);
    assert!(!got.is_signed_with(&old) && got.is_signed_with(&new));
    for shown in [server.get(&admin, &path).await.text, server.get(&admin, "/api/v1/webhooks").await.text] {
        assert!(!shown.contains("whsec_") && !shown.contains("secret"), "{shown}");
    }
}

#[tokio::test]
async fn what_was_not_delivered_before_a_restart_is_after_it() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let receiver = Receiver::start().await;
    receiver.answer_by(crate::receiver::How::Hang);
    let (webhook, _) = make(&server, &admin, &receiver.url(), "zone:3", &["*"]).await;
    server.unit("PC-1", 5).await;
    server.start_patrol("PC-1", 5).await;
    let first = receiver.until(1).await.remove(0);
    receiver.answer_by(crate::receiver::How::Status(204));
    let server = server.restart().await;
    let again = receiver.until(2).await.remove(1);
    assert_eq!((again.id(), &again.text), (first.id(), &first.text), "the same under the same id");
    let admin = server.sign_in("admin").await;
    let log = until_log(&server, &admin, &webhook, "it is delivered", |log| {
        log[0].state == DeliveryState::Delivered
    })
    .await;
    assert_eq!(log.len(), 1);
    assert!(server.sentinel.directory.unit(&id("PC-1")).is_some_and(|unit| unit.patrol.is_some()));
}

#[tokio::test]
async fn a_deleted_or_switched_off_webhook_is_sent_nothing() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let [deleted, off, on] = [Receiver::start().await, Receiver::start().await, Receiver::start().await];
    let (gone, _) = make(&server, &admin, &deleted.url(), "zone:3", &["*"]).await;
    let (quiet, _) = make(&server, &admin, &off.url(), "zone:3", &["*"]).await;
    make(&server, &admin, &on.url(), "zone:3", &["*"]).await;
    let delete = server.request(Method::DELETE, &admin, &format!("/api/v1/webhooks/{gone}"));
    assert_eq!(crate::server::send(delete).await.status, StatusCode::NO_CONTENT);
    let answer = patch(&server, &admin, &quiet, json!({"enabled": false, "name": "resting"})).await;
    assert_eq!((&answer.json["enabled"], &answer.json["name"]), (&json!(false), &json!("resting")));
    server.unit("PC-1", 5).await;
    shift(&server, "PC-1").await;
    on.until(2).await;
    assert!(deleted.got().is_empty() && off.got().is_empty());
    for path in ["", "/deliveries"] {
        let path = format!("/api/v1/webhooks/{gone}{path}");
        assert_eq!(server.get(&admin, &path).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(log(&server, &admin, &quiet).await, []);
    let test = server.post(&admin, &format!("/api/v1/webhooks/{quiet}/test"), json!({})).await;
    assert_eq!(test.status, StatusCode::CONFLICT);
    patch(&server, &admin, &quiet, json!({"enabled": true, "events": ["patrol.ended"]})).await;
    shift(&server, "PC-1").await;
    assert_eq!(off.until(1).await[0].event(), "patrol.ended");
}

#[tokio::test]
async fn metrics_tell_how_much_of_what_is_sent_is_taken() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let [well, ill] = [Receiver::start().await, Receiver::start().await];
    ill.answer_by(crate::receiver::How::Status(500));
    let (taken, _) = make(&server, &admin, &well.url(), "zone:3", &["*"]).await;
    make(&server, &admin, &ill.url(), "zone:3", &["*"]).await;
    server.unit("PC-1", 5).await;
    server.start_patrol("PC-1", 5).await;
    ill.until(1).await;
    until_log(&server, &admin, &taken, "it is taken", |log| log[0].state == DeliveryState::Delivered).await;
    // Other tests of this process count along, so the numbers are at least these.
    let counts = || async {
        let text = server.get("", "/metrics").await.text;
        let count = |of: &str| {
            let line = text.lines().find(|line| line.starts_with(of));
            line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or_default()
        };
        [
            count("sentinel_webhook_attempts_total{outcome=\"delivered\"}"),
            count("sentinel_webhook_attempts_total{outcome=\"failed\"}"),
            count("sentinel_webhook_deliveries_total{outcome=\"delivered\"}"),
            count("sentinel_webhook_seconds_count"),
        ]
    };
    let all = || async { counts().await.iter().all(|count| *count >= 1.0) };
    within(Duration::from_secs(60), "attempts and deliveries are counted", all).await;
}
