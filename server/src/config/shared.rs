//! Where the engines are that many nodes share.

use crate::redis::Address;
use anyhow::Context as _;
use std::{fmt, time::Duration};

/// How long a unit is found nearby after its last position.
pub const POSITION_TTL: Duration = Duration::from_secs(300);

#[derive(Debug, Clone)]
pub struct Shared {
    pub redis: Address,
    pub mongodb: MongoUri,
    pub position_ttl: Duration,
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

impl Shared {
    /// Both addresses or none: what Redis takes in is kept by MongoDB.
    pub fn of(
        redis: Option<String>,
        mongodb: Option<String>,
        position_ttl: Option<u64>,
    ) -> anyhow::Result<Option<Self>> {
        let (redis, mongodb) = match (redis, mongodb) {
            (None, None) => return Ok(None),
            (Some(redis), Some(mongodb)) => (redis, mongodb),
            (Some(_), None) => anyhow::bail!(
                "--redis-url needs --mongodb-url beside it: positions and records are kept there"
            ),
            (None, Some(_)) => anyhow::bail!("--mongodb-url needs --redis-url beside it: nodes meet there"),
        };
        let is_mongo = mongodb.starts_with("mongodb://") || mongodb.starts_with("mongodb+srv://");
        anyhow::ensure!(
            is_mongo,
            "the MongoDB address does not look like mongodb://host:27017/sentinel or mongodb+srv://host/sentinel"
        );
        Ok(Some(Self {
            redis: redis.parse().context("--redis-url")?,
            mongodb: MongoUri(mongodb),
            position_ttl: position_ttl.map_or(POSITION_TTL, Duration::from_secs),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(redis: Option<&str>, mongodb: Option<&str>) -> Result<Option<Shared>, String> {
        Shared::of(redis.map(Into::into), mongodb.map(Into::into), None).map_err(|error| format!("{error:#}"))
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
        let error = of(Some("h:6379"), Some("mongodb://h")).expect_err("no address");
        assert!(error.contains("--redis-url") && error.contains("redis://host:6379"), "{error}");
        let error = of(Some("redis://h"), Some("postgres://secret@h")).expect_err("no address");
        assert!(error.contains("mongodb://") && !error.contains("secret"), "{error}");
    }
}
