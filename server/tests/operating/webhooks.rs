//! Webhooks, and what still waits to be sent there, come along in a backup.

use crate::{
    Shared,
    household::{PASSWORD, sign_in},
    moving::{backup, restore},
    of_folder,
    program::{Node, sentinel, told},
};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::time::Duration;

async fn call(server: &Node, key: &str, method: Method, path: &str, body: Value) -> Value {
    let request = Client::new().request(method, server.url(&format!("/api/v1/{path}"))).bearer_auth(key);
    let answer = request.json(&body).send().await.expect("answers");
    let (status, text) = (answer.status(), answer.text().await.expect("whole"));
    assert!(status.is_success(), "{path} {body}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

/// The webhook, and its one delivery once it was tried.
async fn shown(server: &Node, id: &str) -> (Value, Value) {
    let key = sign_in(server, "boss").await.expect("the boss may");
    let webhook = call(server, &key, Method::GET, &format!("webhooks/{id}"), Value::Null).await;
    let log = async {
        loop {
            let page =
                call(server, &key, Method::GET, &format!("webhooks/{id}/deliveries"), Value::Null).await;
            assert!(page["items"].as_array().is_some_and(|items| items.len() == 1), "{page}");
            let delivery = page["items"][0].clone();
            if delivery["attempts"][0].is_object() {
                return delivery;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let delivery = tokio::time::timeout(Duration::from_secs(60), log).await.expect("it is tried");
    assert_eq!(delivery["state"], "pending");
    (webhook, delivery)
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_and_deliveries_that_wait_move_to_redis_and_mongodb_and_back() {
    let Some(shared) = Shared::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let (first, second) = (of_folder(&at("first")), of_folder(&at("second")));
    told(sentinel("user").args(["add", "boss"]).args(&first), PASSWORD);
    let allowed = [&first[..], &["--webhook-allow".into(), "hooks.invalid".into()]].concat();
    let server = Node::start(&allowed, &at("log"));
    let key = sign_in(&server, "boss").await.expect("the boss may");
    // Nobody is there, whoever asks.
    let body = json!({"name": "n", "url": "https://hooks.invalid/", "scope": "district:1", "events": ["*"]});
    let made = call(&server, &key, Method::POST, "webhooks", body).await;
    let id = made["id"].as_str().expect("an id").to_owned();
    call(&server, &key, Method::POST, &format!("webhooks/{id}/test"), Value::Null).await;
    let (webhook, delivery) = shown(&server, &id).await;
    server.stop();
    assert!(backup(&first, &at("1.gz")).contains("1 deliveries of webhooks"));
    restore(&shared.flags(), &at("1.gz"));
    let node = Node::start(&shared.flags(), &at("log"));
    let there = shown(&node, &id).await;
    assert_eq!((&there.0, &there.1["id"]), (&webhook, &delivery["id"]));
    backup(&shared.flags(), &at("2.gz"));
    drop(node);
    restore(&second, &at("2.gz"));
    let server = Node::start(&second, &at("log"));
    let back = shown(&server, &id).await;
    assert_eq!((&back.0, &back.1["id"]), (&webhook, &delivery["id"]));
    assert_eq!(back.1["attempts"][0], delivery["attempts"][0], "with its log");
}
