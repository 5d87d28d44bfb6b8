//! A subscriber that believes what it is told, and checks that it may be told so.

use super::world::World;
use futures::FutureExt as _;
use sentinel_model::{
    PatrolId, Scope, Time,
    live::{self, Event, LiveUnit, ServerFrame},
};
use sentinel_server::live::{Frame, Session};
use std::collections::BTreeMap;

pub struct Watcher {
    session: Session,
    pub scope: Scope,
    held: Held,
}

/// What it knows, as a page would.
#[derive(Debug, Clone, Default)]
pub struct Held {
    epoch: String,
    offset: Option<u64>,
    units: BTreeMap<PatrolId, Option<Time>>,
}

impl Watcher {
    /// `held` is what it knew when it was here before, where it asked to go on from there.
    pub fn begin(session: Session, scope: Scope, held: Option<Held>) -> Self {
        Self { session, scope, held: held.unwrap_or_default() }
    }

    pub fn position(&self) -> (String, u64) {
        (self.held.epoch.clone(), self.held.offset.expect("it has had a snapshot"))
    }

    pub fn into_held(self) -> Held {
        self.held
    }

    pub fn known(&self) -> &BTreeMap<PatrolId, Option<Time>> {
        &self.held.units
    }

    /// Waits for the end of the right.
    pub async fn ended(self) {
        self.session.ending().come().await;
    }

    /// Reads until it knows what is expected, and whatever else is there to read.
    pub async fn until(&mut self, expected: &BTreeMap<PatrolId, Option<Time>>, world: &World) {
        while self.held.offset.is_none() || self.held.units != *expected {
            let frames = self.session.next().await;
            self.absorb(frames, world);
        }
        while let Some(frames) = self.session.next().now_or_never() {
            self.absorb(frames, world);
        }
    }

    fn absorb(&mut self, frames: Vec<Frame>, world: &World) {
        for frame in frames {
            match decoded(&frame) {
                ServerFrame::Snapshot(snapshot) => {
                    assert_eq!(snapshot.scope, self.scope);
                    self.held =
                        Held { epoch: snapshot.epoch, offset: Some(snapshot.offset), units: BTreeMap::new() };
                    snapshot.alerts.iter().for_each(|alert| world.check_alert(self.scope, alert));
                    for unit in snapshot.units {
                        world.check_told(self.scope, &unit);
                        assert_eq!(self.held.units.insert(unit.patrol, unit.time), None, "told once");
                    }
                }
                ServerFrame::Positions(positions) => {
                    for unit in positions.units {
                        world.check_told(self.scope, &unit);
                        assert!(self.held.units.contains_key(&unit.patrol), "{unit:?} is not in the room");
                        self.move_on(&unit);
                    }
                }
                ServerFrame::Event(event) => self.hear(event, world),
                frame @ (ServerFrame::Pong(_) | ServerFrame::Error(_)) => panic!("{frame:?}"),
            }
        }
    }

    fn hear(&mut self, event: Event, world: &World) {
        assert_eq!(Some(event.offset()), self.held.offset.map(|o| o + 1), "none is left out or told twice");
        self.held.offset = Some(event.offset());
        if let Event::Alert(told) = &event {
            return world.check_alert(self.scope, &told.alert);
        }
        if let Event::Fence(told) = &event {
            return world.check_fence(self.scope, told);
        }
        if let Some(told) = event.task() {
            return world.check_task(self.scope, told);
        }
        let (account, duty) =
            world.patrol(event.patrol().expect("of a patrol")).expect("there is such a patrol");
        assert!(duty.path.within(self.scope), "{event:?} is not of {}", self.scope);
        match event {
            Event::UnitJoined(joined) => {
                world.check_told(self.scope, &joined.unit);
                let before = self.held.units.insert(joined.unit.patrol, joined.unit.time);
                assert_eq!(before, None, "it was not there");
            }
            Event::UnitLeft(left) => {
                assert_eq!(left.id, account.id);
                assert!(self.held.units.remove(&left.patrol).is_some(), "it was there");
            }
            Event::Status(status) => assert_eq!(status.id, account.id),
            Event::Alert(_) | Event::Incident(_) | Event::Order(_) | Event::Fence(_) => {
                unreachable!("of no unit")
            }
        }
    }

    fn move_on(&mut self, unit: &LiveUnit) {
        let held = self.held.units.entry(unit.patrol).or_default();
        assert!(*held <= unit.time, "a marker went back from {held:?} to {:?}", unit.time);
        *held = unit.time;
    }
}

fn decoded(frame: &Frame) -> ServerFrame {
    match frame {
        Frame::Text(text) => live::from_json(text).expect("decodes"),
        Frame::Binary(bytes) => live::from_binary(bytes).expect("decodes"),
    }
}
