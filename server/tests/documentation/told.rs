//! What Sentinel tells by itself is as the document says: frames of live streams, bodies of webhooks.

use crate::server::{DEADLINE, DISTRICT, START, Server, at, eventually, fix, id, send};
use boon::{Compiler, SchemaIndex, Schemas};
use futures::{SinkExt as _, StreamExt as _};
use reqwest::{Method, Response};
use sentinel_model::{
    Scope,
    webhook::{WantedEvents, WebhookEvent},
};
use sentinel_server::{
    ports::{Change, WebhookRecord},
    webhooks::sign::new_secret,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

/// Schemas of the document, by their place in it.
struct Document {
    compiler: Compiler,
    schemas: Schemas,
}

const AT: &str = "http://sentinel.test/openapi.json";

impl Document {
    async fn of(server: &Server) -> Self {
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(AT, server.get("", "/api/openapi.json").await.json).expect("it is JSON");
        Self { compiler, schemas: Schemas::new() }
    }

    fn schema(&mut self, place: &str) -> SchemaIndex {
        let found = self.compiler.compile(&format!("{AT}#{place}"), &mut self.schemas);
        found.unwrap_or_else(|error| panic!("{place}: {error}"))
    }

    fn fits(&mut self, place: &str, value: &Value) -> Result<(), String> {
        let schema = self.schema(place);
        self.schemas.validate(value, schema).map_err(|error| format!("{value}\nis no {place}: {error:#}"))
    }

    #[track_caller]
    fn holds(&mut self, place: &str, value: &Value) {
        self.fits(place, value).unwrap_or_else(|error| panic!("{error}"));
    }
}

const SERVER_FRAME: &str = "/components/schemas/ServerFrame";
const CLIENT_FRAME: &str = "/components/schemas/ClientFrame";

/// The data of messages of an event stream.
struct Messages {
    response: Response,
    read: Vec<u8>,
}

impl Messages {
    async fn next(&mut self) -> Value {
        loop {
            if let Some(end) = self.read.windows(2).position(|two| two == b"\n\n") {
                let message: Vec<u8> = self.read.drain(..end + 2).collect();
                let message = std::str::from_utf8(&message).expect("UTF-8");
                let Some(data) = message.lines().find_map(|line| line.strip_prefix("data: ")) else {
                    continue;
                };
                return serde_json::from_str(data).expect("JSON");
            }
            let chunk = tokio::time::timeout(DEADLINE, self.response.chunk()).await.expect("in time");
            self.read.extend_from_slice(&chunk.expect("it goes on").expect("it goes on"));
        }
    }

    /// The next that is `what`: an event's kind, or a frame's type.
    async fn until(&mut self, document: &mut Document, what: &str) -> Value {
        loop {
            let frame = self.next().await;
            let place =
                if frame["type"] == "close" { "/components/schemas/StreamClose" } else { SERVER_FRAME };
            document.holds(place, &frame);
            if frame["kind"] == what || frame["type"] == what {
                return frame;
            }
        }
    }
}

#[tokio::test]
async fn every_kind_of_frame_of_a_stream_is_as_the_document_says() {
    let server = Server::start().await;
    let mut document = Document::of(&server).await;
    let (chief, token) = (server.sign_in("chief5").await, server.unit("PC-1", 5).await);
    let response = server.request(Method::GET, &chief, "/api/v1/stream").timeout(10 * DEADLINE);
    let response = response.send().await.expect("it begins");
    let mut stream = Messages { response, read: Vec::new() };
    stream.until(&mut document, "snapshot").await;
    server.fixes(&token, &[fix(at(0), 9.9, 76.2)]).await;
    let joined = stream.until(&mut document, "unit_joined").await;
    server.fixes(&token, &[fix(at(1), 9.91, 76.2)]).await;
    let moved = stream.until(&mut document, "positions").await;
    let mut calls = fix(at(2), 9.92, 76.2);
    calls["event"] = json!("sos");
    server.fixes(&token, &[calls]).await;
    stream.until(&mut document, "alert").await;
    let admin = server.sign_in("admin").await;
    let circle = json!({"type": "circle", "latitude": 9.9, "longitude": 76.2, "radius_m": 100});
    let fence = json!({"name": "Depot", "scope": "zone:3", "shape": circle, "on": {"enter": true}});
    let made = server.post(&admin, "/api/v1/geofences", fence).await;
    assert!(made.status.is_success(), "{}", made.text);
    stream.until(&mut document, "fence").await;
    server.clock.turn(61);
    let status = stream.until(&mut document, "status").await;
    let patrol = server.sentinel.directory.unit(&id("PC-1")).expect("there").patrol.expect("on patrol");
    server.end_patrol(patrol.id).await;
    stream.until(&mut document, "unit_left").await;
    server.ask_to_stop();
    stream.until(&mut document, "close").await;

    // What is not so does not pass.
    let without = |frame: &Value, member: &str| {
        let mut frame = frame.clone();
        frame.as_object_mut().expect("an object").remove(member);
        frame
    };
    let nested = json!({"type": "event", "status": without(&status, "type")});
    let mut misnamed = status.clone();
    misnamed["kind"] = json!("unit_joined");
    let other = json!({"type": "weather"});
    for wrong in [
        &without(&status, "kind"),
        &without(&moved, "units"),
        &without(&joined, "offset"),
        &nested,
        &misnamed,
        &other,
    ] {
        assert!(document.fits(SERVER_FRAME, wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn what_is_said_over_a_websocket_is_as_the_document_says() {
    let server = Server::start().await;
    let mut document = Document::of(&server).await;
    let chief = server.sign_in("chief5").await;
    let mut request = format!("ws://{}/api/v1/ws", server.address).into_client_request().expect("a request");
    let bearer = format!("Bearer {chief}").parse().expect("a header value");
    request.headers_mut().insert("authorization", bearer);
    let (mut socket, _) = connect_async(request).await.expect("it opens");
    let mut told = BTreeSet::new();
    for said in [
        json!({"type": "ping"}),
        json!({"type": "subscribe", "scope": "station:5", "interval_ms": 100}),
        json!({"type": "unsubscribe"}),
        json!({"type": "subscribe", "scope": "station:6"}),
    ] {
        document.holds(CLIENT_FRAME, &said);
        socket.send(Message::text(said.to_string())).await.expect("it is sent");
        if said["type"] == "unsubscribe" {
            continue;
        }
        let heard =
            tokio::time::timeout(DEADLINE, socket.next()).await.expect("in time").expect("it is open");
        let Message::Text(text) = heard.expect("it reads") else { panic!("a frame in text") };
        let frame: Value = serde_json::from_str(&text).expect("JSON");
        document.holds(SERVER_FRAME, &frame);
        told.insert(frame["type"].as_str().expect("its type").to_owned());
    }
    assert_eq!(told, BTreeSet::from(["error", "pong", "snapshot"].map(str::to_owned)));
    for wrong in [json!({"subscribe": {"scope": "station:5"}}), json!({"type": "subscribe"}), json!({})] {
        assert!(document.fits(CLIENT_FRAME, &wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn every_webhook_s_body_is_as_the_document_says() {
    let server = Server::start().await;
    let mut document = Document::of(&server).await;
    let webhook = WebhookRecord {
        id: "hook".into(),
        name: "hook".into(),
        // Nobody is there: what would be sent waits in the log.
        url: "https://hook.invalid/".into(),
        scope: DISTRICT,
        events: WantedEvents::All,
        enabled: true,
        disabled_because: None,
        failing_since: None,
        created_at: START,
        secrets: vec![new_secret()],
    };
    server.change(vec![Change::PutWebhook(webhook)]).await;
    let admin = server.sign_in("admin").await;
    let token = server.unit("PC-1", 5).await;
    let bodies = async || -> BTreeMap<String, Value> {
        let log = server.sentinel.outbox.log("hook", None, 100).await.expect("reads");
        let body = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        log.iter().map(|queued| (queued.delivery.event.to_string(), body(&queued.delivery.body))).collect()
    };
    let told = async |event: WebhookEvent| {
        eventually(event.as_str(), async || bodies().await.contains_key(event.as_str())).await;
    };
    let incident = json!({"latitude": 9.9, "longitude": 76.2, "scope": "station:5", "kind": "accident"});
    assert!(server.post(&admin, "/api/v1/incidents", incident).await.status.is_success());
    let order = json!({"latitude": 9.9, "longitude": 76.2, "scope": "station:5", "customer": "Bakery"});
    assert!(server.post(&admin, "/api/v1/orders", order).await.status.is_success());
    let ping = server.request(Method::POST, &admin, "/api/v1/webhooks/hook/test");
    assert!(send(ping).await.status.is_success());
    let mut calls = fix(at(0), 9.9, 76.2);
    calls["event"] = json!("sos");
    server.fixes(&token, &[calls]).await;
    told(WebhookEvent::AlertSos).await;
    server.clock.turn(61);
    told(WebhookEvent::UnitStale).await;
    server.clock.turn(120);
    told(WebhookEvent::AlertEscalated).await;
    server.clock.turn(180);
    told(WebhookEvent::UnitOffline).await;
    server.fixes(&token, &[fix(server.clock.now(), 9.9, 76.2)]).await;
    told(WebhookEvent::UnitAvailable).await;
    let patrol = server.sentinel.directory.unit(&id("PC-1")).expect("there").patrol.expect("on patrol");
    server.end_patrol(patrol.id).await;
    let bodies = bodies().await;
    assert!(bodies.len() >= 10, "{:?}", bodies.keys());
    for (event, body) in &bodies {
        let place = format!("/webhooks/{event}/post/requestBody/content/application~1json/schema");
        document.holds(&place, body);
        assert!(document.fits(&place, &json!({"type": event})).is_err());
        let other = if event == "ping" { "alert.sos" } else { "ping" };
        let place = format!("/webhooks/{other}/post/requestBody/content/application~1json/schema");
        assert!(document.fits(&place, body).is_err(), "{event} is no {other}");
    }
    let station: Scope =
        bodies["alert.sos"]["data"]["station"].as_str().expect("text").parse().expect("a scope");
    assert_eq!(station, Scope::station(5));
    // The examples, too.
    let all = server.get("", "/api/openapi.json").await.json["webhooks"].clone();
    for (event, item) in all.as_object().expect("webhooks") {
        let content = &item["post"]["requestBody"]["content"]["application/json"];
        let place = format!("/webhooks/{event}/post/requestBody/content/application~1json/schema");
        document.holds(&place, &content["example"]);
    }
    assert!(WebhookEvent::OFFERED.iter().all(|event| all[event.as_str()].is_object()));
}
