//! A client of server-sent events that reads them by the book: lines, fields, an empty line.

use super::Heard;
use reqwest::{Response, StatusCode};
use sentinel_model::live::{self, ErrorFrame, ServerFrame, Subscribe, close};
use serde_json::Value;
use std::collections::VecDeque;

pub struct EventSource {
    /// The server's, up to the path.
    address: String,
    credential: String,
    client: reqwest::Client,
    response: Option<Response>,
    read: Vec<u8>,
    waiting: VecDeque<Heard>,
    /// The id that came last, as a browser keeps it.
    pub last_id: Option<String>,
}

impl EventSource {
    pub fn of(address: String, credential: &str) -> Self {
        Self {
            address,
            credential: credential.into(),
            client: reqwest::Client::new(),
            response: None,
            read: Vec::new(),
            waiting: VecDeque::new(),
            last_id: None,
        }
    }

    /// Asks for a stream; further headers may be given.
    pub async fn ask(&self, query: &str, headers: &[(&'static str, &str)]) -> Response {
        let url = format!("{}/api/v1/stream?{query}", self.address);
        let mut request = match self.credential.as_str() {
            "" => self.client.get(url),
            cookie if cookie.starts_with("sentinel_session=") => {
                self.client.get(url).header("cookie", cookie)
            }
            token => self.client.get(url).bearer_auth(token),
        };
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }

    pub async fn open(&mut self, query: &str, headers: &[(&'static str, &str)]) {
        self.leave();
        let response = self.ask(query, headers).await;
        if response.status() != StatusCode::OK {
            return self.refused(response).await;
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        self.response = Some(response);
    }

    /// As a WebSocket would have been told.
    async fn refused(&mut self, response: Response) {
        let status = response.status();
        let body: Value = response.json().await.expect("a refusal says why");
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let code = match status {
            StatusCode::UNAUTHORIZED => close::UNAUTHORIZED,
            StatusCode::FORBIDDEN => {
                let why = ErrorFrame { code: text("code"), message: text("message") };
                self.waiting.push_back(Heard::Frame(ServerFrame::Error(why)));
                close::FORBIDDEN
            }
            StatusCode::SERVICE_UNAVAILABLE => close::RESTART,
            status => panic!("{status}: {body}"),
        };
        self.waiting.push_back(Heard::Closed(code));
    }

    pub async fn subscribe(&mut self, subscribe: &Subscribe) {
        let mut query = format!("scope={}", subscribe.scope);
        if let Some(interval) = subscribe.interval_ms {
            query += &format!("&interval_ms={interval}");
        }
        let last = subscribe.epoch.as_ref().zip(subscribe.offset);
        let last = last.map(|(epoch, offset)| format!("{}/{epoch}:{offset}", subscribe.scope));
        let headers: Vec<_> = last.iter().map(|id| ("last-event-id", id.as_str())).collect();
        self.open(&query, &headers).await;
    }

    pub fn leave(&mut self) {
        self.response = None;
        self.read.clear();
        self.waiting.clear();
    }

    /// What comes next, whenever that is. May be dropped while it waits.
    pub async fn next(&mut self) -> Heard {
        loop {
            if let Some(heard) = self.waiting.pop_front() {
                return heard;
            }
            if let Some(end) = self.read.windows(2).position(|two| two == b"\n\n") {
                let message: Vec<u8> = self.read.drain(..end + 2).collect();
                let message = String::from_utf8(message).expect("UTF-8");
                let heard = self.heard(&message);
                self.waiting.extend(heard);
                continue;
            }
            let Some(response) = &mut self.response else { return std::future::pending().await };
            match response.chunk().await {
                Ok(Some(chunk)) => self.read.extend_from_slice(&chunk),
                Ok(None) | Err(_) => return Heard::Closed(1006),
            }
        }
    }

    fn heard(&mut self, message: &str) -> Option<Heard> {
        let (mut event, mut data, mut id) = ("message", String::new(), None);
        for line in message.lines().filter(|line| !line.is_empty() && !line.starts_with(':')) {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => event = value,
                "data" => data += value,
                "id" => id = Some(value.to_owned()),
                "retry" => assert!(value.parse::<u32>().is_ok(), "{line}"),
                _ => panic!("no field of an event stream: {line}"),
            }
        }
        self.last_id = id.clone().or(self.last_id.take());
        if data.is_empty() {
            return None;
        }
        let json: Value = serde_json::from_str(&data).expect("JSON");
        assert_eq!(json["type"], event);
        if event == "close" {
            return Some(Heard::Closed(
                json["code"].as_u64().and_then(|n| n.try_into().ok()).expect("a code"),
            ));
        }
        let frame: ServerFrame = live::from_json(&data).expect("a frame of the protocol");
        match &frame {
            ServerFrame::Snapshot(snapshot) => {
                assert_eq!(id, Some(format!("{}/{}:{}", snapshot.scope, snapshot.epoch, snapshot.offset)));
            }
            ServerFrame::Event(event) => {
                let id = id.expect("an event has an id");
                assert!(id.ends_with(&format!(":{}", event.offset())), "{id}");
            }
            _ => assert_eq!(id, None),
        }
        Some(Heard::Frame(frame))
    }
}
