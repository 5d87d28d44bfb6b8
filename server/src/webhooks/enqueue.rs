//! What is told to whom: deliveries, for the commit of what they tell or, where nothing is
//! committed, for one of their own before it is told to anybody.
//!
//! A delivery's id is made of what it tells and whom: whoever comes to tell the same again,
//! after a crash or beside another, tells nothing new. Where no endpoint wants an event,
//! nothing is made.

use crate::{
    auth::secret::{hex, random_id},
    directory::{Directory, UnitEntry},
    ports::{AlertRecord, Change, NewDelivery, TaskRecord, WebhookRecord},
};
use sentinel_model::{
    Patrol, PatrolId, Scope, ScopePath, Time, UnitId, UnitStatus,
    alerts::{Alert, AlertKind, AlertPlace},
    webhook::WebhookEvent,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The body of every delivery.
#[derive(Serialize)]
struct Body<T> {
    #[serde(rename = "type")]
    event: WebhookEvent,
    timestamp: Time,
    data: T,
}

/// A unit, its patrol, and where in the hierarchy.
#[derive(Serialize)]
struct OfUnit<'a, T> {
    unit_id: &'a UnitId,
    #[serde(skip_serializing_if = "Option::is_none")]
    patrol_id: Option<PatrolId>,
    station: Scope,
    division: Scope,
    zone: Scope,
    district: Scope,
    #[serde(flatten)]
    more: T,
}

#[derive(Serialize)]
struct OfPatrol {
    started_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Time>,
}

#[derive(Serialize)]
struct OfStatus {
    status: UnitStatus,
    /// When the unit was last heard of.
    heard_at: Time,
}

#[derive(Serialize)]
struct OfAlert<'a> {
    /// As live streams and the list of alerts have it.
    alert_id: &'a str,
    unit_name: &'a str,
    /// Where the unit was, or was last known to be.
    #[serde(flatten)]
    place: Option<Place>,
    /// Its name; of a device's own fence, the device's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fence: Option<&'a str>,
    /// None of a device's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    fence_id: Option<&'a str>,
    /// The device's clock.
    time: Time,
}

#[derive(Serialize)]
struct OfEscalation<'a> {
    kind: AlertKind,
    escalated_to: Scope,
    #[serde(flatten)]
    alert: OfAlert<'a>,
}

#[derive(Serialize)]
struct Place {
    latitude: f64,
    longitude: f64,
    /// When it was there.
    place_time: Time,
}

/// Something that happened to a unit.
struct Happened<'a> {
    event: WebhookEvent,
    at: Time,
    unit: &'a UnitId,
    /// None where the unit is off duty.
    patrol: Option<PatrolId>,
    path: ScopePath,
    /// Tells it from the same event at another time, and of others.
    mark: String,
}

/// The changes, with the deliveries that tell of the patrols among them.
pub fn with_deliveries(directory: &Directory, mut changes: Vec<Change>) -> Vec<Change> {
    let patrols = changes.iter().filter_map(|change| match change {
        Change::PutPatrol(patrol) => Some(patrol),
        _ => None,
    });
    let deliveries: Vec<Change> = patrols.flat_map(|patrol| of_patrol(directory, patrol)).collect();
    changes.extend(deliveries);
    changes
}

fn of_patrol(directory: &Directory, patrol: &Patrol) -> Vec<Change> {
    let Some(path) = directory.station_path(patrol.station.id) else { return Vec::new() };
    let (event, at) = match patrol.ended_at {
        None => (WebhookEvent::PatrolStarted, patrol.started_at),
        Some(ended) => (WebhookEvent::PatrolEnded, ended),
    };
    let mark = format!("{} {}", patrol.id, at.ms());
    let happened = Happened { event, at, unit: &patrol.unit_id, patrol: Some(patrol.id), path, mark };
    of(directory, &happened, OfPatrol { started_at: patrol.started_at, ended_at: patrol.ended_at })
}

/// That a unit on patrol fell silent, or is heard of again. `lasts_ms` is how long it lasts at
/// least until the same can happen to it again.
pub fn of_status(
    directory: &Directory,
    unit: &UnitEntry,
    status: UnitStatus,
    heard_at: Time,
    now: Time,
    lasts_ms: i64,
) -> Vec<Change> {
    let event = match status {
        UnitStatus::Stale => WebhookEvent::UnitStale,
        UnitStatus::Offline => WebhookEvent::UnitOffline,
        UnitStatus::Available | UnitStatus::OnTask => WebhookEvent::UnitAvailable,
        UnitStatus::OffDuty => return Vec::new(),
    };
    let Some(patrol) = unit.patrol else { return Vec::new() };
    let mark = match status {
        // It is heard of again and again, and two who look see it at different moments.
        UnitStatus::Available | UnitStatus::OnTask => heard_at.ms().div_euclid(lasts_ms.max(1)),
        _ => heard_at.ms(),
    };
    let mark = format!("{} {mark}", patrol.id);
    let id = &unit.record.id;
    let happened = Happened { event, at: now, unit: id, patrol: Some(patrol.id), path: patrol.path, mark };
    of(directory, &happened, OfStatus { status, heard_at })
}

/// That a unit calls for help, came to a fence, or whatever else an alert tells, on duty or not.
/// The same alert is told once, also where the unit has come on duty since.
pub fn of_alert(directory: &Directory, record: &AlertRecord) -> Vec<Change> {
    let alert = &record.alert;
    let happened = Happened { at: alert.at, ..about(record, WebhookEvent::of_alert(alert.kind)) };
    of(directory, &happened, told_of(alert))
}

/// That nobody has taken an alert, and it has gone up a level.
pub fn of_escalation(directory: &Directory, record: &AlertRecord) -> Vec<Change> {
    let alert = &record.alert;
    let Some(last) = alert.escalated.last() else { return Vec::new() };
    let happened = about(record, WebhookEvent::AlertEscalated);
    let mark = format!("{}/{}", alert.id, alert.escalated.len());
    let happened = Happened { at: last.at, mark, ..happened };
    let told = OfEscalation { kind: alert.kind, escalated_to: last.to, alert: told_of(alert) };
    of(directory, &happened, told)
}

fn about(AlertRecord { alert, path }: &AlertRecord, event: WebhookEvent) -> Happened<'_> {
    let mark = alert.id.clone();
    Happened { event, at: alert.at, unit: &alert.unit_id, patrol: alert.patrol_id, path: *path, mark }
}

fn told_of(alert: &Alert) -> OfAlert<'_> {
    let place = alert.place.map(|AlertPlace { latitude, longitude, time }| Place {
        latitude,
        longitude,
        place_time: time,
    });
    OfAlert {
        alert_id: &alert.id,
        unit_name: &alert.unit_name,
        place,
        fence: alert.fence.as_deref(),
        fence_id: alert.fence_id.as_deref(),
        time: alert.time,
    }
}

/// That a step was taken in a task: all of it, as it is then. For the endpoints of every scope that
/// sees it.
pub fn of_task(directory: &Directory, record: &TaskRecord) -> Vec<Change> {
    let task = &record.task;
    let event = if task.is_order() { WebhookEvent::OrderChanged } else { WebhookEvent::IncidentChanged };
    let wanting = directory.webhooks(|webhook| {
        webhook.enabled && webhook.events.has(event) && record.scopes.contains(&webhook.scope)
    });
    if wanting.is_empty() {
        return Vec::new();
    }
    let (at, mark) = (task.changed_at(), format!("{} {}", task.id, task.timeline.len()));
    let body = written(&Body { event, timestamp: at, data: task });
    let delivery = |webhook: &WebhookRecord| NewDelivery {
        id: id_of(&webhook.id, event, &mark),
        webhook: webhook.id.clone(),
        event,
        about: format!("task:{}", task.id),
        created_at: at,
        body: body.clone(),
    };
    wanting.iter().map(|webhook| Change::PutDelivery(delivery(webhook))).collect()
}

/// A try of one endpoint, whatever it wants.
pub fn ping(webhook: &WebhookRecord, now: Time) -> NewDelivery {
    #[derive(Serialize)]
    struct Ping<'a> {
        webhook_id: &'a str,
        scope: Scope,
    }
    let data = Ping { webhook_id: &webhook.id, scope: webhook.scope };
    let id = format!("msg_{}{}", random_id(), random_id());
    NewDelivery {
        about: id.clone(),
        id,
        webhook: webhook.id.clone(),
        event: WebhookEvent::Ping,
        created_at: now,
        body: written(&Body { event: WebhookEvent::Ping, timestamp: now, data }),
    }
}

fn of(directory: &Directory, happened: &Happened<'_>, more: impl Serialize) -> Vec<Change> {
    let Happened { event, at, unit, patrol, path, ref mark } = *happened;
    let wanting = directory
        .webhooks(|webhook| webhook.enabled && webhook.events.has(event) && path.within(webhook.scope));
    if wanting.is_empty() {
        return Vec::new();
    }
    let [district, zone, division, station] = path.scopes();
    let data = OfUnit { unit_id: unit, patrol_id: patrol, station, division, zone, district, more };
    let body = written(&Body { event, timestamp: at, data });
    let delivery = |webhook: &WebhookRecord| NewDelivery {
        id: id_of(&webhook.id, event, mark),
        webhook: webhook.id.clone(),
        event,
        about: unit.to_string(),
        created_at: at,
        body: body.clone(),
    };
    wanting.iter().map(|webhook| Change::PutDelivery(delivery(webhook))).collect()
}

fn id_of(webhook: &str, event: WebhookEvent, mark: &str) -> String {
    let told = Sha256::digest(format!("{webhook} {event} {mark}"));
    format!("msg_{}", hex(&told[..16]))
}

fn written(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("names, numbers and times write as JSON")
}
