//! Reports against a plain count of the same tasks.

use super::*;
use proptest::prelude::*;
use sentinel_model::{
    dispatch::{AssignmentState, By, Incident, NewAssignment, NewTask, Order, Outcome, Place, Step},
    report::Spread,
};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// What is done with a task, and how many milliseconds after what was done before.
#[derive(Debug, Clone)]
struct Story {
    station: u32,
    opened_at: i64,
    what: What,
    steps: Vec<(i64, Done)>,
}

#[derive(Debug, Clone, Copy)]
enum Done {
    Assign(u8),
    Status(u8, AssignmentState),
    Close(Outcome),
}

fn what() -> impl Strategy<Value = What> {
    let kind = prop::sample::select(&["accident", "Accident", "fire"][..]);
    let priority = prop::sample::select(&Priority::ALL[..]);
    prop_oneof![
        4 => (kind, priority)
            .prop_map(|(kind, priority)| What::Incident(Incident { kind: kind.into(), priority })),
        1 => Just(What::Order(Order { customer: None, pickup: None })),
    ]
}

fn done() -> impl Strategy<Value = Done> {
    let state = prop::sample::select(&AssignmentState::ALL[..]);
    prop_oneof![
        3 => (0..3u8).prop_map(Done::Assign),
        6 => (0..5u8, state).prop_map(|(assignment, state)| Done::Status(assignment, state)),
        1 => prop::sample::select(&[Outcome::Done, Outcome::Cancelled][..]).prop_map(Done::Close),
    ]
}

fn story() -> impl Strategy<Value = Story> {
    let steps = prop::collection::vec((0..900_000i64, done()), 0..14);
    (5..8u32, 0..3 * DAY_MS, what(), steps).prop_map(|(station, opened_at, what, steps)| Story {
        station,
        opened_at,
        what,
        steps,
    })
}

fn task(number: usize, story: &Story) -> Task {
    let place = Place { latitude: 9.9, longitude: 76.2, text: None };
    let new = NewTask {
        what: story.what.clone(),
        scope: Scope::station(story.station),
        place,
        notes: String::new(),
    };
    let id = format!("t-{number}").parse().expect("an id");
    let by = By::sentinel();
    let mut task = Task::create(id, new, &by, Time(story.opened_at)).expect("is made");
    let mut at = story.opened_at;
    for (pause, done) in &story.steps {
        at += pause;
        let step = match done {
            Done::Assign(unit) => Step::Assign {
                assignment: NewAssignment {
                    id: format!("a{}", task.assignments.len()),
                    unit_id: format!("PC-{unit}").parse().expect("an id"),
                    unit_name: format!("Car {unit}"),
                    station: Scope::station(5),
                    patrol_id: None,
                    distance_m: None,
                    eta_s: None,
                },
            },
            Done::Status(number, state) => Step::Status { assignment: format!("a{number}"), state: *state },
            Done::Close(outcome) => Step::Close { outcome: *outcome, note: None },
        };
        // What it does not take is no part of the story.
        task = task.apply(step, &by, Time(at)).unwrap_or(task);
    }
    task
}

fn wanted(group_by: GroupBy) -> Wanted {
    let kind = TaskKind::Incident;
    Wanted { scope: Scope::station(5), kind, group_by, from: Time(0), to: Time(i64::MAX) }
}

fn report(group_by: GroupBy, tasks: &[Task]) -> ResponseTimesReport {
    let mut report = Report::of(wanted(group_by));
    tasks.iter().for_each(|task| report.count(task).expect("few enough"));
    report.finish()
}

/// The times from opening to the first unit on scene, by what the assignments keep.
fn response_times_of(tasks: &[&Task]) -> Vec<i64> {
    let first = |task: &&Task| {
        let there = task.assignments.iter().filter_map(|held| held.times.on_scene_at).min();
        there.map(|at| at.ms_since(task.created_at))
    };
    let mut all: Vec<i64> = tasks.iter().filter_map(first).collect();
    all.sort_unstable();
    all
}

fn is_spread_of(told: &Spread, times: &[i64]) -> Result<(), TestCaseError> {
    prop_assert_eq!(told.count as usize, times.len());
    prop_assert_eq!(told.longest_s, times.last().copied().map(seconds));
    let half = times.iter().filter(|time| told.median_s.is_some_and(|median| seconds(**time) <= median));
    prop_assert!(half.count() * 2 >= times.len());
    Ok(())
}

fn counted(told: &sentinel_model::report::Performance, tasks: &[&Task]) -> Result<(), TestCaseError> {
    let ended = |outcome| tasks.iter().filter(|task| task.outcome == outcome).count() as u64;
    prop_assert_eq!(
        (told.opened, told.closed, told.cancelled, told.still_open),
        (tasks.len() as u64, ended(Some(Outcome::Done)), ended(Some(Outcome::Cancelled)), ended(None))
    );
    is_spread_of(&told.to_on_scene, &response_times_of(tasks))?;
    for spread in [told.to_assigned, told.to_accepted, told.to_en_route, told.to_on_scene, told.on_scene] {
        prop_assert!(spread.count <= told.opened);
        prop_assert!(spread.median_s <= spread.p90_s && spread.p90_s <= spread.longest_s);
        prop_assert!(spread.median_s.is_none_or(|median| median >= 0.0));
    }
    prop_assert!(told.to_on_scene.count <= told.to_assigned.count, "who is there was sent");
    Ok(())
}

proptest! {
    #[test]
    fn the_total_counts_each_task_once_whatever_the_groups(
        stories in prop::collection::vec(story(), 0..25),
        by in prop::sample::select(&GroupBy::ALL[..]),
    ) {
        let tasks: Vec<Task> = stories.iter().enumerate().map(|(n, story)| task(n, story)).collect();
        let report = report(by, &tasks);
        counted(&report.total, &tasks.iter().collect::<Vec<_>>())?;

        let keys_of = |task: &Task| -> BTreeSet<String> {
            match (&task.what, by) {
                (_, GroupBy::Station) => [task.scope.to_string()].into(),
                (_, GroupBy::Day) => [format!("1970-01-0{}", 1 + task.created_at.ms() / DAY_MS)].into(),
                (_, GroupBy::Unit) => task.assignments.iter().map(|held| held.unit_id.to_string()).collect(),
                (What::Incident(it), GroupBy::Type) => [it.kind.to_lowercase()].into(),
                (What::Incident(it), GroupBy::Priority) => [it.priority.as_str().to_owned()].into(),
                (What::Order(_), _) => BTreeSet::new(),
            }
        };
        let expected: BTreeSet<String> = tasks.iter().flat_map(keys_of).collect();
        let told: BTreeSet<String> = report.groups.iter().map(|group| group.key.clone()).collect();
        prop_assert_eq!(told, expected);
        for group in &report.groups {
            let own: Vec<&Task> = tasks.iter().filter(|task| keys_of(task).contains(&group.key)).collect();
            if by == GroupBy::Unit {
                prop_assert_eq!(group.performance.opened as usize, own.len());
            } else {
                counted(&group.performance, &own)?;
            }
        }

        let slow: Vec<f64> = report.slowest.iter().map(|slow| slow.to_on_scene_s).collect();
        let mut all = response_times_of(&tasks.iter().collect::<Vec<_>>());
        all.reverse();
        all.truncate(SLOWEST);
        prop_assert_eq!(slow, all.into_iter().map(seconds).collect::<Vec<_>>());
    }
}

/// An accident at once, two units: the first is stood down, the second arrives.
fn two_units() -> Task {
    let what = What::Incident(Incident { kind: "accident".into(), priority: Priority::High });
    let steps = vec![
        (20_000, Done::Assign(1)),
        (10_000, Done::Status(0, AssignmentState::Accepted)),
        (30_000, Done::Assign(2)),
        (60_000, Done::Status(0, AssignmentState::Cancelled)),
        (250_000, Done::Status(1, AssignmentState::OnScene)),
        (600_000, Done::Status(1, AssignmentState::Cleared)),
    ];
    task(1, &Story { station: 5, opened_at: 1_000, what, steps })
}

#[test]
fn a_task_goes_as_fast_as_its_first_units_and_a_unit_s_part_as_fast_as_itself() {
    let tasks = [two_units()];
    let told = report(GroupBy::Unit, &tasks);
    let medians = |it: &sentinel_model::report::Performance| {
        [it.to_assigned, it.to_accepted, it.to_en_route, it.to_on_scene, it.on_scene].map(|it| it.median_s)
    };
    assert_eq!(medians(&told.total), [Some(20.0), Some(30.0), None, Some(370.0), Some(600.0)]);
    let [first, second] = &told.groups[..] else { panic!("{told:?}") };
    assert_eq!((first.key.as_str(), first.name.as_deref()), ("PC-1", Some("Car 1")));
    assert_eq!(medians(&first.performance), [Some(20.0), Some(30.0), None, None, None]);
    assert_eq!(medians(&second.performance), [Some(60.0), None, None, Some(370.0), Some(600.0)]);
    assert_eq!((told.total.closed, told.total.still_open), (1, 0), "it closed with the last that was there");
}

#[test]
fn groups_stand_in_their_own_order() {
    let story = |n: usize, station, priority| {
        let what = What::Incident(Incident { kind: "accident".into(), priority });
        task(n, &Story { station, opened_at: 0, what, steps: Vec::new() })
    };
    let tasks = [story(1, 10, Priority::Low), story(2, 9, Priority::High), story(3, 10, Priority::Normal)];
    let keys = |by| report(by, &tasks).groups.into_iter().map(|group| group.key).collect::<Vec<_>>();
    assert_eq!(keys(GroupBy::Station), ["station:9", "station:10"]);
    assert_eq!(keys(GroupBy::Priority), ["high", "normal", "low"]);
    assert_eq!(keys(GroupBy::Day), ["1970-01-01"]);
}

#[test]
fn of_more_than_it_can_hold_there_is_no_report() {
    let mut report = Report::of(wanted(GroupBy::Day));
    let task = two_units();
    for _ in 0..PARTS_MAX {
        report.count(&task).expect("few enough");
    }
    assert!(matches!(report.count(&task), Err(ReportError::TooMany)));
}
