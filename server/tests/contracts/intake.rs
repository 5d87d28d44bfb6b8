//! What every intake promises, told through the archive that reads what it took.

use crate::{contract, contract_of_service, fix, queue::Queued, redis::Base, unit};
use async_trait::async_trait;
use futures::{TryStreamExt, future::join_all};
use sentinel_model::{Fix, Location, RoutePoint};
use sentinel_server::ports::{Archive, Intake, IntakeError, Marker, Receipt, TimeRange};
use std::{collections::BTreeSet, sync::Arc};

/// A place that keeps history while no engine is open on it.
#[async_trait]
pub trait History: Send + Sync {
    /// Opens an intake whose queue takes about `queue` submissions, and its archive.
    async fn open(&self, queue: usize) -> (Arc<dyn Intake>, Arc<dyn Archive>);

    /// Waits until the archive has all that was accepted, where that comes later.
    async fn settled(&self) {}

    /// Whether an intake counts as duplicates what history holds already; where the archive
    /// is elsewhere it leaves that to it.
    fn knows_what_it_holds(&self) -> bool {
        true
    }
}

/// The receipt for some that are new and some that history holds.
fn expected(history: &impl History, new: u64, held: u64) -> (u64, u64) {
    if history.knows_what_it_holds() { (new, held) } else { (new + held, 0) }
}

pub mod engines {
    use super::*;
    use sentinel_server::sqlite::{IntakeLimits, SqliteArchive, SqliteIntake};

    pub struct Sqlite(tempfile::TempDir);

    impl Sqlite {
        pub fn new() -> Self {
            Self(tempfile::tempdir().expect("a folder"))
        }
    }

    #[async_trait]
    impl History for Sqlite {
        async fn open(&self, queue: usize) -> (Arc<dyn Intake>, Arc<dyn Archive>) {
            let file = self.0.path().join("history.db");
            let limits = IntakeLimits { queue, ..IntakeLimits::default() };
            let intake = SqliteIntake::open(&file, limits).expect("opens");
            (Arc::new(intake), Arc::new(SqliteArchive::open(&file).expect("opens")))
        }
    }
}

macro_rules! every_engine {
    ($($story:ident)*) => {
        contract!(sqlite, engines::Sqlite::new(), $($story)*);
        contract_of_service!(redis, Queued::over(Base::redis()), $($story)*);
        contract_of_service!(redis_cluster, Queued::over(Base::cluster()), $($story)*);
    };
}

every_engine!(
    what_is_accepted_is_there_when_the_answer_comes
    what_is_accepted_is_there_after_reopening
    what_becomes_of_a_marker_changes_nothing_of_what_is_stored
    a_fix_is_the_same_by_unit_time_and_uuid
    the_first_of_two_that_are_the_same_stays
    the_same_fix_twice_in_one_submission_is_one_and_a_duplicate
    nothing_is_accepted_as_nothing
    many_submitters_are_each_answered_for_their_own
    a_full_queue_refuses_whole_submissions_and_takes_more_later
    draining_waits_for_every_answer
);

const ROOM: usize = 1000;

pub async fn receipt(intake: &dyn Intake, of: &str, fixes: Vec<Fix>) -> (u64, u64) {
    let Receipt { accepted, duplicates } = intake.accept(&unit(of), fixes).await.expect("accepted");
    (accepted, duplicates)
}

/// All points of a range; that they come in pieces, none empty, is seen to on the way.
pub async fn points(archive: &dyn Archive, of: &str, range: TimeRange) -> Vec<RoutePoint> {
    let pieces: Vec<Vec<RoutePoint>> = archive.points(&unit(of), range).try_collect().await.expect("reads");
    assert!(pieces.iter().all(|piece| !piece.is_empty()));
    pieces.concat()
}

async fn seconds(archive: &dyn Archive, of: &str) -> Vec<i64> {
    let points = points(archive, of, TimeRange::ALL).await;
    points.iter().map(|point| point.time.ms_since(crate::NOW) / 1000).collect()
}

async fn what_is_accepted_is_there_when_the_answer_comes(history: &impl History) {
    let (intake, archive) = history.open(ROOM).await;
    for n in 0..20 {
        assert_eq!(receipt(&*intake, "a", vec![fix(n)]).await, (1, 0));
        history.settled().await;
        assert_eq!(seconds(&*archive, "a").await, (0..=n).collect::<Vec<_>>());
    }
}

async fn what_is_accepted_is_there_after_reopening(history: &impl History) {
    for n in 0..5 {
        let (intake, archive) = history.open(ROOM).await;
        assert_eq!(seconds(&*archive, "a").await, (0..n).collect::<Vec<_>>());
        let again = expected(history, 1, n as u64);
        assert_eq!(receipt(&*intake, "a", (0..=n).map(fix).collect()).await, again);
        history.settled().await;
    }
}

async fn what_becomes_of_a_marker_changes_nothing_of_what_is_stored(history: &impl History) {
    let (intake, archive) = history.open(ROOM).await;
    let to = Location::of(unit("a"), None, &fix(1));
    let markers = [
        Marker::Follows(None),
        Marker::Follows(Some(to.clone())),
        Marker::Chosen { to: to.clone(), if_new: false },
        Marker::Stays,
        Marker::Chosen { to, if_new: true },
    ];
    for (n, marker) in (0..).zip(markers) {
        let fixes = vec![fix(n), fix(n + 100)];
        let Receipt { accepted, duplicates } =
            intake.accept_marked(&unit("a"), fixes, marker).await.expect("accepted");
        assert_eq!((accepted, duplicates), (2, 0));
    }
    history.settled().await;
    assert_eq!(seconds(&*archive, "a").await, (0..5).chain(100..105).collect::<Vec<_>>());
}

async fn a_fix_is_the_same_by_unit_time_and_uuid(history: &impl History) {
    let (intake, archive) = history.open(ROOM).await;
    let with = |uuid: Option<&str>| Fix { uuid: uuid.map(Into::into), ..fix(1) };
    assert_eq!(receipt(&*intake, "a", vec![with(None)]).await, (1, 0));
    assert_eq!(receipt(&*intake, "b", vec![with(None)]).await, (1, 0), "another unit");
    assert_eq!(receipt(&*intake, "a", vec![with(Some("x")), with(Some("y"))]).await, (2, 0), "other uuids");
    assert_eq!(receipt(&*intake, "a", vec![fix(2)]).await, (1, 0), "another time");
    assert_eq!(
        receipt(&*intake, "a", vec![with(Some("y")), fix(2), with(None), with(Some("x"))]).await,
        expected(history, 0, 4)
    );
    history.settled().await;
    assert_eq!(seconds(&*archive, "a").await, [1, 1, 1, 2]);
    assert_eq!(seconds(&*archive, "b").await, [1]);
}

async fn the_first_of_two_that_are_the_same_stays(history: &impl History) {
    let (intake, archive) = history.open(ROOM).await;
    receipt(&*intake, "a", vec![fix(1), fix(2), fix(3)]).await;
    history.settled().await;
    let other = Fix { latitude: -1.0, speed_mps: None, ..fix(2) };
    assert_eq!(receipt(&*intake, "a", vec![other]).await, expected(history, 0, 1));
    history.settled().await;
    let stored = archive.fixes(&unit("a"), TimeRange::ALL, 10).await.expect("reads");
    assert_eq!(stored, [fix(1), fix(2), fix(3)]);
}

async fn the_same_fix_twice_in_one_submission_is_one_and_a_duplicate(history: &impl History) {
    let (intake, archive) = history.open(ROOM).await;
    assert_eq!(receipt(&*intake, "a", vec![fix(3), fix(1), fix(3), fix(3), fix(2)]).await, (3, 2));
    history.settled().await;
    assert_eq!(seconds(&*archive, "a").await, [1, 2, 3]);
}

async fn nothing_is_accepted_as_nothing(history: &impl History) {
    let (intake, _archive) = history.open(ROOM).await;
    assert_eq!(receipt(&*intake, "a", Vec::new()).await, (0, 0));
}

/// Each posts its own fixes and some that its neighbour posts too.
async fn many_submitters_are_each_answered_for_their_own(history: &impl History) {
    let (intake, archive) = history.open(ROOM).await;
    let submitters = (0..100i64).map(|n| {
        let intake = intake.clone();
        tokio::spawn(async move { receipt(&*intake, "a", (n * 10..n * 10 + 15).map(fix).collect()).await })
    });
    let mut accepted = 0;
    for answer in join_all(submitters).await {
        let (new, old) = answer.expect("it ends");
        assert_eq!(new + old, 15);
        accepted += new;
    }
    // Where history is known each fix is new to exactly one of them.
    assert_eq!(accepted, expected(history, 1005, 495).0);
    history.settled().await;
    assert_eq!(seconds(&*archive, "a").await, (0..1005).collect::<Vec<_>>());
}

async fn a_full_queue_refuses_whole_submissions_and_takes_more_later(history: &impl History) {
    let (intake, archive) = history.open(2).await;
    // One task asks for all before it waits for any: the disk cannot keep up with that.
    let of = unit("a");
    let asked = join_all((0..500).map(|n| intake.accept(&of, (n * 3..n * 3 + 3).map(fix).collect()))).await;
    let (mut stored, mut refused) = (BTreeSet::new(), 0);
    for (n, answer) in (0..).zip(asked) {
        match answer {
            Ok(receipt) => {
                assert_eq!(receipt, Receipt { accepted: 3, duplicates: 0 });
                stored.extend(n * 3..n * 3 + 3);
            }
            Err(IntakeError::Full) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(refused > 0 && !stored.is_empty(), "{refused} refused");
    history.settled().await;
    assert_eq!(seconds(&*archive, "a").await, stored.into_iter().collect::<Vec<_>>());
    assert_eq!(receipt(&*intake, "a", vec![fix(10_000)]).await, (1, 0), "later there is room again");
}

async fn draining_waits_for_every_answer(history: &impl History) {
    let (intake, archive) = history.open(ROOM).await;
    let of = unit("a");
    let asked = join_all((0..200).map(|n| intake.accept(&of, vec![fix(n)])));
    let drained = async {
        // Asked after all of them, as `join` polls in order.
        intake.drain().await;
        assert_eq!(intake.queued(), 0);
        history.settled().await;
        assert_eq!(seconds(&*archive, "a").await.len(), 200);
    };
    let (answers, ()) = futures::future::join(asked, drained).await;
    assert!(answers.iter().all(Result::is_ok));
}
