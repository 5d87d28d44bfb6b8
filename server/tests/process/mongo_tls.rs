//! MongoDB over TLS, as `mongodb://…?tls=true&tlsCAFile=…` addresses say it.

use crate::certificates::Authority;
use mongodb::{Client, bson::doc};
use sentinel_server::tls;
use sentinel_services::{Kind, Mongo, free_port};
use std::path::Path;

/// A server that speaks TLS at the port answered.
fn secured(authority: &Authority, folder: &Path) -> Option<(Mongo, u16)> {
    let (files, _) = authority.write_certificate(folder);
    let port = free_port().expect("a port");
    let more = [
        format!("--listen-tls=127.0.0.1:{port}"),
        format!("--listen-tls-cert-file={}", files.certificate.display()),
        format!("--listen-tls-key-file={}", files.key.display()),
    ];
    let server = sentinel_services::own_mongo_with(Kind::FerretDb, more.map(Into::into).into())?;
    Some((server, port))
}

async fn ping(port: u16, ca: &Path) -> Result<(), String> {
    tls::choose_cryptography();
    let options = format!("tls=true&tlsCAFile={}&serverSelectionTimeoutMS=3000", ca.display());
    let client = Client::with_uri_str(format!("mongodb://127.0.0.1:{port}/?{options}")).await;
    let client = client.map_err(|error| error.to_string())?;
    let answer = client.database("admin").run_command(doc! { "ping": 1 }).await;
    answer.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_mongodb_with_a_certificate_of_the_authority_given_is_spoken_to_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let Some((_server, port)) = secured(&authority, folder.path()) else { return };
    let ca = authority.write_own(folder.path());
    assert_eq!(ping(port, &ca).await, Ok(()));

    let other = Authority::new().write_own(folder.path());
    let said = ping(port, &other).await.expect_err("it is not trusted");
    assert!(said.contains(&port.to_string()) && said.contains("certificate"), "{said}");
}
