//! What a person reads when the server cannot start: which file or port, and what to do.

use crate::program::{Process, make_fleet, serve};
use std::{net::TcpListener, path::Path};

/// Starts a server that cannot start; answers what it says.
fn refusal(data: &Path, flags: &[&str]) -> String {
    let output = serve(data).args(flags).output().expect("it runs");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    let reason = said.find("sentinel: ").unwrap_or_else(|| panic!("no reason is given: {said}"));
    said[reason..].to_owned()
}

#[track_caller]
fn assert_says(refusal: &str, parts: &[&str]) {
    for part in parts {
        assert!(refusal.contains(part), "{refusal:?} does not say {part:?}");
    }
}

#[test]
fn a_taken_port_is_named_with_the_flag_that_gives_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = taken.local_addr().expect("it has an address").to_string();
    let data = folder.path().join("data");
    assert_says(&refusal(&data, &["--listen", &address]), &[&address, "taken", "--listen"]);
    assert!(!data.exists(), "nothing is touched before the port is one's own");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a-file");
    std::fs::write(&file, "").expect("writes");
    let data = file.join("data");
    assert_says(&refusal(&data, &[]), &[&data.display().to_string(), "--data"]);
}

#[test]
fn a_folder_with_a_directory_where_a_file_belongs_is_named() {
    for name in ["records.db", "history.db"] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(name);
        std::fs::create_dir(&file).expect("makes");
        assert_says(&refusal(folder.path(), &[]), &[&file.display().to_string()]);
    }
}

#[test]
fn a_database_of_a_newer_version_is_named_with_what_to_do_and_left_as_it_is() {
    for name in ["records.db", "history.db"] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(name);
        let db = rusqlite::Connection::open(&file).expect("opens");
        db.pragma_update(None, "user_version", 99).expect("writes");
        drop(db);
        let said = refusal(folder.path(), &[]);
        assert_says(&said, &[&file.display().to_string(), "newer Sentinel", "99", "run the newer program"]);
        let db = rusqlite::Connection::open(&file).expect("opens");
        let tables: i64 =
            db.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).expect("reads");
        assert_eq!(tables, 0);
    }
}

#[test]
fn a_file_that_is_no_database_is_named() {
    for name in ["records.db", "history.db"] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(name);
        std::fs::write(&file, "this is a letter, not a database ".repeat(100)).expect("writes");
        assert_says(&refusal(folder.path(), &[]), &[&file.display().to_string(), "not a database"]);
    }
}

#[test]
fn a_folder_in_use_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let _first = Process::start(folder.path());
    assert_says(
        &refusal(folder.path(), &[]),
        &[&folder.path().display().to_string(), "another running Sentinel"],
    );
}

#[test]
fn a_settings_file_that_does_not_read_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sentinel.toml");
    let path = file.display().to_string();
    assert_says(&refusal(folder.path(), &["--config", &path]), &[&path]);
    std::fs::write(&file, "stale-after = \"soon\"").expect("writes");
    assert_says(&refusal(folder.path(), &["--config", &path]), &[&path, "stale-after"]);
}

#[test]
fn the_demo_s_passwords_are_kept_off_the_network() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = refusal(folder.path(), &["--demo", "--listen", "0.0.0.0:0"]);
    assert_says(&said, &["password", "127.0.0.1"]);
}

#[tokio::test]
async fn a_restart_takes_the_records_up_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, key) = make_fleet(folder.path(), 3).await;
    for _ in 0..2 {
        let mut server = Process::start(folder.path());
        let units = reqwest::Client::new().get(server.url("/api/v1/units")).bearer_auth(&key).send().await;
        let page: serde_json::Value = units.expect("answers").json().await.expect("a page");
        assert_eq!(page["items"].as_array().map(Vec::len), Some(3));
        server.terminate();
        assert_eq!(server.wait().code(), Some(0));
    }
}
