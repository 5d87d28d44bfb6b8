//! Incidents, where many nodes share the records.

use crate::{
    server::{Server, fix, zone},
    socket::{Form, Socket},
    town::Town,
};
use reqwest::StatusCode;
use sentinel_model::{
    Unit, UnitStatus,
    dispatch::{Task, TaskState},
    live::{Event, ServerFrame},
};
use serde_json::json;

on_each_ground!(what_one_node_makes_another_steers_and_all_see_each_step_once, 2 nodes, 1 workers);

async fn what_one_node_makes_another_steers_and_all_see_each_step_once(town: Town) {
    let [a, b] = &town.nodes[..] else { panic!("two nodes") };
    let (token, admin) = (a.unit("PC-1", 5).await, a.sign_in("admin").await);
    a.start_patrol("PC-1", 5).await;
    a.fixes(&token, &[fix(a.clock.now(), 9.9, 76.2)]).await;
    town.settled().await;
    let mut watching = Vec::new();
    for node in [a, b] {
        for form in [Form::Json, Form::Postcard, Form::Events] {
            watching.push(Socket::subscribed_as(form, node, &admin, zone(3)).await.0);
        }
    }
    let post = async |node: &Server, path: &str, body| {
        let answer = node.post(&admin, path, body).await;
        assert!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.text);
        answer
    };
    let new = json!({"kind": "fire", "latitude": 9.9, "longitude": 76.2, "scope": "station:5"});
    post(a, "/api/v1/incidents", new.clone()).await;
    post(b, "/api/v1/incidents/inc-1/assign", json!({"unit_id": "PC-1"})).await;
    post(a, "/api/v1/assignments/inc-1.1/status", json!({"status": "on_scene"})).await;
    let unit: Unit = b.get(&admin, "/api/v1/units/PC-1").await.as_a();
    assert_eq!(unit.status, UnitStatus::OnTask);
    post(b, "/api/v1/assignments/inc-1.1/status", json!({"status": "cleared"})).await;
    let told = |frame| match frame {
        ServerFrame::Event(Event::Incident(told)) => Some(*told.incident),
        _ => None,
    };
    let steps = [TaskState::Open, TaskState::Assigned, TaskState::OnScene, TaskState::Closed];
    for socket in &mut watching {
        for state in steps {
            assert_eq!(socket.until("a step", told).await.state, state);
        }
    }
    // Both at once: each incident has a number of its own.
    let (one, other) =
        tokio::join!(post(a, "/api/v1/incidents", new.clone()), post(b, "/api/v1/incidents", new));
    let (one, other): (Task, Task) = (one.as_a(), other.as_a());
    let mut made = [one.id.to_string(), other.id.to_string()];
    made.sort();
    assert_eq!(made, ["inc-2", "inc-3"]);
    // Two send the same unit to two places: one of them is told that it is busy.
    let send = json!({"unit_id": "PC-1"});
    let (first, second) = tokio::join!(
        a.post(&admin, "/api/v1/incidents/inc-2/assign", send.clone()),
        b.post(&admin, "/api/v1/incidents/inc-3/assign", send)
    );
    let mut answers = [first.status, second.status];
    answers.sort();
    assert_eq!(answers, [StatusCode::CREATED, StatusCode::CONFLICT], "{} {}", first.text, second.text);
    drop(watching);
    let late = town.ground.node().await;
    let after: Task = late.get(&admin, "/api/v1/incidents/inc-1").await.as_a();
    assert_eq!((after.state, after.timeline.len()), (TaskState::Closed, 5));
    assert_eq!(late.get(&admin, "/api/v1/units/PC-1").await.as_a::<Unit>().status, UnitStatus::OnTask);
    late.end().await;
    town.end().await;
}
