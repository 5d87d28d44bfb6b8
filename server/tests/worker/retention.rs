//! History that is too old goes, whatever the database promises about it.

use crate::stage::{eventually, fix, unit};
use metrics_exporter_prometheus::PrometheusBuilder;
use sentinel_model::Fix;
use sentinel_server::{
    clock::Clock,
    config::{ServeArgs, WorkerConfig},
    mongo::{Mongo, MongoArchive},
    ports::{Archive as _, ArchiveWriter as _, TimeRange},
    wiring,
};
use sentinel_services::Kind;
use tokio_util::sync::CancellationToken;

const DAY_MS: i64 = 24 * 3600 * 1000;

async fn a_worker_drops_what_is_too_old_on(kind: Kind) {
    let Some(redis) = sentinel_services::redis() else { return };
    let Some(database) = sentinel_services::mongo_of(kind) else { return };
    let mongo = Mongo::connect(database.uri(), None).await.expect("connects");
    let archive = MongoArchive::open(&mongo, None).await.expect("opens");
    let now = Clock::system().now();
    let ago = |days: i64| Fix { time: now.plus_ms(-days * DAY_MS), ..fix(0) };
    archive.store(vec![(unit("a"), vec![ago(40), ago(31), ago(29), ago(0)])]).await.expect("stores");

    let args = ServeArgs {
        redis_url: Some(redis.url()),
        mongodb_url: Some(database.uri().to_owned()),
        retention_days: Some(30),
        ..ServeArgs::default()
    };
    let config = args.settle().expect("settles");
    let config = WorkerConfig {
        shared: config.shared.expect("it has both"),
        listen: None,
        name: "w".into(),
        silence: config.silence,
    };
    let stop = CancellationToken::new();
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let working = tokio::spawn(wiring::work(config, Clock::system(), metrics, stop.clone()));
    let left = async || archive.fixes(&unit("a"), TimeRange::ALL, 10).await.expect("reads");
    eventually("the old ones are gone", async || left().await.len() == 2).await;
    assert_eq!(left().await, [ago(29), ago(0)]);
    stop.cancel();
    working.await.expect("it ends").expect("it worked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_drops_what_is_too_old_where_the_database_refuses_to() {
    a_worker_drops_what_is_too_old_on(Kind::FerretDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_drops_what_is_too_old_where_the_database_promises_to_and_does_not() {
    a_worker_drops_what_is_too_old_on(Kind::JavaServer).await;
}
