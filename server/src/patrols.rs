//! Units come on and off duty.
//!
//! A unit has one patrol at a time. Starting commits it, puts it into the rooms of
//! its station and of every scope above, and tells their subscribers; ending undoes
//! that. Starting one under another station while on patrol ends the first at the
//! same instant, so that history knows exactly under whom every fix was made.

mod ids;
mod together;

use crate::{
    clock::Clock,
    directory::{Changing, Directory, UnitEntry},
    live::{Hub, live_unit},
    ports::{Bus, Change, EngineError, Positions, RoomMember, Rooms},
};
use sentinel_model::{
    Patrol, PatrolId, ScopePath, Time, UnitId,
    live::{Event, UnitJoined, UnitLeft},
};
use std::sync::Arc;

pub struct Patrols {
    pub clock: Clock,
    pub directory: Arc<Directory>,
    pub rooms: Arc<dyn Rooms>,
    pub positions: Arc<dyn Positions>,
    pub bus: Arc<dyn Bus>,
    pub hub: Arc<Hub>,
    pub starts: Starts,
}

/// Starts that wait for the next commit, and the ids given so far.
#[derive(Default)]
pub struct Starts {
    waiting: together::Waiting,
    ids: ids::Ids,
}

#[derive(Debug, thiserror::Error)]
pub enum PatrolError {
    #[error("there is no unit {0}")]
    NoUnit(UnitId),
    #[error("there is no active patrol {0}")]
    NotActive(PatrolId),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Who asks for a patrol to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// A person or a program: from then on the unit's patrols are theirs to run.
    ByHand,
    /// The first fix of a unit that only ever posts positions.
    ByFix,
}

impl Patrols {
    /// Puts the patrols that were active when the process ended back into their rooms.
    pub async fn recover(&self) -> Result<usize, EngineError> {
        let units = self.directory.units(None, usize::MAX, |unit| unit.patrol.is_some());
        for unit in &units {
            if let Some(patrol) = unit.patrol {
                self.rooms.enter(member(unit, patrol.id, patrol.path)).await?;
            }
        }
        Ok(units.len())
    }

    /// Starts a patrol under `path`, or under the unit's own station. Answers the patrol
    /// that is active then, and whether it is new.
    pub async fn start(
        self: &Arc<Self>,
        unit: &UnitId,
        path: Option<ScopePath>,
        how: Started,
    ) -> Result<(Patrol, bool), PatrolError> {
        match how {
            Started::ByFix => self.start_together(unit, path).await,
            Started::ByHand => {
                let (patrols, unit) = (self.clone(), unit.clone());
                to_its_end(async move { patrols.start_by_hand(&unit, path).await }).await
            }
        }
    }

    /// Ends an active patrol.
    pub async fn end(self: &Arc<Self>, id: PatrolId) -> Result<Patrol, PatrolError> {
        let patrols = self.clone();
        to_its_end(async move { patrols.end_now(id).await }).await
    }

    async fn start_by_hand(
        &self,
        unit: &UnitId,
        path: Option<ScopePath>,
    ) -> Result<(Patrol, bool), PatrolError> {
        let changing = self.directory.change().await;
        let entry = self.directory.unit(unit).ok_or_else(|| PatrolError::NoUnit(unit.clone()))?;
        let path = path.unwrap_or_else(|| entry.home());
        let now = self.clock.now();
        let mut changes = Vec::with_capacity(3);
        if let Some(active) = entry.patrol {
            if active.path == path {
                return Ok((patrol_of(&entry, active.id, active.path, active.started_at, None), false));
            }
            changes.push(Change::PutPatrol(patrol_of(
                &entry,
                active.id,
                active.path,
                active.started_at,
                Some(now),
            )));
        }
        let patrol = patrol_of(&entry, self.starts.ids.next(now), path, now, None);
        changes.push(Change::PutPatrol(patrol.clone()));
        changes.extend(managed(&entry));
        changing.commit(changes).await?;
        if let Some(active) = entry.patrol {
            self.leave(&changing, &entry, active.id, active.path, now).await?;
        }
        self.join(&changing, &entry, &patrol, path).await?;
        Ok((patrol, true))
    }

    async fn end_now(&self, id: PatrolId) -> Result<Patrol, PatrolError> {
        let changing = self.directory.change().await;
        let entry = self.directory.unit_by_patrol(id).ok_or(PatrolError::NotActive(id))?;
        let active = entry.patrol.filter(|active| active.id == id).ok_or(PatrolError::NotActive(id))?;
        let now = self.clock.now();
        let patrol = patrol_of(&entry, id, active.path, active.started_at, Some(now));
        let mut changes = vec![Change::PutPatrol(patrol.clone())];
        changes.extend(managed(&entry));
        changing.commit(changes).await?;
        self.leave(&changing, &entry, id, active.path, now).await?;
        Ok(patrol)
    }

    // Joins and leaves are told while the change is held, so that subscribers hear them
    // in the order in which they were committed.

    async fn join(
        &self,
        _in_order: &Changing<'_>,
        entry: &UnitEntry,
        patrol: &Patrol,
        path: ScopePath,
    ) -> Result<(), EngineError> {
        let member = member(entry, patrol.id, path);
        self.rooms.enter(member.clone()).await?;
        let location = self.positions.get(&member.unit).await?;
        let now = self.clock.now();
        let status =
            self.directory.unit(&member.unit).map_or(sentinel_model::UnitStatus::Available, |unit| {
                self.hub.silence().status(&unit, location.as_ref(), now)
            });
        let unit = live_unit(&member, location.as_ref(), status);
        let joined = Event::UnitJoined(UnitJoined {
            offset: 0,
            at: patrol.started_at,
            unit,
            name: entry.record.name.clone(),
            unit_kind: entry.record.kind.clone(),
        });
        self.bus.publish_event(&path.scopes(), joined).await
    }

    async fn leave(
        &self,
        _in_order: &Changing<'_>,
        entry: &UnitEntry,
        patrol: PatrolId,
        path: ScopePath,
        at: Time,
    ) -> Result<(), EngineError> {
        self.rooms.leave(patrol).await?;
        let left = Event::UnitLeft(UnitLeft { offset: 0, at, id: entry.record.id.clone(), patrol });
        self.bus.publish_event(&path.scopes(), left).await
    }
}

/// Runs a change whole even if the request that asked for it is given up meanwhile:
/// what is committed must also be in the rooms and told.
async fn to_its_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, PatrolError>> + Send + 'static,
) -> Result<T, PatrolError> {
    tokio::spawn(change).await.map_err(EngineError::during("changing a patrol"))?
}

fn managed(entry: &UnitEntry) -> Option<Change> {
    (!entry.record.patrols_managed).then(|| {
        let mut record = entry.record.clone();
        record.patrols_managed = true;
        Change::PutUnit(record)
    })
}

pub fn member(entry: &UnitEntry, patrol: PatrolId, path: ScopePath) -> RoomMember {
    RoomMember { patrol, unit: entry.record.id.clone(), path }
}

fn patrol_of(
    entry: &UnitEntry,
    id: PatrolId,
    path: ScopePath,
    started_at: Time,
    ended_at: Option<Time>,
) -> Patrol {
    Patrol { id, unit_id: entry.record.id.clone(), station: path.station(), started_at, ended_at }
}
