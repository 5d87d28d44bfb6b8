//! Steps of incidents and orders, at the endpoints of every scope that sees them.

use super::{make, serve, until_log};
use crate::{
    incidents::{assign, incident, status},
    receiver::Receiver,
    server::fix,
};
use axum::http::StatusCode;
use sentinel_model::dispatch::TaskState;
use serde_json::{Value, json};

#[tokio::test]
async fn each_step_of_a_task_is_sent_to_whom_it_concerns() {
    let server = serve().await;
    let admin = server.sign_in("admin").await;
    let receiver = Receiver::start().await;
    let url = receiver.url();
    let (own, _) = make(&server, &admin, &url, "station:5", &["incident.changed"]).await;
    let (orders, _) = make(&server, &admin, &url, "district:1", &["order.changed"]).await;
    let (elsewhere, _) = make(&server, &admin, &url, "zone:4", &["incident.changed", "order.changed"]).await;
    let token = server.unit("PC-1", 5).await;
    server.start_patrol("PC-1", 5).await;
    server.fixes(&token, &[fix(server.clock.now(), 9.9, 76.2)]).await;

    let made = incident(&server, &admin, json!({"notes": "two cars"})).await;
    assert_eq!(assign(&server, &admin, &made, "PC-1").await.status, StatusCode::CREATED);
    for state in ["on_scene", "cleared"] {
        assert_eq!(status(&server, &token, "inc-1.1", state).await.status, StatusCode::OK);
    }
    let order = json!({"id": "A-1", "latitude": 9.9, "longitude": 76.2, "scope": "station:5"});
    assert_eq!(server.post(&admin, "/api/v1/orders", order).await.status, StatusCode::CREATED);

    let sent = until_log(&server, &admin, &own, "four steps", |log| log.len() == 4).await;
    let read = |body: &str| serde_json::from_str::<Value>(body).expect("JSON");
    let mut steps: Vec<Value> = sent.iter().map(|delivery| read(&delivery.body)).collect();
    steps.sort_by_key(|step| step["data"]["timeline"].as_array().map(Vec::len));
    assert!(steps.iter().all(|step| step["type"] == "incident.changed" && step["data"]["id"] == "inc-1"));
    let states: Vec<&Value> = steps.iter().map(|step| &step["data"]["state"]).collect();
    let expected = [TaskState::Open, TaskState::Assigned, TaskState::OnScene, TaskState::Closed];
    assert_eq!(states, expected.map(|state| json!(state)).iter().collect::<Vec<_>>());
    let told = until_log(&server, &admin, &orders, "the order", |log| log.len() == 1).await;
    assert_eq!(read(&told[0].body)["data"]["id"], "A-1");
    assert_eq!(super::log(&server, &admin, &elsewhere).await.len(), 0, "nothing of it is theirs");
    server.end().await;
}
