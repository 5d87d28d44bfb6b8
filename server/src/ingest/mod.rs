//! From a posted body to a durable answer.
//!
//! A body is decoded ([`decode`]), its unit found and its allowance checked
//! ([`limits`]); the good points go to the intake, and once they are on disk the
//! newest of them, of those that its scope's filters let pass ([`news`], [`filter`]), moves the unit's
//! marker and travels to whoever may see it. Only then comes the answer, or where showing takes longer than [`SHOWN_WITHIN`], before it.
//! What fails before the commit is refused whole; what fails after it (the marker, the
//! bus) is logged, because the fixes are safe and sending them again would change nothing:
//! but for a call for help that could not be told ([`alerts`]), which is worth that. A call for
//! help is told also where what it came with is refused: not every device sends that again.
//! What makes no sense is set aside with its reason ([`aside`]).
//! A device that hangs up meanwhile changes nothing either ([`finish`]).

pub mod alerts;
pub mod aside;
pub mod decode;
pub mod filter;
pub mod finish;
pub mod limits;
mod news;

use crate::{
    alerts::Alerts,
    clock::Clock,
    directory::{Directory, UnitEntry},
    live::Hub,
    patrols::{Patrols, Started, member},
    ports::{Bus, EngineError, Intake, IntakeError, Marker, Positions, Put},
    watch::watcher::Watcher,
};
use decode::Posted;
use finish::even_if_given_up;
use limits::UnitLimits;
use news::News;
use sentinel_model::{Fix, Location, Time, UnitId, fix::IngestAnswer};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How long an answer waits until what is safe is shown too: whoever reads after it reads
/// the new position. Showing that takes longer, as an engine is away, goes on by itself.
const SHOWN_WITHIN: Duration = Duration::from_millis(500);

/// A device's clock may run ahead by this much before the server's counts instead.
pub const CLOCK_AHEAD_MS: i64 = 300_000;

/// Whether a fix comes from a device whose clock is too far ahead to be believed.
pub fn is_ahead(fix: &Fix) -> bool {
    fix.time > fix.received_at.plus_ms(CLOCK_AHEAD_MS)
}

/// Whether a fix says what receivers say that know no place yet. It is stored as it came
/// and shows nobody anywhere.
pub fn is_nowhere(fix: &Fix) -> bool {
    sentinel_model::fix::is_nowhere(fix.latitude, fix.longitude)
}

/// When a fix is shown to have been: at its device time, but at the time it was
/// received where the device's clock is too far ahead. History keeps the device time;
/// shown by it, the unit would be seen only once that time has come, and its marker
/// would stand still from when the clock is put right until then.
pub fn shown_at(fix: &Fix) -> Time {
    if is_ahead(fix) { fix.received_at } else { fix.time }
}

/// Where a fix shows its unit to be; readers add the patrol of their moment.
pub fn shown(unit: UnitId, fix: &Fix) -> Location {
    Location { time: shown_at(fix), ..Location::of(unit, None, fix) }
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
    pub aside: aside::Aside,
    pub alerts: Arc<Alerts>,
    pub fences: alerts::DeviceFences,
    /// Where this process watches what units do; elsewhere workers do.
    pub watcher: Option<Arc<Watcher>>,
    /// Streams that only this process has begin then.
    pub began: Time,
}

/// Since the process began.
#[derive(Debug, Default)]
pub struct Counts {
    pub accepted: AtomicU64,
    pub duplicates: AtomicU64,
    pub rejected: AtomicU64,
    /// Stored, and not shown by the filters of their scope.
    pub hidden: AtomicU64,
    /// What devices said of their fences beyond what one may.
    pub fences_untold: AtomicU64,
}

#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("unit {unit} posts faster than it may; try again in {retry_after_s} s")]
    TooFast { unit: UnitId, retry_after_s: u32 },
    #[error(transparent)]
    Intake(#[from] IntakeError),
    #[error("an SOS is stored and could not be told")]
    Untold(#[source] EngineError),
}

impl Ingest {
    /// Stores what a unit posted, and tells what in it asks for attention. The caller has
    /// checked that it may.
    pub async fn accept(
        self: &Arc<Self>,
        unit: &Arc<UnitEntry>,
        posted: Posted,
    ) -> Result<IngestAnswer, IngestError> {
        let id = &unit.record.id;
        let raised = alerts::among(id, &posted.fixes, &posted.calls, self.clock.now());
        match self.store(unit, posted).await {
            Ok(answer) => self.raise(id, raised).await.map(|()| answer).map_err(IngestError::Untold),
            Err(refusal) => {
                self.raise_though_refused(id, raised).await;
                Err(refusal)
            }
        }
    }

    async fn store(
        self: &Arc<Self>,
        unit: &Arc<UnitEntry>,
        posted: Posted,
    ) -> Result<IngestAnswer, IngestError> {
        let id = &unit.record.id;
        self.limits
            .take(id, posted.fixes.len() + posted.calls.len())
            .map_err(|retry_after_s| IngestError::TooFast { unit: id.clone(), retry_after_s })?;
        let filters = self.directory.filters(unit.path().station()).map(|(_, filters)| filters);
        let news = News::of(id, &posted.fixes, filters, &*self.positions).await;
        let marker = match &news {
            Ok(Some(news)) => news.marker.clone(),
            _ => Marker::Follows(None),
        };
        self.aside.keep(id, self.clock.now(), &posted.rejected);
        let watcher = self.watcher.as_ref().filter(|watcher| watcher.concerns(unit)).cloned();
        let to_look_at = watcher.map(|watcher| (watcher, posted.fixes.clone()));
        let receipt = self.intake.accept_marked(id, posted.fixes, marker).await?;
        self.counts.accepted.fetch_add(receipt.accepted, Ordering::Relaxed);
        self.counts.duplicates.fetch_add(receipt.duplicates, Ordering::Relaxed);
        self.counts.rejected.fetch_add(posted.rejected.len() as u64, Ordering::Relaxed);
        let (ingest, shown_id) = (self.clone(), id.clone());
        let showing = async move {
            let shown = match news {
                // Sent again it is received later but was made no later.
                Ok(Some(news)) if news.is_ahead && receipt.accepted == 0 => {
                    ingest.hear(&shown_id, news.last).await
                }
                Ok(Some(news)) => ingest.show(&shown_id, news).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = shown {
                tracing::error!(unit = %shown_id, error = &error as &dyn std::error::Error, "a stored position could not be shown");
            }
            if let Some((watcher, fixes)) = to_look_at
                && let Err(error) = watcher.look(&shown_id, &fixes).await
            {
                let error: &dyn std::error::Error = &error;
                tracing::error!(unit = %shown_id, error, "what a stored position means could not be told; it is tried again");
            }
        };
        tokio::time::timeout(SHOWN_WITHIN, even_if_given_up(showing)).await.ok();
        Ok(IngestAnswer {
            status: "ok".into(),
            accepted: receipt.accepted,
            duplicates: receipt.duplicates,
            rejected: posted.rejected,
        })
    }

    /// A sign of life that moves no marker.
    async fn hear(&self, id: &UnitId, location: Location) -> Result<(), EngineError> {
        if self.positions.get(id).await?.is_some() {
            self.positions.put(Location { time: Time(0), ..location }).await?;
        }
        self.on_duty(id).await.map(drop)
    }

    async fn show(&self, id: &UnitId, news: News) -> Result<(), EngineError> {
        self.counts.hidden.fetch_add(news.hidden, Ordering::Relaxed);
        let Some(location) = news.to else { return self.hear(id, news.last).await };
        let put = self.positions.put(location.clone()).await?;
        // Only now: a patrol that is not seen here yet will itself see the position.
        let Some(unit) = self.on_duty(id).await? else { return Ok(()) };
        if put == Put::Advanced
            && let Some(patrol) = unit.patrol
        {
            let member = member(&unit, patrol.id, patrol.path);
            self.bus.publish_position(patrol.id, self.hub.frame(&member, &unit, &location)).await?;
        }
        Ok(())
    }

    /// The unit as it is now, its patrol started where its posting does that.
    async fn on_duty(&self, id: &UnitId) -> Result<Option<Arc<UnitEntry>>, EngineError> {
        let Some(unit) = self.directory.unit(id) else { return Ok(None) };
        Ok(Some(match unit.patrol {
            None if self.patrol_by_fix && !unit.record.patrols_managed => {
                match self.patrols.start(id, None, Started::ByFix).await {
                    Ok(_) => self.directory.unit(id).unwrap_or(unit),
                    Err(crate::patrols::PatrolError::Engine(error)) => return Err(error),
                    // Somebody took the unit off duty at this very moment.
                    Err(_) => unit,
                }
            }
            _ => unit,
        }))
    }
}
