//! What people ask of an installation that many nodes are: files in, files out, and that their
//! data goes.

use crate::{
    Shared,
    household::PASSWORD,
    of_folder,
    program::{Node, ran, sentinel, succeeds, told, worker},
};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

const ALL: &str = "start_time=2020-01-01T00:00:00Z&end_time=2030-01-01T00:00:00Z";

struct Asking<'a> {
    node: &'a Node,
    key: String,
}

impl<'a> Asking<'a> {
    async fn sign_in(node: &'a Node) -> Self {
        let key = crate::household::sign_in(node, "boss").await.expect("the boss may");
        Self { node, key }
    }

    /// Signs in as the boss, and makes a station with two units.
    async fn begin(node: &'a Node) -> Self {
        let asking = Self::sign_in(node).await;
        for (scope, parent) in
            [("zone:1", "district:1"), ("division:1", "zone:1"), ("station:1", "division:1")]
        {
            asking.make("scopes", json!({"scope": scope, "name": scope, "parent": parent})).await;
        }
        for unit in ["CAR-1", "CAR-2"] {
            asking.make("units", json!({"id": unit, "station": "station:1"})).await;
        }
        asking
    }

    fn at<'b>(&'b self, node: &'b Node) -> Asking<'b> {
        Asking { node, key: self.key.clone() }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, String) {
        let request =
            Client::new().request(method, self.node.url(&format!("/api/v1/{path}"))).bearer_auth(&self.key);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.expect("answers");
        (answer.status(), answer.text().await.expect("whole"))
    }

    async fn make(&self, what: &str, body: Value) {
        let (status, said) = self.ask(Method::POST, what, Some(body)).await;
        assert!(status.is_success(), "{said}");
    }

    async fn route(&self, unit: &str) -> String {
        let (status, file) =
            self.ask(Method::GET, &format!("units/{unit}/route?{ALL}&format=csv"), None).await;
        assert_eq!(status, StatusCode::OK, "{file}");
        file
    }

    /// Waits until a unit's history has so many fixes, which workers bring there.
    async fn until(&self, unit: &str, fixes: usize) -> String {
        let waiting = async {
            loop {
                let file = self.route(unit).await;
                if file.lines().count() == fixes + 1 {
                    return file;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it comes there")
    }
}

/// A minute of a unit a second, long ago.
fn trip(file: &Path) {
    let mut lines = String::from("time,latitude,longitude,speed\n");
    for n in 0..12_345 {
        lines.push_str(&format!("{},{},76.25,4.5\n", 1_700_000_000 + n, 9.5 + f64::from(n) / 1e6));
    }
    std::fs::write(file, lines).expect("writes");
}

fn import(node: &Node, key: &str, file: &Path, more: &[&str]) -> std::process::Command {
    let mut command = sentinel("import");
    command.arg(file).args(["--url", &node.url(""), "--api-key", key]).args(more);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_imports_a_file_and_imports_it_again_for_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let place = of_folder(&at("data"));
    told(sentinel("user").args(["add", "boss"]).args(&place), PASSWORD);
    let node = Node::start(&place, &at("log"));
    let asking = Asking::begin(&node).await;
    trip(&at("trip.csv"));
    let (well, nobody) = ran(&mut import(&node, &asking.key, &at("trip.csv"), &[]));
    assert!(!well && nobody.contains("give --unit") && nobody.contains("0 taken"), "{nobody}");
    let mine = ["--unit", "CAR-1"];
    let said = succeeds(&mut import(&node, &asking.key, &at("trip.csv"), &mine));
    assert!(said.contains("12345 points: 12345 taken, 0 there already, 0 set aside"), "{said}");
    let said = succeeds(&mut import(&node, &asking.key, &at("trip.csv"), &mine));
    assert!(said.contains("12345 points: 0 taken, 12345 there already"), "{said}");
    // What broke off goes on where it was.
    let rest = ["--unit", "CAR-2", "--from-line", "12000"];
    let said = succeeds(&mut import(&node, &asking.key, &at("trip.csv"), &rest));
    assert!(said.contains("347 points: 347 taken"), "{said}");
    // What comes out goes in, whichever format.
    std::fs::write(at("out.csv"), asking.route("CAR-1").await).expect("writes");
    let (_, gpx) = asking.ask(Method::GET, &format!("units/CAR-1/route?{ALL}&format=gpx"), None).await;
    std::fs::write(at("out.gpx"), gpx).expect("writes");
    for file in ["out.csv", "out.gpx"] {
        let said = succeeds(&mut import(&node, &asking.key, &at(file), &[]));
        assert!(said.contains("0 taken, 12345 there already, 0 set aside"), "{said}");
    }
    let (well, said) = ran(&mut import(&node, "sk_nobody", &at("trip.csv"), &mine));
    assert!(!well && said.contains("go on with --from-line 2"), "{said}");
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn over_redis_and_mongodb_files_come_and_go_and_what_is_erased_is_gone() {
    let Some(shared) = Shared::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    told(sentinel("user").args(["add", "boss"]).args(shared.flags()), PASSWORD);
    let nodes = [0, 1].map(|_| Node::start(&shared.flags(), &at("log")));
    let hand = worker(&shared.flags(), &at("log"));
    let asking = Asking::begin(&nodes[0]).await;
    trip(&at("trip.csv"));
    for unit in ["CAR-1", "CAR-2"] {
        let mine = ["--unit", unit];
        let said = succeeds(&mut import(&nodes[0], &asking.key, &at("trip.csv"), &mine));
        assert!(said.contains("12345 points: 12345 taken"), "{said}");
    }
    let beside = asking.at(&nodes[1]);
    let first = beside.until("CAR-1", 12_345).await;
    beside.until("CAR-2", 12_345).await;
    // Again: the database has each once.
    std::fs::write(at("out.csv"), &first).expect("writes");
    succeeds(&mut import(&nodes[1], &asking.key, &at("out.csv"), &[]));
    let here = json!({"unit_id": "CAR-1", "location": {"timestamp": "2026-11-21T02:00:00Z",
        "coords": {"latitude": 9.123_456, "longitude": 76.5}}});
    asking.make("locations", here.clone()).await;
    beside.until("CAR-1", 12_346).await;
    let dead = [
        "XADD",
        "dead:{0}",
        "*",
        "id",
        "7-1",
        "tries",
        "5",
        "error",
        "odd",
        "at",
        "1",
        "b",
        "\u{1}\u{5}CAR-1",
    ];
    let shard = format!("dead:{{{}}}", sentinel_server::redis::shard::of(&"CAR-1".parse().expect("an id")));
    let dead: Vec<&str> =
        dead.iter().map(|word| if word.starts_with("dead") { &*shard } else { *word }).collect();
    shared.redis.cli(&dead);

    let (status, said) = beside.ask(Method::DELETE, "units/CAR-1/data", None).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    let erased: Value = serde_json::from_str(&said).expect("JSON");
    assert!(erased["fixes"].as_u64() >= Some(12_346), "{said}");
    asking.until("CAR-1", 0).await;
    assert_eq!(asking.ask(Method::GET, "units/CAR-1/location", None).await.0, StatusCode::NOT_FOUND);
    beside.until("CAR-2", 12_345).await;
    let left = shared.redis.cli(&["--raw", "HGET", "last", "CAR-1"]);
    assert!(!left.contains("76.5"), "{left}");
    assert!(!shared.redis.cli(&["XLEN", &shard]).contains('1'));
    let (_, audit) = asking.ask(Method::GET, "audit", None).await;
    assert!(audit.contains("unit_data_erased") && audit.contains("1 entries that were given up"), "{audit}");

    // What comes after is kept, by whoever starts anew.
    asking.make("locations", here).await;
    asking.until("CAR-1", 1).await;
    drop((nodes, hand));
    let node = Node::start(&shared.flags(), &at("log"));
    let _hand = worker(&shared.flags(), &at("log"));
    Asking::sign_in(&node).await.until("CAR-1", 1).await;
}
