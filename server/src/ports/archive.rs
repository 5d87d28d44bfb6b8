use super::EngineError;
use async_trait::async_trait;
use futures::stream::BoxStream;
use sentinel_model::{Fix, RoutePoint, Time, UnitId};

/// From `from`, included, to `to`, not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    pub from: Time,
    pub to: Time,
}

impl TimeRange {
    pub const ALL: TimeRange = TimeRange { from: Time(i64::MIN), to: Time(i64::MAX) };

    pub fn contains(&self, t: Time) -> bool {
        self.from <= t && t < self.to
    }

    /// What both ranges hold, none where that is empty.
    pub fn intersect(&self, other: &TimeRange) -> Option<TimeRange> {
        let both = TimeRange { from: self.from.max(other.from), to: self.to.min(other.to) };
        (both.from < both.to).then_some(both)
    }
}

/// Points as they are read, in pieces of any size but none empty, so that a range of any
/// length takes the memory of a piece. It reads on only as it is asked to, and may be
/// dropped at any point.
pub type Points = BoxStream<'static, Result<Vec<RoutePoint>, EngineError>>;

/// Whole fixes, in the same way.
pub type Fixes = BoxStream<'static, Result<Vec<Fix>, EngineError>>;

/// Exact history: each accepted fix once, in order of device time (and uuid, where
/// a device used one time twice).
#[async_trait]
pub trait Archive: Send + Sync + 'static {
    /// The points of one unit's fixes in a range, in order. What was stored when it was
    /// asked for comes once each; what is stored meanwhile may come or not.
    fn points(&self, unit: &UnitId, range: TimeRange) -> Points;

    /// The same of whole fixes.
    fn whole(&self, unit: &UnitId, range: TimeRange) -> Fixes;

    /// Whole fixes of one unit in a range, in order, at most `limit`.
    async fn fixes(&self, unit: &UnitId, range: TimeRange, limit: usize) -> Result<Vec<Fix>, EngineError>;

    /// For each unit, its last fix with a device time not after `at`; units without one are left out.
    async fn last_before(&self, units: &[UnitId], at: Time) -> Result<Vec<(UnitId, Fix)>, EngineError>;
}

/// The writing side of an archive that stands apart from the intake: workers move there
/// what the intake took.
#[async_trait]
pub trait ArchiveWriter: Send + Sync + 'static {
    /// Stores fixes of any units. Once it answers they are in the archive and survive a
    /// kill of every process. Each is there once, however often it is given, in whatever
    /// company: the same fix may come again with others, also from several workers at once.
    async fn store(&self, batch: Vec<(UnitId, Vec<Fix>)>) -> Result<(), StoreError>;

    /// Whether it takes anything at all now. Where it does, what it refuses at that moment
    /// is at fault itself.
    async fn probe(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The archive cannot be reached or cannot write now: the same may go well later.
    #[error("the archive is away")]
    Away(#[source] EngineError),
    /// It was reached and does not take this: the same will not go well later either.
    #[error("the archive refuses what it was given")]
    Refused(#[source] EngineError),
}
