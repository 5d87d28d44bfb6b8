//! How far the units are that were sent somewhere: on the way, there.

use super::{
    held::sighting,
    journey::{Goal, Journey, NEAR_M, Stage},
    watcher::{Watched, Watcher},
};
use crate::{
    directory::UnitEntry,
    dispatch::DispatchError,
    ports::{EngineError, TimeRange},
};
use futures::TryStreamExt as _;
use sentinel_model::{
    Fix, TaskId, Time, UnitId,
    dispatch::{Assignment, AssignmentState},
};

impl Watcher {
    /// Takes the steps that a unit's positions show.
    pub(super) async fn follow(
        &self,
        unit: &UnitEntry,
        watched: &mut Watched,
        fixes: &[&Fix],
    ) -> Result<(), EngineError> {
        let id = &unit.record.id;
        let tasks = self.directory.tasks_of(id);
        let sent = tasks.iter().flat_map(|record| {
            let active = record.task.active().filter(|assignment| assignment.unit_id == *id);
            active.map(move |assignment| (record, assignment))
        });
        let sent: Vec<_> = sent.collect();
        watched.journeys.retain(|journey, _| sent.iter().any(|(_, assignment)| assignment.id == *journey));
        for (record, assignment) in sent {
            let place = &record.task.place;
            let goal = Goal { latitude: place.latitude, longitude: place.longitude, near_m: NEAR_M };
            let mut stages = Vec::new();
            match watched.journeys.get_mut(&assignment.id) {
                Some(journey) => {
                    journey.is_told(stage(assignment.state));
                    let steps =
                        fixes.iter().map(|fix| sighting(fix)).filter_map(|at| journey.told(&at, &goal));
                    stages.extend(steps);
                }
                None => {
                    let journey = self.begin(id, assignment, &goal, &mut stages).await?;
                    watched.journeys.insert(assignment.id.clone(), journey);
                }
            }
            for (stage, at) in stages {
                self.tell_stage(&record.task.id, assignment, stage, at).await?;
            }
        }
        Ok(())
    }

    /// From where the unit was when it was sent, by all that it has posted since.
    async fn begin(
        &self,
        unit: &UnitId,
        assignment: &Assignment,
        goal: &Goal,
        stages: &mut Vec<(Stage, Time)>,
    ) -> Result<Journey, EngineError> {
        let since = assignment.times.dispatched_at;
        let last = self.archive.last_before(std::slice::from_ref(unit), since).await?.pop();
        let mut journey = Journey::begin(last.map(|(_, fix)| sighting(&fix)).as_ref());
        journey.is_told(stage(assignment.state));
        let mut way = self.archive.whole(unit, TimeRange { from: since.plus_ms(1), to: TimeRange::ALL.to });
        while let Some(fixes) = way.try_next().await? {
            stages.extend(fixes.iter().filter_map(|fix| journey.told(&sighting(fix), goal)));
        }
        Ok(journey)
    }

    async fn tell_stage(
        &self,
        task: &TaskId,
        assignment: &Assignment,
        stage: Stage,
        at: Time,
    ) -> Result<(), EngineError> {
        let state = match stage {
            Stage::Assigned => return Ok(()),
            Stage::EnRoute => AssignmentState::EnRoute,
            Stage::OnScene => AssignmentState::OnScene,
        };
        let at = at.min(self.clock.now());
        match self.dispatch.seen(task, &assignment.id, state, at).await {
            Ok(()) => Ok(()),
            Err(DispatchError::Engine(error)) => Err(error),
            // Somebody has ended it meanwhile.
            Err(_) => Ok(()),
        }
    }
}

fn stage(state: AssignmentState) -> Stage {
    match state {
        AssignmentState::EnRoute => Stage::EnRoute,
        AssignmentState::OnScene => Stage::OnScene,
        _ => Stage::Assigned,
    }
}
