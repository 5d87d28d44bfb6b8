//! What an installation comes to hold while people live with it.

use crate::{
    answers::ALWAYS,
    program::{Node, sentinel, told},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::{Client, Method, StatusCode, header};
use sentinel_model::{RouteAnswer, Time};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

pub const PASSWORD: &str = "a good long password";
const UNITS: usize = 12;
/// Of units that drive all day.
const TRACE: usize = 5_000;
const DRIVERS: usize = 10;
const BATCH: usize = 500;

pub struct Household {
    /// Sees and does everything.
    pub key: String,
    /// The boss's, of before the move.
    pub jwt: String,
    /// A browser's, likewise.
    pub cookie: String,
    pub people: Vec<&'static str>,
    pub tokens: BTreeMap<String, String>,
    pub patrols: BTreeSet<String>,
    /// (time, uuid) of every fix, by unit.
    pub posted: BTreeMap<String, BTreeSet<(i64, String)>>,
    /// Some time before now: traces begin there.
    begun: Time,
    random: StdRng,
}

impl Household {
    /// The first account, before the first start.
    pub fn begin(place: &[String]) -> Self {
        told(sentinel("user").args(["add", "boss"]).args(place), PASSWORD);
        let now = sentinel_server::clock::Clock::system().now();
        Self {
            key: String::new(),
            jwt: String::new(),
            cookie: String::new(),
            people: vec!["boss"],
            tokens: BTreeMap::new(),
            patrols: BTreeSet::new(),
            posted: BTreeMap::new(),
            begun: now.plus_ms(-3 * 24 * 3600 * 1000),
            random: StdRng::seed_from_u64(8),
        }
    }

    pub fn moments(&self) -> impl Iterator<Item = Time> {
        let begun = self.begun;
        (0..12).map(move |n| begun.plus_ms(n * 7 * 3600 * 1000))
    }

    /// Hierarchy, people, keys, units, patrols, traces.
    pub async fn move_in(&mut self, server: &Node) {
        self.jwt = sign_in(server, "boss").await.expect("the boss may");
        self.key = self.jwt.clone();
        for (scope, parent, site) in [
            ("zone:1", "district:1", Value::Null),
            ("zone:2", "district:1", Value::Null),
            ("division:1", "zone:1", Value::Null),
            ("division:2", "zone:2", Value::Null),
            ("station:1", "division:1", json!([9.966_612_345_678_9, 76.298_5])),
            ("station:2", "division:1", Value::Null),
            ("station:3", "division:2", Value::Null),
        ] {
            let body =
                json!({"scope": scope, "name": format!("the {scope} കൊച്ചി"), "parent": parent, "site": site});
            self.make(server, "scopes", body).await;
        }
        for (name, role, scope) in [
            ("north", "commander", "zone:1"),
            ("chief3", "chief", "station:3"),
            ("gone", "viewer", "district:1"),
        ] {
            let body =
                json!({"username": name, "name": name, "role": role, "scope": scope, "password": PASSWORD});
            self.make(server, "users", body).await;
            self.people.push(name);
        }
        self.call(server, Method::DELETE, "users/gone", Value::Null).await;
        let all = json!({"name": "all", "scope": "district:1", "permissions": ["ingest", "read", "dispatch", "manage"]});
        let of_zone = json!({"name": "z", "scope": "zone:2", "permissions": ["read"], "expires_at": "2090-01-01T00:00:00Z"});
        let key = self.make(server, "api-keys", all).await;
        let revoked = self.make(server, "api-keys", of_zone.clone()).await;
        self.make(server, "api-keys", of_zone).await;
        let revoke = format!("api-keys/{}", id_of(&revoked));
        self.call(server, Method::DELETE, &revoke, Value::Null).await;
        self.key = key["key"].as_str().expect("a key").to_owned();
        self.cookie = open_session(server, "north").await;
        for n in 0..UNITS {
            let station = format!("station:{}", n % 3 + 1);
            let id = format!("CAR-{n}");
            let made = self
                .make(
                    server,
                    "units",
                    json!({"id": id, "name": format!("car {n}"), "kind": "car", "station": station}),
                )
                .await;
            self.tokens.insert(id, made["ingest_token"].as_str().expect("a token").to_owned());
        }
        let shape =
            json!({"type": "circle", "latitude": 9.966_612_345_678_9, "longitude": 76.2985, "radius_m": 150});
        let fence = json!({"name": "Depot", "scope": "zone:1", "shape": shape, "on": {"enter": true}});
        self.make(server, "geofences", fence).await;
        self.call(server, Method::PUT, "scopes/zone:1/alert-rules", json!({"low_battery": 0.15})).await;
        for n in 0..DRIVERS {
            let (mut lat, mut lon) = (9.9 + n as f64 / 100.0, 76.25);
            let trace: Vec<Value> = (0..TRACE)
                .map(|step| {
                    lat += self.random.random_range(-1e-4..1e-4);
                    lon += self.random.random_range(-1e-4..1e-4);
                    self.fix(step as i64 * 45_000 + n as i64, lat, lon)
                })
                .collect();
            self.post(server, &format!("CAR-{n}"), trace).await;
            if n == 4 {
                // On and off duty, and under another station, in between.
                for station in ["station:1", "station:2"] {
                    let began =
                        self.make(server, "patrols", json!({"unit_id": "CAR-4", "station": station})).await;
                    self.remember(&began);
                }
            }
        }
        let ended = self.make(server, "patrols", json!({"unit_id": "CAR-11"})).await;
        self.remember(&ended);
        self.make(server, &format!("patrols/{}/end", id_of(&ended)), Value::Null).await;
        self.call(server, Method::PATCH, "units/CAR-5", json!({"station": "station:3", "name": "moved"}))
            .await;
        self.post(server, "CAR-10", odd(self.begun)).await;
        self.call_for_help(server, &["CAR-1", "CAR-2"]).await;
        self.remember_active(server).await;
    }

    /// An account made from a shell is good on running nodes too, once they have heard of it.
    pub async fn add_somebody_beside_nodes(&mut self, place: &[String], node: &Node) {
        assert_eq!(sign_in(node, "late").await, None);
        let mut add = sentinel("user");
        add.args(["add", "late", "--role", "viewer", "--scope", "zone:2"]);
        told(add.args(place), PASSWORD);
        self.people.push("late");
        let heard = async {
            while sign_in(node, "late").await.is_none() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), heard).await.expect("the node hears of it");
    }

    /// More of everything.
    pub async fn live_on(&mut self, node: &Node) {
        for n in 0..UNITS {
            let fixes = (0..100).map(|step| self.fix(250_000_000 + step * 1000, 9.95, 76.3)).collect();
            self.post(node, &format!("CAR-{n}"), fixes).await;
        }
        let began = self.make(node, "patrols", json!({"unit_id": "CAR-11", "station": "station:2"})).await;
        self.remember(&began);
        self.call(node, Method::PATCH, "units/CAR-6", json!({"name": "renamed"})).await;
        self.call_for_help(node, &["CAR-3", "CAR-4"]).await;
        self.remember_active(node).await;
    }

    /// While no worker is there.
    pub async fn post_some_more(&mut self, node: &Node) {
        for n in 0..UNITS {
            let fixes = (0..10).map(|step| self.fix(255_000_000 + step * 1000, 9.96, 76.31)).collect();
            self.post(node, &format!("CAR-{n}"), fixes).await;
        }
    }

    /// Waits until history has all that was posted.
    pub async fn until_archived(&self, server: &Node) {
        let waiting = async {
            for (unit, posted) in &self.posted {
                let path = format!("/api/v1/units/{unit}/route?{ALWAYS}&max_points=2");
                loop {
                    let answer = Client::new().get(server.url(&path)).bearer_auth(&self.key);
                    let route: RouteAnswer =
                        answer.send().await.expect("answers").json().await.expect("a route");
                    if route.total == posted.len() as u64 {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("all of it is archived");
    }

    fn fix(&mut self, after_ms: i64, lat: f64, lon: f64) -> Value {
        let coords = json!({
            "latitude": lat, "longitude": lon, "speed": self.random.random_range(0.0..30.0),
            "heading": self.random.random_range(0.0..359.9), "accuracy": 4.5,
        });
        json!({"timestamp": self.begun.plus_ms(after_ms), "coords": coords, "battery": {"level": 0.31, "is_charging": false}})
    }

    /// As a phone with a backlog; each batch is answered before the next.
    async fn post(&mut self, server: &Node, unit: &str, fixes: Vec<Value>) {
        let known = self.posted.entry(unit.to_owned()).or_default();
        for fix in &fixes {
            let time = Time::parse(fix["timestamp"].as_str().expect("a time")).expect("reads");
            known.insert((time.0, fix["uuid"].as_str().unwrap_or_default().to_owned()));
        }
        let client = Client::new();
        for batch in fixes.chunks(BATCH) {
            let request = client.post(server.url("/api/v1/locations")).bearer_auth(&self.tokens[unit]);
            let answer = request.json(&json!({"location": batch})).send().await.expect("answers");
            let answer: Value = answer.error_for_status().expect("takes it").json().await.expect("JSON");
            assert_eq!(answer["accepted"], json!(batch.len()), "{answer}");
        }
    }

    /// Each of them once; the oldest call that is open is seen to.
    async fn call_for_help(&self, server: &Node, units: &[&str]) {
        for unit in units {
            let request =
                Client::new().post(server.url("/api/v1/locations")).bearer_auth(&self.tokens[*unit]);
            let call = json!({"event": "sos", "timestamp": self.begun});
            request.json(&call).send().await.expect("answers").error_for_status().expect("it is told");
        }
        let open = self.call(server, Method::GET, "alerts", Value::Null).await;
        let oldest = open["items"].as_array().and_then(|items| items.last()).expect("an open one");
        let path = format!("alerts/{}/acknowledge", id_of(oldest));
        self.make(server, &path, json!({"note": "കൊച്ചി"})).await;
    }

    fn remember(&mut self, patrol: &Value) {
        self.patrols.insert(id_of(patrol).to_owned());
    }

    async fn remember_active(&mut self, server: &Node) {
        let page = self.call(server, Method::GET, "units?scope=district:1&limit=1000", Value::Null).await;
        for unit in page["items"].as_array().expect("units") {
            if !unit["patrol_id"].is_null() {
                self.patrols.insert(unit["patrol_id"].as_str().expect("an id").to_owned());
            }
        }
    }

    async fn make(&self, server: &Node, what: &str, body: Value) -> Value {
        self.call(server, Method::POST, what, body).await
    }

    async fn call(&self, server: &Node, method: Method, what: &str, body: Value) -> Value {
        let request =
            Client::new().request(method, server.url(&format!("/api/v1/{what}"))).bearer_auth(&self.key);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.expect("answers");
        let (status, text) = (answer.status(), answer.text().await.expect("whole"));
        assert!(status.is_success(), "{what} {body}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// What is easily lost or doubled: one time with and without uuids, in any order; what only
/// doubles of 17 digits say; nowhere; words of all kinds.
fn odd(begun: Time) -> Vec<Value> {
    let at = |ms: i64| begun.plus_ms(ms);
    let place = |lat: f64, lon: f64| json!({"latitude": lat, "longitude": lon});
    let mut fixes = vec![
        json!({"timestamp": at(1), "coords": place(9.123_456_789_012_346, 76.000_000_000_000_01)}),
        json!({"timestamp": at(2), "coords": place(0.0, 0.0)}),
        json!({"timestamp": at(3), "coords": place(-0.0, -179.999_999_999_999_97)}),
        json!({"timestamp": at(4), "coords": place(1e-300, 5e-324), "event": "motionchange"}),
        json!({"timestamp": at(5), "coords": {"latitude": 9.1, "longitude": 76.1, "speed": 0.1, "altitude": -12.3}}),
        json!({"timestamp": at(6), "coords": place(9.1, 76.1), "extras": {"a": [1, {"b": "കൊച്ചി \u{1f6a8}\n"}], "n": 1.10}}),
        json!({"timestamp": at(6), "coords": place(9.2, 76.2), "uuid": "7f"}),
    ];
    // More of one time than a page holds, so that pages must not part them.
    fixes.extend((0..6_000).map(|n| {
        json!({"timestamp": at(7), "coords": place(9.0 + f64::from(n) / 1e5, 76.0), "uuid": format!("u-{n}")})
    }));
    fixes.push(json!({"timestamp": at(8), "coords": place(9.3, 76.3)}));
    fixes
}

fn id_of(made: &Value) -> &str {
    made["id"].as_str().expect("an id")
}

/// The token; none where that name and password may not.
pub async fn sign_in(server: &Node, name: &str) -> Option<String> {
    let body = json!({"username": name, "password": PASSWORD});
    let answer =
        Client::new().post(server.url("/api/v1/auth/login")).json(&body).send().await.expect("answers");
    if answer.status() == StatusCode::UNAUTHORIZED {
        return None;
    }
    let answer: Value = answer.error_for_status().expect("signs in").json().await.expect("JSON");
    answer["token"].as_str().map(Into::into)
}

/// A browser's cookie.
async fn open_session(server: &Node, name: &str) -> String {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let form = format!("username={name}&password={}", PASSWORD.replace(' ', "+"));
    let request =
        client.post(server.url("/login")).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = request.body(form).send().await.expect("answers");
    let cookie = answer.headers()[header::SET_COOKIE].to_str().expect("text");
    cookie.split(';').next().expect("a cookie").to_owned()
}
