//! What a person reads when the server cannot start: which file or port, and what to do.

use crate::program::{Process, make_fleet, serve};
use sentinel_server::{
    clock::Clock,
    demo,
    directory::Directory,
    memory::MemoryBus,
    ports::{Change, UserRecord},
    sqlite::SqliteRegistry,
};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

/// Starts a server that cannot start; answers what it says.
pub fn refusal(data: &Path, flags: &[&str]) -> String {
    let output = serve(data).args(flags).output().expect("it runs");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    let reason = said.find("sentinel: ").unwrap_or_else(|| panic!("no reason is given: {said}"));
    said[reason..].to_owned()
}

#[track_caller]
pub fn assert_says(refusal: &str, parts: &[&str]) {
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
fn an_address_that_is_not_this_machine_s_is_not_called_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = refusal(folder.path(), &["--listen", "192.0.2.1:3000"]);
    assert_says(&said, &["192.0.2.1:3000", "no such address", "--listen"]);
}

#[test]
fn a_variable_with_a_value_that_cannot_be_meant_is_named() {
    for (name, value) in
        [("SENTINEL_LOG", "nonsense==="), ("SENTINEL_LOG", "inof"), ("SENTINEL_LOG_FORMAT", "xml")]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let output = serve(folder.path()).env(name, value).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1));
        assert_says(&String::from_utf8_lossy(&output.stderr), &[name, value, "write "]);
    }
}

#[test]
fn a_variable_that_nobody_knows_is_warned_of_by_its_name_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = serve(folder.path())
        .args(["--listen", "192.0.2.1:3000"])
        .envs([("SENTINEL_DEMOO", "secret"), ("SENTINEL_SETUP", "1"), ("SENTINEL_STALE_AFTER", "60")])
        .output();
    let said = String::from_utf8(server.expect("it runs").stderr).expect("text");
    assert_says(&said, &["WARN", "SENTINEL_DEMOO"]);
    for unsaid in ["secret", "SENTINEL_SETUP", "SENTINEL_STALE_AFTER"] {
        assert!(!said.contains(unsaid), "{said}");
    }
}

#[test]
fn a_file_given_as_the_folder_is_called_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a-file");
    std::fs::write(&file, "").expect("writes");
    assert_says(&refusal(&file, &[]), &[&file.display().to_string(), "is a file", "--data"]);
}

#[test]
fn a_database_that_is_missing_beside_the_other_is_warned_of() {
    for (gone, kept) in [("history.db", "records.db"), ("records.db", "history.db")] {
        let folder = tempfile::tempdir().expect("a folder");
        Process::start(folder.path()).kill();
        assert!(!log(folder.path()).contains("MISSING"), "{}", log(folder.path()));
        std::fs::remove_file(folder.path().join(gone)).expect("removes");
        Process::start(folder.path()).kill();
        assert_says(&log(folder.path()), &["WARN", "MISSING", &format!("{kept} but no {gone}")]);
    }
}

#[test]
fn a_demo_folder_started_without_the_demo_is_warned_of() {
    let folder = tempfile::tempdir().expect("a folder");
    Process::start_with(folder.path(), &["--demo"]).kill();
    assert!(!log(folder.path()).contains("well-known"), "{}", log(folder.path()));
    Process::start(folder.path()).kill();
    assert_says(&log(folder.path()), &["WARN", "demo's well-known password", "--demo"]);
}

#[tokio::test]
async fn every_metric_says_what_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Process::start(folder.path());
    let read = async || {
        let answer = reqwest::get(server.url("/metrics")).await.expect("answers");
        answer.text().await.expect("text")
    };
    read().await;
    let metrics = read().await;
    let named: Vec<&str> = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert!(!named.is_empty(), "{metrics}");
    for name in named.iter().filter_map(|line| line.split(' ').next()) {
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name}: {metrics}");
    }
}

pub fn log(data: &Path) -> String {
    std::fs::read_to_string(data.join("log.txt")).expect("a log")
}

#[test]
fn the_hint_for_the_first_account_is_a_command_that_works_as_it_is_typed() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("my data");
    std::fs::create_dir(&data).expect("makes");
    let mut server = serve(&data).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let said = BufReader::new(server.stdout.take().expect("it is piped")).lines().take(3);
    let said: Vec<String> = said.map(|line| line.expect("text")).collect();
    server.kill().expect("it is killed");
    server.wait().expect("it is gone");
    assert_says(&said[1], &["Stop this server", "start again"]);
    let typed = format!("echo a password of my own | {}", said[2].trim());
    let made = Command::new("sh").args(["-c", &typed]).output().expect("it runs");
    assert!(made.status.success(), "{typed}: {made:?}");
    assert_says(&String::from_utf8_lossy(&made.stdout), &["admin may sign in as admin of district:1"]);
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
async fn a_demo_password_is_found_by_trying_it_not_by_what_was_changed_around_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = ["--listen", "0.0.0.0:0"];
    let registry = SqliteRegistry::open(&folder.path().join("records.db")).expect("opens");
    let now = Clock::system().now();
    let directory =
        Directory::load(Arc::new(registry), Arc::new(MemoryBus::new("")), now).await.expect("loads");
    let directory = Arc::new(directory);
    demo::make(&directory, now).await.expect("makes");
    let change = async |change: &dyn Fn(&mut UserRecord)| {
        let changed = directory.users().into_iter().map(|user| {
            let mut user = (*user).clone();
            user.credentials_version += 1;
            change(&mut user);
            Change::PutUser(user)
        });
        directory.put(changed.collect()).await.expect("commits");
    };
    // Disabled and enabled again: another version, the same password.
    change(&|_| ()).await;
    assert_says(&refusal(folder.path(), &open), &["demo's well-known password", "127.0.0.1"]);
    change(&|user| user.disabled = user.username.as_str() != "chief5").await;
    assert_says(&refusal(folder.path(), &open), &["demo's well-known password"]);
    change(&|user| user.disabled = true).await;
    Process::start_with(folder.path(), &open);
}

#[test]
fn an_account_that_only_shares_a_demo_account_s_name_is_no_demo_account() {
    let folder = tempfile::tempdir().expect("a folder");
    add_user(folder.path(), "admin", "a password of one's own");
    Process::start_with(folder.path(), &["--listen", "0.0.0.0:0"]);
}

#[tokio::test]
async fn the_demo_is_kept_out_of_a_folder_of_real_units() {
    let folder = tempfile::tempdir().expect("a folder");
    add_user(folder.path(), "admin", "a password of one's own");
    assert_says(&refusal(folder.path(), &["--demo"]), &["--demo", "--data", "empty"]);
    let folder = tempfile::tempdir().expect("a folder");
    make_fleet(folder.path(), 1).await;
    assert_says(&refusal(folder.path(), &["--demo"]), &["--demo", "--data", "empty"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_may_open_as_many_files_as_the_machine_allows() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Process::start(folder.path());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).expect("reads");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).expect("is there");
    let numbers: Vec<&str> = files.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers[0], numbers[1], "{files}");
}

#[test]
fn the_demo_takes_its_own_folder_up_again() {
    let folder = tempfile::tempdir().expect("a folder");
    for _ in 0..2 {
        Process::start_with(folder.path(), &["--demo"]);
    }
}

fn add_user(data: &Path, name: &str, password: &str) {
    let mut adding = Command::new(env!("CARGO_BIN_EXE_sentinel"))
        .args(["user", "add", name, "--data"])
        .arg(data)
        .stdin(Stdio::piped())
        .spawn()
        .expect("it runs");
    writeln!(adding.stdin.take().expect("it is piped"), "{password}").expect("it reads");
    assert!(adding.wait().expect("it ends").success());
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
