use super::EngineError;
use async_trait::async_trait;
use sentinel_model::{Time, UnitId};

/// What whoever watches units ([`crate::watch`]) remembers of them, over its own end.
///
/// Its loss, or an old one, harms little: what was stored since is looked at again, and what that
/// tells was told before under the same id.
#[async_trait]
pub trait WatchMemory: Send + Sync + 'static {
    async fn recall(&self, unit: &UnitId) -> Result<Option<String>, EngineError>;

    /// All units of which something is remembered, in any order.
    async fn remembered(&self) -> Result<Vec<UnitId>, EngineError>;

    /// Each in place of what was remembered of its unit, but for what is of a later time.
    async fn remember(&self, memories: Vec<Remembered>) -> Result<(), EngineError>;

    /// Forgets a unit: also what somebody remembers later and is from until then.
    async fn forget(&self, unit: &UnitId, until: Time) -> Result<(), EngineError>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    pub unit: UnitId,
    /// Of the last position that was looked at.
    pub at: Time,
    /// A few hundred bytes.
    pub memory: String,
}
