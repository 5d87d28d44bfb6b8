//! How changes and records are written down.
//!
//! In a commit and folded, a record is the same: its kind and id in one string, its body
//! as JSON, so that programs of other versions read it; patrols, which are queried, have
//! fields. Times that are compared are milliseconds since 1970.

use crate::ports::{AlertRecord, Change, NewDelivery, Records, TaskRecord, most_pressing};
use mongodb::bson::{DateTime, oid::ObjectId};
use sentinel_model::{Patrol, PatrolId, Time, audit::AuditEntry};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// With this begins what stands in the log for the outbox alone.
pub const DELIVERY: &str = "delivery:";
/// And for the alerts, which have a collection of their own.
pub const ALERT: &str = "alert:";
/// And for the tasks.
pub const TASK: &str = "task:";

#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("a record does not write as JSON")]
    Encode(#[source] serde_json::Error),
    #[error("the record {id:?} does not read")]
    Body { id: String, source: serde_json::Error },
    #[error("the record {0:?} is of no known kind: a newer program may have written it")]
    Kind(String),
    #[error("patrol {0} has a number that does not fit")]
    PatrolNumber(PatrolId),
    #[error("the stored patrol {0} does not read")]
    Patrol(i64),
    #[error("patrol {0} is another unit's already, so it cannot be unit {1}'s")]
    PatrolTaken(PatrolId, sentinel_model::UnitId),
    #[error("unit {0} has an active patrol already")]
    PatrolActive(sentinel_model::UnitId),
}

/// One commit of the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommitDoc {
    #[serde(rename = "_id")]
    pub n: i64,
    /// Tells whose insert it was that stored it.
    pub nonce: ObjectId,
    pub at: DateTime,
    pub changes: Vec<ChangeDoc>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeDoc {
    Put {
        id: String,
        body: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires: Option<DateTime>,
    },
    Drop {
        id: String,
    },
    Patrol(PatrolFields),
    Audit {
        id: String,
        body: String,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PatrolFields {
    pub id: i64,
    pub unit: String,
    pub station: String,
    pub started_at: i64,
    pub ended_at: Option<i64>,
}

/// A folded record, by the commit that last changed it; without a body it was dropped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordDoc {
    #[serde(rename = "_id")]
    pub id: String,
    pub n: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<DateTime>,
}

/// A folded patrol, by the commit that last changed it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PatrolDoc {
    #[serde(rename = "_id")]
    pub id: i64,
    pub n: i64,
    pub unit: String,
    pub station: String,
    pub started_at: i64,
    pub ended_at: Option<i64>,
}

impl PatrolDoc {
    pub fn new(n: i64, patrol: PatrolFields) -> Self {
        let PatrolFields { id, unit, station, started_at, ended_at } = patrol;
        Self { id, n, unit, station, started_at, ended_at }
    }

    pub fn into_fields(self) -> PatrolFields {
        let Self { id, unit, station, started_at, ended_at, .. } = self;
        PatrolFields { id, unit, station, started_at, ended_at }
    }
}

impl PatrolFields {
    fn of(patrol: &Patrol) -> Result<Self, RecordError> {
        Ok(Self {
            id: patrol_number(patrol.id)?,
            unit: patrol.unit_id.to_string(),
            station: patrol.station.to_string(),
            started_at: patrol.started_at.ms(),
            ended_at: patrol.ended_at.map(Time::ms),
        })
    }

    pub fn read(self) -> Result<Patrol, RecordError> {
        let damaged = || RecordError::Patrol(self.id);
        Ok(Patrol {
            id: PatrolId(u64::try_from(self.id).map_err(|_| damaged())?),
            unit_id: self.unit.parse().map_err(|_| damaged())?,
            station: self.station.parse().map_err(|_| damaged())?,
            started_at: Time(self.started_at),
            ended_at: self.ended_at.map(Time),
        })
    }
}

pub fn patrol_number(id: PatrolId) -> Result<i64, RecordError> {
    i64::try_from(id.0).map_err(|_| RecordError::PatrolNumber(id))
}

pub fn write(change: &Change) -> Result<ChangeDoc, RecordError> {
    let (body, expires) = match change {
        Change::PutScope(record) => (json(record)?, None),
        Change::PutUnit(record) => (json(record)?, None),
        Change::PutUser(record) => (json(record)?, None),
        Change::PutKey(record) => (json(record)?, None),
        Change::PutSession(record) => (json(record)?, Some(DateTime::from_millis(record.expires_at.ms()))),
        Change::PutWebhook(record) => (json(record)?, None),
        Change::PutDelivery(delivery) => (json(delivery)?, None),
        Change::PutFence(fence) => (json(fence)?, None),
        Change::PutAlert(record) => (json(record)?, None),
        Change::PutTask(record) => (json(record)?, None),
        Change::DropSession { .. }
        | Change::DropWebhook { .. }
        | Change::DropFence { .. }
        | Change::DropAlert { .. } => {
            return Ok(ChangeDoc::Drop { id: record_id(change) });
        }
        Change::PutPatrol(patrol) => return Ok(ChangeDoc::Patrol(PatrolFields::of(patrol)?)),
        Change::Audit(entry) => return Ok(ChangeDoc::Audit { id: entry.id.clone(), body: json(entry)? }),
    };
    Ok(ChangeDoc::Put { id: record_id(change), body, expires })
}

/// The kind and id of what is changed.
fn record_id(change: &Change) -> String {
    match change {
        Change::PutScope(record) => format!("scope:{}", record.scope),
        Change::PutUnit(record) => format!("unit:{}", record.id),
        Change::PutUser(record) => format!("user:{}", record.username),
        Change::PutKey(record) => format!("key:{}", record.id),
        Change::PutSession(record) => format!("session:{}", record.hash),
        Change::DropSession { hash } => format!("session:{hash}"),
        Change::PutPatrol(patrol) => format!("patrol:{}", patrol.id),
        Change::PutWebhook(record) => format!("webhook:{}", record.id),
        Change::DropWebhook { id } => format!("webhook:{id}"),
        Change::PutDelivery(delivery) => format!("{DELIVERY}{}", delivery.id),
        Change::PutFence(fence) => format!("fence:{}", fence.id),
        Change::DropFence { id } => format!("fence:{id}"),
        Change::PutAlert(record) => format!("{ALERT}{}", record.alert.id),
        Change::DropAlert { id } => format!("{ALERT}{id}"),
        Change::PutTask(record) => format!("{TASK}{}", record.task.id),
        Change::Audit(entry) => format!("audit:{}", entry.id),
    }
}

fn json(record: &impl Serialize) -> Result<String, RecordError> {
    serde_json::to_string(record).map_err(RecordError::Encode)
}

pub fn read(change: ChangeDoc) -> Result<Change, RecordError> {
    match change {
        ChangeDoc::Put { id, body, .. } => read_record(&id, &body),
        ChangeDoc::Drop { id } => match id.split_once(':') {
            Some(("session", hash)) => Ok(Change::DropSession { hash: hash.into() }),
            Some(("webhook", id)) => Ok(Change::DropWebhook { id: id.into() }),
            Some(("fence", id)) => Ok(Change::DropFence { id: id.into() }),
            Some(("alert", id)) => Ok(Change::DropAlert { id: id.into() }),
            _ => Err(RecordError::Kind(id)),
        },
        ChangeDoc::Patrol(fields) => Ok(Change::PutPatrol(fields.read()?)),
        ChangeDoc::Audit { id, body } => read_audit(&id, &body).map(Change::Audit),
    }
}

fn of<T: DeserializeOwned>(id: &str, body: &str) -> Result<T, RecordError> {
    serde_json::from_str(body).map_err(|source| RecordError::Body { id: id.into(), source })
}

pub fn read_delivery(id: &str, body: &str) -> Result<NewDelivery, RecordError> {
    of(id, body)
}

pub fn read_alert(id: &str, body: &str) -> Result<AlertRecord, RecordError> {
    of(id, body)
}

pub fn read_task(id: &str, body: &str) -> Result<TaskRecord, RecordError> {
    of(id, body)
}

pub fn read_audit(id: &str, body: &str) -> Result<AuditEntry, RecordError> {
    of(&format!("audit:{id}"), body)
}

pub fn read_record(id: &str, body: &str) -> Result<Change, RecordError> {
    match id.split(':').next() {
        Some("scope") => of(id, body).map(Change::PutScope),
        Some("unit") => of(id, body).map(Change::PutUnit),
        Some("user") => of(id, body).map(Change::PutUser),
        Some("key") => of(id, body).map(Change::PutKey),
        Some("session") => of(id, body).map(Change::PutSession),
        Some("webhook") => of(id, body).map(Change::PutWebhook),
        Some("fence") => of(id, body).map(Change::PutFence),
        Some("alert") => read_alert(id, body).map(Change::PutAlert),
        Some("task") => read_task(id, body).map(Change::PutTask),
        Some("delivery") => of(id, body).map(Change::PutDelivery),
        _ => Err(RecordError::Kind(id.into())),
    }
}

/// Records while changes are applied to them.
#[derive(Default)]
pub struct Tables {
    at: u64,
    records: BTreeMap<String, Change>,
    patrols: BTreeMap<PatrolId, Patrol>,
    last_task: u64,
}

impl Tables {
    /// Applies what the commit of this number changes.
    pub fn apply(&mut self, at: u64, changes: Vec<Change>) {
        self.at = at;
        for change in changes {
            self.show(change);
        }
    }

    /// Notes a number of a task that is not among the records.
    pub fn given(&mut self, number: u64) {
        self.last_task = self.last_task.max(number);
    }

    pub fn show(&mut self, change: Change) {
        match change {
            Change::DropSession { .. }
            | Change::DropWebhook { .. }
            | Change::DropFence { .. }
            | Change::DropAlert { .. } => {
                drop(self.records.remove(&record_id(&change)));
            }
            Change::PutAlert(ref record) if !record.alert.is_open() => {
                drop(self.records.remove(&record_id(&change)));
            }
            Change::PutTask(ref record) => {
                self.last_task = self.last_task.max(record.number);
                if !record.task.is_closed() {
                    self.records.insert(record_id(&change), change);
                } else {
                    self.records.remove(&record_id(&change));
                }
            }
            // Read where they are folded.
            Change::PutDelivery(_) | Change::Audit(_) => {}
            Change::PutPatrol(patrol) if patrol.ended_at.is_some() => drop(self.patrols.remove(&patrol.id)),
            Change::PutPatrol(patrol) => drop(self.patrols.insert(patrol.id, patrol)),
            change => drop(self.records.insert(record_id(&change), change)),
        }
    }

    /// Without the sessions that have expired.
    pub fn into_records(self, now: Time) -> Records {
        let mut all = Records {
            at: self.at,
            patrols: self.patrols.into_values().collect(),
            last_task: self.last_task,
            ..Records::default()
        };
        for record in self.records.into_values() {
            match record {
                Change::PutScope(record) => all.scopes.push(record),
                Change::PutUnit(record) => all.units.push(record),
                Change::PutUser(record) => all.users.push(record),
                Change::PutKey(record) => all.keys.push(record),
                Change::PutSession(record) if record.expires_at > now => all.sessions.push(record),
                Change::PutWebhook(record) => all.webhooks.push(record),
                Change::PutFence(fence) => all.fences.push(fence),
                Change::PutAlert(record) => all.alerts.push(record),
                Change::PutTask(record) => all.tasks.push(record),
                Change::PutSession(_)
                | Change::DropAlert { .. }
                | Change::DropSession { .. }
                | Change::DropWebhook { .. }
                | Change::DropFence { .. }
                | Change::PutDelivery(_)
                | Change::PutPatrol(_)
                | Change::Audit(_) => {}
            }
        }
        all.alerts = most_pressing(all.alerts);
        all
    }
}
