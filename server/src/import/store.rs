//! From a file as it arrives into the intake.
//!
//! The file is read on a thread of its own, a few thousand points ahead of what is stored. An
//! intake that is full is waited for; what cannot be stored ends the import, and says up to
//! where it came.

use super::{Point, ReadError};
use crate::{
    clock::Clock,
    ports::{Intake, IntakeError, Marker, Receipt},
};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use sentinel_model::{
    Fix, UnitId,
    fix::{ImportAnswer, RejectedLine},
};
use std::{
    collections::HashMap,
    io::{self, Read},
    time::Duration,
};
use tokio::sync::mpsc;

/// Points that are stored together; twice as many wait.
const BATCH: usize = 2_000;
/// Units of a batch that are stored at once.
const UNITS_AT_ONCE: usize = 16;
/// Points set aside that an answer names.
const REJECTED_MAX: usize = 100;
/// Pieces of the file that wait to be read.
const PIECES: usize = 8;
/// How often, and how long apart, a full intake is tried.
const TRIES: u32 = 60;
const APART: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{error}; {so_far}")]
    Read { error: ReadError, so_far: SoFar },
    #[error("the points could not be stored; {so_far}")]
    Store { source: IntakeError, so_far: SoFar },
    #[error("the file could not be read to its end")]
    Fault(#[from] tokio::task::JoinError),
}

/// How far an import came.
#[derive(Debug)]
pub struct SoFar {
    line: u64,
    stored: u64,
}

impl std::fmt::Display for SoFar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self { line: 0, .. } => f.write_str("nothing of it was stored"),
            Self { line, stored } => write!(
                f,
                "what stands up to line {line} is stored ({stored} new): import the file again, what is stored is not stored twice"
            ),
        }
    }
}

/// The pieces of a file to who reads it on another thread; an error breaks it off.
pub fn pipe() -> (mpsc::Sender<io::Result<Bytes>>, impl Read + Send + 'static) {
    let (pieces, rest) = mpsc::channel(PIECES);
    (pieces, Pipe { rest, piece: Bytes::new() })
}

struct Pipe {
    rest: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.rest.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let read = self.piece.len().min(into.len());
        into[..read].copy_from_slice(&self.piece.split_to(read));
        Ok(read)
    }
}

/// Stores what a file holds. `whose` says for whom a point is, by the unit that the file names,
/// or why for nobody; `stored` is told how far it is whenever some of it is stored.
pub async fn store(
    intake: &dyn Intake,
    clock: &Clock,
    file: impl Read + Send + 'static,
    whose: impl Fn(Option<UnitId>) -> Result<UnitId, String>,
    stored: impl Fn(&ImportAnswer),
) -> Result<ImportAnswer, ImportError> {
    let (batches, mut read) = mpsc::channel::<Vec<Point>>(2);
    let now = clock.now();
    let reading = tokio::task::spawn_blocking(move || {
        let mut batch = Vec::with_capacity(BATCH);
        let outcome = super::read(file, now, |point| {
            batch.push(point);
            batch.len() < BATCH || batches.blocking_send(std::mem::take(&mut batch)).is_ok()
        });
        // What stands before an error is good.
        batches.blocking_send(batch).ok();
        outcome
    });
    let (mut answer, mut line) = (ImportAnswer::default(), 0);
    while let Some(batch) = read.recv().await {
        let last = batch.last().map_or(line, |point| point.line);
        if let Err(source) = store_batch(intake, batch, &whose, &mut answer).await {
            return Err(ImportError::Store { source, so_far: SoFar { line, stored: answer.accepted } });
        }
        line = last;
        stored(&answer);
    }
    match reading.await? {
        Ok(()) => Ok(answer),
        Err(error) => Err(ImportError::Read { error, so_far: SoFar { line, stored: answer.accepted } }),
    }
}

async fn store_batch(
    intake: &dyn Intake,
    batch: Vec<Point>,
    whose: impl Fn(Option<UnitId>) -> Result<UnitId, String>,
    answer: &mut ImportAnswer,
) -> Result<(), IntakeError> {
    answer.total += batch.len() as u64;
    let mut by_unit: HashMap<UnitId, Vec<Fix>> = HashMap::new();
    for Point { line, unit, fix } in batch {
        match fix.and_then(|fix| Ok((whose(unit)?, fix))) {
            Ok((unit, fix)) => by_unit.entry(unit).or_default().push(fix),
            Err(reason) => {
                answer.rejected_total += 1;
                if answer.rejected.len() < REJECTED_MAX {
                    answer.rejected.push(RejectedLine { line, reason });
                }
            }
        }
    }
    let receipts: Vec<Receipt> = stream::iter(by_unit)
        .map(|(unit, fixes)| accept(intake, unit, fixes))
        .buffer_unordered(UNITS_AT_ONCE)
        .try_collect()
        .await?;
    for receipt in receipts {
        answer.accepted += receipt.accepted;
        answer.duplicates += receipt.duplicates;
    }
    Ok(())
}

async fn accept(intake: &dyn Intake, unit: UnitId, fixes: Vec<Fix>) -> Result<Receipt, IntakeError> {
    for _ in 0..TRIES {
        match intake.accept_marked(&unit, fixes.clone(), Marker::Stays).await {
            // Sent again, history has them once.
            Err(IntakeError::Full | IntakeError::Unknown(_)) => tokio::time::sleep(APART).await,
            outcome => return outcome,
        }
    }
    intake.accept_marked(&unit, fixes, Marker::Stays).await
}
