//! What webhooks were to be told is told, also when the program is killed in between.

use crate::{
    program::{Process, make_fleet, make_fleet_in, records, registry_of},
    receiver::{How, Receiver},
};
use sentinel_model::{Level, Page, PatrolId, Scope, Time, alerts::Alert, webhook::WantedEvents};
use sentinel_server::{
    clock::Clock,
    directory::Directory,
    mongo::{Mongo, MongoRegistry},
    ports::{Change, SigningSecret, WebhookRecord},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const KILLS: usize = 5;
const UNITS: usize = 6;
const ALLOW: [&str; 2] = ["--webhook-allow", "127.0.0.1"];

async fn make_webhook(records: &Arc<Directory>, url: String) {
    let now = Clock::system().now();
    let webhook = WebhookRecord {
        id: "hook".into(),
        name: "hook".into(),
        url,
        scope: Scope::new(Level::District, 1),
        events: WantedEvents::All,
        enabled: true,
        disabled_because: None,
        failing_since: None,
        created_at: now,
        secrets: vec![SigningSecret { text: SECRET.into(), until: None }],
    };
    records.put(vec![Change::PutWebhook(webhook)]).await.expect("commits");
}

async fn until(deadline: Duration, what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(deadline, waiting).await.expect(what);
}

/// Starts and ends patrols of one unit until the server is gone. Answers the events that were
/// answered for: (event, patrol).
async fn work(unit: usize, url: String, key: String) -> Vec<(String, PatrolId)> {
    let client = reqwest::Client::new();
    let mut answered = Vec::new();
    let post = |path: String, body: Value| {
        let request = client.post(format!("{url}{path}")).bearer_auth(&key).json(&body);
        async move {
            let answer = request.timeout(Duration::from_secs(60)).send().await.ok()?;
            answer.json::<Value>().await.ok()
        }
    };
    loop {
        let unit = format!("PC-{unit}");
        let Some(started) = post("/api/v1/patrols".into(), json!({"unit_id": unit})).await else { break };
        let id: PatrolId = started["id"].as_str().expect("a patrol").parse().expect("an id");
        answered.push(("patrol.started".into(), id));
        if post(format!("/api/v1/patrols/{id}/end"), json!({})).await.is_none() {
            break;
        }
        answered.push(("patrol.ended".into(), id));
    }
    answered
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_that_was_answered_arrives_under_one_id_however_often_the_program_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, key) = make_fleet(folder.path(), UNITS).await;
    let receiver = Receiver::start().await;
    make_webhook(&records(Arc::new(registry_of(folder.path()))).await, receiver.url()).await;
    let mut answered = BTreeSet::new();
    for kill in 0..KILLS {
        // Some die while the endpoint takes its time over what it was sent.
        let hangs = kill % 2 == 0;
        receiver.answer_by(if hangs { How::Hang } else { How::Status(200) });
        let mut server = Process::start_with(folder.path(), &ALLOW);
        let working: Vec<_> =
            (0..UNITS).map(|unit| tokio::spawn(work(unit, server.url(""), key.clone()))).collect();
        // Before anything times out: an endpoint that fails is then tried seldom.
        receiver.until(receiver.got().len() + if hangs { 1 } else { 10 }).await;
        server.kill();
        for unit in working {
            answered.extend(unit.await.expect("it ends with the server"));
        }
    }
    receiver.answer_by(How::Status(200));
    let _server = Process::start_with(folder.path(), &ALLOW);
    let of = |got: &crate::receiver::Got| {
        let patrol: PatrolId = got.json["data"]["patrol_id"].as_str()?.parse().ok()?;
        Some((got.event().to_owned(), patrol))
    };
    // What a killed one was delivering is another's after a minute.
    until(Duration::from_secs(120), "all of it arrives", || {
        receiver.got().iter().filter_map(of).collect::<BTreeSet<_>>().is_superset(&answered)
    })
    .await;
    assert!(answered.len() > KILLS * 2, "only {} events: that was no load", answered.len());
    let mut ids: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for got in receiver.got() {
        // Not by a verifier, which wants it to have come within the last five minutes.
        assert!(got.is_signed_with(SECRET), "{got:?}");
        ids.entry(of(&got)).or_default().insert(got.id().to_owned());
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "one event has one id: {ids:?}");
}

/// Calls for help of one unit, a second apart, each again until it is answered, until the server
/// is gone. Answers how far it has come: the first that was not answered.
async fn call(url: String, token: String, begun: Time, mut n: i64, answered: Arc<AtomicUsize>) -> i64 {
    while call_once(&url, &token, begun.plus_ms(1000 * n)).await {
        answered.fetch_add(1, Ordering::Relaxed);
        n += 1;
    }
    n
}

/// Sends one until it is answered well, as devices do; answers false where nobody is there.
async fn call_once(url: &str, token: &str, time: Time) -> bool {
    let client = reqwest::Client::new();
    let url = format!("{url}/?id={token}&lat=9.9&lon=76.2&timestamp={time}&alarm=sos");
    loop {
        match client.get(&url).timeout(Duration::from_secs(60)).send().await {
            Ok(answer) if answer.status().is_success() => return true,
            Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(_) => return false,
        }
    }
}

/// However often the program is killed, between keeping what it was sent, keeping the alert and
/// telling of it.
async fn every_sos_is_one_alert_and_one_delivery(
    folder: &Path,
    flags: &[&str],
    tokens: Vec<String>,
    key: String,
    receiver: Receiver,
) {
    let begun = Clock::system().now().plus_ms(-24 * 3_600_000);
    let mut next = vec![0; tokens.len()];
    for kill in 0..=KILLS {
        let mut server = Process::start_with(folder, flags);
        let answered = Arc::new(AtomicUsize::new(0));
        let begin = |(token, n): (&String, &i64)| {
            tokio::spawn(call(server.url(""), token.clone(), begun, *n, answered.clone()))
        };
        let working: Vec<_> = tokens.iter().zip(&next).map(begin).collect();
        until(Duration::from_secs(60), "some are answered", || answered.load(Ordering::Relaxed) >= 8 + kill)
            .await;
        server.kill();
        for (n, calling) in next.iter_mut().zip(working) {
            *n = calling.await.expect("it ends with the server");
        }
    }
    let server = Process::start_with(folder, flags);
    // What was not answered is sent again, as devices do.
    for (token, n) in tokens.iter().zip(&next) {
        assert!(call_once(&server.url(""), token, begun.plus_ms(1000 * n)).await);
    }
    let client = reqwest::Client::new();
    let (mut alerts, mut cursor) = (Vec::new(), String::new());
    loop {
        let url = server.url(&format!("/api/v1/alerts?limit=1000&cursor={cursor}"));
        let page = client.get(url).bearer_auth(&key).send().await.expect("an answer");
        let page: Page<Alert> = page.json().await.expect("a page");
        alerts.extend(page.items);
        let Some(next) = page.next else { break };
        cursor = next;
    }
    let mut called: Vec<(String, i64)> =
        alerts.iter().map(|alert| (alert.unit_id.to_string(), alert.time.ms_since(begun) / 1000)).collect();
    called.sort();
    let mut expected: Vec<(String, i64)> = next
        .iter()
        .enumerate()
        .flat_map(|(unit, last)| (0..=*last).map(move |n| (format!("PC-{unit}"), n)))
        .collect();
    expected.sort();
    assert_eq!(called, expected, "each call is one alert");
    let ids: BTreeSet<String> = alerts.into_iter().map(|alert| alert.id).collect();
    let delivered = || {
        let of = |got: &crate::receiver::Got| {
            Some((got.json["data"]["alert_id"].as_str()?.to_owned(), got.id().to_owned()))
        };
        receiver.got().iter().filter_map(of).collect::<BTreeSet<_>>()
    };
    // What a killed one was delivering is another's after a minute.
    until(Duration::from_secs(120), "all of it arrives", || delivered().len() >= ids.len()).await;
    let told: Vec<String> = delivered().into_iter().map(|(alert, _)| alert).collect();
    assert_eq!(told, ids.into_iter().collect::<Vec<_>>(), "each alert is one delivery");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sos_is_told_once_however_often_the_program_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start().await;
    let (tokens, key) = {
        let records = records(Arc::new(registry_of(folder.path()))).await;
        make_webhook(&records, receiver.url()).await;
        make_fleet_in(&records, UNITS).await
    };
    every_sos_is_one_alert_and_one_delivery(folder.path(), &ALLOW, tokens, key, receiver).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sos_is_told_once_however_often_a_node_over_redis_and_mongodb_is_killed() {
    let Some(redis) = sentinel_services::redis() else { return };
    let Some(database) = sentinel_services::mongo() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start().await;
    let (tokens, key) = {
        let mongo = Mongo::connect(database.uri(), None).await.expect("connects");
        let registry = MongoRegistry::open(&mongo).await.expect("opens");
        let records = records(Arc::new(registry)).await;
        make_webhook(&records, receiver.url()).await;
        make_fleet_in(&records, UNITS).await
    };
    let redis = redis.url();
    let urls = ["--redis-url", &redis, "--mongodb-url", database.uri()];
    let flags = [&ALLOW[..], &urls[..]].concat();
    every_sos_is_one_alert_and_one_delivery(folder.path(), &flags, tokens, key, receiver).await;
}
