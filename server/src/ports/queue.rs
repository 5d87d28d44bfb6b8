use super::EngineError;
use async_trait::async_trait;
use futures::stream::BoxStream;
use sentinel_model::{Fix, Time, UnitId};

/// What was taken and is not in the archive, where an intake queues for an archive
/// elsewhere: for a backup of it.
#[async_trait]
pub trait QueueContents: Send + Sync + 'static {
    /// Everything that is there when it is asked for, and in the archive not when the last
    /// of it has come: what is archived or given up meanwhile may come or not, what an
    /// operator puts back comes.
    fn contents(&self) -> BoxStream<'static, Result<QueueEntry, EngineError>>;

    /// Puts an entry among those that were given up, as in the queue it came from.
    async fn put_dead(&self, entry: DeadEntry) -> Result<(), EngineError>;

    async fn is_empty(&self) -> Result<bool, EngineError>;
}

#[derive(Debug, Clone, PartialEq)]
pub enum QueueEntry {
    /// Waits for the archive.
    Waiting { unit: UnitId, fixes: Vec<Fix> },
    /// Was given up, or reads as nothing that the archive could take.
    Dead(DeadEntry),
}

#[derive(Debug, Clone, PartialEq)]
pub struct DeadEntry {
    /// What it was called in the queue.
    pub was: String,
    pub tries: u64,
    pub error: String,
    pub at: Time,
    /// As it lay in the queue.
    pub bytes: Vec<u8>,
    /// What it says, where that reads.
    pub fixes: Option<(UnitId, Vec<Fix>)>,
}
