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

/// Characters of an error that are told.
const SAID_MAX: usize = 300;

#[derive(Debug, thiserror::Error)]
pub enum MongoError {
    #[error("{}", brief(.0))]
    Driver(Error),
    #[error("the database did not answer within {0:?}")]
    Silent(Duration),
    #[error("the operation ended by a fault")]
    Fault(#[from] tokio::task::JoinError),
}

// Not a source to be told again: its own words carry the server's answer, byte by byte.
impl From<Error> for MongoError {
    fn from(error: Error) -> Self {
        Self::Driver(error)
    }
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

    /// Whether the server understood the command and answers that it will not do it. Of a
    /// document that is to be stored, [`refuses_document`](Self::refuses_document) says more.
    pub fn is_refusal(&self) -> bool {
        let Self::Driver(error) = self else { return false };
        match &*error.kind {
            ErrorKind::Command(command) => !is_passing(command.code) && !is_labelled(error),
            ErrorKind::Write(WriteFailure::WriteError(error)) => !is_passing(error.code),
            ErrorKind::Write(WriteFailure::WriteConcernError(error)) => !is_passing(error.code),
            ErrorKind::InvalidArgument { .. } | ErrorKind::Bson(_) => true,
            _ => false,
        }
    }

    /// Whether it is this very document that is not taken. Whatever else a server answers may
    /// be otherwise later: disks and people mend, and codes are many.
    pub fn refuses_document(&self) -> bool {
        let Self::Driver(error) = self else { return false };
        match &*error.kind {
            ErrorKind::Command(command) => is_of_the_document(command.code),
            ErrorKind::Write(WriteFailure::WriteError(error)) => is_of_the_document(error.code),
            ErrorKind::InsertMany(many) => {
                many.write_errors.iter().flatten().any(|error| is_of_the_document(error.code))
            }
            // Too large, as the driver sees by itself.
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
        let refused = self.refuses_document();
        let error = EngineError::new(what, self);
        if refused { StoreError::Refused(error) } else { StoreError::Away(error) }
    }
}

fn is_labelled(error: &Error) -> bool {
    ["RetryableWriteError", "RetryableError", "NoWritesPerformed"].iter().any(|l| error.contains_label(l))
}

/// Codes of a server that cannot do it now: it starts, stops, steps down, has no primary or
/// no majority, does not know who asks, has no room on its disk, or an error of its own.
fn is_passing(code: i32) -> bool {
    const CODES: [i32; 28] = [
        1, 6, 7, 8, 11, 13, 18, 24, 50, 64, 79, 89, 91, 100, 112, 133, 134, 189, 262, 9001, 10058, 10107,
        11600, 11601, 11602, 13435, 13436, 14031,
    ];
    CODES.contains(&code)
}

/// Codes that are about what a document holds, by their names in MongoDB's error_codes.yml.
fn is_of_the_document(code: i32) -> bool {
    const CODES: [i32; 16] = [
        2,     // BadValue
        9,     // FailedToParse
        14,    // TypeMismatch
        15,    // Overflow
        16,    // InvalidLength
        22,    // InvalidBSON
        52,    // DollarPrefixedFieldName
        53,    // InvalidIdField
        54,    // NotSingleValueField
        56,    // EmptyFieldName
        57,    // DottedFieldName
        121,   // DocumentValidationFailure
        171,   // CannotIndexParallelArrays
        201,   // CannotBuildIndexKeys
        10334, // BSONObjectTooLarge
        17280, // KeyTooLong, before 4.2
    ];
    CODES.contains(&code)
}

/// What went wrong, in a line for a log: the server's code and words, not its whole answer.
fn brief(error: &Error) -> String {
    let coded = |code: i32, name: Option<&str>, message: &str| match name.filter(|name| !name.is_empty()) {
        Some(name) => format!("error {code} ({name}): {message}"),
        None => format!("error {code}: {message}"),
    };
    let words = match &*error.kind {
        ErrorKind::Command(e) => coded(e.code, Some(&e.code_name), &e.message),
        ErrorKind::Write(WriteFailure::WriteError(e)) => coded(e.code, e.code_name.as_deref(), &e.message),
        ErrorKind::Write(WriteFailure::WriteConcernError(e)) => coded(e.code, Some(&e.code_name), &e.message),
        ErrorKind::InsertMany(many) => {
            let mut errors = many.write_errors.iter().flatten().filter(|e| e.code != DUPLICATE);
            match (errors.next(), &many.write_concern_error) {
                (Some(e), _) => coded(e.code, e.code_name.as_deref(), &e.message),
                (None, Some(e)) => coded(e.code, Some(&e.code_name), &e.message),
                (None, None) => "what was inserted is there already".into(),
            }
        }
        kind => kind.to_string(),
    };
    match words.char_indices().nth(SAID_MAX) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::{
        bson::{Document, deserialize_from_document, doc},
        error::{CommandError, InsertManyError},
    };

    fn answered(code: i32, message: &str) -> MongoError {
        let error = doc! { "code": code, "codeName": "Named", "errmsg": message };
        let error: CommandError = deserialize_from_document(error).expect("as a server answers");
        Error::from(ErrorKind::Command(error)).into()
    }

    fn inserted(errors: &[i32], concern: Option<i32>) -> MongoError {
        let errors: Vec<Document> =
            errors.iter().map(|code| doc! { "index": 0, "code": code, "errmsg": "no" }).collect();
        let mut answer = doc! { "writeErrors": errors };
        if let Some(code) = concern {
            answer.insert("writeConcernError", doc! { "code": code, "errmsg": "late" });
        }
        let error: InsertManyError = deserialize_from_document(answer).expect("as a server answers");
        Error::from(ErrorKind::InsertMany(error)).into()
    }

    fn is_refused(error: MongoError) -> bool {
        matches!(error.into_store_error("storing"), StoreError::Refused(_))
    }

    #[test]
    fn only_what_is_wrong_with_the_document_is_its_refusal() {
        for code in [2, 22, 121, 10334] {
            assert!(is_refused(answered(code, "")), "{code}");
            assert!(is_refused(inserted(&[DUPLICATE, code], None)), "{code}");
        }
        // A disk, a lock, a shutdown, a right that is missing, a code nobody has heard of.
        for code in [1, 24, 46, 91, 13, 112, 314, 14031, 123_456, -1, 0] {
            assert!(!is_refused(answered(code, "")), "{code}");
            assert!(!is_refused(inserted(&[code], Some(64))), "{code}");
        }
        assert!(!is_refused(inserted(&[], Some(100))));
        assert!(!is_refused(MongoError::Silent(SOON)));
        assert!(!is_refused(Error::from(std::io::Error::other("cut")).into()));
    }

    #[test]
    fn an_error_is_told_once_in_a_line_with_its_code() {
        let error = answered(1, "disk I/O error");
        assert_eq!(error.to_string(), "error 1 (Named): disk I/O error");
        assert!(std::error::Error::source(&error).is_none());
        assert_eq!(inserted(&[DUPLICATE, 121], Some(64)).to_string(), "error 121: no");
        assert_eq!(inserted(&[], Some(64)).to_string(), "error 64: late");
        let long = answered(1, &"ü".repeat(5000)).to_string();
        assert_eq!(long.chars().count(), SAID_MAX + 1);
    }
}
