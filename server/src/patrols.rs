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
    directory::{ActivePatrol, Directory, UnitEntry},
    live::{live_unit, status::Silence},
    ports::{Change, EngineError, Positions, RoomMember, Rooms},
    webhooks::enqueue::with_deliveries,
};
use sentinel_model::{
    Level, Location, Patrol, PatrolId, ScopePath, Time, UnitId, UnitStatus,
    live::{Event, UnitJoined, UnitLeft},
};
use std::{collections::HashMap, sync::Arc};

pub struct Patrols {
    pub clock: Clock,
    pub directory: Arc<Directory>,
    pub rooms: Arc<dyn Rooms>,
    pub positions: Arc<dyn Positions>,
    pub silence: Silence,
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
    /// At a start with empty rooms: every active patrol enters them as it was last told to be, in
    /// `silent` where that was silence. Whoever fell silent, or was heard of, since then is so told
    /// by who watches for that.
    pub async fn take_up(&self, silent: &HashMap<PatrolId, UnitStatus>) -> Result<(), EngineError> {
        for entry in self.directory.units(None, usize::MAX, |unit| unit.patrol.is_some()) {
            let Some(active) = entry.patrol else { continue };
            let heard = match self.directory.is_on_task(&entry.record.id) {
                true => UnitStatus::OnTask,
                false => UnitStatus::Available,
            };
            let location = self.positions.get(&entry.record.id).await?;
            let told = silent.get(&active.id).copied().unwrap_or(heard);
            self.enter(&entry, active, location.as_ref(), told).await?;
        }
        Ok(())
    }

    /// Makes the rooms hold just the patrols that the records say are active: where they are lost,
    /// and where a process ended between a commit and its telling.
    /// Answers how many entered or left by it.
    pub async fn mend(&self) -> Result<usize, EngineError> {
        // The rooms first: who is in them was committed before, so the records that are
        // read after have it. Whoever starts or ends meanwhile enters and leaves only once.
        let mut members = HashMap::new();
        for district in self.directory.scopes().iter().filter(|s| s.scope.level == Level::District) {
            let of_it = self.rooms.members(district.scope).await?;
            members.extend(of_it.into_iter().map(|member| (member.patrol, member)));
        }
        self.directory.catch_up().await?;
        let units = self.directory.units(None, usize::MAX, |unit| unit.patrol.is_some());
        let mut mended = 0;
        for entry in &units {
            let Some(active) = entry.patrol else { continue };
            if members.remove(&active.id).is_none() {
                self.join(entry, active).await?;
                mended += 1;
            }
        }
        for (patrol, member) in members {
            self.leave(&member.unit, patrol, self.clock.now()).await?;
            mended += 1;
        }
        Ok(mended)
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

    /// Ends the patrol of a unit that has one and starts another in its place, as it was: who
    /// looks on sees it leave with all that was known of it, and come back. One that was silent, by
    /// the `last` word of it, is no less so after: the other patrol goes on from that word.
    pub async fn renew(self: &Arc<Self>, unit: &UnitId, last: Option<Location>) -> Result<(), PatrolError> {
        let (patrols, unit) = (self.clone(), unit.clone());
        to_its_end(async move { patrols.renew_now(&unit, last).await }).await
    }

    async fn renew_now(&self, unit: &UnitId, last: Option<Location>) -> Result<(), PatrolError> {
        let now = self.clock.now();
        let id = self.starts.ids.next(now);
        let renewed = self
            .directory
            .change(|| {
                let entry = self.directory.unit(unit).ok_or_else(|| PatrolError::NoUnit(unit.clone()))?;
                let Some(active) = entry.patrol else { return Ok((Vec::new(), None)) };
                let since =
                    match self.silence.status(&entry, last.as_ref(), self.directory.is_on_task(unit), now) {
                        UnitStatus::Stale | UnitStatus::Offline => Silence::heard(active, last.as_ref()),
                        _ => now,
                    };
                let renewed = ActivePatrol { id, started_at: since, ..active };
                let changes = [patrol_of(&entry, active, Some(since)), patrol_of(&entry, renewed, None)];
                let changes = changes.into_iter().map(Change::PutPatrol).collect();
                let changes = with_deliveries(&self.directory, changes);
                Ok::<_, PatrolError>((changes, Some((entry, active, renewed))))
            })
            .await?;
        if let Some((entry, active, renewed)) = renewed {
            self.leave(unit, active.id, now).await?;
            self.join(&entry, renewed).await?;
        }
        Ok(())
    }

    async fn start_by_hand(
        &self,
        unit: &UnitId,
        path: Option<ScopePath>,
    ) -> Result<(Patrol, bool), PatrolError> {
        let now = self.clock.now();
        let id = self.starts.ids.next(now);
        let (entry, path, is_new) = self
            .directory
            .change(|| {
                let entry = self.directory.unit(unit).ok_or_else(|| PatrolError::NoUnit(unit.clone()))?;
                let path = path.unwrap_or_else(|| entry.home());
                if entry.patrol.is_some_and(|active| active.path == path) {
                    return Ok((Vec::new(), (entry, path, false)));
                }
                let before = entry.patrol.map(|active| patrol_of(&entry, active, Some(now)));
                let patrol = patrol_of(&entry, ActivePatrol { id, path, started_at: now }, None);
                let changes = before.into_iter().chain([patrol]).map(Change::PutPatrol);
                let changes = changes.chain(managed(&entry)).collect();
                let changes = with_deliveries(&self.directory, changes);
                Ok::<_, PatrolError>((changes, (entry, path, true)))
            })
            .await?;
        if !is_new {
            let active = entry.patrol.expect("it is not new because it is active");
            return Ok((patrol_of(&entry, active, None), false));
        }
        if let Some(active) = entry.patrol {
            self.leave(unit, active.id, now).await?;
        }
        let started = ActivePatrol { id, path, started_at: now };
        self.join(&entry, started).await?;
        Ok((patrol_of(&entry, started, None), true))
    }

    async fn end_now(&self, id: PatrolId) -> Result<Patrol, PatrolError> {
        let now = self.clock.now();
        let patrol = self
            .directory
            .change(|| {
                let entry = self.directory.unit_by_patrol(id).ok_or(PatrolError::NotActive(id))?;
                let active =
                    entry.patrol.filter(|active| active.id == id).ok_or(PatrolError::NotActive(id))?;
                let patrol = patrol_of(&entry, active, Some(now));
                let changes = [Change::PutPatrol(patrol.clone())].into_iter().chain(managed(&entry));
                Ok::<_, PatrolError>((with_deliveries(&self.directory, changes.collect()), patrol))
            })
            .await?;
        self.leave(&patrol.unit_id, id, now).await?;
        Ok(patrol)
    }

    async fn join(&self, entry: &UnitEntry, active: ActivePatrol) -> Result<(), EngineError> {
        let unit = &entry.record.id;
        let location = self.positions.get(unit).await?;
        let on_duty = UnitEntry { patrol: Some(active), ..entry.clone() };
        let is_on_task = self.directory.is_on_task(unit);
        let status = self.silence.status(&on_duty, location.as_ref(), is_on_task, self.clock.now());
        self.enter(entry, active, location.as_ref(), status).await
    }

    async fn enter(
        &self,
        entry: &UnitEntry,
        active: ActivePatrol,
        location: Option<&Location>,
        status: UnitStatus,
    ) -> Result<(), EngineError> {
        let member = member(entry, active.id, active.path);
        let joined = Event::UnitJoined(UnitJoined {
            offset: 0,
            at: active.started_at,
            unit: live_unit(&member, location, status),
            name: entry.record.name.clone(),
            unit_kind: entry.record.kind.clone(),
        });
        self.rooms.enter(member, joined).await
    }

    async fn leave(&self, unit: &UnitId, patrol: PatrolId, at: Time) -> Result<(), EngineError> {
        let left = UnitLeft { offset: 0, at, id: unit.clone(), patrol };
        self.rooms.leave(patrol, Event::UnitLeft(left)).await
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

pub fn patrol_of(entry: &UnitEntry, active: ActivePatrol, ended_at: Option<Time>) -> Patrol {
    let ActivePatrol { id, path, started_at } = active;
    Patrol { id, unit_id: entry.record.id.clone(), station: path.station(), started_at, ended_at }
}
