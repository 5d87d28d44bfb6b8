//! Encoding once. Units and events are encoded at most once per form, when the
//! first subscriber of that form needs them; frames are joined from those pieces.
//!
//! Server-sent events are the JSON form with a head of lines: the frame's type as the
//! event's name, and where it stands in its stream as the id, which a browser that comes
//! back sends as `Last-Event-ID`.

use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use sentinel_model::{
    Scope, Time,
    alerts::Alert,
    live::{self, BINARY_VERSION, Event, LiveUnit, ServerFrame},
};
use std::sync::{Arc, OnceLock};

/// The forms of the live protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    Json,
    Postcard,
    /// JSON in a message of a `text/event-stream`.
    Sse,
}

/// A frame ready to send, cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Text(Utf8Bytes),
    Binary(Bytes),
}

impl Frame {
    /// Encodes a frame that is sent to one subscriber only.
    pub fn encode(encoding: Encoding, frame: &ServerFrame) -> Frame {
        match encoding {
            Encoding::Json => Frame::text(live::to_json(frame).expect("frames always encode").into_bytes()),
            Encoding::Postcard => Frame::Binary(live::to_binary(frame).expect("frames always encode").into()),
            Encoding::Sse => {
                let mut out = sse_head(kind(frame), None);
                out.extend_from_slice(live::to_json(frame).expect("frames always encode").as_bytes());
                Frame::message(out)
            }
        }
    }

    /// A message of an event stream, whose end is an empty line.
    fn message(mut out: Vec<u8>) -> Frame {
        out.extend_from_slice(b"\n\n");
        Frame::text(out)
    }

    fn text(json: Vec<u8>) -> Frame {
        Frame::Text(Bytes::from(json).try_into().expect("JSON is UTF-8"))
    }
}

/// A unit in both forms; JSON is made from postcard when first asked for.
#[derive(Debug)]
pub struct EncodedUnit {
    pub time: Option<Time>,
    postcard: Bytes,
    json: OnceLock<Bytes>,
}

impl EncodedUnit {
    pub fn of(unit: &LiveUnit) -> Self {
        Self::from_postcard(unit.time, postcard_of(unit))
    }

    pub fn from_postcard(time: Option<Time>, postcard: Bytes) -> Self {
        Self { time, postcard, json: OnceLock::new() }
    }

    /// A unit's id is what its bytes begin with. None where they do not read.
    pub fn id(&self) -> Option<&str> {
        postcard::take_from_bytes::<&str>(&self.postcard).ok().map(|(id, _)| id)
    }

    /// None where the bytes are of another version of the program.
    pub fn decode(&self) -> Option<LiveUnit> {
        postcard::from_bytes(&self.postcard).ok()
    }

    fn json(&self) -> &Bytes {
        self.json.get_or_init(|| {
            self.decode().and_then(|unit| serde_json::to_vec(&unit).ok()).map_or_else(Bytes::new, Into::into)
        })
    }
}

pub fn postcard_of(unit: &LiveUnit) -> Bytes {
    postcard::to_extend(unit, Vec::with_capacity(80)).expect("a unit always encodes").into()
}

/// `positions`, joined from units that are encoded already.
pub fn positions<'a>(encoding: Encoding, units: impl ExactSizeIterator<Item = &'a EncodedUnit>) -> Frame {
    match encoding {
        Encoding::Json => {
            let mut out = Vec::with_capacity(40 + units.len() * 180);
            positions_json(units, &mut out);
            Frame::text(out)
        }
        Encoding::Sse => {
            let mut out = sse_head("positions", None);
            out.reserve(40 + units.len() * 180);
            positions_json(units, &mut out);
            Frame::message(out)
        }
        Encoding::Postcard => {
            // A frame's binary form is version, variant, payload; a list is its length, then its items.
            let mut out = vec![BINARY_VERSION, POSITIONS_VARIANT];
            join_postcard(units, &mut out);
            Frame::Binary(out.into())
        }
    }
}

/// `snapshot`, joined likewise.
pub fn snapshot<'a>(
    encoding: Encoding,
    scope: Scope,
    epoch: &str,
    offset: u64,
    units: impl ExactSizeIterator<Item = &'a EncodedUnit>,
    alerts: &[Alert],
) -> Frame {
    match encoding {
        Encoding::Json => {
            let mut out = Vec::with_capacity(120 + units.len() * 180);
            snapshot_json(scope, epoch, offset, units, alerts, &mut out);
            Frame::text(out)
        }
        Encoding::Sse => {
            let mut out = sse_head("snapshot", Some((scope, epoch, offset)));
            out.reserve(120 + units.len() * 180);
            snapshot_json(scope, epoch, offset, units, alerts, &mut out);
            Frame::message(out)
        }
        Encoding::Postcard => {
            let mut out = vec![BINARY_VERSION, SNAPSHOT_VARIANT];
            out = postcard::to_extend(&(scope, epoch, offset), out).expect("a head always encodes");
            join_postcard(units, &mut out);
            out = postcard::to_extend(alerts, out).expect("alerts always encode");
            Frame::Binary(out.into())
        }
    }
}

/// The lines of a message before its JSON, which is one line.
fn sse_head(kind: &str, id: Option<(Scope, &str, u64)>) -> Vec<u8> {
    let id = id.map(|(scope, epoch, offset)| format!("id: {scope}/{epoch}:{offset}\n")).unwrap_or_default();
    format!("event: {kind}\n{id}data: ").into_bytes()
}

fn kind(frame: &ServerFrame) -> &'static str {
    match frame {
        ServerFrame::Snapshot(_) => "snapshot",
        ServerFrame::Positions(_) => "positions",
        ServerFrame::Event(_) => "event",
        ServerFrame::Pong(_) => "pong",
        ServerFrame::Error(_) => "error",
    }
}

fn positions_json<'a>(units: impl Iterator<Item = &'a EncodedUnit>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"type":"positions","units":["#);
    join_json(units, out);
    out.extend_from_slice(b"]}");
}

fn snapshot_json<'a>(
    scope: Scope,
    epoch: &str,
    offset: u64,
    units: impl Iterator<Item = &'a EncodedUnit>,
    alerts: &[Alert],
    out: &mut Vec<u8>,
) {
    let head =
        format!(r#"{{"type":"snapshot","scope":"{scope}","epoch":"{epoch}","offset":{offset},"units":["#);
    out.extend_from_slice(head.as_bytes());
    join_json(units, out);
    out.extend_from_slice(br#"],"alerts":"#);
    serde_json::to_writer(&mut *out, alerts).expect("alerts always encode");
    out.push(b'}');
}

const SNAPSHOT_VARIANT: u8 = 0;
const POSITIONS_VARIANT: u8 = 1;

fn join_json<'a>(units: impl Iterator<Item = &'a EncodedUnit>, out: &mut Vec<u8>) {
    let mut first = true;
    for json in units.map(EncodedUnit::json).filter(|json| !json.is_empty()) {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.extend_from_slice(json);
    }
}

fn join_postcard<'a>(units: impl ExactSizeIterator<Item = &'a EncodedUnit>, out: &mut Vec<u8>) {
    *out = postcard::to_extend(&units.len(), std::mem::take(out)).expect("a length always encodes");
    for unit in units {
        out.extend_from_slice(&unit.postcard);
    }
}

/// An event of one scope's stream, in every form.
#[derive(Debug)]
pub struct EncodedEvent {
    scope: Scope,
    epoch: Arc<str>,
    pub event: Arc<Event>,
    json: OnceLock<Frame>,
    postcard: OnceLock<Frame>,
    sse: OnceLock<Frame>,
}

impl EncodedEvent {
    pub fn of(scope: Scope, epoch: Arc<str>, event: Arc<Event>) -> Self {
        let (json, postcard, sse) = Default::default();
        Self { scope, epoch, event, json, postcard, sse }
    }

    pub fn frame(&self, encoding: Encoding) -> Frame {
        let cell = match encoding {
            Encoding::Json => &self.json,
            Encoding::Postcard => &self.postcard,
            Encoding::Sse => &self.sse,
        };
        cell.get_or_init(|| self.encode(encoding)).clone()
    }

    fn encode(&self, encoding: Encoding) -> Frame {
        let frame = ServerFrame::Event((*self.event).clone());
        if encoding != Encoding::Sse {
            return Frame::encode(encoding, &frame);
        }
        let mut out = sse_head(kind(&frame), Some((self.scope, &self.epoch, self.event.offset())));
        out.extend_from_slice(live::to_json(&frame).expect("frames always encode").as_bytes());
        Frame::message(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::{
        PatrolId, UnitStatus,
        alerts::{AlertKind, AlertPlace},
        live::{Positions, Snapshot},
    };

    fn units(n: u64) -> Vec<LiveUnit> {
        (0..n)
            .map(|i| LiveUnit {
                id: format!("PC-{i}").parse().expect("a good id"),
                patrol: PatrolId(i),
                station: Scope::station(5),
                lat: (i % 2 == 0).then_some(9.5),
                lon: Some(-76.25),
                speed_mps: Some(3.5),
                heading_deg: None,
                battery: None,
                status: UnitStatus::Stale,
                time: Some(Time(1_795_226_400_000 + i64::try_from(i).unwrap_or(0))),
            })
            .collect()
    }

    fn alerts() -> Vec<Alert> {
        let alert = |id: &str, place| Alert {
            id: id.into(),
            kind: AlertKind::Exit,
            unit_id: "PC-1".parse().expect("a good id"),
            unit_name: "Car 1".into(),
            patrol_id: Some(PatrolId(1)),
            station: Scope::station(5),
            at: Time(9),
            time: Time(8),
            place,
            fence: Some("depot".into()),
            acknowledged: None,
            fence_id: None,
            escalated: Vec::new(),
        };
        let place = AlertPlace { latitude: 9.5, longitude: 76.25, time: Time(7) };
        vec![alert("a1", None), alert("a2", Some(place))]
    }

    fn decoded(frame: &Frame) -> ServerFrame {
        match frame {
            Frame::Text(text) => live::from_json(text).expect("decodes"),
            Frame::Binary(bytes) => live::from_binary(bytes).expect("decodes"),
        }
    }

    #[test]
    fn a_message_of_an_event_stream_is_its_json_under_its_name_and_place() {
        let units = units(2);
        let encoded: Vec<EncodedUnit> = units.iter().map(EncodedUnit::of).collect();
        let positions = ServerFrame::Positions(Positions { units: units.clone() });
        let json = live::to_json(&positions).expect("encodes");
        let message = Frame::Text(format!("event: positions\ndata: {json}\n\n").into());
        assert_eq!(super::positions(Encoding::Sse, encoded.iter()), message);
        assert_eq!(Frame::encode(Encoding::Sse, &positions), message);
        let (scope, epoch) = (Scope::station(5), "abc".to_owned());
        let snapshot = ServerFrame::Snapshot(Snapshot { scope, epoch, offset: 300, units, alerts: alerts() });
        let json = live::to_json(&snapshot).expect("encodes");
        let message = format!("event: snapshot\nid: station:5/abc:300\ndata: {json}\n\n");
        let joined = super::snapshot(Encoding::Sse, scope, "abc", 300, encoded.iter(), &alerts());
        assert_eq!(joined, Frame::Text(message.into()));
    }

    #[test]
    fn a_unit_s_id_is_read_without_the_rest() {
        for unit in units(3) {
            assert_eq!(EncodedUnit::of(&unit).id(), Some(unit.id.as_str()));
        }
    }

    #[test]
    fn joined_frames_read_as_the_same_frames_encoded_whole() {
        for n in [0, 1, 2, 300] {
            let units = units(n);
            let encoded: Vec<EncodedUnit> = units.iter().map(EncodedUnit::of).collect();
            for encoding in [Encoding::Json, Encoding::Postcard] {
                let positions = ServerFrame::Positions(Positions { units: units.clone() });
                assert_eq!(decoded(&super::positions(encoding, encoded.iter())), positions);
                assert_eq!(super::positions(encoding, encoded.iter()), Frame::encode(encoding, &positions));
                let snapshot = ServerFrame::Snapshot(Snapshot {
                    scope: Scope::station(5),
                    epoch: "abc".into(),
                    offset: 300,
                    units: units.clone(),
                    alerts: alerts(),
                });
                let joined =
                    super::snapshot(encoding, Scope::station(5), "abc", 300, encoded.iter(), &alerts());
                assert_eq!(joined, Frame::encode(encoding, &snapshot));
            }
        }
    }
}
