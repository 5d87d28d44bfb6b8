//! Three nodes behind each balancer: whoever asks sees one Sentinel, whichever node answers,
//! and nobody but a live stream notices that one of them is gone.

use crate::{
    Shared,
    balancer::{Balancer, Kind},
    household::PASSWORD,
    program::{Node, sentinel, told},
    site::{PATIENCE, Site},
    viewer::Viewer,
};
use reqwest::{Client, StatusCode, header};
use serde_json::json;
use std::{
    io::Write as _,
    net::IpAddr,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Viewers, so that every node has some.
const VIEWERS: usize = 9;

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
    let (over, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let reading = tokio::spawn(site.clone().read_until(over.clone(), reads.clone()));
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
    let began = Instant::now();
    while reads.load(Relaxed) <= 20 {
        assert!(began.elapsed() < PATIENCE, "nothing is read");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    over.store(true, Relaxed);
    let refused = reading.await.expect("nobody panics");
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
