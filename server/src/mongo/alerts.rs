//! Alerts: moved, as deliveries are ([`MongoRegistry::move_on`]), from the commit log into a
//! collection of their own, where lists are found by index.
//!
//! What was dropped stays as an empty copy for as long as a commit does, so that a slower node
//! does not bring it back.

use super::{
    connect::Mongo,
    driver::{LATER, MongoError, within},
    fold::put_newer,
    log::{KEPT_MS, LogError},
    records::{RecordError, read_alert},
    registry::MongoRegistry,
};
use crate::ports::{AlertRecord, AlertsOf, OPEN_ALERTS_MAX, most_pressing};
use futures::TryStreamExt as _;
use mongodb::{
    Collection,
    bson::{DateTime, Document, doc},
};
use sentinel_model::{Time, alerts::AlertKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An alert by the commit that last changed it; without a body it was dropped.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AlertDoc {
    #[serde(rename = "_id")]
    pub id: String,
    pub n: i64,
    pub at: i64,
    pub open: bool,
    pub kind: String,
    pub unit: String,
    /// Those that see it; each level has an index, as not every server has them over lists.
    pub district: String,
    pub zone: String,
    pub division: String,
    pub station: String,
    pub body: Option<String>,
}

impl AlertDoc {
    pub fn of(id: &str, n: i64, body: String) -> Result<Self, RecordError> {
        let AlertRecord { alert, path } = read_alert(id, &body)?;
        let [district, zone, division, station] = path.scopes().map(|scope| scope.to_string());
        Ok(Self {
            n,
            at: alert.at.ms(),
            open: alert.is_open(),
            kind: alert.kind.as_str().into(),
            unit: alert.unit_id.to_string(),
            district,
            zone,
            division,
            station,
            body: Some(body),
            id: alert.id,
        })
    }

    /// What is left of one that the commit of this number and time drops.
    pub fn dropped(id: &str, n: i64, at: DateTime) -> Self {
        Self { id: id.into(), n, at: at.timestamp_millis(), ..Self::default() }
    }
}

pub struct Alerts(Collection<AlertDoc>);

impl Alerts {
    pub const DOCS: &str = "alerts";

    pub async fn prepare(mongo: &Mongo) -> Result<Self, MongoError> {
        mongo.make_collection(Self::DOCS).await?;
        for keys in [
            doc! { "district": 1, "at": -1, "_id": -1 },
            doc! { "zone": 1, "at": -1, "_id": -1 },
            doc! { "division": 1, "at": -1, "_id": -1 },
            doc! { "station": 1, "at": -1, "_id": -1 },
            doc! { "unit": 1, "at": -1, "_id": -1 },
            doc! { "open": 1, "at": -1, "_id": -1 },
            doc! { "at": -1, "_id": -1 },
        ] {
            mongo.make_index(Self::DOCS, keys, None).await?;
        }
        Ok(Self(mongo.settled_collection(Self::DOCS)))
    }

    pub async fn put(&self, docs: BTreeMap<String, AlertDoc>) -> Result<(), MongoError> {
        let copies = docs.into_values().map(|doc| (doc.id.clone().into(), doc.n, doc));
        put_newer(&self.0, copies.collect()).await
    }

    pub async fn open_ones(&self) -> Result<Vec<AlertRecord>, LogError> {
        let open = AlertsOf { is_open: Some(true), ..AlertsOf::default() };
        let calls = AlertsOf { kind: Some(AlertKind::Sos), ..open.clone() };
        let mut all = self.find(filter(&calls, None), OPEN_ALERTS_MAX).await?;
        all.extend(self.find(filter(&open, None), OPEN_ALERTS_MAX).await?);
        Ok(most_pressing(all))
    }

    async fn find(&self, filter: Document, limit: usize) -> Result<Vec<AlertRecord>, LogError> {
        let docs = self.0.clone();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found: Vec<AlertDoc> = within(LATER, async move {
            docs.find(filter).sort(newest_first()).limit(limit).await?.try_collect().await
        })
        .await?;
        let read = found.into_iter().filter_map(|doc| Some(read_alert(&doc.id, &doc.body?)));
        Ok(read.collect::<Result<_, _>>()?)
    }

    async fn remove(&self, these: Document) -> Result<(), MongoError> {
        let docs = self.0.clone();
        within(LATER, async move { docs.delete_many(these).await }).await.map(drop)
    }
}

pub(super) fn newest_first() -> Document {
    doc! { "at": -1, "_id": -1 }
}

pub(super) fn filter(of: &AlertsOf, behind: Option<(Time, String)>) -> Document {
    // The empty copies are nobody's: only who asks for everything could meet one.
    let mut filter = doc! { "body": { "$ne": null } };
    if let Some(scope) = of.scope {
        filter.insert(scope.level.as_str(), scope.to_string());
    }
    if let Some(is_open) = of.is_open {
        filter.insert("open", is_open);
    }
    if let Some(kind) = of.kind {
        filter.insert("kind", kind.as_str());
    }
    if let Some(unit) = &of.unit {
        filter.insert("unit", unit.as_str());
    }
    if let Some((at, id)) = behind {
        let before = doc! { "at": { "$lt": at.ms() } };
        filter.insert("at", doc! { "$lte": at.ms() });
        filter.insert("$or", vec![before, doc! { "at": at.ms(), "_id": { "$lt": id } }]);
    }
    filter
}

impl MongoRegistry {
    pub(super) async fn find_alerts(
        &self,
        of: &AlertsOf,
        behind: Option<(Time, String)>,
        limit: usize,
    ) -> Result<Vec<AlertRecord>, LogError> {
        self.move_on().await?;
        self.alerts.find(filter(of, behind), limit).await
    }

    pub(super) async fn find_alerts_by_id(&self, ids: &[String]) -> Result<Vec<AlertRecord>, LogError> {
        self.move_on().await?;
        self.alerts.find(doc! { "_id": { "$in": ids } }, ids.len()).await
    }

    pub(super) async fn drop_alerts_before(&self, before: Time) -> Result<(), LogError> {
        // Those that are still in the log would come after.
        self.move_on().await?;
        Ok(self.alerts.remove(doc! { "open": false, "at": { "$lt": before.ms() } }).await?)
    }

    /// Empty copies that no commit can bring back any more.
    pub(super) async fn forget_dropped_alerts(&self) -> Result<(), MongoError> {
        let old = DateTime::now().timestamp_millis() - KEPT_MS;
        self.alerts.remove(doc! { "unit": "", "at": { "$lt": old } }).await
    }
}
