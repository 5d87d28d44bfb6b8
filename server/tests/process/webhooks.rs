//! What webhooks were to be told is told, also when the program is killed in between.

use crate::{
    program::{Process, make_fleet},
    receiver::{How, Receiver},
};
use sentinel_model::{Level, PatrolId, Scope, webhook::WantedEvents};
use sentinel_server::{
    clock::Clock,
    directory::Directory,
    memory::MemoryBus,
    ports::{Change, SigningSecret, WebhookRecord},
    sqlite::SqliteRegistry,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const KILLS: usize = 5;
const UNITS: usize = 6;
const ALLOW: [&str; 2] = ["--webhook-allow", "127.0.0.1"];

async fn make_webhook(data: &Path, url: String) {
    let registry = SqliteRegistry::open(&data.join("records.db")).expect("opens");
    let now = Clock::system().now();
    let directory =
        Directory::load(Arc::new(registry), Arc::new(MemoryBus::new("")), now).await.expect("loads");
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
    Arc::new(directory).put(vec![Change::PutWebhook(webhook)]).await.expect("commits");
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
    make_webhook(folder.path(), receiver.url()).await;
    let mut answered = BTreeSet::new();
    for kill in 0..KILLS {
        // Some die while the endpoint takes its time over what it was sent.
        let hangs = kill % 2 == 0;
        receiver.answers(if hangs { How::Hang } else { How::Status(200) });
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
    receiver.answers(How::Status(200));
    let _server = Process::start_with(folder.path(), &ALLOW);
    let of = |got: &crate::receiver::Got| {
        let patrol: PatrolId = got.json["data"]["patrol_id"].as_str()?.parse().ok()?;
        Some((got.event().to_owned(), patrol))
    };
    let waiting = async {
        loop {
            let told: BTreeSet<_> = receiver.got().iter().filter_map(of).collect();
            if told.is_superset(&answered) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("all of it arrives");
    assert!(answered.len() > KILLS * 2, "only {} events: that was no load", answered.len());
    let mut ids: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for got in receiver.got() {
        let verifier = standardwebhooks::Webhook::new(SECRET).expect("a secret");
        verifier.verify(got.text.as_bytes(), &got.headers).expect("it is signed, and of now");
        ids.entry(of(&got)).or_default().insert(got.id().to_owned());
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "one event has one id: {ids:?}");
}
