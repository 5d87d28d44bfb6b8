//! Who looks at what workers have archived, and what was seen.

use crate::stage::{NOW, Stage};
use async_trait::async_trait;
use parking_lot::Mutex;
use sentinel_model::{Fix, UnitId};
use sentinel_server::{
    ports::EngineError,
    redis::shard::{self, SHARDS},
    worker::Looks,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

/// What all of them saw, in the order in which they did.
#[derive(Default)]
pub struct Seen {
    sights: Mutex<Vec<Sight>>,
    /// Who looks at a shard now.
    lookers: Mutex<BTreeMap<u8, String>>,
    /// Nobody can look.
    pub fails: AtomicBool,
    pub failures: AtomicUsize,
}

#[derive(Clone)]
pub struct Sight {
    pub worker: String,
    pub unit: UnitId,
    pub second: i64,
}

pub struct Looker {
    pub worker: String,
    pub seen: Arc<Seen>,
}

#[derive(Debug, thiserror::Error)]
#[error("as the test wants it")]
struct AsWanted;

#[async_trait]
impl Looks for Looker {
    fn begin(&self, shard: u8) {
        self.seen.lookers.lock().insert(shard, self.worker.clone());
    }

    async fn look(&self, unit: &UnitId, fixes: &[Fix]) -> Result<(), EngineError> {
        let looker = self.seen.lookers.lock().get(&shard::of(unit)).cloned();
        assert_eq!(looker.as_ref(), Some(&self.worker), "it has begun with the shard of {unit}");
        if self.seen.fails.load(SeqCst) {
            self.seen.failures.fetch_add(1, SeqCst);
            return Err(EngineError::new("looking", AsWanted));
        }
        let sight = |fix: &Fix| Sight {
            worker: self.worker.clone(),
            unit: unit.clone(),
            second: fix.time.ms_since(NOW) / 1000,
        };
        self.seen.sights.lock().extend(fixes.iter().map(sight));
        Ok(())
    }
}

impl Seen {
    pub fn sights(&self) -> Vec<Sight> {
        self.sights.lock().clone()
    }

    /// What was seen of each unit, in that order.
    pub fn seconds(&self) -> BTreeMap<UnitId, Vec<i64>> {
        let mut units = BTreeMap::<_, Vec<_>>::new();
        for sight in self.sights() {
            units.entry(sight.unit).or_default().push(sight.second);
        }
        units
    }
}

impl Stage {
    /// The worker that reads each shard; nothing where there is none.
    pub fn owners(&self) -> Vec<String> {
        let leases: Vec<String> = (0..SHARDS).map(|shard| format!("owner:{{{shard}}}")).collect();
        let mut get = vec!["MGET"];
        get.extend(leases.iter().map(String::as_str));
        let mut owners: Vec<String> = self.redis.cli(&get).lines().map(str::to_owned).collect();
        owners.resize(leases.len(), String::new());
        owners
    }

    /// Whether these workers, in the order of their names, have divided the shards.
    pub fn is_divided(&self, workers: &[&str]) -> bool {
        self.owners().iter().enumerate().all(|(shard, owner)| owner == workers[shard % workers.len()])
    }
}
