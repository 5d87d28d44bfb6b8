//! Alerts, from when they are raised until somebody says that they have them.
//!
//! An alert is a record: committed with its deliveries, then told to the live streams of every
//! scope above its station, once. So whoever begins anew finds it among the open ones, and what
//! a process that was killed had committed and not told is told when the device sends it again.
//! Devices raise them ([`crate::ingest`]), and who watches units ([`crate::watch`],
//! [`crate::live::status`]); the first who acknowledges one stays. What nobody acknowledges goes up
//! the hierarchy ([`Alerts::escalate`]), and is closed at last ([`Alerts::close_old`]), but for
//! calls for help.

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
    Scope, Time,
    alerts::{Acknowledgement, Alert, AlertKind, Escalation},
    live::{AlertEvent, Event},
};
use std::{sync::Arc, time::Duration};

/// Alerts that are told at the same time.
const TOLD_AT_ONCE: usize = 16;

/// How long an alert that is no call for help waits for somebody: calls, which wait until somebody
/// has them, are not to drown in others.
const OPEN_MS: i64 = 24 * 3_600_000;

/// Alerts of one commit, which a document of MongoDB holds with their deliveries.
const RAISED_AT_ONCE: usize = 100;

/// Alerts that are closed by one commit.
const CLOSED_AT_ONCE: usize = 200;

/// After how long a call for help that nobody has taken goes up one level, where the rules of its
/// station say nothing.
const SOS_ESCALATES_AFTER_S: u32 = 120;

/// How often an alert goes up: it begins at a station.
const LEVELS: usize = 3;

/// Alerts that go up by one commit.
const ESCALATED_AT_ONCE: usize = 200;

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

    /// Keeps those that are not kept yet, and tells of all of them that are open: also of those that
    /// somebody kept who ended before telling.
    pub async fn raise(&self, records: &[AlertRecord]) -> Result<(), EngineError> {
        for some in records.chunks(RAISED_AT_ONCE) {
            let ids: Vec<String> = some.iter().map(|record| record.alert.id.clone()).collect();
            let known = self.directory.registry().alerts_by_id(&ids).await?;
            let is_new = |r: &&AlertRecord| !known.iter().any(|known| known.alert.id == r.alert.id);
            let new: Vec<AlertRecord> = some.iter().filter(is_new).cloned().collect();
            self.keep(&new).await?;
            // Who kept them may have been another, of whom this process has not read yet.
            let is_open = |r: &AlertRecord| r.alert.is_open() && !self.directory.is_acknowledged(&r.alert.id);
            let kept = new.iter().filter_map(|record| self.directory.open_alert(&record.alert.id));
            let kept = kept.map(|record| (*record).clone());
            self.tell(&known.into_iter().filter(is_open).chain(kept).collect::<Vec<_>>()).await?;
        }
        Ok(())
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
        let by = self.by_itself("closed by itself: nobody took it in time");
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

    /// Takes alerts that nobody has taken one level up: to the division of their station, its zone,
    /// at last its district, each after the time that the rules of the station say.
    pub async fn escalate(&self) -> Result<(), EngineError> {
        let now = self.clock.now();
        let mut due = self.directory.open_alerts_that(|record| record.alert.escalated.len() < LEVELS);
        due.retain(|record| self.goes_up(record, now).is_some());
        for some in due.chunks(ESCALATED_AT_ONCE) {
            let taken = self
                .directory
                .change(|| {
                    let held = some.iter().filter_map(|record| self.directory.open_alert(&record.alert.id));
                    let up = |held: Arc<AlertRecord>| {
                        let to = self.goes_up(&held, now)?;
                        let mut record = (*held).clone();
                        record.alert.escalated.push(Escalation { at: now, to });
                        Some(record)
                    };
                    let taken: Vec<AlertRecord> = held.filter_map(up).collect();
                    let changes = taken.iter().flat_map(|record| {
                        let deliveries = enqueue::of_escalation(&self.directory, record);
                        std::iter::once(Change::PutAlert(record.clone())).chain(deliveries)
                    });
                    Ok::<_, EngineError>((changes.collect(), taken))
                })
                .await?;
            for record in &taken {
                let alert = &record.alert;
                tracing::warn!(alert = alert.id, unit = %alert.unit_id, kind = alert.kind.as_str(), "nobody has taken an alert: it goes up");
            }
        }
        // Who ended between keeping and telling told nobody.
        let is_fresh = |record: &AlertRecord| {
            record.alert.escalated.last().is_some_and(|last| now.ms_since(last.at) < TOLD_BY_NOW_MS)
        };
        for record in self.directory.open_alerts_that(is_fresh) {
            let AlertRecord { alert, path } = &*record;
            let told = format!("{}/{}", alert.id, alert.escalated.len());
            self.bus.publish_once(&told, &path.scopes(), event(now, alert.clone())).await?;
        }
        Ok(())
    }

    /// Where an alert goes to next, if it is time.
    fn goes_up(&self, AlertRecord { alert, path }: &AlertRecord, now: Time) -> Option<Scope> {
        let rules = self.directory.alert_rules(alert.station);
        let asked = rules.and_then(|(_, rules)| rules.escalate_after_s);
        let after_s = asked.or((alert.kind == AlertKind::Sos).then_some(SOS_ESCALATES_AFTER_S))?;
        let since = alert.escalated.last().map_or(alert.at, |last| last.at);
        let [district, zone, division, _] = path.scopes();
        let to = [division, zone, district].get(alert.escalated.len()).copied()?;
        (alert.is_open() && now.ms_since(since) >= i64::from(after_s) * 1000).then_some(to)
    }

    /// Closes those that are open, as there is no reason for them any more.
    pub async fn close_by_itself(&self, found: &[AlertRecord], note: &str) -> Result<(), EngineError> {
        let by = self.by_itself(note);
        for some in found.chunks(CLOSED_AT_ONCE) {
            self.close(some, &by, |_| None).await?;
        }
        Ok(())
    }

    fn by_itself(&self, note: &str) -> Acknowledgement {
        let (by, name) = ("sentinel".to_owned(), "Sentinel".to_owned());
        Acknowledgement { at: self.clock.now(), by, name, note: note.to_owned() }
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
    Event::Alert(AlertEvent { offset: 0, at, alert: Box::new(alert) })
}
