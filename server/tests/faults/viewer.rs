//! A dashboard: it comes back whenever its stream ends, to whichever node comes next, over a
//! WebSocket and over server-sent events by turns, and goes on from what it was told last.

use crate::{fleet::Device, fleet::eventually, town::unit_id};
use futures::{SinkExt as _, StreamExt as _};
use parking_lot::Mutex;
use sentinel_model::{
    Scope, Time, UnitId,
    live::{self, ClientFrame, Event, ServerFrame, StatusChanged, Subscribe, UnitLeft},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

pub struct Viewer {
    watching: JoinHandle<()>,
    pub seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
pub struct Seen {
    /// Where each unit was last seen, by device time.
    pub units: BTreeMap<UnitId, Time>,
    /// Whoever it was told of in any way.
    pub heard_of: BTreeSet<UnitId>,
    /// Snapshots begun with: the first, and one whenever what was missed is gone.
    pub snapshots: usize,
    /// Streams that ended.
    pub ended: usize,
}

impl Viewer {
    pub fn open(nodes: watch::Receiver<Vec<String>>, key: &str, scope: Scope) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let watching = tokio::spawn(watch_for_ever(nodes, key.to_owned(), scope, seen.clone()));
        Self { watching, seen }
    }

    /// Waits until it shows every device where it is.
    pub async fn sees(&self, devices: &[Device]) {
        eventually("a dashboard shows everybody where they are", || async {
            let seen = self.seen.lock();
            devices.iter().all(|device| {
                let last = device.answered.last().map(|time| Time(*time));
                seen.units.get(&unit_id(device.unit)).copied() == last
            })
        })
        .await;
    }

    pub fn has_heard_of_nobody(&self) {
        let seen = self.seen.lock();
        assert!(seen.snapshots > 0, "it never looked");
        assert!(seen.heard_of.is_empty(), "it heard of {:?}", seen.heard_of);
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn watch_for_ever(
    nodes: watch::Receiver<Vec<String>>,
    key: String,
    scope: Scope,
    seen: Arc<Mutex<Seen>>,
) {
    let mut looker = Looker { key, scope, seen, last: None, here: BTreeMap::new() };
    for turn in 0.. {
        let node = {
            let nodes = nodes.borrow();
            nodes[turn % nodes.len()].clone()
        };
        looker.here.clear();
        if turn % 2 == 0 {
            looker.look_at_events(&node).await;
        } else {
            looker.look_at_socket(&node).await;
        }
        looker.seen.lock().ended += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

struct Looker {
    key: String,
    scope: Scope,
    seen: Arc<Mutex<Seen>>,
    /// Epoch and offset of what it was told last, whichever node told it.
    last: Option<(String, u64)>,
    /// What this stream has told: a node never goes back.
    here: BTreeMap<UnitId, Time>,
}

impl Looker {
    /// Until the socket ends.
    async fn look_at_socket(&mut self, node: &str) {
        let mut request = format!("ws://{node}/api/v1/ws").into_client_request().expect("a request");
        let bearer = format!("Bearer {}", self.key).parse().expect("a header value");
        request.headers_mut().insert("authorization", bearer);
        let Ok((mut socket, _)) = tokio_tungstenite::connect_async(request).await else { return };
        let (epoch, offset) = self.last.clone().unzip();
        let subscribe = Subscribe { scope: self.scope, interval_ms: None, epoch, offset };
        let subscribe = live::to_json(&ClientFrame::Subscribe(subscribe)).expect("encodes");
        if socket.send(Message::text(subscribe)).await.is_err() {
            return;
        }
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Text(text) = message {
                self.take(live::from_json(&text).expect("a frame"));
            }
        }
    }

    /// Until the answer ends.
    async fn look_at_events(&mut self, node: &str) {
        let url = format!("http://{node}/api/v1/stream?scope={}", self.scope);
        let mut request = reqwest::Client::new().get(url).bearer_auth(&self.key);
        if let Some((epoch, offset)) = &self.last {
            request = request.header("last-event-id", format!("{epoch}:{offset}"));
        }
        let Ok(mut answer) = request.send().await.and_then(reqwest::Response::error_for_status) else {
            return;
        };
        let mut read = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            read.extend_from_slice(&chunk);
            while let Some(end) = read.windows(2).position(|two| two == b"\n\n") {
                let message: Vec<u8> = read.drain(..end + 2).collect();
                let message = std::str::from_utf8(&message).expect("UTF-8");
                if message.starts_with("event: close\n") {
                    return;
                }
                if let Some(data) = message.lines().find_map(|line| line.strip_prefix("data: ")) {
                    self.take(live::from_json(data).expect("a frame"));
                }
            }
        }
    }

    fn take(&mut self, frame: ServerFrame) {
        let seen = self.seen.clone();
        let mut seen = seen.lock();
        let units = match frame {
            ServerFrame::Snapshot(snapshot) => {
                seen.snapshots += 1;
                self.last = Some((snapshot.epoch, snapshot.offset));
                snapshot.units
            }
            ServerFrame::Positions(positions) => positions.units,
            ServerFrame::Event(event) => {
                let (_, offset) = self.last.as_mut().expect("a snapshot comes first");
                *offset += 1;
                assert_eq!(*offset, event.offset(), "none is left out or told twice: {event:?}");
                match event {
                    Event::UnitJoined(joined) => vec![joined.unit],
                    Event::UnitLeft(UnitLeft { id, .. }) | Event::Status(StatusChanged { id, .. }) => {
                        seen.heard_of.insert(id);
                        return;
                    }
                    event @ (Event::Alert(_) | Event::Incident(_) | Event::Order(_) | Event::Fence(_)) => {
                        panic!("nobody calls for help: {event:?}")
                    }
                }
            }
            frame @ (ServerFrame::Pong(_) | ServerFrame::Error(_)) => panic!("nobody asked: {frame:?}"),
        };
        for unit in units {
            seen.heard_of.insert(unit.id.clone());
            let Some(time) = unit.time else { continue };
            // Another node may be a moment behind the last; a page shows the later of the two.
            let before = self.here.insert(unit.id.clone(), time);
            assert!(before <= Some(time), "{} went back from {before:?} to {time:?}", unit.id);
            let shown = seen.units.entry(unit.id).or_insert(time);
            *shown = (*shown).max(time);
        }
    }
}
