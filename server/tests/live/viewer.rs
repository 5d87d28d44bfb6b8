//! A subscriber that keeps account of what it is told, and will not be told nonsense.

use crate::stage::{PATIENCE, path};
use futures::FutureExt as _;
use sentinel_model::{
    PatrolId, Scope, Time, UnitStatus,
    live::{self, Event, LiveUnit, ServerFrame},
};
use sentinel_server::{
    live::{Frame, Session},
    ports::StreamPosition,
};
use std::collections::BTreeMap;

pub struct Viewer {
    pub scope: Scope,
    pub session: Option<Session>,
    pub epoch: String,
    pub offset: Option<u64>,
    pub units: BTreeMap<PatrolId, LiveUnit>,
    pub snapshots: usize,
    pub events: Vec<Event>,
}

impl Viewer {
    pub fn new(scope: Scope) -> Self {
        let (epoch, units, events) = (String::new(), BTreeMap::new(), Vec::new());
        Self { scope, session: None, epoch, offset: None, units, snapshots: 0, events }
    }

    /// Where it stands in its stream.
    pub fn position(&self) -> Option<StreamPosition> {
        self.offset.map(|offset| StreamPosition { epoch: self.epoch.as_str().into(), offset })
    }

    /// Patrols with the device time of their positions.
    pub fn times(&self) -> BTreeMap<PatrolId, Option<Time>> {
        self.units.iter().map(|(patrol, unit)| (*patrol, unit.time)).collect()
    }

    pub fn status(&self, patrol: PatrolId) -> Option<UnitStatus> {
        self.units.get(&patrol).map(|unit| unit.status)
    }

    /// Takes what is there and does not wait for more; answers whether there was anything.
    pub fn look(&mut self) -> bool {
        let frames = self.session.as_mut().and_then(|session| session.next().now_or_never());
        let is_something = frames.is_some();
        frames.into_iter().flatten().for_each(|frame| self.take(&frame));
        is_something
    }

    /// Watches until it sees something that holds.
    pub async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let watching = async {
            while !holds(self) {
                let session = self.session.as_mut().expect("it is subscribed");
                let frames = session.next().await;
                frames.iter().for_each(|frame| self.take(frame));
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, watching).await;
        assert!(in_time.is_ok(), "never seen: {what}; {:?} at {:?}", self.units, self.position());
    }

    fn take(&mut self, frame: &Frame) {
        let frame = match frame {
            Frame::Text(text) => live::from_json(text).expect("decodes"),
            Frame::Binary(bytes) => live::from_binary(bytes).expect("decodes"),
        };
        match frame {
            ServerFrame::Snapshot(snapshot) => {
                assert_eq!(snapshot.scope, self.scope);
                self.snapshots += 1;
                self.epoch = snapshot.epoch;
                self.offset = Some(snapshot.offset);
                let before = std::mem::take(&mut self.units);
                for unit in snapshot.units {
                    if let Some(known) = before.get(&unit.patrol) {
                        assert!(known.time <= unit.time, "a marker went back: {known:?} to {unit:?}");
                    }
                    self.put(unit);
                }
            }
            ServerFrame::Positions(positions) => {
                for unit in positions.units {
                    let known = self.units.get(&unit.patrol);
                    let known = known.unwrap_or_else(|| panic!("{unit:?} moves and is not in the room"));
                    assert!(known.time <= unit.time, "a marker went back: {known:?} to {unit:?}");
                    self.put(unit);
                }
            }
            ServerFrame::Event(event) => {
                let next = self.offset.map(|offset| offset + 1);
                assert_eq!(Some(event.offset()), next, "none is left out or told twice: {event:?}");
                self.offset = next;
                match &event {
                    // A snapshot may know already what the next event tells.
                    Event::UnitJoined(joined) => {
                        let known = self.units.get(&joined.unit.patrol);
                        if known.is_none_or(|known| known.time <= joined.unit.time) {
                            self.put(joined.unit.clone());
                        }
                    }
                    Event::UnitLeft(left) => drop(self.units.remove(&left.patrol)),
                    Event::Status(changed) => {
                        if let Some(unit) = self.units.get_mut(&changed.patrol) {
                            unit.status = changed.status;
                        }
                    }
                    Event::Alert(_) | Event::Incident(_) | Event::Order(_) | Event::Fence(_) => {}
                }
                self.events.push(event);
            }
            frame @ (ServerFrame::Pong(_) | ServerFrame::Error(_)) => panic!("{frame:?}"),
        }
    }

    fn put(&mut self, unit: LiveUnit) {
        assert!(path(unit.station.id).within(self.scope), "{unit:?} is nothing for {}", self.scope);
        self.units.insert(unit.patrol, unit);
    }
}
