//! Each service starts, answers, comes back, and leaves nothing behind.

use mongodb::{Client, bson::doc};
use sentinel_services::{Appendfsync, Database, Kind, Redis, RedisOptions};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

const DEADLINE: Duration = Duration::from_secs(10);

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        sleep(Duration::from_millis(10));
    }
}

fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn data_folder(redis: &Redis) -> std::path::PathBuf {
    redis.cli(&["CONFIG", "GET", "dir"]).lines().nth(1).unwrap().into()
}

#[test]
fn redis_answers_by_its_own_protocol() {
    let Some(redis) = sentinel_services::redis() else { return };
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, redis.port())).unwrap();
    stream.write_all(b"*1\r\n$4\r\nPING\r\n").unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
    assert_eq!(redis.url(), format!("redis://127.0.0.1:{}", redis.port()));
}

#[test]
fn redis_has_what_it_answered_after_it_was_killed() {
    for appendfsync in [Appendfsync::Always, Appendfsync::Everysec] {
        let options = RedisOptions { appendfsync, ..RedisOptions::default() };
        let Some(redis) = sentinel_services::redis_with(options) else { return };
        assert_eq!(redis.cli(&["SET", "unit", "PC-1"]), "OK");
        redis.kill();
        assert!(!listens(redis.port()), "a killed server is gone when kill returns");
        redis.restart().unwrap();
        assert_eq!(redis.cli(&["GET", "unit"]), "PC-1", "{appendfsync:?}");
    }
}

#[test]
fn redis_is_set_up_as_asked() {
    let options = RedisOptions { maxmemory: Some(64 << 20), ..RedisOptions::default() };
    let Some(redis) = sentinel_services::redis_with(options.with("maxmemory-policy", "allkeys-lru")) else {
        return;
    };
    let config = |name| redis.cli(&["CONFIG", "GET", name]).lines().nth(1).unwrap_or_default().to_owned();
    assert_eq!(config("maxmemory"), "67108864");
    assert_eq!(config("maxmemory-policy"), "allkeys-lru", "a directive of the test's own wins");
    assert_eq!(config("appendonly"), "yes");
    assert_eq!(config("appendfsync"), "everysec");
    assert_eq!(config("save"), "");
}

#[test]
fn a_stopped_redis_is_silent_until_it_is_resumed() {
    let Some(redis) = sentinel_services::redis() else { return };
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, redis.port())).unwrap();
    redis.stop();
    stream.write_all(b"PING\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut answer = [0; 7];
    assert!(stream.read(&mut answer).is_err(), "it answers though it is stopped");
    redis.resume();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
}

#[test]
fn redis_counters_are_read_by_name() {
    let Some(redis) = sentinel_services::redis() else { return };
    let before = redis.counter("total_commands_processed").unwrap();
    redis.cli(&["PING"]);
    assert!(redis.counter("total_commands_processed").unwrap() > before);
    assert_eq!(redis.counter("no_such_counter"), None);
}

#[test]
fn redis_leaves_neither_process_nor_folder() {
    let Some(redis) = sentinel_services::redis() else { return };
    let (port, folder) = (redis.port(), data_folder(&redis));
    assert!(folder.exists());
    drop(redis);
    assert!(!listens(port) && !folder.exists());
}

#[test]
fn a_redis_that_cannot_start_says_why() {
    if !Redis::installed() {
        sentinel_services::redis();
        return;
    }
    let error = Redis::start(RedisOptions::default().with("maxmemory-policy", "sometimes")).err().unwrap();
    assert!(format!("{error:#}").contains("maxmemory-policy"), "{error:#}");
}

#[test]
fn a_cluster_shares_keys_among_three_masters() {
    let Some(cluster) = sentinel_services::redis_cluster() else { return };
    assert_eq!(cluster.urls().len(), 3);
    for key in 0..30 {
        let key = format!("key-{key}");
        assert_eq!(cluster.masters()[0].cli(&["-c", "SET", &key, "there"]), "OK");
        assert_eq!(cluster.masters()[2].cli(&["-c", "GET", &key]), "there");
    }
    let sizes: Vec<String> = cluster.masters().iter().map(|master| master.cli(&["DBSIZE"])).collect();
    assert!(sizes.iter().all(|size| size != "0"), "keys by master: {sizes:?}");
}

#[test]
fn a_cluster_is_whole_again_after_a_master_was_killed() {
    let Some(cluster) = sentinel_services::redis_cluster() else { return };
    cluster.masters()[1].kill();
    eventually("the others miss the master", || {
        cluster.masters()[0].cli(&["CLUSTER", "INFO"]).contains("cluster_state:fail")
    });
    cluster.masters()[1].restart().unwrap();
    cluster.wait_until_whole().unwrap();
}

async fn collection(database: &Database) -> mongodb::Collection<mongodb::bson::Document> {
    let client = Client::with_uri_str(database.uri()).await.unwrap();
    client.default_database().expect("the URI names the database").collection("units")
}

async fn takes_and_gives(kind: Kind) {
    let Some(database) = sentinel_services::mongo_of(kind) else { return };
    let units = collection(&database).await;
    units.insert_one(doc! { "_id": "PC-1" }).await.unwrap();
    assert!(units.insert_one(doc! { "_id": "PC-1" }).await.is_err(), "ids are unique");
    assert_eq!(units.count_documents(doc! {}).await.unwrap(), 1);

    let Some(other) = sentinel_services::mongo_of(kind) else { return };
    assert_ne!(database.name(), other.name());
    assert_eq!(collection(&other).await.count_documents(doc! {}).await.unwrap(), 0, "a database of its own");

    drop(database);
    let names = units.client().list_database_names().await.unwrap();
    assert!(!names.contains(&units.namespace().db), "dropped at the end, yet there: {names:?}");
}

#[tokio::test]
async fn ferretdb_gives_each_test_a_database_of_its_own() {
    takes_and_gives(Kind::FerretDb).await;
}

#[tokio::test]
async fn mongo_java_server_gives_each_test_a_database_of_its_own() {
    takes_and_gives(Kind::JavaServer).await;
}

#[tokio::test]
async fn some_mongodb_is_there_for_tests_that_care_not_which() {
    let Some(database) = sentinel_services::mongo() else { return };
    collection(&database).await.insert_one(doc! { "_id": "PC-1" }).await.unwrap();
}

#[tokio::test]
async fn ferretdb_has_what_it_answered_after_it_was_killed() {
    let Some(mongo) = sentinel_services::own_mongo(Kind::FerretDb) else { return };
    let database = mongo.database();
    collection(&database).await.insert_one(doc! { "_id": "PC-1" }).await.unwrap();
    mongo.kill();
    assert!(!listens(mongo.port()));
    mongo.restart().unwrap();
    assert_eq!(collection(&database).await.count_documents(doc! { "_id": "PC-1" }).await.unwrap(), 1);
}

#[test]
fn servers_end_with_the_process_that_started_them_even_if_it_is_killed() {
    if !Redis::installed() {
        sentinel_services::redis();
        return;
    }
    let mut starter = Command::new(env!("CARGO_BIN_EXE_sentinel-services"))
        .args(["redis", "redis", "--appendfsync-always"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(starter.stdout.take().unwrap()).lines();
    let ports: Vec<u16> = lines
        .take(2)
        .map(|line| line.unwrap().strip_prefix("redis redis://127.0.0.1:").unwrap().parse().unwrap())
        .collect();
    assert!(ports.iter().all(|&port| listens(port)));
    starter.kill().unwrap();
    starter.wait().unwrap();
    for port in ports {
        eventually("the server is gone", || !listens(port));
    }
}

#[test]
fn the_program_ends_its_servers_when_its_input_closes() {
    if !Redis::installed() {
        sentinel_services::redis();
        return;
    }
    let mut starter = Command::new(env!("CARGO_BIN_EXE_sentinel-services"))
        .arg("redis")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = BufReader::new(starter.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let port: u16 = line.rsplit(':').next().unwrap().parse().unwrap();
    drop(starter.stdin.take());
    assert!(starter.wait().unwrap().success());
    assert!(!listens(port));
}
