//! Rooms are opened, and mended where the bus has lost something.
//!
//! Opening watches the scope's event stream and the channels of its patrols, then reads
//! who is there and where: watching first means that nothing falls between. A room that
//! has missed events asks for them; where its stream began anew, or no longer has them,
//! it is opened again over what it shows, and its subscribers get a snapshot.
//!
//! What comes meanwhile is not kept: it leaves the room in doubt, and a room is asked for
//! more until nothing is left in doubt.

use super::{
    Hub,
    hub::{BACKOFF_FIRST, in_time},
    room::{Heard, Room, live_unit},
};
use crate::{
    directory::UnitEntry,
    ports::{EngineError, RoomMember, StreamPosition},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use sentinel_model::{
    PatrolId, Scope, UnitId, UnitStatus,
    live::{Event, LiveUnit},
};
use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// Channels that are changed at once.
pub(super) const CHANNELS_AT_ONCE: usize = 64;
/// How long the records may take; positions go on without them.
const RECORDS_PATIENCE: Duration = Duration::from_secs(1);
/// Who has been on duty for less than this counts as having just come.
const FRESH_MS: i64 = 10_000;

impl Hub {
    /// Has a room mended by a task that tries until it is.
    pub(super) fn mend_soon(self: &Arc<Self>, room: &Arc<Room>) {
        if room.has_mender.swap(true, Ordering::AcqRel) {
            return;
        }
        let (hub, room) = (self.clone(), room.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = hub.mend_until_done(&room) => {}
                () = hub.stop.cancelled() => {}
            }
        });
    }

    /// Notices what was lost without a word, where nothing came after it: compares now and
    /// then how far rooms are with how far their streams are.
    pub(super) async fn compare(self: Arc<Self>, every: Duration) {
        let comparing = async {
            loop {
                tokio::time::sleep(every).await;
                let open: Vec<Arc<Room>> =
                    self.open.iter().map(|room| room.clone()).filter(|room| room.is_filled()).collect();
                let scopes: Vec<Scope> = open.iter().map(|room| room.scope).collect();
                match in_time("comparing rooms", self.bus.heads(&scopes)).await {
                    Ok(heads) => {
                        for (room, _) in open.iter().zip(heads).filter(|(room, head)| !room.has_reached(head))
                        {
                            if room.doubt() {
                                self.mend_soon(room);
                            }
                        }
                    }
                    // Where the bus is away everything is mended once it is back.
                    Err(error) => {
                        tracing::debug!(error = &error as &dyn std::error::Error, "not compared");
                    }
                }
            }
        };
        tokio::select! {
            () = comparing => {}
            () = self.stop.cancelled() => {}
        }
    }

    async fn mend_until_done(&self, room: &Arc<Room>) {
        let mut wait = BACKOFF_FIRST;
        loop {
            match in_time("mending a room", self.mend(room)).await {
                Ok(()) => {
                    room.has_mender.store(false, Ordering::Release);
                    // A doubt that came just before found a mender still there.
                    if room.to_mend().is_none() || room.has_mender.swap(true, Ordering::AcqRel) {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        scope = %room.scope,
                        "a room misses something; asked for again"
                    );
                    self.hold_back(&mut wait).await;
                }
            }
        }
    }

    /// Makes the room what its stream says, opening it where that is to be done.
    pub(super) async fn mend(&self, room: &Arc<Room>) -> Result<(), EngineError> {
        let _in_turn = room.mending.lock().await;
        while let Some(mending) = room.to_mend() {
            let missed = match &mending.since {
                Some(since) => self.bus.events_since(room.scope, since).await?.map(|events| (since, events)),
                None => None,
            };
            match missed {
                Some((since, events)) => self.catch_up(room, since, events)?,
                None => self.fill(room).await?,
            }
            room.mended(&mending);
        }
        Ok(())
    }

    fn catch_up(
        &self,
        room: &Arc<Room>,
        since: &StreamPosition,
        events: Vec<Arc<Event>>,
    ) -> Result<(), EngineError> {
        for event in events {
            if self.tell(room, &since.epoch, event) == Heard::Gap {
                return Err(EngineError::new("reading missed events", "they do not follow one another"));
            }
        }
        Ok(())
    }

    async fn fill(&self, room: &Arc<Room>) -> Result<(), EngineError> {
        let before = room.patrols();
        let filled = self.read_and_fill(room).await;
        let touched: HashSet<PatrolId> = before.into_iter().chain(room.patrols()).collect();
        room.expect_nobody();
        for patrol in &touched {
            self.reroute(*patrol, room);
        }
        // Whoever is in was watched before they were read.
        self.unsettle(touched.into_iter().filter(|patrol| !room.holds(*patrol)));
        filled
    }

    async fn read_and_fill(&self, room: &Arc<Room>) -> Result<(), EngineError> {
        let position = {
            let _in_turn = self.watching.lock().await;
            if !self.open.get(&room.scope).is_some_and(|open| Arc::ptr_eq(&open, room)) {
                // Nobody is there any more, and another room may be in its place.
                room.close();
                return Ok(());
            }
            self.bus.watch_scope(room.scope).await?
        };
        let members = self.rooms.members(room.scope).await?;
        room.expect(members.iter().map(|member| member.patrol).collect());
        for member in &members {
            self.reroute(member.patrol, room);
        }
        let patrols: Vec<PatrolId> = members.iter().map(|member| member.patrol).collect();
        stream::iter(patrols)
            .map(|patrol| self.bus.watch_patrol(patrol))
            .buffer_unordered(CHANNELS_AT_ONCE)
            .try_collect::<()>()
            .await?;
        let live = self.live_units(&members).await?;
        // An alert is told after it is committed: what the stream told until then is in the newest
        // records.
        self.read_records().await;
        room.fill(&position, live);
        Ok(())
    }

    /// Members with where they are and how. Where the records do not say that somebody is
    /// on this very patrol, their position may be another patrol's, and is not shown.
    async fn live_units(&self, members: &[RoomMember]) -> Result<Vec<LiveUnit>, EngineError> {
        let units: Vec<UnitId> = members.iter().map(|member| member.unit.clone()).collect();
        // The positions first: whose patrol has changed since is then known.
        let locations = self.positions.get_many(&units).await?;
        let asked: Vec<(&UnitId, PatrolId)> = members.iter().map(|m| (&m.unit, m.patrol)).collect();
        let entries = self.on_patrol(&asked).await;
        let now = self.clock.now();
        let mut fresh = Vec::new();
        let live = members
            .iter()
            .zip(&locations)
            .zip(&entries)
            .map(|((member, location), entry)| match entry {
                Some(entry) => {
                    if entry.patrol.is_some_and(|patrol| now.ms_since(patrol.started_at) < FRESH_MS) {
                        fresh.push(member.patrol);
                    }
                    let location = location.as_ref();
                    let is_on_task = self.directory.is_on_task(&member.unit);
                    live_unit(member, location, self.silence().status(entry, location, is_on_task, now))
                }
                None => {
                    fresh.push(member.patrol);
                    live_unit(member, None, UnitStatus::Available)
                }
            })
            .collect();
        self.look_again(fresh);
        Ok(live)
    }

    /// Each unit as the records have it, none where they do not have it on that patrol. The
    /// records are read first: this node may hear of a patrol before it has read what began
    /// it, and must not take one for active that has ended.
    pub(super) async fn on_patrol(&self, asked: &[(&UnitId, PatrolId)]) -> Vec<Option<Arc<UnitEntry>>> {
        if asked.is_empty() {
            return Vec::new();
        }
        self.read_records().await;
        let on = |unit: &UnitId, patrol| {
            let entry = self.directory.unit(unit)?;
            entry.patrol.is_some_and(|active| active.id == patrol).then_some(entry)
        };
        asked.iter().map(|(unit, patrol)| on(unit, *patrol)).collect()
    }

    async fn read_records(&self) {
        let reading = async {
            if let Err(error) = self.directory.catch_up().await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "who is on patrol, and which alerts are open, is told by what this node knows"
                );
            }
        };
        if tokio::time::timeout(RECORDS_PATIENCE, reading).await.is_err() {
            tracing::warn!(
                "the records are slow; who is on patrol, and which alerts are open, is told by what this node knows"
            );
        }
    }
}
