//! What becomes of the list of open tasks, whatever comes when.

use super::*;
use sentinel_model::{
    Time,
    dispatch::{AssignmentState, By, Incident, NewAssignment, NewTask, Outcome, Place, Step},
};

pub fn task(id: &str, priority: Priority, at: i64) -> Task {
    let new = NewTask {
        what: What::Incident(Incident { kind: "accident".into(), priority }),
        scope: Scope::station(5),
        place: Place { latitude: 9.96, longitude: 76.3, text: None },
        notes: String::new(),
    };
    Task::create(id.parse().expect("a good id"), new, &by(), Time(at)).expect("a good task")
}

fn by() -> By {
    By { by: "user:d".into(), name: "D".into() }
}

fn after(task: &Task, step: Step) -> Task {
    task.apply(step, &by(), Time(50)).expect("it takes the step")
}

fn noted(task: &Task) -> Task {
    after(task, Step::Note { text: "more".into() })
}

fn closed(task: &Task) -> Task {
    after(task, Step::Close { outcome: Outcome::Done, note: None })
}

fn sent(task: &Task, unit: &str) -> Task {
    let assignment = NewAssignment {
        id: format!("{}.1", task.id),
        unit_id: unit.parse().expect("a good id"),
        unit_name: unit.into(),
        station: Scope::station(5),
        patrol_id: None,
        distance_m: None,
        eta_s: None,
    };
    after(task, Step::Assign { assignment })
}

fn ids(tasks: &Tasks) -> Vec<String> {
    tasks.all().iter().map(|task| task.id.to_string()).collect()
}

#[test]
fn the_pressing_stand_above_and_of_each_priority_those_that_wait_longest() {
    let mut tasks = Tasks::default();
    for made in [
        task("late", Priority::High, 9),
        task("low", Priority::Low, 1),
        task("early", Priority::High, 2),
        task("normal", Priority::Normal, 1),
    ] {
        assert_eq!(tasks.hear(&made), Heard::New);
    }
    assert_eq!(ids(&tasks), ["early", "late", "normal", "low"]);
    assert_eq!(tasks.counts(), (4, 4));
}

#[test]
fn whichever_account_comes_first_the_longer_one_stays() {
    let (first, mut tasks) = (task("a", Priority::Normal, 1), Tasks::default());
    let second = sent(&first, "PC-1");
    assert_eq!(tasks.hear(&second), Heard::New);
    assert_eq!(tasks.hear(&first), Heard::Old);
    assert_eq!(tasks.counts(), (1, 0));
    assert_eq!(tasks.of_unit(&"PC-1".parse().expect("a good id")).len(), 1);
    let on_scene = Step::Status { assignment: "a.1".into(), state: AssignmentState::OnScene };
    assert_eq!(tasks.hear(&after(&second, on_scene)), Heard::Changed);
}

#[test]
fn what_has_ended_does_not_come_back_with_an_older_account_or_list() {
    let (open, mut tasks) = (task("a", Priority::Normal, 1), Tasks::default());
    tasks.hear(&open);
    tasks.begin_list();
    assert_eq!(tasks.hear(&closed(&open)), Heard::Ended);
    tasks.take_list(std::slice::from_ref(&open), true);
    assert_eq!(tasks.hear(&noted(&open)), Heard::Old);
    assert!(ids(&tasks).is_empty());
}

#[test]
fn a_list_takes_away_what_ended_unheard_and_keeps_what_was_told_meanwhile() {
    let mut tasks = Tasks::default();
    tasks.hear(&task("gone", Priority::Normal, 1));
    let kept = task("kept", Priority::Normal, 2);
    tasks.hear(&kept);
    tasks.begin_list();
    tasks.hear(&task("told", Priority::Normal, 3));
    tasks.hear(&noted(&kept));
    tasks.take_list(std::slice::from_ref(&kept), true);
    assert_eq!(ids(&tasks), ["kept", "told"]);
    assert_eq!(tasks.get(&kept.id).map(|held| held.timeline.len()), Some(2), "the newer account stays");
}

#[test]
fn of_a_list_that_is_cut_off_nobody_knows_what_is_missing() {
    let mut tasks = Tasks::default();
    tasks.hear(&task("old", Priority::Normal, 1));
    tasks.begin_list();
    tasks.take_list(&[task("new", Priority::Normal, 2)], false);
    assert_eq!(ids(&tasks), ["old", "new"]);
}
