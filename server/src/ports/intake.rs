use async_trait::async_trait;
use sentinel_model::{Fix, Location, UnitId};

/// Durable acceptance of positions.
///
/// `accept` answers only once every fix of the submission is on disk: from then on
/// they survive a kill of every process. A fix that stands twice in the submission (by
/// unit, device time and uuid) is counted a duplicate; one that history holds already is
/// too, where the engine can know that: one that queues for an archive elsewhere leaves
/// it to the archive. Either way history has it once. A submission is taken whole or not
/// at all.
#[async_trait]
pub trait Intake: Send + Sync + 'static {
    async fn accept(&self, unit: &UnitId, fixes: Vec<Fix>) -> Result<Receipt, IntakeError>;

    /// The same, and with it what becomes of the unit's marker. An engine whose current
    /// positions end with the process keeps that in the same commit wherever its history does
    /// not tell it, so that the next one shows what this one showed; where positions are kept
    /// elsewhere, they are kept there.
    async fn accept_marked(
        &self,
        unit: &UnitId,
        fixes: Vec<Fix>,
        marker: Marker,
    ) -> Result<Receipt, IntakeError> {
        let _kept_elsewhere = marker;
        self.accept(unit, fixes).await
    }

    /// Submissions waiting for the next commit.
    fn queued(&self) -> u64;

    /// Whether it still takes positions: false once what writes them has ended, by
    /// itself or by a fault, and then for good.
    fn is_alive(&self) -> bool;

    /// Waits until everything taken so far is answered, or never will be because what
    /// writes has ended; used when stopping.
    async fn drain(&self);
}

/// What fixes do to where their unit is shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Marker {
    /// It stands at the newest place of history: this one of these fixes, where they say any.
    Follows(Option<Location>),
    /// It goes here, if that is newer than where it stands, for reasons that history does not
    /// tell; with `if_new`, only where any of the fixes is.
    Chosen { to: Location, if_new: bool },
    /// It stays: the fixes are history alone.
    Stays,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Receipt {
    pub accepted: u64,
    pub duplicates: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The bounded queue is full: nothing was taken, the caller may try again.
    #[error("the intake queue is full")]
    Full,
    /// The disk refused (full, read-only, failing): nothing was taken.
    #[error("positions could not be written")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection to the store was lost: whether the fixes were stored is not known.
    /// Sent again, history has them once.
    #[error("it is not known whether positions were stored")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The process is stopping, or what writes has ended: whether the fixes were stored is not known.
    #[error("the server is stopping")]
    Stopping,
}
