//! First fixes start patrols together.
//!
//! A fleet that comes on duty at once would otherwise wait for one commit a unit, one
//! after the other, and each device for its answer. Who asks first has a task wait
//! for its turn to change the records; whoever asks until then goes in the same
//! commit. Each is answered by what became of its own start.

use super::{PatrolError, Patrols, patrol_of};
use crate::{
    directory::{Changing, UnitEntry},
    ports::{Change, EngineError},
};
use parking_lot::Mutex;
use sentinel_model::{Patrol, ScopePath, Time, UnitId};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::oneshot;

type Outcome = Result<(Patrol, bool), PatrolError>;

/// Bounded by the requests that are under way: each asks for one start and waits.
#[derive(Default)]
pub struct Waiting(Mutex<Vec<Asked>>);

struct Asked {
    unit: UnitId,
    path: Option<ScopePath>,
    answer: oneshot::Sender<Outcome>,
}

/// A patrol to be committed, and who waits for it.
struct Starting {
    entry: Arc<UnitEntry>,
    path: ScopePath,
    patrol: Patrol,
    answer: oneshot::Sender<Outcome>,
    /// Further fixes of the same unit.
    others: Vec<oneshot::Sender<Outcome>>,
}

impl Patrols {
    pub(super) async fn start_together(self: &Arc<Self>, unit: &UnitId, path: Option<ScopePath>) -> Outcome {
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut waiting = self.starts.waiting.0.lock();
            waiting.push(Asked { unit: unit.clone(), path, answer });
            waiting.len() == 1
        };
        if is_first {
            // A task of its own: the others wait for it even if this request is given up.
            let patrols = self.clone();
            tokio::spawn(async move { patrols.start_all_that_wait().await });
        }
        answered.await.map_err(EngineError::during("starting a patrol"))?
    }

    async fn start_all_that_wait(&self) {
        let changing = self.directory.change().await;
        let asked = std::mem::take(&mut *self.starts.waiting.0.lock());
        let starting = self.plan(asked, self.clock.now());
        if starting.is_empty() {
            return;
        }
        let changes = starting.iter().map(|start| Change::PutPatrol(start.patrol.clone())).collect();
        let together = changing.commit(changes).await;
        if let Err(error) = &together {
            let error: &dyn std::error::Error = error;
            tracing::warn!(error, patrols = starting.len(), "could not start together; tried one by one");
        }
        for start in starting {
            let committed = match together {
                Ok(()) => Ok(()),
                // One that cannot start must not keep the others from it.
                Err(_) => changing.commit(vec![Change::PutPatrol(start.patrol.clone())]).await,
            };
            self.finish(&changing, start, committed).await;
        }
    }

    /// Answers who needs no new patrol; the rest are to be committed.
    fn plan(&self, asked: Vec<Asked>, now: Time) -> Vec<Starting> {
        let mut starting: Vec<Starting> = Vec::with_capacity(asked.len());
        let mut place: HashMap<UnitId, usize> = HashMap::with_capacity(asked.len());
        for Asked { unit, path, answer } in asked {
            if let Some(&at) = place.get(&unit) {
                starting[at].others.push(answer);
                continue;
            }
            let entry = self.directory.unit(&unit);
            let outcome = match entry {
                None => Err(PatrolError::NoUnit(unit)),
                Some(entry) => match entry.patrol {
                    Some(active) => {
                        Ok((patrol_of(&entry, active.id, active.path, active.started_at, None), false))
                    }
                    None if entry.record.patrols_managed => Err(PatrolError::NoUnit(unit)),
                    None => {
                        let path = path.unwrap_or_else(|| entry.home());
                        let patrol = patrol_of(&entry, self.starts.ids.next(now), path, now, None);
                        place.insert(unit, starting.len());
                        starting.push(Starting { entry, path, patrol, answer, others: Vec::new() });
                        continue;
                    }
                },
            };
            // Who gave up meanwhile has no use for it.
            answer.send(outcome).ok();
        }
        starting
    }

    async fn finish(&self, changing: &Changing<'_>, start: Starting, committed: Result<(), EngineError>) {
        let Starting { entry, path, patrol, answer, others } = start;
        let joined = match committed {
            Ok(()) => self.join(changing, &entry, &patrol, path).await,
            Err(error) => Err(error),
        };
        match joined {
            Ok(()) => {
                for other in others {
                    other.send(Ok((patrol.clone(), false))).ok();
                }
                answer.send(Ok((patrol, true))).ok();
            }
            // The others learn that it failed by being dropped.
            Err(error) => drop(answer.send(Err(error.into()))),
        }
    }
}
