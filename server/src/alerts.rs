//! Alerts, from when they are raised until somebody says that they have them.
//!
//! An alert is a record: committed with its deliveries, then told to the live streams of every
//! scope above its station, once. So whoever begins anew finds it among the open ones, and what
//! a process that was killed had committed and not told is told when the device sends it again.
//! Devices raise them ([`crate::ingest`]); the first who acknowledges one stays.

use crate::{
    audit,
    auth::Caller,
    clock::Clock,
    directory::Directory,
    ports::{AlertRecord, Bus, Change, EngineError},
    webhooks::enqueue,
};
use futures::future::try_join_all;
use sentinel_model::{
    Time,
    alerts::{Acknowledgement, Alert},
    live::{AlertEvent, Event},
};
use std::sync::Arc;

/// Alerts that are told at the same time.
const TOLD_AT_ONCE: usize = 16;

pub struct Alerts {
    pub clock: Clock,
    pub directory: Arc<Directory>,
    pub bus: Arc<dyn Bus>,
}

impl Alerts {
    /// Commits those that there are not yet, with their deliveries; answers them. None of
    /// `records` may be one that was acknowledged, but for a moment ago.
    pub async fn keep(&self, records: &[AlertRecord]) -> Result<Vec<AlertRecord>, EngineError> {
        self.directory
            .change(|| {
                let is_new =
                    |id: &str| self.directory.open_alert(id).is_none() && !self.directory.is_acknowledged(id);
                let new: Vec<_> = records.iter().filter(|r| is_new(&r.alert.id)).cloned().collect();
                let changes = new.iter().flat_map(|record| {
                    let deliveries = enqueue::of_alert(&self.directory, record);
                    std::iter::once(Change::PutAlert(record.clone())).chain(deliveries)
                });
                Ok((changes.collect(), new))
            })
            .await
    }

    /// Tells streams that they were raised, each once.
    pub async fn tell(&self, records: &[AlertRecord]) -> Result<(), EngineError> {
        for some in records.chunks(TOLD_AT_ONCE) {
            try_join_all(some.iter().map(|record| self.tell_one(record))).await?;
        }
        Ok(())
    }

    async fn tell_one(&self, record: &AlertRecord) -> Result<(), EngineError> {
        let event = event(record.alert.at, record.alert.clone());
        self.bus.publish_once(&record.alert.id, &record.path.scopes(), event).await.map(drop)
    }

    /// The alert of that id, acknowledged or not.
    pub async fn one(&self, id: &str) -> Result<Option<AlertRecord>, EngineError> {
        if let Some(open) = self.directory.open_alert(id) {
            return Ok(Some((*open).clone()));
        }
        Ok(self.directory.registry().alerts_by_id(&[id.to_owned()]).await?.pop())
    }

    /// Has the caller acknowledge an alert; answers it as it then is. One that was acknowledged
    /// before stays as it was.
    pub async fn acknowledge(
        &self,
        caller: &Caller,
        found: AlertRecord,
        note: &str,
    ) -> Result<AlertRecord, EngineError> {
        let id = found.alert.id.clone();
        let at = self.clock.now();
        let name = match caller {
            Caller::User(user) => user.record().name.clone(),
            Caller::Key(key) => key.record().name.clone(),
            Caller::Unit(unit) => unit.id().to_string(),
        };
        let by = Acknowledgement { at, by: caller.to_string(), name, note: note.to_owned() };
        let acknowledged = self
            .directory
            .change(|| {
                if self.directory.is_acknowledged(&id) || !found.alert.is_open() {
                    return Ok::<_, EngineError>((Vec::new(), None));
                }
                let before = self.directory.open_alert(&id).map_or_else(|| found.clone(), |r| (*r).clone());
                let alert = Alert { acknowledged: Some(by.clone()), ..before.alert.clone() };
                let after = AlertRecord { alert, path: before.path };
                let (unit, station) = (&after.alert.unit_id, after.alert.station);
                let detail = Some(format!("{} of {unit}", after.alert.kind.as_str()));
                let told = audit::entry(&self.clock, caller, "alert_acknowledged", &id, station, detail);
                Ok((vec![Change::PutAlert(after.clone()), told], Some((before, after))))
            })
            .await?;
        let Some((before, after)) = acknowledged else {
            // Somebody was faster.
            let now = self.directory.registry().alerts_by_id(&[id]).await?.pop();
            return Ok(now.unwrap_or(found));
        };
        // Whoever raised it may not have told yet: nobody is to hear of its beginning after its end.
        let told = async {
            self.tell_one(&before).await?;
            self.bus.publish_event(&after.path.scopes(), event(at, after.alert.clone())).await
        };
        if let Err(error) = told.await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, alert = after.alert.id, "that an alert is acknowledged could not be told");
        }
        Ok(after)
    }
}

fn event(at: Time, alert: Alert) -> Event {
    Event::Alert(AlertEvent { offset: 0, at, alert })
}
