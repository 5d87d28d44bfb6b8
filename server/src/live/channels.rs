//! Whose positions this node listens to.
//!
//! A patrol's channel is watched while an open room holds the patrol. It begins to be
//! watched a moment after the patrol joined, so its position is read then; and once more
//! [`SECOND_LOOK`] later, because the node that took the fix may not have known of the
//! patrol yet and so have told nobody.

use super::{
    Hub,
    hub::{BACKOFF_FIRST, in_time},
    mend::CHANNELS_AT_ONCE,
    room::Room,
};
use crate::{
    directory::ActivePatrol,
    ports::{EngineError, RoomMember},
};
use futures::{StreamExt as _, stream};
use sentinel_model::{Location, PatrolId, UnitId, live::LiveUnit};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::time::Instant;

/// After this long every node has read the records that began a patrol.
const SECOND_LOOK: Duration = Duration::from_secs(2);
/// Positions that are read at once.
const READ_AT_ONCE: usize = 1000;

impl Hub {
    /// Has the patrol's positions go to the room, or no more, as the room says. Whoever
    /// changes a room calls it after; the last to call decides, and sees the last change.
    pub(super) fn reroute(&self, patrol: PatrolId, room: &Arc<Room>) {
        let mut rooms = self.routes.entry(patrol).or_default();
        rooms.retain(|other| !Arc::ptr_eq(other, room));
        if room.holds(patrol) {
            rooms.push(room.clone());
        }
        drop(rooms);
        self.routes.remove_if(&patrol, |_, rooms| rooms.is_empty());
    }

    pub(super) fn unsettle(&self, patrols: impl IntoIterator<Item = PatrolId>) {
        self.unsettled.lock().extend(patrols);
        self.settle.notify_one();
    }

    pub(super) fn look_again(&self, patrols: Vec<PatrolId>) {
        self.second_looks.lock().extend(patrols);
        self.settle.notify_one();
    }

    /// Watches the channels of patrols that came and lets go of those that went.
    pub(super) async fn keep_channels(self: Arc<Self>) {
        tokio::select! {
            () = self.settle_for_ever() => {}
            () = self.stop.cancelled() => {}
        }
    }

    async fn settle_for_ever(&self) {
        let mut wait = BACKOFF_FIRST;
        // Who joins while these wait for their second look waits for the next.
        let mut looks: Option<(Instant, HashSet<PatrolId>)> = None;
        loop {
            let due = looks.as_ref().map(|(at, _)| *at);
            tokio::select! {
                () = self.settle.notified() => {}
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            if let Some((_, patrols)) = looks.take_if(|(at, _)| *at <= Instant::now()) {
                self.unread.lock().extend(patrols);
            }
            if looks.is_none() {
                let next = std::mem::take(&mut *self.second_looks.lock());
                looks = (!next.is_empty()).then(|| (Instant::now() + SECOND_LOOK, next));
            }
            match self.settle_all().await {
                Ok(()) => wait = BACKOFF_FIRST,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "positions may be missed; tried again"
                    );
                    self.hold_back(&mut wait).await;
                    self.settle.notify_one();
                }
            }
        }
    }

    async fn settle_all(&self) -> Result<(), EngineError> {
        let unsettled = std::mem::take(&mut *self.unsettled.lock());
        let settled: Vec<(PatrolId, Result<bool, EngineError>)> = stream::iter(unsettled)
            .map(|patrol| async move {
                (patrol, in_time("changing a patrol's channel", self.settle(patrol)).await)
            })
            .buffer_unordered(CHANNELS_AT_ONCE)
            .collect()
            .await;
        let (mut joined, mut failed) = (Vec::new(), None);
        for (patrol, outcome) in settled {
            match outcome {
                Ok(true) => joined.push(patrol),
                Ok(false) => {}
                Err(error) => {
                    self.unsettled.lock().insert(patrol);
                    failed = Some(error);
                }
            }
        }
        // What moved between the join and the watch.
        self.unread.lock().extend(&joined);
        if !joined.is_empty() {
            self.look_again(joined);
        }
        let read = self.read_missed_positions().await;
        failed.map_or(read, Err)
    }

    /// Watches a patrol's channel or lets it go; answers which.
    async fn settle(&self, patrol: PatrolId) -> Result<bool, EngineError> {
        if !self.routes.contains_key(&patrol) {
            self.bus.unwatch_patrol(patrol).await?;
            // A room that was opened meanwhile may have watched it just before.
            if !self.routes.contains_key(&patrol) {
                return Ok(false);
            }
        }
        self.bus.watch_patrol(patrol).await?;
        Ok(true)
    }

    async fn read_missed_positions(&self) -> Result<(), EngineError> {
        let unread: Vec<PatrolId> = std::mem::take(&mut *self.unread.lock()).into_iter().collect();
        for (n, patrols) in unread.chunks(READ_AT_ONCE).enumerate() {
            if let Err(error) = in_time("reading missed positions", self.read_positions(patrols)).await {
                self.unread.lock().extend(&unread[n * READ_AT_ONCE..]);
                return Err(error);
            }
        }
        Ok(())
    }

    async fn read_positions(&self, patrols: &[PatrolId]) -> Result<(), EngineError> {
        let held = |patrol: &PatrolId| {
            let rooms = self.routes.get(patrol)?;
            let oldest = rooms.iter().filter_map(|room| room.unit(*patrol)).min_by_key(|unit| unit.time);
            oldest?.decode()
        };
        let held: Vec<LiveUnit> = patrols.iter().filter_map(held).collect();
        let units: Vec<UnitId> = held.iter().map(|unit| unit.id.clone()).collect();
        // The positions first: whose patrol has changed since is then known.
        let locations = self.positions.get_many(&units).await?;
        let newer = |(unit, location): (LiveUnit, Option<Location>)| {
            location.filter(|location| Some(location.time) > unit.time).map(|location| (unit, location))
        };
        let found: Vec<(LiveUnit, Location)> = held.into_iter().zip(locations).filter_map(newer).collect();
        let asked: Vec<(&UnitId, PatrolId)> = found.iter().map(|(unit, _)| (&unit.id, unit.patrol)).collect();
        for ((unit, location), entry) in found.iter().zip(self.on_patrol(&asked).await) {
            if let Some(entry) = entry
                && let Some(ActivePatrol { id: patrol, path, .. }) = entry.patrol
            {
                let member = RoomMember { patrol, unit: unit.id.clone(), path };
                self.hear_position(patrol, self.frame(&member, &entry, location));
            }
        }
        Ok(())
    }
}
