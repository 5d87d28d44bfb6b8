//! Devices that keep what was not answered and send it again, to whichever node comes next.

use crate::town::{DEADLINE, Town, unit_id};
use sentinel_model::{RouteAnswer, Time};
use sentinel_server::clock::Clock;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

/// A device's position, known from its time, so that the audit sees a wrong value too.
pub fn latitude(unit: usize, time: i64) -> f64 {
    (unit as i64 * 10_000_000 + time % 9_999_991) as f64 / 1e7
}

/// Fixes of one post, in turn: alone, and as after a while without network.
const BATCHES: [i64; 5] = [1, 1, 7, 1, 60];
/// History is read so much at a time: a device has a fix a millisecond, and an answer 100,000.
const READ_MS: usize = 50_000;
/// A device posts this often.
const EVERY: Duration = Duration::from_millis(15);

pub struct Fleet {
    devices: JoinSet<Device>,
    pub nodes: watch::Sender<Vec<String>>,
    stop: watch::Sender<bool>,
    /// How many times as many fixes a post has as in the beginning.
    times: watch::Sender<i64>,
    /// Posts that were answered.
    pub posts: Arc<AtomicU64>,
    pub refused: Arc<AtomicU64>,
}

/// What a device did.
pub struct Device {
    pub unit: usize,
    token: String,
    /// Times of all fixes that were answered.
    pub answered: BTreeSet<i64>,
    client: reqwest::Client,
}

impl Device {
    /// Whether the node answered that they are safe.
    async fn post(&self, node: &str, batch: &[i64]) -> bool {
        let fixes: Vec<Value> = batch
            .iter()
            .map(|time| {
                let coords = json!({"latitude": latitude(self.unit, *time), "longitude": 76.25});
                json!({"timestamp": Time(*time), "coords": coords})
            })
            .collect();
        let request = self.client.post(format!("http://{node}/api/v1/locations")).bearer_auth(&self.token);
        let answer = request.json(&json!({"location": fixes})).timeout(Duration::from_secs(20)).send().await;
        let Ok(answer) = answer else { return false };
        let status = answer.status();
        assert!(
            status.is_success() || matches!(status.as_u16(), 429 | 503),
            "{status}: {:?}",
            answer.text().await
        );
        if !status.is_success() {
            assert!(answer.headers().contains_key("retry-after"), "who is refused is told when to come back");
        }
        status.is_success()
    }
}

impl Fleet {
    /// Begins to post to the town's nodes in turn.
    pub fn drive(town: &Town) -> Self {
        let (nodes, stop) = (watch::Sender::new(town.addresses()), watch::Sender::new(false));
        let times = watch::Sender::new(1);
        let (posts, refused) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let mut devices = JoinSet::new();
        for (unit, token) in town.tokens.iter().enumerate() {
            let mut device = Device {
                unit,
                token: token.clone(),
                answered: BTreeSet::new(),
                client: reqwest::Client::new(),
            };
            let (nodes, stop, times) = (nodes.subscribe(), stop.subscribe(), times.subscribe());
            let (posts, refused) = (posts.clone(), refused.clone());
            devices.spawn(async move {
                let mut next = Clock::system().now().0 - 3_600_000;
                let mut turn = unit;
                loop {
                    let n = BATCHES[turn % BATCHES.len()] * *times.borrow();
                    let batch: Vec<i64> = (next..next + n).collect();
                    next += n;
                    // Until it is safe somewhere: what was not answered is kept.
                    loop {
                        turn += 1;
                        let node = {
                            let nodes = nodes.borrow();
                            nodes[turn % nodes.len()].clone()
                        };
                        if device.post(&node, &batch).await {
                            break;
                        }
                        refused.fetch_add(1, Relaxed);
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    posts.fetch_add(1, Relaxed);
                    device.answered.extend(batch);
                    if *stop.borrow() {
                        return device;
                    }
                    tokio::time::sleep(EVERY).await;
                }
            });
        }
        Self { devices, nodes, stop, times, posts, refused }
    }

    /// From now on posts are so many times as large.
    pub fn press(&self, times: i64) {
        self.times.send_replace(times);
    }

    /// Waits until so many posts more have been answered.
    pub async fn more(&self, posts: u64) {
        let until = self.posts.load(Relaxed) + posts;
        eventually("answers", || async { self.posts.load(Relaxed) >= until }).await;
    }

    /// Ends the posting and checks that history holds just what was answered, and that every
    /// unit is where it was last.
    pub async fn end_and_audit(mut self, town: &Town) -> Vec<Device> {
        self.press(1);
        eventually("hardly anything waits", || async { town.queued() < 50 }).await;
        // Before history is read, which takes memory of its own; and while a little still
        // happens, as who does nothing gives nothing back.
        town.check_memory().await;
        self.stop.send_replace(true);
        let mut devices = Vec::new();
        while let Some(device) =
            tokio::time::timeout(DEADLINE, self.devices.join_next()).await.expect("they end")
        {
            devices.push(device.expect("a device goes on whatever happens"));
        }
        eventually("all that was answered is archived", || async { town.queued() == 0 }).await;
        for device in &devices {
            eventually("history holds all that was answered", || async {
                let stored = stored(town, device).await;
                stored.is_some_and(|stored| stored.len() >= device.answered.len())
            })
            .await;
            let stored = stored(town, device).await.expect("it reads");
            let times: BTreeSet<i64> = stored.iter().map(|(time, _)| *time).collect();
            assert_eq!(times.len(), stored.len(), "a fix of PC-{} is there twice", device.unit);
            assert!(
                times == device.answered,
                "PC-{}: {} answered, {} stored",
                device.unit,
                device.answered.len(),
                times.len()
            );
            for (time, stored) in stored {
                assert_eq!(stored.to_bits(), latitude(device.unit, time).to_bits());
            }
        }
        devices
    }
}

/// Times and latitudes of a unit's whole history; none where it cannot be read now.
async fn stored(town: &Town, device: &Device) -> Option<Vec<(i64, f64)>> {
    let mut stored = Vec::new();
    let first = *device.answered.first().expect("it has posted");
    let mut from = 0;
    for to in
        (first..*device.answered.last().expect("it has posted")).step_by(READ_MS).chain([4_102_444_800_000])
    {
        stored.extend(stored_between(town, device.unit, Time(from), Time(to)).await?);
        from = to + 1;
    }
    Some(stored)
}

/// Both ends included.
async fn stored_between(town: &Town, unit: usize, from: Time, to: Time) -> Option<Vec<(i64, f64)>> {
    let id = unit_id(unit);
    let path = format!("/api/v1/units/{id}/route?start_time={from}&end_time={to}&max_points=100000");
    let url = format!("http://{}{path}", town.nodes[unit % town.nodes.len()].address);
    let answer = reqwest::Client::new().get(url).bearer_auth(&town.key).send().await.ok()?;
    let route: RouteAnswer = answer.error_for_status().ok()?.json().await.ok()?;
    assert_eq!(route.total, route.points.len() as u64);
    Some(route.points.iter().map(|point| (point.time.0, point.latitude)).collect())
}

pub async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("never came: {what}"));
}
