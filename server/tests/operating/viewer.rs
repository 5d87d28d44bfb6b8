//! A dashboard behind a balancer: it comes back when its node goes.

use crate::site::{PATIENCE, Site, latitude};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _, protocol::frame::coding::CloseCode},
};

/// A dashboard.
pub struct Viewer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Where it stands in its scope's events.
    position: (Value, Value),
    latitude: f64,
}

impl Viewer {
    pub async fn open(site: &Site) -> Self {
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
            match connect_async(request.clone()).await {
                Ok((socket, _)) => break socket,
                Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        socket.send(Message::text(subscribe.to_string())).await.expect("sends");
        socket
    }

    /// With what it saw last.
    pub async fn come_back(&mut self, site: &Site) {
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
    pub async fn until_moved(&mut self, site: &Site, n: u32) {
        while self.until_moved_or_closed(n).await.is_some() {
            self.come_back(site).await;
        }
    }

    pub async fn until_moved_or_closed(&mut self, n: u32) -> Option<Option<CloseCode>> {
        while (self.latitude - latitude(n)).abs() > 1e-4 {
            if let Some(close) = self.take().await {
                return Some(close);
            }
        }
        None
    }
}
