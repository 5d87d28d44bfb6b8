use super::EngineError;
use async_trait::async_trait;
use sentinel_model::{PatrolId, Scope, ScopePath, UnitId, UnitStatus, live::Event};
use std::collections::HashMap;

/// Which patrols are active in which scope: the state plane.
///
/// A patrol enters and leaves the rooms of its station and of every scope above at once,
/// and the event that tells it goes to the streams of the same scopes in the same step:
/// no reader sees it in some and not in others, and no two hear of it in different orders.
/// A patrol enters once and leaves once. Who calls may be many nodes, each a little late:
/// entering again, and entering after leaving, changes and tells nothing.
#[async_trait]
pub trait Rooms: Send + Sync + 'static {
    /// Puts the patrol into the rooms of its path and tells their streams.
    async fn enter(&self, member: RoomMember, joined: Event) -> Result<(), EngineError>;

    /// Takes the patrol out of its rooms and tells their streams. Where it never entered,
    /// nothing is told, and it enters no more.
    async fn leave(&self, patrol: PatrolId, left: Event) -> Result<(), EngineError>;

    /// Notes how a patrol's unit is by now and tells the streams, where that is another
    /// status than noted and the patrol is in its rooms.
    async fn set_status(
        &self,
        patrol: PatrolId,
        status: UnitStatus,
        changed: Event,
    ) -> Result<(), EngineError>;

    /// How every patrol in a room was told to be: by its joining, then by its last status.
    /// Whoever watches over them goes on from here.
    async fn statuses(&self) -> Result<HashMap<PatrolId, UnitStatus>, EngineError>;

    /// Everyone in a scope's room, in no order.
    async fn members(&self, scope: Scope) -> Result<Vec<RoomMember>, EngineError>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomMember {
    pub patrol: PatrolId,
    pub unit: UnitId,
    pub path: ScopePath,
}
