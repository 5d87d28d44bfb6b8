//! The live protocol: what travels on `/api/v1/ws` and `/api/v1/stream`.
//!
//! A client subscribes to one scope and gets a [`Snapshot`], then [`Positions`]
//! (the latest per unit since the last frame) and [`Event`]s (ordered, numbered by
//! `offset`, never dropped). A client that comes back with the `epoch` and `offset`
//! it has seen gets the events it missed, or a new snapshot where they are gone.

use crate::{
    PatrolId, Scope, Time, UnitId, UnitStatus, alerts::Alert, dispatch::Task, geofence::Geofence,
    wire::wire_enum,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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

wire_enum! {
    /// Something that happened in a scope, in order.
    pub enum Event tagged "kind" {
        UnitJoined(UnitJoined),
        UnitLeft(UnitLeft),
        Status(StatusChanged),
        Alert(AlertEvent),
        Incident(IncidentEvent),
        Order(OrderEvent),
        Fence(FenceEvent),
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnitJoined {
    pub offset: u64,
    pub at: Time,
    pub unit: LiveUnit,
    /// What the unit is called, so that a page which has never heard of it need not ask.
    pub name: String,
    pub unit_kind: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnitLeft {
    pub offset: u64,
    pub at: Time,
    pub id: UnitId,
    pub patrol: PatrolId,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusChanged {
    pub offset: u64,
    pub at: Time,
    pub id: UnitId,
    pub patrol: PatrolId,
    pub status: UnitStatus,
}

/// An alert as it is from now on: told when it is raised and again when somebody
/// acknowledges it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlertEvent {
    pub offset: u64,
    pub at: Time,
    pub alert: Box<Alert>,
}

/// An incident as it is from now on: told when it is made and at each step of it. One that has
/// more in its timeline is newer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IncidentEvent {
    pub offset: u64,
    pub at: Time,
    pub incident: Box<Task>,
}

/// The same of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderEvent {
    pub offset: u64,
    pub at: Time,
    pub order: Box<Task>,
}

/// A fence of Sentinel's own as it is from now on: told when it is made, changed or removed, to
/// every scope whose units it may concern and all above.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FenceEvent {
    pub offset: u64,
    pub at: Time,
    pub id: String,
    /// None where it is gone, or no longer concerns the scope.
    pub fence: Option<Box<Geofence>>,
}

impl Event {
    pub fn offset(&self) -> u64 {
        match self {
            Event::UnitJoined(e) => e.offset,
            Event::UnitLeft(e) => e.offset,
            Event::Status(e) => e.offset,
            Event::Alert(e) => e.offset,
            Event::Incident(e) => e.offset,
            Event::Order(e) => e.offset,
            Event::Fence(e) => e.offset,
        }
    }

    /// The same event at another place in a stream: each scope counts its own.
    pub fn with_offset(mut self, offset: u64) -> Self {
        match &mut self {
            Event::UnitJoined(e) => e.offset = offset,
            Event::UnitLeft(e) => e.offset = offset,
            Event::Status(e) => e.offset = offset,
            Event::Alert(e) => e.offset = offset,
            Event::Incident(e) => e.offset = offset,
            Event::Order(e) => e.offset = offset,
            Event::Fence(e) => e.offset = offset,
        }
        self
    }

    /// How the unit is by this event; none where it does not say.
    pub fn status(&self) -> Option<UnitStatus> {
        match self {
            Event::UnitJoined(e) => Some(e.unit.status),
            Event::UnitLeft(_) => Some(UnitStatus::OffDuty),
            Event::Status(e) => Some(e.status),
            Event::Alert(_) | Event::Incident(_) | Event::Order(_) | Event::Fence(_) => None,
        }
    }

    /// Whose event it is; none of a task or a fence, which may concern many.
    pub fn unit(&self) -> Option<&UnitId> {
        match self {
            Event::UnitJoined(e) => Some(&e.unit.id),
            Event::UnitLeft(e) => Some(&e.id),
            Event::Status(e) => Some(&e.id),
            Event::Alert(e) => Some(&e.alert.unit_id),
            Event::Incident(_) | Event::Order(_) | Event::Fence(_) => None,
        }
    }

    /// The incident or order that it tells of.
    pub fn task(&self) -> Option<&Task> {
        match self {
            Event::Incident(e) => Some(&e.incident),
            Event::Order(e) => Some(&e.order),
            _ => None,
        }
    }

    /// Whether it is of one of these units, or of a task that one was assigned to.
    pub fn concerns(&self, units: &BTreeSet<UnitId>) -> bool {
        let assigned = self.task().into_iter().flat_map(|task| &task.assignments);
        self.unit()
            .into_iter()
            .chain(assigned.map(|assigned| &assigned.unit_id))
            .any(|unit| units.contains(unit))
    }

    /// What [`Event::kind`] may be.
    pub const KINDS: [&str; 7] =
        ["unit_joined", "unit_left", "status", "alert", "incident", "order", "fence"];

    /// As JSON says it.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::UnitJoined(_) => "unit_joined",
            Event::UnitLeft(_) => "unit_left",
            Event::Status(_) => "status",
            Event::Alert(_) => "alert",
            Event::Incident(_) => "incident",
            Event::Order(_) => "order",
            Event::Fence(_) => "fence",
        }
    }

    /// None where the unit is on none.
    pub fn patrol(&self) -> Option<PatrolId> {
        match self {
            Event::UnitJoined(e) => Some(e.unit.patrol),
            Event::UnitLeft(e) => Some(e.patrol),
            Event::Status(e) => Some(e.patrol),
            Event::Alert(e) => e.alert.patrol_id,
            Event::Incident(_) | Event::Order(_) | Event::Fence(_) => None,
        }
    }
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
mod tests {
    use super::*;
    use crate::{
        Level,
        alerts::{Acknowledgement, AlertKind, AlertPlace, Escalation},
        geofence::{Circle, FenceRules, Shape},
    };

    fn unit() -> LiveUnit {
        LiveUnit {
            id: "PC-001".parse().expect("a good id"),
            patrol: PatrolId(7),
            station: Scope::station(5),
            lat: Some(9.9312),
            lon: Some(76.2673),
            speed_mps: Some(8.2),
            heading_deg: None,
            battery: Some(0.5),
            status: UnitStatus::OnTask,
            time: Some(Time(1_795_226_400_123)),
        }
    }

    fn alert() -> Alert {
        Alert {
            id: "a1".into(),
            kind: AlertKind::Sos,
            unit_id: unit().id,
            unit_name: "Car 1".into(),
            patrol_id: None,
            station: Scope::station(5),
            at: Time(7),
            time: Time(6),
            place: Some(AlertPlace { latitude: 9.5, longitude: 76.25, time: Time(6) }),
            fence: None,
            acknowledged: Some(Acknowledgement {
                at: Time(8),
                by: "user:chief5".into(),
                name: "Chief".into(),
                note: String::new(),
            }),
            fence_id: None,
            escalated: vec![Escalation { at: Time(9), to: Scope::new(Level::Division, 2) }],
        }
    }

    fn fence() -> Geofence {
        Geofence {
            id: "fence-1".into(),
            name: "Depot".into(),
            scope: Scope::station(5),
            shape: Shape::Circle(Circle { latitude: 9.5, longitude: 76.25, radius_m: 150.0 }),
            on: FenceRules { enter: true, silent: true, ..FenceRules::default() },
            enabled: true,
            created_at: Time(7),
            updated_at: Time(8),
            created_by: "user:chief5".into(),
        }
    }

    fn frames() -> Vec<ServerFrame> {
        vec![
            ServerFrame::Snapshot(Snapshot {
                scope: Scope::station(5),
                epoch: "e".into(),
                offset: 3,
                units: vec![unit()],
                alerts: vec![alert()],
            }),
            ServerFrame::Positions(Positions { units: vec![unit(), unit()] }),
            ServerFrame::Event(Event::UnitJoined(UnitJoined {
                offset: 4,
                at: Time(5),
                unit: unit(),
                name: "Car 1".into(),
                unit_kind: "patrol_car".into(),
            })),
            ServerFrame::Event(Event::Status(StatusChanged {
                offset: 5,
                at: Time(6),
                id: unit().id,
                patrol: PatrolId(7),
                status: UnitStatus::Stale,
            })),
            ServerFrame::Event(Event::Alert(AlertEvent { offset: 6, at: Time(7), alert: Box::new(alert()) })),
            ServerFrame::Event(Event::Fence(FenceEvent {
                offset: 7,
                at: Time(8),
                id: "fence-1".into(),
                fence: Some(Box::new(fence())),
            })),
            ServerFrame::Event(Event::Fence(FenceEvent {
                offset: 8,
                at: Time(9),
                id: "fence-1".into(),
                fence: None,
            })),
            ServerFrame::Pong(Pong::default()),
        ]
    }

    #[test]
    fn every_frame_survives_both_encodings() {
        for frame in frames() {
            let json = to_json(&frame).expect("encodes");
            assert_eq!(from_json::<ServerFrame>(&json).expect("decodes"), frame, "{json}");
            let binary = to_binary(&frame).expect("encodes");
            assert_eq!(from_binary::<ServerFrame>(&binary).expect("decodes"), frame);
        }
    }

    #[test]
    fn json_frames_say_type_and_kind() {
        let joined = to_json(&frames()[2]).expect("encodes");
        assert!(joined.starts_with(r#"{"type":"event","kind":"unit_joined","offset":4,"#), "{joined}");
        let alert = to_json(&frames()[4]).expect("encodes");
        assert!(
            alert.starts_with(r#"{"type":"event","kind":"alert","offset":6,"#)
                && alert.contains(r#""alert":{"id":"a1","kind":"sos","unit_id":"PC-001","unit_name":"Car 1","patrol_id":null,"station":"station:5""#),
            "{alert}"
        );
        let text = r#"{"type":"subscribe","scope":"zone:3"}"#;
        assert!(
            matches!(from_json::<ClientFrame>(text), Ok(ClientFrame::Subscribe(s)) if s.interval_ms.is_none())
        );
        assert!(matches!(from_json::<ClientFrame>(r#"{"type":"ping"}"#), Ok(ClientFrame::Ping(_))));
        assert!(matches!(
            from_json::<ClientFrame>(r#"{"type":"unsubscribe"}"#),
            Ok(ClientFrame::Unsubscribe(_))
        ));
    }

    #[test]
    fn an_event_s_kind_is_what_its_json_says() {
        for frame in frames() {
            let ServerFrame::Event(event) = &frame else { continue };
            let json: serde_json::Value = from_json(&to_json(&frame).expect("encodes")).expect("is JSON");
            assert_eq!(json["kind"], event.kind());
            assert!(Event::KINDS.contains(&event.kind()));
        }
    }

    #[test]
    fn a_frame_of_another_version_is_refused_not_misread() {
        assert!(matches!(from_binary::<ServerFrame>(&[9, 0]), Err(FrameError::Version(9))));
        assert!(matches!(from_binary::<ServerFrame>(&[]), Err(FrameError::Empty)));
    }
}
