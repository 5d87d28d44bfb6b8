//! What a person reads whose Redis or MongoDB is not there when a node starts, or who has no
//! account there yet.

use crate::{
    program::Process,
    startup::{assert_says, log, refusal},
};
use sentinel_services::{Kind, free_port};
use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

/// Of a server that cannot start with these; nothing of it goes to a folder.
fn refused(redis: &str, mongodb: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let said = refusal(&data, &["--redis-url", redis, "--mongodb-url", mongodb]);
    assert!(!data.exists(), "the folder is not used");
    said
}

fn nowhere(scheme: &str) -> String {
    format!("{scheme}://somebody:secret@127.0.0.1:{}", free_port().expect("a port"))
}

fn host_of(url: &str) -> &str {
    url.rsplit('@').next().expect("a host")
}

#[test]
fn a_redis_that_is_not_there_is_named_with_what_to_do() {
    let Some(database) = sentinel_services::mongo_of(Kind::FerretDb) else { return };
    for scheme in ["redis", "redis+cluster"] {
        let redis = nowhere(scheme);
        let said = refused(&redis, database.uri());
        assert_says(&said, &["connecting to Redis", host_of(&redis), "Redis runs there", "--redis-url"]);
        assert!(!said.contains("secret") && !said.contains("MongoDB"), "{said}");
    }
}

#[test]
fn a_database_that_is_not_there_is_named_with_what_to_do() {
    let Some(redis) = sentinel_services::redis() else { return };
    let mongodb = nowhere("mongodb");
    let said = refused(&redis.url(), &mongodb);
    let words = ["connecting to MongoDB", host_of(&mongodb), "do not start without it", "--mongodb-url"];
    assert_says(&said, &words);
    assert!(!said.contains("secret") && !said.contains("Redis"), "{said}");
}

#[test]
fn of_two_that_are_not_there_both_are_named() {
    let (redis, mongodb) = (nowhere("redis"), nowhere("mongodb"));
    let folder = tempfile::tempdir().expect("a folder");
    let output = crate::program::serve(folder.path())
        .args(["--redis-url", &redis, "--mongodb-url", &mongodb])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).expect("text");
    let words = [host_of(&redis), "--redis-url", host_of(&mongodb), "--mongodb-url"];
    assert_says(&said, &words);
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn the_hint_for_the_first_account_of_nodes_is_not_about_a_folder() {
    let Some(redis) = sentinel_services::redis() else { return };
    let Some(database) = sentinel_services::mongo_of(Kind::FerretDb) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let urls = ["--redis-url", &redis.url(), "--mongodb-url", database.uri()];
    let mut server = crate::program::serve(folder.path())
        .args(urls)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let said = BufReader::new(server.stdout.take().expect("it is piped")).lines().take(4);
    let said: Vec<String> = said.map(|line| line.expect("text")).collect();
    server.kill().expect("it is killed");
    server.wait().expect("it is gone");
    let said = said.join("\n");
    assert_says(&said, &["goes on meanwhile", "user add admin --redis-url", "--mongodb-url"]);
    assert!(!said.contains("--data") && !said.contains("Stop this server"), "{said}");
}

#[test]
fn the_demo_s_passwords_in_shared_engines_are_warned_of_by_where_they_are() {
    let Some(redis) = sentinel_services::redis() else { return };
    let Some(database) = sentinel_services::mongo_of(Kind::FerretDb) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let redis = redis.url();
    let urls = ["--redis-url", &redis, "--mongodb-url", database.uri()];
    Process::start_with(folder.path(), &[&urls[..], &["--demo"]].concat()).kill();
    Process::start_with(folder.path(), &urls).kill();
    let host = redis.trim_start_matches("redis://");
    assert_says(&log(folder.path()), &["WARN", host, "demo's well-known password"]);
    let said = refusal(folder.path(), &[&urls[..], &["--listen", "0.0.0.0:0"]].concat());
    assert_says(&said, &[host, "demo's well-known password", "127.0.0.1"]);
    assert!(!said.contains("folder"), "{said}");
}
