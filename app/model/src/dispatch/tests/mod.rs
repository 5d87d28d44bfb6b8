//! Tasks as they are made and told; [`steps`] take them on.

use super::*;
use crate::{Level, PatrolId};
use serde_json::{Value, json};

mod properties;
mod steps;

fn chief() -> By {
    By { by: "user:chief5".into(), name: "Chief".into() }
}

fn place() -> Place {
    Place { latitude: 9.5, longitude: 76.25, text: Some("Kadavanthra junction".into()) }
}

fn unit(n: usize) -> UnitId {
    format!("PC-{n}").parse().expect("a good id")
}

fn assignment(id: &str, of: usize) -> NewAssignment {
    NewAssignment {
        id: id.into(),
        unit_id: unit(of),
        unit_name: format!("Car {of}"),
        station: Scope::station(5),
        patrol_id: Some(PatrolId(7)),
        distance_m: Some(412.5),
        eta_s: Some(95.0),
    }
}

fn accident() -> NewTask {
    let incident = Incident { kind: "accident".into(), priority: Priority::High };
    let scope = Scope::new(Level::Zone, 3);
    NewTask { what: What::Incident(incident), scope, place: place(), notes: "two cars".into() }
}

fn order(customer: &str) -> NewTask {
    let order = Order { customer: Some(customer.into()), pickup: Some(place()) };
    NewTask { what: What::Order(order), ..accident() }
}

fn create(new: NewTask) -> Result<Task, Refusal> {
    Task::create("inc-1".parse().expect("a good id"), new, &chief(), Time(1000))
}

fn task() -> Task {
    create(accident()).expect("is made")
}

fn in_json(task: &Task) -> Value {
    serde_json::to_value(task).expect("encodes")
}

/// What the last `n` entries of the timeline tell, as JSON has it.
fn told(task: &Task, n: usize) -> Vec<Value> {
    let from = task.timeline.len().saturating_sub(n);
    let step = |entry: &Entry| serde_json::to_value(&entry.step).expect("encodes");
    task.timeline[from..].iter().map(step).collect()
}

fn field_of(made: Result<Task, Refusal>) -> &'static str {
    match made {
        Err(Refusal::Invalid { field, .. }) => field,
        other => panic!("not refused as invalid: {other:?}"),
    }
}

#[test]
fn a_new_task_is_open_and_tells_that_it_was_created() {
    let task = task();
    assert_eq!((task.state, task.outcome, task.closed_at), (TaskState::Open, None, None));
    assert_eq!((task.created_at, &task.created_by), (Time(1000), &chief()));
    assert_eq!(told(&task, 9), [json!({"type": "created"})]);
    assert_eq!((task.timeline[0].at, &task.timeline[0].by), (Time(1000), &chief()));
}

#[test]
fn what_a_task_is_stands_in_json_among_its_own_fields() {
    let incident = in_json(&task());
    assert_eq!(
        incident,
        json!({
            "id": "inc-1", "type": "incident", "kind": "accident", "priority": "high",
            "state": "open", "outcome": null, "scope": "zone:3",
            "place": {"latitude": 9.5, "longitude": 76.25, "text": "Kadavanthra junction"},
            "notes": "two cars", "created_at": "1970-01-01T00:00:01.000Z",
            "created_by": {"by": "user:chief5", "name": "Chief"}, "closed_at": null, "assignments": [],
            "timeline": [{
                "at": "1970-01-01T00:00:01.000Z", "by": {"by": "user:chief5", "name": "Chief"},
                "step": {"type": "created"}, "note": null,
            }],
        })
    );
    let order = in_json(&create(order("Bakery")).expect("is made"));
    assert_eq!((&order["type"], &order["customer"]), (&json!("order"), &json!("Bakery")));
    assert_eq!(order["pickup"]["longitude"], 76.25);
    assert!(order.get("what").is_none() && order.get("kind").is_none());
}

wire_enum! {
    /// As an event of the live stream holds a task.
    pub enum Frame tagged "kind" {
        Told(Told),
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Told {
    offset: u64,
    task: Task,
}

#[test]
fn a_task_within_a_tagged_frame_survives_both_encodings() {
    for new in [accident(), order("Bakery")] {
        let task = create(new).expect("is made");
        let assigned = Step::Assign { assignment: assignment("a", 1) };
        let task = task.apply(assigned, &chief(), Time(2000)).expect("takes the step");
        let frame = Frame::Told(Told { offset: 4, task });
        let json = crate::live::to_json(&frame).expect("encodes");
        assert!(json.starts_with(r#"{"kind":"told","offset":4,"task":{"id":"inc-1","type":""#), "{json}");
        assert_eq!(crate::live::from_json::<Frame>(&json).expect("decodes"), frame, "{json}");
        let binary = crate::live::to_binary(&frame).expect("encodes");
        assert_eq!(crate::live::from_binary::<Frame>(&binary).expect("decodes"), frame);
    }
}

#[test]
fn json_that_is_no_task_is_refused() {
    let mut other = in_json(&task());
    other["type"] = json!("party");
    assert!(serde_json::from_value::<Task>(other).is_err());
    let mut none = in_json(&task());
    none.as_object_mut().expect("an object").remove("priority");
    assert!(serde_json::from_value::<Task>(none).is_err());
    let mut id = in_json(&task());
    id["id"] = json!("inc 1");
    assert!(serde_json::from_value::<Task>(id).is_err());
}

#[test]
fn texts_are_trimmed_and_empty_ones_are_none() {
    let incident = Incident { kind: "  fire ".into(), priority: Priority::Low };
    let made = create(NewTask {
        what: What::Incident(incident),
        place: Place { text: Some("  ".into()), ..place() },
        notes: " at the\nharbour\n".into(),
        ..accident()
    });
    let made = made.expect("is made");
    assert!(matches!(&made.what, What::Incident(incident) if incident.kind == "fire"));
    assert_eq!((made.place.text.as_deref(), made.notes.as_str()), (None, "at the\nharbour"));
    let made = create(order(" ")).expect("is made");
    assert!(matches!(&made.what, What::Order(order) if order.customer.is_none()));
}

#[test]
fn each_text_has_its_length_and_no_more() {
    let kind = |kind: String| {
        create(NewTask { what: What::Incident(Incident { kind, priority: Priority::Low }), ..accident() })
    };
    let address = |text| create(NewTask { place: Place { text: Some(text), ..place() }, ..accident() });
    let notes = |notes| create(NewTask { notes, ..accident() });
    // Characters, not bytes.
    assert!(kind("é".repeat(KIND_MAX)).is_ok());
    assert_eq!(field_of(kind("é".repeat(KIND_MAX + 1))), "kind");
    assert_eq!(field_of(kind(" ".into())), "kind");
    assert_eq!(field_of(kind("two\nlines".into())), "kind");
    assert!(create(order(&"é".repeat(CUSTOMER_MAX))).is_ok());
    assert_eq!(field_of(create(order(&"é".repeat(CUSTOMER_MAX + 1)))), "customer");
    assert!(address("é".repeat(ADDRESS_MAX)).is_ok());
    assert_eq!(field_of(address("é".repeat(ADDRESS_MAX + 1))), "place");
    assert!(notes("é".repeat(NOTES_MAX)).is_ok());
    assert_eq!(field_of(notes("é".repeat(NOTES_MAX + 1))), "notes");
    assert_eq!(field_of(notes("a\u{7}b".into())), "notes");
}

#[test]
fn a_place_is_on_earth() {
    let at = |latitude, longitude| {
        create(NewTask { place: Place { latitude, longitude, text: None }, ..accident() })
    };
    for (latitude, longitude) in [(90.0, 180.0), (-90.0, -180.0), (0.0, 0.0)] {
        assert!(at(latitude, longitude).is_ok());
    }
    for (latitude, longitude) in [(90.1, 0.0), (0.0, -180.1), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
        assert_eq!(field_of(at(latitude, longitude)), "place");
    }
    let nowhere = Order { customer: None, pickup: Some(Place { latitude: 91.0, ..place() }) };
    assert_eq!(field_of(create(NewTask { what: What::Order(nowhere), ..accident() })), "pickup");
}

#[test]
fn a_state_is_called_what_its_json_says() {
    for state in TaskState::ALL {
        assert_eq!(json!(state), state.as_str());
    }
    for state in AssignmentState::ALL {
        assert_eq!(json!(state), state.as_str());
    }
    for priority in Priority::ALL {
        assert_eq!(json!(priority), priority.as_str());
    }
    for outcome in [Outcome::Done, Outcome::Cancelled] {
        assert_eq!(json!(outcome), outcome.as_str());
    }
}

#[cfg(feature = "openapi")]
#[test]
fn the_document_tells_of_the_json_form() {
    use utoipa::{PartialSchema, ToSchema};
    let mut schemas = vec![(Task::name().into_owned(), Task::schema())];
    Task::schemas(&mut schemas);
    let schemas: std::collections::BTreeMap<_, _> = schemas.into_iter().collect();
    let document = serde_json::to_value(&schemas).expect("encodes");
    let text = document["Task"].to_string();
    assert!(text.contains("#/components/schemas/What") && !text.contains("\"what\""), "{text}");
    for field in ["state", "place", "assignments", "timeline"] {
        assert!(text.contains(&format!("\"{field}\":")), "{field}: {text}");
    }
    let variants = &document["What"]["discriminator"]["mapping"];
    assert_eq!(variants["incident"], "#/components/schemas/What_Incident");
    let referred = document.to_string();
    for at in referred.split("#/components/schemas/").skip(1) {
        let name = at.split('"').next().unwrap_or_default();
        assert!(schemas.contains_key(name), "{name} is not told of");
    }
}
