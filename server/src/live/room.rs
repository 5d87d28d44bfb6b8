//! One scope as this node's subscribers see it.
//!
//! State: who is in the room and where, numbered by a version that every change
//! moves on, and the last events of the scope's stream. Subscribers that asked for
//! the same encoding and interval share a [`Lane`]: one task that gathers what
//! changed, encodes it once and shows the frame to all of them. A subscriber that
//! kept up takes the lane's frame; one that did not gets its own, of everything it
//! missed, from the room's state. So nothing queues per subscriber.

use super::frame::{self, EncodedEvent, EncodedUnit, Encoding, Frame};
use crate::ports::{EVENT_HISTORY, RoomMember, StreamPosition};
use parking_lot::Mutex;
use sentinel_model::{
    PatrolId, Scope, UnitStatus,
    live::{Event, LiveUnit},
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Timers wake this much late, at most: the runtime counts in milliseconds and rounds up.
const TIMER_LATE: Duration = Duration::from_millis(2);

pub struct Room {
    pub scope: Scope,
    state: Mutex<State>,
    lanes: Mutex<Vec<Arc<Lane>>>,
    /// The offset of the newest event, for whoever waits.
    head: watch::Sender<u64>,
    pub opened: tokio::sync::OnceCell<()>,
    pub sessions: AtomicUsize,
}

#[derive(Default)]
struct State {
    version: u64,
    epoch: Arc<str>,
    offset: u64,
    units: HashMap<PatrolId, Held>,
    /// Recent changes, oldest first, so that "since version" need not look at every unit.
    changes: VecDeque<(u64, PatrolId)>,
    events: VecDeque<Arc<EncodedEvent>>,
    /// Until the room is filled: positions that came of patrols not yet known to be in it.
    early: Option<HashMap<PatrolId, Arc<EncodedUnit>>>,
}

struct Held {
    version: u64,
    unit: Arc<EncodedUnit>,
}

/// Where a subscriber stands in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub version: u64,
    pub offset: u64,
}

/// What a lane shows its subscribers: the positions that changed between two versions.
pub struct LaneFrame {
    pub from: u64,
    pub to: u64,
    /// The newest event when this was encoded: older than a subscriber's, the frame
    /// may still hold a unit that has left.
    pub offset: u64,
    pub frame: Option<Frame>,
}

pub struct Lane {
    encoding: Encoding,
    interval: Duration,
    frames: watch::Sender<Arc<LaneFrame>>,
    dirty: Notify,
}

impl Room {
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            state: Mutex::new(State { early: Some(HashMap::new()), ..State::default() }),
            lanes: Mutex::default(),
            head: watch::Sender::new(0),
            opened: tokio::sync::OnceCell::new(),
            sessions: AtomicUsize::new(0),
        }
    }

    /// Fills the room: who was in it at `position` of the stream. What the bus brought
    /// since the stream is watched is kept where it is newer.
    pub fn fill(&self, position: &StreamPosition, members: Vec<LiveUnit>) {
        let mut state = self.state.lock();
        state.epoch = position.epoch.clone();
        for unit in members {
            state.put(unit.patrol, Arc::new(EncodedUnit::of(&unit)));
        }
        let late: Vec<Arc<EncodedEvent>> = state.events.iter().cloned().collect();
        for event in late {
            state.apply(&event.event);
        }
        for (patrol, unit) in state.early.take().unwrap_or_default() {
            state.advance(patrol, unit);
        }
        state.offset = state.offset.max(position.offset);
        self.head.send_replace(state.offset);
    }

    /// Takes a newer position of a unit in the room; an older one changes nothing.
    pub fn position(&self, patrol: PatrolId, unit: Arc<EncodedUnit>) {
        let changed = self.state.lock().advance(patrol, unit);
        if changed {
            for lane in self.lanes.lock().iter() {
                lane.dirty.notify_one();
            }
        }
    }

    /// Takes the next event of the scope's stream.
    pub fn event(&self, event: Arc<Event>) {
        let mut state = self.state.lock();
        if event.offset() <= state.offset {
            return;
        }
        state.offset = event.offset();
        state.apply(&event);
        if state.events.len() == EVENT_HISTORY {
            state.events.pop_front();
        }
        state.events.push_back(Arc::new(EncodedEvent::of(event)));
        self.head.send_replace(state.offset);
    }

    pub fn patrols(&self) -> HashSet<PatrolId> {
        self.state.lock().units.keys().copied().collect()
    }

    pub fn heads(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// Everyone in the room, and the place from which changes count on.
    pub fn snapshot(&self, encoding: Encoding) -> (Frame, Cursor) {
        let state = self.state.lock();
        let units: Vec<Arc<EncodedUnit>> = state.units.values().map(|held| held.unit.clone()).collect();
        let (epoch, cursor) = (state.epoch.clone(), state.cursor());
        drop(state);
        let units = units.iter().map(AsRef::as_ref);
        (frame::snapshot(encoding, self.scope, &epoch, cursor.offset, units), cursor)
    }

    /// All that happened since `cursor`: events in order, then positions, of everyone
    /// where its version is 0. None where the events no longer reach back that far.
    pub fn since(&self, cursor: Cursor, encoding: Encoding) -> Option<(Vec<Frame>, Cursor)> {
        let state = self.state.lock();
        let oldest = state.events.front().map_or(state.offset + 1, |e| e.event.offset());
        if cursor.offset + 1 < oldest && cursor.offset < state.offset {
            return None;
        }
        let events: Vec<Arc<EncodedEvent>> =
            state.events.iter().filter(|e| e.event.offset() > cursor.offset).cloned().collect();
        let units = state.changed_since(cursor.version);
        let now = state.cursor();
        drop(state);
        let mut frames: Vec<Frame> = events.iter().map(|event| event.frame(encoding)).collect();
        frames.extend(positions_of(encoding, &units));
        Some((frames, now))
    }

    /// The lane for an encoding and interval, begun where there is none yet.
    pub fn lane(
        self: &Arc<Self>,
        encoding: Encoding,
        interval: Duration,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> watch::Receiver<Arc<LaneFrame>> {
        let mut lanes = self.lanes.lock();
        if let Some(lane) = lanes.iter().find(|l| l.encoding == encoding && l.interval == interval) {
            return lane.frames.subscribe();
        }
        let version = self.state.lock().version;
        let none = Arc::new(LaneFrame { from: version, to: version, offset: 0, frame: None });
        let lane =
            Arc::new(Lane { encoding, interval, frames: watch::Sender::new(none), dirty: Notify::new() });
        let frames = lane.frames.subscribe();
        lanes.push(lane.clone());
        tasks.spawn(self.clone().run_lane(lane, version, stop.clone()));
        frames
    }

    async fn run_lane(self: Arc<Self>, lane: Arc<Lane>, mut version: u64, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = lane.dirty.notified() => {}
                () = lane.frames.closed() => {}
                () = stop.cancelled() => break,
            }
            if self.retire(&lane) {
                break;
            }
            let began = tokio::time::Instant::now();
            let (units, now) = {
                let state = self.state.lock();
                (state.changed_since(version), state.cursor())
            };
            if let Some(frame) = positions_of(lane.encoding, &units) {
                let frame =
                    LaneFrame { from: version, to: now.version, offset: now.offset, frame: Some(frame) };
                lane.frames.send_replace(Arc::new(frame));
            }
            version = now.version;
            tokio::select! {
                () = tokio::time::sleep_until(began + lane.interval.saturating_sub(TIMER_LATE)) => {}
                () = stop.cancelled() => break,
            }
        }
    }

    /// Ends a lane that nobody listens to; under the lock that joining takes too.
    fn retire(&self, lane: &Arc<Lane>) -> bool {
        let mut lanes = self.lanes.lock();
        if lane.frames.receiver_count() > 0 {
            return false;
        }
        lanes.retain(|other| !Arc::ptr_eq(other, lane));
        true
    }

    pub fn has_sessions(&self) -> bool {
        self.sessions.load(Ordering::Acquire) > 0
    }
}

fn positions_of(encoding: Encoding, units: &[Arc<EncodedUnit>]) -> Option<Frame> {
    (!units.is_empty()).then(|| frame::positions(encoding, units.iter().map(AsRef::as_ref)))
}

impl State {
    fn cursor(&self) -> Cursor {
        Cursor { version: self.version, offset: self.offset }
    }

    /// Puts a unit in, or a newer position of one that is in.
    fn put(&mut self, patrol: PatrolId, unit: Arc<EncodedUnit>) {
        if self.units.contains_key(&patrol) {
            self.advance(patrol, unit);
        } else {
            let version = self.changed(patrol);
            self.units.insert(patrol, Held { version, unit });
        }
    }

    fn advance(&mut self, patrol: PatrolId, unit: Arc<EncodedUnit>) -> bool {
        let version = self.version + 1;
        match self.units.get_mut(&patrol) {
            Some(held) if unit.time > held.unit.time => *held = Held { version, unit },
            Some(_) => return false,
            None => {
                if let Some(early) = &mut self.early
                    && early.get(&patrol).is_none_or(|before| unit.time > before.time)
                {
                    early.insert(patrol, unit);
                }
                return false;
            }
        }
        self.changed(patrol);
        true
    }

    fn changed(&mut self, patrol: PatrolId) -> u64 {
        self.version += 1;
        if self.changes.len() >= 1024.max(2 * self.units.len()) {
            self.changes.pop_front();
        }
        self.changes.push_back((self.version, patrol));
        self.version
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::UnitJoined(joined) => {
                self.put(joined.unit.patrol, Arc::new(EncodedUnit::of(&joined.unit)))
            }
            Event::UnitLeft(left) => {
                self.units.remove(&left.patrol);
            }
            Event::Status(changed) => self.set_status(changed.patrol, changed.status),
        }
    }

    /// Subscribers learn of it by the event; the held unit changes for those to come.
    fn set_status(&mut self, patrol: PatrolId, status: UnitStatus) {
        if let Some(held) = self.units.get_mut(&patrol)
            && let Some(mut unit) = held.unit.decode()
        {
            unit.status = status;
            held.unit = Arc::new(EncodedUnit::of(&unit));
        }
    }

    fn changed_since(&self, version: u64) -> Vec<Arc<EncodedUnit>> {
        if version >= self.version {
            return Vec::new();
        }
        let reaches_back = self.changes.front().is_some_and(|(first, _)| *first <= version + 1);
        if reaches_back {
            let newer = self.changes.partition_point(|(v, _)| *v <= version);
            self.changes
                .range(newer..)
                .filter_map(|(v, patrol)| self.units.get(patrol).filter(|held| held.version == *v))
                .map(|held| held.unit.clone())
                .collect()
        } else {
            self.units.values().filter(|held| held.version > version).map(|held| held.unit.clone()).collect()
        }
    }
}

/// A member of a room with where it is, where that is known.
pub fn live_unit(
    member: &RoomMember,
    location: Option<&sentinel_model::Location>,
    status: UnitStatus,
) -> LiveUnit {
    LiveUnit {
        id: member.unit.clone(),
        patrol: member.patrol,
        station: member.path.station(),
        lat: location.map(|l| l.latitude),
        lon: location.map(|l| l.longitude),
        speed_mps: location.and_then(|l| l.speed_mps),
        heading_deg: location.and_then(|l| l.heading_deg),
        battery: location.and_then(|l| l.battery),
        status,
        time: location.map(|l| l.time),
    }
}
