//! Three nodes behind each balancer: whoever asks sees one Sentinel, whichever node answers,
//! and nobody but a live stream notices that one of them is gone.

use crate::{
    Shared,
    balancer::{Balancer, Kind},
    household::PASSWORD,
    program::{Node, sentinel, told},
};
use futures::{SinkExt as _, StreamExt as _};
use reqwest::{Client, StatusCode, header};
use sentinel_model::{RouteAnswer, Time};
use serde_json::{Value, json};
use std::{
    io::Write as _,
    net::IpAddr,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest as _, protocol::frame::coding::CloseCode},
};

/// Viewers, so that every node has some.
const VIEWERS: usize = 9;
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_behind_nginx_are_one_sentinel() {
    three_nodes_are_one_behind(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_behind_haproxy_are_one_sentinel() {
    three_nodes_are_one_behind(Kind::HaProxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_behind_caddy_are_one_sentinel() {
    three_nodes_are_one_behind(Kind::Caddy).await;
}

async fn three_nodes_are_one_behind(kind: Kind) {
    let _alone = crate::alone().await;
    let Some(shared) = Shared::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    told(sentinel("user").args(["add", "boss"]).args(shared.flags()), PASSWORD);
    let flags = ["--trusted-proxy", "127.0.0.1"];
    let mut nodes: Vec<Node> = (0..3).map(|_| Node::start_with(&shared.flags(), &flags, &log)).collect();
    let _worker = crate::program::worker(&shared.flags(), &log);
    let addresses = [nodes[0].address(), nodes[1].address(), nodes[2].address()];
    let Some(balancer) = Balancer::start(kind, addresses, folder.path()) else { return };

    let site = Site::prepare(&balancer).await;
    upgrades_over_tls(&balancer, &site.jwt);
    assert_eq!(site.get("/metrics").await.0, StatusCode::NOT_FOUND);
    wrong_passwords_count_by_the_clients_own_address(&balancer).await;

    let mut viewers = Vec::new();
    for _ in 0..VIEWERS {
        viewers.push(Viewer::open(&site).await);
    }
    for node in &nodes {
        assert!(sockets_of(node).await > 0, "every node has some of the streams");
    }
    site.post(1).await;
    for viewer in &mut viewers {
        viewer.until_moved(&site, 1).await;
    }

    // One is killed, another stopped, while people read and devices post.
    let over = Arc::new(AtomicBool::new(false));
    let reading = tokio::spawn(site.clone().read_until(over.clone()));
    let watching = tokio::spawn(is_ready_until(nodes[2].url("/readyz"), over.clone()));
    drop(nodes.remove(0));
    let mut posted = 1;
    for _ in 0..20 {
        posted += 1;
        site.post(posted).await;
    }
    let stopping = tokio::task::spawn_blocking({
        let node = nodes.remove(0);
        move || node.stop()
    });
    for _ in 0..20 {
        posted += 1;
        site.post(posted).await;
    }
    stopping.await.expect("it ends well");
    // Which nobody hears of on the node that has stopped.
    posted += 1;
    site.post(posted).await;
    let mut told_to_come_back = 0;
    for viewer in &mut viewers {
        if let Some(code) = viewer.until_moved_or_closed(posted).await {
            told_to_come_back += usize::from(code == Some(CloseCode::Library(4000)));
            viewer.come_back(&site).await;
            viewer.until_moved(&site, posted).await;
        }
    }
    assert!(told_to_come_back > 0, "who was on the node that stopped heard so");
    over.store(true, Relaxed);
    let (reads, refused) = reading.await.expect("nobody panics");
    assert!(reads > 20, "reads went on");
    let was_ready = watching.await.expect("nobody panics");
    assert!(refused.is_empty() || !was_ready, "refused though a node was ready: {refused:?}");
    site.until_archived(posted).await;
    drop(nodes);
    site.until_a_page_says_that_nobody_is_there().await;
}

/// Whether a node said that it was ready, and soon, whenever it was asked. Where the whole machine
/// stands still, nodes miss their Redis and balancers rightly find nobody.
async fn is_ready_until(url: String, over: Arc<AtomicBool>) -> bool {
    let mut always = true;
    while !over.load(Relaxed) {
        let began = Instant::now();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let status = reqwest::get(&url).await.expect("it runs").status();
        always &= status == StatusCode::OK && began.elapsed() < Duration::from_secs(1);
    }
    always
}

/// What a browser and a device know of the installation.
#[derive(Clone)]
pub struct Site {
    url: String,
    jwt: String,
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

    async fn until_a_page_says_that_nobody_is_there(&self) {
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
    async fn post(&self, n: u32) {
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

    /// Reads over and over; answers how often, and what was refused.
    async fn read_until(self, over: Arc<AtomicBool>) -> (usize, Vec<String>) {
        let (mut reads, mut refused) = (0, Vec::new());
        while !over.load(Relaxed) {
            match self.try_get("/api/v1/units/CAR-1").await {
                Ok((StatusCode::OK, _)) => reads += 1,
                other => refused.push(format!("{other:?}")),
            }
        }
        (reads, refused)
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

fn latitude(n: u32) -> f64 {
    9.5 + f64::from(n) / 1000.0
}

/// A dashboard.
struct Viewer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Where it stands in its scope's events.
    position: (Value, Value),
    latitude: f64,
}

impl Viewer {
    async fn open(site: &Site) -> Self {
        let socket = Self::connect(site, json!({"type": "subscribe", "scope": "district:1"})).await;
        let mut viewer = Self { socket, position: (Value::Null, Value::Null), latitude: 0.0 };
        while viewer.position.0.is_null() {
            assert_eq!(viewer.take().await, None);
        }
        viewer
    }

    async fn connect(site: &Site, subscribe: Value) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
        let url = site.url.replace("http://", "ws://") + "/api/v1/ws";
        let mut request = url.into_client_request().expect("an address");
        request.headers_mut().insert("authorization", format!("Bearer {}", site.jwt).parse().expect("text"));
        request.headers_mut().insert("sec-websocket-protocol", "sentinel.v1.json".parse().expect("text"));
        let began = Instant::now();
        let mut socket = loop {
            match tokio_tungstenite::connect_async(request.clone()).await {
                Ok((socket, _)) => break socket,
                Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        socket.send(Message::text(subscribe.to_string())).await.expect("sends");
        socket
    }

    /// With what it saw last.
    async fn come_back(&mut self, site: &Site) {
        let (epoch, offset) = self.position.clone();
        let subscribe = json!({"type": "subscribe", "scope": "district:1", "epoch": epoch, "offset": offset});
        self.socket = Self::connect(site, subscribe).await;
    }

    /// One frame; the close's code where it is the last.
    async fn take(&mut self) -> Option<Option<CloseCode>> {
        let next = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("something comes");
        let text = match next {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(close))) => return Some(close.map(|close| close.code)),
            Some(Ok(_)) => return None,
            Some(Err(_)) | None => return Some(None),
        };
        let frame: Value = serde_json::from_str(&text).expect("JSON");
        if frame["type"] == "snapshot" {
            self.position = (frame["epoch"].clone(), frame["offset"].clone());
        }
        if frame["type"] == "event" {
            self.position.1 = frame["offset"].clone();
        }
        for unit in frame["units"].as_array().into_iter().flatten() {
            self.latitude = unit["lat"].as_f64().unwrap_or(self.latitude);
        }
        None
    }

    /// However often it has to come back.
    async fn until_moved(&mut self, site: &Site, n: u32) {
        while self.until_moved_or_closed(n).await.is_some() {
            self.come_back(site).await;
        }
    }

    async fn until_moved_or_closed(&mut self, n: u32) -> Option<Option<CloseCode>> {
        while (self.latitude - latitude(n)).abs() > 1e-4 {
            if let Some(close) = self.take().await {
                return Some(close);
            }
        }
        None
    }
}

async fn sockets_of(node: &Node) -> u64 {
    let metrics = reqwest::get(node.url("/metrics")).await.expect("answers").text().await.expect("whole");
    let value = metrics.lines().find_map(|line| line.strip_prefix("sentinel_sockets ")).expect("it is there");
    value.parse().expect("a number")
}

/// Every node counts for itself, so a stranger gets thrice as many tries; then no more,
/// whatever it claims. Somebody else is not held up by that.
async fn wrong_passwords_count_by_the_clients_own_address(balancer: &Balancer) {
    let from = |address: &str| {
        let address: IpAddr = address.parse().expect("an address");
        Client::builder().local_address(address).timeout(PATIENCE).build().expect("a client")
    };
    let stranger = from("127.0.0.2");
    let try_once = async |client: &Client, password: &str| {
        let request = client.post(balancer.url("/api/v1/auth/login")).header("X-Forwarded-For", "127.0.0.3");
        let body = json!({"username": "boss", "password": password});
        request.header(header::FORWARDED, "for=127.0.0.3").json(&body).send().await.expect("answers").status()
    };
    let (mut tries, mut refused) = (0, 0);
    while refused < 12 {
        tries += 1;
        assert!(tries < 100, "wrong passwords are counted");
        match try_once(&stranger, "wrong").await {
            StatusCode::TOO_MANY_REQUESTS => refused += 1,
            StatusCode::UNAUTHORIZED => refused = 0,
            other => panic!("{other}"),
        }
    }
    for _ in 0..6 {
        assert_eq!(try_once(&from("127.0.0.3"), PASSWORD).await, StatusCode::OK);
    }
}

/// The site that the configuration is for: a WebSocket begins over TLS.
fn upgrades_over_tls(balancer: &Balancer, jwt: &str) {
    let mut client = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-connect",
            &balancer.secure.to_string(),
            "-servername",
            "sentinel.example",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let request = format!(
        "GET /api/v1/ws HTTP/1.1\r\nHost: sentinel.example:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: sentinel.v1.json\r\nAuthorization: Bearer {jwt}\r\n\r\n",
        balancer.secure.port()
    );
    client.stdin.as_mut().expect("it is piped").write_all(request.as_bytes()).expect("it reads");
    let mut first = String::new();
    let answer = client.stdout.take().expect("it is piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(answer), &mut first).expect("text");
    client.kill().expect("it is ended");
    client.wait().expect("it is gone");
    assert!(first.starts_with("HTTP/1.1 101"), "{first}");
}
