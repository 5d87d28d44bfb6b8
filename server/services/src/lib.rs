//! Starts the real services that tests and load runs need: on free ports, in temporary folders,
//! gone when dropped, and gone as well when the process that started them is killed.
//!
//! - [`Redis`], [`RedisCluster`], [`RedisSentinel`]: redis-server with an append-only file.
//! - [`Mongo`]: a server that speaks MongoDB's protocol; [`Database`]: a fresh database on one.
//! - `server`: one process with its folder, its port, its watchdog; `port`, `installed`: what it needs.
//!
//! Tests call the functions of this module. A program that is not installed skips the test, loudly:
//!
//! ```no_run
//! # fn main() {
//! let Some(redis) = sentinel_services::redis() else { return };
//! println!("{}", redis.url());
//! # }
//! ```
//!
//! One that is installed and does not start fails the test.

mod installed;
mod mongo;
mod port;
mod redis;
mod redis_cluster;
mod redis_sentinel;
mod server;

pub use mongo::{Database, Kind, Mongo};
pub use port::free as free_port;
pub use redis::{Appendfsync, Redis, RedisOptions};
pub use redis_cluster::RedisCluster;
pub use redis_sentinel::RedisSentinel;

use std::{ffi::OsString, io::Write as _};

/// A Redis of the test's own.
pub fn redis() -> Option<Redis> {
    redis_with(RedisOptions::default())
}

/// A Redis of the test's own, set up as the test wants it.
pub fn redis_with(options: RedisOptions) -> Option<Redis> {
    started("redis-server", Redis::installed(), || Redis::start(options))
}

/// Three Redis masters of the test's own; they take two to five seconds to agree.
pub fn redis_cluster() -> Option<RedisCluster> {
    started("redis-server", Redis::installed(), RedisCluster::start)
}

/// A Redis master of the test's own with a replica, watched over by a Redis Sentinel.
pub fn redis_sentinel() -> Option<RedisSentinel> {
    started("redis-server", Redis::installed(), RedisSentinel::start)
}

/// A fresh database on whatever speaks MongoDB's protocol: `TEST_MONGODB_URI` where it is set, else
/// FerretDB, else mongo-java-server; the two are started once for all tests of a process.
pub fn mongo() -> Option<Database> {
    let kind = [Kind::FerretDb, Kind::JavaServer].into_iter().find(|kind| kind.installed());
    mongo_of(kind.unwrap_or(Kind::FerretDb))
}

/// A fresh database on a server of this kind, which the tests of a process share. Where
/// `TEST_MONGODB_URI` is set, that server takes the place of every kind.
pub fn mongo_of(kind: Kind) -> Option<Database> {
    let real = mongo::named_by_environment();
    started(kind.name(), real.is_some() || kind.installed(), || match real {
        Some(uri) => Ok(Database::on(&uri)),
        None => Mongo::shared(kind).map(Mongo::shared_database),
    })
}

/// A server of the test's own, for tests that kill it: never the one of `TEST_MONGODB_URI`.
pub fn own_mongo(kind: Kind) -> Option<Mongo> {
    started(kind.name(), kind.installed(), || Mongo::start(kind))
}

/// The same, with more arguments on the server's command line.
pub fn own_mongo_with(kind: Kind, more: Vec<OsString>) -> Option<Mongo> {
    started(kind.name(), kind.installed(), || Mongo::start_with(kind, more))
}

fn started<T>(needs: &str, installed: bool, start: impl FnOnce() -> anyhow::Result<T>) -> Option<T> {
    if !installed {
        skip(&format!("{needs}: run ./setup.sh"));
        return None;
    }
    Some(start().unwrap_or_else(|error| panic!("{error:#}")))
}

/// Says that the test which runs on this thread does not happen. `end2end/build/count.mjs` counts these
/// lines, so each stands for one test, which then returns. Past the test harness's capture, which would
/// swallow the words of a test that "passes".
pub fn skip(needs: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("unnamed");
    let line = format!("SKIPPED: {test} needs {needs}\n");
    // Where even stderr is gone there is nobody to tell.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
