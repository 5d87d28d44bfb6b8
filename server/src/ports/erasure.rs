use super::EngineError;
use async_trait::async_trait;
use sentinel_model::UnitId;

/// Removes what is kept of one unit, because somebody has the right that it is.
#[async_trait]
pub trait Erasure: Send + Sync + 'static {
    /// Every fix of the unit that was accepted before this is asked for, wherever it lies: in
    /// the archive, on its way there, or given up. Once it answers they are gone and stay gone,
    /// whatever ends at that moment. What is accepted meanwhile may go or stay; what comes
    /// after stays. Done half, it is done whole by asking again.
    async fn erase(&self, unit: &UnitId) -> Result<Erased, EraseError>;
}

/// How many went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    pub fixes: u64,
    /// Entries of the queue that had been given up.
    pub given_up: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// What was accepted is on its way to the archive and does not arrive: erased now, it
    /// would be there later.
    #[error("positions of the unit still wait for the archive")]
    Waits,
    #[error(transparent)]
    Engine(#[from] EngineError),
}
