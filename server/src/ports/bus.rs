use super::EngineError;
use async_trait::async_trait;
use bytes::Bytes;
use sentinel_model::{PatrolId, Scope, Time, live::Event};
use std::sync::Arc;

/// Carries what happens to the nodes whose sockets may see it.
///
/// Two planes. Positions go by one channel per patrol, as bytes that are passed
/// through unread; a position may be lost when its reader is cut off, the next one
/// heals it. Events go by one ordered stream per scope: each has the next offset,
/// and the last [`EVENT_HISTORY`] are kept, so that a reader who was away gets
/// exactly what it missed or learns that it cannot. Beside them it tells other nodes
/// that the records have changed.
///
/// A node may be cut off from its bus: the sink is told when that begins, and again once
/// everything that is watched comes through. What came between is for the sink to ask
/// for. Watching and letting go while cut off fails, or waits; nothing is forgotten.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Where this node's messages go. Called once, before anything is watched.
    fn attach(&self, sink: Arc<dyn BusSink>);

    async fn watch_patrol(&self, patrol: PatrolId) -> Result<(), EngineError>;
    async fn unwatch_patrol(&self, patrol: PatrolId) -> Result<(), EngineError>;

    /// Begins to deliver a scope's events to the sink. Answers where the stream stands:
    /// every event after that position is delivered.
    async fn watch_scope(&self, scope: Scope) -> Result<StreamPosition, EngineError>;
    async fn unwatch_scope(&self, scope: Scope) -> Result<(), EngineError>;

    async fn publish_position(&self, patrol: PatrolId, frame: PositionFrame) -> Result<(), EngineError>;

    /// Appends the event to the stream of each of the scopes.
    async fn publish_event(&self, scopes: &[Scope], event: Event) -> Result<(), EngineError>;

    /// The same, once: where an event of this id has been published in the last
    /// [`TOLD_FOR_S`], as far as the engine remembers, nothing happens. Answers whether it
    /// was published now.
    async fn publish_once(&self, id: &str, scopes: &[Scope], event: Event) -> Result<bool, EngineError>;

    /// Says that the records are at this commit. Every node, this one not necessarily, is told
    /// of it, unless one has said so already. Answers the newest commit that any has said.
    async fn publish_records(&self, at: u64) -> Result<u64, EngineError>;

    /// Where the streams of these scopes stand, in their order: a message may be lost without
    /// a cut, and the one after it may never come.
    async fn heads(&self, scopes: &[Scope]) -> Result<Vec<StreamPosition>, EngineError>;

    /// The events of a scope after `since`, none where the stream began anew or
    /// no longer reaches back that far.
    async fn events_since(
        &self,
        scope: Scope,
        since: &StreamPosition,
    ) -> Result<Option<Vec<Arc<Event>>>, EngineError>;

    /// Forgets the events that are kept of these scopes, as they may tell what is to be
    /// forgotten: who comes back begins anew. The streams go on.
    async fn forget_events(&self, scopes: &[Scope]) -> Result<(), EngineError>;
}

/// How many events of a scope's stream are kept for readers that come back.
pub const EVENT_HISTORY: usize = 1024;

/// For how long an event that is told once is remembered, seconds: a week, as devices send
/// again what they gathered while they were away.
pub const TOLD_FOR_S: i64 = 7 * 24 * 3600;

/// A node's receiving end. Called in order per patrol and per scope; must not block.
pub trait BusSink: Send + Sync {
    fn position(&self, patrol: PatrolId, frame: PositionFrame);
    /// The next event of a scope's stream. A gap in the offsets, or another epoch than
    /// before, says that something was missed.
    fn event(&self, scope: Scope, epoch: &Arc<str>, event: Arc<Event>);
    /// Another node, or this one, has committed.
    fn records(&self, at: u64);
    /// Nothing comes through any more.
    fn interrupted(&self);
    /// Everything that is watched comes through again; what was sent meanwhile is missed.
    fn resumed(&self);
}

/// A unit's position as it travels: the device time, for conflation, and a
/// postcard-encoded `LiveUnit` that nobody on the way reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionFrame {
    pub time: Time,
    pub unit: Bytes,
}

/// A place in a scope's event stream. Offsets compare only within one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPosition {
    pub epoch: Arc<str>,
    pub offset: u64,
}
