//! What a kill leaves behind: every fix that was answered, once, and nothing that was
//! never sent. Many cycles of load, `kill -9` at a seeded moment, restart and audit;
//! and the same for an orderly stop, which moreover ends well.

use crate::program::{Process, make_fleet, unit_id};
use futures::{SinkExt as _, StreamExt as _};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use sentinel_model::{Patrol, PatrolId, RouteAnswer, RoutePoint, Time, Unit, UnitStatus};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

const UNITS: usize = 8;
/// Kills; `SENTINEL_CRASH_CYCLES` asks for more, each at moments of its own.
const CYCLES: u64 = 16;
/// How long a start may take, in a debug build on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);

/// One device that keeps what was not answered and sends it again.
struct Device {
    unit: usize,
    token: String,
    random: StdRng,
    /// Device time of the next new fix, and of the next one from the hour before.
    next: i64,
    next_late: i64,
    answered: BTreeSet<i64>,
    /// New batches that got no answer: each is stored whole or not at all.
    unanswered: Vec<Vec<i64>>,
    client: reqwest::Client,
}

/// A device's position, known from its time, so that the audit sees a wrong value too;
/// with seven decimals, as phones send it.
fn latitude(unit: usize, time: i64) -> f64 {
    (unit as i64 * 10_000_000 + time % 9_999_991) as f64 / 1e7
}

impl Device {
    fn new(unit: usize, token: &str, seed: u64, now: Time) -> Self {
        let begun = now.0 - 24 * 3600 * 1000;
        Self {
            unit,
            token: token.to_owned(),
            random: StdRng::seed_from_u64(seed * 1000 + unit as u64),
            next: begun,
            next_late: begun - 3600 * 1000,
            answered: BTreeSet::new(),
            unanswered: Vec::new(),
            client: reqwest::Client::new(),
        }
    }

    /// What it sends next, and whether all of it is new.
    fn batch(&mut self) -> (Vec<i64>, bool) {
        let random = &mut self.random;
        let known: Vec<i64> = self.answered.iter().rev().take(40).copied().collect();
        match random.random_range(0..10) {
            0 if !known.is_empty() => (known, false),
            1..=2 => {
                let n = random.random_range(1..60);
                // Newest first, as some devices send a backlog.
                let batch = (self.next_late..self.next_late + n).rev().collect();
                self.next_late += n;
                (batch, true)
            }
            pick => {
                let n = if pick < 6 { 1 } else { random.random_range(2..150) };
                let batch: Vec<i64> = (self.next..self.next + n).collect();
                self.next += n;
                (batch, true)
            }
        }
    }

    /// Whether the server answered that it is safe.
    async fn post(&self, server: &str, batch: &[i64]) -> bool {
        let fixes: Vec<Value> = batch
            .iter()
            .map(|time| {
                let coords = json!({"latitude": latitude(self.unit, *time), "longitude": 76.25});
                json!({"timestamp": Time(*time), "coords": coords})
            })
            .collect();
        let request = self.client.post(format!("http://{server}/api/v1/locations")).bearer_auth(&self.token);
        let answer = request.json(&json!({"location": fixes})).timeout(Duration::from_secs(20)).send().await;
        let Ok(answer) = answer else { return false };
        if !answer.status().is_success() {
            assert_eq!(answer.status(), 503, "only a server that stops refuses");
            return false;
        }
        // A body that was cut off was an answer all the same: its status said that it is safe.
        if let Ok(body) = answer.json::<Value>().await {
            let count = |name: &str| body[name].as_u64().unwrap_or_default();
            assert_eq!(count("accepted") + count("duplicates"), batch.len() as u64, "{body}");
        }
        true
    }

    /// Posts until the server is gone.
    async fn drive(mut self, server: String, answers: watch::Sender<u64>) -> Self {
        loop {
            let (batch, is_new) = self.batch();
            if self.post(&server, &batch).await {
                self.answered.extend(batch);
                answers.send_modify(|n| *n += 1);
            } else {
                if is_new {
                    self.unanswered.push(batch);
                }
                return self;
            }
        }
    }

    /// Sends again what got no answer, as a device does when its network is back.
    async fn catch_up(&mut self, server: &str) {
        for batch in std::mem::take(&mut self.unanswered) {
            assert!(self.post(server, &batch).await, "a running server answers");
            self.answered.extend(batch);
        }
    }
}

/// Somebody who puts a unit on duty and off again, and remembers what was answered.
#[derive(Default)]
struct Shifts {
    ended: Vec<Patrol>,
    active: Option<Patrol>,
    /// Began for certain; whether it ended was not answered.
    unsure: Option<Patrol>,
}

impl Shifts {
    async fn run(mut self, unit: usize, key: String, server: String) -> Self {
        let client = reqwest::Client::new();
        let post = async |path: &str, body: Value| -> Option<Patrol> {
            let request = client.post(format!("http://{server}{path}")).bearer_auth(&key).json(&body);
            let answer = request.timeout(Duration::from_secs(20)).send().await.ok()?;
            if answer.status().is_success() { answer.json().await.ok() } else { None }
        };
        loop {
            match self.active.take() {
                None => match post("/api/v1/patrols", json!({"unit_id": unit_id(unit)})).await {
                    Some(patrol) => self.active = Some(patrol),
                    None => return self,
                },
                Some(patrol) => match post(&format!("/api/v1/patrols/{}/end", patrol.id), json!({})).await {
                    Some(ended) => self.ended.push(ended),
                    None => {
                        self.unsure = Some(patrol);
                        return self;
                    }
                },
            }
        }
    }

    /// What was answered is so; the last, which was not, may be.
    async fn audit(&mut self, reader: &Reader, server: &Process, unit: usize) {
        for ended in &self.ended {
            let patrol: Patrol = reader.get(server, &format!("/api/v1/patrols/{}", ended.id)).await;
            assert_eq!(patrol, *ended);
        }
        if let Some(began) = self.unsure.take() {
            let patrol: Patrol = reader.get(server, &format!("/api/v1/patrols/{}", began.id)).await;
            assert_eq!(Patrol { ended_at: None, ..patrol }, began);
        }
        let now: Unit = reader.get(server, &format!("/api/v1/units/{}", unit_id(unit))).await;
        self.active = match now.patrol_id {
            Some(id) => Some(reader.get(server, &format!("/api/v1/patrols/{id}")).await),
            None => None,
        };
        assert!(self.active.as_ref().is_none_or(|active| active.ended_at.is_none()));
    }
}

async fn drive_all(devices: Vec<Device>, server: &str, answers: &watch::Sender<u64>) -> Vec<Device> {
    futures::future::join_all(
        devices.into_iter().map(|device| device.drive(server.to_owned(), answers.clone())),
    )
    .await
}

struct Reader {
    key: String,
    client: reqwest::Client,
}

impl Reader {
    async fn get<T: serde::de::DeserializeOwned>(&self, server: &Process, path: &str) -> T {
        let answer = self.client.get(server.url(path)).bearer_auth(&self.key).send().await.expect("answers");
        let status = answer.status();
        let text = answer.text().await.expect("whole");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {status} {error} {text}"))
    }

    async fn stored(&self, server: &Process, unit: usize) -> BTreeMap<i64, RoutePoint> {
        let path = format!(
            "/api/v1/units/{}/route?start_time=1971-01-01T00:00:00Z&end_time=2100-01-01T00:00:00Z&max_points=100000",
            unit_id(unit)
        );
        let route: RouteAnswer = self.get(server, &path).await;
        let points: BTreeMap<i64, RoutePoint> =
            route.points.iter().map(|point| (point.time.0, *point)).collect();
        assert_eq!(points.len(), route.points.len(), "a fix of PC-{unit} is there twice");
        assert!(route.points.is_sorted_by_key(|point| point.time));
        assert_eq!(route.total, route.points.len() as u64);
        points
    }

    /// Everything answered is there, once and as it was sent; what was not answered is
    /// there whole or not at all; nothing else is there.
    async fn audit(&self, server: &Process, devices: &[Device]) {
        for device in devices {
            let stored = self.stored(server, device.unit).await;
            let mut expected = device.answered.clone();
            for batch in &device.unanswered {
                let there = batch.iter().filter(|time| stored.contains_key(time)).count();
                assert!(there == 0 || there == batch.len(), "PC-{}: {there} of {}", device.unit, batch.len());
                if there > 0 {
                    expected.extend(batch);
                }
            }
            let times: BTreeSet<i64> = stored.keys().copied().collect();
            let (lost, foreign) = (expected.difference(&times).count(), times.difference(&expected).count());
            assert_eq!((lost, foreign), (0, 0), "PC-{}: lost and never sent", device.unit);
            for (time, point) in stored {
                assert_eq!(point.latitude.to_bits(), latitude(device.unit, time).to_bits());
            }
        }
    }

    /// Each unit that ever posted is on the patrol it was on, and where it was last.
    async fn audit_markers(
        &self,
        server: &Process,
        devices: &[Device],
        patrols: &mut BTreeMap<usize, PatrolId>,
    ) {
        for device in devices {
            let unit: Unit = self.get(server, &format!("/api/v1/units/{}", unit_id(device.unit))).await;
            let stored = self.stored(server, device.unit).await;
            assert_eq!(unit.location.map(|l| l.time.0), stored.keys().next_back().copied());
            let Some(patrol) = unit.patrol_id else { continue };
            assert_ne!(unit.status, UnitStatus::OffDuty);
            assert_eq!(*patrols.entry(device.unit).or_insert(patrol), patrol, "the patrol goes on");
        }
    }
}

fn fleet(tokens: &[String], seed: u64) -> Vec<Device> {
    let now = sentinel_server::clock::Clock::system().now();
    tokens.iter().enumerate().map(|(unit, token)| Device::new(unit, token, seed, now)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_loses_nothing_that_was_answered_and_doubles_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    // One more unit that posts nothing and goes on duty and off all the time.
    let (tokens, key) = make_fleet(folder.path(), UNITS + 1).await;
    let reader = Reader { key, client: reqwest::Client::new() };
    let mut patrols = BTreeMap::new();
    let mut devices = fleet(&tokens[..UNITS], 1);
    let mut shifts = Shifts::default();
    let mut random = StdRng::seed_from_u64(2026);
    let mut server = Process::start(folder.path());
    let cycles = std::env::var("SENTINEL_CRASH_CYCLES").ok().and_then(|n| n.parse().ok()).unwrap_or(CYCLES);
    for cycle in 0..cycles {
        assert!(server.started_in < START_MAX, "cycle {cycle}: {:?}", server.started_in);
        let (answers, mut answered) = watch::channel(0);
        let address = server.address.clone();
        let load = tokio::spawn(async move { drive_all(devices, &address, &answers).await });
        let on_and_off = tokio::spawn(shifts.run(UNITS, reader.key.clone(), server.address.clone()));
        // After so many answers, and then somewhere within a commit.
        let kill_at = random.random_range(0..120);
        let then_us = random.random_range(0..4_000);
        let reached = answered.wait_for(|n| *n >= kill_at);
        tokio::time::timeout(Duration::from_secs(60), reached)
            .await
            .expect("answers come")
            .expect("devices run");
        tokio::time::sleep(Duration::from_micros(then_us)).await;
        server.kill();
        devices = load.await.expect("devices end with the server");
        shifts = on_and_off.await.expect("it ends with the server");

        server = Process::start(folder.path());
        shifts.audit(&reader, &server, UNITS).await;
        reader.audit(&server, &devices).await;
        for device in &mut devices {
            device.catch_up(&server.address).await;
        }
        reader.audit(&server, &devices).await;
        reader.audit_markers(&server, &devices, &mut patrols).await;
    }
    assert_eq!(patrols.len(), UNITS);
    assert!(shifts.ended.len() > 10, "only {} shifts", shifts.ended.len());
    let stored: usize = devices.iter().map(|device| device.answered.len()).sum();
    assert!(stored > 1000, "only {stored} fixes in all: that was no load");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_stop_under_load_loses_nothing_tells_sockets_and_ends_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tokens, key) = make_fleet(folder.path(), UNITS).await;
    let reader = Reader { key, client: reqwest::Client::new() };
    let mut devices = fleet(&tokens, 2);
    for _ in 0..3 {
        let mut server = Process::start(folder.path());
        let mut request = tokio_tungstenite::tungstenite::client::IntoClientRequest::into_client_request(
            format!("ws://{}/api/v1/ws", server.address),
        )
        .expect("a request");
        let bearer = format!("Bearer {}", reader.key).parse().expect("a header value");
        request.headers_mut().insert("authorization", bearer);
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.expect("a socket");
        // A subscriber that is shown a frame a minute must not be waited for.
        let subscribe = r#"{"type":"subscribe","scope":"district:1","interval_ms":60000}"#;
        socket.send(Message::text(subscribe)).await.expect("subscribes");
        let snapshot = socket.next().await.expect("an answer").expect("a frame");
        assert!(snapshot.to_string().contains("snapshot"), "{snapshot}");

        let (answers, mut answered) = watch::channel(0);
        let address = server.address.clone();
        let load = tokio::spawn(async move { drive_all(devices, &address, &answers).await });
        answered.wait_for(|n| *n >= 60).await.expect("devices run");
        let asked = Instant::now();
        server.terminate();
        let mut code = None;
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(Some(close)) = message {
                code = Some(u16::from(close.code));
            }
        }
        assert_eq!(code, Some(sentinel_model::live::close::RESTART));
        let status = tokio::task::spawn_blocking(move || server.wait()).await.expect("it ends");
        assert_eq!(status.code(), Some(0));
        assert!(asked.elapsed() < START_MAX, "stopping took {:?}", asked.elapsed());
        devices = load.await.expect("devices end with the server");

        let server = Process::start(folder.path());
        reader.audit(&server, &devices).await;
        for device in &mut devices {
            device.catch_up(&server.address).await;
        }
        reader.audit(&server, &devices).await;
    }
}
