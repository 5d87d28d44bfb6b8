//! What an answer of Redis is worth: whether what it takes is written to disk and kept.
//!
//! Looked at when Sentinel starts and every few seconds, as an operator may change it while
//! both run. What managed services hide is shown as unknown.

use super::link::Link;
use crate::ports::EngineError;
use parking_lot::Mutex;
use redis::{RedisResult, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Settings {
    version: String,
    appendonly: bool,
    appendfsync: Option<String>,
    last_write_failed: bool,
    maxmemory: u64,
    policy: String,
    replicas: u64,
    /// Whether it refuses writes that no replica would get: min-replicas-to-write is not 0.
    needs_replicas: bool,
}

impl Settings {
    fn read(info: &str, appendfsync: Option<String>) -> Self {
        let said: BTreeMap<&str, &str> =
            info.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
        let text = |name: &str| said.get(name).copied().unwrap_or("unknown").to_owned();
        Self {
            version: text("redis_version"),
            appendonly: text("aof_enabled") == "1",
            appendfsync,
            last_write_failed: text("aof_last_write_status") == "err",
            maxmemory: text("maxmemory").parse().unwrap_or(0),
            policy: text("maxmemory_policy"),
            replicas: text("connected_slaves").parse().unwrap_or(0),
            // Told where the setting is not 0 alone; also where CONFIG is refused.
            needs_replicas: said.contains_key("min_slaves_good_slaves"),
        }
    }

    fn shown(&self) -> String {
        let Self { version, appendonly, appendfsync, policy, .. } = self;
        let (appendonly, appendfsync) =
            (if *appendonly { "yes" } else { "no" }, appendfsync.as_deref().unwrap_or("unknown"));
        format!("{version} (appendonly {appendonly}, appendfsync {appendfsync}, maxmemory-policy {policy})")
    }

    /// What an operator may have chosen, at the price of what was answered.
    fn is_volatile(&self) -> Option<String> {
        if !self.appendonly {
            return Some(
                "Redis keeps what it answered in memory only, so a restart loses it: set appendonly yes"
                    .into(),
            );
        }
        let evicts = self.maxmemory > 0 && !["noeviction", "unknown"].contains(&self.policy.as_str());
        evicts.then(|| {
            format!(
                "Redis may drop what waits in it when its memory is full (maxmemory-policy {}): \
                 set maxmemory-policy noeviction",
                self.policy
            )
        })
    }

    /// What an operator should know, though it is no reason to refuse anything.
    fn weaknesses(&self) -> impl Iterator<Item = &'static str> {
        let unlimited = (self.maxmemory == 0).then_some(UNLIMITED);
        let forgetful = (self.replicas > 0 && !self.needs_replicas).then_some(FORGETFUL);
        unlimited.into_iter().chain(forgetful)
    }
}

const UNLIMITED: &str = "Redis has no maxmemory: what waits in it while the workers are away may fill the \
    machine's memory, and then the system ends it; set maxmemory";
const FORGETFUL: &str = "a failover of Redis may lose what was answered just before, and all that a master \
    answers that is cut off from its replicas: set min-replicas-to-write 1";

#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
    #[error("{0}, or start with --allow-volatile-redis")]
    Volatile(String),
}

pub struct Durability {
    allow_volatile: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    described: String,
    volatile: Option<String>,
    trouble: Option<String>,
    weaknesses: BTreeSet<&'static str>,
}

impl Durability {
    /// Looks, and refuses a Redis that would lose what it answered, unless that is allowed.
    pub async fn check(link: &Link, allow_volatile: bool) -> Result<Self, EngineError> {
        let durability = Self { allow_volatile, seen: Mutex::default() };
        let checking = async {
            durability.see(look(link).await?);
            let volatile = durability.seen.lock().volatile.clone();
            match volatile {
                Some(words) if !allow_volatile => Err(LookError::Volatile(words)),
                Some(words) => {
                    tracing::warn!("{words}; it is taken as it is, as --allow-volatile-redis says");
                    Ok(())
                }
                None => Ok(()),
            }
        };
        checking.await.map_err(EngineError::during("looking at how Redis keeps what it answers"))?;
        Ok(durability)
    }

    pub fn described(&self) -> String {
        self.seen.lock().described.clone()
    }

    pub fn trouble(&self) -> Option<String> {
        self.seen.lock().trouble.clone()
    }

    /// What it does not survive by an operator's choice.
    pub fn weaknesses(&self) -> Vec<String> {
        self.seen.lock().weaknesses.iter().map(|words| (*words).to_owned()).collect()
    }

    fn see(&self, servers: Vec<Settings>) {
        let weaknesses: BTreeSet<_> = servers.iter().flat_map(Settings::weaknesses).collect();
        for new in weaknesses.difference(&self.seen.lock().weaknesses) {
            tracing::warn!("{new}");
        }
        let failing = servers.iter().any(|server| server.last_write_failed);
        let failing = failing.then(|| "Redis could not write its append-only file: see its log".to_owned());
        let volatile = servers.iter().find_map(Settings::is_volatile);
        let trouble = failing.or_else(|| volatile.clone().filter(|_| !self.allow_volatile));
        *self.seen.lock() = Seen { described: describe(&servers), volatile, trouble, weaknesses };
    }

    pub async fn watch(&self, link: &Link, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => return,
            }
            // Where Redis is away that is what the connection's keeper says.
            let Ok(servers) = look(link).await else { continue };
            let before = self.trouble();
            self.see(servers);
            let after = self.trouble();
            match (before, after) {
                (before, Some(trouble)) if before.as_ref() != Some(&trouble) => tracing::error!("{trouble}"),
                (Some(_), None) => tracing::info!("Redis keeps what it answers again"),
                _ => {}
            }
        }
    }
}

/// Says what Redis would lose, where nothing depends on it: a worker only makes that less.
pub async fn warn_of_volatile(link: &Link) {
    if let Ok(servers) = look(link).await
        && let Some(words) = servers.iter().find_map(Settings::is_volatile)
    {
        tracing::warn!("{words}");
    }
}

fn describe(servers: &[Settings]) -> String {
    let mut kinds: Vec<String> = servers.iter().map(Settings::shown).collect();
    kinds.sort();
    kinds.dedup();
    let cluster = if servers.len() > 1 { format!("cluster of {}: ", servers.len()) } else { String::new() };
    format!("redis {cluster}{}", kinds.join(" and "))
}

/// Of each server that takes writes.
async fn look(link: &Link) -> RedisResult<Vec<Settings>> {
    let mut config = redis::cmd("CONFIG");
    config.arg("GET").arg("appendfsync");
    let (infos, mut configs) = (link.ask_masters(redis::cmd("INFO")).await?, link.ask_masters(config).await);
    let read = |(address, info): (String, Value)| {
        let config = configs.as_mut().ok().and_then(|configs| configs.remove(&address)).unwrap_or(Value::Nil);
        let config = redis::from_redis_value::<BTreeMap<String, String>>(config);
        let info: String = redis::from_redis_value(info)?;
        Ok(Settings::read(&info, setting(config.map_err(Into::into))))
    };
    infos.into_iter().map(read).collect()
}

/// Unknown where CONFIG is refused, as managed services do.
fn setting(config: RedisResult<BTreeMap<String, String>>) -> Option<String> {
    config.ok()?.remove("appendfsync")
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Server\r\nredis_version:7.0.15\r\n\r\n# Memory\r\nmaxmemory:1000\r\n\
        maxmemory_policy:noeviction\r\naof_enabled:1\r\naof_last_write_status:ok\r\n";

    fn seen(info: &str, allow_volatile: bool) -> Durability {
        let durability = Durability { allow_volatile, seen: Mutex::default() };
        durability.see(vec![Settings::read(info, Some("everysec".into()))]);
        durability
    }

    #[test]
    fn it_says_what_an_answer_is_worth() {
        let good = seen(INFO, false);
        let words = "redis 7.0.15 (appendonly yes, appendfsync everysec, maxmemory-policy noeviction)";
        assert_eq!((good.described().as_str(), good.trouble()), (words, None));
        let hidden = Settings::read(INFO, None);
        assert_eq!(
            describe(&[hidden.clone(), hidden.clone()]),
            "redis cluster of 2: 7.0.15 (appendonly yes, appendfsync unknown, maxmemory-policy noeviction)"
        );
        let other = Settings { appendonly: false, ..hidden.clone() };
        assert!(
            describe(&[other, hidden])
                .contains("appendonly no, appendfsync unknown, maxmemory-policy noeviction) and 7")
        );
    }

    #[test]
    fn what_a_failover_or_a_full_machine_would_lose_is_named() {
        let weak = |info: &str| seen(info, false).weaknesses().join(" ");
        assert_eq!(weak(INFO), "");
        let unlimited = weak(&INFO.replace("maxmemory:1000", "maxmemory:0"));
        assert!(unlimited.contains("set maxmemory") && !unlimited.contains("failover"), "{unlimited}");
        let followed = format!("{INFO}# Replication\r\nrole:master\r\nconnected_slaves:1\r\n");
        let forgetful = weak(&followed);
        assert!(
            forgetful.contains("min-replicas-to-write") && !forgetful.contains("maxmemory"),
            "{forgetful}"
        );
        assert_eq!(weak(&format!("{followed}min_slaves_good_slaves:1\r\n")), "");
    }

    #[test]
    fn what_would_lose_what_was_answered_is_trouble_unless_allowed() {
        let evicting = INFO.replace("noeviction", "allkeys-lru");
        for (info, words) in [
            (INFO.replace("aof_enabled:1", "aof_enabled:0"), "set appendonly yes"),
            (evicting.clone(), "set maxmemory-policy noeviction"),
        ] {
            let trouble = seen(&info, false).trouble().expect("trouble");
            assert!(trouble.contains(words), "{trouble}");
            assert_eq!(seen(&info, true).trouble(), None);
        }
        let unlimited = evicting.replace("maxmemory:1000", "maxmemory:0");
        assert_eq!(seen(&unlimited, false).trouble(), None, "without a limit nothing is dropped");
        let failing = INFO.replace("status:ok", "status:err");
        assert!(seen(&failing, true).trouble().is_some_and(|words| words.contains("append-only file")));
    }
}
