//! Each service starts, answers, comes back, and leaves nothing behind.

use mongodb::{Client, bson::doc};
use sentinel_services::{Appendfsync, Database, Kind, Redis, RedisOptions};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
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

fn connected(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket takes a timeout");
    stream
}

fn says_pong(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).is_ok_and(|()| &answer == b"+PONG\r\n")
}

fn data_folder(port: u16) -> PathBuf {
    let output = Command::new("redis-cli").args(["-p", &port.to_string(), "CONFIG", "GET", "dir"]).output();
    let said =
        String::from_utf8(output.expect("redis-cli is installed").stdout).expect("a path of ours is UTF-8");
    said.lines().nth(1).expect("the value follows the name").into()
}

/// The program that starts servers for others, and the ports of the Redis servers it started.
fn program(arguments: &[&str], servers: usize) -> (Child, Vec<u16>) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_sentinel-services"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let lines = BufReader::new(program.stdout.take().expect("it is piped")).lines().take(servers);
    let port =
        |line: String| line.strip_prefix("redis redis://127.0.0.1:").and_then(|port| port.parse().ok());
    let ports = lines.map(|line| line.ok().and_then(port).expect("each line is a name and a URL")).collect();
    (program, ports)
}

#[test]
fn redis_answers_by_its_own_protocol() {
    let Some(redis) = sentinel_services::redis() else { return };
    let mut stream = connected(redis.port());
    stream.write_all(b"*1\r\n$4\r\nPING\r\n").expect("a request can be sent");
    assert!(says_pong(&mut stream));
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
        redis.restart().expect("it starts again");
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
    let mut stream = connected(redis.port());
    redis.stop();
    stream.write_all(b"PING\r\n").expect("the kernel takes what the server does not read");
    stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a socket takes a timeout");
    assert!(stream.read(&mut [0]).is_err(), "it answers though it is stopped");
    redis.resume();
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket takes a timeout");
    assert!(says_pong(&mut stream));
}

#[test]
fn redis_counters_are_read_by_name() {
    let Some(redis) = sentinel_services::redis() else { return };
    let before = redis.counter("total_commands_processed");
    redis.cli(&["PING"]);
    assert!(redis.counter("total_commands_processed") > before);
    assert_eq!(redis.counter("no_such_counter"), None);
}

#[test]
fn redis_leaves_neither_process_nor_folder() {
    let Some(redis) = sentinel_services::redis() else { return };
    let (port, folder) = (redis.port(), data_folder(redis.port()));
    assert!(folder.exists());
    drop(redis);
    assert!(!listens(port) && !folder.exists());
}

#[test]
fn a_redis_that_cannot_start_says_why() {
    let Some(_) = sentinel_services::redis() else { return };
    let refused = Redis::start(RedisOptions::default().with("maxmemory-policy", "sometimes"));
    let error = refused.err().expect("there is no such policy");
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
    cluster.masters()[1].restart().expect("it starts again");
    cluster.wait_until_whole().expect("it heals");
}

async fn collection(database: &Database) -> mongodb::Collection<mongodb::bson::Document> {
    let client = Client::with_uri_str(database.uri()).await.expect("the URI is well formed");
    client.default_database().expect("the URI names the database").collection("units")
}

async fn takes_and_gives(kind: Kind) {
    let Some(database) = sentinel_services::mongo_of(kind) else { return };
    let units = collection(&database).await;
    units.insert_one(doc! { "_id": "PC-1" }).await.expect("it is stored");
    assert!(units.insert_one(doc! { "_id": "PC-1" }).await.is_err(), "ids are unique");
    assert_eq!(units.count_documents(doc! {}).await.expect("it counts"), 1);

    let Some(other) = sentinel_services::mongo_of(kind) else { return };
    assert_ne!(database.name(), other.name());
    assert_eq!(
        collection(&other).await.count_documents(doc! {}).await.expect("it counts"),
        0,
        "a database of its own"
    );

    drop(database);
    let names = units.client().list_database_names().await.expect("it lists");
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
    collection(&database).await.insert_one(doc! { "_id": "PC-1" }).await.expect("it is stored");
}

#[tokio::test]
async fn ferretdb_has_what_it_answered_after_it_was_killed() {
    let Some(mongo) = sentinel_services::own_mongo(Kind::FerretDb) else { return };
    let database = mongo.database();
    collection(&database).await.insert_one(doc! { "_id": "PC-1" }).await.expect("it is stored");
    mongo.kill();
    assert!(!listens(mongo.port()));
    mongo.restart().expect("it starts again");
    assert_eq!(
        collection(&database).await.count_documents(doc! { "_id": "PC-1" }).await.expect("it counts"),
        1
    );
}

#[test]
fn servers_end_with_the_process_that_started_them_even_if_it_is_killed() {
    let Some(_) = sentinel_services::redis() else { return };
    let (mut program, ports) = program(&["redis", "redis", "--appendfsync-always"], 2);
    let folders: Vec<PathBuf> = ports.iter().map(|&port| data_folder(port)).collect();
    program.kill().expect("it runs");
    program.wait().expect("it was ours");
    eventually("the servers are gone", || !ports.iter().any(|&port| listens(port)));
    eventually("their folders are gone", || !folders.iter().any(|folder| folder.exists()));
}

#[test]
fn the_program_ends_its_servers_when_its_input_closes() {
    let Some(_) = sentinel_services::redis() else { return };
    let (mut program, ports) = program(&["redis"], 1);
    assert!(listens(ports[0]));
    drop(program.stdin.take());
    assert!(program.wait().expect("it was ours").success());
    assert!(!listens(ports[0]));
}
