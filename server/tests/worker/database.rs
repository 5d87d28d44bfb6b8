//! A real database that fails, and one that is given what it cannot take.

use crate::stage::{Stage, accept, eventually, fix, unit};
use rand::{RngExt as _, SeedableRng as _, distr::Alphanumeric, rngs::StdRng};
use sentinel_model::Fix;
use sentinel_server::{
    mongo::{Mongo, MongoArchive},
    ports::{Archive as _, ArchiveWriter as _, Intake as _, StoreError, TimeRange},
};
use sentinel_services::Kind;
use std::{error::Error as _, sync::Arc};

const POSTS: i64 = 30;

async fn open(uri: &str) -> Arc<MongoArchive> {
    let mongo = Mongo::connect(uri, None).await.expect("connects");
    Arc::new(MongoArchive::open(&mongo, None).await.expect("opens"))
}

/// Whether the database answers that it failed, and in which words.
async fn failure(archive: &MongoArchive) -> Option<String> {
    match archive.probe().await {
        Ok(()) => None,
        Err(StoreError::Away(error)) => Some(error.source().expect("a cause").to_string()),
        Err(StoreError::Refused(error)) => panic!("a fault of its own is no refusal: {error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_answers_with_errors_of_its_own_everything_waits_and_nothing_is_dead() {
    let Some(stage) = Stage::new().await else { return };
    let Some(server) = sentinel_services::own_mongo(Kind::FerretDb) else { return };
    let archive = open(&format!("{}/full", server.uri())).await;
    let intake = stage.intake(10_000).await;
    let _worker = stage.worker_over(archive.clone(), Stage::options("w"));
    accept(&intake, "a", 0..1).await;
    stage.settled().await;

    server.fill_disk(true);
    for n in 1..POSTS {
        accept(&intake, "a", n..n + 1).await;
    }
    eventually("the database fails", async || failure(&archive).await.is_some()).await;
    let words = failure(&archive).await.expect("it still does");
    assert!(words.starts_with("error 1 (InternalError)") && words.len() < 400, "{words}");
    // Far longer than what is refused is tried in these tests.
    let until = std::time::Instant::now() + Stage::options("").refused_after * 200;
    while std::time::Instant::now() < until {
        assert!(failure(&archive).await.is_some());
    }
    assert_eq!(stage.dead().await.len(), 0);
    assert!(stage.waiting().await > 0, "they wait");

    server.fill_disk(false);
    stage.settled().await;
    assert_eq!(stage.dead().await.len(), 0);
    let read = archive.fixes(&unit("a"), TimeRange::ALL, usize::MAX).await.expect("reads");
    assert_eq!(read, (0..POSTS).map(fix).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_database_takes_is_given_up_and_its_company_is_archived() {
    let Some(stage) = Stage::new().await else { return };
    let Some(database) = sentinel_services::mongo() else { return };
    let archive = open(database.uri()).await;
    let intake = stage.intake(10_000).await;
    // More than a document may be, however it is packed.
    let extras: String =
        StdRng::seed_from_u64(1).sample_iter(Alphanumeric).take(30_000_000).map(char::from).collect();
    let huge = Fix { extras: Some(extras.into()), ..fix(1) };
    intake.accept(&unit("huge"), vec![huge]).await.expect("accepted");
    for n in 0..20 {
        accept(&intake, &format!("u{n}"), 0..3).await;
    }
    let _worker = stage.worker_over(archive.clone(), Stage::options("w"));
    stage.settled().await;
    let dead = stage.dead().await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].tries, 5);
    assert!(dead[0].error.contains("must be within") && dead[0].error.len() < 400, "{}", dead[0].error);
    assert_eq!(sentinel_server::redis::Entry::unit_of(&dead[0].bytes), Some(unit("huge")));
    for n in 0..20 {
        let of = unit(&format!("u{n}"));
        assert_eq!(archive.fixes(&of, TimeRange::ALL, 10).await.expect("reads").len(), 3);
    }
}
