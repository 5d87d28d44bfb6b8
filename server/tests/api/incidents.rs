//! From a call to an arrival: `/api/v1/incidents`, `/api/v1/assignments`.

use crate::{
    over_every_form,
    server::{Answer, DISTRICT, Server, at, fix, id, zone},
    socket::{Form, Socket},
};
use axum::http::{Method, StatusCode};
use sentinel_model::{
    Page, Permission, Scope, Unit, UnitStatus,
    dispatch::{AssignmentState, EntryKind, Outcome, Task, TaskState},
    live::{Event, ServerFrame},
};
use sentinel_server::ports::{Change, TaskRecord};
use serde_json::{Value, json};

over_every_form!(every_step_is_told_to_the_scopes_that_see_it_and_to_no_other);

pub(crate) async fn incident(server: &Server, who: &str, more: Value) -> Task {
    let mut body = json!({"kind": "accident", "latitude": 9.9, "longitude": 76.2, "scope": "station:5"});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let answer = server.post(who, "/api/v1/incidents", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.as_a()
}

pub(crate) async fn assign(server: &Server, who: &str, task: &Task, unit: &str) -> Answer {
    let kind = if task.is_order() { "orders" } else { "incidents" };
    server.post(who, &format!("/api/v1/{kind}/{}/assign", task.id), json!({"unit_id": unit})).await
}

pub(crate) async fn status(server: &Server, who: &str, assignment: &str, status: &str) -> Answer {
    server.post(who, &format!("/api/v1/assignments/{assignment}/status"), json!({"status": status})).await
}

async fn task(server: &Server, who: &str, id: &str) -> Task {
    server.get(who, &format!("/api/v1/incidents/{id}")).await.as_a()
}

/// A unit on patrol, heard of just now.
pub(crate) async fn on_patrol(server: &Server, name: &str, station: u32) -> String {
    let token = server.unit(name, station).await;
    server.start_patrol(name, station).await;
    server.fixes(&token, &[fix(server.clock.now(), 9.9, 76.2)]).await;
    token
}

async fn told(socket: &mut Socket) -> Task {
    let hears = |frame| match frame {
        ServerFrame::Event(Event::Incident(told)) => Some(*told.incident),
        _ => None,
    };
    socket.until("an incident", hears).await
}

async fn unit_status(server: &Server, who: &str, unit: &str) -> UnitStatus {
    server.get(who, &format!("/api/v1/units/{unit}")).await.as_a::<Unit>().status
}

async fn every_step_is_told_to_the_scopes_that_see_it_and_to_no_other(form: Form) {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    on_patrol(&server, "PC-1", 5).await;
    let (mut district, _) = Socket::subscribed_as(form, &server, &admin, DISTRICT).await;
    let (mut own, _) = Socket::subscribed_as(form, &server, &admin, Scope::station(5)).await;
    let (mut elsewhere, _) = Socket::subscribed_as(form, &server, &admin, zone(4)).await;
    let made = incident(&server, &admin, json!({})).await;
    assert_eq!(told(&mut own).await, made);
    assert_eq!(told(&mut district).await, made);
    let assignment = assign(&server, &admin, &made, "PC-1").await.json["id"].clone();
    let after = told(&mut own).await;
    assert_eq!(
        (after.state, after.assignments[0].id.as_str()),
        (TaskState::Assigned, assignment.as_str().expect("a text"))
    );
    // Nothing of it came there: the next that does is of its own.
    let of_its_own = incident(&server, &admin, json!({"scope": "zone:4"})).await;
    assert_eq!(told(&mut elsewhere).await, of_its_own);
    server.end().await;
}

#[tokio::test]
async fn from_a_call_to_an_arrival() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let device = on_patrol(&server, "PC-1", 5).await;
    let made = incident(&server, &admin, json!({"priority": "high", "notes": "two cars"})).await;
    assert_eq!((made.state, made.id.as_str()), (TaskState::Open, "inc-1"));

    let near: Value = server.get(&admin, "/api/v1/incidents/inc-1/nearest").await.as_a();
    assert_eq!(near["items"][0]["unit_id"], "PC-1");
    assert!(near["items"][0]["eta_s"].as_f64().is_some_and(|eta| eta >= 0.0), "{near}");

    let assigned = assign(&server, &admin, &made, "PC-1").await;
    assert_eq!(assigned.status, StatusCode::CREATED, "{}", assigned.text);
    assert_eq!((&assigned.json["id"], &assigned.json["state"]), (&json!("inc-1.1"), &json!("dispatched")));
    assert_eq!(unit_status(&server, &admin, "PC-1").await, UnitStatus::OnTask);
    let near: Value = server.get(&admin, "/api/v1/incidents/inc-1/nearest").await.as_a();
    assert_eq!(near["items"], json!([]), "who is on a task is not free");

    // The device itself: it sees what it is sent to, and says how far it is.
    let own: Value = server.get(&device, "/api/v1/assignments").await.as_a();
    assert_eq!((&own["items"][0]["id"], &own["items"][0]["notes"]), (&json!("inc-1.1"), &json!("two cars")));
    for state in ["accepted", "en_route", "on_scene", "on_scene"] {
        let answer = status(&server, &device, "inc-1.1", state).await;
        assert_eq!(
            (answer.status, &answer.json["state"]),
            (StatusCode::OK, &json!(state)),
            "{}",
            answer.text
        );
    }
    assert_eq!(task(&server, &admin, "inc-1").await.state, TaskState::OnScene);
    let back = status(&server, &device, "inc-1.1", "accepted").await;
    assert_eq!((back.status, &back.json["code"]), (StatusCode::CONFLICT, &json!("step_back")));

    let cleared = status(&server, &device, "inc-1.1", "cleared").await;
    assert_eq!(cleared.status, StatusCode::OK, "{}", cleared.text);
    let closed = task(&server, &admin, "inc-1").await;
    assert_eq!((closed.state, closed.outcome), (TaskState::Closed, Some(Outcome::Done)));
    let times = closed.assignments[0].times;
    assert!(times.accepted_at.is_some() && times.on_scene_at.is_some() && times.ended_at.is_some());
    assert_eq!(unit_status(&server, &admin, "PC-1").await, UnitStatus::Available);
    // Sent again by a device that did not hear the answer.
    assert_eq!(status(&server, &device, "inc-1.1", "cleared").await.status, StatusCode::OK);
    assert_eq!(server.get(&device, "/api/v1/assignments").await.json["items"], json!([]));

    let server = server.restart().await;
    assert_eq!(task(&server, &admin, "inc-1").await, closed);
    let next = incident(&server, &admin, json!({})).await;
    assert_eq!(next.id.as_str(), "inc-2", "no number is given twice");
}

#[tokio::test]
async fn a_restart_in_the_middle_goes_on_from_there() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    on_patrol(&server, "PC-1", 5).await;
    let made = incident(&server, &admin, json!({})).await;
    assign(&server, &admin, &made, "PC-1").await;
    status(&server, &admin, "inc-1.1", "en_route").await;
    let server = server.restart().await;
    assert_eq!(task(&server, &admin, "inc-1").await.assignments[0].state, AssignmentState::EnRoute);
    assert_eq!(unit_status(&server, &admin, "PC-1").await, UnitStatus::OnTask);
    let cleared = status(&server, &admin, "inc-1.1", "cleared").await;
    assert_eq!(cleared.status, StatusCode::OK, "{}", cleared.text);
    let after = task(&server, &admin, "inc-1").await;
    assert_eq!(after.state, TaskState::Open, "nobody had been there: it waits for the next");
}

#[tokio::test]
async fn who_may_not_see_an_incident_finds_none_and_who_may_not_steer_it_is_refused() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let (chief, stranger) = (
        server.sign_in("chief5").await,
        server.key(Scope::station(9), &[Permission::Read, Permission::Dispatch]).await,
    );
    let reader = server.key(Scope::station(5), &[Permission::Read]).await;
    let (device, other) = (on_patrol(&server, "PC-1", 5).await, on_patrol(&server, "PC-9", 9).await);
    let made = incident(&server, &admin, json!({})).await;
    assign(&server, &admin, &made, "PC-1").await;
    let one = format!("/api/v1/incidents/{}", made.id);
    for who in [&stranger, &other] {
        assert_eq!(server.get(who, &one).await.status, StatusCode::NOT_FOUND);
        assert_eq!(status(&server, who, "inc-1.1", "accepted").await.status, StatusCode::NOT_FOUND);
        let refused = server.post(who, &format!("{one}/close"), json!({})).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{}", refused.text);
    }
    assert_eq!(server.get(&stranger, "/api/v1/incidents").await.json["items"], json!([]));
    for who in [&chief, &reader, &device] {
        assert_eq!(server.get(who, &one).await.status, StatusCode::OK);
        for (step, body) in [
            ("close", json!({})),
            ("handover", json!({"scope": "station:9"})),
            ("assign", json!({"unit_id": "PC-9"})),
        ] {
            let refused = server.post(who, &format!("{one}/{step}"), body).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{step}: {}", refused.text);
        }
    }
    // A station's chief says how far the own unit is, and what there is to know; a reader does neither.
    assert_eq!(status(&server, &chief, "inc-1.1", "accepted").await.status, StatusCode::OK);
    assert_eq!(
        server.post(&chief, &format!("{one}/notes"), json!({"text": "gate 2"})).await.status,
        StatusCode::OK
    );
    assert_eq!(status(&server, &reader, "inc-1.1", "en_route").await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        server.post(&reader, &format!("{one}/notes"), json!({"text": "x"})).await.status,
        StatusCode::FORBIDDEN
    );
    let made = server
        .post(&reader, "/api/v1/incidents", json!({"kind": "x", "latitude": 9.9, "longitude": 76.2}))
        .await;
    assert_eq!(made.status, StatusCode::FORBIDDEN, "{}", made.text);
    // Units of others cannot be sent.
    let own = incident(&server, &stranger, json!({"scope": "station:9"})).await;
    assert_eq!(assign(&server, &stranger, &own, "PC-1").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_station_whose_unit_is_sent_sees_the_incident_from_then_on() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let neighbour = server.key(Scope::station(9), &[Permission::Read]).await;
    on_patrol(&server, "PC-9", 9).await;
    let made = incident(&server, &admin, json!({})).await;
    let one = format!("/api/v1/incidents/{}", made.id);
    assert_eq!(server.get(&neighbour, &one).await.status, StatusCode::NOT_FOUND);
    assign(&server, &admin, &made, "PC-9").await;
    assert_eq!(server.get(&neighbour, &one).await.status, StatusCode::OK);
    status(&server, &admin, "inc-1.1", "cancelled").await;
    let page: Page<Task> = server.get(&neighbour, "/api/v1/incidents").await.as_a();
    assert_eq!(page.items.len(), 1, "what its unit did there stays to be seen");
}

#[tokio::test]
async fn a_unit_is_sent_to_one_thing_at_a_time_unless_it_is_said_so() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    on_patrol(&server, "PC-1", 5).await;
    on_patrol(&server, "PC-2", 5).await;
    server.unit("PC-3", 5).await;
    let (one, two) = (incident(&server, &admin, json!({})).await, incident(&server, &admin, json!({})).await);
    assign(&server, &admin, &one, "PC-1").await;
    let again = assign(&server, &admin, &one, "PC-1").await;
    assert_eq!((again.status, &again.json["code"]), (StatusCode::CONFLICT, &json!("already_assigned")));
    let busy = assign(&server, &admin, &two, "PC-1").await;
    assert_eq!((busy.status, &busy.json["code"]), (StatusCode::CONFLICT, &json!("busy")));
    let off_duty = assign(&server, &admin, &two, "PC-3").await;
    assert_eq!((off_duty.status, &off_duty.json["code"]), (StatusCode::CONFLICT, &json!("off_duty")));
    let path = format!("/api/v1/incidents/{}/assign", two.id);
    let both = server.post(&admin, &path, json!({"unit_id": "PC-1", "even_if_busy": true})).await;
    assert_eq!(both.status, StatusCode::CREATED, "{}", both.text);

    // In place of another: that one is free again.
    let path = format!("/api/v1/incidents/{}/assign", one.id);
    let moved = server.post(&admin, &path, json!({"unit_id": "PC-2", "instead_of": "inc-1.1"})).await;
    assert_eq!(moved.json["unit_id"], "PC-2", "{}", moved.text);
    let states: Vec<_> = task(&server, &admin, "inc-1").await.assignments.iter().map(|a| a.state).collect();
    assert_eq!(states, [AssignmentState::Cancelled, AssignmentState::Dispatched]);
    status(&server, &admin, "inc-2.1", "cancelled").await;
    assert_eq!(unit_status(&server, &admin, "PC-1").await, UnitStatus::Available);
}

#[tokio::test]
async fn what_is_said_of_it_is_changed_handed_over_closed_and_stands_in_the_timeline() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let made = incident(&server, &admin, json!({})).await;
    let one = format!("/api/v1/incidents/{}", made.id);
    let patch =
        server.request(Method::PATCH, &admin, &one).json(&json!({"priority": "low", "notes": "a dog"}));
    assert_eq!(crate::server::send(patch).await.status, StatusCode::OK);
    server.post(&admin, &format!("{one}/notes"), json!({"text": "it bites"})).await;
    server.post(&admin, &format!("{one}/handover"), json!({"scope": "zone:4"})).await;
    let closed: Task = server
        .post(&admin, &format!("{one}/close"), json!({"outcome": "cancelled", "note": "gone"}))
        .await
        .as_a();
    let steps: Vec<&str> = closed
        .timeline
        .iter()
        .map(|entry| match &entry.step {
            EntryKind::Created(_) => "created",
            EntryKind::Edited(_) => "edited",
            EntryKind::Noted(_) => "noted",
            EntryKind::Assigned(_) => "assigned",
            EntryKind::Status(_) => "status",
            EntryKind::HandedOver(_) => "handed_over",
            EntryKind::Closed(_) => "closed",
        })
        .collect();
    assert_eq!(steps, ["created", "edited", "noted", "handed_over", "closed"]);
    assert!(closed.timeline.iter().all(|entry| entry.by.by == "user:admin"));
    assert_eq!((closed.scope, closed.outcome), (zone(4), Some(Outcome::Cancelled)));
    for (step, body) in [("close", json!({})), ("handover", json!({"scope": "zone:3"}))] {
        let refused = server.post(&admin, &format!("{one}/{step}"), body).await;
        assert_eq!(
            (refused.status, &refused.json["code"]),
            (StatusCode::CONFLICT, &json!("closed")),
            "{step}"
        );
    }
}

#[tokio::test]
async fn a_list_is_narrowed_by_state_priority_kind_unit_and_words() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    on_patrol(&server, "PC-1", 5).await;
    incident(&server, &admin, json!({"kind": "fire", "priority": "high", "address": "Ravipuram Road"})).await;
    let two = incident(&server, &admin, json!({"notes": "a lorry"})).await;
    incident(&server, &admin, json!({"scope": "zone:4"})).await;
    assign(&server, &admin, &two, "PC-1").await;
    server.post(&admin, "/api/v1/incidents/inc-3/close", json!({})).await;
    let ids = async |query: &str| -> Vec<String> {
        let page: Page<Task> = server.get(&admin, &format!("/api/v1/incidents{query}")).await.as_a();
        page.items.into_iter().map(|task| task.id.to_string()).collect()
    };
    for (query, expected) in [
        ("", vec!["inc-2", "inc-1"]),
        ("?state=all", vec!["inc-3", "inc-2", "inc-1"]),
        ("?state=closed", vec!["inc-3"]),
        ("?state=assigned", vec!["inc-2"]),
        ("?state=open", vec!["inc-1"]),
        ("?priority=high", vec!["inc-1"]),
        ("?kind=FIRE", vec!["inc-1"]),
        ("?unit_id=PC-1", vec!["inc-2"]),
        ("?q=ravipuram+fire", vec!["inc-1"]),
        ("?q=lorry", vec!["inc-2"]),
        ("?q=nothing", vec![]),
        ("?scope=zone:4&state=all", vec!["inc-3"]),
    ] {
        assert_eq!(ids(query).await, expected, "{query}");
    }
    let first: Page<Task> = server.get(&admin, "/api/v1/incidents?state=all&limit=2").await.as_a();
    let next = first.next.expect("there is more");
    assert_eq!(ids(&format!("?state=all&limit=2&cursor={next}")).await, ["inc-1"]);
    assert_eq!(server.get(&admin, "/api/v1/incidents?cursor=x").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_does_not_read_is_refused_in_words() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    for (body, part) in [
        (json!({"kind": "x"}), "latitude and longitude"),
        (json!({"kind": "", "latitude": 9.9, "longitude": 76.2}), "kind"),
        (json!({"kind": "x", "latitude": 91.0, "longitude": 76.2}), "latitude"),
        (json!({"kind": "x", "latitude": 9.9, "longitude": 76.2, "colour": "red"}), "colour"),
        (json!({"kind": "x", "latitude": 9.9, "longitude": 76.2, "notes": "x".repeat(2_001)}), "notes"),
    ] {
        let refused = server.post(&admin, "/api/v1/incidents", body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
        assert!(refused.message().contains(part), "{}", refused.text);
    }
    let nowhere = server.post(&admin, "/api/v1/incidents", json!({"kind": "x", "at_unit": "PC-8"})).await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND, "{}", nowhere.text);
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(0), 9.95, 76.3)]).await;
    let there: Task =
        server.post(&admin, "/api/v1/incidents", json!({"kind": "x", "at_unit": "PC-1"})).await.as_a();
    assert_eq!((there.place.latitude, there.place.longitude), (9.95, 76.3));
    assert!(server.sentinel.directory.unit(&id("PC-1")).is_some());
}

#[tokio::test]
async fn an_order_keeps_its_own_id_and_ends_with_its_delivery() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    on_patrol(&server, "PC-1", 5).await;
    let body = json!({"id": "A-7731", "customer": "Amélie", "latitude": 9.9, "longitude": 76.2, "scope": "station:5",
        "pickup": {"latitude": 9.8, "longitude": 76.1, "address": "Bakery"}});
    let made = server.post(&admin, "/api/v1/orders", body.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!((&made.json["id"], &made.json["type"]), (&json!("A-7731"), &json!("order")));
    assert_eq!(server.post(&admin, "/api/v1/orders", body).await.status, StatusCode::CONFLICT);
    let order: Task = made.as_a();
    let assigned = assign(&server, &admin, &order, "PC-1").await;
    assert_eq!((&assigned.json["id"], &assigned.json["order_id"]), (&json!("A-7731.1"), &json!("A-7731")));
    assert_eq!(server.get(&admin, "/api/v1/incidents/A-7731").await.status, StatusCode::NOT_FOUND);
    for state in ["on_scene", "cleared"] {
        assert_eq!(status(&server, &admin, "A-7731.1", state).await.status, StatusCode::OK);
    }
    let after: Task = server.get(&admin, "/api/v1/orders/A-7731").await.as_a();
    assert_eq!(after.outcome, Some(Outcome::Done));
    let made_here = json!({"latitude": 9.9, "longitude": 76.2, "scope": "station:5"});
    assert_eq!(server.post(&admin, "/api/v1/orders", made_here).await.json["id"], "ord-1");
}

/// Puts records as they are, whatever made them.
async fn put(server: &Server, records: impl IntoIterator<Item = TaskRecord>) {
    let changes = records.into_iter().map(Change::PutTask).collect();
    server.sentinel.directory.put(changes).await.expect("puts");
}

#[tokio::test]
async fn ids_that_are_made_here_are_nobody_s_own_and_none_that_is_taken_is_given() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let order =
        |id: Option<&str>| json!({"id": id, "latitude": 9.9, "longitude": 76.2, "scope": "station:5"});
    for own in ["ord-2", "inc-1", "ord-007"] {
        let refused = server.post(&admin, "/api/v1/orders", order(Some(own))).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
        assert!(refused.message().contains(own), "{}", refused.text);
    }
    for own in ["ord-", "ord-2a", "ORD-2", "word-2"] {
        let made = server.post(&admin, "/api/v1/orders", order(Some(own))).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    }
    // As an earlier version took them: one is open, one was closed long ago.
    let like = server.sentinel.directory.open_task(&"ord-2a".parse().expect("an id")).expect("is open");
    let named = |id: &str| {
        let mut record = (*like).clone();
        record.task.id = id.parse().expect("an id");
        record
    };
    let mut closed = named("ord-3");
    closed.task.outcome = Some(Outcome::Done);
    closed.task.closed_at = Some(closed.task.created_at);
    closed.task.state = TaskState::Closed;
    put(&server, [named("ord-2"), closed.clone()]).await;
    let server = server.restart().await;
    for expected in ["ord-1", "ord-4"] {
        assert_eq!(server.post(&admin, "/api/v1/orders", order(None)).await.json["id"], expected);
    }
    assert_eq!(incident(&server, &admin, json!({})).await.id.as_str(), "inc-5");
    let kept: Task = server.get(&admin, "/api/v1/orders/ord-3").await.as_a();
    assert_eq!(kept, closed.task);
}

#[tokio::test]
async fn a_note_on_what_is_closed_is_kept_and_told() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let made = incident(&server, &admin, json!({})).await;
    let one = format!("/api/v1/incidents/{}", made.id);
    let closed: Task = server.post(&admin, &format!("{one}/close"), json!({})).await.as_a();
    // Closed ones are read where they are kept.
    let server = server.restart().await;
    let (mut own, _) = Socket::subscribed_as(Form::Json, &server, &admin, Scope::station(5)).await;
    for (n, text) in ["found the caller", "and the dog"].into_iter().enumerate() {
        let noted = server.post(&admin, &format!("{one}/notes"), json!({"text": text})).await;
        assert_eq!(noted.status, StatusCode::OK, "{}", noted.text);
        let noted: Task = noted.as_a();
        assert_eq!(noted.timeline.len(), closed.timeline.len() + n + 1);
        let last = &noted.timeline.last().expect("it has entries").step;
        assert!(matches!(last, EntryKind::Noted(said) if said.text == text), "{last:?}");
        assert_eq!((noted.state, noted.closed_at), (TaskState::Closed, closed.closed_at));
        assert_eq!(told(&mut own).await, noted);
        assert_eq!(task(&server, &admin, "inc-1").await, noted);
    }
    let reader = server.key(Scope::station(5), &[Permission::Read]).await;
    let refused = server.post(&reader, &format!("{one}/notes"), json!({"text": "x"})).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
    let server = server.restart().await;
    assert_eq!(task(&server, &admin, "inc-1").await.timeline.len(), closed.timeline.len() + 2);
    let page: Page<Task> = server.get(&admin, "/api/v1/incidents").await.as_a();
    assert_eq!(page.items, [], "it is not open again");
}

#[tokio::test]
async fn one_station_does_not_take_the_room_of_the_others() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let made = incident(&server, &admin, json!({})).await;
    let like = server.sentinel.directory.open_task(&made.id).expect("is open");
    let more = (1..5_000).map(|n| {
        let mut record = (*like).clone();
        (record.task.id, record.number) = (format!("x{n}").parse().expect("an id"), 0);
        record
    });
    put(&server, more).await;
    let new = json!({"kind": "x", "latitude": 9.9, "longitude": 76.2, "scope": "station:5"});
    let full = server.post(&admin, "/api/v1/incidents", new.clone()).await;
    assert_eq!(full.status, StatusCode::CONFLICT, "{}", full.text);
    assert!(full.message().starts_with("station:5 has 5000 open"), "{}", full.text);
    incident(&server, &admin, json!({"scope": "station:9"})).await;
    server.post(&admin, "/api/v1/incidents/x7/close", json!({})).await;
    incident(&server, &admin, json!({})).await;
}

#[tokio::test]
async fn an_earlier_system_makes_an_incident_and_sends_a_car_at_once() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    on_patrol(&server, "PC-1", 5).await;
    let sent =
        server.post(&admin, "/police/dispatch", json!({"car_id": "PC-1", "lat": 9.9, "lng": 76.2})).await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.text);
    assert_eq!(sent.json["incident"]["state"], "assigned");
    assert_eq!(sent.json["assignment"]["unit_id"], "PC-1");
    let busy =
        server.post(&admin, "/police/dispatch", json!({"car_id": "PC-1", "lat": 9.9, "lng": 76.2})).await;
    assert_eq!(busy.status, StatusCode::CONFLICT, "{}", busy.text);
    let page: Page<Task> = server.get(&admin, "/api/v1/incidents").await.as_a();
    assert_eq!(page.items.len(), 1, "none is made for a car that cannot be sent");
}
