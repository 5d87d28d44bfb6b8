//! A call for help is told at once to everybody whose scope holds the unit, and to the
//! endpoints that want it.
//!
//! Told before its request is answered, and refused with it where it cannot be told, or kept
//! for the endpoints: the device then sends it again, and what is stored already is not
//! stored twice. What is sent again although it was told is not told again.

use super::{Ingest, decode::SOS};
use crate::{
    auth::secret::Hash,
    directory::UnitEntry,
    ports::{EngineError, Receipt},
    webhooks::enqueue,
};
use sentinel_model::{
    Fix,
    alerts::{Alert, AlertKind, AlertPlace},
    live::{AlertEvent, Event},
};
use std::time::Duration;

/// Calls of one request that are told, the newest: a device that calls with every fix
/// of an hour has been heard by then.
const AT_ONCE_MAX: usize = 8;

/// How long telling may take.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

/// What was stored already when it came, and is older than this, is history that is sent
/// once more. Younger, it may have been stored by a process that ended before it told.
const STORED_AND_TOLD_MS: i64 = 3_600_000;

/// The calls for help among what a unit has posted, oldest first.
pub fn among(unit: &UnitEntry, fixes: &[Fix]) -> Vec<Alert> {
    let calls = fixes.iter().filter(|fix| fix.event.as_deref() == Some(SOS));
    let mut alerts: Vec<Alert> = calls.map(|fix| alert(unit, fix)).collect();
    alerts.sort_by_key(|alert| alert.time);
    alerts.drain(..alerts.len().saturating_sub(AT_ONCE_MAX));
    alerts
}

fn alert(unit: &UnitEntry, fix: &Fix) -> Alert {
    let id = &unit.record.id;
    let fix_id = format!("{id} {} {}", fix.time.ms(), fix.uuid.as_deref().unwrap_or_default());
    Alert {
        id: Hash::of(&fix_id).as_str()[..24].to_owned(),
        kind: AlertKind::Sos,
        unit_id: id.clone(),
        unit_name: unit.record.name.clone(),
        patrol_id: None,
        station: unit.path().station(),
        at: fix.received_at,
        time: fix.time,
        place: Some(AlertPlace { latitude: fix.latitude, longitude: fix.longitude, time: fix.time }),
        fence: None,
        acknowledged: None,
    }
}

impl Ingest {
    pub(super) async fn tell(&self, alerts: Vec<Alert>, receipt: Receipt) -> Result<(), EngineError> {
        let stored_before =
            |alert: &Alert| receipt.accepted == 0 && alert.at.ms_since(alert.time) > STORED_AND_TOLD_MS;
        for alert in alerts.into_iter().filter(|alert| !stored_before(alert)) {
            // As it is now: its first fix may just have started its patrol.
            let Some(unit) = self.directory.unit(&alert.unit_id) else { return Ok(()) };
            let (id, sos) =
                (alert.id.clone(), Alert { patrol_id: unit.patrol.map(|active| active.id), ..alert });
            tracing::warn!(unit = %sos.unit_id, alert = %id, "SOS");
            let path = unit.path();
            let deliveries = enqueue::of_sos(&self.directory, &sos, path);
            let scopes = path.scopes();
            // Side by side: who looks at a screen need not wait for the records, which may be away.
            let telling = async {
                tokio::join!(
                    self.bus.publish_once(
                        &id,
                        &scopes,
                        Event::Alert(AlertEvent { offset: 0, at: sos.at, alert: sos })
                    ),
                    self.directory.put(deliveries)
                )
            };
            let told = tokio::time::timeout(TOLD_WITHIN, telling).await;
            let (told, kept) = told.map_err(EngineError::during("telling of an SOS"))?;
            told?;
            kept?;
        }
        Ok(())
    }
}
