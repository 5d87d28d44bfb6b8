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
    /// The unit came into a fence, its device's own or one of Sentinel's.
    Enter,
    /// It left one.
    Exit,
    /// It stays in one.
    Dwell,
    /// Faster than its scope or a fence that it is in lets it be.
    Overspeed,
    /// Nothing was heard of it for a while.
    Stale,
    /// … for longer.
    Offline,
    /// Its device's battery is nearly empty.
    LowBattery,
}

impl AlertKind {
    pub const ALL: [AlertKind; 8] = [
        AlertKind::Sos,
        AlertKind::Enter,
        AlertKind::Exit,
        AlertKind::Dwell,
        AlertKind::Overspeed,
        AlertKind::Stale,
        AlertKind::Offline,
        AlertKind::LowBattery,
    ];

    /// As JSON and addresses say it.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertKind::Sos => "sos",
            AlertKind::Enter => "enter",
            AlertKind::Exit => "exit",
            AlertKind::Dwell => "dwell",
            AlertKind::Overspeed => "overspeed",
            AlertKind::Stale => "stale",
            AlertKind::Offline => "offline",
            AlertKind::LowBattery => "low_battery",
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
    /// The fence's name: the device's for one of its own.
    pub fence: Option<String>,
    /// None while it is open.
    pub acknowledged: Option<Acknowledgement>,
    /// Which fence of Sentinel's own; none of a device's.
    #[serde(default)]
    pub fence_id: Option<String>,
    /// To whom it was passed on because nobody took it, oldest first.
    #[serde(default)]
    pub escalated: Vec<Escalation>,
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

/// An alert was passed on, as nobody had taken it in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Escalation {
    pub at: Time,
    /// Whose people are asked to take it.
    pub to: Scope,
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
