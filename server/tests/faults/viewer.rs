//! A dashboard: it comes back whenever its socket ends, to whichever node comes next.

use crate::{fleet::Device, fleet::eventually, town::unit_id};
use futures::{SinkExt as _, StreamExt as _};
use parking_lot::Mutex;
use sentinel_model::{
    Scope, Time, UnitId,
    live::{Event, ServerFrame, StatusChanged, UnitLeft},
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
    /// Sockets that ended.
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
    for turn in 0.. {
        let node = {
            let nodes = nodes.borrow();
            nodes[turn % nodes.len()].clone()
        };
        watch_once(&node, &key, scope, &seen).await;
        seen.lock().ended += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Until the socket ends.
async fn watch_once(node: &str, key: &str, scope: Scope, seen: &Mutex<Seen>) {
    let mut request = format!("ws://{node}/api/v1/ws").into_client_request().expect("a request");
    let bearer = format!("Bearer {key}").parse().expect("a header value");
    request.headers_mut().insert("authorization", bearer);
    let Ok((mut socket, _)) = tokio_tungstenite::connect_async(request).await else { return };
    let subscribe = format!(r#"{{"type":"subscribe","scope":"{scope}"}}"#);
    if socket.send(Message::text(subscribe)).await.is_err() {
        return;
    }
    let mut offset = None;
    let mut here: BTreeMap<UnitId, Time> = BTreeMap::new();
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        let frame: ServerFrame = serde_json::from_str(&text).expect("a frame");
        let mut seen = seen.lock();
        let units = match frame {
            ServerFrame::Snapshot(snapshot) => {
                seen.snapshots += 1;
                offset = Some(snapshot.offset);
                snapshot.units
            }
            ServerFrame::Positions(positions) => positions.units,
            ServerFrame::Event(event) => {
                let before = offset.replace(event.offset());
                assert_eq!(before.map(|offset| offset + 1), offset, "no event is left out: {event:?}");
                match event {
                    Event::UnitJoined(joined) => vec![joined.unit],
                    Event::UnitLeft(UnitLeft { id, .. }) | Event::Status(StatusChanged { id, .. }) => {
                        seen.heard_of.insert(id);
                        continue;
                    }
                    Event::Alert(alert) => panic!("nobody calls for help: {alert:?}"),
                }
            }
            frame @ (ServerFrame::Pong(_) | ServerFrame::Error(_)) => panic!("nobody asked: {frame:?}"),
        };
        for unit in units {
            seen.heard_of.insert(unit.id.clone());
            let Some(time) = unit.time else { continue };
            // Another node may be a moment behind the last; a page shows the later of the two.
            let before = here.insert(unit.id.clone(), time);
            assert!(before <= Some(time), "{} went back from {before:?} to {time:?}", unit.id);
            let shown = seen.units.entry(unit.id).or_insert(time);
            *shown = (*shown).max(time);
        }
    }
}
