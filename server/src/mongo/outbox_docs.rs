//! How deliveries and their leases are written down.

use super::records::{RecordError, read_delivery};
use crate::ports::{NewDelivery, Queued};
use mongodb::bson::{Document, doc};
use sentinel_model::{Time, webhook::DeliveryState};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliveryDoc {
    #[serde(rename = "_id")]
    pub id: String,
    pub webhook: String,
    pub event: String,
    pub about: String,
    pub created_at: i64,
    pub body: String,
    pub state: String,
    pub due: i64,
    pub leased: bool,
    pub tries: i64,
    /// JSON.
    pub attempts: String,
}

/// That a delivery which was due then is somebody's until a time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LeaseDoc {
    #[serde(rename = "_id")]
    pub id: String,
    pub until: i64,
}

impl LeaseDoc {
    pub fn of(queued: &Queued, until: Time) -> Self {
        Self { id: format!("{} {}", queued.delivery.id, queued.due.ms()), until: until.ms() }
    }
}

impl DeliveryDoc {
    /// A new one, as a commit holds it.
    pub fn of_log(id: &str, body: &str) -> Result<Self, RecordError> {
        Self::of(Queued::new(read_delivery(id, body)?))
    }

    pub fn of(queued: Queued) -> Result<Self, RecordError> {
        let Queued { delivery, state, due, tries, attempts } = queued;
        let NewDelivery { id, webhook, event, about, created_at, body } = delivery;
        let state = match state {
            DeliveryState::Pending => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Failed => "failed",
        };
        Ok(Self {
            id,
            webhook,
            event: event.as_str().into(),
            about,
            created_at: created_at.ms(),
            body,
            state: state.into(),
            due: due.ms(),
            leased: false,
            tries: tries.into(),
            attempts: serde_json::to_string(&attempts).map_err(RecordError::Encode)?,
        })
    }

    /// What changes in the course of its tries.
    pub fn progress(self) -> Document {
        let Self { state, due, leased, tries, attempts, .. } = self;
        doc! { "state": state, "due": due, "leased": leased, "tries": tries, "attempts": attempts }
    }

    pub fn read(self) -> Result<Queued, RecordError> {
        let damaged = |source| RecordError::Body { id: self.id.clone(), source };
        let word = |text: &str| serde_json::Value::String(text.into());
        Ok(Queued {
            state: serde_json::from_value(word(&self.state)).map_err(damaged)?,
            due: Time(self.due),
            tries: u32::try_from(self.tries).unwrap_or(u32::MAX),
            attempts: serde_json::from_str(&self.attempts).map_err(damaged)?,
            delivery: NewDelivery {
                event: serde_json::from_value(word(&self.event)).map_err(damaged)?,
                webhook: self.webhook,
                about: self.about,
                created_at: Time(self.created_at),
                body: self.body,
                id: self.id,
            },
        })
    }
}
