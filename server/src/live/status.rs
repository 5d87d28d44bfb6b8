//! Stale and offline come from the server's clock: from when it last heard of a
//! unit, not from what the device says, and they are announced when they happen.

use crate::{
    clock::Clock,
    directory::{ActivePatrol, Directory, UnitEntry},
    ports::{EngineError, Positions, Rooms},
    webhooks::enqueue,
};
use sentinel_model::{
    Location, Time, UnitId, UnitStatus,
    live::{Event, StatusChanged},
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Deliveries that are committed at once: a document of MongoDB holds 16 MB.
const DELIVERIES_MAX: usize = 5_000;

/// After how long without a word a unit on patrol counts as stale, then offline.
#[derive(Debug, Clone, Copy)]
pub struct Silence {
    pub stale_after: Duration,
    pub offline_after: Duration,
}

impl Default for Silence {
    fn default() -> Self {
        Self { stale_after: Duration::from_secs(60), offline_after: Duration::from_secs(300) }
    }
}

impl Silence {
    /// How a unit is now, from its patrol, the last word of it, and whether it is on a task.
    pub fn status(
        &self,
        unit: &UnitEntry,
        location: Option<&Location>,
        is_on_task: bool,
        now: Time,
    ) -> UnitStatus {
        let Some(patrol) = unit.patrol else {
            return UnitStatus::OffDuty;
        };
        let heard = Self::heard(patrol, location);
        let silent = u128::try_from(now.ms_since(heard)).unwrap_or(0);
        if silent >= self.offline_after.as_millis() {
            UnitStatus::Offline
        } else if silent >= self.stale_after.as_millis() {
            UnitStatus::Stale
        } else if is_on_task {
            UnitStatus::OnTask
        } else {
            UnitStatus::Available
        }
    }

    /// When a unit on patrol was last heard of; its start counts.
    pub fn heard(patrol: ActivePatrol, location: Option<&Location>) -> Time {
        location.map_or(patrol.started_at, |l| l.received_at.max(patrol.started_at))
    }
}

/// Announces units that fall silent and units that are heard of again. It goes on from
/// what was told before, by whichever process; several that watch at once tell nothing
/// twice.
pub struct StatusWatch {
    pub clock: Clock,
    pub directory: Arc<Directory>,
    pub positions: Arc<dyn Positions>,
    pub rooms: Arc<dyn Rooms>,
    pub silence: Silence,
    pub every: Duration,
}

impl StatusWatch {
    pub async fn run(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.look().await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the status of units could not be looked through; tried again shortly"
                );
            }
        }
    }

    /// Looks at every unit on patrol once.
    pub async fn look(&self) -> Result<(), EngineError> {
        let now = self.clock.now();
        let told = self.rooms.statuses().await?;
        let units = self.directory.units(None, usize::MAX, |unit| unit.patrol.is_some());
        let ids: Vec<UnitId> = units.iter().map(|unit| unit.record.id.clone()).collect();
        let locations = self.positions.get_many(&ids).await?;
        let mut changed = Vec::new();
        for (unit, location) in units.iter().zip(&locations) {
            let Some(patrol) = unit.patrol else { continue };
            let is_on_task = self.directory.is_on_task(&unit.record.id);
            let status = self.silence.status(unit, location.as_ref(), is_on_task, now);
            // One that is in no room yet is told when it joins.
            if let Some(before) = told.get(&patrol.id).filter(|told| **told != status) {
                let heard = Silence::heard(patrol, location.as_ref());
                changed.push((unit, patrol.id, *before, status, heard));
            }
        }
        // On disk before anybody is told: who ends in between comes to tell the same again.
        let lasts_ms = i64::try_from(self.silence.stale_after.as_millis()).unwrap_or(i64::MAX);
        let heard_changed =
            changed.iter().filter(|(_, _, before, status, _)| is_silent(*before) || is_silent(*status));
        let deliveries = heard_changed.flat_map(|(unit, _, _, status, heard)| {
            enqueue::of_status(&self.directory, unit, *status, *heard, now, lasts_ms)
        });
        for deliveries in deliveries.collect::<Vec<_>>().chunks(DELIVERIES_MAX) {
            self.directory.put(deliveries.to_vec()).await?;
        }
        for (unit, patrol, _, status, _) in changed {
            let changed = StatusChanged { offset: 0, at: now, id: unit.record.id.clone(), patrol, status };
            self.rooms.set_status(patrol, status, Event::Status(changed)).await?;
        }
        Ok(())
    }
}

/// Whether it is silence that a status tells of.
fn is_silent(status: UnitStatus) -> bool {
    matches!(status, UnitStatus::Stale | UnitStatus::Offline)
}
