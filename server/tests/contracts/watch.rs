//! What every engine of the memory of who watches units promises, told once and run over each.

use crate::mongo::{Kind, OnMongo};
use async_trait::async_trait;
use sentinel_model::{Time, UnitId};
use sentinel_server::{
    ports::{Remembered, WatchMemory},
    sqlite::SqliteRegistry,
};
use std::{collections::BTreeSet, sync::Arc};

#[async_trait]
trait Place: Send + Sync {
    async fn open(&self) -> Arc<dyn WatchMemory>;
}

#[async_trait]
impl Place for tempfile::TempDir {
    async fn open(&self) -> Arc<dyn WatchMemory> {
        Arc::new(SqliteRegistry::open(&self.path().join("records.db")).expect("opens"))
    }
}

#[async_trait]
impl Place for OnMongo {
    async fn open(&self) -> Arc<dyn WatchMemory> {
        Arc::new(self.registry().await)
    }
}

macro_rules! watch_contract {
    ($($engine:ident, $place:expr;)*) => {$(watch_contract!(@ $engine, $place,
        what_is_remembered_is_there_for_the_next_one
        what_is_of_an_earlier_time_changes_nothing
        what_is_forgotten_is_gone_with_all_until_then_and_nothing_else
    );)*};
    (@ $engine:ident, $place:expr, $($story:ident)*) => {
        crate::contract!($engine, where_installed $place, $($story)*);
    };
}

watch_contract! {
    sqlite, folder();
    ferretdb, OnMongo::of(Kind::FerretDb);
    mongo_java, OnMongo::of(Kind::JavaServer);
}

fn folder() -> Option<tempfile::TempDir> {
    Some(tempfile::tempdir().expect("a folder"))
}

fn unit(id: &str) -> UnitId {
    id.parse().expect("an id")
}

fn memory(id: &str, second: i64, memory: &str) -> Remembered {
    Remembered { unit: unit(id), at: Time(crate::NOW.ms() + second * 1000), memory: memory.into() }
}

async fn recalled(place: &dyn Place, id: &str) -> Option<String> {
    place.open().await.recall(&unit(id)).await.expect("recalls")
}

async fn what_is_remembered_is_there_for_the_next_one(place: &dyn Place) {
    let here = place.open().await;
    assert_eq!(here.recall(&unit("PC-1")).await.expect("recalls"), None);
    assert_eq!(here.remembered().await.expect("reads"), []);
    let many = (0..300).map(|n| memory(&format!("PC-{n}"), n, &format!("{{\"n\":{n}}}")));
    here.remember(many.collect()).await.expect("remembers");
    here.remember(Vec::new()).await.expect("remembers nothing");
    drop(here);
    let all: BTreeSet<UnitId> = place.open().await.remembered().await.expect("reads").into_iter().collect();
    assert_eq!(all, (0..300).map(|n| unit(&format!("PC-{n}"))).collect());
    assert_eq!(recalled(place, "PC-299").await.as_deref(), Some("{\"n\":299}"));
}

async fn what_is_of_an_earlier_time_changes_nothing(place: &dyn Place) {
    let here = place.open().await;
    for (second, text) in [(5, "five"), (4, "four"), (5, "five again"), (3, "three")] {
        here.remember(vec![memory("PC-1", second, text)]).await.expect("remembers");
    }
    assert_eq!(recalled(place, "PC-1").await.as_deref(), Some("five again"));
    here.remember(vec![memory("PC-1", 6, "six"), memory("PC-2", 0, "other")]).await.expect("remembers");
    assert_eq!(recalled(place, "PC-1").await.as_deref(), Some("six"));
}

async fn what_is_forgotten_is_gone_with_all_until_then_and_nothing_else(place: &dyn Place) {
    let here = place.open().await;
    here.remember(vec![memory("PC-1", 9, "one"), memory("PC-2", 9, "two")]).await.expect("remembers");
    for _ in 0..2 {
        here.forget(&unit("PC-1"), memory("PC-1", 12, "").at).await.expect("forgets");
    }
    assert_eq!(here.remembered().await.expect("reads"), [unit("PC-2")]);
    here.remember(vec![memory("PC-1", 11, "of before")]).await.expect("remembers nothing");
    assert_eq!(recalled(place, "PC-1").await, None);
    here.remember(vec![memory("PC-1", 13, "anew")]).await.expect("remembers");
    assert_eq!(recalled(place, "PC-1").await.as_deref(), Some("anew"));
}
