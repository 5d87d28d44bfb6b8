//! A server for tests: takes native posts, remembers them, fails when told to.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

#[derive(Clone, Default)]
pub struct StandIn(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    posts: Vec<Post>,
    /// Answers to give before good ones: a status, and a Retry-After.
    failures: VecDeque<(u16, Option<&'static str>)>,
    down: bool,
    asked: usize,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Post {
    pub unit_id: String,
    pub location: Vec<Point>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Point {
    pub timestamp: sentinel_model::Time,
    pub coords: serde_json::Value,
}

impl StandIn {
    pub async fn start(&self) -> String {
        let router = Router::new().route("/api/v1/locations", post(take)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().expect("no test panicked while holding it")
    }

    pub fn fail_next(&self, failures: &[(u16, Option<&'static str>)]) {
        self.inner().failures.extend(failures);
    }

    pub fn set_down(&self, down: bool) {
        self.inner().down = down;
    }

    /// Requests so far, refused ones included.
    pub fn asked(&self) -> usize {
        self.inner().asked
    }

    /// What was taken, in order.
    pub fn posts(&self) -> Vec<Post> {
        self.inner().posts.clone()
    }
}

async fn take(State(state): State<StandIn>, Json(post): Json<Post>) -> Response {
    let mut inner = state.inner();
    inner.asked += 1;
    let failure = if inner.down { Some((503, None)) } else { inner.failures.pop_front() };
    if let Some((status, retry_after)) = failure {
        let body = Json(json!({"code": "x", "message": "not now", "request_id": "r"}));
        let mut answer = (StatusCode::from_u16(status).expect("a status"), body).into_response();
        if let Some(seconds) = retry_after {
            answer.headers_mut().insert("retry-after", seconds.parse().expect("a header"));
        }
        return answer;
    }
    let (mut good, mut rejected) = (0, Vec::new());
    for (index, point) in post.location.iter().enumerate() {
        match point.coords["latitude"].as_f64() {
            Some(lat) if lat.abs() <= 90.0 => good += 1,
            _ => rejected.push(json!({"index": index, "reason": "latitude is outside -90..90"})),
        }
    }
    inner.posts.push(post);
    Json(json!({"status": "ok", "accepted": good, "duplicates": 0, "rejected": rejected})).into_response()
}

/// Waits for a condition, at most thirty seconds.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
