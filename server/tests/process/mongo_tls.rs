//! MongoDB over TLS, as `mongodb://…?tls=true&tlsCAFile=…` addresses say it.

use crate::certificates::Authority;
use sentinel_server::{mongo::Mongo as Connection, tls};
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

/// Connects as a node does; an error with all that is behind it.
async fn connect(port: u16, ca: &Path) -> Result<Connection, String> {
    tls::choose_cryptography();
    let options = format!("tls=true&tlsCAFile={}&serverSelectionTimeoutMS=3000", ca.display());
    let connected = Connection::connect(&format!("mongodb://127.0.0.1:{port}/tls?{options}"), None).await;
    connected.map_err(|error| {
        let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    })
}

#[tokio::test]
async fn a_mongodb_with_a_certificate_of_the_authority_given_is_spoken_to_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let Some((_server, port)) = secured(&authority, folder.path()) else { return };
    let ca = authority.write_own(folder.path());
    let connection = connect(port, &ca).await.expect("it is trusted");
    connection.ping().await.expect("it answers");
    assert!(connection.describe().starts_with("FerretDB"), "{}", connection.describe());

    let other = Authority::new().write_own(folder.path());
    let said = connect(port, &other).await.err().expect("it is not trusted");
    assert!(said.contains(&port.to_string()) && said.contains("certificate"), "{said}");
}
