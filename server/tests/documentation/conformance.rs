//! A server behaves as its document says, whatever it is sent: Schemathesis makes requests
//! from the document, good ones and bad ones, and compares the answers with it.

use crate::demo::{Demo, have};
use std::process::Command;

/// All that it checks but two: not that all bodies of the stated shape are accepted, nor that all others
/// are refused; positions are taken point by point, and a good shape may still name what there is not.
///
/// Whether a credential is asked for is tried by taking ours away and by spoiling it; one that Schemathesis
/// made up beside ours would hide what comes of that. What signs in by a form is a page as well, which the
/// document leaves out.
const SETTINGS: &str = "[generation]
with-security-parameters = false

[checks]
positive_data_acceptance.enabled = false
negative_data_rejection.enabled = false

[[operations]]
include-path = \"/login\"
checks.unsupported_method.enabled = false
checks.allow_header_conformance.enabled = false
";

/// Where setup.sh puts it, beside the servers for tests.
fn schemathesis() -> String {
    let cache = std::env::var("XDG_CACHE_HOME")
        .unwrap_or_else(|_| format!("{}/.cache", std::env::var("HOME").unwrap_or_default()));
    format!("{cache}/sentinel/schemathesis/bin/st")
}

#[tokio::test]
async fn the_server_keeps_to_its_document_whatever_it_is_sent() {
    let program = schemathesis();
    // Not skipped: nothing else holds the server to its document.
    assert!(have(&program), "{program} is missing: run ./setup.sh services, which says what it needs");
    let demo = Demo::start();
    let (key, other_key) = (demo.key().await, demo.key().await);
    // What is no position is the dashboard's first page; a stream does not end, and `told` reads it; and the last
    // it tries by itself, as it ends keys.
    let but = ["--exclude-name", "GET /", "--exclude-name", "GET /api/v1/stream", "--exclude-path", REVOKE];
    keeps_to_its_document(&demo, &program, &key, &but);
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
    std::fs::write(folder.path().join("schemathesis.toml"), SETTINGS).expect("it is written");
    command.current_dir(folder.path()).args(["run", &format!("{}/api/openapi.json", demo.url)]);
    command.args(["--header", &format!("Authorization: Bearer {key}")]).args(which);
    // The same requests each time, some thousands: a minute or two.
    command.args(["--max-examples", "10", "--generation-deterministic", "--no-shrink"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--no-color"]);
    command.args(["--request-timeout", "60"]);
    let output = command.output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains(" generated"), "it made no requests: {told}");
}
