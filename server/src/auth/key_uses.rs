//! When each key was last used. Noted here at every use, and in the records once a minute:
//! what a process that is killed had not written yet is forgotten.

use crate::ports::{EngineError, Registry};
use dashmap::DashMap;
use sentinel_model::Time;
use std::{
    collections::HashMap,
    sync::atomic::{AtomicI64, Ordering::Relaxed},
};

/// One entry a key, of those used since the process began.
#[derive(Default)]
pub struct KeyUses(DashMap<String, Use>);

struct Use {
    last_ms: AtomicI64,
    written_ms: AtomicI64,
}

impl KeyUses {
    pub fn used(&self, key: &str, now: Time) {
        if let Some(held) = self.0.get(key) {
            held.last_ms.fetch_max(now.ms(), Relaxed);
            return;
        }
        let first = || Use { last_ms: AtomicI64::new(now.ms()), written_ms: AtomicI64::new(i64::MIN) };
        self.0.entry(key.to_owned()).or_insert_with(first).last_ms.fetch_max(now.ms(), Relaxed);
    }

    /// Writes what was used since it was written last. For whoever does it once a minute, and
    /// at the end.
    pub async fn write(&self, registry: &dyn Registry) {
        if let Err(error) = self.try_to_write(registry).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "when keys were last used could not be written; tried again in a minute");
        }
    }

    async fn try_to_write(&self, registry: &dyn Registry) -> Result<(), EngineError> {
        let used_since = self.0.iter().filter_map(|held| {
            let last_ms = held.last_ms.load(Relaxed);
            (last_ms > held.written_ms.load(Relaxed)).then(|| (held.key().clone(), Time(last_ms)))
        });
        let uses: Vec<(String, Time)> = used_since.collect();
        if uses.is_empty() {
            return Ok(());
        }
        registry.note_key_uses(uses.clone()).await?;
        for (key, at) in uses {
            if let Some(held) = self.0.get(&key) {
                held.written_ms.fetch_max(at.ms(), Relaxed);
            }
        }
        Ok(())
    }

    /// When each was last used, here or as far as any node has written it.
    pub async fn read(&self, registry: &dyn Registry) -> HashMap<String, Time> {
        let mut uses = registry.key_uses().await.unwrap_or_else(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "keys are shown with when they were last used here");
            HashMap::new()
        });
        for held in &self.0 {
            let here = Time(held.last_ms.load(Relaxed));
            let at = uses.entry(held.key().clone()).or_insert(here);
            *at = here.max(*at);
        }
        uses
    }
}
