//! What a stored position does to the unit's marker.

use crate::server::{Server, at, eventually, fix, id};
use futures::FutureExt as _;
use sentinel_model::Time;
use sentinel_server::http;
use serde_json::{Value, json};
use tower::ServiceExt as _;

#[tokio::test]
async fn a_unit_whose_clock_is_far_ahead_is_seen_when_it_is_heard_and_once_more_when_the_clock_is_right() {
    let server = Server::start().await;
    let chief = server.sign_in("chief5").await;
    let token = server.unit("PC-1", 5).await;
    let day = 24 * 3600;
    let read = async || server.get(&chief, "/api/v1/units/PC-1").await.json;
    // Newest first, as some send: the one that was made last is where it is.
    let before = server.clock.now();
    server.fixes(&token, &[fix(at(day), 9.95, 76.25), fix(at(day - 5), 9.94, 76.25)]).await;
    let unit = read().await;
    assert_eq!((&unit["status"], &unit["location"]["latitude"]), (&json!("available"), &json!(9.95)));
    let shown = Time::parse(unit["location"]["time"].as_str().expect("a time")).expect("a time");
    assert!((before..=server.clock.now()).contains(&shown), "at the time it was received: {shown}");
    assert_eq!(unit["location"]["received_at"], unit["location"]["time"]);

    server.clock.turn(200);
    assert_eq!(read().await["status"], "stale");
    server.fixes(&token, &[fix(at(day + 200), 9.96, 76.25)]).await;
    let unit = read().await;
    assert_eq!((&unit["status"], &unit["location"]["latitude"]), (&json!("available"), &json!(9.96)));

    server.clock.turn(100);
    assert_eq!(read().await["status"], "stale");
    server.fixes(&token, &[fix(at(day), 9.95, 76.25)]).await;
    let unit = read().await;
    let sent_again = (&unit["status"], &unit["location"]["latitude"]);
    assert_eq!(sent_again, (&json!("available"), &json!(9.96)), "it is heard, and does not go back");

    server.fixes(&token, &[fix(at(100), 9.0, 76.25)]).await;
    assert_eq!(read().await["location"]["latitude"], 9.96, "what is older does not take it back");
    server.fixes(&token, &[fix(at(301), 9.97, 76.25), fix(at(day - 9), 9.0, 76.25)]).await;
    assert_eq!(read().await["location"]["latitude"], 9.97, "what is true moves it on");
    let stored = server.stored_times(&server.sign_in("admin").await, "PC-1").await;
    assert_eq!(stored, [100, 301, day - 9, day - 5, day, day + 200].map(at), "history is as it was sent");
}

#[tokio::test]
async fn after_a_restart_a_fix_from_the_future_holds_only_until_something_later_is_known() {
    let server = Server::start().await;
    let (wrong, mended) = (server.unit("PC-1", 5).await, server.unit("PC-2", 5).await);
    let day = 24 * 3600;
    server.fixes(&wrong, &[fix(at(-5), 9.94, 76.25)]).await;
    server.fixes(&wrong, &[fix(at(day), 9.95, 76.25)]).await;
    server.fixes(&mended, &[fix(at(day), 9.0, 76.25)]).await;
    server.clock.turn(60);
    server.fixes(&mended, &[fix(at(60), 9.96, 76.25)]).await;
    let server = server.restart().await;
    let admin = server.sign_in("admin").await;
    let latitude = async |unit: &str| {
        server.get(&admin, &format!("/api/v1/units/{unit}/location")).await.json["latitude"].clone()
    };
    assert_eq!((latitude("PC-1").await, latitude("PC-2").await), (json!(9.95), json!(9.96)));
    server.fixes(&wrong, &[fix(at(61), 9.97, 76.25)]).await;
    assert_eq!(latitude("PC-1").await, 9.97, "its clock is right again");
    assert_eq!(server.stored_times(&admin, "PC-1").await, [-5, 61, day].map(at));
}

#[tokio::test]
async fn a_receiver_that_knows_no_place_yet_is_heard_and_shows_its_unit_nowhere_else() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let (searching, placed) = (server.unit("PC-1", 5).await, server.unit("PC-2", 5).await);
    server.fixes(&searching, &[fix(at(0), 0.0, 0.0)]).await;
    let unit = server.get(&admin, "/api/v1/units/PC-1").await.json;
    assert!(
        unit["patrol_id"].is_string() && unit["location"].is_null(),
        "on duty, and nobody knows where: {unit}"
    );

    server.fixes(&placed, &[fix(at(0), 9.96, 76.25)]).await;
    server.clock.turn(100);
    server.fixes(&placed, &[fix(at(100), 0.0, 0.0)]).await;
    let last = async |server: &Server| {
        let unit = server.get(&admin, "/api/v1/units/PC-2").await.json;
        (unit["status"].clone(), unit["location"]["latitude"].clone(), unit["location"]["time"].clone())
    };
    let expected = (json!("available"), json!(9.96), json!(at(0)));
    assert_eq!(last(&server).await, expected, "it is heard, and stays where it was");
    assert_eq!(server.stored_times(&admin, "PC-2").await, [0, 100].map(at), "history is as it was sent");
    let then = server.get(&admin, &format!("/api/v1/history?at={}", at(200))).await.json;
    let places = |list: &Value, name: &str| {
        let places = list.as_array().expect("a list").iter();
        places.map(|one| (one[name].clone(), one["latitude"].clone(), one["lat"].clone())).collect::<Vec<_>>()
    };
    let null = Value::Null;
    assert_eq!(places(&then["units"], "unit_id"), [(json!("PC-2"), json!(9.96), null.clone())]);
    let cars = server.get(&admin, "/police/cars").await.json;
    assert_eq!(places(&cars["cars"], "car_id"), [(json!("PC-2"), null, json!(9.96))]);
    assert_eq!(server.get(&admin, "/police/cars/PC-2").await.json["lat"], 9.96);
    assert_eq!(server.get(&admin, "/police/cars/PC-1").await.status, reqwest::StatusCode::NOT_FOUND);
    let server = server.restart().await;
    assert_eq!(last(&server).await.1, expected.1, "also after a restart");
}

#[tokio::test]
async fn what_is_stored_is_shown_even_if_the_device_hangs_up_before_the_answer() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    let body = fix(at(0), 9.9, 76.2).to_string();
    let request =
        axum::http::Request::post("/api/v1/locations").header("authorization", format!("Bearer {token}"));
    let request = request.body(axum::body::Body::from(body)).expect("a request");
    let answer = http::router(server.sentinel.clone()).oneshot(request);
    assert!(answer.now_or_never().is_none(), "it waits for the disk, and is given up");
    eventually("its patrol has begun", || async {
        server.sentinel.directory.unit(&id("PC-1")).is_some_and(|unit| unit.patrol.is_some())
    })
    .await;
    let location = server.sentinel.positions.get(&id("PC-1")).await.expect("reads");
    assert_eq!(location.map(|location| location.time), Some(at(0)));
    assert_eq!(server.sentinel.ingest.counts.accepted.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[tokio::test]
async fn hour_late_batches_fall_into_place_and_leave_the_marker_where_it_is() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(0), 9.95, 76.25)]).await;
    let late: Vec<Value> = (0..3600).rev().step_by(10).map(|n| fix(at(n - 3600), 9.9, 76.2)).collect();
    server.fixes(&token, &late).await;
    let times = server.stored_times(&admin, "PC-1").await;
    assert_eq!(times.len(), 361);
    assert!(times.is_sorted());
    let location = server.get(&admin, "/api/v1/units/PC-1/location").await.json;
    assert_eq!((&location["latitude"], &location["time"]), (&json!(9.95), &json!(at(0))));
}
