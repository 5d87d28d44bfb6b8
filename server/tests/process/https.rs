//! HTTPS that the program itself serves.

use crate::{
    certificates::{Authority, Files},
    program::{Process, make_fleet, serve},
    startup::{assert_says, log, refusal},
};
use futures::{SinkExt as _, StreamExt as _};
use rustls::pki_types::{CertificateDer, ServerName};
use std::{path::Path, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

/// A server with a certificate, and who signed it.
struct Secured {
    folder: TempDir,
    authority: Authority,
    certificate: CertificateDer<'static>,
    server: Process,
}

fn flags(files: &Files) -> [String; 4] {
    let path = |path: &Path| path.display().to_string();
    ["--tls-cert".into(), path(&files.certificate), "--tls-key".into(), path(&files.key)]
}

impl Secured {
    fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), &[])
    }

    fn start_in(folder: TempDir, more: &[&str]) -> Self {
        let authority = Authority::new();
        let (files, certificate) = authority.write_certificate(folder.path());
        let flags = flags(&files);
        let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let server = Process::start_with(folder.path(), &flags);
        Self { folder, authority, certificate, server }
    }

    async fn connect_trusting(&self, authority: &Authority) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(&self.server.address).await?;
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        TlsConnector::from(authority.client()).connect(name, stream).await
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        self.connect_trusting(&self.authority).await.expect("it is trusted")
    }

    /// What a new connection is shown.
    async fn shown(&self) -> CertificateDer<'static> {
        certificate_of(&self.connect().await)
    }
}

fn certificate_of(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    let chain = stream.get_ref().1.peer_certificates().expect("it has shown some");
    chain[0].clone().into_owned()
}

/// Asks over a connection that stays open; answers the whole answer.
async fn healthz(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("writes");
    let mut answer = String::new();
    while !answer.ends_with("\r\n\r\nok") {
        let mut more = [0; 1024];
        let length = stream.read(&mut more).await.expect("reads");
        assert!(length > 0, "it ended after {answer:?}");
        answer.push_str(std::str::from_utf8(&more[..length]).expect("text"));
    }
    answer
}

#[tokio::test]
async fn a_browser_that_trusts_the_certificate_is_answered_whoever_else_says_nothing() {
    let mut secured = Secured::start();
    assert_eq!(secured.server.scheme, "https");
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(&secured.server.address).await.expect("connects"));
    }
    let mut stream = secured.connect().await;
    assert!(healthz(&mut stream).await.starts_with("HTTP/1.1 200"));
    assert_eq!(certificate_of(&stream), secured.certificate);
    assert!(secured.connect_trusting(&Authority::new()).await.is_err(), "another's is not trusted");
    secured.server.terminate();
    assert_eq!(secured.server.wait().code(), Some(0), "nor do they hold up the stop");
}

#[tokio::test]
async fn a_dashboard_s_socket_runs_over_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, key) = make_fleet(folder.path(), 1).await;
    let secured = Secured::start_in(folder, &[]);
    let url = format!("wss://{}/api/v1/ws", secured.server.address);
    let mut request = url.into_client_request().expect("a request");
    let bearer = format!("Bearer {key}").parse().expect("a header value");
    request.headers_mut().insert("authorization", bearer);
    let opened = tokio_tungstenite::client_async(request, secured.connect().await).await;
    let (mut socket, _) = opened.expect("a socket");
    let subscribe = r#"{"type":"subscribe","scope":"district:1"}"#;
    socket.send(Message::text(subscribe)).await.expect("subscribes");
    let snapshot = socket.next().await.expect("an answer").expect("a frame");
    assert!(snapshot.to_string().contains("snapshot"), "{snapshot}");
}

#[tokio::test]
async fn plain_http_is_told_to_come_by_https() {
    let secured = Secured::start();
    let mut plain = TcpStream::connect(&secured.server.address).await.expect("connects");
    plain
        .write_all(b"POST /api/v1/login HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello")
        .await
        .expect("writes");
    let mut answer = String::new();
    let reading = plain.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(60), reading).await.expect("no hang").expect("no reset");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 400") && body.contains("https://"), "{answer}");
    assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{answer}");
}

#[tokio::test]
async fn a_renewed_certificate_is_served_and_connections_stay() {
    let secured = Secured::start();
    let mut begun = secured.connect().await;
    healthz(&mut begun).await;
    let (_, renewed) = secured.authority.write_certificate(secured.folder.path());
    assert_eq!(secured.shown().await, secured.certificate, "not before it is read");
    secured.server.hang_up();
    let renewing = async {
        while secured.shown().await != renewed {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), renewing).await.expect("renewed");
    healthz(&mut begun).await;
}

#[tokio::test]
async fn a_renewal_that_is_not_usable_is_logged_and_the_last_certificate_stays() {
    let secured = Secured::start();
    let key = secured.folder.path().join("key.pem");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let (other, _) = Authority::new().write_certificate(elsewhere.path());
    std::fs::copy(&other.key, &key).expect("copies");
    secured.server.hang_up();
    let logging = async {
        while !log(secured.folder.path()).contains("not the one of the certificate") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), logging).await.expect("logged");
    assert_eq!(secured.shown().await, secured.certificate);
}

#[tokio::test]
async fn the_demo_s_units_move_behind_tls_too() {
    let secured = Secured::start_in(tempfile::tempdir().expect("a folder"), &["--demo"]);
    let moving = async {
        loop {
            let mut stream = secured.connect().await;
            let ask = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            stream.write_all(ask).await.expect("writes");
            let mut metrics = String::new();
            stream.read_to_string(&mut metrics).await.expect("reads");
            let moved = metrics.lines().any(|line| {
                let counted = line.strip_prefix(r#"sentinel_fixes_total{outcome="accepted"} "#);
                counted.is_some_and(|count| count.trim() != "0")
            });
            if moved {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), moving).await.expect("units move");
}

#[test]
fn files_that_cannot_be_served_with_are_named_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let (files, _) = authority.write_certificate(folder.path());
    let data = folder.path().join("data");
    let refused = |files: &Files| refusal(&data, &flags(files).each_ref().map(String::as_str));
    let with_key = |key: &Path| Files { certificate: files.certificate.clone(), key: key.to_owned() };

    let missing = folder.path().join("missing.pem");
    assert_says(
        &refused(&with_key(&missing)),
        &["key file", "missing.pem", "could not be read", "No such file"],
    );
    assert_says(&refused(&with_key(&files.certificate)), &["key file", "cert.pem", "no private key"]);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let (other, _) = authority.write_certificate(elsewhere.path());
    let said = refused(&with_key(&other.key));
    let (certificate, key) = (files.certificate.display().to_string(), other.key.display().to_string());
    assert_says(&said, &["not the one of the certificate", &certificate, &key]);
    let swapped = Files { certificate: files.key.clone(), key: files.key.clone() };
    assert_says(&refused(&swapped), &["certificate file", "key.pem", "no certificate in it"]);
    let torn = folder.path().join("torn.pem");
    std::fs::write(&torn, "-----BEGIN CERTIFICATE-----\nMIIB").expect("writes");
    let torn = Files { certificate: torn, key: files.key.clone() };
    assert_says(&refused(&torn), &["certificate file", "torn.pem", "no PEM file"]);
    assert!(!data.exists(), "nothing is touched before the files are right");
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_says(&refusal(folder.path(), &["--tls-cert", "cert.pem"]), &["tls-cert needs tls-key"]);
    let output = serve(folder.path()).env("SENTINEL_TLS_KEY", "key.pem").output().expect("it runs");
    assert_says(&String::from_utf8_lossy(&output.stderr), &["tls-key needs tls-cert"]);
}
