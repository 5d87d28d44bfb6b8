//! From a posted body to a durable answer.
//!
//! A body is decoded ([`decode`]), its unit found and its allowance checked
//! ([`limits`]); the good points go to the intake, and once they are on disk the
//! newest of them moves the unit's marker and travels to whoever may see it. Only
//! then comes the answer. What fails before the commit is refused whole; what fails
//! after it (the marker, the bus) is logged, because the fixes are safe and sending
//! them again would change nothing.

pub mod decode;
pub mod limits;

use crate::{
    clock::Clock,
    directory::{Directory, UnitEntry},
    live::Hub,
    patrols::{Patrols, Started, member},
    ports::{Bus, EngineError, Intake, IntakeError, Positions, Put},
};
use decode::Posted;
use limits::UnitLimits;
use sentinel_model::{Fix, Location, Time, UnitId, fix::IngestAnswer};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A device's clock may run ahead by this much.
const CLOCK_AHEAD_MS: i64 = 300_000;

/// The latest device time that moves a marker. A fix from further in the future is
/// stored all the same, but if it moved the marker, nothing true ever would again.
pub fn latest_shown(now: Time) -> Time {
    now.plus_ms(CLOCK_AHEAD_MS)
}

pub struct Ingest {
    pub clock: Clock,
    pub directory: Arc<Directory>,
    pub intake: Arc<dyn Intake>,
    pub positions: Arc<dyn Positions>,
    pub bus: Arc<dyn Bus>,
    pub hub: Arc<Hub>,
    pub patrols: Arc<Patrols>,
    pub limits: UnitLimits,
    /// Whether the first fix of a unit that only posts positions starts its patrol.
    pub patrol_by_fix: bool,
    pub counts: Counts,
}

/// Since the process began.
#[derive(Debug, Default)]
pub struct Counts {
    pub accepted: AtomicU64,
    pub duplicates: AtomicU64,
    pub rejected: AtomicU64,
}

#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("unit {unit} posts faster than it may; try again in {retry_after_s} s")]
    TooFast { unit: UnitId, retry_after_s: u32 },
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

impl Ingest {
    /// Stores what a unit posted. The caller has checked that it may.
    pub async fn accept(&self, unit: &Arc<UnitEntry>, posted: Posted) -> Result<IngestAnswer, IngestError> {
        let id = &unit.record.id;
        self.limits
            .take(id, posted.fixes.len())
            .map_err(|retry_after_s| IngestError::TooFast { unit: id.clone(), retry_after_s })?;
        let latest = latest_shown(self.clock.now());
        let newest = posted.fixes.iter().filter(|fix| fix.time <= latest).max_by_key(|fix| fix.time).cloned();
        let receipt = self.intake.accept(id, posted.fixes).await?;
        self.counts.accepted.fetch_add(receipt.accepted, Ordering::Relaxed);
        self.counts.duplicates.fetch_add(receipt.duplicates, Ordering::Relaxed);
        self.counts.rejected.fetch_add(posted.rejected.len() as u64, Ordering::Relaxed);
        if let Some(fix) = newest
            && let Err(error) = self.show(id, &fix).await
        {
            tracing::error!(unit = %id, error = &error as &dyn std::error::Error, "a stored position could not be shown");
        }
        Ok(IngestAnswer {
            status: "ok".into(),
            accepted: receipt.accepted,
            duplicates: receipt.duplicates,
            rejected: posted.rejected,
        })
    }

    async fn show(&self, id: &UnitId, fix: &Fix) -> Result<(), EngineError> {
        // Readers add the patrol of their moment.
        let location = Location::of(id.clone(), None, fix);
        let put = self.positions.put(location.clone()).await?;
        // Only now: a patrol that is not seen here yet will itself see the position.
        let Some(unit) = self.directory.unit(id) else { return Ok(()) };
        let unit = match unit.patrol {
            None if self.patrol_by_fix && !unit.record.patrols_managed => {
                match self.patrols.start(id, None, Started::ByFix).await {
                    Ok(_) => self.directory.unit(id).unwrap_or(unit),
                    Err(crate::patrols::PatrolError::Engine(error)) => return Err(error),
                    // Somebody took the unit off duty at this very moment.
                    Err(_) => unit,
                }
            }
            _ => unit,
        };
        if put == Put::Advanced
            && let Some(patrol) = unit.patrol
        {
            let member = member(&unit, patrol.id, patrol.path);
            self.bus.publish_position(patrol.id, self.hub.frame(&member, &unit, &location)).await?;
        }
        Ok(())
    }
}
