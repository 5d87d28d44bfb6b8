//! How the records change: one after the other, whichever node changes them.

use super::{Directory, Ended};
use crate::ports::{Change, Commit, EngineError};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How often a change is tried again because other nodes keep changing the records.
const TRIES: usize = 100;

/// The longest pause between two tries.
const APART_MAX: Duration = Duration::from_millis(5);

impl Directory {
    /// Has `on_end` called for each credential that a change ends, whichever node made it.
    /// Once; called after the change shows, so what is looked up then is as it is.
    pub fn when_ended(&self, on_end: impl Fn(&Directory, &Ended) + Send + Sync + 'static) {
        if self.on_end.set(Box::new(on_end)).is_err() {
            tracing::error!("credentials that end are told to somebody already");
        }
    }

    /// Makes a change. `decide` looks at the directory and says what is to change, or why
    /// it may not; it is asked again when another node changed the records in between, and
    /// what it refuses it refuses by the newest records. No changes commit nothing.
    pub async fn change<T, E: From<EngineError>>(
        self: &Arc<Self>,
        mut decide: impl FnMut() -> Result<(Vec<Change>, T), E>,
    ) -> Result<T, E> {
        let mut at = self.at.clone().lock_owned().await;
        for _ in 0..TRIES {
            let (changes, outcome) = match decide() {
                Ok(decided) => decided,
                Err(refusal) => match self.read_on(&mut at).await? {
                    true => continue,
                    false => return Err(refusal),
                },
            };
            if changes.is_empty() {
                return Ok(outcome);
            }
            // A task of its own: a request that is given up must not leave the registry and
            // this copy apart, nor let the next change begin before this one shows.
            let directory = self.clone();
            let committing = tokio::spawn(async move {
                let committed = directory.commit(&mut at, changes).await;
                (committed, at)
            });
            let (committed, held) = committing.await.map_err(EngineError::during("committing a change"))?;
            at = held;
            if committed? == Commit::Done {
                return Ok(outcome);
            }
            // Nodes that keep meeting get out of each other's step.
            tokio::time::sleep(APART_MAX.mul_f64(rand::random())).await;
        }
        Err(EngineError::new("committing a change", "other nodes kept changing the records").into())
    }

    /// Makes changes that hold whatever the records are.
    pub async fn put(self: &Arc<Self>, changes: Vec<Change>) -> Result<(), EngineError> {
        self.change(|| Ok((changes.clone(), ()))).await
    }

    /// Keeps every change of this process waiting while it is held.
    pub async fn hold(&self) -> impl Drop + use<> {
        self.at.clone().lock_owned().await
    }

    /// Commits and shows the changes, or shows what was committed in between.
    async fn commit(&self, at: &mut u64, changes: Vec<Change>) -> Result<Commit, EngineError> {
        let began = Instant::now();
        let committed = self.registry.commit(*at, changes.clone()).await?;
        match committed {
            Commit::Done => {
                *at += 1;
                self.show(changes);
                // Nobody else's came in between.
                self.has_read(began, *at, *at);
                if let Err(error) = self.bus.publish_records(*at).await {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "other nodes see this change only when they look");
                }
            }
            Commit::Behind => drop(self.read_on(at).await?),
        }
        Ok(committed)
    }

    /// Reads what other nodes have committed until now; answers whether there was anything.
    pub async fn catch_up(&self) -> Result<bool, EngineError> {
        let mut at = self.at.lock().await;
        self.read_on(&mut at).await
    }

    pub(super) async fn read_on(&self, at: &mut u64) -> Result<bool, EngineError> {
        let (began, told) = (Instant::now(), *self.told.borrow());
        let read = self.registry.since(*at).await;
        self.has_looked(began, read.is_ok());
        let commits = read?;
        let any = !commits.is_empty();
        for commit in commits {
            *at = commit.at;
            self.show(commit.changes);
        }
        self.has_read(began, *at, told);
        Ok(any)
    }

    fn show(&self, changes: Vec<Change>) {
        let delivers = changes.iter().any(|change| matches!(change, Change::PutDelivery(_)));
        let mut tables = self.tables.write();
        let ended: Vec<Ended> = changes.into_iter().filter_map(|change| tables.apply(change)).collect();
        drop(tables);
        if delivers {
            self.deliveries.send_replace(());
        }
        if let Some(on_end) = self.on_end.get() {
            for ended in ended {
                on_end(self, &ended);
            }
        }
    }
}
