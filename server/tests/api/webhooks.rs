//! Webhooks: who may have them, where they go, what is sent there and how often.

mod failing;
mod rights;
mod sent;
mod sos;
mod tasks;

use crate::{
    receiver::Receiver,
    server::{Server, Turned, city, within},
};
use reqwest::{Method, StatusCode};
use sentinel_model::{
    Page,
    webhook::{Delivery, Webhook},
};
use sentinel_server::config::{Config, ServeArgs};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// A server that may send to receivers of this machine.
pub async fn serve() -> Server {
    serve_waiting(sentinel_server::webhooks::TIMEOUT).await
}

/// One that waits for receivers for so long.
async fn serve_waiting(webhook_timeout: Duration) -> Server {
    let args = ServeArgs { webhook_allow: Some(vec!["127.0.0.1".into()]), ..ServeArgs::default() };
    let config = Config { webhook_timeout, ..args.settle().expect("settles") };
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let server = Server::over(folder, config, Turned::new()).await;
    server.change(city()).await;
    server
}

/// A webhook of the administrator's; its id and secret.
pub async fn make(server: &Server, admin: &str, url: &str, scope: &str, events: &[&str]) -> (String, String) {
    let body = json!({"name": "ours", "url": url, "scope": scope, "events": events});
    let made = server.post(admin, "/api/v1/webhooks", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let text = |name: &str| made.json[name].as_str().expect("a text").to_owned();
    (text("id"), text("secret"))
}

async fn one(server: &Server, admin: &str, id: &str) -> Webhook {
    server.get(admin, &format!("/api/v1/webhooks/{id}")).await.as_a()
}

async fn patch(server: &Server, admin: &str, id: &str, body: Value) -> crate::server::Answer {
    let request = server.request(Method::PATCH, admin, &format!("/api/v1/webhooks/{id}"));
    crate::server::send(request.json(&body)).await
}

/// The log, newest first.
async fn log(server: &Server, admin: &str, id: &str) -> Vec<Delivery> {
    let page: Page<Delivery> = server.get(admin, &format!("/api/v1/webhooks/{id}/deliveries")).await.as_a();
    page.items
}

/// Waits until the log is as it should be.
async fn until_log(
    server: &Server,
    admin: &str,
    id: &str,
    what: &str,
    holds: impl Fn(&[Delivery]) -> bool,
) -> Vec<Delivery> {
    let holds = &holds;
    within(Duration::from_secs(60), what, || async move { holds(&log(server, admin, id).await) }).await;
    log(server, admin, id).await
}

/// Starts and ends a patrol.
async fn shift(server: &Server, unit: &str) {
    let patrol = server.start_patrol(unit, 5).await;
    server.end_patrol(patrol).await;
}
