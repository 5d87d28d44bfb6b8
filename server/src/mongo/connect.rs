//! The connection to the database, and what that database can do.

use super::driver::{MongoError, SOON, within};
use crate::ports::EngineError;
use mongodb::{
    Client, Collection, Database, IndexModel,
    bson::{DateTime, Document, doc},
    error::ErrorKind,
    options::{
        Acknowledgment, ClientOptions, CollectionOptions, IndexOptions, ReadConcern, ReadPreference,
        SelectionCriteria, WriteConcern,
    },
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// The database's name where neither the URI nor the caller says one.
const DATABASE: &str = "sentinel";

/// How long a request waits for a server that can answer it.
const SERVER_SELECTION: Duration = Duration::from_secs(3);

/// How often it is looked whether the server is there, and how soon it has to say so.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const THERE_WITHIN: Duration = Duration::from_secs(2);

/// How long a server waits for its majority before it says that there is none.
const MAJORITY: Duration = Duration::from_secs(10);

/// A connection; clones share it.
#[derive(Clone)]
pub struct Mongo {
    database: Database,
    abilities: Arc<Abilities>,
    /// Whether the server answered when [`Mongo::watch`] last looked.
    reached: Arc<AtomicBool>,
}

/// What the server said about itself when it was connected to.
#[derive(Debug, Clone)]
pub struct Abilities {
    product: &'static str,
    version: String,
    topology: Topology,
    written: Written,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Topology {
    Standalone,
    ReplicaSet(String),
    Sharded,
}

/// When a write counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// As the URI says.
    AsTold,
    MajorityJournalled,
    Majority,
    /// The server takes no such wish.
    AsServed,
}

#[derive(Debug, thiserror::Error)]
enum ConnectError {
    #[error(
        "{hosts} could not be asked: nodes and workers do not start without it. See that MongoDB runs there and \
         lets them in, or give another with --mongodb-url"
    )]
    Away { hosts: String, source: MongoError },
    #[error(transparent)]
    Other(#[from] MongoError),
}

impl Mongo {
    /// Connects, and asks the server what it can do. `database` goes before the URI's.
    pub async fn connect(uri: &str, database: Option<&str>) -> Result<Self, EngineError> {
        Self::open(uri, database).await.map_err(EngineError::during("connecting to MongoDB"))
    }

    async fn open(uri: &str, database: Option<&str>) -> Result<Self, ConnectError> {
        let mut options = ClientOptions::parse(uri).await.map_err(MongoError::from)?;
        options.app_name.get_or_insert_with(|| "sentinel".into());
        options.server_selection_timeout.get_or_insert(SERVER_SELECTION);
        let name = database.or(options.default_database.as_deref()).unwrap_or(DATABASE).to_owned();
        let told = options.write_concern.is_some();
        let hosts = options.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let client = Client::with_options(options).map_err(MongoError::from)?;
        let mut database = client.database(&name);

        // The old name of `hello`, which every server knows.
        let away = |source| ConnectError::Away { hosts, source };
        let hello = ask(&database, "isMaster").await.map_err(away)?;
        let build = ask(&database, "buildInfo").await?;
        let topology = topology_of(&hello);
        let mut written = Written::AsTold;
        if !told {
            (database, written) = with_write_concern(database).await?;
        }
        let (product, version) = match build.get_str("ferretdbVersion") {
            Ok(version) => ("FerretDB", version),
            Err(_) => ("MongoDB", build.get_str("version").unwrap_or("of unknown version")),
        };
        let abilities =
            Abilities { product, version: version.trim_start_matches('v').to_owned(), topology, written };
        tracing::info!(server = %abilities, database = name, "connected to the database");
        Ok(Self { database, abilities: Arc::new(abilities), reached: Arc::new(AtomicBool::new(true)) })
    }

    /// Such as `MongoDB 7.0.2 (replica set rs0, majority, journal)`.
    pub fn describe(&self) -> String {
        self.abilities.to_string()
    }

    /// Answers once a server has answered that writes can go to.
    pub async fn ping(&self) -> Result<(), EngineError> {
        let answer = ask(&self.database, "ping").await;
        answer.map(drop).map_err(EngineError::during("asking MongoDB whether it is there"))
    }

    /// Whether the server was there a moment ago. Somebody has to [`watch`](Self::watch) it.
    pub fn is_reached(&self) -> bool {
        self.reached.load(Relaxed)
    }

    /// Looks whether the server is there, again and again until `stop`. One that hangs is
    /// asked once and not more: what waits for it does not pile up.
    pub async fn watch(&self, stop: CancellationToken) {
        let watching = async {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let answer = self.ping();
                tokio::pin!(answer);
                let answered = match tokio::time::timeout(THERE_WITHIN, &mut answer).await {
                    Ok(answered) => answered,
                    Err(silent) => {
                        self.found(Err(EngineError::new("asking MongoDB whether it is there", silent)));
                        answer.await
                    }
                };
                self.found(answered);
            }
        };
        tokio::select! {
            () = watching => {}
            () = stop.cancelled() => {}
        }
    }

    /// Says it where it is another way than before.
    fn found(&self, answered: Result<(), EngineError>) {
        let before = self.reached.swap(answered.is_ok(), Relaxed);
        match answered {
            Ok(()) if !before => tracing::info!("MongoDB is reached again"),
            Err(error) if before => {
                tracing::warn!(error = &error as &dyn std::error::Error, "MongoDB cannot be reached");
            }
            _ => {}
        }
    }

    pub(super) fn collection<T: Send + Sync>(&self, name: &str) -> Collection<T> {
        self.database.collection(name)
    }

    /// A collection whose reads see every commit that has answered, and none that could be
    /// undone by the loss of a server.
    pub(super) fn settled_collection<T: Send + Sync>(&self, name: &str) -> Collection<T> {
        let mut options = CollectionOptions::default();
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        if self.abilities.topology != Topology::Standalone {
            options.read_concern = Some(ReadConcern::majority());
        }
        self.database.collection_with_options(name, options)
    }

    /// Makes the collection where it is not there.
    pub(super) async fn make_collection(&self, name: &'static str) -> Result<(), MongoError> {
        /// NamespaceExists
        const EXISTS: i32 = 48;
        let database = self.database.clone();
        match within(SOON, async move { database.create_collection(name).await }).await {
            Err(MongoError::Driver(error)) if code_of(&error) == Some(EXISTS) => Ok(()),
            made => made,
        }
    }

    /// Makes an index where it is not there. Answers whether it is there now: a server
    /// that refuses it does its work without.
    pub(super) async fn make_index(
        &self,
        collection: &'static str,
        keys: Document,
        options: Option<IndexOptions>,
    ) -> Result<bool, MongoError> {
        let on = self.database.collection::<Document>(collection);
        let index = IndexModel::builder().keys(keys.clone()).options(options).build();
        match within(SOON, async move { on.create_index(index).await }).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_refusal() => {
                tracing::warn!(
                    collection,
                    index = %keys,
                    error = &error as &dyn std::error::Error,
                    "the database refuses an index; it is done without"
                );
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
    pub(super) async fn index_names(&self, collection: &str) -> Result<Vec<String>, MongoError> {
        let on = self.database.collection::<Document>(collection);
        within(SOON, async move { on.list_index_names().await }).await
    }

    pub(super) async fn drop_index(&self, collection: &str, name: String) -> Result<(), MongoError> {
        let on = self.database.collection::<Document>(collection);
        within(SOON, async move { on.drop_index(name).await }).await
    }
}

async fn ask(database: &Database, command: &'static str) -> Result<Document, MongoError> {
    let database = database.clone();
    within(SOON, async move { database.run_command(doc! { command: 1 }).await }).await
}

fn code_of(error: &mongodb::error::Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        _ => None,
    }
}

fn topology_of(hello: &Document) -> Topology {
    if let Ok(name) = hello.get_str("setName") {
        Topology::ReplicaSet(name.to_owned())
    } else if hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid") {
        Topology::Sharded
    } else {
        Topology::Standalone
    }
}

/// The database with the strongest promise about writes that its server makes, by trying.
async fn with_write_concern(database: Database) -> Result<(Database, Written), MongoError> {
    for written in [Written::MajorityJournalled, Written::Majority, Written::AsServed] {
        let database = match written {
            Written::AsTold | Written::AsServed => database.clone(),
            Written::MajorityJournalled | Written::Majority => {
                let mut concern = WriteConcern::default();
                concern.w = Some(Acknowledgment::Majority);
                concern.journal = (written == Written::MajorityJournalled).then_some(true);
                concern.w_timeout = Some(MAJORITY);
                let mut options = mongodb::options::DatabaseOptions::default();
                options.write_concern = Some(concern);
                database.client().database_with_options(database.name(), options)
            }
        };
        let probe = database.collection::<Document>("probe");
        let wrote = within(SOON, async move {
            let seen = doc! { "$set": { "connected_at": DateTime::now() } };
            probe.update_one(doc! { "_id": "write" }, seen).upsert(true).await
        })
        .await;
        match wrote {
            Ok(_) => return Ok((database, written)),
            // Two nodes that start at once.
            Err(error) if error.is_duplicate() => return Ok((database, written)),
            Err(error) if error.is_refusal() && written != Written::AsServed => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the database refuses writes that wait for {written}; tried with less"
            ),
            Err(error) => return Err(error),
        }
    }
    unreachable!("the last try returns either way")
}

impl fmt::Display for Abilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({}, {})", self.product, self.version, self.topology, self.written)
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standalone => f.write_str("standalone"),
            Self::ReplicaSet(name) => write!(f, "replica set {name}"),
            Self::Sharded => f.write_str("sharded"),
        }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AsTold => "writes as the URI says",
            Self::MajorityJournalled => "majority, journal",
            Self::Majority => "majority",
            Self::AsServed => "the server's own writes",
        })
    }
}
