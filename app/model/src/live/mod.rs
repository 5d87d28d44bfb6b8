//! The live protocol: what travels on `/api/v1/ws` and `/api/v1/stream`.
//!
//! A client subscribes to one scope and gets a [`Snapshot`], then [`Positions`]
//! (the latest per unit since the last frame) and [`Event`]s (ordered, numbered by
//! `offset`, never dropped). A client that comes back with the `epoch` and `offset`
//! it has seen gets the events it missed, or a new snapshot where they are gone.

mod event;

pub use event::{
    AlertEvent, Event, FenceEvent, IncidentEvent, OrderEvent, StatusChanged, UnitJoined, UnitLeft,
};

use crate::{PatrolId, Scope, Time, UnitId, UnitStatus, alerts::Alert, wire::wire_enum};
use serde::{Deserialize, Serialize};

/// WebSocket subprotocol of JSON text frames.
pub const SUBPROTOCOL_JSON: &str = "sentinel.v1.json";
/// WebSocket subprotocol of postcard binary frames.
pub const SUBPROTOCOL_POSTCARD: &str = "sentinel.v1.postcard";

/// Shortest time between two position frames to one subscriber, in milliseconds.
pub const INTERVAL_MIN_MS: u32 = 10;
/// Longest that a subscriber may ask for.
pub const INTERVAL_MAX_MS: u32 = 60_000;

/// Open alerts that a snapshot holds.
pub const SNAPSHOT_ALERTS: usize = 100;

wire_enum! {
    /// What the server sends.
    pub enum ServerFrame tagged "type" {
        Snapshot(Snapshot),
        Positions(Positions),
        Event(Event),
        Pong(Pong),
        Error(ErrorFrame),
    }
}

wire_enum! {
    /// What a subscriber sends.
    pub enum ClientFrame tagged "type" {
        Subscribe(Subscribe),
        Unsubscribe(Unsubscribe),
        Ping(Ping),
    }
}

/// A unit on patrol, as the map needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveUnit {
    pub id: UnitId,
    pub patrol: PatrolId,
    pub station: Scope,
    /// Degrees; none while the patrol has no position yet.
    pub lat: Option<f64>,
    pub lon: Option<f64>,
    pub speed_mps: Option<f32>,
    pub heading_deg: Option<f32>,
    pub battery: Option<f32>,
    pub status: UnitStatus,
    /// Device time of the position.
    pub time: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Snapshot {
    pub scope: Scope,
    /// Names this run of the event stream; offsets compare only within one.
    pub epoch: String,
    /// The last event that this snapshot already holds.
    pub offset: u64,
    pub units: Vec<LiveUnit>,
    /// The open ones, newest first, at most [`SNAPSHOT_ALERTS`].
    pub alerts: Vec<Alert>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Positions {
    pub units: Vec<LiveUnit>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pong {
    pub at: Time,
}

/// Why the server does not do what was asked; the socket may stay open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorFrame {
    pub code: String,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Subscribe {
    pub scope: Scope,
    #[serde(default)]
    pub interval_ms: Option<u32>,
    #[serde(default)]
    pub epoch: Option<String>,
    #[serde(default)]
    pub offset: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Unsubscribe {}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ping {}

/// Why a socket was closed, and whether to come back. Codes 4000 to 4099 say
/// "reconnect", 4100 and up say "do not, until something changes".
pub mod close {
    /// The server is going down or away; come back at once, with epoch and offset.
    pub const RESTART: u16 = 4000;
    /// The reader was too slow; come back.
    pub const TOO_SLOW: u16 = 4001;
    /// Nothing was heard from the client for too long; come back.
    pub const IDLE: u16 = 4002;
    /// The credential is gone or never was; sign in again.
    pub const UNAUTHORIZED: u16 = 4100;
    /// The scope is not the caller's to see.
    pub const FORBIDDEN: u16 = 4101;
    /// The client sent what is no frame of this protocol.
    pub const BAD_FRAME: u16 = 4102;
    /// What was followed is over: an order is closed.
    pub const OVER: u16 = 4103;

    pub const fn may_reconnect(code: u16) -> bool {
        code < 4100
    }
}

/// Version byte that begins every binary frame: counts up where what a frame held before is
/// written another way, such as with more fields. Variants that are added behind the others, or
/// fields behind the last of an event, leave older ones as they were.
pub const BINARY_VERSION: u8 = 2;

#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("the frame is empty")]
    Empty,
    #[error("the frame is of version {0}, this side speaks version {BINARY_VERSION}")]
    Version(u8),
    #[error("the frame does not decode: {0}")]
    Postcard(#[from] postcard::Error),
    #[error("the frame does not decode: {0}")]
    Json(#[from] serde_json::Error),
}

pub fn to_json<T: Serialize>(frame: &T) -> Result<String, FrameError> {
    Ok(serde_json::to_string(frame)?)
}

pub fn from_json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, FrameError> {
    Ok(serde_json::from_str(text)?)
}

/// Version byte, then postcard.
pub fn to_binary<T: Serialize>(frame: &T) -> Result<Vec<u8>, FrameError> {
    Ok(postcard::to_extend(frame, vec![BINARY_VERSION])?)
}

pub fn from_binary<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, FrameError> {
    match bytes.split_first() {
        None => Err(FrameError::Empty),
        Some((&BINARY_VERSION, rest)) => Ok(postcard::from_bytes(rest)?),
        Some((&other, _)) => Err(FrameError::Version(other)),
    }
}

#[cfg(test)]
mod tests;
