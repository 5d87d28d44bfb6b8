//! Durable acceptance: one writer thread, group commit.
//!
//! Requests queue their fixes; the writer ([`group`](super::group)) takes all that wait,
//! writes them in one transaction, and answers each when the commit is on disk. While the
//! disk syncs, the next group gathers: the slower the disk, the larger the groups. The
//! queue is bounded; what does not fit is refused at once, so that the device tries again.
//! What is erased or has expired is removed by the same thread ([`erase`](super::erase)).
//! A second thread keeps the write-ahead log short ([`fold`](super::fold)).

use super::{
    HISTORY_SCHEMA, erase,
    fold::Log,
    group::{Answer, Submission, Waiting, Work, write_groups},
    open::open,
    writer::{BlockWriter, WriteError},
};
use crate::ports::{EngineError, EraseError, Erased, Erasure, Intake, IntakeError, Marker, Receipt};
use async_trait::async_trait;
use rusqlite::Connection;
use sentinel_model::{Fix, Time, UnitId};
use std::{
    path::Path,
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

pub struct SqliteIntake {
    queue: mpsc::Sender<Work>,
    waiting: Arc<AtomicU64>,
    threads: parking_lot::Mutex<Vec<JoinHandle<()>>>,
}

impl SqliteIntake {
    /// Opens (or makes) the history file and starts its threads.
    pub fn open(path: &Path, limits: IntakeLimits) -> Result<Self, EngineError> {
        let (db, folding_db) = (open(path, &HISTORY_SCHEMA)?, open(path, &HISTORY_SCHEMA)?);
        // Folding is done by `Log`, never within a commit.
        db.pragma_update(None, "wal_autocheckpoint", 0)
            .map_err(EngineError::during("setting up the history file"))?;
        // What a process left that ended while it erased.
        while erase::remove_some(&db).map_err(EngineError::during("erasing a unit's history"))? {}
        let log = Log::of(path);
        let (stop_folding, stopped) = std::sync::mpsc::channel();
        let intake = Self::start(limits, {
            let log = log.clone();
            move |submissions| {
                let _stop_folding_at_end = stop_folding;
                write_groups(&db, submissions, limits, &log);
            }
        })?;
        let folding = thread("history-fold", move || log.fold_beside(&folding_db, &stopped))?;
        intake.threads.lock().push(folding);
        Ok(intake)
    }

    /// Starts the thread that takes from the queue.
    fn start(
        limits: IntakeLimits,
        write: impl FnOnce(mpsc::Receiver<Work>) + Send + 'static,
    ) -> Result<Self, EngineError> {
        let (queue, submissions) = mpsc::channel(limits.queue);
        let writer = thread("history-writer", move || write(submissions))?;
        Ok(Self { queue, waiting: Arc::default(), threads: parking_lot::Mutex::new(vec![writer]) })
    }
}

impl SqliteIntake {
    /// Does something on the writer's thread, in a commit of its own, after all that was
    /// submitted before.
    async fn apart<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection, &mut BlockWriter) -> Result<T, WriteError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (answer, answered) = oneshot::channel();
        let work = Work::Apart(Box::new(move |db, writer| {
            // The asker may be gone; what it asked for is done all the same.
            answer.send(work(db, writer)).ok();
        }));
        let sent = self.queue.send(work).await;
        sent.map_err(|_| EngineError::new(what, IntakeError::Stopping))?;
        let outcome = answered.await.map_err(|_| EngineError::new(what, IntakeError::Stopping))?;
        outcome.map_err(EngineError::during(what))
    }

    /// Removes history that ended before a time, a little at a time.
    pub async fn drop_before(&self, time: Time) -> Result<(), EngineError> {
        let some = move |db: &Connection, writer: &mut BlockWriter| erase::drop_some_before(db, writer, time);
        while self.apart("dropping expired history", some).await? {}
        Ok(())
    }

    /// Removes what is left of histories that were being erased.
    async fn remove_hidden(&self) -> Result<(), EngineError> {
        while self.apart("erasing a unit's history", |db, _| erase::remove_some(db)).await? {}
        Ok(())
    }
}

#[async_trait]
impl Erasure for SqliteIntake {
    async fn erase(&self, unit: &UnitId) -> Result<Erased, EraseError> {
        let unit = unit.clone();
        let hide = move |db: &Connection, writer: &mut BlockWriter| erase::hide(db, writer, &unit);
        let fixes = self.apart("erasing a unit's history", hide).await?;
        self.remove_hidden().await?;
        Ok(Erased { fixes, given_up: 0 })
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, EngineError> {
    let started = std::thread::Builder::new().name(name.into()).spawn(work);
    started.map_err(EngineError::during("starting a database thread"))
}

#[async_trait]
impl Intake for SqliteIntake {
    async fn accept(&self, unit: &UnitId, fixes: Vec<Fix>) -> Result<Receipt, IntakeError> {
        self.accept_marked(unit, fixes, Marker::Follows(None)).await
    }

    async fn accept_marked(
        &self,
        unit: &UnitId,
        fixes: Vec<Fix>,
        marker: Marker,
    ) -> Result<Receipt, IntakeError> {
        if fixes.is_empty() {
            return Ok(Receipt::default());
        }
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting::one_of(&self.waiting);
        let submission = Work::Store(Submission { unit: unit.clone(), fixes, marker, answer, waiting });
        self.queue.try_send(submission).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => IntakeError::Full,
            mpsc::error::TrySendError::Closed(_) => IntakeError::Stopping,
        })?;
        let Ok(Answer { outcome, others }) = answered.await else { return Err(IntakeError::Stopping) };
        drop(others);
        outcome.map_err(|error| IntakeError::Store(Box::new(SharedError(error))))
    }

    fn queued(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The queue closes when the writer's thread ends, however it ends.
    fn is_alive(&self) -> bool {
        !self.queue.is_closed()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plain_fix;

    #[tokio::test]
    async fn a_writer_that_dies_is_noticed_and_nobody_waits_for_it() {
        let (die, dies) = std::sync::mpsc::channel::<()>();
        let intake = SqliteIntake::start(IntakeLimits::default(), move |mut submissions| {
            let _in_hand = submissions.blocking_recv();
            dies.recv().expect("it is told");
            panic!("the writer dies, as this test wants it to");
        })
        .expect("starts");
        let unit: UnitId = "u".parse().expect("a good id");
        assert!(intake.is_alive());
        let asked = futures::future::join_all((0..3).map(|_| intake.accept(&unit, vec![plain_fix(1)])));
        let dying = async {
            assert_eq!(intake.queued(), 3);
            die.send(()).expect("it waits");
            intake.drain().await;
        };
        let both = futures::future::join(asked, dying);
        let (answers, ()) = tokio::time::timeout(Duration::from_secs(20), both).await.expect("it ends");
        assert!(answers.iter().all(|answer| matches!(answer, Err(IntakeError::Stopping))), "{answers:?}");
        assert!(!intake.is_alive());
        assert!(matches!(intake.accept(&unit, vec![plain_fix(1)]).await, Err(IntakeError::Stopping)));
        assert_eq!(intake.queued(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_where_people_were() {
        use std::{fs, os::unix::fs::PermissionsExt};
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history.db");
        // As earlier versions made it.
        fs::write(&path, "").expect("writes");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("sets");
        let _intake = SqliteIntake::open(&path, IntakeLimits::default()).expect("opens");
        for name in ["history.db", "history.db-wal", "history.db-shm"] {
            let mode = fs::metadata(folder.path().join(name)).expect("is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
}
