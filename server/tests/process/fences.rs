//! Devices drive in and out of a fence, one after the other, while the server is killed again and
//! again: each crossing is told once, and of one that crosses without end the first of an hour, whoever counts.

use crate::program::{Process, make_fleet};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use sentinel_model::{
    Page, Time,
    alerts::{Alert, AlertKind},
};
use sentinel_server::ingest::alerts::FENCES_AN_HOUR;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Kills; each at a moment of its own.
const KILLS: u64 = 8;
/// Positions in a row on the same side of the fence.
const STAYS: i64 = 3;
/// Positions of a device, before the next drives on: with some more crossings than are told.
const LEG: i64 = 200;
/// More than come to it.
const UNITS: usize = 200;
const BEGAN: Time = Time(1_795_226_400_000);
/// How long anything may take that is waited for.
const DEADLINE: Duration = Duration::from_secs(60);

fn time(n: i64) -> Time {
    BEGAN.plus_ms(n * 1000)
}

/// 900 m away, or in the middle.
fn latitude(n: i64) -> f64 {
    if n % LEG / STAYS % 2 == 0 { 9.9081 } else { 9.9 }
}

/// What crosses the fence and is told: each position on another side than the one before.
fn crossings(positions: i64) -> BTreeMap<Time, AlertKind> {
    let told = i64::from(FENCES_AN_HOUR) * STAYS;
    let crosses = (1..positions).filter(|n| n % LEG > 0 && n % LEG <= told && n % LEG % STAYS == 0);
    let kind = |n: i64| if n % LEG / STAYS % 2 == 0 { AlertKind::Exit } else { AlertKind::Enter };
    crosses.map(|n| (time(n), kind(n))).collect()
}

async fn all_alerts(client: &reqwest::Client, server: &Process, key: &str) -> Vec<Alert> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = server.url(&format!("/api/v1/alerts?state=all&limit=1000{cursor}"));
        let answer = client.get(path).bearer_auth(key).send().await.expect("an answer");
        let page: Page<Alert> = answer.json().await.expect("a page");
        all.extend(page.items);
        let Some(next) = page.next else { return all };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_crossing_is_told_once_whatever_is_killed() {
    let data = tempfile::tempdir().expect("a folder");
    let (tokens, key) = make_fleet(data.path(), UNITS).await;
    let client = reqwest::Client::new();
    let mut server = Process::start(data.path());
    let fence = json!({"name": "Depot", "on": {"enter": true, "exit": true},
        "shape": {"type": "circle", "latitude": 9.9, "longitude": 76.25, "radius_m": 200.0}});
    let made = client.post(server.url("/api/v1/geofences")).bearer_auth(&key).json(&fence).send().await;
    let made = made.expect("an answer");
    assert_eq!(made.status(), 201, "{}", made.text().await.unwrap_or_default());

    let mut random = StdRng::seed_from_u64(11);
    let mut next = 0;
    for _ in 0..KILLS {
        let killed_after = Duration::from_millis(random.random_range(50..1500));
        let begun = Instant::now();
        let pid = server.pid().to_string();
        let killer = tokio::spawn(async move {
            tokio::time::sleep(killed_after).await;
            std::process::Command::new("kill").args(["-9", &pid]).status().expect("kill runs")
        });
        // On to the next position once the one before is answered.
        while post(&client, &server, token_of(&tokens, next), next).await {
            next += 1;
            assert!(begun.elapsed() < DEADLINE, "it is killed");
        }
        killer.await.expect("it ran");
        server.wait();
        server = Process::start(data.path());
        assert!(post(&client, &server, token_of(&tokens, next), next).await, "a running server answers");
        next += 1;
    }
    assert!(next > 100, "it drove: {next}");
    let expected = crossings(next);
    let begun = Instant::now();
    let told = loop {
        let told = all_alerts(&client, &server, &key).await;
        if told.len() >= expected.len() || begun.elapsed() > DEADLINE {
            break told;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let count = told.len();
    let told: BTreeMap<Time, AlertKind> = told.into_iter().map(|alert| (alert.time, alert.kind)).collect();
    assert_eq!(told, expected);
    assert_eq!(count, expected.len(), "nothing is told twice");
}

fn token_of(tokens: &[String], n: i64) -> &str {
    &tokens[usize::try_from(n / LEG).expect("small")]
}

/// Whether the server answered that it is safe.
async fn post(client: &reqwest::Client, server: &Process, token: &str, n: i64) -> bool {
    let fix: Value = json!({"timestamp": time(n), "coords": {"latitude": latitude(n), "longitude": 76.25}});
    let request = client.post(server.url("/api/v1/locations")).bearer_auth(token);
    match request.json(&json!({"location": [fix]})).timeout(DEADLINE).send().await {
        Ok(answer) => answer.status().is_success(),
        Err(_) => false,
    }
}
