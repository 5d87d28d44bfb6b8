//! What the engines do while their database is away, and after it. FerretDB has its data again
//! when it comes back.

use crate::{NOW, fix, registry::unit as record, unit};
use sentinel_model::Time;
use sentinel_server::{
    mongo::{Mongo, MongoArchive, MongoRegistry},
    ports::{Archive, ArchiveWriter, Change, Commit, Registry, StoreError, TimeRange},
};
use sentinel_services::Kind;
use std::time::{Duration, Instant};

const KILLS: usize = 3;

/// The driver looks for a server for as long as a short outage takes.
async fn connect(server: &sentinel_services::Mongo) -> Mongo {
    let uri = format!("{}/away?serverSelectionTimeoutMS=500", server.uri());
    Mongo::connect(&uri, None).await.expect("connects")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_is_away_and_takes_the_same_later() {
    let Some(server) = sentinel_services::own_mongo(Kind::FerretDb) else { return };
    let mongo = connect(&server).await;
    let archive = MongoArchive::open(&mongo, None).await.expect("opens");
    let registry = MongoRegistry::open(&mongo).await.expect("opens");
    assert!(mongo.describe().starts_with("FerretDB 1."), "{}", mongo.describe());
    mongo.ping().await.expect("is there");
    let batch = || vec![(unit("a"), vec![fix(1)])];
    server.kill();
    let asked = Instant::now();
    assert!(mongo.ping().await.is_err());
    assert!(matches!(archive.store(batch()).await, Err(StoreError::Away(_))));
    registry.commit(0, vec![Change::PutUnit(record("PC-001"))]).await.expect_err("nobody answers");
    assert!(asked.elapsed() < Duration::from_secs(30), "it was told in {:?}", asked.elapsed());
    tokio::task::block_in_place(|| server.restart()).expect("starts again");
    archive.store(batch()).await.expect("stores");
    assert_eq!(archive.fixes(&unit("a"), TimeRange::ALL, 10).await.expect("reads"), [fix(1)]);
    assert_eq!(
        registry.commit(0, vec![Change::PutUnit(record("PC-001"))]).await.expect("commits"),
        Commit::Done
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_there_once_when_the_database_was_killed_at_work() {
    let Some(server) = sentinel_services::own_mongo(Kind::FerretDb) else { return };
    let mongo = connect(&server).await;
    let archive = MongoArchive::open(&mongo, None).await.expect("opens");
    let registry = MongoRegistry::open(&mongo).await.expect("opens");
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let going = || !*stopped.borrow();

    let committing = async {
        let (mut at, mut answered, mut n) = (0, Vec::new(), 0);
        while going() {
            let name = format!("PC-{n}");
            match registry.commit(at, vec![Change::PutUnit(record(&name))]).await {
                Ok(Commit::Done) => {
                    at += 1;
                    answered.push((at, name));
                }
                // It was stored though nobody answered, or it never was.
                Ok(Commit::Behind) | Err(_) => {
                    if let Ok(commits) = registry.since(at).await {
                        at = commits.last().map_or(at, |commit| commit.at);
                    }
                }
            }
            n += 1;
        }
        answered
    };
    let storing = async {
        let mut n = 0;
        while going() {
            // As a worker does: the same, until it is stored.
            while archive.store(vec![(unit("a"), vec![fix(n), fix((n - 2).max(0))])]).await.is_err() {}
            n += 1;
        }
        n
    };
    let killing = async {
        for _ in 0..KILLS {
            tokio::time::sleep(Duration::from_millis(700)).await;
            tokio::task::block_in_place(|| {
                server.kill();
                server.restart()
            })
            .expect("starts again");
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.send(true).expect("they listen");
    };
    let (answered, stored, ()) = tokio::join!(committing, storing, killing);

    let log = registry.since(0).await.expect("reads");
    let name_of = |at: u64| match &log[usize::try_from(at).expect("few") - 1].changes[..] {
        [Change::PutUnit(unit)] => unit.id.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(answered.len() > 20, "{} commits", answered.len());
    for (at, name) in &answered {
        assert_eq!(&name_of(*at), name);
    }
    let units = registry.load(Time(0)).await.expect("loads").units.len();
    assert_eq!(units, log.len(), "none is there twice");
    let read = archive.fixes(&unit("a"), TimeRange::ALL, usize::MAX).await.expect("reads");
    assert!(stored > 20, "{stored} stored");
    assert_eq!(read, (0..stored).map(fix).collect::<Vec<_>>());
    assert!(read[0].time >= NOW);
}
