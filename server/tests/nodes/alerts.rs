//! Alerts, where many nodes share the records.

use crate::{
    server::{at, send_until_heard, zone},
    socket::{Form, Socket},
    town::Town,
};
use reqwest::{Method, StatusCode};
use sentinel_model::{
    Page,
    alerts::Alert,
    live::{Event, ServerFrame},
};
use serde_json::json;

on_each_ground!(what_one_node_raises_another_acknowledges_and_all_see_both, 2 nodes, 1 workers);

async fn what_one_node_raises_another_acknowledges_and_all_see_both(town: Town) {
    let [a, b] = &town.nodes[..] else { panic!("two nodes") };
    let (token, admin) = (a.unit("PC-1", 5).await, a.sign_in("admin").await);
    town.settled().await;
    let mut watching = Vec::new();
    for node in [a, b] {
        for form in [Form::Json, Form::Postcard, Form::Events] {
            watching.push(Socket::subscribed_as(form, node, &admin, zone(3)).await.0);
        }
    }
    for (n, node) in [a, b, a].into_iter().enumerate() {
        let path = format!("/?id={token}&lat=9.9&lon=76.2&timestamp={}&alarm=sos", at(n as i64));
        assert_eq!(send_until_heard(node.request(Method::GET, "", &path)).await.status, StatusCode::OK);
    }
    let told = |frame| match frame {
        ServerFrame::Event(Event::Alert(told)) => Some(*told.alert),
        _ => None,
    };
    for socket in &mut watching {
        for n in 0..3 {
            assert_eq!(socket.until("an alert", told).await.time, at(n));
        }
    }
    for node in [a, b] {
        let open: Page<Alert> = node.get(&admin, "/api/v1/alerts").await.as_a();
        let [_, second, _] = &open.items[..] else { panic!("three alerts: {open:?}") };
        assert_eq!(second.time, at(1));
        let (_, snapshot) = Socket::subscribed(node, &admin, zone(3)).await;
        assert_eq!(snapshot.alerts, open.items);
    }
    let open: Page<Alert> = b.get(&admin, "/api/v1/alerts").await.as_a();
    let path = format!("/api/v1/alerts/{}/acknowledge", open.items[1].id);
    let (here, there) = (json!({"note": "here"}), json!({"note": "there"}));
    let (one, other) = tokio::join!(a.post(&admin, &path, here), b.post(&admin, &path, there));
    let (one, other): (Alert, Alert) = (one.as_a(), other.as_a());
    assert_eq!(one, other, "the first stays, and both are told of it");
    for socket in &mut watching {
        assert_eq!(socket.until("that it is acknowledged", told).await, one);
    }
    for node in [a, b] {
        let left: Page<Alert> = node.get(&admin, "/api/v1/alerts").await.as_a();
        assert_eq!(left.items, [open.items[0].clone(), open.items[2].clone()]);
        let (_, snapshot) = Socket::subscribed(node, &admin, zone(3)).await;
        assert_eq!(snapshot.alerts, left.items);
    }
    drop(watching);
    // All of it is in the records, whoever opens them next.
    let late = town.ground.node().await;
    assert_eq!(late.get(&admin, "/api/v1/alerts?state=all").await.as_a::<Page<Alert>>().items.len(), 3);
    let (_, snapshot) = Socket::subscribed(&late, &admin, zone(3)).await;
    assert_eq!(snapshot.alerts.len(), 2);
    late.end().await;
    town.end().await;
}
