//! `/ws/track/{unit}`: one unit, as an earlier system told of it.

use crate::server::{Server, at, eventually, fix, id, send, zone};
use futures::StreamExt as _;
use reqwest::Method;
use sentinel_model::{Permission, Time, live::close};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

struct Track(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Track {
    /// Answers the HTTP status where it is refused.
    async fn open(server: &Server, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let url = format!("ws://{}/ws/track/{path}", server.address);
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header value"));
        }
        match connect_async(request).await {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("no socket: {error}"),
        }
    }

    async fn by(server: &Server, token: &str, unit: &str) -> Result<Self, u16> {
        Self::open(server, unit, &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// The next update, or the code that it is closed with.
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
}

fn moving(time: Time, lat: f64, speed_mps: f64) -> Value {
    let mut fix = fix(time, lat, 76.2);
    fix["coords"]["speed"] = json!(speed_mps);
    fix["coords"]["heading"] = json!(90.0);
    fix
}

#[tokio::test]
async fn each_move_of_the_unit_is_told_in_miles_and_nobody_else_s() {
    let server = Server::start().await;
    let zone3 = server.sign_in("zone3").await;
    let (token, other) = (server.unit("PC-1", 5).await, server.unit("PC-2", 5).await);
    server.fixes(&token, &[moving(at(0), 9.9, 10.0)]).await;
    let mut track = Track::by(&server, &zone3, "PC-1").await.expect("opens");
    let first = json!({"car_id": "PC-1", "lat": 9.9, "lng": 76.2, "speed": 22.369, "heading": 90.0});
    assert_eq!(track.next().await, Ok(first), "where it is comes first");
    for n in 1..=3 {
        server.fixes(&other, &[moving(at(n), 8.0, 1.0)]).await;
        server.fixes(&token, &[moving(at(n), 9.9 + n as f64, 0.0)]).await;
        let update = track.next().await.expect("goes on");
        assert_eq!((&update["car_id"], &update["lat"]), (&json!("PC-1"), &json!(9.9 + n as f64)));
        assert_eq!(update["speed"], 0.0);
    }
}

#[tokio::test]
async fn a_unit_off_duty_is_told_of_once_it_moves_again() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    let mut track = Track::by(&server, &admin, "PC-1").await.expect("opens");
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    let update = track.next().await.expect("goes on");
    assert_eq!(update, json!({"car_id": "PC-1", "lat": 9.9, "lng": 76.2, "speed": null, "heading": null}));
    // Under another station it is another patrol, and the same unit.
    server.start_patrol("PC-1", 9).await;
    server.fixes(&token, &[fix(at(1), 9.95, 76.2)]).await;
    assert_eq!(track.next().await.expect("goes on")["lat"], 9.95);
}

#[tokio::test]
async fn it_takes_a_credential_whose_scope_holds_the_unit() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    let chief6 = server.sign_in("chief6").await;
    let ingest_only = server.key(zone(3), &[Permission::Ingest]).await;
    for credential in [chief6.as_str(), &ingest_only, &token] {
        assert_eq!(Track::by(&server, credential, "PC-1").await.err(), Some(404));
    }
    let chief5 = server.sign_in("chief5").await;
    for unknown in ["PC-404", "no%20id"] {
        assert_eq!(Track::by(&server, &chief5, unknown).await.err(), Some(404));
    }
    assert_eq!(Track::open(&server, "PC-1", &[]).await.err(), Some(401));
    let cookie = server.cookie("chief5").await;
    let foreign = [("cookie", cookie.as_str()), ("origin", "http://evil.example")];
    assert_eq!(Track::open(&server, "PC-1", &foreign).await.err(), Some(403));
    let own = format!("http://{}", server.address);
    let own = [("cookie", cookie.as_str()), ("origin", own.as_str())];
    assert!(Track::open(&server, "PC-1", &own).await.is_ok());
    let key = server.key(zone(3), &[Permission::Read]).await;
    assert!(Track::open(&server, &format!("PC-1?token={key}"), &[]).await.is_ok());
}

#[tokio::test]
async fn what_happens_to_a_unit_lent_beyond_the_scope_is_not_told() {
    let server = Server::start().await;
    let token = server.unit("PC-1", 5).await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    let mut track = Track::by(&server, &server.sign_in("zone3").await, "PC-1").await.expect("opens");
    assert_eq!(track.next().await.expect("goes on")["lat"], 9.9);
    let mut everywhere = Track::by(&server, &server.sign_in("admin").await, "PC-1").await.expect("opens");
    assert_eq!(everywhere.next().await.expect("goes on")["lat"], 9.9);
    server.start_patrol("PC-1", 9).await;
    for (n, latitude) in [(1, 1.0), (2, 2.0)] {
        server.fixes(&token, &[fix(at(n), latitude, 76.2)]).await;
        assert_eq!(everywhere.next().await.expect("goes on")["lat"], latitude);
    }
    server.start_patrol("PC-1", 6).await;
    server.fixes(&token, &[fix(at(3), 9.92, 76.2)]).await;
    // Where it was seen last is part of how it comes back; where it was before is not.
    let mut update = track.next().await.expect("goes on");
    if update["lat"] == 2.0 {
        update = track.next().await.expect("goes on");
    }
    assert_eq!(update["lat"], 9.92);
}

#[tokio::test]
async fn a_key_that_is_revoked_ends_it_and_so_does_the_server_s_stop() {
    let server = Server::start().await;
    let admin = server.sign_in("admin").await;
    server.unit("PC-1", 5).await;
    let key = server.key_named("the-key", zone(3), &[Permission::Read]).await;
    let mut by_key = Track::by(&server, &key, "PC-1").await.expect("opens");
    let mut by_admin = Track::by(&server, &admin, "PC-1").await.expect("opens");
    send(server.request(Method::DELETE, &admin, "/api/v1/api-keys/the-key")).await;
    assert_eq!(by_key.next().await, Err(close::UNAUTHORIZED));
    drop(by_key);
    eventually("its seat is given back", || async { server.sentinel.hub.sessions() == 1 }).await;
    assert!(server.sentinel.directory.unit(&id("PC-1")).is_some());
    server.ask_to_stop();
    assert_eq!(by_admin.next().await, Err(close::RESTART));
}
