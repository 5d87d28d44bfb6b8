//! First fixes start patrols together.
//!
//! A fleet that comes on duty at once would otherwise wait for one commit a unit, one
//! after the other, and each device for its answer. Who asks first has a task wait
//! for its turn to change the records; whoever asks until then goes in the same
//! commit. Each is answered by what became of its own start.

use super::{PatrolError, Patrols, patrol_of};
use crate::{
    directory::{ActivePatrol, UnitEntry},
    ports::{Change, EngineError},
    webhooks::enqueue::with_deliveries,
    wiring::is_away,
};
use parking_lot::Mutex;
use sentinel_model::{Patrol, ScopePath, UnitId};
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

/// What becomes of one start.
enum Plan {
    /// It needs no new patrol.
    Settled(Outcome),
    Start(Arc<UnitEntry>, ActivePatrol),
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
        let mut asked: Vec<Asked> = Vec::new();
        let together = self
            .directory
            .change(|| {
                // Only now, so that those who came while others were committed go along.
                asked.append(&mut self.starts.waiting.0.lock());
                Ok::<_, EngineError>(self.plan(&asked))
            })
            .await;
        let plans = match together {
            Ok(plans) => plans,
            // They are away, and take their time to say so. Each unit's next fix asks again.
            Err(error) if is_away(&error) => {
                let error = Arc::new(error);
                asked.append(&mut self.starts.waiting.0.lock());
                for Asked { answer, .. } in asked {
                    answer
                        .send(Err(EngineError::new("starting patrols together", error.clone()).into()))
                        .ok();
                }
                return;
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    patrols = asked.len(),
                    "could not start together; tried one by one"
                );
                let mut plans = Vec::with_capacity(asked.len());
                // One that cannot start must not keep the others from it.
                for one in asked.chunks(1) {
                    let alone = self.directory.change(|| Ok::<_, EngineError>(self.plan(one))).await;
                    plans.extend(alone.unwrap_or_else(|error| vec![Plan::Settled(Err(error.into()))]));
                }
                plans
            }
        };
        for (Asked { answer, .. }, plan) in asked.into_iter().zip(plans) {
            let outcome = match plan {
                Plan::Settled(outcome) => outcome,
                Plan::Start(entry, active) => match self.join(&entry, active).await {
                    Ok(()) => Ok((patrol_of(&entry, active, None), true)),
                    Err(error) => Err(error.into()),
                },
            };
            // Who gave up meanwhile has no use for it.
            answer.send(outcome).ok();
        }
    }

    /// What becomes of each start, and what is to be committed for them.
    fn plan(&self, asked: &[Asked]) -> (Vec<Change>, Vec<Plan>) {
        let now = self.clock.now();
        let mut starting: HashMap<&UnitId, Patrol> = HashMap::with_capacity(asked.len());
        let mut plans = Vec::with_capacity(asked.len());
        for Asked { unit, path, .. } in asked {
            let known = self.directory.unit(unit);
            plans.push(match (starting.get(unit), known) {
                // A further fix of the same unit.
                (Some(patrol), _) => Plan::Settled(Ok((patrol.clone(), false))),
                (None, Some(entry)) => match entry.patrol {
                    Some(active) => Plan::Settled(Ok((patrol_of(&entry, active, None), false))),
                    None if entry.record.patrols_managed => {
                        Plan::Settled(Err(PatrolError::NoUnit(unit.clone())))
                    }
                    None => {
                        let path = path.unwrap_or_else(|| entry.home());
                        let active = ActivePatrol { id: self.starts.ids.next(now), path, started_at: now };
                        starting.insert(unit, patrol_of(&entry, active, None));
                        Plan::Start(entry, active)
                    }
                },
                (None, None) => Plan::Settled(Err(PatrolError::NoUnit(unit.clone()))),
            });
        }
        let changes = starting.into_values().map(Change::PutPatrol).collect();
        (with_deliveries(&self.directory, changes), plans)
    }
}
