//! What erasure and retention promise of an archive that is the process's own.

use crate::{
    NOW, fix,
    intake::{points, receipt},
    unit,
};
use sentinel_model::{Fix, Location, Time};
use sentinel_server::{
    ports::{Archive, Erased, Erasure, Intake, Marker, TimeRange},
    sqlite::{IntakeLimits, SqliteArchive, SqliteIntake},
};
use std::path::Path;

fn open(folder: &Path) -> (SqliteIntake, SqliteArchive) {
    let file = folder.join("history.db");
    let intake = SqliteIntake::open(&file, IntakeLimits::default()).expect("opens");
    (intake, SqliteArchive::open(&file).expect("opens"))
}

/// Told by a word of their own, so that files can be searched for it.
fn marked(n: i64) -> Fix {
    Fix { extras: Some(format!("{{\"note\":\"whisper-{n}\"}}").into()), ..fix(n) }
}

fn on_disk(folder: &Path, word: &str) -> bool {
    let files = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    files
        .map(|file| std::fs::read(file).expect("reads"))
        .any(|bytes| bytes.windows(word.len()).any(|w| w == word.as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_is_gone_from_the_disk_too_and_what_comes_after_is_new() {
    let folder = tempfile::tempdir().expect("a folder");
    let (intake, archive) = open(folder.path());
    for of in ["a", "b"] {
        receipt(&intake, of, (0..1000).map(fix).collect()).await;
    }
    receipt(&intake, "a", (1000..1300).map(marked).collect()).await;
    assert!(on_disk(folder.path(), "whisper-1100"));
    let erased = intake.erase(&unit("a")).await.expect("erases");
    assert_eq!(erased, Erased { fixes: 1300, given_up: 0 });
    assert_eq!(points(&archive, "a", TimeRange::ALL).await, []);
    assert!(archive.last_before(&[unit("a")], Time(i64::MAX)).await.expect("reads").is_empty());
    assert!(!on_disk(folder.path(), "whisper-"));
    assert_eq!(receipt(&intake, "a", (990..1010).map(fix).collect()).await, (20, 0), "all of it is new");
    assert_eq!(receipt(&intake, "a", vec![fix(5000)]).await, (1, 0));
    drop((intake, archive));
    let (intake, archive) = open(folder.path());
    assert_eq!(points(&archive, "a", TimeRange::ALL).await.len(), 21);
    assert_eq!(points(&archive, "b", TimeRange::ALL).await.len(), 1000, "another's is untouched");
    assert_eq!(intake.erase(&unit("nobody")).await.expect("erases"), Erased::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_goes_and_what_is_appended_after_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let (intake, archive) = open(folder.path());
    // Of one all is old, of the other half; blocks that hold something newer stay whole.
    receipt(&intake, "old", (0..640).map(fix).collect()).await;
    receipt(&intake, "half", (0..1280).map(fix).collect()).await;
    intake.drop_before(NOW.plus_ms(700_000)).await.expect("drops");
    assert_eq!(points(&archive, "old", TimeRange::ALL).await, []);
    let left = points(&archive, "half", TimeRange::ALL).await;
    assert_eq!((left.len(), left[0].time), (640, NOW.plus_ms(640_000)));
    // Into nothing that is gone.
    assert_eq!(receipt(&intake, "old", vec![fix(2000)]).await, (1, 0));
    assert_eq!(receipt(&intake, "half", vec![fix(2000)]).await, (1, 0));
    assert_eq!(points(&archive, "old", TimeRange::ALL).await.len(), 1);
    assert_eq!(points(&archive, "half", TimeRange::ALL).await.len(), 641);
}

fn place(of: &str, seconds: i64) -> Location {
    Location::of(unit(of), None, &fix(seconds))
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_unit_is_shown_is_kept_only_where_history_does_not_tell_it_and_goes_with_the_history() {
    let folder = tempfile::tempdir().expect("a folder");
    let (intake, archive) = open(folder.path());
    let accept = async |of: &str, seconds: i64, marker: Marker| {
        intake.accept_marked(&unit(of), vec![fix(seconds)], marker).await.expect("accepted");
    };
    let follows = |of: &str, seconds: i64| Marker::Follows(Some(place(of, seconds)));
    for of in ["plain", "imported", "chosen", "erased"] {
        accept(of, 10, follows(of, 10)).await;
    }
    let chosen = |of: &str, seconds: i64| Marker::Chosen { to: place(of, seconds), if_new: false };
    // What is there already is no newer word of a clock that is wrong.
    accept("chosen", 10, Marker::Chosen { to: place("chosen", 99), if_new: true }).await;
    accept("chosen", 20, chosen("chosen", 10)).await;
    accept("chosen", 5, chosen("chosen", 5)).await;
    accept("erased", 20, chosen("erased", 10)).await;
    accept("imported", 30, Marker::Stays).await;
    accept("only", 30, Marker::Stays).await;
    accept("imported", 15, follows("imported", 15)).await;
    intake.erase(&unit("erased")).await.expect("erases");
    drop((intake, archive));

    let (intake, archive) = open(folder.path());
    let kept = async || {
        let kept = archive.markers().await.expect("reads").into_iter();
        let mut kept: Vec<_> = kept.map(|(of, at)| (of.to_string(), at.map(|at| at.time))).collect();
        kept.sort();
        kept
    };
    let at = |seconds: i64| Some(NOW.plus_ms(seconds * 1000));
    let expected = |chosen, imported| {
        [("chosen", chosen), ("imported", imported), ("only", None)].map(|(of, at)| (of.to_owned(), at))
    };
    assert_eq!(kept().await, expected(at(10), at(15)));
    intake.drop_before(NOW.plus_ms(12_000)).await.expect("drops");
    assert_eq!(kept().await, expected(None, at(15)), "that history does not tell it stays true");
}
