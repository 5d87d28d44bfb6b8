//! The records, as one ordered log of commits.
//!
//! Each commit is made on top of the last, by whichever node; that alone makes it serial,
//! and, being one document, all or nothing. So what a commit must not break (a unit has
//! one active patrol, a patrol's id is never another unit's) can be looked up before it.
//! Workers fold the log into copies that are read by index ([`MongoRegistry::fold`]).

use super::{
    alerts::Alerts,
    audit::AuditDoc,
    connect::Mongo,
    driver::{LATER, MongoError, SOON, within},
    key_uses::KeyUses,
    log::{Log, LogError},
    outbox::Deliveries,
    records::{self, RecordDoc, RecordError, Tables},
    tail::Patrols,
    tasks,
    watch::Watched,
};
use crate::ports::{
    AlertRecord, AlertsOf, Change, Commit, Committed, EngineError, Records, Registry, TaskRecord, TasksOf,
    TimeRange,
};
use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::{
    Collection,
    bson::{Binary, Bson, Document, doc, spec::BinarySubtype},
    options::IndexOptions,
};
use sentinel_model::{Patrol, PatrolId, Scope, TaskId, Time, UnitId, audit::AuditEntry};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// Units or stations whose patrols are asked for at once.
const ASKED: usize = 500;

/// How often loading begins anew because the log was cut short meanwhile.
const TRIES: usize = 10;

pub struct MongoRegistry {
    pub(super) log: Log,
    pub(super) records: Collection<RecordDoc>,
    pub(super) patrols: Patrols,
    pub(super) deliveries: Deliveries,
    pub(super) alerts: Alerts,
    pub(super) tasks: tasks::Tasks,
    pub(super) audit: Collection<AuditDoc>,
    secrets: Collection<SecretDoc>,
    key_uses: KeyUses,
    pub(super) watched: Watched,
}

#[derive(Debug, Serialize, Deserialize)]
struct SecretDoc {
    #[serde(rename = "_id")]
    name: String,
    bytes: Binary,
}

impl SecretDoc {
    fn new(name: &str, secret: [u8; 32]) -> Self {
        let bytes = Binary { subtype: BinarySubtype::Generic, bytes: secret.to_vec() };
        Self { name: name.into(), bytes }
    }
}

impl MongoRegistry {
    pub(super) const RECORDS: &str = "records";
    const SECRETS: &str = "secrets";

    /// Opens the records of that database, and makes collections and indexes that are not
    /// there.
    pub async fn open(mongo: &Mongo) -> Result<Self, EngineError> {
        let making = async {
            let records =
                [Self::RECORDS, Self::SECRETS, Self::AUDIT, Patrols::FOLDED, KeyUses::NAME, Watched::NAME];
            for name in [Log::COMMITS, Log::MARKS].into_iter().chain(records) {
                mongo.make_collection(name).await?;
            }
            // Who is active, or was at a moment, is asked far more often than about long ago.
            for keys in [
                doc! { "unit": 1, "ended_at": 1, "started_at": 1 },
                doc! { "station": 1, "ended_at": 1, "started_at": 1 },
                doc! { "ended_at": 1 },
            ] {
                mongo.make_index(Patrols::FOLDED, keys, None).await?;
            }
            let few = IndexOptions::builder().sparse(true).build();
            mongo.make_index(Self::RECORDS, doc! { "expires": 1 }, Some(few)).await?;
            Ok::<_, MongoError>((
                Deliveries::prepare(mongo).await?,
                Alerts::prepare(mongo).await?,
                tasks::Tasks::prepare(mongo).await?,
            ))
        };
        let (deliveries, alerts, tasks) =
            making.await.map_err(EngineError::during("preparing the records"))?;
        Ok(Self {
            deliveries,
            alerts,
            tasks,
            log: Log::new(mongo),
            records: mongo.settled_collection(Self::RECORDS),
            patrols: Patrols::new(mongo),
            audit: mongo.settled_collection(Self::AUDIT),
            secrets: mongo.settled_collection(Self::SECRETS),
            key_uses: KeyUses::new(mongo),
            watched: Watched::new(mongo),
        })
    }

    /// The folded copies, with the log on top. What is folded while they are read is
    /// applied again, in order, so it ends as the log says.
    async fn load_records(&self, now: Time) -> Result<Records, LogError> {
        for _ in 0..TRIES {
            let folded = self.log.folded().await?;
            let mut tables = Tables::default();
            tables.apply(folded, Vec::new());
            let records = self.records.clone();
            let docs: Vec<RecordDoc> =
                within(LATER, async move { records.find(doc! {}).await?.try_collect().await }).await?;
            for RecordDoc { id, body, .. } in docs {
                if let Some(body) = body {
                    tables.show(records::read_record(&id, &body)?);
                }
            }
            for patrol in self.patrols.find_folded(doc! { "ended_at": null }).await?.into_values() {
                tables.show(Change::PutPatrol(patrol));
            }
            for record in self.alerts.open_ones().await? {
                tables.show(Change::PutAlert(record));
            }
            for record in self.tasks.open_ones().await? {
                tables.show(Change::PutTask(record));
            }
            tables.given(self.tasks.last_number().await?);
            match self.log.since(folded).await {
                Ok(commits) => {
                    commits.into_iter().for_each(|commit| tables.apply(commit.at, commit.changes));
                    return Ok(tables.into_records(now));
                }
                Err(LogError::Gone(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(LogError::Restless)
    }

    async fn commit_changes(&self, at: u64, changes: Vec<Change>) -> Result<Commit, LogError> {
        let written = changes.iter().map(records::write).collect::<Result<_, _>>()?;
        let patrols: Vec<&Patrol> = changes
            .iter()
            .filter_map(|change| if let Change::PutPatrol(patrol) = change { Some(patrol) } else { None })
            .collect();
        if !patrols.is_empty() && self.check(at, &patrols).await? == Commit::Behind {
            return Ok(Commit::Behind);
        }
        self.log.commit(at, written).await
    }

    /// Looks whether patrols may be put on top of commit `at`.
    async fn check(&self, at: u64, puts: &[&Patrol]) -> Result<Commit, LogError> {
        let ids: HashSet<PatrolId> = puts.iter().map(|patrol| patrol.id).collect();
        let units: HashSet<&UnitId> = puts.iter().map(|patrol| &patrol.unit_id).collect();
        let numbers = ids.iter().map(|id| records::patrol_number(*id)).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<&str> = units.iter().map(|unit| unit.as_str()).collect();
        let filter = concerned(&numbers, &names);
        let holds = |p: &Patrol| ids.contains(&p.id) || (units.contains(&p.unit_id) && p.ended_at.is_none());
        let (seen, found) = self.patrols.find(&self.log, filter, holds).await?;
        if seen != at {
            return Ok(Commit::Behind);
        }
        let mut owners: HashMap<PatrolId, &UnitId> =
            found.values().map(|patrol| (patrol.id, &patrol.unit_id)).collect();
        let mut active: HashMap<&UnitId, PatrolId> = (found.values())
            .filter(|patrol| patrol.ended_at.is_none())
            .map(|patrol| (&patrol.unit_id, patrol.id))
            .collect();
        for put in puts {
            if *owners.entry(put.id).or_insert(&put.unit_id) != &put.unit_id {
                return Err(RecordError::PatrolTaken(put.id, put.unit_id.clone()).into());
            }
            match (active.get(&put.unit_id).copied(), put.ended_at) {
                (Some(other), None) if other != put.id => {
                    return Err(RecordError::PatrolActive(put.unit_id.clone()).into());
                }
                (_, None) => drop(active.insert(&put.unit_id, put.id)),
                (Some(own), Some(_)) if own == put.id => drop(active.remove(&put.unit_id)),
                (_, Some(_)) => {}
            }
        }
        Ok(Commit::Done)
    }

    async fn find(&self, filter: Document, holds: impl Fn(&Patrol) -> bool) -> Result<Vec<Patrol>, LogError> {
        let (_, found) = self.patrols.find(&self.log, filter, holds).await?;
        Ok(found.into_values().collect())
    }

    async fn active_of(&self, moments: &[(UnitId, Time)]) -> Result<Vec<Vec<Patrol>>, LogError> {
        let names: Vec<&str> = moments.iter().map(|(unit, _)| unit.as_str()).collect();
        let units: HashSet<&UnitId> = moments.iter().map(|(unit, _)| unit).collect();
        let times = || moments.iter().map(|(_, at)| at.ms());
        let (first, last) = (times().min().unwrap_or(i64::MAX), times().max().unwrap_or(i64::MIN));
        let filter = lasting(&doc! { "unit": { "$in": names } }, doc! { "$lte": last }, first);
        let mut by_unit: HashMap<UnitId, Vec<Patrol>> = HashMap::new();
        for patrol in self.find(filter, |patrol| units.contains(&patrol.unit_id)).await? {
            by_unit.entry(patrol.unit_id.clone()).or_default().push(patrol);
        }
        let active = |(unit, at): &(UnitId, Time)| {
            let patrols = by_unit.get(unit).into_iter().flatten();
            patrols.filter(|patrol| is_active(patrol, *at)).cloned().collect()
        };
        Ok(moments.iter().map(active).collect())
    }

    async fn read_secret(&self, name: &'static str) -> Result<[u8; 32], LogError> {
        let secrets = self.secrets.clone();
        let fresh = SecretDoc::new(name, rand::random());
        let stored = within(SOON, async move {
            match secrets.find_one(doc! { "_id": name }).await? {
                Some(stored) => Ok(Some(stored)),
                None => {
                    // Another node may be faster; whose it is, the next line reads.
                    let made = secrets.insert_one(fresh).await;
                    let stored = secrets.find_one(doc! { "_id": name }).await?;
                    if stored.is_none() { made.map(|_| None) } else { Ok(stored) }
                }
            }
        })
        .await?;
        let bytes = stored.and_then(|stored| stored.bytes.bytes.try_into().ok());
        bytes.ok_or_else(|| LogError::Secret(name.into()))
    }

    async fn read_secrets(&self) -> Result<Vec<(String, [u8; 32])>, LogError> {
        let secrets = self.secrets.clone();
        let by_name = doc! { "_id": 1 };
        let stored: Vec<SecretDoc> =
            within(SOON, async move { secrets.find(doc! {}).sort(by_name).await?.try_collect().await })
                .await?;
        let read = |SecretDoc { name, bytes }| match bytes.bytes.try_into() {
            Ok(secret) => Ok((name, secret)),
            Err(_) => Err(LogError::Secret(name)),
        };
        stored.into_iter().map(read).collect()
    }

    async fn write_secret(&self, name: &str, secret: [u8; 32]) -> Result<(), LogError> {
        let secrets = self.secrets.clone();
        let wanted = SecretDoc::new(name, secret);
        let which = doc! { "_id": name };
        let written =
            within(SOON, async move { secrets.replace_one(which, wanted).upsert(true).await.map(drop) })
                .await;
        Ok(written?)
    }
}

/// Patrols that `whose` tells and that began then, and are active or ended after a time: each
/// alternative whole, as an index answers it.
pub(super) fn lasting(whose: &Document, started: Document, after: i64) -> Document {
    let ended = |ended_at: Bson| {
        let mut all = whose.clone();
        all.insert("ended_at", ended_at);
        all.insert("started_at", started.clone());
        all
    };
    doc! { "$or": [ended(Bson::Null), ended(doc! { "$gt": after }.into())] }
}

/// Patrols of these numbers, and active ones of these units.
pub(super) fn concerned(numbers: &[i64], units: &[&str]) -> Document {
    doc! { "$or": [
        { "_id": { "$in": numbers } },
        { "unit": { "$in": units }, "ended_at": null },
    ] }
}

fn is_active(patrol: &Patrol, at: Time) -> bool {
    patrol.started_at <= at && patrol.ended_at.is_none_or(|ended| ended > at)
}

#[async_trait]
impl Registry for MongoRegistry {
    async fn load(&self, now: Time) -> Result<Records, EngineError> {
        self.load_records(now).await.map_err(EngineError::during("loading the records"))
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn commit(&self, at: u64, changes: Vec<Change>) -> Result<Commit, EngineError> {
        self.commit_changes(at, changes).await.map_err(EngineError::during("committing records"))
    }

    async fn since(&self, at: u64) -> Result<Vec<Committed>, EngineError> {
        self.log.since(at).await.map_err(EngineError::during("reading what was committed"))
    }

    async fn note_key_uses(&self, uses: Vec<(String, Time)>) -> Result<(), EngineError> {
        self.key_uses.note(uses).await.map_err(EngineError::during("noting when keys were used"))
    }

    async fn key_uses(&self) -> Result<HashMap<String, Time>, EngineError> {
        self.key_uses.all().await.map_err(EngineError::during("reading when keys were used"))
    }

    async fn patrol(&self, id: PatrolId) -> Result<Option<Patrol>, EngineError> {
        let Ok(number) = records::patrol_number(id) else { return Ok(None) };
        let found = self.find(doc! { "_id": number }, |patrol| patrol.id == id).await;
        Ok(found.map_err(EngineError::during("reading a patrol"))?.pop())
    }

    async fn patrols_of(&self, unit: &UnitId, range: TimeRange) -> Result<Vec<Patrol>, EngineError> {
        let started = doc! { "$lt": range.to.ms() };
        let filter = lasting(&doc! { "unit": unit.as_str() }, started, range.from.ms());
        let overlaps = |patrol: &Patrol| {
            patrol.unit_id == *unit
                && patrol.started_at < range.to
                && patrol.ended_at.is_none_or(|ended| ended > range.from)
        };
        let found = self.find(filter, overlaps).await;
        let mut patrols = found.map_err(EngineError::during("reading a unit's patrols"))?;
        patrols.sort_by_key(|patrol| (patrol.started_at, patrol.id));
        Ok(patrols)
    }

    async fn patrols_of_each(&self, moments: Vec<(UnitId, Time)>) -> Result<Vec<Vec<Patrol>>, EngineError> {
        let mut all = Vec::with_capacity(moments.len());
        for moments in moments.chunks(ASKED) {
            let active = self.active_of(moments).await;
            all.extend(active.map_err(EngineError::during("reading the patrols of units"))?);
        }
        Ok(all)
    }

    async fn patrols_at(&self, stations: &[Scope], at: Time) -> Result<Vec<Patrol>, EngineError> {
        let mut found = Vec::new();
        for stations in stations.chunks(ASKED) {
            let names: Vec<String> = stations.iter().map(Scope::to_string).collect();
            let filter = lasting(&doc! { "station": { "$in": names } }, doc! { "$lte": at.ms() }, at.ms());
            let stations: HashSet<&Scope> = stations.iter().collect();
            let holds = |patrol: &Patrol| stations.contains(&patrol.station) && is_active(patrol, at);
            let some = self.find(filter, holds).await;
            found.extend(some.map_err(EngineError::during("reading the patrols of a moment"))?);
        }
        Ok(found)
    }

    async fn audit(&self, before: Option<&str>, limit: usize) -> Result<Vec<AuditEntry>, EngineError> {
        self.read_audit(before, limit).await.map_err(EngineError::during("reading the audit log"))
    }

    async fn alerts_by_id(&self, ids: &[String]) -> Result<Vec<AlertRecord>, EngineError> {
        self.find_alerts_by_id(ids).await.map_err(EngineError::during("reading alerts"))
    }

    async fn alerts(
        &self,
        of: &AlertsOf,
        behind: Option<(Time, String)>,
        limit: usize,
    ) -> Result<Vec<AlertRecord>, EngineError> {
        self.find_alerts(of, behind, limit).await.map_err(EngineError::during("reading a list of alerts"))
    }

    async fn drop_ended(&self, before: Time) -> Result<(), EngineError> {
        let dropping = async {
            self.drop_alerts_before(before).await?;
            self.drop_tasks_before(before).await
        };
        dropping.await.map_err(EngineError::during("forgetting old alerts and tasks"))
    }

    async fn task(&self, id: &TaskId) -> Result<Option<TaskRecord>, EngineError> {
        self.find_task(id).await.map_err(EngineError::during("reading a task"))
    }

    async fn tasks(
        &self,
        of: &TasksOf,
        behind: Option<(Time, TaskId)>,
        limit: usize,
    ) -> Result<Vec<TaskRecord>, EngineError> {
        self.find_tasks(of, behind, limit).await.map_err(EngineError::during("reading a list of tasks"))
    }

    async fn secret(&self, name: &'static str) -> Result<[u8; 32], EngineError> {
        self.read_secret(name).await.map_err(EngineError::during("reading the installation's secret"))
    }

    async fn secrets(&self) -> Result<Vec<(String, [u8; 32])>, EngineError> {
        self.read_secrets().await.map_err(EngineError::during("reading the installation's secrets"))
    }

    async fn put_secret(&self, name: &str, secret: [u8; 32]) -> Result<(), EngineError> {
        self.write_secret(name, secret)
            .await
            .map_err(EngineError::during("storing the installation's secret"))
    }
}
