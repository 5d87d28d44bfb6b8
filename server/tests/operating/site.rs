//! An installation behind a balancer, as browsers and devices ask it.

use crate::{balancer::Balancer, household::PASSWORD, program::Node};
use reqwest::{Client, StatusCode};
use sentinel_model::{RouteAnswer, Time};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

pub const PATIENCE: Duration = Duration::from_secs(60);

/// What a browser and a device know of the installation.
#[derive(Clone)]
pub struct Site {
    pub url: String,
    pub jwt: String,
    unit_token: String,
    client: Client,
    /// A minute ago; each position has a time of its own after it.
    begun: Time,
}

impl Site {
    /// One station with one unit, made through the balancer.
    pub async fn prepare(balancer: &Balancer) -> Self {
        let client = Client::builder().timeout(PATIENCE).build().expect("a client");
        let begun = sentinel_server::clock::Clock::system().now().plus_ms(-60_000);
        let (url, jwt, unit_token) = (balancer.url(""), String::new(), String::new());
        let mut site = Self { url, jwt, unit_token, client, begun };
        let began = Instant::now();
        // Some balancers ask their nodes first.
        while site.get("/healthz").await.0 != StatusCode::OK {
            assert!(began.elapsed() < PATIENCE, "a node is found");
        }
        let signed_in = site.make("auth/login", json!({"username": "boss", "password": PASSWORD})).await;
        site.jwt = signed_in["token"].as_str().expect("a token").to_owned();
        for (scope, parent) in
            [("zone:1", "district:1"), ("division:1", "zone:1"), ("station:1", "division:1")]
        {
            site.make("scopes", json!({"scope": scope, "name": scope, "parent": parent})).await;
        }
        let unit = json!({"id": "CAR-1", "name": "car", "kind": "car", "station": "station:1"});
        let unit = site.make("units", unit).await;
        site.unit_token = unit["ingest_token"].as_str().expect("a token").to_owned();
        site
    }

    pub async fn get(&self, path: &str) -> (StatusCode, String) {
        self.try_get(path).await.expect("the balancer answers")
    }

    async fn try_get(&self, path: &str) -> reqwest::Result<(StatusCode, String)> {
        let answer = self.client.get(self.url.clone() + path).bearer_auth(&self.jwt).send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    pub async fn until_a_page_says_that_nobody_is_there(&self) {
        let began = Instant::now();
        loop {
            let answer = self.client.get(self.url.clone() + "/").send().await.expect("the balancer answers");
            let (status, headers) = (answer.status(), answer.headers().clone());
            let page = answer.text().await.expect("whole");
            if status == StatusCode::SERVICE_UNAVAILABLE && page.contains("comes back by itself") {
                assert_eq!(headers["retry-after"], "5");
                assert!(headers["content-type"].to_str().expect("text").starts_with("text/html"));
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{status} {page}");
        }
    }

    async fn make(&self, what: &str, body: Value) -> Value {
        let request = self.client.post(format!("{}/api/v1/{what}", self.url)).bearer_auth(&self.jwt);
        let answer = request.json(&body).send().await.expect("answers");
        let (status, text) = (answer.status(), answer.text().await.expect("whole"));
        assert!(status.is_success(), "{what}: {status} {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The unit's n-th position, as a device posts it: until it is answered.
    pub async fn post(&self, n: u32) {
        let began = Instant::now();
        loop {
            match self.try_post(n).await {
                Ok(status) if status.is_success() => return,
                Ok(status) => assert!(status.is_server_error(), "{status}"),
                Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
            }
            assert!(began.elapsed() < PATIENCE, "nobody takes it");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn try_post(&self, n: u32) -> reqwest::Result<StatusCode> {
        let body = json!({
            "timestamp": self.begun.plus_ms(i64::from(n)),
            "coords": {"latitude": latitude(n), "longitude": 76.25},
        });
        let request = self.client.post(format!("{}/api/v1/locations", self.url));
        let answer = request.bearer_auth(&self.unit_token).json(&json!({"location": body})).send().await;
        Ok(answer?.status())
    }

    /// Reads over and over, and counts it; answers what was refused.
    pub async fn read_until(self, over: Arc<AtomicBool>, reads: Arc<AtomicUsize>) -> Vec<String> {
        let mut refused = Vec::new();
        while !over.load(Relaxed) {
            match self.try_get("/api/v1/units/CAR-1").await {
                Ok((StatusCode::OK, _)) => drop(reads.fetch_add(1, Relaxed)),
                other => refused.push(format!("{other:?}")),
            }
        }
        refused
    }

    /// Until a node knows that the unit's first position has started its patrol.
    pub async fn until_on_patrol_at(&self, node: &Node) {
        let began = Instant::now();
        loop {
            let answer = self.client.get(node.url("/api/v1/stats")).bearer_auth(&self.jwt).send().await;
            let stats: Value = answer.expect("answers").json().await.expect("JSON");
            if stats["patrols_active"] == 1 {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{stats}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn until_archived(&self, posted: u32) {
        let path = format!("/api/v1/units/CAR-1/route?{}&max_points=10", crate::answers::ALWAYS);
        let began = Instant::now();
        loop {
            let (status, text) = self.get(&path).await;
            let route: Option<RouteAnswer> = serde_json::from_str(&text).ok();
            if route.is_some_and(|route| route.total == u64::from(posted)) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "not all of {posted}: {status} {text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Where the n-th position is.
pub fn latitude(n: u32) -> f64 {
    9.5 + f64::from(n) / 1000.0
}
