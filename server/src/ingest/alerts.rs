//! Calls for help, and the fences of devices, become alerts: told at once to everybody whose
//! scope holds the unit, and to the endpoints that want it ([`crate::alerts`]).
//!
//! A call for help is told before its request is answered, and refused with it where it cannot
//! be told or kept: the device then sends it again, and what is stored already is not stored
//! twice. Where its positions are refused, as the disk is full or the unit posts too fast, it is
//! told nevertheless. An alert's id is made of what the device said, so that what is sent again
//! is the same alert. Fences are nobody's life: they neither fail a request nor hold it up, and a
//! device that tells of them without end is heard [`FENCES_AN_HOUR`] times an hour.

use super::{
    Ingest, SHOWN_WITHIN,
    decode::{Call, alert_of},
    finish::even_if_given_up,
    is_nowhere,
};
use crate::{
    auth::secret::Hash,
    ports::{AlertRecord, EngineError},
};
use dashmap::DashMap;
use sentinel_model::{
    Fix, Time, UnitId,
    alerts::{Alert, AlertKind, AlertPlace},
};
use std::{
    collections::{HashMap, HashSet},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::time::timeout;

/// How long telling may take.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

/// How long screens wait for the records where those are elsewhere and may be away: after it a
/// call for help is on them before it is kept.
const SCREENS_WAIT: Duration = Duration::from_secs(1);

/// Changes of one commit: a document of MongoDB holds 16 MB.
const COMMIT: usize = 2_000;

/// Alerts of fences that one unit raises in an hour, at each node.
pub const FENCES_AN_HOUR: u32 = 60;
const HOUR_MS: i64 = 3_600_000;
/// Units beyond which those are forgotten whose hour is over, and how often at most.
const COUNTED_MAX: usize = 100_000;
const TIDIED_EVERY_MS: i64 = 60_000;

/// What a device said has happened, where it asks for somebody's attention.
#[derive(Debug, Clone, PartialEq)]
pub struct Raised {
    id: String,
    kind: AlertKind,
    at: Time,
    time: Time,
    place: Option<AlertPlace>,
    fence: Option<String>,
}

impl Raised {
    fn of(unit: &UnitId, at: Time, time: Time, uuid: &str, event: &str) -> Option<Self> {
        let (kind, fence) = alert_of(event)?;
        let id = Hash::of(&format!("{unit} {} {uuid}", time.ms())).as_str()[..24].to_owned();
        Some(Self { id, kind, at, time, place: None, fence })
    }
}

/// What asks for attention among what a unit has posted, oldest first.
pub fn among(unit: &UnitId, fixes: &[Fix], calls: &[Call], now: Time) -> Vec<Raised> {
    let of_fix = |fix: &Fix| {
        let uuid = fix.uuid.as_deref().unwrap_or_default();
        let place = AlertPlace { latitude: fix.latitude, longitude: fix.longitude, time: fix.time };
        let raised = Raised::of(unit, fix.received_at, fix.time, uuid, fix.event.as_deref()?)?;
        Some(Raised { place: (!is_nowhere(fix)).then_some(place), ..raised })
    };
    let without_place =
        calls.iter().filter_map(|call| Raised::of(unit, now, call.time, &call.uuid, &call.event));
    let mut raised: Vec<Raised> = fixes.iter().filter_map(of_fix).chain(without_place).collect();
    raised.sort_by_key(|raised| raised.time);
    raised
}

/// How many alerts of fences each unit has raised in the hour that it began.
#[derive(Default)]
pub struct Fences {
    raised: DashMap<UnitId, (Time, u32)>,
    tidied: AtomicI64,
}

impl Fences {
    fn take(&self, unit: &UnitId, now: Time) -> bool {
        // All of them are looked at for that: seldom, however many there are.
        let tidied = Time(self.tidied.load(Ordering::Relaxed));
        if self.raised.len() >= COUNTED_MAX && now.ms_since(tidied) >= TIDIED_EVERY_MS {
            self.tidied.store(now.ms(), Ordering::Relaxed);
            self.raised.retain(|_, (began, _)| now.ms_since(*began) < HOUR_MS);
        }
        let mut counted = self.raised.entry(unit.clone()).or_insert((now, 0));
        if now.ms_since(counted.0) >= HOUR_MS {
            *counted = (now, 0);
        }
        counted.1 = counted.1.saturating_add(1);
        counted.1 <= FENCES_AN_HOUR
    }
}

impl Ingest {
    /// Raises what a unit has posted. Fails only where a call for help is among it.
    pub(super) async fn raise(
        self: &Arc<Self>,
        unit: &UnitId,
        raised: Vec<Raised>,
    ) -> Result<(), EngineError> {
        if raised.is_empty() {
            return Ok(());
        }
        let has_sos = raised.iter().any(|raised| raised.kind == AlertKind::Sos);
        let (ingest, unit) = (self.clone(), unit.clone());
        let telling = async move { ingest.raise_all(&unit, raised).await };
        if has_sos {
            return telling.await;
        }
        let telling = async move {
            if let Err(error) = telling.await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "what a device said of its fences could not be told");
            }
        };
        timeout(SHOWN_WITHIN, even_if_given_up(telling)).await.ok();
        Ok(())
    }

    /// Tells the calls for help of what was refused, the newest first where there are more than a
    /// unit may make so. The answer stays the refusal.
    pub(super) async fn raise_though_refused(self: &Arc<Self>, unit: &UnitId, raised: Vec<Raised>) {
        let calls = raised.into_iter().rev().filter(|raised| raised.kind == AlertKind::Sos);
        let mut calls: Vec<Raised> = calls.take_while(|_| self.limits.may_call(unit)).collect();
        calls.reverse();
        if let Err(error) = self.raise(unit, calls).await {
            let error: &dyn std::error::Error = &error;
            tracing::error!(%unit, error, "an SOS came with positions that were refused, and could not be told");
        }
    }

    async fn raise_all(&self, unit: &UnitId, raised: Vec<Raised>) -> Result<(), EngineError> {
        let each = 1 + self.directory.webhooks(|webhook| webhook.enabled).len();
        for some in raised.chunks((COMMIT / each).max(1)) {
            // As it is now: its first fix may just have started its patrol.
            let records = self.records_of(unit, some).await;
            self.raise_some(&records).await?;
        }
        Ok(())
    }

    async fn raise_some(&self, records: &[AlertRecord]) -> Result<(), EngineError> {
        let mut keeping = pin!(timeout(TOLD_WITHIN, self.keep(records)));
        let patience = if self.directory.is_shared() { SCREENS_WAIT } else { TOLD_WITHIN };
        let kept = match timeout(patience, &mut keeping).await {
            Ok(kept) => kept,
            Err(_) => {
                self.cry_out(records).await?;
                keeping.await
            }
        };
        match kept.map_err(EngineError::during("keeping an alert")).flatten() {
            Ok(to_tell) => self.tell_in_time(&to_tell).await,
            Err(error) => {
                self.cry_out(records).await?;
                Err(error)
            }
        }
    }

    /// Calls for help are for every eye, kept or not.
    async fn cry_out(&self, records: &[AlertRecord]) -> Result<(), EngineError> {
        let calls = records.iter().filter(|record| record.alert.kind == AlertKind::Sos);
        self.tell_in_time(&calls.cloned().collect::<Vec<_>>()).await
    }

    async fn tell_in_time(&self, records: &[AlertRecord]) -> Result<(), EngineError> {
        let told = timeout(TOLD_WITHIN, self.alerts.tell(records)).await;
        told.map_err(EngineError::during("telling of an alert"))?
    }

    /// Keeps those that there are not yet; answers them, and those that are kept and that
    /// nobody may have been told of.
    async fn keep(&self, records: &[AlertRecord]) -> Result<Vec<AlertRecord>, EngineError> {
        let ids: Vec<String> = records.iter().map(|record| record.alert.id.clone()).collect();
        let registry = self.directory.registry();
        let known: HashMap<String, AlertRecord> = registry
            .alerts_by_id(&ids)
            .await?
            .into_iter()
            .map(|record| (record.alert.id.clone(), record))
            .collect();
        let (mut new, mut seen) = (Vec::new(), HashSet::new());
        for record in records {
            let AlertRecord { alert, .. } = record;
            let is_new = !known.contains_key(&alert.id) && seen.insert(&alert.id);
            if is_new && (alert.kind == AlertKind::Sos || self.may_tell_of_fence(&alert.unit_id)) {
                new.push(record.clone());
            }
        }
        for AlertRecord { alert, .. } in self.alerts.keep(&new).await? {
            tracing::warn!(unit = %alert.unit_id, alert = alert.id, kind = alert.kind.as_str(), "an alert");
        }
        // Also those that another request, or node, was faster with.
        let open = new.iter().filter_map(|record| self.directory.open_alert(&record.alert.id));
        let mut to_tell: Vec<AlertRecord> = open.map(|record| (*record).clone()).collect();
        // Where this process has the only streams, those of before it began ended with it.
        let may_be_untold = |record: &AlertRecord| {
            record.alert.is_open() && (self.directory.is_shared() || record.alert.at >= self.began)
        };
        to_tell.extend(known.into_values().filter(may_be_untold));
        to_tell.sort_by_key(|record| record.alert.time);
        Ok(to_tell)
    }

    fn may_tell_of_fence(&self, unit: &UnitId) -> bool {
        let may = self.fences.take(unit, self.clock.now());
        if !may {
            self.counts.fences_untold.fetch_add(1, Ordering::Relaxed);
        }
        may
    }

    /// With who the unit is and where it was last known to be.
    async fn records_of(&self, id: &UnitId, raised: &[Raised]) -> Vec<AlertRecord> {
        let Some(unit) = self.directory.unit(id) else { return Vec::new() };
        let last =
            if raised.iter().any(|raised| raised.place.is_none()) { self.last_place(id).await } else { None };
        let record = |raised: &Raised| {
            let Raised { id: alert, kind, at, time, place, fence } = raised.clone();
            let path = unit.path();
            let alert = Alert {
                id: alert,
                kind,
                unit_id: id.clone(),
                unit_name: unit.record.name.clone(),
                patrol_id: unit.patrol.map(|active| active.id),
                station: path.station(),
                at,
                time,
                place: place.or(last),
                fence,
                acknowledged: None,
                fence_id: None,
                escalated: Vec::new(),
            };
            AlertRecord { alert, path }
        };
        raised.iter().map(record).collect()
    }

    async fn last_place(&self, unit: &UnitId) -> Option<AlertPlace> {
        match timeout(SCREENS_WAIT, self.positions.get(unit)).await {
            Ok(Ok(last)) => last.map(|last| AlertPlace {
                latitude: last.latitude,
                longitude: last.longitude,
                time: last.time,
            }),
            // A call for help without a place is better than none.
            _ => None,
        }
    }
}
