//! The rooms of this node.
//!
//! A room is open while somebody on this node is in it, and for a while after ([`LINGER`]).
//! Opening it, and mending it where the bus has lost something, is told in `mend`; which
//! patrols are listened to and where they are, in `channels`.
//!
//! While the bus is cut off, what is open stays open and shows what it has; what is not
//! cannot be opened. Once the bus is back every room is mended and every position of
//! those in it read again. A cut that lasts is not sat out: subscribers are sent away, so
//! that none takes what stands still for what is, and come back here or to a node that sees.

use super::{
    filter::{Filter, View},
    frame::{EncodedUnit, Encoding, postcard_of},
    room::{Heard, Room, live_unit},
    session::{Leave, Missed, Seat, Session, Wanted},
    status::Silence,
};
use crate::{
    auth::{DriverGrant, ScopeGrant},
    clock::Clock,
    directory::{Directory, UnitEntry},
    ports::{Bus, BusSink, EngineError, PositionFrame, Positions, RoomMember, Rooms, StreamPosition},
};
use dashmap::DashMap;
use parking_lot::Mutex;
use sentinel_model::{Location, PatrolId, Scope, Time, live::Event};
use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::sync::{Notify, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a room stays open after its last subscriber left, at least: whoever comes back
/// finds it as it was. A third of it is how often rooms are compared with their streams.
pub const LINGER: Duration = Duration::from_secs(30);
/// How long an engine may take before it counts as failing: one that is cut off may wait
/// instead of answering.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long subscribers are kept while nothing comes through.
const SAT_OUT: Duration = Duration::from_secs(3);
/// How long what failed waits to be tried again: the first time, and at most.
pub(super) const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_MOST: Duration = Duration::from_secs(5);
/// How long it waits at most for the bus to say that it is there again.
const UNTOLD: Duration = Duration::from_secs(30);

/// Positions of a driver that is followed are gathered for so long: who waits for it reads no faster.
const FOLLOWED_EVERY: Duration = Duration::from_millis(500);

pub struct Hub {
    pub(super) clock: Clock,
    pub(super) directory: Arc<Directory>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) rooms: Arc<dyn Rooms>,
    pub(super) positions: Arc<dyn Positions>,
    silence: Silence,
    pub(super) open: DashMap<Scope, Arc<Room>>,
    /// The open rooms that each patrol is in: where its positions go.
    pub(super) routes: DashMap<PatrolId, Vec<Arc<Room>>>,
    /// Patrols whose channel may have to be watched or let go.
    pub(super) unsettled: Mutex<HashSet<PatrolId>>,
    /// Patrols whose positions may have been missed.
    pub(super) unread: Mutex<HashSet<PatrolId>>,
    /// Patrols that joined just now.
    pub(super) second_looks: Mutex<HashSet<PatrolId>>,
    /// Says that one of the three has grown.
    pub(super) settle: Notify,
    /// Held while a scope's stream begins or ceases to be watched: a room that closes
    /// must not let go of what its successor has just begun to watch.
    pub(super) watching: tokio::sync::Mutex<()>,
    cut_off: watch::Sender<Option<Time>>,
    blind: watch::Sender<bool>,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("the room could not be opened")]
    Engine(#[from] EngineError),
    #[error("this node has been cut off from the others for a while")]
    Blind,
    #[error("the server is stopping")]
    Stopping,
}

impl Hub {
    pub fn start(
        clock: Clock,
        directory: Arc<Directory>,
        bus: Arc<dyn Bus>,
        rooms: Arc<dyn Rooms>,
        positions: Arc<dyn Positions>,
        silence: Silence,
        linger: Duration,
    ) -> Arc<Self> {
        let hub = Arc::new(Self {
            clock,
            directory,
            bus,
            rooms,
            positions,
            silence,
            open: DashMap::new(),
            routes: DashMap::new(),
            unsettled: Mutex::default(),
            unread: Mutex::default(),
            second_looks: Mutex::default(),
            settle: Notify::new(),
            watching: tokio::sync::Mutex::default(),
            cut_off: watch::Sender::default(),
            blind: watch::Sender::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        hub.bus.attach(Arc::new(Ear(Arc::downgrade(&hub))));
        hub.tasks.spawn(hub.clone().keep_channels());
        hub.tasks.spawn(hub.clone().close_empty_rooms(linger));
        hub.tasks.spawn(hub.clone().tell_of_long_cuts());
        hub.tasks.spawn(hub.clone().compare(linger / 3));
        hub
    }

    pub fn silence(&self) -> &Silence {
        &self.silence
    }

    pub fn sessions(&self) -> usize {
        self.open.iter().map(|room| room.sessions.load(Ordering::Relaxed)).sum()
    }

    /// Since when nothing comes through the bus; what subscribers see may be old.
    pub fn cut_off_since(&self) -> Option<Time> {
        *self.cut_off.borrow()
    }

    /// Whether it has been cut off for so long that nobody should look on.
    pub fn blind(&self) -> watch::Receiver<bool> {
        self.blind.subscribe()
    }

    async fn tell_of_long_cuts(self: Arc<Self>) {
        let mut cut_off = self.cut_off.subscribe();
        let telling = async {
            // The hub itself sends, so it cannot end.
            while cut_off.wait_for(Option::is_some).await.is_ok() {
                if tokio::time::timeout(SAT_OUT, cut_off.wait_for(Option::is_none)).await.is_err() {
                    self.blind.send_replace(true);
                    cut_off.wait_for(Option::is_none).await.ok();
                    self.blind.send_replace(false);
                }
            }
        };
        tokio::select! {
            () = telling => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Waits before something that failed is tried again: longer each time, and for as long
    /// as nothing can be had anyway.
    pub(super) async fn hold_back(&self, wait: &mut Duration) {
        tokio::time::sleep(*wait).await;
        *wait = (*wait * 2).min(BACKOFF_MOST);
        let mut cut_off = self.cut_off.subscribe();
        // Tried now and then all the same: nothing is to hang on one word from the bus.
        tokio::time::timeout(UNTOLD, cut_off.wait_for(Option::is_none)).await.ok();
    }

    /// Ends the hub's tasks; sessions are told by their sockets' own stop.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Puts a subscriber into the room of its grant. Only the policy makes grants, so
    /// an unchecked subscription does not compile.
    pub async fn join(self: &Arc<Self>, grant: ScopeGrant, wanted: Wanted) -> Result<Session, JoinError> {
        self.let_in(Leave::Scope(grant), wanted).await
    }

    /// Puts one who follows an order into the room that its driver is in, to be shown the driver
    /// alone: where it is, and that it comes back. Frames are postcard.
    pub async fn follow(self: &Arc<Self>, grant: DriverGrant) -> Result<Session, JoinError> {
        let filter = Filter {
            units: Some(Arc::new([grant.unit().clone()].into())),
            kinds: Some(Arc::new(["unit_joined", "unit_left"].into())),
            no_positions: false,
        };
        let view = View { encoding: Encoding::Postcard, filter };
        self.let_in(Leave::Driver(grant), Wanted { view, interval: FOLLOWED_EVERY, resume: None }).await
    }

    async fn let_in(self: &Arc<Self>, leave: Leave, wanted: Wanted) -> Result<Session, JoinError> {
        if self.stop.is_cancelled() {
            return Err(JoinError::Stopping);
        }
        if *self.blind.borrow() {
            return Err(JoinError::Blind);
        }
        let scope = leave.scope();
        let room = {
            let room =
                self.open.entry(scope).or_insert_with(|| Arc::new(Room::new(scope, self.directory.clone())));
            room.sessions.fetch_add(1, Ordering::AcqRel);
            room.clone()
        };
        // From here on dropping the seat gives the room back.
        let seat = Seat(room.clone());
        if !room.is_filled()
            && let Err(error) = in_time("opening a room", self.mend(&room)).await
        {
            if !room.is_filled() {
                return Err(error.into());
            }
            self.mend_soon(&room);
        }
        let missed = match wanted.resume {
            Some(since) => self.missed(&room, since).await,
            None => None,
        };
        let lane = room.lane(&wanted.view, wanted.interval, &self.tasks, &self.stop);
        Ok(Session::begin(seat, leave, self.clock.now(), lane, wanted.view, missed))
    }

    /// What somebody missed who comes back; none where they have to begin anew.
    async fn missed(self: &Arc<Self>, room: &Arc<Room>, since: StreamPosition) -> Option<Missed> {
        let events = match in_time("reading missed events", self.bus.events_since(room.scope, &since)).await {
            Ok(events) => events?,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, scope = %room.scope, "a subscriber gets what this node knows");
                return Some(Missed { since, events: Vec::new() });
            }
        };
        let missed = Missed { since, events };
        // The stream may be ahead of what has come here; who is told of it must not then be
        // shown the room as it was before.
        if !room.has_reached(&missed.until()) {
            room.doubt();
            if let Err(error) = in_time("mending a room", self.mend(room)).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, scope = %room.scope, "a subscriber begins anew");
                self.mend_soon(room);
            }
        }
        Some(missed)
    }

    pub(super) fn hear_position(&self, patrol: PatrolId, frame: PositionFrame) {
        if let Some(rooms) = self.routes.get(&patrol) {
            let unit = Arc::new(EncodedUnit::from_postcard(Some(frame.time), frame.unit));
            for room in rooms.iter() {
                room.position(patrol, unit.clone());
            }
        }
    }

    fn hear_event(self: &Arc<Self>, scope: Scope, epoch: &Arc<str>, event: Arc<Event>) {
        let Some(room) = self.open.get(&scope).map(|room| room.clone()) else { return };
        if self.tell(&room, epoch, event) == Heard::Gap {
            self.mend_soon(&room);
        }
    }

    /// Gives a room its next event.
    pub(super) fn tell(&self, room: &Arc<Room>, epoch: &Arc<str>, event: Arc<Event>) -> Heard {
        let heard = room.event(epoch, event.clone());
        if heard == Heard::Applied
            && let Event::UnitJoined(_) | Event::UnitLeft(_) = &*event
            && let Some(patrol) = event.patrol()
        {
            self.reroute(patrol, room);
            self.unsettle([patrol]);
        }
        heard
    }

    fn hear_interrupted(&self) {
        let now = self.clock.now();
        self.cut_off.send_modify(|since| *since = since.or(Some(now)));
    }

    fn hear_resumed(self: &Arc<Self>) {
        self.cut_off.send_replace(None);
        let rooms: Vec<Arc<Room>> = self.open.iter().map(|room| room.clone()).collect();
        for room in rooms {
            if room.doubt() {
                self.mend_soon(&room);
            }
        }
        self.unread.lock().extend(self.routes.iter().map(|route| *route.key()));
        self.settle.notify_one();
    }

    /// A position as it travels on the bus.
    pub fn frame(&self, member: &RoomMember, entry: &UnitEntry, location: &Location) -> PositionFrame {
        let status = self.silence.status(
            entry,
            Some(location),
            self.directory.is_on_task(&member.unit),
            self.clock.now(),
        );
        PositionFrame { time: location.time, unit: postcard_of(&live_unit(member, Some(location), status)) }
    }

    async fn close_empty_rooms(self: Arc<Self>, linger: Duration) {
        let closing = async {
            let mut idle: HashSet<Scope> = HashSet::new();
            let mut closed: HashSet<Scope> = HashSet::new();
            let mut ticks = tokio::time::interval(linger);
            loop {
                ticks.tick().await;
                let empty: HashSet<Scope> =
                    self.open.iter().filter(|room| !room.has_sessions()).map(|room| *room.key()).collect();
                for scope in empty.intersection(&idle) {
                    // Under the map's lock, which joining takes too.
                    if let Some((_, room)) = self.open.remove_if(scope, |_, room| !room.has_sessions()) {
                        self.close(&room);
                        closed.insert(*scope);
                    }
                }
                idle = empty;
                self.let_go(&mut closed).await;
            }
        };
        tokio::select! {
            () = closing => {}
            () = self.stop.cancelled() => {}
        }
    }

    fn close(&self, room: &Arc<Room>) {
        let patrols = room.close();
        for patrol in &patrols {
            self.reroute(*patrol, room);
        }
        self.unsettle(patrols);
    }

    /// Lets go of the streams of closed rooms; leaves those of which the bus would not.
    async fn let_go(&self, closed: &mut HashSet<Scope>) {
        for scope in closed.clone() {
            let _in_turn = self.watching.lock().await;
            // A subscriber may have opened the room anew meanwhile; then it stays watched.
            if !self.open.contains_key(&scope)
                && let Err(error) = in_time("letting go of a scope", self.bus.unwatch_scope(scope)).await
            {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, %scope, "a closed room's events still come; tried again");
                continue;
            }
            closed.remove(&scope);
        }
    }
}

/// Lets an engine take [`PATIENCE`] at most.
pub(super) async fn in_time<T>(
    what: &'static str,
    work: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    tokio::time::timeout(PATIENCE, work).await.map_err(EngineError::during(what))?
}

/// The hub's receiving end at the bus, which must not keep the hub alive.
struct Ear(std::sync::Weak<Hub>);

impl BusSink for Ear {
    fn position(&self, patrol: PatrolId, frame: PositionFrame) {
        if let Some(hub) = self.0.upgrade() {
            hub.hear_position(patrol, frame);
        }
    }

    fn event(&self, scope: Scope, epoch: &Arc<str>, event: Arc<Event>) {
        if let Some(hub) = self.0.upgrade() {
            hub.hear_event(scope, epoch, event);
        }
    }

    fn records(&self, at: u64) {
        if let Some(hub) = self.0.upgrade() {
            hub.directory.hear_of(at);
        }
    }

    fn interrupted(&self) {
        if let Some(hub) = self.0.upgrade() {
            hub.hear_interrupted();
        }
    }

    fn resumed(&self) {
        if let Some(hub) = self.0.upgrade() {
            hub.hear_resumed();
        }
    }
}
