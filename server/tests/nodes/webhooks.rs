//! Webhooks where many nodes share the work.

use crate::{
    receiver::Receiver,
    server::{Server, at, fix, within, zone},
    town::Town,
};
use sentinel_model::{
    Page, Permission,
    webhook::{Delivery, DeliveryState},
};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};

on_each_ground!(every_event_is_delivered_once_whichever_node_it_happened_at, 3 nodes, 2 workers);

async fn every_event_is_delivered_once_whichever_node_it_happened_at(town: Town) {
    const UNITS: usize = 24;
    let receiver = Receiver::start().await;
    let key = town.nodes[0].key(zone(3), &[Permission::Manage, Permission::Read]).await;
    let body = json!({"name": "n", "url": receiver.url(), "scope": "zone:3", "events": ["*"]});
    let made = town.nodes[0].post(&key, "/api/v1/webhooks", body).await;
    let id = made.json["id"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
    town.settled().await;
    let mut tokens = Vec::new();
    for n in 0..UNITS {
        tokens.push(town.nodes[n % 3].unit(&format!("PC-{n}"), 5).await);
    }
    town.settled().await;
    for (n, token) in tokens.iter().enumerate() {
        town.nodes[(n + 1) % 3].fixes(token, &[fix(at(0), 9.9, 76.2)]).await;
    }
    // Any node has the log.
    let (node, path) = (&town.nodes[2], format!("/api/v1/webhooks/{id}/deliveries"));
    // All leases have ended before the clock is turned beyond them.
    until_delivered(node, &key, &path, UNITS).await;
    // A worker tells of silence.
    town.ground.clock.turn(70);
    until_delivered(node, &key, &path, 2 * UNITS).await;
    let got = receiver.got();
    let ids: BTreeSet<&str> = got.iter().map(|got| got.id()).collect();
    assert_eq!((ids.len(), got.len()), (2 * UNITS, 2 * UNITS), "each once: {:?}", receiver.events());
    town.end().await;
}

async fn until_delivered(node: &Server, key: &str, path: &str, count: usize) {
    within(Duration::from_secs(60), "all are delivered", || async {
        let log: Vec<Delivery> = node.get(key, path).await.as_a::<Page<Delivery>>().items;
        log.len() == count && log.iter().all(|delivery| delivery.state == DeliveryState::Delivered)
    })
    .await;
}
