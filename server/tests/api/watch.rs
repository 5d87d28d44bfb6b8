//! What positions mean: fences, rules of a scope, silence, and the way to an incident.

use crate::{
    incidents::{assign, incident},
    server::{DISTRICT, Server, eventually, fix, id, zone},
    socket::{Form, Socket},
};
use axum::http::{Method, StatusCode};
use sentinel_model::{
    Fix, Page, Scope, Time,
    alerts::{Alert, AlertKind},
    dispatch::{AssignmentState, Task, TaskState},
    live::{Event, ServerFrame},
};
use sentinel_server::geo::M_PER_DEG_LATITUDE;
use serde_json::{Value, json};
use std::time::Duration;

crate::over_every_form!(a_crossing_is_told_to_whoever_sees_the_unit_and_to_no_other);

pub const MIDDLE: (f64, f64) = (9.9, 76.2);

/// So many metres north of the middle, at a device time.
pub fn north(time: Time, metres: f64) -> Value {
    fix(time, MIDDLE.0 + metres / M_PER_DEG_LATITUDE, MIDDLE.1)
}

/// The same as it is stored, by whoever accepts it past the door.
pub fn stored(time: Time, metres: f64) -> Fix {
    Fix {
        time,
        received_at: time,
        latitude: MIDDLE.0 + metres / M_PER_DEG_LATITUDE,
        longitude: MIDDLE.1,
        speed_mps: None,
        heading_deg: None,
        accuracy_m: None,
        altitude_m: None,
        battery: None,
        uuid: None,
        event: None,
        extras: None,
    }
}

pub fn fast(time: Time, metres: f64, speed_mps: f64) -> Value {
    let mut fix = north(time, metres);
    fix["coords"]["speed"] = json!(speed_mps);
    fix
}

/// 200 m around the middle.
pub async fn fence(server: &Server, who: &str, more: Value) -> String {
    let mut body = json!({"name": "Depot", "scope": "station:5", "on": {"enter": true, "exit": true},
        "shape": {"type": "circle", "latitude": MIDDLE.0, "longitude": MIDDLE.1, "radius_m": 200.0}});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let answer = server.post(who, "/api/v1/geofences", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.json["id"].as_str().expect("an id").to_owned()
}

pub async fn alerts(server: &Server, who: &str) -> Vec<Alert> {
    let page: Page<Alert> = server.get(who, "/api/v1/alerts?state=all").await.as_a();
    let mut items = page.items;
    items.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
    items
}

pub async fn kinds(server: &Server, who: &str) -> Vec<AlertKind> {
    alerts(server, who).await.iter().map(|alert| alert.kind).collect()
}

pub async fn rules(server: &Server, who: &str, scope: &str, rules: Value) {
    let path = format!("/api/v1/scopes/{scope}/alert-rules");
    let answer = crate::server::send(server.request(Method::PUT, who, &path).json(&rules)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

#[tokio::test]
async fn coming_staying_hurrying_and_going_are_told_once_each() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let on = json!({"enter": true, "exit": true, "dwell_s": 60, "speed_limit_mps": 10.0});
    let fence = fence(&server, &admin, json!({"on": on})).await;
    let (token, now) = (server.unit("PC-1", 5).await, server.clock.now());
    let at = |seconds: i64| now.plus_ms(seconds * 1000);
    server.fixes(&token, &[north(at(0), 900.0)]).await;
    assert_eq!(kinds(&server, &admin).await, []);
    server.fixes(&token, &[north(at(10), 100.0)]).await;
    let entered = alerts(&server, &admin).await;
    let [Alert { kind: AlertKind::Enter, fence: Some(name), fence_id: Some(of), unit_id, time, .. }] =
        &entered[..]
    else {
        panic!("{entered:?}")
    };
    assert_eq!((name.as_str(), of, unit_id, *time), ("Depot", &fence, &id("PC-1"), at(10)));
    // In one post, out of order, and twice.
    let rest = [fast(at(30), 10.0, 12.0), fast(at(20), 50.0, 12.0), north(at(75), 0.0), north(at(90), 900.0)];
    server.fixes(&token, &rest).await;
    server.fixes(&token, &rest).await;
    let all = [AlertKind::Enter, AlertKind::Overspeed, AlertKind::Dwell, AlertKind::Exit];
    assert_eq!(kinds(&server, &admin).await, all);
    // What comes late rewrites nothing.
    server.fixes(&token, &[north(at(80), 900.0), north(at(85), 0.0)]).await;
    assert_eq!(kinds(&server, &admin).await, all);
    server.end().await;
}

async fn a_crossing_is_told_to_whoever_sees_the_unit_and_to_no_other(form: Form) {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    fence(&server, &admin, json!({"scope": "district:1", "on": {"enter": true}})).await;
    let (own, other) = (server.unit("PC-1", 5).await, server.unit("PC-2", 9).await);
    let now = server.clock.now();
    for token in [&own, &other] {
        server.fixes(token, &[north(now, 900.0)]).await;
    }
    let (mut zone3, _) = Socket::subscribed_as(form, &server, &admin, zone(3)).await;
    let (mut district, _) = Socket::subscribed_as(form, &server, &admin, DISTRICT).await;
    for token in [&other, &own] {
        server.fixes(token, &[north(now.plus_ms(10_000), 0.0)]).await;
    }
    let told = |frame| match frame {
        ServerFrame::Event(Event::Alert(told)) => Some(*told.alert),
        _ => None,
    };
    assert_eq!(zone3.until("an alert", told).await.unit_id, id("PC-1"), "the other's is not told");
    let mut both = [district.until("one", told).await.unit_id, district.until("two", told).await.unit_id];
    both.sort();
    assert_eq!(both, [id("PC-1"), id("PC-2")]);
    server.end().await;
}

#[tokio::test]
async fn a_fence_is_for_the_units_of_its_scope_from_when_it_is_drawn() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let (own, other) = (server.unit("PC-1", 5).await, server.unit("PC-6", 6).await);
    let now = server.clock.now();
    let at = |seconds: i64| now.plus_ms(seconds * 1000);
    // Both were outside before there was any fence, and nobody looked.
    for token in [&own, &other] {
        server.fixes(token, &[north(at(0), 900.0)]).await;
    }
    let drawn = fence(&server, &admin, json!({})).await;
    for token in [&own, &other] {
        server.fixes(token, &[north(at(10), 0.0)]).await;
    }
    let told = alerts(&server, &admin).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].kind, &told[0].unit_id), (AlertKind::Enter, &id("PC-1")));
    // One that is switched off tells nothing, and nobody comes into one that is drawn around them.
    let path = format!("/api/v1/geofences/{drawn}");
    let off = server.request(Method::PATCH, &admin, &path).json(&json!({"enabled": false}));
    assert_eq!(crate::server::send(off).await.status, StatusCode::OK);
    server.fixes(&own, &[north(at(20), 900.0), north(at(30), 0.0)]).await;
    fence(&server, &admin, json!({"name": "Gate"})).await;
    server.fixes(&own, &[north(at(40), 10.0)]).await;
    assert_eq!(alerts(&server, &admin).await.len(), 1);
    server.end().await;
}

#[tokio::test]
async fn what_was_stored_and_not_looked_at_is_told_by_the_next_process_once() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    fence(&server, &admin, json!({})).await;
    let (token, now) = (server.unit("PC-1", 5).await, server.clock.now());
    let at = |seconds: i64| now.plus_ms(seconds * 1000);
    server.fixes(&token, &[north(at(0), 900.0), north(at(10), 0.0)]).await;
    assert_eq!(kinds(&server, &admin).await, [AlertKind::Enter]);
    // As of a process that is killed between the commit and what follows it.
    let stored = |seconds: i64, metres: f64| stored(at(seconds), metres);
    let fixes = vec![stored(20, 900.0), stored(30, 0.0), stored(40, 900.0)];
    server.sentinel.intake.accept(&id("PC-1"), fixes).await.expect("stores");
    let all = [AlertKind::Enter, AlertKind::Exit, AlertKind::Enter, AlertKind::Exit];
    let mut server = server.restart().await;
    for _ in 0..2 {
        eventually("what was left is told", || async { kinds(&server, &admin).await == all }).await;
        server = server.restart().await;
    }
    server.fixes(&token, &[north(at(50), 0.0)]).await;
    assert_eq!(kinds(&server, &admin).await.len(), 5);
    server.end().await;
}

#[tokio::test]
async fn rules_of_a_scope_tell_of_speed_and_batteries_wherever_a_unit_is() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    rules(&server, &admin, "zone:3", json!({"speed_limit_mps": 20.0, "low_battery": 0.2})).await;
    let (own, other) = (server.unit("PC-1", 5).await, server.unit("PC-2", 9).await);
    let now = server.clock.now();
    let empty = |seconds: i64| {
        let mut fix = fast(now.plus_ms(seconds * 1000), 0.0, 25.0);
        fix["battery"] = json!({"level": 0.1});
        fix
    };
    for token in [&own, &other] {
        server.fixes(token, &[empty(0), empty(10)]).await;
        server.fixes(token, &[empty(20)]).await;
    }
    let told = alerts(&server, &admin).await;
    let mut kinds: Vec<_> = told.iter().map(|alert| (alert.unit_id.as_str(), alert.kind.as_str())).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [("PC-1", "low_battery"), ("PC-1", "overspeed")]);
    assert!(told.iter().all(|alert| alert.time == now && alert.fence.is_none()));
    server.end().await;
}

#[tokio::test]
async fn silence_is_told_where_rules_ask_and_closed_when_it_ends() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    rules(&server, &admin, "station:5", json!({"stale": true, "offline": true})).await;
    let (own, other) = (server.unit("PC-1", 5).await, server.unit("PC-2", 9).await);
    for token in [&own, &other] {
        server.fixes(token, &[north(server.clock.now(), 0.0)]).await;
    }
    let open = async || -> Vec<(String, AlertKind)> {
        let page: Page<Alert> = server.get(&admin, "/api/v1/alerts").await.as_a();
        page.items.into_iter().map(|alert| (alert.unit_id.to_string(), alert.kind)).collect()
    };
    let is = async |expected: &[AlertKind]| {
        let expected: Vec<_> = expected.iter().map(|kind| ("PC-1".to_owned(), *kind)).collect();
        eventually("the alerts are those", || async { open().await == expected }).await;
    };
    server.clock.turn(70);
    is(&[AlertKind::Stale]).await;
    server.clock.turn(300);
    is(&[AlertKind::Offline]).await;
    server.fixes(&own, &[north(server.clock.now(), 0.0)]).await;
    is(&[]).await;
    let told = alerts(&server, &admin).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|alert| alert.acknowledged.as_ref().is_some_and(|by| by.by == "sentinel")));
    server.end().await;
}

#[tokio::test]
async fn what_nobody_takes_goes_up_a_level_at_a_time() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    rules(&server, &admin, "district:1", json!({"escalate_after_s": 60})).await;
    fence(&server, &admin, json!({})).await;
    let (token, now) = (server.unit("PC-1", 5).await, server.clock.now());
    server.fixes(&token, &[north(now, 900.0), north(now.plus_ms(10_000), 0.0)]).await;
    let raised = alerts(&server, &admin).await.remove(0);
    let up = async || -> Vec<Scope> {
        server.sentinel.ingest.alerts.escalate().await.expect("escalates");
        alerts(&server, &admin).await.remove(0).escalated.iter().map(|up| up.to).collect()
    };
    assert_eq!(up().await, []);
    let waits = async |scope: &str| -> usize {
        let list = format!("/api/v1/alerts?waits_for={scope}");
        server.get(&admin, &list).await.as_a::<Page<Alert>>().items.len()
    };
    assert_eq!((waits("station:5").await, waits("division:2").await), (1, 0));
    let levels = ["division:2", "zone:3", "district:1"].map(|scope| scope.parse::<Scope>().expect("a scope"));
    for n in 1..=3 {
        server.clock.turn(61);
        assert_eq!(up().await, levels[..n]);
        assert_eq!(up().await, levels[..n], "not before it is time again");
    }
    server.clock.turn(600);
    assert_eq!(up().await, levels, "there is nobody above");
    for scope in ["station:5", "division:2", "zone:3", "district:1"] {
        assert_eq!(waits(scope).await, 1, "{scope}");
    }
    assert_eq!(waits("station:6").await, 0);
    let path = format!("/api/v1/alerts/{}/acknowledge", raised.id);
    assert_eq!(server.post(&admin, &path, json!({})).await.status, StatusCode::OK);
    assert_eq!(waits("zone:3").await, 0);
    let (chief, other) = (server.sign_in("chief5").await, "/api/v1/alerts?waits_for=zone:3");
    assert_eq!(server.get(&chief, other).await.status, StatusCode::FORBIDDEN);
    server.end().await;
}

#[tokio::test]
async fn arrival_is_noticed_by_itself() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    server.start_patrol("PC-1", 5).await;
    server.fixes(&token, &[north(server.clock.now(), 2_000.0)]).await;
    let made = incident(&server, &admin, json!({})).await;
    assert_eq!(assign(&server, &admin, &made, "PC-1").await.status, StatusCode::CREATED);
    let now = async || -> Task { server.get(&admin, "/api/v1/incidents/inc-1").await.as_a() };
    server.clock.turn(5);
    server.fixes(&token, &[north(server.clock.now(), 1_980.0)]).await;
    assert_eq!(now().await.assignments[0].state, AssignmentState::Dispatched, "it has hardly moved");
    server.clock.turn(30);
    server.fixes(&token, &[north(server.clock.now(), 1_500.0)]).await;
    assert_eq!(now().await.assignments[0].state, AssignmentState::EnRoute);
    server.clock.turn(60);
    let there = server.clock.now();
    server.fixes(&token, &[north(there, 20.0)]).await;
    assert_eq!(now().await.state, TaskState::Assigned, "it may only drive past");
    server.clock.turn(25);
    server.fixes(&token, &[north(server.clock.now(), 15.0)]).await;
    let after = now().await;
    assert_eq!((after.state, after.assignments[0].state), (TaskState::OnScene, AssignmentState::OnScene));
    assert_eq!(after.assignments[0].times.on_scene_at, Some(there), "since it came, not since that showed");
    assert!(after.timeline.iter().skip(2).all(|entry| entry.by.by == "sentinel"), "{:?}", after.timeline);
    // It leaves and comes back: what was noticed stays.
    server.clock.turn(60);
    server.fixes(&token, &[north(server.clock.now(), 1_000.0)]).await;
    assert_eq!(now().await, after);
    server.end().await;
}

#[tokio::test]
async fn who_arrived_while_the_server_was_away_is_noticed_when_it_is_back() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    server.start_patrol("PC-1", 5).await;
    server.fixes(&token, &[north(server.clock.now(), 2_000.0)]).await;
    let made = incident(&server, &admin, json!({})).await;
    assign(&server, &admin, &made, "PC-1").await;
    server.clock.turn(100);
    let server = server.restart().await;
    let now = server.clock.now();
    let at = |seconds: i64| now.plus_ms(seconds * 1000 - 60_000);
    server.fixes(&token, &[north(at(0), 900.0), north(at(20), 10.0), north(at(45), 10.0)]).await;
    let after: Task = server.get(&admin, "/api/v1/incidents/inc-1").await.as_a();
    let times = after.assignments[0].times;
    assert_eq!((times.en_route_at, times.on_scene_at), (Some(at(0)), Some(at(20))));
    tokio::time::timeout(Duration::from_secs(60), server.end()).await.expect("it ends");
}

/// `PC-1`, sent to the middle from 2 km away.
async fn sent(server: &Server, admin: &str) -> String {
    let token = server.unit("PC-1", 5).await;
    server.start_patrol("PC-1", 5).await;
    server.fixes(&token, &[north(server.clock.now(), 2_000.0)]).await;
    let made = incident(server, admin, json!({})).await;
    assert_eq!(assign(server, admin, &made, "PC-1").await.status, StatusCode::CREATED);
    server.clock.turn(5);
    token
}

/// Looks for who stands and posts nothing more; answers how far `PC-1` is, and since when there.
async fn looked_for(server: &Server, admin: &str) -> (AssignmentState, Option<Time>) {
    let watcher = server.sentinel.ingest.watcher.as_ref().expect("it watches here");
    watcher.notice_standing().await.expect("looks");
    let task: Task = server.get(admin, "/api/v1/incidents/inc-1").await.as_a();
    (task.assignments[0].state, task.assignments[0].times.on_scene_at)
}

#[tokio::test]
async fn who_arrives_and_posts_nothing_more_is_there_since_the_last_word() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = sent(&server, &admin).await;
    server.fixes(&token, &[north(server.clock.now(), 1_500.0)]).await;
    server.clock.turn(60);
    assert_eq!(looked_for(&server, &admin).await, (AssignmentState::EnRoute, None), "it is silent elsewhere");
    let there = server.clock.now();
    server.fixes(&token, &[north(there, 30.0)]).await;
    server.clock.turn(10);
    assert_eq!(looked_for(&server, &admin).await, (AssignmentState::EnRoute, None), "it may only drive past");
    // Also where another process has heard that last word.
    let server = server.restart().await;
    server.clock.turn(11);
    assert_eq!(looked_for(&server, &admin).await, (AssignmentState::OnScene, Some(there)));
    // It is heard of again, and elsewhere: what was noticed stays.
    let after: Task = server.get(&admin, "/api/v1/incidents/inc-1").await.as_a();
    server.fixes(&token, &[north(server.clock.now(), 900.0)]).await;
    server.clock.turn(60);
    looked_for(&server, &admin).await;
    assert_eq!(server.get(&admin, "/api/v1/incidents/inc-1").await.as_a::<Task>(), after);
    assert_eq!(after.timeline.iter().filter(|entry| entry.by.by == "sentinel").count(), 2);
    server.end().await;
}

#[tokio::test]
async fn who_drives_at_the_last_word_or_was_there_before_it_was_sent_is_not_said_to_have_arrived() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = sent(&server, &admin).await;
    server.fixes(&token, &[fast(server.clock.now(), 30.0, 12.0)]).await;
    server.clock.turn(40);
    assert_eq!(looked_for(&server, &admin).await.1, None, "it drives past, and out of the net");
    let there = server.unit("PC-2", 5).await;
    server.start_patrol("PC-2", 5).await;
    server.fixes(&there, &[north(server.clock.now(), 10.0)]).await;
    let two = incident(&server, &admin, json!({})).await;
    assert_eq!(assign(&server, &admin, &two, "PC-2").await.status, StatusCode::CREATED);
    server.clock.turn(40);
    looked_for(&server, &admin).await;
    let two: Task = server.get(&admin, "/api/v1/incidents/inc-2").await.as_a();
    assert_eq!(two.assignments[0].state, AssignmentState::Dispatched, "nothing was heard of it since");
    server.end().await;
}

#[tokio::test]
async fn a_device_whose_clock_is_behind_takes_as_long_as_it_took() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    server.start_patrol("PC-1", 5).await;
    let post = async |seconds: i64, metres: f64| {
        server.clock.turn(seconds);
        server.fixes(&token, &[north(server.clock.now().plus_ms(-600_000), metres)]).await;
    };
    post(0, 2_000.0).await;
    let made = incident(&server, &admin, json!({})).await;
    assert_eq!(assign(&server, &admin, &made, "PC-1").await.status, StatusCode::CREATED);
    for (seconds, metres) in [(10, 1_900.0), (20, 1_500.0), (60, 20.0), (25, 15.0)] {
        post(seconds, metres).await;
    }
    let task: Task = server.get(&admin, "/api/v1/incidents/inc-1").await.as_a();
    let took = task.assignments[0].response_times();
    let is_near = |took: Option<f64>, expected: f64| took.is_some_and(|took| (took - expected).abs() < 2.0);
    assert_eq!(task.state, TaskState::OnScene);
    assert!(is_near(took.to_en_route_s, 30.0) && is_near(took.to_on_scene_s, 90.0), "{took:?}");
    server.end().await;
}
