//! Alerts: what asks for somebody's attention until somebody says that it has it.

use crate::{PatrolId, Scope, Time, UnitId};
use serde::{Deserialize, Serialize};

/// The longest note that an acknowledgement takes, in characters.
pub const NOTE_MAX: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// Somebody in the unit asked for help.
    Sos,
    /// A device says that it came into a fence of its own.
    Enter,
    /// … that it left one.
    Exit,
    /// … that it stays in one.
    Dwell,
}

impl AlertKind {
    pub const ALL: [AlertKind; 4] = [AlertKind::Sos, AlertKind::Enter, AlertKind::Exit, AlertKind::Dwell];

    /// As JSON and addresses say it.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertKind::Sos => "sos",
            AlertKind::Enter => "enter",
            AlertKind::Exit => "exit",
            AlertKind::Dwell => "dwell",
        }
    }
}

/// One alert, as lists, streams and webhooks show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alert {
    /// The same wherever and however often this alert is told.
    pub id: String,
    pub kind: AlertKind,
    pub unit_id: UnitId,
    pub unit_name: String,
    /// None where the unit was off duty.
    pub patrol_id: Option<PatrolId>,
    /// Where the unit belonged when it was raised: who sees this scope sees the alert.
    pub station: Scope,
    /// When it was raised, by the server's clock.
    pub at: Time,
    /// The device's clock; a device without a network may call long before it is heard.
    pub time: Time,
    /// Where the unit was, or was last known to be; none where no place was ever known.
    pub place: Option<AlertPlace>,
    /// The fence, by the device's name for it.
    pub fence: Option<String>,
    /// None while it is open.
    pub acknowledged: Option<Acknowledgement>,
}

impl Alert {
    pub fn is_open(&self) -> bool {
        self.acknowledged.is_none()
    }
}

/// A place, degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlertPlace {
    pub latitude: f64,
    pub longitude: f64,
    /// When the unit was there: before the alert's own time where it could not say where it is.
    pub time: Time,
}

/// Who took an alert upon themselves. The first to do so stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Acknowledgement {
    pub at: Time,
    /// `user:chief5` or `key:1f…`.
    pub by: String,
    /// The person's or key's name.
    pub name: String,
    /// Empty where nothing was said.
    pub note: String,
}
