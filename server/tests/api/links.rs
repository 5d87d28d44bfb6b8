//! Links of orders: what a customer sees, from the page to the driver's place, and what nobody
//! sees by one.

use crate::{
    incidents::{assign, status},
    server::{Answer, Server, eventually, fix, send},
};
use axum::http::{Method, StatusCode};
use futures::{SinkExt as _, StreamExt as _};
use sentinel_model::{Permission, Scope, dispatch::Task, live::close};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

struct Link {
    id: String,
    token: String,
}

async fn order(server: &Server, admin: &str, id: &str) -> Task {
    let body = json!({"id": id, "customer": "Asha K.", "latitude": 9.95, "longitude": 76.2, "address": "Pier Road 4",
        "notes": "a secret of the house", "scope": "station:5"});
    let made = server.post(admin, "/api/v1/orders", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.as_a()
}

async fn make(server: &Server, who: &str, order: &str, body: Value) -> Answer {
    server.post(who, &format!("/api/v1/orders/{order}/links"), body).await
}

async fn link(server: &Server, who: &str, order: &str) -> Link {
    let made = make(server, who, order, json!({})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let text = |name: &str| made.json[name].as_str().expect("a text").to_owned();
    assert_eq!(text("url"), format!("/t/{}", text("token")));
    Link { id: text("id"), token: text("token") }
}

async fn revoke(server: &Server, who: &str, order: &str, link: &str) -> StatusCode {
    let path = format!("/api/v1/orders/{order}/links/{link}");
    send(server.request(Method::DELETE, who, &path)).await.status
}

async fn now(server: &Server, link: &Link) -> Value {
    let answer = server.get("", &format!("/t/{}/now", link.token)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json
}

/// A unit on patrol, heard of just now.
async fn on_patrol(server: &Server, name: &str, station: u32, latitude: f64) -> String {
    let token = server.unit(name, station).await;
    server.start_patrol(name, station).await;
    server.fixes(&token, &[fix(server.clock.now(), latitude, 76.2)]).await;
    token
}

/// An order with a link, and `PC-1` sent to it.
async fn scene(server: &Server, admin: &str) -> (Link, String) {
    let device = on_patrol(server, "PC-1", 5, 9.9).await;
    let made = order(server, admin, "A-1").await;
    let link = link(server, admin, "A-1").await;
    assert_eq!(assign(server, admin, &made, "PC-1").await.status, StatusCode::CREATED);
    (link, device)
}

struct Live(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Live {
    /// Answers the HTTP status where it is refused.
    async fn open(server: &Server, path: &str, bearer: &str) -> Result<Self, u16> {
        let url = format!("ws://{}{path}", server.address);
        let mut request = url.into_client_request().expect("a request");
        if !bearer.is_empty() {
            let bearer = format!("Bearer {bearer}").parse().expect("a header value");
            request.headers_mut().insert("authorization", bearer);
        }
        match connect_async(request).await {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("no socket: {error}"),
        }
    }

    async fn page(server: &Server, link: &Link) -> Self {
        Self::open(server, &format!("/t/{}/live", link.token), "").await.expect("opens")
    }

    async fn driver(server: &Server, order: &str, bearer: &str) -> Result<Self, u16> {
        Self::open(server, &format!("/api/v1/orders/{order}/driver-location"), bearer).await
    }

    async fn say(&mut self, said: Value) {
        self.0.send(Message::text(said.to_string())).await.expect("it is sent");
    }

    /// The next message, or the code that it is closed with.
    async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(60), self.0.next()).await;
            match next.expect("something comes in time") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    async fn until(&mut self, holds: impl Fn(&Value) -> bool) -> Value {
        loop {
            let told = self.next().await.expect("it goes on");
            if holds(&told) {
                return told;
            }
        }
    }

    /// Reads on until it is closed.
    async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_sees_the_order_from_its_receipt_to_its_end_and_nothing_else() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let device = on_patrol(&server, "PC-1", 5, 9.9).await;
    let made = order(&server, &admin, "A-1").await;
    let link = link(&server, &admin, "A-1").await;
    let mut live = Live::page(&server, &link).await;
    let place = json!({"latitude": 9.95, "longitude": 76.2, "text": "Pier Road 4"});
    let mut received = live.next().await.expect("how it is comes first");
    assert!(received["updated_at"].take().is_string());
    let expected = json!({"order_id": "A-1", "state": "received", "place": place, "driver": null,
        "distance_m": null, "eta_s": null, "updated_at": null});
    assert_eq!(received, expected);

    assign(&server, &admin, &made, "PC-1").await;
    let assigned = live.until(|told| told["state"] == "assigned").await;
    assert_eq!(assigned["driver"]["latitude"], json!(9.9));
    for name in ["accepted", "en_route"] {
        status(&server, &device, "A-1.1", name).await;
    }
    let on_the_way = live.until(|told| told["state"] == "on_the_way").await;
    let metres = on_the_way["distance_m"].as_f64().expect("a distance");
    assert!((7_000.0..8_000.0).contains(&metres) && on_the_way["eta_s"].as_f64() > Some(0.0), "{on_the_way}");
    server.fixes(&device, &[fix(server.clock.now(), 9.94, 76.2)]).await;
    let nearer = live.until(|told| told["driver"]["latitude"] == json!(9.94)).await;
    assert!(nearer["distance_m"].as_f64() < Some(metres / 2.0), "{nearer}");
    assert_eq!(now(&server, &link).await, nearer, "who asks gets the same");
    for told in [&assigned, &on_the_way, &nearer] {
        let text = told.to_string();
        for secret in ["PC-1", "station", "Asha", "secret", "A-1.1", "patrol", "admin"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }

    status(&server, &device, "A-1.1", "on_scene").await;
    let arrived = live.until(|told| told["state"] == "arrived").await;
    assert!(arrived["driver"].is_object() && arrived["eta_s"].is_null(), "{arrived}");
    status(&server, &device, "A-1.1", "cleared").await;
    let delivered = live.until(|told| told["state"] == "delivered").await;
    assert!(delivered["driver"].is_null() && delivered["distance_m"].is_null(), "{delivered}");
    assert_eq!(live.next().await, Err(close::OVER));

    server.fixes(&device, &[fix(server.clock.now(), 9.91, 76.2)]).await;
    assert_eq!(now(&server, &link).await, delivered, "where the driver goes then is nobody's");
    server.clock.turn(3_500);
    assert_eq!(now(&server, &link).await["state"], "delivered");
    let server = server.restart().await;
    assert_eq!(now(&server, &link).await["state"], "delivered");
    server.clock.turn(200);
    assert_eq!(server.get("", &format!("/t/{}/now", link.token)).await.status, StatusCode::NOT_FOUND);
}

/// What came, but for what is another each time.
fn told(answer: &Answer) -> (StatusCode, Vec<(String, String)>, String) {
    let id = answer.header("x-request-id").to_owned();
    let mut headers: Vec<(String, String)> = (answer.headers.iter())
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
        .collect();
    headers.sort();
    (answer.status, headers, answer.text.replace(&id, "ID"))
}

#[tokio::test]
async fn whatever_shows_nothing_answers_the_same_bytes() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let (good, _) = scene(&server, &admin).await;
    for id in ["A-2", "A-3"] {
        order(&server, &admin, id).await;
    }
    let revoked = link(&server, &admin, "A-1").await;
    assert_eq!(revoke(&server, &admin, "A-1", &revoked.id).await, StatusCode::NO_CONTENT);
    let short = make(&server, &admin, "A-1", json!({"expires_in_s": 60})).await;
    let closed = link(&server, &admin, "A-2").await;
    let body = json!({"outcome": "cancelled"});
    assert!(server.post(&admin, "/api/v1/orders/A-2/close", body).await.status.is_success());
    assert_eq!(now(&server, &closed).await["state"], "cancelled", "for an hour it says so");
    let other = link(&server, &admin, "A-3").await;
    server.clock.turn(3_700);

    let (named, mac) = good.token.rsplit_once('~').expect("three parts");
    let swapped = format!("{named}~{}", other.token.rsplit_once('~').expect("three parts").1);
    let last = if mac.ends_with('A') { "B" } else { "A" };
    let guessed = format!("{named}~{}{last}", &mac[..21]);
    let no_order = format!("A-404~{}~{mac}", good.id);
    let dead: Vec<String> =
        [revoked.token.as_str(), short.json["token"].as_str().expect("a token"), &closed.token]
            .into_iter()
            .chain([swapped.as_str(), &guessed, &no_order, named, "x", "%20", "%ff", "~~", &"A".repeat(500)])
            .map(ToOwned::to_owned)
            .collect();
    for path in ["/t/TOKEN", "/t/TOKEN/now", "/api/v1/orders/A-1/driver-location?token=TOKEN"] {
        let mut first = None;
        for token in &dead {
            // What is no link's token there is another credential, or none.
            if path.contains('?') && !token.contains('~') {
                continue;
            }
            let answer = server.get("", &path.replace("TOKEN", token)).await;
            let (status, headers, text) = told(&answer);
            assert_eq!(status, StatusCode::NOT_FOUND, "{path} {token}");
            let expected = first.get_or_insert((headers.clone(), text.clone()));
            assert_eq!((&headers, &text), (&expected.0, &expected.1), "{path} {token}");
        }
    }
    for token in &dead {
        let refused = Live::open(&server, &format!("/t/{token}/live"), "").await;
        assert_eq!(refused.err(), Some(404), "{token}");
    }
    let page = server.get("", &format!("/t/{}", good.token)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
}

#[tokio::test]
async fn the_page_is_whole_without_its_script_and_kept_by_nobody() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let (link, device) = scene(&server, &admin).await;
    status(&server, &device, "A-1.1", "en_route").await;
    let page = server.get("", &format!("/t/{}", link.token)).await;
    for words in [
        "On the way to you",
        "</b> min",
        "7.5 km away",
        "Pier Road 4",
        "Order <b>A-1</b>",
        "aria-current=\"step\"",
    ] {
        assert!(page.text.contains(words), "{words} in {}", page.text);
    }
    for secret in ["PC-1", "Asha", "a secret", "station:5", "A-1.1"] {
        assert!(!page.text.contains(secret), "{secret} in {}", page.text);
    }
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(!page.text.contains(" style=") && !page.text.contains("<script>"), "the policy would refuse it");
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-robots-tag", "noindex, nofollow"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(page.header(name), value, "{name}");
    }
    let mut bytes = page.text.len();
    for file in ["/t/look.css", "/t/follow.js"] {
        bytes += server.get("", file).await.text.len();
    }
    assert!((10_000..30 * 1024).contains(&bytes), "{bytes} before the typeface, of 29 KB, and the map");
    // Of an order that was numbered here the number says nothing to a customer.
    let body = json!({"latitude": 9.95, "longitude": 76.2, "scope": "station:5"});
    let own = server.post(&admin, "/api/v1/orders", body).await.json["id"].clone();
    let own = self::link(&server, &admin, own.as_str().expect("an id")).await;
    assert_eq!(now(&server, &own).await["order_id"], Value::Null);
}

#[tokio::test]
async fn who_steers_the_order_makes_lists_and_revokes_its_links_and_the_log_tells_of_it() {
    let server = Server::start().await;
    let (admin, chief) = (server.sign_in("admin").await, server.sign_in("chief5").await);
    let stranger = server.key(Scope::station(9), &[Permission::Read, Permission::Dispatch]).await;
    let (first, device) = scene(&server, &admin).await;
    for who in [&chief, &device] {
        assert_eq!(make(&server, who, "A-1", json!({})).await.status, StatusCode::FORBIDDEN);
        assert_eq!(server.get(who, "/api/v1/orders/A-1/links").await.status, StatusCode::FORBIDDEN);
        assert_eq!(revoke(&server, who, "A-1", &first.id).await, StatusCode::FORBIDDEN);
    }
    assert_eq!(make(&server, &stranger, "A-1", json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.get(&stranger, "/api/v1/orders/A-1/links").await.status, StatusCode::NOT_FOUND);
    for bad in [json!({"expires_in_s": 59}), json!({"expires_in_s": 2_592_001}), json!({"until": 5})] {
        assert_eq!(make(&server, &admin, "A-1", bad).await.status, StatusCode::BAD_REQUEST);
    }

    let again = server.get(&admin, "/api/v1/orders/A-1/links").await;
    assert_eq!(again.json["items"][0]["token"], json!(first.token), "to be copied again");
    assert_eq!(again.header("cache-control"), "no-store");
    for _ in 1..20 {
        link(&server, &admin, "A-1").await;
    }
    let full = make(&server, &admin, "A-1", json!({})).await;
    assert_eq!(
        (full.status, &full.json["code"]),
        (StatusCode::CONFLICT, &json!("too_many")),
        "{}",
        full.text
    );
    assert_eq!(revoke(&server, &admin, "A-1", &first.id).await, StatusCode::NO_CONTENT);
    assert_eq!(revoke(&server, &admin, "A-1", &first.id).await, StatusCode::NO_CONTENT, "it is so already");
    assert_eq!(revoke(&server, &admin, "A-1", "0123456789abcdef").await, StatusCode::NOT_FOUND);
    link(&server, &admin, "A-1").await;
    let items = server.get(&admin, "/api/v1/orders/A-1/links").await.json["items"].clone();
    assert_eq!(items.as_array().expect("a list").len(), 20, "one that had ended made room");

    let log = server.get(&admin, "/api/v1/audit").await.json["items"].clone();
    let log = log.as_array().expect("a list");
    let done = |action: &str| log.iter().filter(|entry| entry["action"] == action).count();
    assert_eq!((done("link_made"), done("link_revoked")), (21, 1));
    assert!(log.iter().all(|entry| !entry.to_string().contains(&first.token)), "no log holds a token");

    let closing = server.post(&admin, "/api/v1/orders/A-1/close", json!({})).await;
    assert!(closing.status.is_success(), "{}", closing.text);
    let late = make(&server, &admin, "A-1", json!({})).await;
    assert_eq!((late.status, &late.json["code"]), (StatusCode::CONFLICT, &json!("closed")));
    let kept = items[5]["id"].as_str().expect("an id").to_owned();
    assert_eq!(revoke(&server, &admin, "A-1", &kept).await, StatusCode::NO_CONTENT, "of a closed one too");
    let incident = crate::incidents::incident(&server, &admin, json!({})).await;
    let of_incident = make(&server, &admin, incident.id.as_str(), json!({})).await;
    assert_eq!(of_incident.status, StatusCode::NOT_FOUND, "an incident has no customer");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_driver_is_is_told_while_they_drive_to_the_order_and_whoever_it_is() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let (link, device) = scene(&server, &admin).await;
    let other = on_patrol(&server, "PC-9", 9, 9.8).await;
    let path = "/api/v1/orders/A-1/driver-location";
    let mut live = Live::driver(&server, "A-1", &link.token).await.expect("opens");
    let mut by_admin = Live::driver(&server, "A-1", &admin).await.expect("opens");
    let subscribe = json!({"action": "subscribe", "order_id": "A-1"});
    live.say(subscribe.clone()).await;
    by_admin.say(subscribe.clone()).await;
    let first = live.next().await.expect("at once");
    let time = first["timestamp"].clone();
    let expected = json!({"driver_id": "A-1.1", "latitude": 9.9, "longitude": 76.2, "timestamp": time});
    assert_eq!(first, expected);
    assert_eq!(by_admin.next().await.expect("at once")["driver_id"], "PC-1", "who sees units is told which");
    let by_link = server.get("", &format!("{path}?token={}", link.token)).await;
    assert_eq!((&by_link.json, by_link.header("cache-control")), (&first, "no-store"));
    assert_eq!(server.get(&link.token, path).await.json, expected);
    assert_eq!(server.get(&admin, path).await.json["driver_id"], "PC-1");
    assert_eq!(server.get("", path).await.status, StatusCode::UNAUTHORIZED);

    // Others move all the time; of them nothing comes.
    server.fixes(&other, &[fix(server.clock.now(), 9.81, 76.2)]).await;
    server.fixes(&device, &[fix(server.clock.now(), 9.91, 76.2)]).await;
    assert_eq!(live.next().await.expect("goes on")["latitude"], 9.91);

    let body = json!({"unit_id": "PC-9", "instead_of": "A-1.1"});
    let after = server.post(&admin, "/api/v1/orders/A-1/assign", body).await;
    assert_eq!(after.status, StatusCode::CREATED, "{}", after.text);
    let taken_over = live.next().await.expect("goes on");
    assert_eq!((&taken_over["driver_id"], &taken_over["latitude"]), (&json!("A-1.2"), &json!(9.81)));
    server.fixes(&device, &[fix(server.clock.now(), 9.92, 76.2)]).await;
    server.fixes(&other, &[fix(server.clock.now(), 9.82, 76.2)]).await;
    assert_eq!(live.next().await.expect("goes on")["latitude"], 9.82, "the first has other things to do");

    live.say(json!({"action": "ping"})).await;
    assert_eq!(live.next().await.expect("a pong")["type"], "pong");
    live.say(json!({"action": "unsubscribe"})).await;
    live.say(json!({"action": "ping"})).await;
    live.next().await.expect("a pong");
    server.fixes(&other, &[fix(server.clock.now(), 9.83, 76.2)]).await;
    live.say(subscribe).await;
    assert_eq!(live.next().await.expect("at once")["latitude"], 9.83, "nothing of what was not asked for");

    status(&server, &admin, "A-1.2", "cancelled").await;
    assert_eq!(server.get(&link.token, path).await.status, StatusCode::NOT_FOUND, "nobody is on the way");
    server.fixes(&other, &[fix(server.clock.now(), 9.84, 76.2)]).await;
    let closing = server.post(&admin, "/api/v1/orders/A-1/close", json!({"outcome": "cancelled"})).await;
    assert!(closing.status.is_success(), "{}", closing.text);
    assert_eq!(live.next().await, Err(close::OVER), "and nothing before");
    assert_eq!(by_admin.closed().await, close::OVER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_ends_with_its_link_and_opens_for_who_shows_one_late() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let (first, _) = scene(&server, &admin).await;
    let second = make(&server, &admin, "A-1", json!({"expires_in_s": 600})).await;
    let second = Link {
        id: second.json["id"].as_str().expect("an id").into(),
        token: second.json["token"].as_str().expect("a token").into(),
    };
    let mut page = Live::page(&server, &first).await;
    let mut staying = Live::page(&server, &second).await;
    page.next().await.expect("how it is");
    staying.next().await.expect("how it is");
    // By the first message, where a browser can send no header.
    let mut late = Live::driver(&server, "A-1", "").await.expect("opens");
    late.say(json!({"action": "subscribe", "order_id": "A-1", "token": first.token})).await;
    assert_eq!(late.next().await.expect("at once")["latitude"], 9.9);
    for (said, code) in [
        (
            json!({"action": "subscribe", "order_id": "A-1", "token": format!("{}x", first.token)}),
            close::UNAUTHORIZED,
        ),
        (json!({"action": "subscribe", "order_id": "A-1"}), close::UNAUTHORIZED),
        (json!({"action": "subscribe", "order_id": "A-2", "token": first.token}), close::FORBIDDEN),
        (json!({"action": "dance"}), close::BAD_FRAME),
    ] {
        let mut socket = Live::driver(&server, "A-1", "").await.expect("opens");
        socket.say(said.clone()).await;
        assert_eq!(socket.closed().await, code, "{said}");
    }
    revoke(&server, &admin, "A-1", &first.id).await;
    assert_eq!(page.closed().await, close::UNAUTHORIZED);
    assert_eq!(late.closed().await, close::UNAUTHORIZED);
    assert_eq!(Live::driver(&server, "A-1", &first.token).await.err(), Some(404));
    server.clock.turn(700);
    assert_eq!(staying.closed().await, close::UNAUTHORIZED, "its time has run out");
    drop((page, late, staying));
    eventually("no seat is left", || async { server.sentinel.hub.sessions() == 0 }).await;
}

#[tokio::test]
async fn another_order_s_link_opens_nothing_and_one_link_not_more_than_twenty_sockets() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let (link, _) = scene(&server, &admin).await;
    order(&server, &admin, "A-2").await;
    let foreign = self::link(&server, &admin, "A-2").await;
    let path = "/api/v1/orders/A-1/driver-location";
    assert_eq!(server.get(&foreign.token, path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(Live::driver(&server, "A-1", &foreign.token).await.err(), Some(404));
    assert_eq!(server.get(&link.token, "/api/v1/orders/A-1").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.get(&link.token, "/api/v1/units").await.status, StatusCode::UNAUTHORIZED);
    let stranger = server.key(Scope::station(9), &[Permission::Read]).await;
    assert_eq!(server.get(&stranger, path).await.status, StatusCode::NOT_FOUND);
    let reader = server.key(Scope::station(5), &[Permission::Read]).await;
    assert_eq!(server.get(&reader, path).await.json["driver_id"], "PC-1");

    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(Live::page(&server, &link).await);
    }
    assert_eq!(Live::open(&server, &format!("/t/{}/live", link.token), "").await.err(), Some(429));
    assert!(Live::open(&server, &format!("/t/{}/live", foreign.token), "").await.is_ok());
    drop(open);
    let path = format!("/t/{}/live", link.token);
    eventually("there is room again", || async { Live::open(&server, &path, "").await.is_ok() }).await;
}

#[tokio::test]
async fn a_driver_off_duty_or_before_they_are_sent_is_seen_by_nobody() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let device = server.unit("PC-1", 5).await;
    let patrol = server.start_patrol("PC-1", 5).await;
    server.fixes(&device, &[fix(server.clock.now(), 9.9, 76.2)]).await;
    let made = order(&server, &admin, "A-1").await;
    let link = link(&server, &admin, "A-1").await;
    assert_eq!(now(&server, &link).await["driver"], Value::Null);
    assign(&server, &admin, &made, "PC-1").await;
    assert!(now(&server, &link).await["driver"].is_object());
    server.end_patrol(patrol).await;
    assert_eq!(now(&server, &link).await["driver"], Value::Null);
}
