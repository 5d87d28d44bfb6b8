//! What a process keeps: where units are shown, over a kill; and how little memory it takes to
//! send a history away.

use crate::program::{Process, make_fleet, unit_id};
use reqwest::{Method, StatusCode};
use sentinel_model::{Fix, Time};
use sentinel_server::{
    clock::Clock,
    ports::Intake as _,
    sqlite::{IntakeLimits, SqliteIntake},
};
use serde_json::{Value, json};
use std::path::Path;

struct Asking {
    server: Process,
    client: reqwest::Client,
    key: String,
}

impl Asking {
    fn start(folder: &Path, key: &str) -> Self {
        Self { server: Process::start(folder), client: reqwest::Client::new(), key: key.to_owned() }
    }

    async fn send(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
        let request = self.client.request(method, self.server.url(path)).bearer_auth(&self.key).body(body);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer
    }

    async fn post(&self, token: &str, fixes: &[Value]) {
        let url = self.server.url("/api/v1/locations");
        let posted = self.client.post(url).bearer_auth(token).json(&json!({"location": fixes})).send().await;
        let answer: Value = posted.expect("an answer").json().await.expect("JSON");
        assert_eq!(answer["rejected"], json!([]), "{answer}");
    }

    /// Every unit's place, as REST and as a live snapshot tell it.
    async fn shown(&self, units: usize) -> Vec<Value> {
        let mut told = Vec::new();
        for unit in 0..units {
            let path = format!("/api/v1/units/{}/location", unit_id(unit));
            told.push(self.send(Method::GET, &path, "").await.json().await.expect("JSON"));
        }
        let mut stream = self.send(Method::GET, "/api/v1/stream?scope=district:1", "").await;
        let mut text = String::new();
        let snapshot = loop {
            let piece = stream.chunk().await.expect("goes on").expect("it does not end");
            text.push_str(std::str::from_utf8(&piece).expect("text"));
            let snapshot =
                text.split_inclusive('\n').find(|line| line.contains("\"snapshot\"") && line.ends_with('\n'));
            if let Some(data) = snapshot.and_then(|line| line.strip_prefix("data:")) {
                break serde_json::from_str::<Value>(data).expect("JSON");
            }
        };
        let live = snapshot["units"].as_array().expect("a list");
        let place = |unit: &Value| json!([unit["id"], unit["lat"], unit["lon"], unit["time"]]);
        let mut live: Vec<Value> = live.iter().map(place).collect();
        live.sort_by_key(Value::to_string);
        told.extend(live);
        told
    }
}

fn fix(time: Time, latitude: f64, accuracy: f64) -> Value {
    json!({"timestamp": time, "coords": {"latitude": latitude, "longitude": 76.2, "accuracy": accuracy}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_moves_no_marker_whatever_was_imported_or_hidden_before() {
    const UNITS: usize = 4;
    let folder = tempfile::tempdir().expect("a folder");
    let (tokens, key) = make_fleet(folder.path(), UNITS).await;
    let now = Clock::system().now();
    let at = |seconds: i64| now.plus_ms(seconds * 1000);
    let mut asking = Asking::start(folder.path(), &key);
    for token in &tokens {
        asking.post(token, &[fix(at(-40), 9.8, 5.0), fix(at(-30), 9.9, 5.0)]).await;
    }
    let import = |first: i64, last: i64| {
        let lines = (first..last).map(|second| format!("{},1.5,2.5\n", at(second)));
        std::iter::once("time,lat,lon\n".to_owned()).chain(lines).collect::<String>()
    };
    let path = |unit: usize| format!("/api/v1/units/{}/import", unit_id(unit));
    asking.send(Method::POST, &path(1), import(-20, 600)).await;
    asking.send(Method::POST, &path(2), import(-9000, -8000)).await;
    asking.post(&tokens[2], &[fix(at(-25), 9.91, 5.0)]).await;
    let filters = json!({"poor_accuracy_m": 50}).to_string();
    asking.send(Method::PUT, "/api/v1/scopes/district:1/filters", filters).await;
    asking.post(&tokens[3], &[fix(at(-20), 9.92, 5.0), fix(at(-10), 9.93, 900.0)]).await;
    let before = asking.shown(UNITS).await;
    let times: Vec<&Value> = before[..UNITS].iter().map(|location| &location["time"]).collect();
    assert_eq!(json!(times), json!([at(-30), at(-30), at(-25), at(-20)]));
    for _ in 0..2 {
        asking.server.kill();
        asking = Asking::start(folder.path(), &key);
        assert_eq!(asking.shown(UNITS).await, before);
    }
}

/// Of two units, each its half, with what a phone says of every fix.
async fn write_history(folder: &Path, fixes: usize) {
    const AT_ONCE: usize = 10_000;
    let path = folder.join("history.db");
    let intake = SqliteIntake::open(&path, IntakeLimits::default()).expect("opens");
    let of = |n: usize| Fix {
        time: Time(1_700_000_000_000 + n as i64 * 1000),
        received_at: Time(1_700_000_000_300 + n as i64 * 1000),
        latitude: 9.9 + (n % 10_000) as f64 / 1e6,
        longitude: 76.2,
        speed_mps: Some(8.5),
        heading_deg: Some((n % 360) as f32),
        accuracy_m: Some(5.0),
        altitude_m: None,
        battery: Some(0.5),
        uuid: None,
        event: None,
        extras: None,
    };
    for begin in (0..fixes).step_by(AT_ONCE) {
        let unit = unit_id(2 * begin / fixes);
        intake.accept(&unit, (begin..begin + AT_ONCE).map(of).collect()).await.expect("stored");
    }
}

/// The largest resident set since it was last asked to count anew, in KiB: without the program
/// itself, which is several times as large in a build for tests as it is in a released one.
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let of = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    };
    of("VmHWM:") - of("RssFile:")
}

/// How often a word stands in what comes, however it is cut into pieces.
async fn count(mut answer: reqwest::Response, word: &[u8]) -> usize {
    let (mut rest, mut count) = (Vec::new(), 0);
    while let Some(piece) = answer.chunk().await.expect("whole") {
        rest.extend_from_slice(&piece);
        count += memchr::memmem::find_iter(&rest, word).count();
        // Less than a word, which may go on in the next piece.
        rest.drain(..(rest.len() + 1).saturating_sub(word.len()));
    }
    count
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_million_fixes_leave_in_every_format_within_a_hundred_megabytes() {
    const FIXES: usize = 1_000_000;
    const PEAK_MAX_KIB: u64 = 100 * 1000 * 1000 / 1024;
    let folder = tempfile::tempdir().expect("a folder");
    let (_, key) = make_fleet(folder.path(), 2).await;
    write_history(folder.path(), FIXES).await;
    let asking = Asking::start(folder.path(), &key);
    std::fs::write(format!("/proc/{}/clear_refs", asking.server.pid()), "5").expect("it is our own");
    let formats: [(&str, &[u8]); 4] =
        [("csv", b"\r\nPC-"), ("geojson", b"\"Feature\""), ("gpx", b"<trkpt "), ("kml", b"<when>")];
    let range = "start_time=2023-01-01T00:00:00Z&end_time=2023-12-31T00:00:00Z";
    for (format, word) in formats {
        let path = format!("/api/v1/history/export?scope=district:1&{range}&format={format}");
        let sent = count(asking.send(Method::GET, &path, "").await, word).await;
        assert_eq!(sent, FIXES, "{format}");
    }
    let peak_kib = peak_kib(asking.server.pid());
    assert!(peak_kib < PEAK_MAX_KIB, "{peak_kib} KiB");
}
