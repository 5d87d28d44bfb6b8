//! The writer's thread: what waits becomes one transaction, and each is answered.

use super::{
    fold::Log,
    intake::IntakeLimits,
    writer::{BlockWriter, WriteError},
};
use crate::ports::{Marker, Receipt};
use rusqlite::Connection;
use sentinel_model::{Fix, UnitId};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::sync::{mpsc, oneshot};

pub struct Submission {
    pub unit: UnitId,
    pub fixes: Vec<Fix>,
    pub marker: Marker,
    pub answer: oneshot::Sender<Answer>,
    pub waiting: Waiting,
}

/// What the writer's thread is given to do, in order.
pub enum Work {
    Store(Submission),
    /// Something else than storing, between two groups.
    Apart(Apart),
}

pub type Apart = Box<dyn FnOnce(&Connection, &mut BlockWriter) + Send>;

pub type Outcome = Result<Receipt, Arc<WriteError>>;

/// Counts a submission from when it is made until it is dropped, so also where the
/// writer's thread ends before it gets to it.
pub struct Waiting(Arc<AtomicU64>);

impl Waiting {
    pub fn one_of(count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a request learns, and what it hands on to the others of its group.
///
/// The writer wakes one request of a group, and that one wakes the rest: from inside the
/// runtime this costs a queue entry each, from the writer's thread a system call each.
pub struct Answer {
    pub outcome: Outcome,
    pub others: Others,
}

/// Answers the others when dropped, so they are answered whatever becomes of the one
/// that holds this.
pub struct Others(Vec<(oneshot::Sender<Answer>, Outcome)>);

impl Drop for Others {
    fn drop(&mut self) {
        for (answer, outcome) in self.0.drain(..) {
            // A requester that hung up will send again and be told "duplicate".
            answer.send(Answer { outcome, others: Others(Vec::new()) }).ok();
        }
    }
}

/// Writes and answers until nobody can submit any more.
pub fn write_groups(db: &Connection, mut works: mpsc::Receiver<Work>, limits: IntakeLimits, log: &Log) {
    let took = metrics::histogram!("sentinel_commit_seconds");
    let mut writer = BlockWriter::default();
    let mut next = None;
    while let Some(work) = next.take().or_else(|| works.blocking_recv()) {
        let first = match work {
            Work::Store(first) => first,
            Work::Apart(work) => {
                work(db, &mut writer);
                continue;
            }
        };
        // Whoever else is about to submit gets to do so first, where threads share a core.
        std::thread::yield_now();
        let mut group = vec![first];
        let mut fixes = group[0].fixes.len();
        while fixes < limits.group_fixes && next.is_none() {
            match works.try_recv() {
                Ok(Work::Store(another)) => {
                    fixes += another.fixes.len();
                    group.push(another);
                }
                Ok(apart @ Work::Apart(_)) => next = Some(apart),
                Err(_) => break,
            }
        }
        let begun = Instant::now();
        let outcomes = commit(db, &mut writer, &group);
        took.record(begun.elapsed());
        tell(group, outcomes);
        log.after_commit(db);
    }
}

/// Stores a group; answers what became of each, in order.
fn commit(db: &Connection, writer: &mut BlockWriter, group: &[Submission]) -> Vec<Outcome> {
    store(db, writer, group).unwrap_or_else(|error| {
        roll_back(db, writer);
        tracing::error!(%error, requests = group.len(), "a group of positions could not be stored");
        let error = Arc::new(error);
        group.iter().map(|_| Err(error.clone())).collect()
    })
}

fn store(
    db: &Connection,
    writer: &mut BlockWriter,
    group: &[Submission],
) -> Result<Vec<Outcome>, WriteError> {
    db.execute_batch("BEGIN IMMEDIATE")?;
    let receipts: Result<Vec<Receipt>, WriteError> =
        group.iter().map(|one| writer.write_marked(db, &one.unit, &one.fixes, &one.marker)).collect();
    let outcomes = match receipts {
        Ok(receipts) => receipts.into_iter().map(Ok).collect(),
        Err(_) => {
            roll_back(db, writer);
            store_apart(db, writer, group)?
        }
    };
    db.execute_batch("COMMIT")?;
    Ok(outcomes)
}

/// The group once more after an error, each by itself within the transaction, so that
/// what is wrong with one unit is that unit's alone.
fn store_apart(
    db: &Connection,
    writer: &mut BlockWriter,
    group: &[Submission],
) -> Result<Vec<Outcome>, WriteError> {
    db.execute_batch("BEGIN IMMEDIATE")?;
    let mut outcomes = Vec::with_capacity(group.len());
    for one in group {
        db.execute_batch("SAVEPOINT one")?;
        let outcome = match writer.write_marked(db, &one.unit, &one.fixes, &one.marker) {
            // SQLite gave the whole transaction up, as it does where the disk is full.
            Err(error) if db.is_autocommit() => return Err(error),
            Err(error) => {
                db.execute_batch("ROLLBACK TO one")?;
                writer.forget();
                tracing::error!(
                    unit = %one.unit,
                    %error,
                    "this unit's positions cannot be stored, those of all others are; if its history is \
                     damaged, restore history.db from a backup"
                );
                Err(Arc::new(error))
            }
            Ok(receipt) => Ok(receipt),
        };
        db.execute_batch("RELEASE one")?;
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn roll_back(db: &Connection, writer: &mut BlockWriter) {
    if !db.is_autocommit()
        && let Err(error) = db.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "the history's transaction could not be rolled back");
    }
    writer.forget();
}

/// Answers a group through one of its requests.
fn tell(group: Vec<Submission>, outcomes: Vec<Outcome>) {
    let (answers, _still_waiting): (Vec<_>, Vec<_>) =
        group.into_iter().map(|one| (one.answer, one.waiting)).unzip();
    let mut group: Vec<_> = answers.into_iter().zip(outcomes).collect();
    if let Some((one, outcome)) = group.pop() {
        // Where that one has hung up, its answer comes back and is dropped here.
        one.send(Answer { outcome, others: Others(group) }).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block;
    use crate::sqlite::{HISTORY_SCHEMA, open, plain_fix as fix};

    fn group(of: &[(&str, &[i64])]) -> Vec<Submission> {
        let submission = |(unit, times): &(&str, &[i64])| Submission {
            unit: unit.parse().expect("a good id"),
            fixes: times.iter().copied().map(fix).collect(),
            marker: Marker::Follows(None),
            answer: oneshot::channel().0,
            waiting: Waiting::one_of(&Arc::default()),
        };
        of.iter().map(submission).collect()
    }

    fn told(outcomes: &[Outcome]) -> Vec<Option<(u64, u64)>> {
        let receipt = |outcome: &Outcome| outcome.as_ref().ok().map(|r| (r.accepted, r.duplicates));
        outcomes.iter().map(receipt).collect()
    }

    fn stored(db: &Connection, unit: &str) -> usize {
        let mut rows = db
            .prepare("SELECT fixes FROM block WHERE unit = (SELECT ix FROM unit WHERE id = ?1)")
            .expect("prepares");
        let blocks = rows.query_map([unit], |row| row.get::<_, Vec<u8>>(0)).expect("queries");
        blocks.map(|b| block::unpack_all(&b.expect("reads")).expect("unpacks").0.len()).sum()
    }

    #[test]
    fn one_unit_s_damaged_history_is_that_unit_s_trouble_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = open::open(&folder.path().join("h.db"), &HISTORY_SCHEMA).expect("opens");
        let mut writer = BlockWriter::default();
        commit(&db, &mut writer, &group(&[("good", &[1]), ("bad", &[1]), ("other", &[1])]));
        db.execute("UPDATE block SET fixes = x'ff' WHERE unit = (SELECT ix FROM unit WHERE id = 'bad')", [])
            .expect("damages");
        writer.forget();
        for n in 0..3 {
            let posts = group(&[
                ("good", &[n * 10 + 2, n * 10 + 3]),
                ("bad", &[n * 10 + 2]),
                ("good", &[n * 10 + 3, n * 10 + 4]),
                ("new", &[n]),
                ("other", &[1]),
            ]);
            let outcomes = commit(&db, &mut writer, &posts);
            assert_eq!(told(&outcomes), [Some((2, 0)), None, Some((1, 1)), Some((1, 0)), Some((0, 1))]);
        }
        assert_eq!([stored(&db, "good"), stored(&db, "new"), stored(&db, "other")], [10, 3, 1]);
    }

    #[test]
    fn a_group_that_the_disk_refuses_is_refused_whole_and_the_next_one_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = open::open(&folder.path().join("h.db"), &HISTORY_SCHEMA).expect("opens");
        let mut writer = BlockWriter::default();
        db.pragma_update(None, "query_only", true).expect("sets");
        let outcomes = commit(&db, &mut writer, &group(&[("a", &[1]), ("b", &[1])]));
        assert_eq!(told(&outcomes), [None, None]);
        db.pragma_update(None, "query_only", false).expect("sets");
        let outcomes = commit(&db, &mut writer, &group(&[("a", &[1, 2]), ("b", &[1])]));
        assert_eq!(told(&outcomes), [Some((2, 0)), Some((1, 0))]);
    }
}
