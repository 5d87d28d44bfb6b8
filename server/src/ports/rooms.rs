use super::EngineError;
use async_trait::async_trait;
use sentinel_model::{PatrolId, Scope, ScopePath, UnitId};

/// Which patrols are active in which scope: the state plane.
///
/// A patrol enters and leaves the rooms of its station and of every scope above
/// at once: no reader sees it in some and not in others.
#[async_trait]
pub trait Rooms: Send + Sync + 'static {
    /// Puts the patrol into the rooms of its path; one that is there moves.
    async fn enter(&self, member: RoomMember) -> Result<(), EngineError>;

    async fn leave(&self, patrol: PatrolId) -> Result<(), EngineError>;

    /// Everyone in a scope's room, in no order.
    async fn members(&self, scope: Scope) -> Result<Vec<RoomMember>, EngineError>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomMember {
    pub patrol: PatrolId,
    pub unit: UnitId,
    pub path: ScopePath,
}
