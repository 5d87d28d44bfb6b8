//! Units on and off duty.

use crate::{
    server::{Server, at, eventually, fix, id, send, unit, zone},
    socket::Socket,
};
use reqwest::{Method, StatusCode};
use sentinel_model::{Page, Patrol, PatrolId, Permission, Scope, UnitStatus, live::Event};
use sentinel_server::{auth::secret, config::ServeArgs, ports::Change};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
};

async fn status(server: &Server, token: &str, unit: &str) -> UnitStatus {
    let answer = server.get(token, &format!("/api/v1/units/{unit}")).await;
    serde_json::from_value(answer.json["status"].clone()).expect("a status")
}

#[tokio::test]
async fn a_patrol_starts_once_and_ends_once() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    server.unit("PC-1", 5).await;
    assert_eq!(status(&server, &chief, "PC-1").await, UnitStatus::OffDuty);
    let first = server.post(&chief, "/api/v1/patrols", json!({"unit_id": "PC-1"})).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    let patrol: Patrol = first.as_a();
    assert_eq!((patrol.unit_id, patrol.station, patrol.ended_at), (id("PC-1"), Scope::station(5), None));
    assert_eq!(status(&server, &chief, "PC-1").await, UnitStatus::Available);
    let again = server.post(&chief, "/api/v1/patrols", json!({"unit_id": "PC-1"})).await;
    assert_eq!((again.status, again.json), (StatusCode::OK, first.json), "the one that is active already");

    let path = format!("/api/v1/patrols/{}", patrol.id);
    let ended: Patrol = server.post(&chief, &format!("{path}/end"), json!({})).await.as_a();
    assert!(ended.ended_at.is_some_and(|at| at >= patrol.started_at));
    assert_eq!(status(&server, &chief, "PC-1").await, UnitStatus::OffDuty);
    assert_eq!(server.post(&chief, &format!("{path}/end"), json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.get(&chief, &path).await.as_a::<Patrol>(), ended);
}

#[tokio::test]
async fn patrols_are_listed_to_who_sees_the_station_they_are_or_were_under() {
    let server = Server::start().await;
    let (zone3, chief5) = (server.sign_in("zone3").await, server.sign_in("chief5").await);
    for (unit, station) in [("PC-1", 5), ("PC-2", 5), ("PC-6", 6), ("PC-9", 9)] {
        server.unit(unit, station).await;
    }
    let ended = server.start_patrol("PC-1", 5).await;
    server.end_patrol(ended).await;
    let lent = server.start_patrol("PC-1", 6).await;
    let [second, sixth] = [server.start_patrol("PC-2", 5).await, server.start_patrol("PC-6", 6).await];
    server.start_patrol("PC-9", 9).await;
    let listed = async |who: &str, query: &str| -> Vec<PatrolId> {
        let page: Page<Patrol> = server.get(who, &format!("/api/v1/patrols?{query}")).await.as_a();
        page.items.iter().map(|patrol| patrol.id).collect()
    };
    assert_eq!(listed(&zone3, "").await, [lent, second, sixth]);
    assert_eq!(listed(&zone3, "scope=station:5&active=true").await, [second]);
    assert_eq!(listed(&zone3, "unit_id=PC-1").await, [ended, lent], "ended ones too");
    assert_eq!(listed(&zone3, "unit_id=PC-1&active=false").await, [ended]);
    assert_eq!(listed(&zone3, "unit_id=PC-1&scope=station:6").await, [lent]);
    assert_eq!(listed(&chief5, "").await, [second]);
    assert_eq!(listed(&chief5, "unit_id=PC-1").await, [ended], "not the one that it is lent for");

    let first: Page<Patrol> = server.get(&zone3, "/api/v1/patrols?limit=2").await.as_a();
    let next = first.next.expect("there is another page");
    assert_eq!(listed(&zone3, &format!("limit=2&cursor={next}")).await, [sixth]);
    let nobody = server.key(zone(3), &[Permission::Ingest]).await;
    for (who, query, status) in [
        (&zone3, "scope=zone:4", StatusCode::FORBIDDEN),
        (&nobody, "", StatusCode::FORBIDDEN),
        (&zone3, "unit_id=PC-9", StatusCode::NOT_FOUND),
        (&zone3, "unit_id=PC-404", StatusCode::NOT_FOUND),
        (&zone3, "active=false", StatusCode::BAD_REQUEST),
        (&zone3, "station=5", StatusCode::BAD_REQUEST),
        (&zone3, "cursor=x", StatusCode::BAD_REQUEST),
    ] {
        let answer = server.get(who, &format!("/api/v1/patrols?{query}")).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text);
    }
    assert_eq!(server.get("", "/api/v1/patrols").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_patrol_moves_to_another_station_mid_shift_without_a_moment_between() {
    let server = Server::start().await;
    let zone3 = server.sign_in("zone3").await;
    server.unit("PC-1", 5).await;
    let first: Patrol = server.post(&zone3, "/api/v1/patrols", json!({"unit_id": "PC-1"})).await.as_a();
    let body = json!({"unit_id": "PC-1", "station": "station:6"});
    let moved = server.post(&zone3, "/api/v1/patrols", body).await;
    assert_eq!(moved.status, StatusCode::CREATED);
    let second: Patrol = moved.as_a();
    assert_ne!(second.id, first.id);
    let first: Patrol = server.get(&zone3, &format!("/api/v1/patrols/{}", first.id)).await.as_a();
    assert_eq!(first.ended_at, Some(second.started_at));

    let (chief5, chief6) = (server.sign_in("chief5").await, server.sign_in("chief6").await);
    assert_eq!(server.get(&chief5, "/api/v1/units/PC-1").await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.get(&chief6, "/api/v1/units/PC-1").await.json["station"], "station:6");
    let end = format!("/api/v1/patrols/{}/end", second.id);
    assert_eq!(
        server.post(&chief5, &end, json!({})).await.status,
        StatusCode::NOT_FOUND,
        "it is not theirs now"
    );
    assert_eq!(server.post(&chief6, &end, json!({})).await.status, StatusCode::OK);
    assert_eq!(
        server.get(&chief5, "/api/v1/units/PC-1").await.json["station"],
        "station:5",
        "it is home again"
    );
}

#[tokio::test]
async fn the_earlier_address_takes_a_station_s_number_or_text() {
    let server = Server::start().await;
    let zone3 = server.sign_in("zone3").await;
    for (n, station) in [json!(6), json!("6"), json!(" 6 ")].into_iter().enumerate() {
        let unit = format!("PC-{n}");
        server.unit(&unit, 5).await;
        let body = json!({"unit_id": unit, "station_id": station});
        let patrol: Patrol = server.post(&zone3, "/start_patrol", body).await.as_a();
        assert_eq!(patrol.station, Scope::station(6));
    }
    server.unit("PC-9", 5).await;
    for station in [json!("six"), json!(-6), json!(["6"])] {
        let body = json!({"unit_id": "PC-9", "station_id": station});
        assert_eq!(
            server.post(&zone3, "/start_patrol", body).await.status,
            StatusCode::BAD_REQUEST,
            "{station}"
        );
    }
}

#[tokio::test]
async fn who_may_not_run_patrols_there_starts_and_ends_none() {
    let server = Server::start().await;
    server.unit("PC-5", 5).await;
    server.unit("PC-9", 9).await;
    let patrol = server.start_patrol("PC-5", 5).await;
    let chief5 = server.sign_in("chief5").await;
    let chief6 = server.sign_in("chief6").await;
    let viewer = server.sign_in("viewer5").await;
    let dispatcher = server.sign_in("dispatcher").await;
    let reader = server.key(zone(3), &[Permission::Read, Permission::Ingest]).await;
    let unit_token = server.unit("PC-6", 6).await;
    for (who, body) in [
        (&chief5, json!({"unit_id": "PC-9"})),
        (&chief5, json!({"unit_id": "PC-404"})),
        (&chief5, json!({"unit_id": "PC-5", "station": "station:6"})),
        (&chief5, json!({"unit_id": "PC-5", "station": "station:404"})),
        (&chief5, json!({"unit_id": "PC-5", "station": "zone:3"})),
        (&chief6, json!({"unit_id": "PC-5"})),
        (&chief6, json!({"unit_id": "PC-5", "station": "station:6"})),
        (&viewer, json!({"unit_id": "PC-5"})),
        (&dispatcher, json!({"unit_id": "PC-5"})),
        (&reader, json!({"unit_id": "PC-5"})),
        (&unit_token, json!({"unit_id": "PC-6"})),
    ] {
        let answer = server.post(who, "/api/v1/patrols", body.clone()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{body}: {}", answer.text);
    }
    assert_eq!(
        server.post("", "/api/v1/patrols", json!({"unit_id": "PC-5"})).await.status,
        StatusCode::UNAUTHORIZED
    );
    let end = format!("/api/v1/patrols/{patrol}/end");
    for who in [&chief6, &viewer, &reader, &unit_token] {
        assert_eq!(server.post(who, &end, json!({})).await.status, StatusCode::NOT_FOUND);
    }
    let unknown = server.post(&chief5, "/api/v1/patrols/404/end", json!({})).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(
        server.sentinel.directory.unit(&id("PC-5")).and_then(|unit| unit.patrol).map(|p| p.id),
        Some(patrol)
    );
}

#[tokio::test]
async fn another_site_s_page_cannot_start_a_patrol_with_the_cookie() {
    let server = Server::start().await;
    server.unit("PC-5", 5).await;
    let cookie = server.cookie("chief5").await;
    let post = |origin: &str| {
        let request = server.request(Method::POST, &cookie, "/api/v1/patrols").header("origin", origin);
        send(request.json(&json!({"unit_id": "PC-5"})))
    };
    assert_eq!(post("http://evil.example").await.status, StatusCode::FORBIDDEN);
    assert_eq!(post(&server.url("")).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_unit_that_only_posts_starts_its_patrol_by_its_first_fix() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    let unit = server.get(&chief, "/api/v1/units/PC-1").await.json;
    assert_eq!((&unit["status"], &unit["station"]), (&json!("available"), &json!("station:5")));
    assert_eq!(unit["location"]["patrol_id"], unit["patrol_id"]);
    server.fixes(&token, &[fix(at(1), 9.9, 76.2)]).await;
    assert_eq!(
        server.get(&chief, "/api/v1/units/PC-1").await.json["patrol_id"],
        unit["patrol_id"],
        "one patrol"
    );
}

#[tokio::test]
async fn after_somebody_ended_its_patrol_a_fix_starts_none() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    let patrol = server.get(&chief, "/api/v1/units/PC-1").await.json["patrol_id"].clone();
    let patrol = patrol.as_str().expect("on patrol");
    server.post(&chief, &format!("/api/v1/patrols/{patrol}/end"), json!({})).await;
    server.fixes(&token, &[fix(at(1), 9.9, 76.2)]).await;
    assert_eq!(status(&server, &chief, "PC-1").await, UnitStatus::OffDuty);
    let unit = server.get(&chief, "/api/v1/units/PC-1").await.json;
    assert_eq!(
        (&unit["location"]["time"], &unit["patrol_id"]),
        (&json!(at(1)), &Value::Null),
        "it is seen all the same"
    );

    let server = server.restart().await;
    server.fixes(&token, &[fix(at(2), 9.9, 76.2)]).await;
    let chief = server.sign_in("chief5").await;
    assert_eq!(status(&server, &chief, "PC-1").await, UnitStatus::OffDuty, "nor after a restart");
    server.post(&chief, "/api/v1/patrols", json!({"unit_id": "PC-1"})).await;
    assert_eq!(status(&server, &chief, "PC-1").await, UnitStatus::Available, "a person still may");
}

#[tokio::test]
async fn a_fix_starts_no_patrol_where_that_is_switched_off() {
    let server = Server::start_with(ServeArgs { patrol_by_fix: Some(false), ..ServeArgs::default() }).await;
    let chief = server.sign_in("chief5").await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    assert_eq!(status(&server, &chief, "PC-1").await, UnitStatus::OffDuty);
}

#[tokio::test]
async fn a_patrol_goes_on_after_a_restart() {
    let server = Server::start().await;
    server.unit("PC-1", 5).await;
    server.unit("PC-2", 5).await;
    let lent = server.start_patrol("PC-1", 6).await;
    let ended = server.start_patrol("PC-2", 6).await;
    server.end_patrol(ended).await;
    let server = server.restart().await;
    let chief6 = server.sign_in("chief6").await;
    let units = server.get(&chief6, "/api/v1/units").await.json;
    assert_eq!(units["items"].as_array().map(Vec::len), Some(1), "{units}");
    assert_eq!((&units["items"][0]["id"], &units["items"][0]["patrol_id"]), (&json!("PC-1"), &json!(lent)));
    server.end_patrol(lent).await;
    assert_eq!(server.get(&chief6, "/api/v1/units").await.json["items"], json!([]));
}

#[tokio::test]
async fn patrols_started_at_once_are_one() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    server.unit("PC-1", 5).await;
    let starts = (0..10).map(|_| server.post(&chief, "/api/v1/patrols", json!({"unit_id": "PC-1"})));
    let answers = futures::future::join_all(starts).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count(), 1);
    assert!(answers.iter().all(|answer| answer.json == answers[0].json));
}

#[tokio::test]
async fn units_that_come_on_duty_at_once_start_their_patrols_together() {
    const UNITS: usize = 500;
    let server = Server::start().await;
    let made: Vec<(String, secret::Minted)> =
        (0..UNITS).map(|n| (format!("PC-{n:03}"), secret::mint(secret::Kind::Unit))).collect();
    server.change(made.iter().map(|(name, token)| unit(name, 5, token.hash.clone())).collect()).await;
    let zone3 = server.sign_in("zone3").await;
    let (mut socket, _) = Socket::subscribed(&server, &zone3, zone(3)).await;

    // Somebody else is changing the records while they all post.
    let changing = server.sentinel.directory.hold().await;
    let posts = made.iter().map(|(_, token)| async {
        // Two at once, of which each may be the first.
        let (one, other) = (json!([fix(at(0), 9.9, 76.2)]), json!([fix(at(1), 9.9, 76.2)]));
        let both = futures::future::join(
            server.post(&token.text, "/api/v1/locations", one),
            server.post(&token.text, "/api/v1/locations", other),
        );
        let (one, other) = both.await;
        assert_eq!((one.status, other.status), (StatusCode::OK, StatusCode::OK), "{}", one.text);
    });
    let stored = async {
        let accepted = &server.sentinel.ingest.counts.accepted;
        eventually("all are stored", || async { accepted.load(Ordering::Relaxed) == 2 * UNITS as u64 }).await;
        drop(changing);
    };
    futures::future::join(futures::future::join_all(posts), stored).await;

    let mut joined = BTreeMap::new();
    while joined.len() < UNITS {
        if let Event::UnitJoined(event) = socket.event().await {
            let again = joined.insert(event.unit.id.clone(), event.unit.patrol);
            assert_eq!(again, None, "{} joined twice", event.unit.id);
        }
    }
    let units = server.sentinel.directory.units(None, usize::MAX, |_| true);
    let patrols: BTreeMap<_, _> =
        units.iter().map(|unit| (unit.record.id.clone(), unit.patrol.expect("on patrol"))).collect();
    assert_eq!(joined, patrols.iter().map(|(unit, patrol)| (unit.clone(), patrol.id)).collect());
    let (_, snapshot) = Socket::subscribed(&server, &zone3, zone(3)).await;
    let room: BTreeSet<_> = snapshot.units.iter().map(|unit| unit.patrol).collect();
    assert_eq!(room, joined.values().copied().collect());
    // Each commit reads the clock once, and the clock never says the same twice.
    let commits: BTreeSet<_> = patrols.values().map(|patrol| patrol.started_at).collect();
    assert!(commits.len() <= UNITS / 20, "{} commits", commits.len());
    // None of them joined once more after all had.
    server.start_patrol("PC-000", 6).await;
    let next = socket.event().await;
    assert!(matches!(&next, Event::UnitLeft(left) if left.id == id("PC-000")), "{next:?}");
}

#[tokio::test]
async fn one_that_cannot_start_keeps_no_other_from_it() {
    let server = Server::start().await;
    let tokens = [server.unit("PC-1", 5).await, server.unit("PC-2", 5).await];
    // The records hold an active patrol of PC-1 that the running copy does not know of.
    let unknown = Patrol {
        id: PatrolId(1),
        unit_id: id("PC-1"),
        station: Scope::station(5),
        started_at: at(0),
        ended_at: None,
    };
    let registry = server.sentinel.directory.registry();
    registry.commit(0, vec![Change::PutPatrol(unknown)]).await.expect("commits");
    let changing = server.sentinel.directory.hold().await;
    let first = [fix(at(0), 9.9, 76.2)];
    let posts = tokens.iter().map(|token| server.fixes(token, &first));
    let stored = async {
        let accepted = &server.sentinel.ingest.counts.accepted;
        eventually("both are stored", || async { accepted.load(Ordering::Relaxed) == 2 }).await;
        drop(changing);
    };
    futures::future::join(futures::future::join_all(posts), stored).await;
    let on_patrol =
        |unit: &str| server.sentinel.directory.unit(&id(unit)).is_some_and(|u| u.patrol.is_some());
    assert_eq!((on_patrol("PC-1"), on_patrol("PC-2")), (false, true), "and both were answered");
}
