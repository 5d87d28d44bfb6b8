//! The engines that many nodes share: Redis and MongoDB.

use super::{duty::HOUSEKEEPING, engines::Engines};
use crate::{
    config::Shared,
    mongo::{Mongo, MongoArchive, MongoRegistry},
    ports::{Condition, EngineError, EraseError, Erased, Erasure, Health},
    redis::{
        Link, QueueLimits, RedisBus, RedisIntake, RedisPositions, RedisRooms, Seeker, await_archived,
        check_version, drop_dead, seek_lease,
    },
    worker::QueueTrouble,
};
use async_trait::async_trait;
use sentinel_model::UnitId;
use std::{sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What a node and a worker have alike.
pub struct Base {
    pub link: Link,
    pub mongo: Mongo,
    pub registry: Arc<MongoRegistry>,
    pub archive: Arc<MongoArchive>,
    pub bus: Arc<RedisBus>,
    pub rooms: Arc<RedisRooms>,
    pub positions: Arc<RedisPositions>,
}

impl Base {
    pub async fn open(
        shared: &Shared,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Self, EngineError> {
        let (mongo, link) = connect(shared, tasks, stop).await?;
        let archive = MongoArchive::open(&mongo, shared.retention).await?;
        Self::over(mongo, link, archive, shared, tasks, stop).await
    }

    /// For a command beside nodes and workers: how long history is kept is theirs to say.
    pub async fn visit(
        shared: &Shared,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Self, EngineError> {
        let (mongo, link) = connect(shared, tasks, stop).await?;
        let archive = MongoArchive::visit(&mongo).await?;
        Self::over(mongo, link, archive, shared, tasks, stop).await
    }

    async fn over(
        mongo: Mongo,
        link: Link,
        archive: MongoArchive,
        shared: &Shared,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Self, EngineError> {
        let bus = Arc::new(RedisBus::start(&shared.redis, link.clone(), tasks, stop.clone())?);
        bus.up().await?;
        let (watched, watching) = (mongo.clone(), stop.clone());
        tasks.spawn(async move { watched.watch(watching).await });
        Ok(Self {
            registry: Arc::new(MongoRegistry::open(&mongo).await?),
            archive: Arc::new(archive),
            bus,
            rooms: Arc::new(RedisRooms::new(link.clone(), shared.redis.is_cluster())),
            positions: Arc::new(RedisPositions::start(link.clone(), shared.position_ttl, tasks, stop)),
            link,
            mongo,
        })
    }

    /// For a node, which also takes positions in.
    pub async fn into_engines(
        self,
        shared: &Shared,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Engines, EngineError> {
        let limits = QueueLimits {
            allow_volatile: shared.allow_volatile_redis,
            backlog: shared.backlog,
            ..QueueLimits::default()
        };
        let on_duty = seek_lease(HOUSEKEEPING, Seeker::StandIn, self.link.clone(), tasks, stop.clone());
        let erasure = Erasing { link: self.link.clone(), archive: self.archive.clone() };
        let intake = Arc::new(RedisIntake::start(self.link, limits, tasks, stop.clone()).await?);
        let health = NodeHealth { intake: intake.clone(), bus: self.bus.clone(), mongo: self.mongo };
        Ok(Engines {
            registry: self.registry.clone(),
            outbox: self.registry.clone(),
            intake,
            archive: self.archive,
            bus: self.bus,
            rooms: self.rooms,
            positions: self.positions,
            markers: None,
            erasure: Arc::new(erasure),
            health: Arc::new(health),
            on_duty: Some(on_duty),
            memory: self.registry.clone(),
            silence: None,
            folder: None,
        })
    }
}

/// To both at once: whoever has given two wrong addresses hears of both.
async fn connect(
    shared: &Shared,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<(Mongo, Link), EngineError> {
    let redis = async {
        let link = Link::open(&shared.redis, tasks, stop.clone()).await?;
        check_version(&link).await?;
        Ok(link)
    };
    match tokio::join!(Mongo::connect(shared.mongodb.as_str(), None), redis) {
        (Ok(mongo), Ok(link)) => Ok((mongo, link)),
        (Err(mongo), Err(redis)) => {
            let redis: &dyn std::error::Error = &redis;
            tracing::error!(error = redis, "Redis is not there either");
            Err(mongo)
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
    }
}

/// Of a unit: what waits is waited for, then all of it goes.
pub struct Erasing {
    pub link: Link,
    pub archive: Arc<MongoArchive>,
}

/// How long what waits for the archive is waited for: less than a request has.
const ARCHIVED_WITHIN: Duration = Duration::from_secs(40);

#[async_trait]
impl Erasure for Erasing {
    async fn erase(&self, unit: &UnitId) -> Result<Erased, EraseError> {
        const WHAT: &str = "erasing what waits of a unit";
        let archived = await_archived(&self.link, unit, ARCHIVED_WITHIN).await;
        if !archived.map_err(EngineError::during(WHAT))? {
            return Err(EraseError::Waits);
        }
        let fixes = self.archive.erase(unit).await?;
        let given_up = drop_dead(&self.link, unit).await.map_err(EngineError::during(WHAT))?;
        Ok(Erased { fixes, given_up })
    }
}

struct NodeHealth {
    intake: Arc<RedisIntake>,
    bus: Arc<RedisBus>,
    mongo: Mongo,
}

/// A worker's: without Redis or the database it waits, and nothing is lost by that.
pub struct WorkerHealth {
    pub bus: Arc<RedisBus>,
    pub mongo: Mongo,
    pub queue: Arc<QueueTrouble>,
}

impl Health for WorkerHealth {
    fn condition(&self) -> Condition {
        let redis = self.bus.trouble().map(|trouble| format!("{trouble}: the queue waits"));
        let database =
            (!self.mongo.is_reached()).then(|| "MongoDB cannot be reached: the queue waits".to_owned());
        let trouble = redis.or_else(|| self.queue.words()).or(database);
        Condition { engines: self.mongo.describe(), trouble, degraded: Vec::new() }
    }
}

impl Health for NodeHealth {
    fn condition(&self) -> Condition {
        let cut_off = |trouble| format!("{trouble}: positions are refused and nothing moves");
        let trouble = self.bus.trouble().map(cut_off).or_else(|| self.intake.trouble());
        let mut degraded = self.intake.degraded();
        if !self.mongo.is_reached() {
            degraded.push(
                "MongoDB cannot be reached: positions are taken and shown; history and changes of records wait"
                    .to_owned(),
            );
        }
        let engines = format!("{}, {}", self.intake.describe(), self.mongo.describe());
        Condition { engines, trouble, degraded }
    }
}
