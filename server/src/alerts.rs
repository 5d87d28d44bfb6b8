//! Alerts, from when they are raised until somebody says that they have them.
//!
//! An alert is a record: committed with its deliveries, then told to the live streams of every
//! scope above its station, once. So whoever begins anew finds it among the open ones, and what
//! a process that was killed had committed and not told is told when the device sends it again.
//! Devices raise them ([`crate::ingest`]); the first who acknowledges one stays. What nobody
//! acknowledges is closed at last ([`Alerts::close_old`]), but for calls for help.

use crate::{
    audit,
    auth::Caller,
    clock::Clock,
    directory::Directory,
    ports::{AlertRecord, AlertsOf, Bus, Change, EngineError},
    webhooks::enqueue,
};
use futures::future::{join_all, try_join_all};
use sentinel_model::{
    Time,
    alerts::{Acknowledgement, Alert, AlertKind},
    live::{AlertEvent, Event},
};
use std::{sync::Arc, time::Duration};

/// Alerts that are told at the same time.
const TOLD_AT_ONCE: usize = 16;

/// How long an alert that is no call for help waits for somebody: calls, which wait until somebody
/// has them, are not to drown in others.
const OPEN_MS: i64 = 24 * 3_600_000;

/// Alerts that are closed by one commit.
const CLOSED_AT_ONCE: usize = 200;

/// Longer than anybody takes between keeping an alert and telling of it.
const TOLD_BY_NOW_MS: i64 = 60_000;

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
        let found = std::slice::from_ref(&found);
        if let Some(after) = self.acknowledge_all(caller, found, note).await?.pop() {
            return Ok(after);
        }
        // Somebody was faster.
        let now = self.directory.registry().alerts_by_id(&[found[0].alert.id.clone()]).await?.pop();
        Ok(now.unwrap_or_else(|| found[0].clone()))
    }

    /// Has the caller acknowledge those that are open, by one commit; answers these.
    pub async fn acknowledge_all(
        &self,
        caller: &Caller,
        found: &[AlertRecord],
        note: &str,
    ) -> Result<Vec<AlertRecord>, EngineError> {
        let name = match caller {
            Caller::User(user) => user.record().name.clone(),
            Caller::Key(key) => key.record().name.clone(),
            Caller::Unit(unit) => unit.id().to_string(),
        };
        let by =
            Acknowledgement { at: self.clock.now(), by: caller.to_string(), name, note: note.to_owned() };
        let account = |Alert { id, kind, unit_id, station, .. }: &Alert| {
            let detail = Some(format!("{} of {unit_id}", kind.as_str()));
            Some(audit::entry(&self.clock, caller, "alert_acknowledged", id, *station, detail))
        };
        self.close(found, &by, account).await
    }

    /// Closes what waits for nobody any more: all but calls for help after a day, and whatever is
    /// older than `kept`.
    pub async fn close_old(&self, kept: Option<Duration>) -> Result<(), EngineError> {
        let now = self.clock.now();
        let kept = kept.map(|kept| now.plus_ms(-i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)));
        let (by, note) = ("sentinel".to_owned(), "closed by itself: nobody took it in time".to_owned());
        let by = Acknowledgement { at: now, name: "Sentinel".into(), by, note };
        for kind in AlertKind::ALL {
            let a_day_ago = (kind != AlertKind::Sos).then(|| now.plus_ms(-OPEN_MS));
            let Some(before) = a_day_ago.max(kept) else { continue };
            let of = AlertsOf { is_open: Some(true), kind: Some(kind), ..AlertsOf::default() };
            loop {
                let behind = Some((before, String::new()));
                let some = self.directory.registry().alerts(&of, behind, CLOSED_AT_ONCE).await?;
                if self.close(&some, &by, |_| None).await?.is_empty() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Acknowledges those that are open, by one commit, and tells so.
    async fn close(
        &self,
        found: &[AlertRecord],
        by: &Acknowledgement,
        account: impl Fn(&Alert) -> Option<Change>,
    ) -> Result<Vec<AlertRecord>, EngineError> {
        let closed = self
            .directory
            .change(|| {
                let is_open =
                    |r: &&AlertRecord| r.alert.is_open() && !self.directory.is_acknowledged(&r.alert.id);
                let close = |found: &AlertRecord| {
                    let held = self.directory.open_alert(&found.alert.id);
                    let before = held.map_or_else(|| found.clone(), |held| (*held).clone());
                    let alert = Alert { acknowledged: Some(by.clone()), ..before.alert.clone() };
                    (AlertRecord { alert, path: before.path }, before)
                };
                let closed: Vec<_> = found.iter().filter(is_open).map(close).collect();
                let changes = closed.iter().flat_map(|(after, _)| {
                    std::iter::once(Change::PutAlert(after.clone())).chain(account(&after.alert))
                });
                Ok::<_, EngineError>((changes.collect(), closed))
            })
            .await?;
        for some in closed.chunks(TOLD_AT_ONCE) {
            join_all(some.iter().map(|(after, before)| self.tell_end(before, after))).await;
        }
        Ok(closed.into_iter().map(|(after, _)| after).collect())
    }

    async fn tell_end(&self, before: &AlertRecord, after: &AlertRecord) {
        let at = after.alert.acknowledged.as_ref().map_or(after.alert.at, |by| by.at);
        let told = async {
            // Whoever raised it may not have told yet: nobody is to hear of its beginning after its
            // end.
            if at.ms_since(before.alert.at) < TOLD_BY_NOW_MS {
                self.tell_one(before).await?;
            }
            self.bus.publish_event(&after.path.scopes(), event(at, after.alert.clone())).await
        };
        if let Err(error) = told.await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, alert = after.alert.id, "that an alert is acknowledged could not be told");
        }
    }
}

fn event(at: Time, alert: Alert) -> Event {
    Event::Alert(AlertEvent { offset: 0, at, alert })
}
