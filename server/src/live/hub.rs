//! The rooms of this node.
//!
//! A room is open while somebody on this node is in it, and for [`LINGER`] after.
//! Opening watches the scope's event stream and the channels of its patrols, then
//! reads who is there and where: watching first means that nothing falls between.

use super::{
    frame::{EncodedUnit, postcard_of},
    room::{Room, live_unit},
    session::{Missed, Seat, Session, Wanted},
    status::Silence,
};
use crate::{
    auth::ScopeGrant,
    clock::Clock,
    directory::Directory,
    ports::{Bus, BusSink, EngineError, PositionFrame, Positions, RoomMember, Rooms, StreamPosition},
};
use dashmap::DashMap;
use parking_lot::Mutex;
use sentinel_model::{Location, PatrolId, Scope, UnitId, live::Event};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a room stays open after its last subscriber left.
const LINGER: Duration = Duration::from_secs(30);

pub struct Hub {
    clock: Clock,
    directory: Arc<Directory>,
    bus: Arc<dyn Bus>,
    rooms: Arc<dyn Rooms>,
    positions: Arc<dyn Positions>,
    silence: Silence,
    open: DashMap<Scope, Arc<Room>>,
    /// The open rooms that each patrol is in: where its positions go.
    routes: DashMap<PatrolId, Vec<Arc<Room>>>,
    /// Patrols whose channel may have to be watched or let go.
    unsettled: Mutex<HashMap<PatrolId, Option<UnitId>>>,
    settle: Notify,
    /// Held while a scope's stream begins or ceases to be watched: a room that closes
    /// must not let go of what its successor has just begun to watch.
    watching: tokio::sync::Mutex<()>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("the room could not be opened")]
    Engine(#[from] EngineError),
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
            settle: Notify::new(),
            watching: tokio::sync::Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        hub.bus.attach(Arc::new(Ear(Arc::downgrade(&hub))));
        hub.tasks.spawn(hub.clone().keep_channels());
        hub.tasks.spawn(hub.clone().close_empty_rooms());
        hub
    }

    pub fn silence(&self) -> &Silence {
        &self.silence
    }

    pub fn sessions(&self) -> usize {
        self.open.iter().map(|room| room.sessions.load(Ordering::Relaxed)).sum()
    }

    /// Ends the hub's tasks; sessions are told by their sockets' own stop.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Puts a subscriber into the room of its grant. Only the policy makes grants, so
    /// an unchecked subscription does not compile.
    pub async fn join(&self, grant: ScopeGrant, wanted: Wanted) -> Result<Session, JoinError> {
        if self.stop.is_cancelled() {
            return Err(JoinError::Stopping);
        }
        let scope = grant.scope();
        let room = {
            let room = self.open.entry(scope).or_insert_with(|| Arc::new(Room::new(scope)));
            room.sessions.fetch_add(1, Ordering::AcqRel);
            room.clone()
        };
        // From here on dropping the seat gives the room back.
        let seat = Seat(room.clone());
        room.opened.get_or_try_init(|| self.fill(&room)).await?;
        let missed = match &wanted.resume {
            Some(since) => {
                let events = self.bus.events_since(scope, since).await?;
                events.map(|events| Missed { after: since.offset, events })
            }
            None => None,
        };
        let lane = room.lane(wanted.encoding, wanted.interval, &self.tasks, &self.stop);
        Ok(Session::begin(seat, grant, self.clock.now(), lane, wanted.encoding, missed))
    }

    async fn fill(&self, room: &Arc<Room>) -> Result<(), EngineError> {
        let position: StreamPosition = {
            let _in_turn = self.watching.lock().await;
            self.bus.watch_scope(room.scope).await?
        };
        let members = self.rooms.members(room.scope).await?;
        for member in &members {
            self.route(member.patrol, room);
            self.bus.watch_patrol(member.patrol).await?;
        }
        let units: Vec<UnitId> = members.iter().map(|member| member.unit.clone()).collect();
        let locations = self.positions.get_many(&units).await?;
        let now = self.clock.now();
        let live = members
            .iter()
            .zip(&locations)
            .filter_map(|(member, location)| {
                let unit = self.directory.unit(&member.unit)?;
                let status = self.silence.status(&unit, location.as_ref(), now);
                Some(live_unit(member, location.as_ref(), status))
            })
            .collect();
        room.fill(&position, live);
        Ok(())
    }

    fn route(&self, patrol: PatrolId, room: &Arc<Room>) {
        let mut rooms = self.routes.entry(patrol).or_default();
        if !rooms.iter().any(|other| Arc::ptr_eq(other, room)) {
            rooms.push(room.clone());
        }
    }

    fn unroute(&self, patrol: PatrolId, room: &Arc<Room>) {
        if let Some(mut rooms) = self.routes.get_mut(&patrol) {
            rooms.retain(|other| !Arc::ptr_eq(other, room));
        }
        self.routes.remove_if(&patrol, |_, rooms| rooms.is_empty());
    }

    fn unsettle(&self, patrol: PatrolId, unit: Option<UnitId>) {
        self.unsettled.lock().insert(patrol, unit);
        self.settle.notify_one();
    }

    fn hear_position(&self, patrol: PatrolId, frame: PositionFrame) {
        if let Some(rooms) = self.routes.get(&patrol) {
            let unit = Arc::new(EncodedUnit::from_postcard(Some(frame.time), frame.unit));
            for room in rooms.iter() {
                room.position(patrol, unit.clone());
            }
        }
    }

    fn hear_event(&self, scope: Scope, event: Arc<Event>) {
        let Some(room) = self.open.get(&scope).map(|room| room.clone()) else { return };
        match &*event {
            Event::UnitJoined(joined) => {
                self.route(joined.unit.patrol, &room);
                self.unsettle(joined.unit.patrol, Some(joined.unit.id.clone()));
            }
            Event::UnitLeft(left) => {
                self.unroute(left.patrol, &room);
                self.unsettle(left.patrol, None);
            }
            Event::Status(_) => {}
        }
        room.event(event);
    }

    /// Watches the channels of patrols that came and lets go of those that went.
    async fn keep_channels(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.settle.notified() => {}
                () = self.stop.cancelled() => return,
            }
            let unsettled = std::mem::take(&mut *self.unsettled.lock());
            for (patrol, unit) in unsettled {
                if let Err(error) = self.settle_patrol(patrol, unit.clone()).await {
                    tracing::warn!(%error, %patrol, "a patrol's channel could not be changed; tried again");
                    self.unsettled.lock().entry(patrol).or_insert(unit);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    self.settle.notify_one();
                }
            }
        }
    }

    async fn settle_patrol(&self, patrol: PatrolId, unit: Option<UnitId>) -> Result<(), EngineError> {
        if !self.routes.contains_key(&patrol) {
            self.bus.unwatch_patrol(patrol).await?;
            // A room that was opened meanwhile may have watched it just before.
            if !self.routes.contains_key(&patrol) {
                return Ok(());
            }
        }
        self.bus.watch_patrol(patrol).await?;
        // What moved between the join and the watch.
        if let Some(id) = unit
            && let Some(entry) = self.directory.unit(&id)
            && let Some(active) = entry.patrol.filter(|active| active.id == patrol)
            && let Some(location) = self.positions.get(&id).await?
        {
            let member = RoomMember { patrol, unit: id, path: active.path };
            self.hear_position(patrol, self.frame(&member, &entry, &location));
        }
        Ok(())
    }

    /// A position as it travels on the bus.
    pub fn frame(
        &self,
        member: &RoomMember,
        entry: &crate::directory::UnitEntry,
        location: &Location,
    ) -> PositionFrame {
        let status = self.silence.status(entry, Some(location), self.clock.now());
        PositionFrame { time: location.time, unit: postcard_of(&live_unit(member, Some(location), status)) }
    }

    async fn close_empty_rooms(self: Arc<Self>) {
        let mut idle: HashSet<Scope> = HashSet::new();
        let mut ticks = tokio::time::interval(LINGER);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.stop.cancelled() => return,
            }
            let empty: HashSet<Scope> =
                self.open.iter().filter(|room| !room.has_sessions()).map(|room| *room.key()).collect();
            for scope in empty.intersection(&idle) {
                // Under the map's lock, which joining takes too.
                let closed = self.open.remove_if(scope, |_, room| !room.has_sessions());
                if let Some((_, room)) = closed {
                    self.close(&room).await;
                }
            }
            idle = empty;
        }
    }

    async fn close(&self, room: &Arc<Room>) {
        for patrol in room.patrols() {
            self.unroute(patrol, room);
            self.unsettle(patrol, None);
        }
        let _in_turn = self.watching.lock().await;
        // A subscriber may have opened the room anew meanwhile; then it stays watched.
        if !self.open.contains_key(&room.scope)
            && let Err(error) = self.bus.unwatch_scope(room.scope).await
        {
            tracing::warn!(%error, scope = %room.scope, "a scope's events could not be let go");
        }
    }
}

/// The hub's receiving end at the bus, which must not keep the hub alive.
struct Ear(std::sync::Weak<Hub>);

impl BusSink for Ear {
    fn position(&self, patrol: PatrolId, frame: PositionFrame) {
        if let Some(hub) = self.0.upgrade() {
            hub.hear_position(patrol, frame);
        }
    }

    fn event(&self, scope: Scope, _epoch: &Arc<str>, event: Arc<Event>) {
        if let Some(hub) = self.0.upgrade() {
            hub.hear_event(scope, event);
        }
    }

    fn records(&self, at: u64) {
        if let Some(hub) = self.0.upgrade() {
            hub.directory.hear_of(at);
        }
    }

    fn interrupted(&self) {}

    fn resumed(&self) {}
}
