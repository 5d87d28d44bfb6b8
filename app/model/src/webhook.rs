//! Webhook endpoints, what is sent to them, and the log of that.

use crate::{Scope, Time, UnitId, alerts::AlertKind};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// What an endpoint can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WebhookEvent {
    PatrolStarted,
    PatrolEnded,
    UnitStale,
    UnitOffline,
    /// Heard of again.
    UnitAvailable,
    AlertSos,
    AlertEnter,
    AlertExit,
    AlertDwell,
    AlertOverspeed,
    AlertStale,
    AlertOffline,
    AlertLowBattery,
    /// Nobody has taken one, and it has gone up a level.
    AlertEscalated,
    /// A step was taken in an incident: it was made, a unit was sent or came, it was closed.
    IncidentChanged,
    /// The same of an order.
    OrderChanged,
    /// Asked for by hand, to try an endpoint; sent to that one whatever it wants.
    Ping,
}

impl WebhookEvent {
    /// Those that an endpoint can ask for.
    pub const OFFERED: [WebhookEvent; 16] = [
        WebhookEvent::PatrolStarted,
        WebhookEvent::PatrolEnded,
        WebhookEvent::UnitStale,
        WebhookEvent::UnitOffline,
        WebhookEvent::UnitAvailable,
        WebhookEvent::AlertSos,
        WebhookEvent::AlertEnter,
        WebhookEvent::AlertExit,
        WebhookEvent::AlertDwell,
        WebhookEvent::AlertOverspeed,
        WebhookEvent::AlertStale,
        WebhookEvent::AlertOffline,
        WebhookEvent::AlertLowBattery,
        WebhookEvent::AlertEscalated,
        WebhookEvent::IncidentChanged,
        WebhookEvent::OrderChanged,
    ];

    /// What tells of an alert.
    pub fn of_alert(kind: AlertKind) -> Self {
        match kind {
            AlertKind::Sos => WebhookEvent::AlertSos,
            AlertKind::Enter => WebhookEvent::AlertEnter,
            AlertKind::Exit => WebhookEvent::AlertExit,
            AlertKind::Dwell => WebhookEvent::AlertDwell,
            AlertKind::Overspeed => WebhookEvent::AlertOverspeed,
            AlertKind::Stale => WebhookEvent::AlertStale,
            AlertKind::Offline => WebhookEvent::AlertOffline,
            AlertKind::LowBattery => WebhookEvent::AlertLowBattery,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            WebhookEvent::PatrolStarted => "patrol.started",
            WebhookEvent::PatrolEnded => "patrol.ended",
            WebhookEvent::UnitStale => "unit.stale",
            WebhookEvent::UnitOffline => "unit.offline",
            WebhookEvent::UnitAvailable => "unit.available",
            WebhookEvent::AlertSos => "alert.sos",
            WebhookEvent::AlertEnter => "alert.enter",
            WebhookEvent::AlertExit => "alert.exit",
            WebhookEvent::AlertDwell => "alert.dwell",
            WebhookEvent::AlertOverspeed => "alert.overspeed",
            WebhookEvent::AlertStale => "alert.stale",
            WebhookEvent::AlertOffline => "alert.offline",
            WebhookEvent::AlertLowBattery => "alert.low_battery",
            WebhookEvent::AlertEscalated => "alert.escalated",
            WebhookEvent::IncidentChanged => "incident.changed",
            WebhookEvent::OrderChanged => "order.changed",
            WebhookEvent::Ping => "ping",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookEventError {
    #[error("{0:?} is no event of webhooks; there are {offered}, or \"*\" for all", offered = offered())]
    Unknown(String),
    #[error("a webhook needs at least one event: {offered}, or \"*\" for all", offered = offered())]
    None,
    #[error("\"*\" stands for all events: give it alone")]
    AllAndMore,
}

fn offered() -> String {
    WebhookEvent::OFFERED.map(WebhookEvent::as_str).join(", ")
}

impl FromStr for WebhookEvent {
    type Err = WebhookEventError;
    fn from_str(text: &str) -> Result<Self, WebhookEventError> {
        let mut known = WebhookEvent::OFFERED.into_iter().chain([WebhookEvent::Ping]);
        let unknown = || WebhookEventError::Unknown(text.chars().take(64).collect());
        known.find(|event| event.as_str() == text).ok_or_else(unknown)
    }
}

impl fmt::Display for WebhookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for WebhookEvent {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for WebhookEvent {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// The events that an endpoint wants: some, or `["*"]` for all there are and will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub enum WantedEvents {
    All,
    /// Each once.
    Some(Vec<WebhookEvent>),
}

impl WantedEvents {
    pub fn has(&self, event: WebhookEvent) -> bool {
        match self {
            WantedEvents::All => true,
            WantedEvents::Some(events) => events.contains(&event),
        }
    }
}

impl TryFrom<Vec<String>> for WantedEvents {
    type Error = WebhookEventError;
    fn try_from(names: Vec<String>) -> Result<Self, WebhookEventError> {
        if names.iter().any(|name| name == "*") {
            return if names.len() == 1 { Ok(Self::All) } else { Err(WebhookEventError::AllAndMore) };
        }
        let mut events = Vec::new();
        for name in names {
            let event = name.parse()?;
            if event == WebhookEvent::Ping {
                return Err(WebhookEventError::Unknown(name));
            }
            if !events.contains(&event) {
                events.push(event);
            }
        }
        if events.is_empty() { Err(WebhookEventError::None) } else { Ok(Self::Some(events)) }
    }
}

impl From<WantedEvents> for Vec<String> {
    fn from(wanted: WantedEvents) -> Self {
        match wanted {
            WantedEvents::All => vec!["*".into()],
            WantedEvents::Some(events) => events.iter().map(ToString::to_string).collect(),
        }
    }
}

/// An endpoint as lists show it; its secret is shown once, when it is made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Webhook {
    pub id: String,
    pub name: String,
    pub url: String,
    pub scope: Scope,
    pub events: WantedEvents,
    pub enabled: bool,
    /// Why it is not enabled, where Sentinel has switched it off.
    pub disabled_because: Option<String>,
    /// Since when it has answered nothing well, where that is so; tried seldom meanwhile.
    pub failing_since: Option<Time>,
    pub created_at: Time,
}

/// The body that makes an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewWebhook {
    pub name: String,
    pub url: String,
    pub scope: Scope,
    pub events: WantedEvents,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewWebhookAnswer {
    pub id: String,
    pub name: String,
    pub url: String,
    pub scope: Scope,
    pub events: WantedEvents,
    pub enabled: bool,
    pub created_at: Time,
    /// `whsec_` and base64, as the Standard Webhooks specification has it.
    pub secret: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewSecretAnswer {
    pub secret: String,
    /// Until then what is sent is signed with the secret before, too.
    pub previous_until: Time,
}

/// The body that changes an endpoint; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookPatch {
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    pub events: Option<WantedEvents>,
    #[serde(default)]
    pub enabled: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be tried, for the first time or again.
    Pending,
    Delivered,
    /// Given up; it can be sent again by hand.
    Failed,
}

/// One event on its way to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Delivery {
    /// The same with every try: the header `webhook-id`.
    pub id: String,
    pub event: WebhookEvent,
    /// Of which unit it tells; none of a `ping`, or of an incident or order.
    pub unit_id: Option<UnitId>,
    /// What is sent, to the letter.
    pub body: String,
    pub created_at: Time,
    pub state: DeliveryState,
    /// Oldest first; of many the last.
    pub attempts: Vec<DeliveryAttempt>,
    /// While it is pending. Where the endpoint is failing, when that is tried next: by this
    /// delivery or by one that waits longer.
    pub next_attempt_at: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeliveryAttempt {
    pub at: Time,
    /// What the endpoint answered, where it did.
    pub status: Option<u16>,
    /// Why it counts as failed; none where it was delivered.
    pub error: Option<String>,
    pub duration_ms: u32,
    /// The beginning of what the endpoint answered.
    pub response: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(names: &[&str]) -> Result<WantedEvents, WebhookEventError> {
        names.iter().map(ToString::to_string).collect::<Vec<_>>().try_into()
    }

    #[test]
    fn every_event_reads_as_it_is_written() {
        for event in WebhookEvent::OFFERED {
            assert_eq!(event.as_str().parse(), Ok(event));
            assert_eq!(wanted(&[event.as_str()]), Ok(WantedEvents::Some(vec![event])));
        }
    }

    #[test]
    fn wanted_are_all_or_some_that_there_are() {
        assert_eq!(wanted(&["*"]), Ok(WantedEvents::All));
        let twice = wanted(&["unit.stale", "alert.sos", "unit.stale"]).expect("they are events");
        assert_eq!(Vec::from(twice), ["unit.stale", "alert.sos"]);
        assert_eq!(wanted(&[]), Err(WebhookEventError::None));
        assert_eq!(wanted(&["*", "unit.stale"]), Err(WebhookEventError::AllAndMore));
        for none in ["patrol.begun", "ping", ""] {
            let said = wanted(&[none]).expect_err(none).to_string();
            assert!(said.contains("patrol.started") && said.contains("\"*\""), "{said}");
        }
    }
}
