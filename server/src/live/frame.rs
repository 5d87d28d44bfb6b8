//! Encoding once. Units and events are encoded at most once per form, when the
//! first subscriber of that form needs them; frames are joined from those pieces.

use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use sentinel_model::{
    Scope, Time,
    live::{self, BINARY_VERSION, Event, LiveUnit, ServerFrame},
};
use std::sync::{Arc, OnceLock};

/// The two forms of the live protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    Json,
    Postcard,
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
        }
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
            out.extend_from_slice(br#"{"type":"positions","units":["#);
            join_json(units, &mut out);
            out.extend_from_slice(b"]}");
            Frame::text(out)
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
) -> Frame {
    match encoding {
        Encoding::Json => {
            let mut out = Vec::with_capacity(120 + units.len() * 180);
            let head = format!(
                r#"{{"type":"snapshot","scope":"{scope}","epoch":"{epoch}","offset":{offset},"units":["#
            );
            out.extend_from_slice(head.as_bytes());
            join_json(units, &mut out);
            out.extend_from_slice(b"]}");
            Frame::text(out)
        }
        Encoding::Postcard => {
            let mut out = vec![BINARY_VERSION, SNAPSHOT_VARIANT];
            out = postcard::to_extend(&(scope, epoch, offset), out).expect("a head always encodes");
            join_postcard(units, &mut out);
            Frame::Binary(out.into())
        }
    }
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

/// An event of one scope's stream, in both forms.
#[derive(Debug)]
pub struct EncodedEvent {
    pub event: Arc<Event>,
    json: OnceLock<Frame>,
    postcard: OnceLock<Frame>,
}

impl EncodedEvent {
    pub fn of(event: Arc<Event>) -> Self {
        Self { event, json: OnceLock::new(), postcard: OnceLock::new() }
    }

    pub fn frame(&self, encoding: Encoding) -> Frame {
        let cell = match encoding {
            Encoding::Json => &self.json,
            Encoding::Postcard => &self.postcard,
        };
        cell.get_or_init(|| Frame::encode(encoding, &ServerFrame::Event((*self.event).clone()))).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::{
        PatrolId, UnitStatus,
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

    fn decoded(frame: &Frame) -> ServerFrame {
        match frame {
            Frame::Text(text) => live::from_json(text).expect("decodes"),
            Frame::Binary(bytes) => live::from_binary(bytes).expect("decodes"),
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
                });
                let joined = super::snapshot(encoding, Scope::station(5), "abc", 300, encoded.iter());
                assert_eq!(joined, Frame::encode(encoding, &snapshot));
            }
        }
    }
}
