//! Any steps in any order: a task stays one that can be.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn an_id() -> impl Strategy<Value = String> {
    prop_oneof![20 => (0..12u8).prop_map(|n| format!("a{n}")), 1 => Just("not an id".to_owned())]
}

fn an_assignment() -> impl Strategy<Value = NewAssignment> {
    let estimate = prop::option::of((-1_000..1_000_000i32).prop_map(f64::from));
    (an_id(), 0..6usize, estimate)
        .prop_map(|(id, of, distance_m)| NewAssignment { distance_m, ..assignment(&id, of) })
}

fn a_place() -> impl Strategy<Value = Place> {
    (-91_000_000..91_000_000i32, -181_000_000..181_000_000i32, prop::option::of("[ -~]{0,20}")).prop_map(
        |(latitude, longitude, text)| Place {
            latitude: f64::from(latitude) / 1e6,
            longitude: f64::from(longitude) / 1e6,
            text,
        },
    )
}

fn an_edit() -> impl Strategy<Value = TaskEdit> {
    let text = || prop::option::of("\\PC{0,70}");
    let priority = prop::option::of(prop::sample::select(&Priority::ALL[..]));
    (text(), priority, text(), prop::option::of(a_place()), text()).prop_map(
        |(kind, priority, customer, place, notes)| TaskEdit { kind, priority, customer, place, notes },
    )
}

fn a_step() -> impl Strategy<Value = Step> {
    let state = prop::sample::select(&AssignmentState::ALL[..]);
    let outcome = prop::sample::select(&[Outcome::Done, Outcome::Cancelled][..]);
    prop_oneof![
        2 => an_edit().prop_map(Step::Edit),
        2 => "\\PC{0,20}".prop_map(|text| Step::Note { text }),
        10 => an_assignment().prop_map(|assignment| Step::Assign { assignment }),
        5 => (an_id(), an_assignment()).prop_map(|(assignment, to)| Step::Reassign { assignment, to }),
        30 => (an_id(), state).prop_map(|(assignment, state)| Step::Status { assignment, state }),
        1 => (0..9u32).prop_map(|id| Step::HandOver { to: Scope::station(id) }),
        1 => (outcome, prop::option::of("\\PC{0,20}")).prop_map(|(outcome, note)| Step::Close { outcome, note }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<(Step, i64)>> {
    prop::collection::vec((a_step(), 0..1_000_000i64), 0..80)
}

fn some_task() -> impl Strategy<Value = Task> {
    prop::bool::ANY
        .prop_map(|is_order| create(if is_order { order("Bakery") } else { accident() }).expect("is made"))
}

/// Whether an assignment may come from one state to the other in one step, written out.
fn may_become(from: AssignmentState, to: AssignmentState) -> bool {
    use AssignmentState::{Accepted, Cancelled, Cleared, Dispatched, EnRoute, OnScene};
    let later: &[AssignmentState] = match from {
        Dispatched => &[Accepted, EnRoute, OnScene, Cleared, Cancelled],
        Accepted => &[EnRoute, OnScene, Cleared, Cancelled],
        EnRoute => &[OnScene, Cleared, Cancelled],
        OnScene => &[Cleared, Cancelled],
        Cleared | Cancelled => &[],
    };
    from == to || later.contains(&to)
}

/// What the timeline says that each assignment is.
fn by_the_timeline(task: &Task) -> BTreeMap<&str, AssignmentState> {
    let mut states = BTreeMap::new();
    for entry in &task.timeline {
        match &entry.step {
            EntryKind::Assigned(told) => states.insert(told.assignment.as_str(), AssignmentState::Dispatched),
            EntryKind::Status(told) => states.insert(told.assignment.as_str(), told.state),
            _ => None,
        };
    }
    states
}

fn is_one_that_can_be(task: &Task) -> Result<(), TestCaseError> {
    prop_assert_eq!(task.state, task.derive_state());
    prop_assert_eq!(task.is_closed(), task.closed_at.is_some());
    let active: Vec<_> = task.assignments.iter().filter(|held| held.times.ended_at.is_none()).collect();
    let there = active.iter().any(|held| held.state == AssignmentState::OnScene);
    let state = match (task.closed_at, active.len(), there) {
        (Some(_), ..) => TaskState::Closed,
        (None, 0, _) => TaskState::Open,
        (None, _, false) => TaskState::Assigned,
        (None, _, true) => TaskState::OnScene,
    };
    prop_assert_eq!(task.state, state);
    prop_assert!(!task.is_closed() || active.is_empty());
    let is_done =
        |held: &Assignment| held.state == AssignmentState::Cleared && held.times.on_scene_at.is_some();
    prop_assert!(
        task.state != TaskState::Open || !task.assignments.iter().any(is_done),
        "it is done and waits for somebody"
    );
    let units: BTreeSet<_> = active.iter().map(|held| &held.unit_id).collect();
    prop_assert_eq!(units.len(), active.len(), "a unit attends twice");
    for held in &active {
        prop_assert_eq!(task.active_of(&held.unit_id), Some(*held));
    }
    prop_assert!(task.timeline.is_sorted_by_key(|entry| entry.at));
    prop_assert!(task.timeline.len() <= TIMELINE_MAX && task.assignments.len() <= ASSIGNMENTS_MAX);
    let states: BTreeMap<_, _> = task.assignments.iter().map(|held| (held.id.as_str(), held.state)).collect();
    prop_assert_eq!(states, by_the_timeline(task));
    for held in &task.assignments {
        let times = &held.times;
        prop_assert_eq!(held.is_active(), times.ended_at.is_none());
        let inner = [times.accepted_at, times.en_route_at, times.on_scene_at, times.ended_at];
        let all: Vec<_> = [Some(times.dispatched_at)].into_iter().chain(inner).flatten().collect();
        prop_assert!(all.is_sorted());
    }
    goes_as_fast_as_its_assignments(task)
}

/// The milestones, which the timeline tells, are the first of what the assignments keep.
fn goes_as_fast_as_its_assignments(task: &Task) -> Result<(), TestCaseError> {
    let first = |of: &dyn Fn(&Assignment) -> bool, time: &dyn Fn(&Assignment) -> Option<Time>| {
        task.assignments.iter().filter(|held| of(held)).filter_map(time).min()
    };
    let units: BTreeSet<_> = task.assignments.iter().map(|held| &held.unit_id).collect();
    for unit in units.into_iter().map(Some).chain([None]) {
        let of = |held: &Assignment| unit.is_none_or(|unit| held.unit_id == *unit);
        let there = |held: &Assignment| of(held) && held.times.on_scene_at.is_some();
        let expected = Milestones {
            assigned_at: first(&of, &|held| Some(held.times.dispatched_at)),
            accepted_at: first(&of, &|held| held.times.accepted_at),
            en_route_at: first(&of, &|held| held.times.en_route_at),
            on_scene_at: first(&of, &|held| held.times.on_scene_at),
            ended_at: if unit.is_some() {
                first(&there, &|held| held.times.ended_at)
            } else {
                task.closed_at
            },
        };
        prop_assert_eq!(unit.map_or_else(|| task.milestones(), |unit| task.milestones_of(unit)), expected);
    }
    Ok(())
}

fn follows(before: &Task, after: &Task) -> Result<(), TestCaseError> {
    prop_assert_eq!(&after.timeline[..before.timeline.len()], &before.timeline[..]);
    prop_assert_eq!(
        (&after.id, after.created_at, &after.created_by),
        (&before.id, before.created_at, &before.created_by)
    );
    for (held, next) in before.assignments.iter().zip(&after.assignments) {
        prop_assert_eq!((&held.id, &held.unit_id), (&next.id, &next.unit_id));
        prop_assert!(may_become(held.state, next.state), "{} became {}", held.state, next.state);
        prop_assert!(held.is_active() || held == next, "what had ended changed");
    }
    prop_assert!(after.assignments.len() >= before.assignments.len());
    if after.timeline.len() == before.timeline.len() {
        prop_assert_eq!(after, before, "it changed and does not tell");
    }
    if before.is_closed() {
        let noted = |entry: &Entry| matches!(entry.step, EntryKind::Noted(_));
        prop_assert!(after.timeline[before.timeline.len()..].iter().all(noted));
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_task_stays_one_that_can_be(first in some_task(), steps in steps()) {
        let mut task = first;
        for (step, at) in steps {
            let before = task.clone();
            let closed = before.is_closed();
            let is_note = matches!(step, Step::Note { .. });
            match task.apply(step, &chief(), Time(at)) {
                Ok(next) => {
                    follows(&before, &next)?;
                    is_one_that_can_be(&next)?;
                    task = next;
                }
                Err(refusal) => {
                    prop_assert_eq!(&task, &before);
                    prop_assert_eq!(closed && !is_note, refusal == Refusal::Closed);
                }
            }
        }
    }

    #[test]
    fn a_task_reads_as_it_is_written(first in some_task(), steps in steps()) {
        let take = |task: Task, (step, at)| task.apply(step, &chief(), Time(at)).unwrap_or(task);
        let task = steps.into_iter().fold(first, take);
        let json = serde_json::to_string(&task).expect("encodes");
        prop_assert_eq!(&serde_json::from_str::<Task>(&json).expect("decodes"), &task, "{}", json);
        let value = serde_json::to_value(&task).expect("encodes");
        prop_assert_eq!(&serde_json::from_value::<Task>(value).expect("decodes"), &task);
        let binary = postcard::to_allocvec(&task).expect("encodes");
        prop_assert_eq!(&postcard::from_bytes::<Task>(&binary).expect("decodes"), &task);
        prop_assert!(binary.len() < json.len());
    }
}
