//! What Sentinel needs of an engine, and what each must promise.
//!
//! Small traits, each with one contract test suite that every engine passes
//! (`tests/contracts`). Embedded, SQLite and in-process structures stand behind
//! them; scaled out, Redis and MongoDB. Nothing outside `wiring` knows which.

mod archive;
mod bus;
mod erasure;
mod health;
mod intake;
mod outbox;
mod positions;
mod queue;
mod registry;
mod rooms;
mod silence;
mod watch;

pub use archive::{Archive, ArchiveWriter, Fixes, Points, StoreError, TimeRange};
pub use bus::{Bus, BusSink, EVENT_HISTORY, PositionFrame, StreamPosition, TOLD_FOR_S};
pub use erasure::{EraseError, Erased, Erasure};
pub use health::{Condition, Health};
pub use intake::{Intake, IntakeError, Marker, Receipt};
pub use outbox::{BY_HAND, DueOf, NewDelivery, Outbox, Queued};
pub use positions::{Among, NearbyQuery, Positions, Put};
pub use queue::{DeadEntry, QueueContents, QueueEntry};
pub use registry::{
    AlertRecord, AlertsOf, Change, Commit, Committed, Home, KeyRecord, LinkRecord, OPEN_ALERTS_MAX,
    OPEN_TASKS_MAX, Records, Registry, ScopeRecord, SessionRecord, SigningSecret, TaskRecord, TasksOf,
    UnitRecord, UserRecord, WebhookRecord, most_pressing, urgency,
};
pub use rooms::{RoomMember, Rooms};
pub use silence::SilenceMemory;
pub use watch::{Remembered, WatchMemory};

/// An engine could not do what was asked. `what` names the operation, the source why.
#[derive(Debug, thiserror::Error)]
#[error("{what} failed")]
pub struct EngineError {
    what: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl EngineError {
    pub fn new(what: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { what, source: source.into() }
    }

    /// For `map_err`: `.map_err(EngineError::during("reading a route"))`.
    pub fn during<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        what: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::new(what, source)
    }
}
