//! Redis over TLS, as `rediss://` addresses say it.

use crate::certificates::Authority;
use sentinel_server::{
    redis::{Address, Link},
    tls,
};
use sentinel_services::{Redis, RedisOptions, free_port};
use std::{path::Path, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A Redis that speaks TLS at the port answered.
fn secured(authority: &Authority, folder: &Path) -> Option<(Redis, u16)> {
    secured_with(RedisOptions::default(), authority, folder)
}

fn secured_with(options: RedisOptions, authority: &Authority, folder: &Path) -> Option<(Redis, u16)> {
    let (files, _) = authority.write_certificate(folder);
    let ca = authority.write_own(folder);
    let port = free_port().expect("a port");
    let options = options
        .with("tls-port", &port.to_string())
        .with("tls-cert-file", &files.certificate.display().to_string())
        .with("tls-key-file", &files.key.display().to_string())
        .with("tls-ca-cert-file", &ca.display().to_string())
        .with("tls-auth-clients", "no");
    Some((sentinel_services::redis_with(options)?, port))
}

/// What a PING over this address is answered, or why not.
async fn ping(address: &str) -> Result<String, String> {
    tls::choose_cryptography();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let address: Address = address.parse().expect("an address");
    let answer = match Link::open(&address, &tasks, stop.clone()).await {
        Ok(mut link) => Ok(redis::cmd("PING").query_async(&mut link).await.expect("answers")),
        Err(error) => Err(format!("{:#}", anyhow::Error::new(error))),
    };
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    answer
}

#[tokio::test]
async fn a_redis_with_a_certificate_of_the_authority_given_is_spoken_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let Some((_redis, port)) = secured(&authority, folder.path()) else { return };
    let ca = authority.write_own(folder.path());
    let address = format!("rediss://127.0.0.1:{port}?ca={}", ca.display());
    assert_eq!(ping(&address).await.as_deref(), Ok("PONG"));
}

#[tokio::test]
async fn every_node_of_a_cluster_is_spoken_to_over_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let cluster = RedisOptions::default()
        .with("cluster-enabled", "yes")
        .with("tls-cluster", "yes")
        .with("cluster-announce-ip", "127.0.0.1");
    let Some((redis, port)) = secured_with(cluster, &authority, folder.path()) else { return };
    redis.cli(&["cluster", "addslotsrange", "0", "16383"]);
    let whole = async {
        while !redis.cli(&["cluster", "info"]).contains("cluster_state:ok") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), whole).await.expect("whole");
    let ca = authority.write_own(folder.path());
    let address = format!("rediss+cluster://127.0.0.1:{port}?ca={}", ca.display());
    assert_eq!(ping(&address).await.as_deref(), Ok("PONG"));
    let ca = Authority::new().write_own(folder.path());
    let refused = ping(&format!("rediss+cluster://127.0.0.1:{port}?ca={}", ca.display())).await;
    let said = refused.expect_err("it is not trusted");
    assert!(said.contains("certificate"), "{said}");
}

#[tokio::test]
async fn a_redis_with_a_certificate_of_somebody_else_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some((_redis, port)) = secured(&Authority::new(), folder.path()) else { return };
    let ca = Authority::new().write_own(folder.path());
    let refused = ping(&format!("rediss://127.0.0.1:{port}?ca={}", ca.display())).await;
    let said = refused.expect_err("it is not trusted");
    for part in ["connecting to Redis", &format!("rediss://127.0.0.1:{port}"), "certificate"] {
        assert!(said.contains(part), "{said:?} does not say {part:?}");
    }
}

#[tokio::test]
async fn a_file_without_the_authority_s_certificate_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, _) = Authority::new().write_certificate(folder.path());
    for (file, reason) in [(files.key, "no certificate"), (folder.path().join("none.pem"), "No such file")] {
        let said = ping(&format!("rediss://127.0.0.1:1?ca={}", file.display())).await;
        let said = said.expect_err("it cannot be used");
        assert!(said.contains(&file.display().to_string()) && said.contains(reason), "{said}");
    }
}
