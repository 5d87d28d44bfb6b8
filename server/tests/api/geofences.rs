//! Fences of Sentinel's own: `/api/v1/geofences`.

use crate::{
    over_every_form,
    server::{Answer, DISTRICT, Server, send, zone},
    socket::{Form, Socket},
};
use reqwest::{Method, StatusCode};
use sentinel_model::{
    Page, Permission, Scope, Time,
    geofence::{FenceRules, Geofence, Shape},
    live::{Event, FenceEvent, ServerFrame},
};
use sentinel_server::ports::Change;
use serde_json::{Value, json};

over_every_form!(a_fence_is_told_to_all_whom_it_can_concern_and_to_nobody_else);

const ADDRESS: &str = "/api/v1/geofences";

fn circle() -> Value {
    json!({"type": "circle", "latitude": 9.9624, "longitude": 76.2995, "radius_m": 150})
}

async fn make(server: &Server, who: &str, more: Value) -> Answer {
    let mut body = json!({"name": "Depot", "shape": circle()});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    server.post(who, ADDRESS, body).await
}

async fn made(server: &Server, who: &str, more: Value) -> Geofence {
    let answer = make(server, who, more).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.as_a()
}

fn at(fence: &Geofence) -> String {
    format!("{ADDRESS}/{}", fence.id)
}

async fn change(server: &Server, who: &str, fence: &Geofence, patch: Value) -> Answer {
    send(server.request(Method::PATCH, who, &at(fence)).json(&patch)).await
}

async fn remove(server: &Server, who: &str, fence: &Geofence) -> StatusCode {
    send(server.request(Method::DELETE, who, &at(fence))).await.status
}

async fn listed(server: &Server, who: &str, query: &str) -> Vec<String> {
    let page: Page<Geofence> = server.get(who, &format!("{ADDRESS}?{query}")).await.as_a();
    assert!(page.items.is_sorted_by(|a, b| a.id < b.id));
    let mut names: Vec<String> = page.items.into_iter().map(|fence| fence.name).collect();
    names.sort();
    names
}

async fn told(socket: &mut Socket) -> FenceEvent {
    let hears = |frame| match frame {
        ServerFrame::Event(Event::Fence(told)) => Some(told),
        _ => None,
    };
    socket.until("a fence", hears).await
}

#[tokio::test]
async fn a_fence_is_made_changed_read_and_removed() {
    let server = Server::start().await;
    let zone3 = server.sign_in("zone3").await;
    let fence = made(&server, &zone3, json!({"name": "  Depot "})).await;
    assert_eq!((fence.name.as_str(), fence.scope, fence.enabled), ("Depot", zone(3), true));
    assert_eq!((fence.created_by.as_str(), fence.on), ("user:zone3", FenceRules::default()));
    assert!(fence.id.starts_with("fence-") && fence.updated_at == fence.created_at);
    assert_eq!(server.get(&zone3, &at(&fence)).await.as_a::<Geofence>(), fence);

    server.clock.turn(60);
    let named: Geofence = change(&server, &zone3, &fence, json!({"name": "Yard"})).await.as_a();
    assert_eq!(named, Geofence { name: "Yard".into(), ..fence.clone() }, "its name is not watched");
    let points = json!([[9.5, 76.25], [9.5, 76.5], [9.75, 76.5]]);
    let patch = json!({
        "scope": "station:5", "shape": {"type": "polygon", "points": points}, "enabled": false,
        "on": {"enter": true, "dwell_s": 900, "silent": true},
    });
    let after: Geofence = change(&server, &zone3, &fence, patch).await.as_a();
    assert!(matches!(&after.shape, Shape::Polygon(polygon) if polygon.points.len() == 3));
    assert_eq!((after.scope, after.enabled), (Scope::station(5), false));
    let on = FenceRules { enter: true, dwell_s: Some(900), silent: true, ..FenceRules::default() };
    assert_eq!((after.on, after.created_at), (on, fence.created_at));
    assert!(after.updated_at >= fence.updated_at.plus_ms(60_000));
    let same: Geofence = change(&server, &zone3, &fence, json!({"enabled": false})).await.as_a();
    assert_eq!(same, after, "nothing is another");

    let server = server.restart().await;
    let zone3 = server.sign_in("zone3").await;
    assert_eq!(server.get(&zone3, &at(&fence)).await.as_a::<Geofence>(), after, "it is kept");
    server.clock.turn(1);
    assert_eq!(remove(&server, &zone3, &fence).await, StatusCode::NO_CONTENT);
    for gone in [
        server.get(&zone3, &at(&fence)).await.status,
        change(&server, &zone3, &fence, json!({"enabled": true})).await.status,
        remove(&server, &zone3, &fence).await,
    ] {
        assert_eq!(gone, StatusCode::NOT_FOUND);
    }
    let admin = server.sign_in("admin").await;
    let audit = server.get(&admin, "/api/v1/audit").await;
    let actions = audit.json["items"].as_array().expect("a list").iter();
    let actions: Vec<_> =
        actions.map(|entry| (&entry["action"], &entry["target"], &entry["target_name"])).collect();
    let id = json!(fence.id);
    let expected =
        ["fence_deleted", "fence_changed", "fence_changed", "fence_made"].map(|action| json!(action));
    assert_eq!(actions.iter().map(|(action, ..)| (*action).clone()).collect::<Vec<_>>(), expected);
    assert!(actions.iter().all(|(_, target, _)| **target == id));
    assert_eq!((actions[0].2, actions[3].2), (&json!("Yard"), &json!("Depot")));
}

#[tokio::test]
async fn a_fence_that_cannot_be_watched_is_refused_in_words() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let points = |points: Value| json!({"shape": {"type": "polygon", "points": points}});
    for (more, says) in [
        (json!({"name": " "}), "a name cannot be empty"),
        (json!({"name": "x".repeat(101)}), "at most 100 characters"),
        (
            json!({"shape": {"type": "circle", "latitude": 9, "longitude": 76, "radius_m": 5}}),
            "radius_m is from 10 to",
        ),
        (points(json!([[9, 76], [9, 77]])), "a polygon has 3 to 500 points, this one has 2"),
        (points(json!([[0, 0], [1, 1], [0, 1], [1, 0]])), "cross"),
        (json!({"on": {"dwell_s": 5}}), "dwell_s is from 30 to 86400, not 5"),
        (json!({"on": {"entry": true}}), "unknown field `entry`"),
        (json!({"colour": "red"}), "unknown field `colour`"),
        (json!({"shape": {"type": "square"}}), "unknown variant `square`"),
    ] {
        let refused = make(&server, &admin, more.clone()).await;
        assert_eq!((refused.status, &refused.json["code"]), (StatusCode::BAD_REQUEST, &json!("bad_request")));
        assert!(refused.message().contains(says), "{more}: {}", refused.message());
    }
    let most: Vec<(f64, f64)> = (0..500)
        .map(|n| f64::from(n) / 500.0 * std::f64::consts::TAU)
        .map(|turn| (9.9 + turn.sin() / 10.0, 76.2 + turn.cos() / 10.0))
        .collect();
    let fence = made(&server, &admin, points(json!(most))).await;
    let refused = change(&server, &admin, &fence, json!({"on": {"speed_limit_mps": 0.5}})).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.message().contains("speed_limit_mps is from 1 to 100, not 0.5"), "{}", refused.text);
    assert_eq!(server.get(&admin, &at(&fence)).await.as_a::<Geofence>(), fence);
    let huge = json!({"shape": {"type": "polygon", "points": vec![(0.123_456_789_012_345, 1.123_456_789_012_345); 3_000]}});
    assert_eq!(make(&server, &admin, huge).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn who_manages_or_dispatches_in_a_scope_keeps_its_fences_and_who_sees_its_units_reads_them() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let of = |scope: &str| json!({"scope": scope, "name": scope});
    let (district, of_zone, station) = (
        made(&server, &admin, of("district:1")).await,
        made(&server, &admin, of("zone:3")).await,
        made(&server, &admin, of("station:5")).await,
    );
    let elsewhere = made(&server, &admin, of("station:9")).await;
    // Above it, and its own; nothing of another branch.
    let chief = server.sign_in("chief5").await;
    assert_eq!(listed(&server, &chief, "").await, ["district:1", "station:5", "zone:3"]);
    assert_eq!(listed(&server, &admin, "").await.len(), 4);
    assert_eq!(listed(&server, &admin, "scope=station:9").await, ["district:1", "station:9"]);
    assert_eq!(listed(&server, &admin, "scope=zone:3&q=ZONE").await, ["zone:3"]);
    assert_eq!(listed(&server, &admin, &format!("q={}", station.id)).await, ["station:5"]);
    assert_eq!(server.get(&chief, "/api/v1/geofences?scope=zone:3").await.status, StatusCode::FORBIDDEN);
    assert_eq!(server.get(&chief, "/api/v1/geofences?scopes=zone:3").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(server.get(&chief, &at(&district)).await.as_a::<Geofence>(), district);
    for (who, fence, expected) in [
        (&chief, &district, StatusCode::FORBIDDEN),
        (&chief, &station, StatusCode::FORBIDDEN),
        (&chief, &elsewhere, StatusCode::NOT_FOUND),
        (&server.sign_in("zone3").await, &district, StatusCode::FORBIDDEN),
        (&server.sign_in("zone3").await, &elsewhere, StatusCode::NOT_FOUND),
        (&server.sign_in("zone3").await, &station, StatusCode::OK),
        (&server.sign_in("dispatcher").await, &elsewhere, StatusCode::OK),
        (&server.key(zone(3), &[Permission::Manage]).await, &of_zone, StatusCode::OK),
        (&server.key(zone(3), &[Permission::Dispatch]).await, &of_zone, StatusCode::OK),
        (&server.key(zone(3), &[Permission::Dispatch]).await, &district, StatusCode::NOT_FOUND),
        (
            &server.key(zone(3), &[Permission::Read, Permission::Ingest]).await,
            &of_zone,
            StatusCode::FORBIDDEN,
        ),
        (&server.unit("PC-1", 5).await, &station, StatusCode::NOT_FOUND),
        (&String::new(), &station, StatusCode::UNAUTHORIZED),
    ] {
        let status = change(&server, who, fence, json!({"on": {"exit": true}})).await.status;
        assert_eq!(status, expected, "{}", fence.name);
        if expected != StatusCode::OK {
            assert_eq!(remove(&server, who, fence).await, expected, "{}", fence.name);
        }
    }
    // To a scope that is not theirs they neither make one nor give one away.
    let zone3 = server.sign_in("zone3").await;
    for scope in ["zone:4", "district:1", "station:77"] {
        assert_eq!(make(&server, &zone3, of(scope)).await.status, StatusCode::FORBIDDEN, "{scope}");
        let given = change(&server, &zone3, &station, json!({"scope": scope})).await;
        assert_eq!(given.status, StatusCode::FORBIDDEN, "{scope}");
    }
    assert_eq!(make(&server, &chief, json!({})).await.status, StatusCode::FORBIDDEN);
    assert_eq!(server.get(&admin, &at(&station)).await.as_a::<Geofence>().scope, Scope::station(5));
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let mut expected = Vec::new();
    for n in 0..7 {
        expected.push(made(&server, &admin, json!({"name": format!("Gate {n}")})).await.id);
    }
    expected.sort();
    let (mut ids, mut cursor) = (Vec::new(), Some(String::new()));
    while let Some(behind) = cursor {
        let page: Page<Geofence> =
            server.get(&admin, &format!("{ADDRESS}?q=gate&limit=3&cursor={behind}")).await.as_a();
        ids.extend(page.items.into_iter().map(|fence| fence.id));
        cursor = page.next;
    }
    assert_eq!(ids, expected);
}

async fn a_fence_is_told_to_all_whom_it_can_concern_and_to_nobody_else(form: Form) {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let watch = async |scope| Socket::subscribed_as(form, &server, &admin, scope).await.0;
    let (mut district, mut of_zone) = (watch(DISTRICT).await, watch(zone(3)).await);
    let (mut five, mut six) = (watch(Scope::station(5)).await, watch(Scope::station(6)).await);
    let mut elsewhere = watch(zone(4)).await;
    let fence = made(&server, &admin, json!({"scope": "zone:3"})).await;
    for socket in [&mut district, &mut of_zone, &mut five, &mut six] {
        let told = told(socket).await;
        assert_eq!((told.id, told.fence.as_deref()), (fence.id.clone(), Some(&fence)));
    }
    // It concerns fewer from now on: the others learn that it is gone.
    let patch = json!({"scope": "station:5", "on": {"enter": true}});
    let narrowed: Geofence = change(&server, &admin, &fence, patch).await.as_a();
    for socket in [&mut district, &mut of_zone, &mut five] {
        assert_eq!(told(socket).await.fence.as_deref(), Some(&narrowed));
    }
    let told_there = told(&mut six).await;
    assert_eq!((told_there.id, told_there.fence), (fence.id.clone(), None));
    assert_eq!(remove(&server, &admin, &fence).await, StatusCode::NO_CONTENT);
    for socket in [&mut district, &mut of_zone, &mut five] {
        let told = told(socket).await;
        assert_eq!((told.id, told.fence), (fence.id.clone(), None));
        assert!(told.at > Time(0));
    }
    // Nothing of it came there: the next that does is of its own.
    let of_its_own = made(&server, &admin, json!({"scope": "station:9"})).await;
    assert_eq!(told(&mut elsewhere).await.fence.as_deref(), Some(&of_its_own));
    let everybodys = made(&server, &admin, json!({"scope": "district:1"})).await;
    assert_eq!(told(&mut six).await.fence.as_deref(), Some(&everybodys));
    server.end().await;
}

#[tokio::test]
async fn one_station_does_not_take_the_room_of_the_others() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let first = made(&server, &admin, json!({"scope": "station:5"})).await;
    let more = (1..2_500).map(|n| Change::PutFence(Geofence { id: format!("f{n}"), ..first.clone() }));
    server.sentinel.directory.put(more.collect()).await.expect("puts");
    let full = make(&server, &admin, json!({"scope": "station:5"})).await;
    assert_eq!(full.status, StatusCode::CONFLICT, "{}", full.text);
    assert!(full.message().starts_with("station:5 has 2500 fences"), "{}", full.text);
    made(&server, &admin, json!({"scope": "station:9"})).await;
    assert_eq!(remove(&server, &admin, &first).await, StatusCode::NO_CONTENT);
    made(&server, &admin, json!({"scope": "station:5"})).await;
}
