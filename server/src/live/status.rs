//! Stale and offline come from the server's clock: from when it last heard of a
//! unit, not from what the device says, and they are announced when they happen.

use super::told::Told;
use crate::{
    alerts::Alerts,
    clock::Clock,
    directory::{ActivePatrol, Directory, UnitEntry},
    ports::{AlertRecord, EngineError, Positions, Rooms},
    watch::{fences::Fences, rule_id},
    webhooks::enqueue,
};
use sentinel_model::{
    Location, PatrolId, ScopePath, Time, UnitId, UnitStatus,
    alerts::{Alert, AlertKind, AlertPlace},
    geofence::Geofence,
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
/// twice. An alert of silence is open while its unit is silent on that patrol, and no longer.
pub struct StatusWatch {
    pub clock: Clock,
    pub directory: Arc<Directory>,
    pub positions: Arc<dyn Positions>,
    pub rooms: Arc<dyn Rooms>,
    pub silence: Silence,
    pub alerts: Arc<Alerts>,
    pub fences: Arc<Fences>,
    /// Where the rooms end with this process.
    pub told: Option<Told>,
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
        // First of all: what somebody raises meanwhile is of a silence that is not seen here.
        let open = self.directory.open_alerts_that(|record| tells_of_silence(&record.alert));
        let now = self.clock.now();
        let mut told = self.rooms.statuses().await?;
        let units = self.directory.units(None, usize::MAX, |unit| unit.patrol.is_some());
        let ids: Vec<UnitId> = units.iter().map(|unit| unit.record.id.clone()).collect();
        let locations = self.positions.get_many(&ids).await?;
        let (mut changed, mut statuses) = (Vec::new(), Vec::with_capacity(units.len()));
        for (unit, location) in units.iter().zip(&locations) {
            let is_on_task = self.directory.is_on_task(&unit.record.id);
            let status = self.silence.status(unit, location.as_ref(), is_on_task, now);
            statuses.push(status);
            let Some(patrol) = unit.patrol else { continue };
            // One that is in no room yet is told when it joins.
            if let Some(before) = told.get(&patrol.id).filter(|told| **told != status) {
                let (heard, last) = (Silence::heard(patrol, location.as_ref()), location.as_ref());
                changed.push(Turn { unit, patrol: patrol.id, before: *before, status, heard, last });
            }
        }
        self.announce(&changed, now).await?;
        self.close_ended(&open, |unit| {
            let n = ids.binary_search(unit).ok()?;
            Some((units[n].patrol?, statuses[n]))
        })
        .await?;
        for Turn { unit, patrol, status, .. } in changed {
            let changed = StatusChanged { offset: 0, at: now, id: unit.record.id.clone(), patrol, status };
            self.rooms.set_status(patrol, status, Event::Status(changed)).await?;
            told.insert(patrol, status);
        }
        if let Some(memory) = &self.told {
            told.retain(|_, status| is_silent(*status));
            memory.note(told).await?;
        }
        Ok(())
    }

    /// Tells endpoints of those that fell silent or are heard of again, and raises alerts where rules
    /// or a fence ask for it.
    async fn announce(&self, changed: &[Turn<'_>], now: Time) -> Result<(), EngineError> {
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
        let raised: Vec<AlertRecord> =
            heard_changed.iter().filter_map(|turn| self.alert_of(turn, now)).collect();
        self.alerts.raise(&raised).await
    }

    /// Closes alerts of silence that has ended, also where whoever should have done so was killed.
    /// `on_patrol` knows the patrol and the status of each unit that has one.
    async fn close_ended(
        &self,
        open: &[Arc<AlertRecord>],
        on_patrol: impl Fn(&UnitId) -> Option<(ActivePatrol, UnitStatus)> + Send + Sync,
    ) -> Result<(), EngineError> {
        for end in End::ALL {
            let has_ended = |r: &&Arc<AlertRecord>| {
                End::of(&r.alert, on_patrol(&r.alert.unit_id)).is_some_and(|found| found == end)
            };
            let ended: Vec<AlertRecord> = open.iter().filter(has_ended).map(|r| (**r).clone()).collect();
            self.alerts.close_by_itself(&ended, end.note()).await?;
        }
        Ok(())
    }

    /// A fence around a place that asks for those who fall silent in it.
    fn silent_fence(&self, path: &ScopePath, place: Option<AlertPlace>) -> Option<Arc<Geofence>> {
        let AlertPlace { latitude, longitude, .. } = place?;
        let holds = |fence: &&Arc<Geofence>| {
            fence.on.silent && path.within(fence.scope) && fence.shape.contains(latitude, longitude)
        };
        self.fences.now().at(latitude, longitude).find(holds).cloned()
    }

    fn alert_of(&self, turn: &Turn<'_>, now: Time) -> Option<AlertRecord> {
        let (unit, path) = (turn.unit, turn.unit.path());
        let rules = self.directory.alert_rules(path.station()).map(|(_, rules)| rules).unwrap_or_default();
        let place = turn.last.map(|last| AlertPlace {
            latitude: last.latitude,
            longitude: last.longitude,
            time: last.time,
        });
        let (kind, asks, fence) = match turn.status {
            UnitStatus::Stale => (AlertKind::Stale, rules.stale, self.silent_fence(&path, place)),
            // It was told of where the fence is when it became stale, unless nobody was there.
            UnitStatus::Offline if turn.before == UnitStatus::Stale => {
                (AlertKind::Offline, rules.offline, None)
            }
            UnitStatus::Offline => (AlertKind::Offline, rules.offline, self.silent_fence(&path, place)),
            UnitStatus::Available | UnitStatus::OnTask | UnitStatus::OffDuty => return None,
        };
        if !asks && fence.is_none() {
            return None;
        }
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

/// Why an alert of silence is closed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Heard,
    /// Which has an alert of its own.
    Offline,
    OffDuty,
}

impl End {
    const ALL: [Self; 3] = [Self::Heard, Self::Offline, Self::OffDuty];

    /// None while the silence goes on. By when it began, not by the patrol's number: a patrol that
    /// is renewed goes on in the silence of the one before.
    fn of(alert: &Alert, on_patrol: Option<(ActivePatrol, UnitStatus)>) -> Option<Self> {
        match on_patrol {
            None => Some(Self::OffDuty),
            Some((patrol, _)) if alert.time < patrol.started_at => Some(Self::OffDuty),
            Some((_, UnitStatus::Offline)) => (alert.kind == AlertKind::Stale).then_some(Self::Offline),
            Some((_, UnitStatus::Stale)) => (alert.kind == AlertKind::Offline).then_some(Self::Heard),
            Some(_) => Some(Self::Heard),
        }
    }

    fn note(self) -> &'static str {
        match self {
            Self::Heard => "closed by itself: it is heard of again",
            Self::Offline => "closed by itself: it is offline by now",
            Self::OffDuty => "closed by itself: its patrol has ended",
        }
    }
}

fn tells_of_silence(alert: &Alert) -> bool {
    matches!(alert.kind, AlertKind::Stale | AlertKind::Offline)
}

/// Whether it is silence that a status tells of.
fn is_silent(status: UnitStatus) -> bool {
    matches!(status, UnitStatus::Stale | UnitStatus::Offline)
}
