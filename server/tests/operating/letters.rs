//! What an operator learns of dead letters.

use crate::{
    Shared,
    program::{Running, worker},
};
use reqwest::Client;
use std::{path::Path, time::Duration};

/// A worker with a place for its metrics.
fn measured(shared: &Shared, log: &Path) -> (Running, String) {
    let port = sentinel_services::free_port().expect("a port");
    let address = format!("127.0.0.1:{port}");
    let flags = [shared.flags(), vec!["--listen".into(), address.clone()]].concat();
    (worker(&flags, log), format!("http://{address}/metrics"))
}

async fn until_it_counts(client: &Client, metrics: &str, letters: u64) {
    let line = format!("sentinel_dead_letters {letters}");
    let counting = async {
        loop {
            let said = async { client.get(metrics).send().await?.text().await }.await.unwrap_or_default();
            if said.lines().any(|said| said == line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), counting)
        .await
        .unwrap_or_else(|_| panic!("{metrics} never said {line:?}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_worker_says_how_many_letters_are_dead_now_whichever_is_on_duty() {
    let Some(shared) = Shared::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let workers = [1, 2].map(|_| measured(&shared, &folder.path().join("log")));
    let client = Client::new();
    let said = ["XADD", "dead:{3}", "*", "id", "7-1", "tries", "5", "error", "odd", "at", "1", "b", "x"];
    shared.redis.cli(&said);
    for (_worker, metrics) in &workers {
        until_it_counts(&client, metrics, 1).await;
    }
    shared.redis.cli(&["DEL", "dead:{3}"]);
    for (_worker, metrics) in &workers {
        until_it_counts(&client, metrics, 0).await;
    }
}
