//! The engines over MongoDB, for the stories of the ports, on each server that is there.

use crate::{intake::History, registry::Store};
use async_trait::async_trait;
use mongodb::{
    Collection,
    bson::{Binary, Document, doc, spec::BinarySubtype},
};
use sentinel_model::{Fix, Time, UnitId};
use sentinel_server::{
    mongo::{Mongo, MongoArchive, MongoRegistry},
    ports::{Archive, ArchiveWriter, Intake, IntakeError, Receipt, Registry},
};
pub use sentinel_services::Kind;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

/// A database of a test's own.
pub struct OnMongo {
    database: sentinel_services::Database,
    taken: Arc<Mutex<HashSet<Taken>>>,
}

type Taken = (UnitId, Time, Option<Box<str>>);

impl OnMongo {
    pub fn of(kind: Kind) -> Option<Self> {
        let database = sentinel_services::mongo_of(kind)?;
        Some(Self { database, taken: Arc::default() })
    }

    pub async fn connect(&self) -> Mongo {
        Mongo::connect(self.database.uri(), None).await.expect("connects")
    }

    pub async fn registry(&self) -> MongoRegistry {
        MongoRegistry::open(&self.connect().await).await.expect("opens")
    }

    pub async fn archive(&self) -> MongoArchive {
        MongoArchive::open(&self.connect().await, None).await.expect("opens")
    }

    async fn raw(&self) -> Collection<Document> {
        let client = mongodb::Client::with_uri_str(self.database.uri()).await.expect("connects");
        client.database(self.database.name()).collection("segments")
    }

    /// How many segments hold a unit's history.
    pub async fn segments(&self, unit: &str) -> u64 {
        self.raw().await.count_documents(doc! { "unit": unit }).await.expect("counts")
    }

    /// Spoils one of a unit's segments.
    pub async fn damage(&self, unit: &str) {
        let spoilt = Binary { subtype: BinarySubtype::Generic, bytes: vec![255; 10] };
        let spoil = doc! { "$set": { "data": spoilt } };
        let done = self.raw().await.update_one(doc! { "unit": unit }, spoil).await.expect("writes");
        assert_eq!(done.modified_count, 1);
    }
}

#[async_trait]
impl Store for OnMongo {
    async fn open(&self) -> Box<dyn Registry> {
        Box::new(self.registry().await)
    }
}

#[async_trait]
impl History for OnMongo {
    async fn open(&self, _queue: usize) -> (Arc<dyn Intake>, Arc<dyn Archive>) {
        let archive = self.archive().await;
        let intake = Straight { into: archive.clone(), taken: self.taken.clone() };
        (Arc::new(intake), Arc::new(archive))
    }
}

/// Hands everything straight to the archive, also what it has handed over before; only the
/// receipt says that it knows.
struct Straight {
    into: MongoArchive,
    taken: Arc<Mutex<HashSet<Taken>>>,
}

#[async_trait]
impl Intake for Straight {
    async fn accept(&self, unit: &UnitId, fixes: Vec<Fix>) -> Result<Receipt, IntakeError> {
        let mut receipt = Receipt::default();
        for fix in &fixes {
            let key = (unit.clone(), fix.time, fix.uuid.clone());
            let new = self.taken.lock().expect("whole").insert(key);
            *(if new { &mut receipt.accepted } else { &mut receipt.duplicates }) += 1;
        }
        let stored = self.into.store(vec![(unit.clone(), fixes)]).await;
        stored.map(|()| receipt).map_err(|error| IntakeError::Store(error.into()))
    }

    fn queued(&self) -> u64 {
        0
    }

    fn is_alive(&self) -> bool {
        true
    }

    async fn drain(&self) {}
}
