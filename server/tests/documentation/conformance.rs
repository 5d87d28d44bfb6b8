//! A server behaves as its document says, whatever it is sent: Schemathesis makes requests
//! from the document, good ones and bad ones, and compares the answers with it.

use crate::demo::{Demo, have};
use sentinel_services::skip;
use std::process::Command;

/// No answer of 500 and up, none that the document does not know, and every answer in its stated
/// shape. Not that all bodies of the stated shape are accepted, nor that all others are refused:
/// positions are taken point by point, and a good shape may still name what there is not.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,unsupported_method,allow_header_conformance";

/// Where setup.sh puts it, beside the servers for tests.
fn schemathesis() -> String {
    let cache = std::env::var("XDG_CACHE_HOME")
        .unwrap_or_else(|_| format!("{}/.cache", std::env::var("HOME").unwrap_or_default()));
    format!("{cache}/sentinel/schemathesis/bin/st")
}

#[tokio::test]
async fn the_server_keeps_to_its_document_whatever_it_is_sent() {
    let program = schemathesis();
    if !have(&program) {
        return skip("schemathesis");
    }
    let demo = Demo::start();
    let (key, other_key) = (demo.key().await, demo.key().await);
    // Pages for browsers are at the first two as well, which the document leaves out; a stream does
    // not end, and the recipes read it; and the last it tries by itself, as it ends keys.
    let but = ["/", "/login", "/api/v1/stream", REVOKE].map(|path| ["--exclude-path", path]);
    keeps_to_its_document(&demo, &program, &key, but.as_flattened());
    let stats = reqwest::Client::new().get(format!("{}/api/v1/stats", demo.url)).bearer_auth(&key);
    // Refused for want of it, all answers would have been alike.
    assert!(stats.send().await.expect("it answers").status().is_success(), "it has lost its key");
    keeps_to_its_document(
        &demo,
        &program,
        &other_key,
        &["--include-path", "/api/v1/api-keys", "--include-path", REVOKE],
    );
}

const REVOKE: &str = "/api/v1/api-keys/{id}";

fn keeps_to_its_document(demo: &Demo, program: &str, key: &str, which: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(program);
    command.current_dir(folder.path()).args(["run", &format!("{}/api/openapi.json", demo.url)]);
    command.args(["--header", &format!("Authorization: Bearer {key}")]).args(which);
    // The same requests each time, some thousands: a minute or two.
    command.args(["--max-examples", "10", "--generation-deterministic", "--no-shrink"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--no-color"]);
    command.args(["--request-timeout", "60", "--checks", CHECKS]);
    let output = command.output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains(" generated"), "it made no requests: {told}");
}
