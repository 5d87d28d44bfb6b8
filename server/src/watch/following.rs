//! How far the units are that were sent somewhere: on the way, there.

use super::{
    Sighting,
    held::sighting,
    journey::{Goal, Journey, NEAR_M, STAYS_MS, Stage, drives},
    watcher::{Watched, Watcher},
};
use crate::{
    directory::UnitEntry,
    dispatch::DispatchError,
    geo::distance_m,
    ports::{EngineError, TaskRecord, TimeRange},
};
use futures::TryStreamExt as _;
use sentinel_model::{
    Fix, Location, TaskId, Time, UnitId,
    dispatch::{Assignment, AssignmentState, Place},
};
use std::sync::Arc;

/// What a unit has posted since it was sent, looked at from its beginning.
struct Way {
    journey: Journey,
    stages: Vec<(Stage, Time)>,
    /// When the last of it was received.
    heard_at: Option<Time>,
}

impl Watcher {
    /// Takes the steps that a unit's positions show.
    pub(super) async fn follow(
        &self,
        unit: &UnitEntry,
        watched: &mut Watched,
        fixes: &[&Fix],
    ) -> Result<(), EngineError> {
        let id = &unit.record.id;
        let sent = self.sent(id);
        watched.journeys.retain(|journey, _| sent.iter().any(|(_, assignment)| assignment.id == *journey));
        for (record, assignment) in &sent {
            let goal = goal(&record.task.place);
            let mut stages = Vec::new();
            match watched.journeys.get_mut(&assignment.id) {
                Some(journey) => {
                    journey.is_told(stage(assignment.state));
                    let since_sent = since_sent(fixes, assignment.times.dispatched_at);
                    stages.extend(since_sent.filter_map(|(at, told_at)| journey.step(&at, told_at, &goal)));
                }
                None => {
                    let way = self.way(id, assignment, &goal).await?;
                    stages.extend(way.stages);
                    watched.journeys.insert(assignment.id.clone(), way.journey);
                }
            }
            for (stage, at) in stages {
                self.tell_stage(&record.task.id, assignment, stage, at).await?;
            }
        }
        Ok(())
    }

    /// Notices who is near where they were sent to and is heard of no more: many a phone posts
    /// nothing while it stands. By what is stored, whichever process has watched the unit.
    pub async fn notice_standing(&self) -> Result<(), EngineError> {
        let mut units = self.directory.units_on_tasks();
        units.retain(|unit| self.directory.unit(unit).is_some_and(|unit| unit.patrol.is_some()));
        let now = self.clock.now();
        for location in self.dispatch.positions.get_many(&units).await?.into_iter().flatten() {
            let is_moving = drives(location.speed_mps);
            if is_moving || now.ms_since(location.received_at) < STAYS_MS {
                continue;
            }
            for (record, assignment) in self.sent(&location.unit_id) {
                self.notice_silence(&record, &assignment, &location, now).await?;
            }
        }
        Ok(())
    }

    async fn notice_silence(
        &self,
        record: &TaskRecord,
        assignment: &Assignment,
        last: &Location,
        now: Time,
    ) -> Result<(), EngineError> {
        let goal = goal(&record.task.place);
        let out_m = distance_m((last.latitude, last.longitude), (goal.latitude, goal.longitude));
        let is_new = last.received_at > assignment.times.dispatched_at;
        if !is_new || out_m > goal.near_m || stage(assignment.state) == Stage::OnScene {
            return Ok(());
        }
        let Way { mut journey, mut stages, heard_at } = self.way(&last.unit_id, assignment, &goal).await?;
        // What was heard of it may still be on its way to the archive.
        let is_whole = journey.seen_until() >= Some(last.time);
        if is_whole && heard_at.is_some_and(|heard_at| now.ms_since(heard_at) >= STAYS_MS) {
            stages.extend(journey.falls_silent().map(|since| (Stage::OnScene, since)));
        }
        for (stage, at) in stages {
            self.tell_stage(&record.task.id, assignment, stage, at).await?;
        }
        Ok(())
    }

    /// The active assignments of a unit.
    fn sent(&self, unit: &UnitId) -> Vec<(Arc<TaskRecord>, Assignment)> {
        let of = |record: Arc<TaskRecord>| {
            let assignment = record.task.active_of(unit).cloned()?;
            Some((record, assignment))
        };
        self.directory.tasks_of(unit).into_iter().filter_map(of).collect()
    }

    /// From where the unit was when it was sent, by all that it has posted since.
    async fn way(&self, unit: &UnitId, assignment: &Assignment, goal: &Goal) -> Result<Way, EngineError> {
        let since = assignment.times.dispatched_at;
        let last = self.archive.last_before(std::slice::from_ref(unit), since).await?.pop();
        let mut journey = Journey::begin(last.map(|(_, fix)| sighting(&fix)).as_ref());
        journey.is_told(stage(assignment.state));
        let (mut stages, mut heard_at) = (Vec::new(), None);
        let mut fixes = self.archive.whole(unit, TimeRange { from: since.plus_ms(1), to: TimeRange::ALL.to });
        while let Some(some) = fixes.try_next().await? {
            for fix in &some {
                let at = sighting(fix);
                stages.extend(journey.step(&at, at.time, goal));
                heard_at = heard_at.max(Some(fix.received_at));
            }
        }
        Ok(Way { journey, stages, heard_at })
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

fn goal(place: &Place) -> Goal {
    Goal { latitude: place.latitude, longitude: place.longitude, near_m: NEAR_M }
}

/// What a unit posted, oldest first, since it was sent, each with the time that is told of it: the
/// device's, or where its clock is so far behind that nothing was after that, when it was received.
fn since_sent(fixes: &[&Fix], sent_at: Time) -> impl Iterator<Item = (Sighting, Time)> {
    let is_behind = fixes.iter().all(|fix| sighting(fix).time < sent_at);
    let each = fixes.iter().map(|fix| (sighting(fix), fix.received_at));
    each.filter_map(move |(at, received_at)| {
        let told_at = if at.time < sent_at && is_behind { received_at } else { at.time };
        (told_at >= sent_at).then_some((at, told_at))
    })
}

fn stage(state: AssignmentState) -> Stage {
    match state {
        AssignmentState::EnRoute => Stage::EnRoute,
        AssignmentState::OnScene => Stage::OnScene,
        _ => Stage::Assigned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix(time: i64, received_at: i64) -> Fix {
        Fix {
            time: Time(time),
            received_at: Time(received_at),
            latitude: 9.9,
            longitude: 76.2,
            speed_mps: None,
            heading_deg: None,
            accuracy_m: None,
            altitude_m: None,
            battery: None,
            uuid: None,
            event: None,
            extras: None,
        }
    }

    fn told(fixes: &[Fix]) -> Vec<(i64, i64)> {
        let fixes: Vec<&Fix> = fixes.iter().collect();
        since_sent(&fixes, Time(1_000_000)).map(|(at, told_at)| (at.time.ms(), told_at.ms())).collect()
    }

    #[test]
    fn what_a_slow_clock_says_is_told_by_when_it_was_received() {
        assert_eq!(told(&[fix(400_000, 1_005_000)]), [(400_000, 1_005_000)]);
        assert_eq!(told(&[fix(400_000, 999_000)]), [], "it was before the unit was sent");
        assert_eq!(told(&[fix(1_000_001, 1_300_000)]), [(1_000_001, 1_000_001)], "it only came late");
        // Of a clock that is right, what was posted together and was before that is before that.
        let kept = [fix(990_000, 1_010_000), fix(1_005_000, 1_010_000)];
        assert_eq!(told(&kept), [(1_005_000, 1_005_000)]);
    }
}
