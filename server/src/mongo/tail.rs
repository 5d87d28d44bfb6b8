//! Patrols as they are at the end of the log: the folded copies, overlaid by what the
//! commits behind them changed.
//!
//! Which patrols those are is kept in memory and read on before each use, so that a node
//! sees what others have committed. The folded copies are read first and the rest of the
//! log after that: whatever was folded meanwhile is overlaid by the same or newer.

use super::{
    connect::Mongo,
    driver::{LATER, within},
    log::{Log, LogError},
    records::PatrolDoc,
};
use crate::ports::Change;
use futures::TryStreamExt;
use mongodb::{Collection, bson::Document};
use sentinel_model::{Patrol, PatrolId};
use std::collections::{BTreeMap, HashMap};
use tokio::sync::{Mutex, MutexGuard};

/// The memory forgets what is folded when it has grown to this.
const REMEMBERED: usize = 1000;

/// How often reading begins anew because the memory was cut short meanwhile.
const TRIES: usize = 10;

pub struct Patrols {
    folded: Collection<PatrolDoc>,
    tail: Mutex<Option<Tail>>,
}

struct Tail {
    /// Everything up to here is folded.
    base: u64,
    /// Everything up to here is in `patrols` or folded.
    at: u64,
    /// Those that a commit after `base` changed, with its number.
    patrols: HashMap<PatrolId, (u64, Patrol)>,
}

impl Patrols {
    pub const FOLDED: &str = "patrols";

    pub fn new(mongo: &Mongo) -> Self {
        Self { folded: mongo.settled_collection(Self::FOLDED), tail: Mutex::new(None) }
    }

    pub fn folded(&self) -> &Collection<PatrolDoc> {
        &self.folded
    }

    /// The patrols for which `holds` holds, and the commit at which it does. `filter` says
    /// the same of the folded ones.
    pub async fn find(
        &self,
        log: &Log,
        filter: Document,
        holds: impl Fn(&Patrol) -> bool,
    ) -> Result<(u64, BTreeMap<PatrolId, Patrol>), LogError> {
        for _ in 0..TRIES {
            let base = self.base(log).await?;
            let mut found = self.find_folded(filter.clone()).await?;
            let tail = self.read_on(log).await?;
            let Some(tail) = tail.as_ref().filter(|tail| tail.base == base) else { continue };
            for (id, (_, patrol)) in &tail.patrols {
                if holds(patrol) {
                    found.insert(*id, patrol.clone());
                } else {
                    found.remove(id);
                }
            }
            return Ok((tail.at, found));
        }
        Err(LogError::Restless)
    }

    pub async fn find_folded(&self, filter: Document) -> Result<BTreeMap<PatrolId, Patrol>, LogError> {
        let folded = self.folded.clone();
        let docs: Vec<PatrolDoc> =
            within(LATER, async move { folded.find(filter).await?.try_collect().await }).await?;
        let patrols = docs.into_iter().map(|doc| doc.into_fields().read());
        Ok(patrols.map(|read| read.map(|patrol| (patrol.id, patrol))).collect::<Result<_, _>>()?)
    }

    /// How far the memory leaves it to the folded copies.
    async fn base(&self, log: &Log) -> Result<u64, LogError> {
        let mut held = self.tail.lock().await;
        let full = held.as_ref().is_none_or(|tail| tail.patrols.len() >= REMEMBERED);
        if full {
            let folded = log.folded().await?;
            match held.as_mut() {
                Some(tail) if tail.at >= folded => {
                    tail.base = tail.base.max(folded);
                    tail.patrols.retain(|_, (n, _)| *n > folded);
                }
                _ => *held = Some(Tail { base: folded, at: folded, patrols: HashMap::new() }),
            }
        }
        Ok(held.as_ref().map_or(0, |tail| tail.base))
    }

    /// The memory, up to the end of the log.
    async fn read_on(&self, log: &Log) -> Result<MutexGuard<'_, Option<Tail>>, LogError> {
        let mut held = self.tail.lock().await;
        let Some(tail) = held.as_mut() else { return Ok(held) };
        match log.since(tail.at).await {
            Ok(commits) => {
                for commit in commits {
                    tail.at = commit.at;
                    for change in commit.changes {
                        if let Change::PutPatrol(patrol) = change {
                            tail.patrols.insert(patrol.id, (commit.at, patrol));
                        }
                    }
                }
            }
            // All of that is folded: begin anew with the copies.
            Err(LogError::Gone(_)) => *held = None,
            Err(error) => return Err(error),
        }
        Ok(held)
    }
}
