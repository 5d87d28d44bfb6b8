//! A unit's data erased: nothing of where it was is left, and what comes after is kept.

use crate::server::{Answer, DISTRICT, Server, at, eventually, fix, id, send, zone};
use reqwest::{Method, StatusCode};
use sentinel_model::{Page, Permission, Scope, Unit, UnitStatus, audit::AuditEntry};
use sentinel_server::{config::ServeArgs, ports::StreamPosition};
use serde_json::json;

async fn erase(server: &Server, who: &str, unit: &str) -> Answer {
    send(server.request(Method::DELETE, who, &format!("/api/v1/units/{unit}/data"))).await
}

#[tokio::test]
async fn erased_is_gone_from_everywhere_also_after_a_restart_and_what_comes_after_is_kept() {
    let server = Server::start().await;
    let (token, other) = (server.unit("PC-1", 5).await, server.unit("PC-2", 5).await);
    // A place that no number of the files holds by chance.
    let posts: Vec<_> = (0..300).map(|n| fix(at(n - 400), 9.123_456, 76.5 + n as f64 / 1e4)).collect();
    server.fixes(&token, &posts).await;
    server.fixes(&other, &posts).await;
    let admin = server.sign_in("admin").await;
    let unit = async |server: &Server, id: &str| -> Unit {
        server.get(&admin, &format!("/api/v1/units/{id}")).await.as_a()
    };
    let before = unit(&server, "PC-1").await;
    assert!(before.location.is_some() && before.patrol_id.is_some());
    let bus = &server.sentinel.ingest.bus;
    let head = bus.heads(&[zone(3)]).await.expect("reads").remove(0);
    let begin = StreamPosition { offset: 0, ..head.clone() };
    assert!(bus.events_since(zone(3), &begin).await.expect("reads").is_some(), "it joined");

    assert_eq!(erase(&server, &admin, "PC-1").await.json, json!({"unit_id": "PC-1", "fixes": 300}));
    let now = unit(&server, "PC-1").await;
    assert_eq!((now.location, now.status), (None, UnitStatus::Available), "it is still on duty");
    assert!(now.patrol_id.is_some() && now.patrol_id != before.patrol_id);
    let bus = &server.sentinel.ingest.bus;
    assert!(bus.events_since(zone(3), &begin).await.expect("reads").is_none(), "nor do events tell");
    for format in ["json", "csv"] {
        let path = format!("/api/v1/units/PC-1/route?start_time=2026-11-20T00:00:00Z&format={format}");
        assert!(!server.get(&admin, &path).await.text.contains("9.123456"));
    }
    assert_eq!(server.stored_times(&admin, "PC-1").await, []);
    assert_eq!(server.stored_times(&admin, "PC-2").await.len(), 300, "another's is untouched");

    let server = server.restart().await;
    assert_eq!(unit(&server, "PC-1").await.location, None);
    assert_eq!(server.stored_times(&admin, "PC-1").await, []);
    // The same again is new.
    server.fixes(&token, &posts[..7]).await;
    assert_eq!(server.stored_times(&admin, "PC-1").await.len(), 7);
    assert_eq!(erase(&server, &admin, "PC-1").await.json["fixes"], 7);
    assert_eq!(erase(&server, &admin, "PC-1").await.json["fixes"], 0);

    let told: Page<AuditEntry> = server.get(&admin, "/api/v1/audit").await.as_a();
    let told: Vec<_> = told.items.iter().map(|one| (one.action.as_str(), one.detail.as_deref())).collect();
    let done = |fixes| format!("{fixes} fixes, 0 entries that were given up");
    assert_eq!(
        told.into_iter().filter(|(action, _)| *action != "history_exported").collect::<Vec<_>>(),
        [
            ("unit_data_erased", Some(&*done(0))),
            ("unit_data_erasure_begun", None),
            ("unit_data_erased", Some(&*done(7))),
            ("unit_data_erasure_begun", None),
            ("unit_data_erased", Some(&*done(300))),
            ("unit_data_erasure_begun", None),
        ]
    );
}

#[tokio::test]
async fn a_unit_that_had_fallen_silent_is_silent_after_its_data_is_erased() {
    let server = Server::start().await;
    let (token, here) = (server.unit("PC-1", 5).await, server.unit("PC-2", 5).await);
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    server.clock.turn(400);
    server.fixes(&here, &[fix(at(400), 9.9, 76.2)]).await;
    let admin = server.sign_in("admin").await;
    for (unit, status) in [("PC-1", UnitStatus::Offline), ("PC-2", UnitStatus::Available)] {
        for erased in [false, true] {
            let read: Unit = server.get(&admin, &format!("/api/v1/units/{unit}")).await.as_a();
            assert_eq!((read.status, read.patrol_id.is_some()), (status, true), "{unit}, erased: {erased}");
            assert_eq!(erase(&server, &admin, unit).await.status, StatusCode::OK);
        }
    }
}

#[tokio::test]
async fn history_older_than_it_is_kept_goes_by_itself() {
    let days = |retention_days| ServeArgs { retention_days, ..ServeArgs::default() };
    assert!(days(Some(0)).settle().is_err());
    let server = Server::start_with(days(Some(2))).await;
    server.unit("PC-1", 5).await;
    let admin = server.sign_in("admin").await;
    let day = 24 * 3600;
    let fixes = |days: i64| (0..500).map(move |n| crate::exports::plain(-days * day + n));
    let all: Vec<_> = fixes(5).chain(fixes(1)).collect();
    server.sentinel.intake.accept(&id("PC-1"), all).await.expect("accepted");
    let server = server.restart().await;
    // A few go with those of their block that are kept.
    let left = async || server.stored_times(&admin, "PC-1").await;
    eventually("the old half goes", async || left().await.len() < 700).await;
    let left = left().await;
    assert!(left.len() >= 500 && left.ends_with(&fixes(1).map(|fix| fix.time).collect::<Vec<_>>()));
}

#[tokio::test]
async fn only_who_manages_a_unit_erases_its_data() {
    let server = Server::start().await;
    let token = server.unit("PC-9", 9).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    let elsewhere = server.key(zone(3), &[Permission::Manage]).await;
    let others = server.key(DISTRICT, &[Permission::Read, Permission::Ingest, Permission::Dispatch]).await;
    for who in [&token, &elsewhere, &others, &server.sign_in("zone4").await, &server.sign_in("chief9").await]
    {
        assert_eq!(erase(&server, who, "PC-9").await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(erase(&server, "", "PC-9").await.status, StatusCode::UNAUTHORIZED);
    let admin = server.sign_in("admin").await;
    assert_eq!(server.stored_times(&admin, "PC-9").await.len(), 1);
    assert_eq!(erase(&server, &admin, "PC-404").await.status, StatusCode::NOT_FOUND);
    let manages = server.key(Scope::station(9), &[Permission::Manage]).await;
    assert_eq!(erase(&server, &manages, "PC-9").await.json["fixes"], 1);
    assert_eq!(server.stored_times(&admin, "PC-9").await, []);
}
