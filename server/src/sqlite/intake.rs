//! Durable acceptance: one writer thread, group commit.
//!
//! Requests queue their fixes; the writer takes all that wait, writes them in one
//! transaction, and answers each when the commit is on disk. While the disk syncs,
//! the next group gathers: the slower the disk, the larger the groups. The queue is
//! bounded; what does not fit is refused at once, so that the device tries again.
//!
//! The write-ahead log is folded back into the file by a second thread; the writer
//! folds what is left whenever the log reaches [`LOG_PAGES`], and begins it anew in the
//! space it has: a file that does not grow syncs twice as fast as one that does. Only
//! where readers keep the log from being folded does it grow, up to [`LOG_LIMIT_BYTES`],
//! and intake then slows down to what the disk can take.

use super::{
    HISTORY_SCHEMA,
    open::{open, open_reader},
    writer::{BlockWriter, WriteError},
};
use crate::ports::{EngineError, Intake, IntakeError, Receipt};
use async_trait::async_trait;
use rusqlite::Connection;
use sentinel_model::{Fix, UnitId};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

#[derive(Debug, Clone, Copy)]
pub struct IntakeLimits {
    /// Submissions that may wait for a commit.
    pub queue: usize,
    /// Fixes that end a group, so that one commit stays short.
    pub group_fixes: usize,
}

impl Default for IntakeLimits {
    fn default() -> Self {
        Self { queue: 8192, group_fixes: 16_384 }
    }
}

/// How often the log is folded back.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);

/// The log's length from which on the writer folds it too, in pages of 4 KiB: 16 MB.
const LOG_PAGES: u32 = 4_000;

/// The log's size, at most about.
const LOG_LIMIT_BYTES: u64 = 512 * 1024 * 1024;

struct Submission {
    unit: UnitId,
    fixes: Vec<Fix>,
    answer: oneshot::Sender<Answer>,
}

type Outcome = Result<Receipt, Arc<WriteError>>;

/// What a request learns, and what it hands on to the others of its group.
///
/// The writer wakes one request of a group, and that one wakes the rest: from inside the
/// runtime this costs a queue entry each, from the writer's thread a system call each.
struct Answer {
    outcome: Outcome,
    others: Others,
}

/// Answers the others when dropped, so they are answered whatever becomes of the one
/// that holds this.
struct Others(Vec<(oneshot::Sender<Answer>, Outcome)>);

impl Drop for Others {
    fn drop(&mut self) {
        for (answer, outcome) in self.0.drain(..) {
            // A requester that hung up will send again and be told "duplicate".
            answer.send(Answer { outcome, others: Others(Vec::new()) }).ok();
        }
    }
}

pub struct SqliteIntake {
    queue: mpsc::Sender<Submission>,
    waiting: Arc<AtomicU64>,
    path: PathBuf,
    threads: parking_lot::Mutex<Vec<JoinHandle<()>>>,
}

impl SqliteIntake {
    /// Opens (or makes) the history file and starts its writer.
    pub fn open(path: &Path, limits: IntakeLimits) -> Result<Self, EngineError> {
        let db = open(path, &HISTORY_SCHEMA)?;
        db.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)
            .map_err(EngineError::during("setting up the history file"))?;
        let folder = open(path, &HISTORY_SCHEMA)?;
        let (queue, submissions) = mpsc::channel(limits.queue);
        let (stop_folding, stopped) = std::sync::mpsc::channel();
        let log = log_path(path);
        let waiting = Arc::new(AtomicU64::new(0));
        let start = |name: &str, work: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new()
                .name(name.into())
                .spawn(work)
                .map_err(EngineError::during("starting a database thread"))
        };
        let writer = start("history-writer", {
            let waiting = waiting.clone();
            Box::new(move || {
                let _stop_folding_at_end = stop_folding;
                write_groups(&db, submissions, limits, &waiting, &log);
            })
        })?;
        let folding = start("history-fold", Box::new(move || fold_log(&folder, &stopped)))?;
        Ok(Self {
            queue,
            waiting,
            path: path.to_owned(),
            threads: parking_lot::Mutex::new(vec![writer, folding]),
        })
    }

    pub fn reader(&self) -> Result<Connection, EngineError> {
        open_reader(&self.path)
    }
}

#[async_trait]
impl Intake for SqliteIntake {
    async fn accept(&self, unit: &UnitId, fixes: Vec<Fix>) -> Result<Receipt, IntakeError> {
        if fixes.is_empty() {
            return Ok(Receipt::default());
        }
        let (answer, answered) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(Submission { unit: unit.clone(), fixes, answer }).map_err(|e| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            match e {
                mpsc::error::TrySendError::Full(_) => IntakeError::Full,
                mpsc::error::TrySendError::Closed(_) => IntakeError::Stopping,
            }
        })?;
        let Ok(Answer { outcome, others }) = answered.await else { return Err(IntakeError::Stopping) };
        drop(others);
        outcome.map_err(|error| IntakeError::Store(Box::new(SharedError(error))))
    }

    fn queued(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    async fn drain(&self) {
        while self.queued() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for SqliteIntake {
    /// Answers what was taken, folds the log, and closes the file.
    fn drop(&mut self) {
        let (closed, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.queue, closed));
        for thread in self.threads.get_mut().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a database thread ended in a panic");
            }
        }
    }
}

/// One failure, told to every request of the group that it struck.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct SharedError(Arc<WriteError>);

fn write_groups(
    db: &Connection,
    mut submissions: mpsc::Receiver<Submission>,
    limits: IntakeLimits,
    waiting: &AtomicU64,
    log: &Path,
) {
    let mut writer = BlockWriter::default();
    while let Some(first) = submissions.blocking_recv() {
        // Whoever else is about to submit gets to do so first, where threads share a core.
        std::thread::yield_now();
        let mut group = vec![first];
        let mut fixes = group[0].fixes.len();
        while fixes < limits.group_fixes
            && let Ok(next) = submissions.try_recv()
        {
            fixes += next.fixes.len();
            group.push(next);
        }
        let size = group.len() as u64;
        commit(db, &mut writer, group);
        waiting.fetch_sub(size, Ordering::Relaxed);
        if std::fs::metadata(log).is_ok_and(|log| log.len() > LOG_LIMIT_BYTES) {
            fold(db, "TRUNCATE");
        }
    }
}

fn commit(db: &Connection, writer: &mut BlockWriter, group: Vec<Submission>) {
    let mut answers = Vec::with_capacity(group.len());
    let outcome = (|| {
        db.execute_batch("BEGIN IMMEDIATE")?;
        let mut receipts = Vec::with_capacity(group.len());
        for submission in group {
            answers.push(submission.answer);
            receipts.push(writer.write(db, &submission.unit, submission.fixes)?);
        }
        db.execute_batch("COMMIT")?;
        Ok::<_, WriteError>(receipts)
    })();
    match outcome {
        Ok(receipts) => {
            tell(answers.into_iter().zip(receipts.into_iter().map(Ok)).collect());
        }
        Err(error) => {
            if !db.is_autocommit()
                && let Err(rollback) = db.execute_batch("ROLLBACK")
            {
                tracing::error!(%rollback, "the history's transaction could not be rolled back");
            }
            writer.forget();
            tracing::error!(%error, requests = answers.len(), "a group of positions could not be stored");
            let error = Arc::new(error);
            tell(answers.into_iter().map(|answer| (answer, Err(error.clone()))).collect());
        }
    }
}

/// Answers a group through one of its requests.
fn tell(mut group: Vec<(oneshot::Sender<Answer>, Outcome)>) {
    if let Some((one, outcome)) = group.pop() {
        // Where that one has hung up, its answer comes back and is dropped here.
        one.send(Answer { outcome, others: Others(group) }).ok();
    }
}

fn fold_log(db: &Connection, stopped: &std::sync::mpsc::Receiver<()>) {
    use std::sync::mpsc::RecvTimeoutError;
    while stopped.recv_timeout(CHECKPOINT_EVERY) == Err(RecvTimeoutError::Timeout) {
        fold(db, "PASSIVE");
    }
    fold(db, "TRUNCATE");
}

fn fold(db: &Connection, how: &str) {
    if let Err(error) = db.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |_| Ok(())) {
        tracing::warn!(%error, "the history's log could not be folded back; it grows until it can");
    }
}

fn log_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}
