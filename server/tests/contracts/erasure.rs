//! What erasure and retention promise of an archive that is the process's own.

use crate::{
    NOW, fix,
    intake::{points, receipt},
    unit,
};
use sentinel_model::{Fix, Time};
use sentinel_server::{
    ports::{Archive, Erased, Erasure, TimeRange},
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
