//! Where the engines are that many nodes share.

use crate::redis::{Address, QueueLimits};
use anyhow::Context as _;
use std::{fmt, time::Duration};

/// How long a unit is found nearby after its last position.
pub const POSITION_TTL: Duration = Duration::from_secs(300);

#[derive(Debug, Clone)]
pub struct Shared {
    pub redis: Address,
    pub mongodb: MongoUri,
    pub position_ttl: Duration,
    /// How long history is kept; none keeps it for ever.
    pub retention: Option<Duration>,
    /// Take a Redis that may lose what it answered.
    pub allow_volatile_redis: bool,
    /// Posts that may wait in Redis for the archive.
    pub backlog: u64,
}

/// A connection string, shown without what is before its `@`.
#[derive(Clone, PartialEq, Eq)]
pub struct MongoUri(String);

impl MongoUri {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MongoUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.split_once("://"), self.0.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, place))) => write!(f, "{scheme}://…@{place}"),
            _ => f.write_str(&self.0),
        }
    }
}

/// What flags, variables or a file say of it.
#[derive(Debug, Clone, Default)]
pub struct Given {
    pub redis_url: Option<String>,
    pub mongodb_url: Option<String>,
    pub position_ttl: Option<u64>,
    pub retention_days: Option<u32>,
    pub allow_volatile_redis: Option<bool>,
    pub backlog: Option<u64>,
}

impl Given {
    /// What is not given here is taken from there.
    pub fn or(self, other: Self) -> Self {
        Self {
            redis_url: self.redis_url.or(other.redis_url),
            mongodb_url: self.mongodb_url.or(other.mongodb_url),
            position_ttl: self.position_ttl.or(other.position_ttl),
            retention_days: self.retention_days.or(other.retention_days),
            allow_volatile_redis: self.allow_volatile_redis.or(other.allow_volatile_redis),
            backlog: self.backlog.or(other.backlog),
        }
    }

    /// Both addresses or none: what Redis takes in is kept by MongoDB.
    pub fn settle(self) -> anyhow::Result<Option<Shared>> {
        let (redis, mongodb) = match (self.redis_url, self.mongodb_url) {
            (None, None) => return Ok(None),
            (Some(redis), Some(mongodb)) => (redis, mongodb),
            (Some(_), None) => {
                anyhow::bail!(
                    "--redis-url needs --mongodb-url beside it: positions and records are kept there"
                )
            }
            (None, Some(_)) => anyhow::bail!("--mongodb-url needs --redis-url beside it: nodes meet there"),
        };
        let is_mongo = mongodb.starts_with("mongodb://") || mongodb.starts_with("mongodb+srv://");
        anyhow::ensure!(
            is_mongo,
            "--mongodb-url does not look like mongodb://host:27017/sentinel or mongodb+srv://host/sentinel"
        );
        anyhow::ensure!(self.position_ttl != Some(0), "--position-ttl must be at least 1 second");
        anyhow::ensure!(self.retention_days != Some(0), "--retention-days must be at least 1");
        anyhow::ensure!(self.backlog != Some(0), "--backlog must be at least 1 post");
        Ok(Some(Shared {
            redis: redis.parse().context("--redis-url")?,
            mongodb: MongoUri(mongodb),
            position_ttl: self.position_ttl.map_or(POSITION_TTL, Duration::from_secs),
            retention: self.retention_days.map(days),
            allow_volatile_redis: self.allow_volatile_redis.unwrap_or(false),
            backlog: self.backlog.unwrap_or(QueueLimits::default().backlog),
        }))
    }
}

pub fn days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(redis: Option<&str>, mongodb: Option<&str>) -> Result<Option<Shared>, String> {
        let given = Given {
            redis_url: redis.map(Into::into),
            mongodb_url: mongodb.map(Into::into),
            ..Given::default()
        };
        given.settle().map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn both_addresses_or_none() {
        assert!(matches!(of(None, None), Ok(None)));
        let both = of(Some("redis://h"), Some("mongodb://u:p@h/db")).expect("reads").expect("both");
        assert_eq!(format!("{both:?}").matches("u:p").count(), 0, "a password is not shown");
        let error = of(Some("redis://h"), None).expect_err("one alone");
        assert!(error.contains("--mongodb-url"), "{error}");
        let error = of(None, Some("mongodb://h")).expect_err("one alone");
        assert!(error.contains("--redis-url"), "{error}");
        assert_eq!(both.backlog, 200_000);
        let error = of(Some("h:6379"), Some("mongodb://h")).expect_err("no address");
        assert!(error.contains("--redis-url") && error.contains("redis://host:6379"), "{error}");
        let error = of(Some("redis://h"), Some("postgres://secret@h")).expect_err("no address");
        assert!(error.contains("mongodb://") && !error.contains("secret"), "{error}");
    }
}
