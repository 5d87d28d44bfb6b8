//! What is told to whom: deliveries, for the commit of what they tell or, where nothing is
//! committed, for one of their own before it is told to anybody.
//!
//! A delivery's id is made of what it tells and whom: whoever comes to tell the same again,
//! after a crash or beside another, tells nothing new. Where no endpoint wants an event,
//! nothing is made.

use crate::{
    auth::secret::{hex, random_id},
    directory::{Directory, UnitEntry},
    ports::{Change, NewDelivery, WebhookRecord},
};
use sentinel_model::{Patrol, PatrolId, Scope, ScopePath, Time, UnitId, UnitStatus, webhook::WebhookEvent};
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

/// A unit on patrol, and where in the hierarchy.
#[derive(Serialize)]
struct OnPatrol<'a, T> {
    unit_id: &'a UnitId,
    patrol_id: PatrolId,
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

/// Something that happened to a unit on patrol.
struct Happened<'a> {
    event: WebhookEvent,
    at: Time,
    unit: &'a UnitId,
    patrol: PatrolId,
    path: ScopePath,
    /// Tells it from the same event of the same patrol at another time.
    mark: i64,
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
    let happened = Happened { event, at, unit: &patrol.unit_id, patrol: patrol.id, path, mark: at.ms() };
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
        UnitStatus::Available => WebhookEvent::UnitAvailable,
        UnitStatus::OnTask | UnitStatus::OffDuty => return Vec::new(),
    };
    let Some(patrol) = unit.patrol else { return Vec::new() };
    let mark = match status {
        // It is heard of again and again, and two who look see it at different moments.
        UnitStatus::Available => heard_at.ms().div_euclid(lasts_ms.max(1)),
        _ => heard_at.ms(),
    };
    let id = &unit.record.id;
    let happened = Happened { event, at: now, unit: id, patrol: patrol.id, path: patrol.path, mark };
    of(directory, &happened, OfStatus { status, heard_at })
}

/// That a unit on patrol calls for help: for the commit of the alert, of which `mark` is the
/// number or time, with what there is to say of it.
pub fn of_sos(
    directory: &Directory,
    unit: &UnitId,
    patrol: PatrolId,
    path: ScopePath,
    at: Time,
    mark: i64,
    more: impl Serialize,
) -> Vec<Change> {
    of(directory, &Happened { event: WebhookEvent::AlertSos, at, unit, patrol, path, mark }, more)
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
    let Happened { event, at, unit, patrol, path, mark } = *happened;
    let wanting = directory
        .webhooks(|webhook| webhook.enabled && webhook.events.has(event) && path.within(webhook.scope));
    if wanting.is_empty() {
        return Vec::new();
    }
    let [district, zone, division, station] = path.scopes();
    let data = OnPatrol { unit_id: unit, patrol_id: patrol, station, division, zone, district, more };
    let body = written(&Body { event, timestamp: at, data });
    let delivery = |webhook: &WebhookRecord| NewDelivery {
        id: id_of(&webhook.id, event, patrol, mark),
        webhook: webhook.id.clone(),
        event,
        about: unit.to_string(),
        created_at: at,
        body: body.clone(),
    };
    wanting.iter().map(|webhook| Change::PutDelivery(delivery(webhook))).collect()
}

fn id_of(webhook: &str, event: WebhookEvent, patrol: PatrolId, mark: i64) -> String {
    let told = Sha256::digest(format!("{webhook} {event} {patrol} {mark}"));
    format!("msg_{}", hex(&told[..16]))
}

fn written(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("names, numbers and times write as JSON")
}
