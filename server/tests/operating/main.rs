//! What operators do: move house, put balancers in front, run units of the service manager.

mod answers;
mod balancer;
mod balancers;
mod database_away;
mod household;
mod letters;
mod moving;
mod people_ask;
mod program;
mod refusals;
mod site;
mod units;
mod viewer;
mod webhooks;

use sentinel_services::{Database, Kind, Mongo, Redis};
use std::path::Path;

/// The engines that nodes share, on servers of the test's own.
struct Shared {
    redis: Redis,
    mongo: Database,
}

impl Shared {
    /// With the database on this server.
    fn on(mongo: &Mongo) -> Option<Self> {
        Some(Self { redis: sentinel_services::redis()?, mongo: mongo.database() })
    }

    fn start() -> Option<Self> {
        // Much is asked of history: of a server that reads by index.
        let mongo = sentinel_services::mongo_of(Kind::JavaServer)?;
        Some(Self { redis: sentinel_services::redis()?, mongo })
    }

    fn flags(&self) -> Vec<String> {
        let url = |flag: &str, url: &str| [flag.to_owned(), url.to_owned()];
        [url("--redis-url", &self.redis.url()), url("--mongodb-url", self.mongo.uri())].concat()
    }
}

/// One installation of many processes at a time, or a small machine's balancers find all of its
/// nodes too slow.
async fn alone() -> tokio::sync::MutexGuard<'static, ()> {
    static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    ALONE.lock().await
}

fn of_folder(folder: &Path) -> Vec<String> {
    vec!["--data".into(), folder.display().to_string()]
}
