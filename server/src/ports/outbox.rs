use super::EngineError;
use async_trait::async_trait;
use sentinel_model::{
    Time,
    webhook::{DeliveryAttempt, DeliveryState, WebhookEvent},
};
use serde::{Deserialize, Serialize};

/// Deliveries of webhooks, from when they are committed until they are forgotten.
///
/// They come in by [`Change::PutDelivery`](super::Change::PutDelivery), in the same commit as
/// what they tell, and are here when that has answered. Whoever delivers takes a lease first:
/// one at a time has it, and where that one ends without a word, the delivery is due again
/// when the lease has run out. So each is delivered at least once, and in ordinary runs once.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Deliveries that wait for nobody and are due, the longest due first.
    async fn due(&self, now: Time, of: DueOf<'_>, limit: usize) -> Result<Vec<Queued>, EngineError>;

    /// Takes those of them that nobody else has taken since they were read: they are not due
    /// for anybody until that time, at which the answered ones say they are.
    async fn lease(&self, due: Vec<Queued>, until: Time) -> Result<Vec<Queued>, EngineError>;

    /// What became of one that was leased, in place of what was there. Changes nothing where
    /// the lease has run out and another has it.
    async fn settle(&self, leased: &Queued, after: Queued) -> Result<(), EngineError>;

    /// Makes one due at once, as if it was new, and keeps its log. One that somebody is
    /// delivering right now stays as it is. Answers it, where there is one.
    async fn redeliver(&self, webhook: &str, id: &str, now: Time) -> Result<Option<Queued>, EngineError>;

    /// An endpoint's deliveries, newest first, from behind `(created_at, id)`.
    async fn log(
        &self,
        webhook: &str,
        behind: Option<(Time, String)>,
        limit: usize,
    ) -> Result<Vec<Queued>, EngineError>;

    /// Answers true to one asker for each endpoint and turn, and false where the turn, or a
    /// later one, was somebody's.
    async fn take_turn(&self, webhook: &str, turn: i64) -> Result<bool, EngineError>;

    /// Those that are not settled, by id, from behind one of them.
    async fn pending(&self, behind: Option<&str>, limit: usize) -> Result<Vec<Queued>, EngineError>;

    /// Endpoints for which more than so many wait, and how many.
    async fn crowded(&self, more_than: u64) -> Result<Vec<(String, u64)>, EngineError>;

    /// Those that wait for an endpoint and are leased to nobody, oldest first, but for those
    /// that tell of one event.
    async fn longest_waiting(
        &self,
        webhook: &str,
        but: WebhookEvent,
        limit: u64,
    ) -> Result<Vec<Queued>, EngineError>;

    /// What becomes of some that nobody has leased, each with when it was due; where somebody
    /// has it or had it since, nothing. Answers how many were changed.
    async fn give_up(&self, given_up: Vec<(Time, Queued)>) -> Result<u64, EngineError>;

    /// Puts deliveries as they are, where there are none of their ids.
    async fn put(&self, deliveries: Vec<Queued>) -> Result<(), EngineError>;

    /// Forgets what was made before a time.
    async fn drop_before(&self, before: Time) -> Result<(), EngineError>;

    /// Forgets what tells one kind of event of a unit, sent or not.
    async fn drop_about(&self, about: &str, event: WebhookEvent) -> Result<(), EngineError>;

    /// Forgets all of an endpoint.
    async fn drop_of(&self, webhook: &str) -> Result<(), EngineError>;
}

/// Whose deliveries are looked for.
#[derive(Debug, Clone, Copy)]
pub enum DueOf<'a> {
    AllBut(&'a [String]),
    Only(&'a str),
}

/// The intent to tell an endpoint of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDelivery {
    /// The same for the same event and endpoint, however often it is put.
    pub id: String,
    /// The endpoint's id.
    pub webhook: String,
    pub event: WebhookEvent,
    /// Such as a unit: what happened to one is told in order, as far as nothing fails.
    pub about: String,
    pub created_at: Time,
    /// Sent to the letter with every try.
    pub body: String,
}

/// A delivery, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    pub delivery: NewDelivery,
    pub state: DeliveryState,
    /// When it is due, while it is pending; the end of the lease of one that is leased.
    pub due: Time,
    /// Tries since it was made, or asked for again.
    pub tries: u32,
    pub attempts: Vec<DeliveryAttempt>,
}

/// When a delivery is due that somebody asks for by hand: before all others.
pub const BY_HAND: Time = Time(0);

impl Queued {
    /// As it begins.
    pub fn new(delivery: NewDelivery) -> Self {
        let due = if delivery.event == WebhookEvent::Ping { BY_HAND } else { delivery.created_at };
        Self { delivery, state: DeliveryState::Pending, due, tries: 0, attempts: Vec::new() }
    }
}
