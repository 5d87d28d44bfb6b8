//! Folding the write-ahead log back into the history file, beside the writer.
//!
//! A fold ends in a sync of the history file, which takes as long as there is to write:
//! the writer must not wait for that. So a second thread folds every
//! [`FOLD_EVERY`]. Once the log has [`LOG_PAGES`] it folds once more at once, which
//! leaves a few pages; those the writer folds itself, between two commits, because only
//! then can the log begin anew in the space it has (a file that does not grow syncs twice
//! as fast as one that does). Where readers keep the log from being folded it grows, up to
//! [`LOG_LIMIT_BYTES`], and intake then slows down to what the disk can take.

use rusqlite::Connection;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

const FOLD_EVERY: Duration = Duration::from_millis(500);

/// The log's length from which on it is to begin anew, in pages of 4 KiB: 16 MB.
const LOG_PAGES: i64 = 4_000;

/// The log's size, at most about.
const LOG_LIMIT_BYTES: u64 = 512 * 1024 * 1024;

/// What the two threads know of the log.
pub struct Log {
    path: PathBuf,
    /// Nearly all is folded: the writer can do the rest at little cost.
    nearly_folded: AtomicBool,
}

/// Where a fold left the log, in pages.
struct Folded {
    length: i64,
    folded: i64,
}

impl Log {
    pub fn of(history: &Path) -> Arc<Self> {
        let mut name = history.as_os_str().to_owned();
        name.push("-wal");
        Arc::new(Self { path: name.into(), nearly_folded: AtomicBool::new(false) })
    }

    /// The writer's part, between two commits.
    pub fn after_commit(&self, db: &Connection) {
        if self.nearly_folded.swap(false, Ordering::Relaxed) {
            fold(db, "PASSIVE", "writer");
        } else if std::fs::metadata(&self.path).is_ok_and(|log| log.len() > LOG_LIMIT_BYTES) {
            fold(db, "TRUNCATE", "writer");
        }
    }

    /// The second thread's part, until it is told to stop.
    pub fn fold_beside(&self, db: &Connection, stopped: &Receiver<()>) {
        while stopped.recv_timeout(FOLD_EVERY) == Err(RecvTimeoutError::Timeout) {
            self.fold_once(db);
        }
        fold(db, "TRUNCATE", "beside");
    }

    fn fold_once(&self, db: &Connection) {
        if fold(db, "PASSIVE", "beside")
            .is_some_and(|log| log.length >= LOG_PAGES && log.folded == log.length)
        {
            // What came meanwhile.
            fold(db, "PASSIVE", "beside");
            self.nearly_folded.store(true, Ordering::Relaxed);
        }
    }
}

fn fold(db: &Connection, how: &str, who: &'static str) -> Option<Folded> {
    let begun = Instant::now();
    let log = db.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| {
        Ok(Folded { length: row.get(1)?, folded: row.get(2)? })
    });
    metrics::histogram!("sentinel_fold_seconds", "by" => who).record(begun.elapsed());
    log.inspect_err(|error| {
        tracing::warn!(%error, "the history's log could not be folded back; it grows until it can");
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{HISTORY_SCHEMA, open::open};

    /// Writes one block of so many bytes, in a commit of its own.
    fn write(db: &Connection, first: i64, bytes: usize) {
        db.execute(
            "INSERT INTO block (unit, first, first_uuid, last, count, fixes) VALUES (1, ?1, '', 0, 0, zeroblob(?2))",
            rusqlite::params![first, i64::try_from(bytes).expect("fits")],
        )
        .expect("writes");
    }

    #[test]
    fn a_long_log_is_folded_beside_the_writer_and_then_begins_anew_in_its_space() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history.db");
        let (writer, beside) =
            (open(&path, &HISTORY_SCHEMA).expect("opens"), open(&path, &HISTORY_SCHEMA).expect("opens"));
        writer.pragma_update(None, "wal_autocheckpoint", 0).expect("sets");
        let log = Log::of(&path);
        let size = || std::fs::metadata(&log.path).expect("is there").len();

        write(&writer, 0, 1000);
        log.fold_once(&beside);
        assert!(!log.nearly_folded.load(Ordering::Relaxed), "a short log is left as it is");
        let long = usize::try_from(LOG_PAGES).expect("fits") * 4096;
        write(&writer, 1, long);
        log.fold_once(&beside);
        // While that went on.
        write(&writer, 2, 1000);
        let long = size();
        for round in 3..200 {
            log.after_commit(&writer);
            write(&writer, round, 10_000);
        }
        assert_eq!(size(), long, "it does not grow");
        let now = fold(&beside, "PASSIVE", "test").expect("folds");
        assert!(now.length < LOG_PAGES && now.folded == now.length, "{} pages", now.length);
    }
}
