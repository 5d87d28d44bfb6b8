//! How the records change: one after the other, whichever node changes them.

use super::{Directory, Ended};
use crate::ports::{Change, Commit, EngineError};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// How often a change is tried again because other nodes keep changing the records.
const TRIES: usize = 100;

/// The longest pause between two tries.
const APART_MAX: Duration = Duration::from_millis(5);

/// The records are looked at this often even if no other node has told of a commit.
const LOOK_EVERY: Duration = Duration::from_secs(2);

impl Directory {
    /// Has `on_end` called for each credential that a change ends, whichever node made it.
    /// Once; called after the change shows, so what is looked up then is as it is.
    pub fn when_ended(&self, on_end: impl Fn(&Directory, &Ended) + Send + Sync + 'static) {
        if self.on_end.set(Box::new(on_end)).is_err() {
            tracing::error!("credentials that end are told to somebody already");
        }
    }

    /// Makes a change. `decide` looks at the directory and says what is to change, or why
    /// it may not; it is asked again when another node changed the records in between. No
    /// changes commit nothing.
    pub async fn change<T, E: From<EngineError>>(
        self: &Arc<Self>,
        mut decide: impl FnMut() -> Result<(Vec<Change>, T), E>,
    ) -> Result<T, E> {
        let mut at = self.at.clone().lock_owned().await;
        for _ in 0..TRIES {
            let (changes, outcome) = decide()?;
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
        let committed = self.registry.commit(*at, changes.clone()).await?;
        match committed {
            Commit::Done => {
                *at += 1;
                self.show(changes);
                if let Err(error) = self.bus.publish_records(*at).await {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "other nodes see this change only when they look");
                }
            }
            Commit::Behind => self.read_on(at).await?,
        }
        Ok(committed)
    }

    /// Reads what other nodes have committed until now.
    pub async fn catch_up(&self) -> Result<(), EngineError> {
        let mut at = self.at.lock().await;
        self.read_on(&mut at).await
    }

    async fn read_on(&self, at: &mut u64) -> Result<(), EngineError> {
        for commit in self.registry.since(*at).await? {
            *at = commit.at;
            self.show(commit.changes);
        }
        Ok(())
    }

    fn show(&self, changes: Vec<Change>) {
        let mut tables = self.tables.write();
        let ended: Vec<Ended> = changes.into_iter().filter_map(|change| tables.apply(change)).collect();
        drop(tables);
        if let Some(on_end) = self.on_end.get() {
            for ended in ended {
                on_end(self, &ended);
            }
        }
    }

    /// Says that another node has committed.
    pub fn hear_of(&self, at: u64) {
        self.told.send_if_modified(|told| at > std::mem::replace(told, at.max(*told)));
    }

    /// Keeps this copy like the records, whichever node changes them.
    pub async fn follow(&self, stop: CancellationToken) {
        let mut told = self.told.subscribe();
        loop {
            tokio::select! {
                _ = told.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.catch_up().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what other nodes changed could not be read; tried again"
                );
                tokio::time::sleep(LOOK_EVERY / 4).await;
            }
        }
    }
}
