//! Each step: what it does, what it tells, and what it refuses.

use super::*;

fn after(task: &Task, step: Step, at: i64) -> Task {
    task.apply(step, &chief(), Time(at)).expect("takes the step")
}

fn refusal(task: &Task, step: Step) -> Refusal {
    let before = task.clone();
    let refusal = task.apply(step, &chief(), Time(9000)).expect_err("refuses the step");
    assert_eq!(*task, before);
    assert!(!refusal.to_string().is_empty());
    refusal
}

fn assign(id: &str, of: usize) -> Step {
    Step::Assign { assignment: assignment(id, of) }
}

fn status(id: &str, state: AssignmentState) -> Step {
    Step::Status { assignment: id.into(), state }
}

fn note(text: &str) -> Step {
    Step::Note { text: text.into() }
}

fn close(outcome: Outcome) -> Step {
    Step::Close { outcome, note: None }
}

fn edit(edit: TaskEdit) -> Step {
    Step::Edit(edit)
}

/// PC-1 by `a`, at 2000.
fn assigned() -> Task {
    after(&task(), assign("a", 1), 2000)
}

use AssignmentState::{Accepted, Cancelled, Cleared, Dispatched, EnRoute, OnScene};

#[test]
fn a_unit_goes_from_dispatched_to_cleared_and_the_task_closes_itself() {
    let task = assigned();
    assert_eq!(task.state, TaskState::Assigned);
    let held = task.active_of(&unit(1)).expect("attends");
    assert_eq!((held.id.as_str(), held.state, held.times.dispatched_at), ("a", Dispatched, Time(2000)));
    assert!(task.is_active_for(&unit(1)) && !task.is_active_for(&unit(2)));
    let task = after(&task, status("a", Accepted), 3000);
    let task = after(&task, status("a", EnRoute), 4500);
    assert_eq!(task.state, TaskState::Assigned);
    let task = after(&task, status("a", OnScene), 60_000);
    assert_eq!(task.state, TaskState::OnScene);
    let task = after(&task, status("a", Cleared), 90_250);
    assert_eq!((task.state, task.outcome), (TaskState::Closed, Some(Outcome::Done)));
    assert_eq!(task.closed_at, Some(Time(90_250)));
    assert!(!task.is_active_for(&unit(1)));
    assert_eq!(
        told(&task, 2),
        [
            json!({"type": "status", "assignment": "a", "unit_id": "PC-1", "state": "cleared"}),
            json!({"type": "closed", "outcome": "done"}),
        ]
    );
    let by = |n: usize| task.timeline[task.timeline.len() - n].by.by.as_str();
    assert_eq!((by(2), by(1)), ("user:chief5", "sentinel"));
    assert_eq!(
        task.assignment("a").expect("is kept").response_times(),
        ResponseTimes {
            to_accepted_s: Some(1.0),
            to_en_route_s: Some(2.5),
            to_on_scene_s: Some(58.0),
            to_cleared_s: Some(88.25),
        }
    );
}

#[test]
fn states_may_be_left_out_and_have_no_time_then() {
    let task = after(&assigned(), status("a", OnScene), 5000);
    let held = task.assignment("a").expect("is there");
    let times = held.response_times();
    assert_eq!((times.to_accepted_s, times.to_en_route_s, times.to_on_scene_s), (None, None, Some(3.0)));
    let task = after(&task, status("a", Cancelled), 6000);
    let held = task.assignment("a").expect("is kept");
    assert_eq!((held.times.ended_at, held.response_times().to_cleared_s), (Some(Time(6000)), None));
}

#[test]
fn the_same_state_again_changes_nothing_even_when_the_task_has_closed_by_it() {
    let task = after(&assigned(), status("a", EnRoute), 3000);
    assert_eq!(after(&task, status("a", EnRoute), 4000), task);
    let task = after(&after(&task, status("a", OnScene), 5000), status("a", Cleared), 6000);
    assert!(task.is_closed());
    assert_eq!(after(&task, status("a", Cleared), 7000), task);
}

#[test]
fn nothing_goes_back_and_what_has_ended_stays() {
    let task = after(&assigned(), status("a", EnRoute), 3000);
    let back = refusal(&task, status("a", Accepted));
    assert_eq!((back.code(), &back), ("step_back", &Refusal::StepBack { from: EnRoute, to: Accepted }));
    assert_eq!(refusal(&task, status("a", Dispatched)).code(), "step_back");
    let task = after(&task, status("a", Cancelled), 4000);
    for state in [Dispatched, Accepted, EnRoute, OnScene, Cleared] {
        let ended = refusal(&task, status("a", state));
        assert_eq!((ended.code(), ended), ("ended", Refusal::Ended(Cancelled)));
    }
    assert_eq!(refusal(&task, status("b", Accepted)).code(), "no_such_assignment");
}

#[test]
fn a_task_is_open_again_when_nobody_got_there_or_the_last_was_stood_down() {
    let never_there = after(&assigned(), status("a", Cleared), 3000);
    assert_eq!((never_there.state, never_there.outcome), (TaskState::Open, None));
    let stood_down = after(&after(&assigned(), status("a", OnScene), 3000), status("a", Cancelled), 4000);
    assert_eq!(stood_down.state, TaskState::Open);
    // Somebody was there before, so that the last to clear is the end of it.
    let next = after(&stood_down, assign("b", 2), 5000);
    assert_eq!(after(&next, status("b", Cleared), 6000).outcome, Some(Outcome::Done));
}

#[test]
fn a_task_whose_work_is_done_closes_when_the_last_unit_on_its_way_is_stood_down() {
    let two = after(&assigned(), assign("b", 2), 3000);
    let done = after(&after(&two, status("a", OnScene), 4000), status("a", Cleared), 5000);
    assert_eq!(done.state, TaskState::Assigned);
    let closed = after(&done, status("b", Cancelled), 6000);
    assert_eq!((closed.state, closed.outcome), (TaskState::Closed, Some(Outcome::Done)));
    assert_eq!(closed.closed_at, Some(Time(6000)));
    assert_eq!(
        told(&closed, 2),
        [
            json!({"type": "status", "assignment": "b", "unit_id": "PC-2", "state": "cancelled"}),
            json!({"type": "closed", "outcome": "done"}),
        ]
    );
    // Who was cleared without having been there has done nothing.
    let nobody = after(&after(&two, status("a", Cleared), 4000), status("b", Cancelled), 5000);
    assert_eq!((nobody.state, nobody.outcome), (TaskState::Open, None));
    // Of two of whom one is sent in place of the other somebody still attends to it.
    let to = assignment("c", 3);
    let moved = after(&done, Step::Reassign { assignment: "b".into(), to }, 6000);
    assert_eq!((moved.state, moved.outcome), (TaskState::Assigned, None));
}

#[test]
fn a_task_stays_while_another_unit_attends_to_it() {
    let task = after(&assigned(), assign("b", 2), 3000);
    let task = after(&task, status("a", OnScene), 4000);
    let task = after(&task, status("a", Cleared), 5000);
    assert_eq!((task.state, task.outcome), (TaskState::Assigned, None));
    assert_eq!(task.active().map(|held| held.id.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_unit_attends_once_and_an_id_is_used_once() {
    let task = assigned();
    assert_eq!(refusal(&task, assign("b", 1)), Refusal::AlreadyAssigned(unit(1)));
    assert!(matches!(refusal(&task, assign("a", 2)), Refusal::Invalid { field: "assignment", .. }));
    assert!(matches!(refusal(&task, assign("a/b", 2)), Refusal::Invalid { field: "assignment", .. }));
    let again = after(&after(&task, status("a", Cancelled), 3000), assign("b", 1), 4000);
    assert_eq!(again.active_of(&unit(1)).map(|held| held.id.as_str()), Some("b"));
    let estimate = NewAssignment { eta_s: Some(f64::NAN), ..assignment("c", 3) };
    let refused = refusal(&task, Step::Assign { assignment: estimate });
    assert!(matches!(refused, Refusal::Invalid { field: "eta_s", .. }));
}

#[test]
fn a_reassignment_stands_one_down_and_sends_another() {
    let task = after(&assigned(), status("a", EnRoute), 3000);
    let reassign = |id: &str, to| Step::Reassign { assignment: id.into(), to };
    let next = after(&task, reassign("a", assignment("b", 2)), 4000);
    assert_eq!(next.state, TaskState::Assigned);
    assert_eq!(next.assignment("a").map(|held| held.state), Some(Cancelled));
    assert_eq!(next.active_of(&unit(2)).map(|held| held.state), Some(Dispatched));
    assert_eq!(
        told(&next, 2),
        [
            json!({"type": "status", "assignment": "a", "unit_id": "PC-1", "state": "cancelled"}),
            json!({"type": "assigned", "assignment": "b", "unit_id": "PC-2"}),
        ]
    );
    // By somebody who saw the task as it was before.
    assert_eq!(refusal(&next, reassign("a", assignment("c", 3))), Refusal::Ended(Cancelled));
    assert_eq!(refusal(&next, reassign("x", assignment("c", 3))).code(), "no_such_assignment");
    assert_eq!(refusal(&next, reassign("b", assignment("c", 2))).code(), "already_assigned");
    let two = after(&next, assign("c", 3), 5000);
    assert_eq!(refusal(&two, reassign("b", assignment("d", 3))).code(), "already_assigned");
}

#[test]
fn closing_ends_every_assignment_that_is_active() {
    let task = after(&after(&assigned(), assign("b", 2), 3000), assign("c", 3), 3000);
    let task = after(&task, status("a", Cancelled), 4000);
    for (outcome, ended) in [(Outcome::Done, Cleared), (Outcome::Cancelled, Cancelled)] {
        let closed = after(&task, Step::Close { outcome, note: Some(" a false call ".into()) }, 5000);
        assert_eq!((closed.state, closed.outcome), (TaskState::Closed, Some(outcome)));
        let states: Vec<_> = closed.assignments.iter().map(|held| held.state).collect();
        assert_eq!(states, [Cancelled, ended, ended]);
        assert_eq!(closed.assignments[0].times.ended_at, Some(Time(4000)));
        let status =
            |id, of| json!({"type": "status", "assignment": id, "unit_id": of, "state": ended.as_str()});
        assert_eq!(
            told(&closed, 3),
            [
                status("b", "PC-2"),
                status("c", "PC-3"),
                json!({"type": "closed", "outcome": outcome.as_str()})
            ]
        );
        let last = closed.timeline.last().expect("it has entries");
        assert_eq!((last.note.as_deref(), &last.by), (Some("a false call"), &chief()));
    }
}

#[test]
fn a_closed_task_takes_notes_and_nothing_else() {
    let closed = after(&assigned(), close(Outcome::Cancelled), 3000);
    let later = after(&closed, note("found the caller"), 4000);
    assert_eq!(told(&later, 1), [json!({"type": "noted", "text": "found the caller"})]);
    assert_eq!(later.state, TaskState::Closed);
    for step in [
        assign("b", 2),
        Step::Reassign { assignment: "a".into(), to: assignment("b", 2) },
        status("a", Cleared),
        close(Outcome::Cancelled),
        edit(TaskEdit { notes: Some("x".into()), ..TaskEdit::default() }),
        Step::HandOver { to: Scope::station(9) },
    ] {
        assert_eq!(refusal(&closed, step).code(), "closed");
    }
}

#[test]
fn an_edit_tells_what_is_no_longer_as_it_was() {
    let change = TaskEdit {
        kind: Some("accident".into()),
        priority: Some(Priority::Low),
        notes: Some("three cars".into()),
        ..TaskEdit::default()
    };
    let edited = after(&task(), edit(change.clone()), 2000);
    assert_eq!(told(&edited, 1), [json!({"type": "edited", "fields": ["priority", "notes"]})]);
    assert_eq!(in_json(&edited)["priority"], "low");
    assert_eq!(after(&edited, edit(change), 3000), edited);
    let moved = Place { latitude: 9.75, ..place() };
    let edited = after(&edited, edit(TaskEdit { place: Some(moved.clone()), ..TaskEdit::default() }), 3000);
    assert_eq!((&edited.place, edited.notes.as_str()), (&moved, "three cars"));
}

#[test]
fn an_edit_fits_what_the_task_is() {
    let of = |change: TaskEdit| match refusal(&task(), edit(change)) {
        Refusal::Invalid { field, .. } => field,
        other => panic!("{other}"),
    };
    assert_eq!(of(TaskEdit { customer: Some("B".into()), ..TaskEdit::default() }), "customer");
    assert_eq!(of(TaskEdit { kind: Some(String::new()), ..TaskEdit::default() }), "kind");
    assert_eq!(of(TaskEdit { notes: Some("x".repeat(NOTES_MAX + 1)), ..TaskEdit::default() }), "notes");
    let order = create(order("Bakery")).expect("is made");
    for change in [
        TaskEdit { kind: Some("x".into()), ..TaskEdit::default() },
        TaskEdit { priority: Some(Priority::Low), ..TaskEdit::default() },
    ] {
        assert_eq!(refusal(&order, edit(change)).code(), "invalid");
    }
    let none = after(&order, edit(TaskEdit { customer: Some(String::new()), ..TaskEdit::default() }), 2000);
    assert_eq!(in_json(&none)["customer"], Value::Null);
    assert_eq!(told(&none, 1), [json!({"type": "edited", "fields": ["customer"]})]);
}

#[test]
fn a_hand_over_says_from_whom_to_whom() {
    let to = Scope::new(Level::Zone, 4);
    let handed = after(&task(), Step::HandOver { to }, 2000);
    assert_eq!(handed.scope, to);
    assert_eq!(told(&handed, 1), [json!({"type": "handed_over", "from": "zone:3", "to": "zone:4"})]);
    assert_eq!(after(&handed, Step::HandOver { to }, 3000), handed);
}

#[test]
fn a_clock_that_is_behind_does_not_take_the_timeline_back() {
    let task = after(&assigned(), status("a", OnScene), 1500);
    assert_eq!(task.assignment("a").and_then(|held| held.times.on_scene_at), Some(Time(2000)));
    let closed = after(&task, close(Outcome::Done), -5);
    assert_eq!(closed.closed_at, Some(Time(2000)));
}

#[test]
fn a_task_full_of_notes_still_sees_its_units_through() {
    assert!(matches!(refusal(&task(), note(" ")), Refusal::Invalid { field: "text", .. }));
    assert!(matches!(refusal(&task(), note(&"x".repeat(501))), Refusal::Invalid { field: "text", .. }));
    let mut full = task();
    for n in 0..REMARKS_MAX {
        full = after(&full, note(&format!("note {n}")), 2000);
    }
    assert_eq!(refusal(&full, note("one more")).code(), "too_many");
    assert_eq!(refusal(&full, Step::HandOver { to: Scope::station(9) }).code(), "too_many");
    for n in 0..ASSIGNMENTS_MAX {
        let id = format!("a{n}");
        full = after(&full, assign(&id, n), 3000);
        for state in [Accepted, EnRoute, OnScene] {
            full = after(&full, status(&id, state), 3000);
        }
    }
    let refused = refusal(&full, assign("more", 99));
    assert_eq!(
        (refused.code(), refused.to_string().as_str()),
        ("too_many", "a task has at most 50 assignments")
    );
    let closed = after(&full, close(Outcome::Done), 4000);
    assert_eq!(closed.timeline.len(), TIMELINE_MAX);
    assert!(closed.assignments.iter().all(|held| held.state == Cleared));
}
