//! One live socket: connects with a subprotocol, subscribes, reads frames.
//!
//! Buffers are small: a run may hold thousands of these.

use super::{LoadArgs, args::Protocol, http::Target};
use anyhow::Context;
use futures::{SinkExt, StreamExt};
use sentinel_model::{
    Scope, Time,
    live::{self, ClientFrame, LiveUnit, ServerFrame, Subscribe},
};
use serde::Deserialize;
use std::borrow::Cow;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message,
        client::IntoClientRequest,
        http::HeaderValue,
        protocol::{WebSocketConfig, frame::CloseFrame},
    },
};

/// Bytes read at once; a longer frame makes its buffer grow.
const READ_BUFFER_BYTES: usize = 4 * 1024;

pub struct Socket {
    stream: WebSocketStream<TcpStream>,
}

#[derive(Debug, Clone)]
pub struct SocketOptions {
    /// Streams go to one after the other.
    pub targets: Vec<Target>,
    pub secret: String,
    pub protocol: Protocol,
    pub interval_ms: u32,
}

impl SocketOptions {
    pub fn new(args: &LoadArgs, targets: &[Target], secret: &str) -> Self {
        Self {
            targets: targets.to_vec(),
            secret: secret.to_string(),
            protocol: args.protocol,
            interval_ms: args.interval_ms,
        }
    }
}

/// What came, as far as this tool looks into it.
pub enum Arrival {
    Frame(Message),
    /// The server ended the socket, or it broke: said in words that can be counted.
    Ended(String),
}

impl Socket {
    /// The `number`th socket of a run.
    pub async fn subscribe(options: &SocketOptions, number: usize, scope: Scope) -> anyhow::Result<Self> {
        let target = &options.targets[number % options.targets.len()];
        let (address, authority) = (target.address, &target.authority);
        let mut request = format!("ws://{authority}/api/v1/ws").into_client_request()?;
        let protocol = match options.protocol {
            Protocol::Json => live::SUBPROTOCOL_JSON,
            Protocol::Postcard => live::SUBPROTOCOL_POSTCARD,
        };
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", HeaderValue::from_static(protocol));
        let bearer = HeaderValue::from_str(&format!("Bearer {}", options.secret))?;
        headers.insert("authorization", bearer);
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES).write_buffer_size(0);
        let (stream, _) = client_async_with_config(request, stream, Some(config)).await.context(
            "the live socket was refused; with 429 start the server with --streams-per-credential off",
        )?;
        let mut socket = Self { stream };
        let ask = Subscribe { scope, interval_ms: Some(options.interval_ms), epoch: None, offset: None };
        socket.send(options.protocol, &ClientFrame::Subscribe(ask)).await?;
        Ok(socket)
    }

    async fn send(&mut self, protocol: Protocol, frame: &ClientFrame) -> anyhow::Result<()> {
        let message = match protocol {
            Protocol::Json => Message::text(live::to_json(frame)?),
            Protocol::Postcard => Message::binary(live::to_binary(frame)?),
        };
        self.stream.send(message).await.context("subscribing")
    }

    /// The next frame with content. Pings are answered on the way. Cancel-safe.
    pub async fn next(&mut self) -> Arrival {
        loop {
            match self.stream.next().await {
                Some(Ok(frame @ (Message::Text(_) | Message::Binary(_)))) => return Arrival::Frame(frame),
                Some(Ok(Message::Close(frame))) => return Arrival::Ended(closed(frame.as_ref())),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Arrival::Ended(format!("a live socket broke: {error}")),
                None => return Arrival::Ended("a live socket ended without a close".into()),
            }
        }
    }

    pub async fn close(mut self) {
        // The run is over; a server that is gone already is no news.
        let _ = self.stream.close(None).await;
    }
}

fn closed(frame: Option<&CloseFrame>) -> String {
    match frame {
        Some(frame) => {
            format!("the server closed a live socket: {} {}", u16::from(frame.code), frame.reason)
        }
        None => "the server closed a live socket without a code".into(),
    }
}

/// What a frame was, beyond the positions in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Snapshot,
    Positions,
    Event,
    Other,
}

/// Calls `each` with id and device time of every position in the frame.
pub fn read_frame(message: &Message, mut each: impl FnMut(&str, Time)) -> Result<Kind, String> {
    match message {
        Message::Text(text) => read_json(text.as_str(), each),
        Message::Binary(bytes) => {
            let frame = live::from_binary(bytes).map_err(|e| e.to_string())?;
            let mut tell = |unit: &LiveUnit| {
                if let Some(time) = unit.time {
                    each(unit.id.as_str(), time);
                }
            };
            Ok(match &frame {
                ServerFrame::Snapshot(s) => {
                    s.units.iter().for_each(tell);
                    Kind::Snapshot
                }
                ServerFrame::Positions(p) => {
                    p.units.iter().for_each(tell);
                    Kind::Positions
                }
                ServerFrame::Event(event) => {
                    if let live::Event::UnitJoined(joined) = event {
                        tell(&joined.unit);
                    }
                    Kind::Event
                }
                ServerFrame::Error(e) => {
                    return Err(format!("the server answered {}: {}", e.code, e.message));
                }
                ServerFrame::Pong(_) => Kind::Other,
            })
        }
        _ => Ok(Kind::Other),
    }
}

/// The two fields of a JSON frame's units that are looked at. Reading frames as the whole
/// model type costs several times as much, and the generator shares the machine.
#[derive(Deserialize)]
struct Glance<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    units: Vec<GlanceUnit<'a>>,
    #[serde(default, borrow)]
    unit: Option<GlanceUnit<'a>>,
    #[serde(default, borrow)]
    message: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct GlanceUnit<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    time: Option<Time>,
}

fn read_json(text: &str, mut each: impl FnMut(&str, Time)) -> Result<Kind, String> {
    let frame: Glance<'_> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    for unit in frame.units.iter().chain(frame.unit.iter()) {
        if let Some(time) = unit.time {
            each(&unit.id, time);
        }
    }
    match &*frame.kind {
        "snapshot" => Ok(Kind::Snapshot),
        "positions" => Ok(Kind::Positions),
        "event" => Ok(Kind::Event),
        "error" => Err(format!("the server answered: {}", frame.message.unwrap_or_default())),
        _ => Ok(Kind::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::{PatrolId, UnitStatus};

    #[test]
    fn both_encodings_tell_the_same_positions() {
        let unit = LiveUnit {
            id: "LOAD-1".parse().expect("an id"),
            patrol: PatrolId(1),
            station: Scope::station(5),
            lat: Some(9.9),
            lon: Some(76.2),
            speed_mps: None,
            heading_deg: Some(120.0),
            battery: None,
            status: UnitStatus::Available,
            time: Some(Time(1_795_226_400_123)),
        };
        let nowhere = LiveUnit { time: None, lat: None, lon: None, ..unit.clone() };
        let frames = [
            (ServerFrame::Positions(live::Positions { units: vec![unit.clone(), nowhere] }), Kind::Positions),
            (
                ServerFrame::Event(live::Event::UnitJoined(live::UnitJoined {
                    offset: 1,
                    at: Time(1),
                    unit,
                    name: "Car 1".into(),
                    unit_kind: "patrol_car".into(),
                })),
                Kind::Event,
            ),
        ];
        for (frame, kind) in frames {
            let json = Message::text(live::to_json(&frame).expect("encodes"));
            let binary = Message::binary(live::to_binary(&frame).expect("encodes"));
            for message in [json, binary] {
                let mut seen = Vec::new();
                let read = read_frame(&message, |id, time| seen.push((id.to_string(), time)));
                assert_eq!(read, Ok(kind));
                assert_eq!(seen, [("LOAD-1".to_string(), Time(1_795_226_400_123))]);
            }
        }
    }
}
