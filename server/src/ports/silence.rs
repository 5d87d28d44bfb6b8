use super::EngineError;
use async_trait::async_trait;
use sentinel_model::{PatrolId, UnitStatus};
use std::collections::HashMap;

/// Which patrols were told to be silent, for a process whose rooms end with it: the next one goes on
/// from there. Rooms that many nodes share outlive each of them and need none of this.
///
/// Its loss harms little: who is silent is told again, under the same ids.
#[async_trait]
pub trait SilenceMemory: Send + Sync + 'static {
    /// Each is stale or offline.
    async fn told_silent(&self) -> Result<HashMap<PatrolId, UnitStatus>, EngineError>;

    /// Each in place of what was told of its patrol; none where that is silent no more, or over.
    async fn note_silent(&self, told: Vec<(PatrolId, Option<UnitStatus>)>) -> Result<(), EngineError>;
}
