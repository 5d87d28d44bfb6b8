//! Incidents and orders in words.

use crate::{
    format::{Measure, ago, coordinates, distance, kind, span, status_word, took, whole},
    local_time::Wall,
};
use sentinel_model::{
    Scope, Task, Time, UnitStatus,
    dispatch::{
        Assignment, AssignmentState, EntryKind, Estimate, Outcome, Place, Priority, TaskField, TaskState,
        What,
    },
};

/// `Accident`; of an order whom it is for.
pub fn title(task: &Task) -> String {
    match &task.what {
        What::Incident(incident) => kind(&incident.kind),
        What::Order(order) => order.customer.clone().unwrap_or_else(|| format!("Order {}", task.id)),
    }
}

/// `High priority accident`
pub fn brief(task: &Task) -> String {
    match &task.what {
        What::Incident(incident) if incident.priority == Priority::Normal => kind(&incident.kind),
        What::Incident(incident) => {
            format!("{} priority {}", priority(incident.priority), incident.kind.replace('_', " "))
        }
        What::Order(_) => format!("order {}", task.id),
    }
}

pub fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::High => "High",
        Priority::Normal => "Normal",
        Priority::Low => "Low",
    }
}

pub fn state(task: &Task) -> &'static str {
    match (task.state, task.outcome) {
        (TaskState::Open, _) => "Nobody sent",
        (TaskState::Assigned, _) => "On the way",
        (TaskState::OnScene, _) => "On scene",
        (TaskState::Closed, Some(Outcome::Cancelled)) => "Cancelled",
        (TaskState::Closed, _) => "Closed",
    }
}

pub fn state_word(state: TaskState) -> &'static str {
    match state {
        TaskState::Open => "Nobody sent",
        TaskState::Assigned => "On the way",
        TaskState::OnScene => "On scene",
        TaskState::Closed => "Closed",
    }
}

pub fn step(state: AssignmentState) -> &'static str {
    match state {
        AssignmentState::Dispatched => "Sent",
        AssignmentState::Accepted => "Accepted",
        AssignmentState::EnRoute => "En route",
        AssignmentState::OnScene => "On scene",
        AssignmentState::Cleared => "Cleared",
        AssignmentState::Cancelled => "Stood down",
    }
}

/// Its address, else its coordinates.
pub fn place(place: &Place) -> String {
    place.text.clone().unwrap_or_else(|| coordinates(place.latitude, place.longitude))
}

/// `4 min`; from an hour on `1 h 05 min`.
pub fn eta(seconds: f64) -> String {
    if seconds < 60.0 { format!("{} s", whole(seconds)) } else { span(ms(seconds)) }
}

/// `1.2 km away, about 3 min`; how it was when the unit was sent is said so.
pub fn away(way: Estimate, measure: Measure, is_now: bool) -> String {
    let when = if is_now { "" } else { " when sent" };
    format!("{} away{when}, about {}", distance(way.distance_m, measure), eta(way.eta_s))
}

/// That a unit may not come: it is silent, or has gone home. Nothing of one that is heard of.
pub fn lost(status: UnitStatus, silent_ms: Option<i64>) -> Option<String> {
    match status {
        UnitStatus::Available | UnitStatus::OnTask => None,
        UnitStatus::OffDuty => Some("Off duty: its patrol has ended".into()),
        UnitStatus::Stale | UnitStatus::Offline => Some(match silent_ms {
            Some(silent) => format!("{}: last heard of {}", status_word(status), ago(silent)),
            None => format!("{}: nothing is heard of it", status_word(status)),
        }),
    }
}

/// `PC-5 was sent to High priority fire, inc-7`
pub fn sent(unit: &str, task: &Task) -> String {
    let to = brief(task);
    // An order is called by its id.
    if task.is_order() {
        format!("{unit} was sent to {to}")
    } else {
        format!("{unit} was sent to {to}, {}", task.id)
    }
}

/// Who made something, as the API says it: `user:asha`, `key:1f…`.
pub fn maker(by: &str) -> &str {
    match by.split_once(':') {
        Some(("user", name)) => name,
        Some(("key", _)) => "an API key",
        _ => by,
    }
}

/// `08:37`; of another day than today with its date.
pub fn moment(wall: Wall, at: Time, now: Time) -> String {
    let (date, clock) = (wall.date(at), wall.clock_short(at));
    if date == wall.date(now) { clock } else { format!("{date}, {clock}") }
}

fn ms(seconds: f64) -> i64 {
    (seconds * 1_000.0).round() as i64
}

/// `14:02` of an age: minutes and seconds, then hours and minutes.
pub fn age(ms: i64) -> String {
    let s = (ms / 1_000).max(0);
    if s < 3_600 { format!("{}:{:02} min", s / 60, s % 60) } else { span(ms) }
}

/// `Assigned after 20 s, on scene after 6 min 10 s`; empty as long as nobody was.
pub fn went(task: &Task) -> String {
    let went = task.milestones();
    let after = |word: &str, at: Time| format!("{word} after {}", took(at.ms_since(task.created_at)));
    let assigned = went.assigned_at.map(|at| after("Assigned", at));
    let on_scene = went.on_scene_at.map(|at| after(", on scene", at));
    [assigned, on_scene].into_iter().flatten().collect()
}

/// When a unit came into the state that it is in.
pub fn since(held: &Assignment) -> Time {
    let times = &held.times;
    let at = match held.state {
        AssignmentState::Dispatched => None,
        AssignmentState::Accepted => times.accepted_at,
        AssignmentState::EnRoute => times.en_route_at,
        AssignmentState::OnScene => times.on_scene_at,
        AssignmentState::Cleared | AssignmentState::Cancelled => times.ended_at,
    };
    at.unwrap_or(times.dispatched_at)
}

/// When a unit came into a state; none where it did not, or left it out.
pub fn came_at(held: &Assignment, state: AssignmentState) -> Option<Time> {
    let times = &held.times;
    match state {
        AssignmentState::Dispatched => Some(times.dispatched_at),
        AssignmentState::Accepted => times.accepted_at,
        AssignmentState::EnRoute => times.en_route_at,
        AssignmentState::OnScene => times.on_scene_at,
        AssignmentState::Cleared | AssignmentState::Cancelled => {
            times.ended_at.filter(|_| held.state == state)
        }
    }
}

fn field(field: TaskField) -> &'static str {
    match field {
        TaskField::Kind => "the kind",
        TaskField::Priority => "the priority",
        TaskField::Customer => "the customer",
        TaskField::Place => "the place",
        TaskField::Notes => "the notes",
    }
}

/// What happened, as a sentence without who and when.
pub fn happened(step_of: &EntryKind, name: impl Fn(Scope) -> String) -> String {
    match step_of {
        EntryKind::Created(_) => "made it".into(),
        EntryKind::Edited(edited) => {
            let fields: Vec<&str> = edited.fields.iter().map(|f| field(*f)).collect();
            format!("changed {}", fields.join(" and "))
        }
        EntryKind::Noted(noted) => noted.text.clone(),
        EntryKind::Assigned(assigned) => format!("sent {}", assigned.unit_id),
        EntryKind::Status(status) => match status.state {
            AssignmentState::Dispatched => format!("{} is sent", status.unit_id),
            AssignmentState::Accepted => format!("{} accepted", status.unit_id),
            AssignmentState::EnRoute => format!("{} is en route", status.unit_id),
            AssignmentState::OnScene => format!("{} is on scene", status.unit_id),
            AssignmentState::Cleared => format!("{} is cleared", status.unit_id),
            AssignmentState::Cancelled => format!("{} was stood down", status.unit_id),
        },
        EntryKind::HandedOver(over) => format!("handed it from {} to {}", name(over.from), name(over.to)),
        EntryKind::Closed(closed) => match closed.outcome {
            Outcome::Done => "closed it".into(),
            Outcome::Cancelled => "cancelled it".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tasks::tests::task;
    use sentinel_model::dispatch::{By, NewAssignment, Step};

    #[test]
    fn a_task_is_called_by_its_kind_and_by_how_pressing_it_is() {
        assert_eq!(title(&task("a", Priority::High, 1)), "Accident");
        assert_eq!(brief(&task("a", Priority::High, 1)), "High priority accident");
        assert_eq!(brief(&task("a", Priority::Normal, 1)), "Accident");
        assert_eq!(place(&task("a", Priority::Low, 1).place), "9.96000, 76.30000");
    }

    #[test]
    fn how_fast_it_went_is_told_as_far_as_it_went() {
        let by = By::sentinel();
        let one = task("a", Priority::High, 1_000);
        let assignment = NewAssignment {
            id: "a.1".into(),
            unit_id: "PC-1".parse().expect("a good id"),
            unit_name: "PC-1".into(),
            station: Scope::station(5),
            patrol_id: None,
            distance_m: None,
            eta_s: None,
        };
        let sent = one.apply(Step::Assign { assignment }, &by, Time(21_000)).expect("assigns");
        let there = Step::Status { assignment: "a.1".into(), state: AssignmentState::OnScene };
        let there = sent.apply(there, &by, Time(371_000)).expect("it is there");
        assert_eq!([went(&one), went(&sent)], ["", "Assigned after 20 s"]);
        assert_eq!(went(&there), "Assigned after 20 s, on scene after 6 min 10 s");
    }

    #[test]
    fn how_far_a_unit_is_and_that_it_is_lost_is_said_in_words() {
        let way = Estimate { distance_m: 1_230.0, eta_s: 180.0 };
        assert_eq!(away(way, Measure::Metric, true), "1.2 km away, about 3 min");
        assert_eq!(away(way, Measure::Metric, false), "1.2 km away when sent, about 3 min");
        assert_eq!(lost(UnitStatus::OnTask, Some(1_000)), None);
        let told = |status, silent| lost(status, silent).unwrap_or_default();
        assert_eq!(told(UnitStatus::Stale, Some(125_000)), "Stale: last heard of 2 min ago");
        assert_eq!(told(UnitStatus::Offline, None), "Offline: nothing is heard of it");
        assert_eq!(told(UnitStatus::OffDuty, None), "Off duty: its patrol has ended");
    }

    #[test]
    fn a_unit_is_sent_to_what_it_is_sent_to_and_things_are_made_by_someone() {
        assert_eq!(
            sent("PC-5", &task("inc-7", Priority::High, 1)),
            "PC-5 was sent to High priority accident, inc-7"
        );
        assert_eq!(
            [maker("user:asha"), maker("key:1f"), maker("sentinel")],
            ["asha", "an API key", "sentinel"]
        );
    }

    #[test]
    fn times_to_arrive_and_ages_carry_their_units() {
        assert_eq!(eta(41.6), "42 s");
        assert_eq!(eta(214.0), "3 min");
        assert_eq!(age(62_000), "1:02 min");
        assert_eq!(age(3_900_000), "1 h 05 min");
    }
}
