//! Of whom, and how often, fences and rules raise alerts: of units on patrol, from when there is a
//! fence or a rule, and sixty times an hour.

use crate::{
    server::{Server, eventually, id},
    watch::{alerts, fast, fence, kinds, north, rules, stored},
};
use axum::http::{Method, StatusCode};
use sentinel_model::{
    Time,
    alerts::{Alert, AlertKind},
};
use sentinel_server::ingest::alerts::FENCES_AN_HOUR;
use serde_json::json;

#[tokio::test]
async fn what_a_unit_does_off_duty_raises_nothing_whenever_it_is_posted() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    fence(&server, &admin, json!({})).await;
    rules(&server, &admin, "station:5", json!({"speed_limit_mps": 20.0})).await;
    let token = server.unit("PC-1", 5).await;
    let post = async |metres: f64, speed_mps: f64| {
        server.clock.turn(10);
        server.fixes(&token, &[fast(server.clock.now(), metres, speed_mps)]).await;
    };
    let patrol = server.start_patrol("PC-1", 5).await;
    post(900.0, 5.0).await;
    server.end_patrol(patrol).await;
    post(0.0, 30.0).await;
    post(900.0, 5.0).await;
    post(0.0, 30.0).await;
    assert_eq!(kinds(&server, &admin).await, []);
    // It had no network then, and sends the rest of it on duty.
    let off = server.clock.now();
    server.clock.turn(60);
    server.start_patrol("PC-1", 5).await;
    let at = |seconds: i64| off.plus_ms(seconds * 1000);
    let kept = [fast(at(10), 900.0, 5.0), fast(at(20), 0.0, 30.0), fast(at(30), 0.0, 5.0)];
    server.fixes(&token, &kept).await;
    assert_eq!(kinds(&server, &admin).await, []);
    // Where it is was seen all the same: it leaves, and does not come in.
    post(900.0, 30.0).await;
    let told = async || {
        let mut told: Vec<&str> = kinds(&server, &admin).await.iter().map(|kind| kind.as_str()).collect();
        told.sort_unstable();
        told
    };
    eventually("both are told", || async { told().await.len() >= 2 }).await;
    assert_eq!(told().await, ["exit", "overspeed"]);
    server.end().await;
}

#[tokio::test]
async fn what_it_did_on_patrol_is_told_when_it_comes_late() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    fence(&server, &admin, json!({})).await;
    let token = server.unit("PC-1", 5).await;
    let patrol = server.start_patrol("PC-1", 5).await;
    server.fixes(&token, &[north(server.clock.now(), 900.0)]).await;
    server.clock.turn(10);
    let crossed = server.clock.now();
    server.clock.turn(10);
    server.end_patrol(patrol).await;
    server.clock.turn(10);
    server.fixes(&token, &[north(crossed, 0.0), north(server.clock.now(), 900.0)]).await;
    eventually("it is told", || async { !kinds(&server, &admin).await.is_empty() }).await;
    let told = alerts(&server, &admin).await;
    let [Alert { kind: AlertKind::Enter, time, patrol_id, .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!((*time, *patrol_id), (crossed, Some(patrol)));
    server.end().await;
}

#[tokio::test]
async fn who_crosses_without_end_is_told_of_sixty_times_an_hour_and_again_the_next() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    fence(&server, &admin, json!({})).await;
    let (token, other) = (server.unit("PC-1", 5).await, server.unit("PC-2", 5).await);
    let now = server.clock.now();
    let at = |n: i64| now.plus_ms(n * 1000);
    let metres = |n: i64| if n % 2 == 0 { 900.0 } else { 0.0 };
    let crosses = |from: i64, to: i64| (from..to).map(|n| north(at(n), metres(n))).collect::<Vec<_>>();
    server.fixes(&token, &crosses(0, 41)).await;
    // Who goes on has the count of who was there before.
    let server = server.restart().await;
    server.fixes(&token, &crosses(41, 91)).await;
    let of = async |server: &Server, unit: &str| -> Vec<Time> {
        let all = alerts(server, &admin).await;
        all.iter().filter(|alert| alert.unit_id == id(unit)).map(|alert| alert.time).collect()
    };
    let first: Vec<Time> = (1..=i64::from(FENCES_AN_HOUR)).map(at).collect();
    eventually("the first are told", || async { of(&server, "PC-1").await == first }).await;
    server.fixes(&other, &crosses(0, 3)).await;
    eventually("others are as before", || async { of(&server, "PC-2").await.len() == 2 }).await;
    let server = server.restart().await;
    server.clock.turn(3_600);
    let next = server.clock.now();
    server.fixes(&token, &[north(next, metres(91))]).await;
    let then: Vec<Time> = first.into_iter().chain([next]).collect();
    eventually("the next hour is another", || async { of(&server, "PC-1").await.contains(&next) }).await;
    assert_eq!(of(&server, "PC-1").await, then, "what was left out is left out");
    server.end().await;
}

#[tokio::test]
async fn a_rule_tells_nothing_of_what_was_posted_while_there_was_none() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let limit = json!({"speed_limit_mps": 20.0});
    rules(&server, &admin, "station:5", limit.clone()).await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fast(server.clock.now(), 0.0, 5.0)]).await;
    let remembered = async |server: &Server| server.sentinel.memory.remembered().await.expect("reads");
    eventually("it is remembered", || async { remembered(&server).await == [id("PC-1")] }).await;
    // It says nothing until after the rule has gone and the server was started anew.
    let path = "/api/v1/scopes/station:5/alert-rules";
    let removed = crate::server::send(server.request(Method::DELETE, &admin, path)).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    let server = server.restart().await;
    eventually("it is forgotten", || async { remembered(&server).await.is_empty() }).await;
    for speed_mps in [5.0, 30.0, 5.0] {
        server.clock.turn(10);
        server.fixes(&token, &[fast(server.clock.now(), 0.0, speed_mps)]).await;
    }
    rules(&server, &admin, "station:5", limit).await;
    server.clock.turn(10);
    server.fixes(&token, &[fast(server.clock.now(), 0.0, 5.0)]).await;
    assert_eq!(alerts(&server, &admin).await, []);
    server.clock.turn(10);
    server.fixes(&token, &[fast(server.clock.now(), 0.0, 30.0)]).await;
    eventually("that is told", || async { kinds(&server, &admin).await == [AlertKind::Overspeed] }).await;
    server.end().await;
}

#[tokio::test]
async fn units_that_cannot_be_looked_at_hold_no_other_up() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    fence(&server, &admin, json!({})).await;
    let names: Vec<String> = (0..12).map(|n| format!("PC-{n}")).collect();
    let stored = |metres: f64| stored(server.clock.now(), metres);
    for name in &names {
        let token = server.unit(name, 5).await;
        server.fixes(&token, &[north(server.clock.now(), 900.0)]).await;
    }
    let watcher = server.sentinel.ingest.watcher.clone().expect("it watches");
    let all = names.len();
    let remembered = async || server.sentinel.memory.remembered().await.expect("reads").len();
    eventually("all are remembered", || async { remembered().await == all }).await;
    // What was stored and not looked at; of half of them it reads no more.
    server.clock.turn(10);
    watcher.let_go(|_| true);
    for name in &names {
        server.sentinel.intake.accept(&id(name), vec![stored(0.0)]).await.expect("stores");
    }
    let history = rusqlite::Connection::open(server.folder().join("history.db")).expect("opens");
    let spoil = "UPDATE block SET fixes = x'ff' WHERE unit IN
        (SELECT ix FROM unit WHERE id IN ('PC-0', 'PC-2', 'PC-4', 'PC-6', 'PC-8', 'PC-10'))";
    history.execute(spoil, []).expect("writes");
    watcher.catch_up().await.expect_err("not of all of them");
    let entered = alerts(&server, &admin).await;
    assert_eq!(entered.len(), all / 2, "{entered:?}");
    // Nor are others forgotten for them.
    let memory = async || server.sentinel.memory.recall(&id("PC-1")).await.expect("reads");
    let before = memory().await;
    server.clock.turn(10);
    watcher.look(&id("PC-1"), &[stored(10.0)]).await.expect("it is looked at");
    watcher.keep().await.expect_err("some are behind");
    assert_ne!(memory().await, before);
    drop(watcher);
    server.end().await;
}
