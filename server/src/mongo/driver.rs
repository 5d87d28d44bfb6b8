//! What the driver's operations and errors mean here.

use crate::ports::{EngineError, StoreError};
use mongodb::error::{Error, ErrorKind, WriteError, WriteFailure};
use std::{future::Future, time::Duration};

/// For what a request waits for: longer than the driver looks for a server and the server
/// for its majority.
pub const SOON: Duration = Duration::from_secs(15);

/// For reads of many documents.
pub const LATER: Duration = Duration::from_secs(60);

/// An `_id`, or another unique value, is there already.
const DUPLICATE: i32 = 11000;

#[derive(Debug, thiserror::Error)]
pub enum MongoError {
    #[error(transparent)]
    Driver(#[from] Error),
    #[error("the database did not answer within {0:?}")]
    Silent(Duration),
    #[error("the operation ended by a fault")]
    Fault(#[from] tokio::task::JoinError),
}

impl From<mongodb::bson::error::Error> for MongoError {
    fn from(error: mongodb::bson::error::Error) -> Self {
        Self::Driver(error.into())
    }
}

/// Waits for an operation of the driver for a limited time. The operation itself is always
/// run to its end, in a task: the driver's futures must not be dropped half way. A server
/// that hangs holds such tasks until its connections end, but gets no more of them once
/// the driver's monitor has found it silent.
pub async fn within<T: Send + 'static>(
    limit: Duration,
    operation: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, MongoError> {
    match tokio::time::timeout(limit, tokio::spawn(operation)).await {
        Ok(ended) => Ok(ended??),
        Err(_) => Err(MongoError::Silent(limit)),
    }
}

impl MongoError {
    /// Whether the insert of one document found its `_id` taken.
    pub fn is_duplicate(&self) -> bool {
        let Self::Driver(error) = self else { return false };
        matches!(&*error.kind, ErrorKind::Write(WriteFailure::WriteError(WriteError { code: DUPLICATE, .. })))
    }

    /// Whether the server understood and answers that it will not do this.
    pub fn is_refusal(&self) -> bool {
        let Self::Driver(error) = self else { return false };
        match &*error.kind {
            ErrorKind::Command(command) => !is_passing(command.code) && !is_labelled(error),
            ErrorKind::Write(WriteFailure::WriteError(error)) => !is_passing(error.code),
            ErrorKind::Write(WriteFailure::WriteConcernError(error)) => !is_passing(error.code),
            ErrorKind::InsertMany(many) => {
                many.write_errors.iter().flatten().any(|e| e.code != DUPLICATE && !is_passing(e.code))
            }
            ErrorKind::InvalidArgument { .. } | ErrorKind::Bson(_) => true,
            _ => false,
        }
    }

    /// What the documents of an unordered insert have in common with those that are there
    /// already is no error: the indexes of those, or what went wrong with others.
    pub fn duplicates(self) -> Result<Vec<usize>, Self> {
        let Self::Driver(error) = &self else { return Err(self) };
        let ErrorKind::InsertMany(many) = &*error.kind else { return Err(self) };
        let errors = many.write_errors.as_deref().unwrap_or_default();
        if many.write_concern_error.is_some() || errors.iter().any(|e| e.code != DUPLICATE) {
            return Err(self);
        }
        Ok(errors.iter().map(|e| e.index).collect())
    }

    pub fn into_store_error(self, what: &'static str) -> StoreError {
        let refused = self.is_refusal();
        let error = EngineError::new(what, self);
        if refused { StoreError::Refused(error) } else { StoreError::Away(error) }
    }
}

fn is_labelled(error: &Error) -> bool {
    ["RetryableWriteError", "RetryableError", "NoWritesPerformed"].iter().any(|l| error.contains_label(l))
}

/// Codes of a server that cannot do it now: it starts, stops, steps down, has no primary or
/// no majority, does not know who asks, has no room on its disk.
fn is_passing(code: i32) -> bool {
    const CODES: [i32; 25] = [
        6, 7, 8, 11, 13, 18, 50, 64, 79, 89, 91, 100, 133, 134, 189, 262, 9001, 10058, 10107, 11600, 11602,
        13435, 13436, 14031, 11601,
    ];
    CODES.contains(&code)
}
