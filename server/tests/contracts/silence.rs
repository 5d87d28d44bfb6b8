//! What the memory of who was told to be silent promises.

use sentinel_model::{
    PatrolId,
    UnitStatus::{Offline, Stale},
};
use sentinel_server::{ports::SilenceMemory as _, sqlite::SqliteRegistry};
use std::collections::HashMap;

#[tokio::test]
async fn what_was_told_of_silence_is_there_for_the_next_one_until_it_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || SqliteRegistry::open(&folder.path().join("records.db")).expect("opens");
    let here = open();
    assert_eq!(here.told_silent().await.expect("reads"), HashMap::new());
    let patrol = |n: u64| PatrolId((1 << 53) - n);
    let told = [(patrol(1), Some(Stale)), (patrol(2), Some(Offline)), (patrol(3), Some(Stale))];
    here.note_silent(told.into()).await.expect("notes");
    drop(here);
    let here = open();
    let then = HashMap::from([(patrol(1), Stale), (patrol(2), Offline), (patrol(3), Stale)]);
    assert_eq!(here.told_silent().await.expect("reads"), then);
    let over = [(patrol(1), Some(Offline)), (patrol(3), None), (patrol(4), None)];
    here.note_silent(over.into()).await.expect("notes");
    here.note_silent(Vec::new()).await.expect("notes nothing");
    drop(here);
    let then = HashMap::from([(patrol(1), Offline), (patrol(2), Offline)]);
    assert_eq!(open().told_silent().await.expect("reads"), then);
}
