//! One scope as this node's subscribers see it.
//!
//! State: who is in the room and where, numbered by a version that every change
//! moves on, and the last events of the scope's stream. Subscribers that asked for
//! the same [view](View) and interval share a [lane](lane): one task that gathers what
//! changed, encodes it once and shows the frame to all of them. A subscriber that
//! kept up takes the lane's frame; one that did not gets its own, of everything it
//! missed, from the room's state. So nothing queues per subscriber.
//!
//! A room takes only the event that follows its last one. Any other says that something
//! was missed; the hub then brings what is missing, or fills the room anew, and
//! subscribers begin again with a snapshot. Until then they see what the room has.

mod alerts;
mod lane;
mod state;

use super::{
    filter::View,
    frame::{self, EncodedEvent, EncodedUnit, Frame},
};
use crate::{
    directory::Directory,
    ports::{RoomMember, StreamPosition},
};
use lane::{Lanes, positions_of};
use parking_lot::Mutex;
use sentinel_model::{
    Location, PatrolId, Scope, UnitStatus,
    live::{Event, LiveUnit},
};
use state::State;
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::sync::watch;

pub use lane::LaneFrame;
pub use state::{Cursor, Head, Heard, Mending};

pub struct Room {
    pub scope: Scope,
    directory: Arc<Directory>,
    state: Mutex<State>,
    lanes: Mutex<Lanes>,
    /// The newest event, for whoever waits.
    head: watch::Sender<Head>,
    pub sessions: AtomicUsize,
    /// Held while the room is filled or mended: one at a time.
    pub mending: tokio::sync::Mutex<()>,
    /// Whether a task of the hub is there to mend it.
    pub has_mender: AtomicBool,
}

impl Room {
    pub fn new(scope: Scope, directory: Arc<Directory>) -> Self {
        Self {
            scope,
            directory,
            state: Mutex::default(),
            lanes: Mutex::default(),
            head: watch::Sender::default(),
            sessions: AtomicUsize::new(0),
            mending: tokio::sync::Mutex::default(),
            has_mender: AtomicBool::new(false),
        }
    }

    /// Says who is about to be in the room: from now on their positions are kept for it.
    pub fn expect(&self, patrols: HashSet<PatrolId>) {
        self.state.lock().expect(patrols);
    }

    pub fn expect_nobody(&self) {
        self.state.lock().expect_nobody();
    }

    /// Fills the room, the first time or anew: who was in it at `position` of the stream.
    /// Positions that came since they were expected are kept where they are newer.
    pub fn fill(&self, position: &StreamPosition, members: Vec<LiveUnit>) {
        let mut state = self.state.lock();
        state.fill(position, members);
        self.head.send_replace(state.head());
    }

    pub fn is_filled(&self) -> bool {
        self.state.lock().is_filled()
    }

    /// What the room needs to be as its stream is; none where it is.
    pub fn to_mend(&self) -> Option<Mending> {
        self.state.lock().to_mend()
    }

    pub fn mended(&self, mending: &Mending) {
        self.state.lock().mended(mending);
    }

    /// Says that something may have been missed. Answers whether there was anything to miss
    /// it in: a room that is being filled for the first time sees to it by itself.
    pub fn doubt(&self) -> bool {
        let mut state = self.state.lock();
        state.doubt();
        state.is_filled()
    }

    /// Takes a newer position of a unit in the room; an older one changes nothing.
    pub fn position(&self, patrol: PatrolId, unit: Arc<EncodedUnit>) {
        let changed = self.state.lock().advance(patrol, unit.clone());
        if changed {
            self.lanes.lock().touch(&unit);
        }
    }

    /// Takes the next event of the scope's stream.
    pub fn event(&self, epoch: &Arc<str>, event: Arc<Event>) -> Heard {
        let mut state = self.state.lock();
        let heard = state.hear(self.scope, epoch, event);
        if heard == Heard::Applied {
            self.head.send_replace(state.head());
        }
        heard
    }

    /// Lets everyone go; nobody comes in any more.
    pub fn close(&self) -> HashSet<PatrolId> {
        let mut state = self.state.lock();
        state.close();
        state.patrols()
    }

    /// Whether the patrol's positions belong here.
    pub fn holds(&self, patrol: PatrolId) -> bool {
        self.state.lock().holds(patrol)
    }

    pub fn patrols(&self) -> HashSet<PatrolId> {
        self.state.lock().patrols()
    }

    pub fn unit(&self, patrol: PatrolId) -> Option<Arc<EncodedUnit>> {
        self.state.lock().unit(patrol)
    }

    pub fn heads(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    /// Everyone in the room, the alerts that press the most, and the place from which changes
    /// count on.
    pub fn snapshot(&self, view: &View) -> (Frame, Cursor) {
        let state = self.state.lock();
        let (units, epoch, cursor) = (state.units(), state.epoch(), state.cursor());
        let told = state.alerts();
        drop(state);
        let alerts = alerts::open(&self.directory, self.scope, view, &told);
        let units = view.of(units);
        let units = units.iter().map(AsRef::as_ref);
        (frame::snapshot(view.encoding, self.scope, &epoch, cursor.head.offset, units, &alerts), cursor)
    }

    /// Whether the room has come as far as this position of its stream.
    pub fn has_reached(&self, position: &StreamPosition) -> bool {
        let state = self.state.lock();
        state.epoch() == position.epoch && state.head().offset >= position.offset
    }

    /// All that happened since `position`: events in order, then where everyone is. None
    /// where the room has not come that far, or its events no longer reach back to there:
    /// it cannot tell what is right for somebody who stands there.
    pub fn resume(&self, position: &StreamPosition, view: &View) -> Option<(Vec<Frame>, Cursor)> {
        let state = self.state.lock();
        if state.epoch() != position.epoch || state.head().offset < position.offset {
            return None;
        }
        let head = Head { offset: position.offset, ..state.head() };
        happened_since(state, Cursor { head, version: 0 }, view)
    }

    /// All that happened since `cursor`: events in order, then positions. None where the
    /// room was filled anew, or its events no longer reach back that far.
    pub fn since(&self, cursor: Cursor, view: &View) -> Option<(Vec<Frame>, Cursor)> {
        let state = self.state.lock();
        if cursor.head.generation != state.head().generation {
            return None;
        }
        happened_since(state, cursor, view)
    }

    pub fn has_sessions(&self) -> bool {
        self.sessions.load(Ordering::Acquire) > 0
    }
}

/// Takes the lock along: encoding is done without it.
fn happened_since(
    state: parking_lot::MutexGuard<'_, State>,
    cursor: Cursor,
    view: &View,
) -> Option<(Vec<Frame>, Cursor)> {
    let events = state.events_since(cursor.head.offset)?;
    let (units, now) = (state.changed_since(cursor.version), state.cursor());
    drop(state);
    let told = events.iter().filter(|event| view.filter.keeps_event(&event.event));
    let mut frames: Vec<Frame> = told.map(|event: &Arc<EncodedEvent>| event.frame(view.encoding)).collect();
    frames.extend(positions_of(view, units));
    Some((frames, now))
}

/// A member of a room with where it is, where that is known.
pub fn live_unit(member: &RoomMember, location: Option<&Location>, status: UnitStatus) -> LiveUnit {
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
