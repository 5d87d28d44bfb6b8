//! Stale and offline come from the server's clock: from when it last heard of a
//! unit, not from what the device says, and they are announced when they happen.

use crate::{
    alerts::Alerts,
    clock::Clock,
    directory::{ActivePatrol, Directory, UnitEntry},
    ports::{AlertRecord, EngineError, Positions, Rooms},
    watch::{fences::Fences, rule_id},
    webhooks::enqueue,
};
use sentinel_model::{
    Location, PatrolId, Time, UnitId, UnitStatus,
    alerts::{Alert, AlertKind, AlertPlace},
    geofence::Geofence,
    live::{Event, StatusChanged},
};
use std::{collections::HashSet, sync::Arc, time::Duration};
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
    pub alerts: Arc<Alerts>,
    pub fences: Arc<Fences>,
    pub every: Duration,
}

/// A unit whose status is to be told anew.
struct Turn<'a> {
    unit: &'a UnitEntry,
    patrol: PatrolId,
    before: UnitStatus,
    status: UnitStatus,
    heard: Time,
    last: Option<&'a Location>,
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
                let (heard, last) = (Silence::heard(patrol, location.as_ref()), location.as_ref());
                changed.push(Turn { unit, patrol: patrol.id, before: *before, status, heard, last });
            }
        }
        // On disk before anybody is told: who ends in between comes to tell the same again.
        let lasts_ms = i64::try_from(self.silence.stale_after.as_millis()).unwrap_or(i64::MAX);
        let heard_changed: Vec<&Turn<'_>> =
            changed.iter().filter(|turn| is_silent(turn.before) || is_silent(turn.status)).collect();
        let deliveries = heard_changed.iter().flat_map(|turn| {
            enqueue::of_status(&self.directory, turn.unit, turn.status, turn.heard, now, lasts_ms)
        });
        for deliveries in deliveries.collect::<Vec<_>>().chunks(DELIVERIES_MAX) {
            self.directory.put(deliveries.to_vec()).await?;
        }
        self.raise(&heard_changed, now).await?;
        for Turn { unit, patrol, status, .. } in changed {
            let changed = StatusChanged { offset: 0, at: now, id: unit.record.id.clone(), patrol, status };
            self.rooms.set_status(patrol, status, Event::Status(changed)).await?;
        }
        Ok(())
    }

    /// Raises alerts of units that fell silent, where rules or a fence ask for it, and closes those
    /// of units that are heard of again.
    async fn raise(&self, turns: &[&Turn<'_>], now: Time) -> Result<(), EngineError> {
        let raised: Vec<AlertRecord> = turns.iter().filter_map(|turn| self.alert_of(turn, now)).collect();
        if !raised.is_empty() {
            // Told before, by who ended then, is kept before.
            let ids: Vec<String> = raised.iter().map(|record| record.alert.id.clone()).collect();
            let known = self.directory.registry().alerts_by_id(&ids).await?;
            let is_new = |r: &&AlertRecord| !known.iter().any(|known| known.alert.id == r.alert.id);
            let new: Vec<AlertRecord> = raised.iter().filter(is_new).cloned().collect();
            self.alerts.keep(&new).await?;
            self.alerts.tell(&new).await?;
        }
        let units = |pick: fn(&Turn<'_>) -> bool| -> HashSet<&UnitId> {
            turns.iter().filter(|turn| pick(turn)).map(|turn| &turn.unit.record.id).collect()
        };
        let heard = units(|turn| !is_silent(turn.status));
        let gone = units(|turn| turn.status == UnitStatus::Offline);
        if !heard.is_empty() {
            let kinds = [AlertKind::Stale, AlertKind::Offline];
            self.alerts.close_of(&heard, &kinds, "closed by itself: it is heard of again").await?;
        }
        if !gone.is_empty() {
            self.alerts
                .close_of(&gone, &[AlertKind::Stale], "closed by itself: it is offline by now")
                .await?;
        }
        Ok(())
    }

    fn alert_of(&self, turn: &Turn<'_>, now: Time) -> Option<AlertRecord> {
        let (unit, path) = (turn.unit, turn.unit.path());
        let rules = self.directory.alert_rules(path.station()).map(|(_, rules)| rules).unwrap_or_default();
        let place = turn.last.map(|last| AlertPlace {
            latitude: last.latitude,
            longitude: last.longitude,
            time: last.time,
        });
        let (kind, fence) = match turn.status {
            UnitStatus::Stale => {
                let index = self.fences.now();
                let mut at = place.iter().flat_map(|place| index.at(place.latitude, place.longitude));
                let holds = |fence: &&Arc<Geofence>| {
                    fence.on.silent
                        && path.within(fence.scope)
                        && place.is_some_and(|place| fence.shape.contains(place.latitude, place.longitude))
                };
                let fence = at.find(holds).cloned();
                (rules.stale || fence.is_some()).then_some((AlertKind::Stale, fence))?
            }
            UnitStatus::Offline => rules.offline.then_some((AlertKind::Offline, None))?,
            UnitStatus::Available | UnitStatus::OnTask | UnitStatus::OffDuty => return None,
        };
        let alert = Alert {
            id: rule_id(&unit.record.id, kind, turn.heard),
            kind,
            unit_id: unit.record.id.clone(),
            unit_name: unit.record.name.clone(),
            patrol_id: Some(turn.patrol),
            station: path.station(),
            at: now,
            time: turn.heard,
            place,
            fence: fence.as_ref().map(|fence| fence.name.clone()),
            fence_id: fence.as_ref().map(|fence| fence.id.clone()),
            acknowledged: None,
            escalated: Vec::new(),
        };
        Some(AlertRecord { alert, path })
    }
}

/// Whether it is silence that a status tells of.
fn is_silent(status: UnitStatus) -> bool {
    matches!(status, UnitStatus::Stale | UnitStatus::Offline)
}
