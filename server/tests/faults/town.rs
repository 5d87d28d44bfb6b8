//! Three nodes, two workers, a Redis and a database, each a process of its own.

use crate::memory::Memory;
use sentinel_model::{Level, Permission, Scope, ScopePath, Time, UnitId};
use sentinel_server::{
    auth::secret::{self, Kind},
    clock::Clock,
    directory::Directory,
    memory::MemoryBus,
    mongo::{Mongo, MongoRegistry},
    ports::{Change, Home, KeyRecord, ScopeRecord, UnitRecord},
};
use sentinel_services::{Redis, RedisOptions};
use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

/// How long anything may take that is waited for, on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(240);

/// Station 5 has the units; station 9 has none, and somebody who looks on.
const OURS: ScopePath = ScopePath { district: 1, zone: 3, division: 2, station: 5 };
const OTHERS: ScopePath = ScopePath { district: 1, zone: 4, division: 7, station: 9 };
pub const DISTRICT: Scope = Scope::new(Level::District, 1);
pub const ELSEWHERE: Scope = Scope::station(9);

pub struct Town {
    pub nodes: Vec<Program>,
    pub workers: Vec<Program>,
    pub redis: Redis,
    pub mongo: sentinel_services::Mongo,
    pub database: sentinel_services::Database,
    pub folder: tempfile::TempDir,
    pub tokens: Vec<String>,
    /// Sees all.
    pub key: String,
    /// Sees station 9 alone.
    pub foreign_key: String,
    pub memory: Option<Memory>,
}

/// A process that is killed when it is dropped.
pub struct Program {
    child: Child,
    _stdout: Option<BufReader<ChildStdout>>,
    pub address: String,
}

impl Town {
    /// None, loudly, where a service is not installed.
    pub async fn start(units: usize, nodes: usize, workers: usize, options: RedisOptions) -> Option<Self> {
        let redis = sentinel_services::redis_with(options)?;
        let mongo = sentinel_services::own_mongo(sentinel_services::Kind::FerretDb)?;
        let database = mongo.database();
        let (tokens, key, foreign_key) = make_fleet(database.uri(), units).await;
        let folder = tempfile::tempdir().expect("a folder");
        let mut town = Self {
            nodes: Vec::new(),
            workers: Vec::new(),
            redis,
            mongo,
            database,
            folder,
            tokens,
            key,
            foreign_key,
            memory: None,
        };
        for _ in 0..nodes {
            let node = town.node(&town.redis.url());
            town.nodes.push(node);
        }
        for n in 0..workers {
            let worker = town.worker(n);
            town.workers.push(worker);
        }
        Some(town)
    }

    fn program(&self, redis: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sentinel"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SENTINEL_")) {
            command.env_remove(name);
        }
        let log = File::options().create(true).append(true).open(self.folder.path().join("log.txt"));
        command.env("SENTINEL_REDIS_URL", redis).env("SENTINEL_MONGODB_URL", self.database.uri());
        command.env("SENTINEL_LOG", "info").stdin(Stdio::null()).stderr(log.expect("a log"));
        command
    }

    /// A node that reaches Redis at this address.
    pub fn node(&self, redis: &str) -> Program {
        let mut command = self.program(redis);
        command.args(["serve", "--listen", "127.0.0.1:0", "--unit-rate-limit", "off"]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it says where it is");
        let address = line.trim().strip_prefix("Sentinel is at http://");
        let address =
            address.unwrap_or_else(|| panic!("it said {line:?} and logged {}", self.log())).to_owned();
        Program { child, _stdout: Some(stdout), address }
    }

    pub fn worker(&self, n: usize) -> Program {
        let mut command = self.program(&self.redis.url());
        let child = command.args(["worker", "--name", &format!("w{n}")]).spawn().expect("it starts");
        Program { child, _stdout: None, address: String::new() }
    }

    /// `sentinel` with these arguments, to its end; what it printed.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.program(&self.redis.url()).args(arguments).output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Posts that wait for the archive.
    pub fn queued(&self) -> u64 {
        let waiting = |shard: u8| self.redis.cli(&["xlen", &format!("in:{{{shard}}}")]);
        (0..16).map(|shard| waiting(shard).parse::<u64>().expect("a number")).sum()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log.txt")).unwrap_or_default()
    }

    pub fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.address.clone()).collect()
    }
}

impl Program {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it is gone");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub fn unit_id(n: usize) -> UnitId {
    format!("PC-{n}").parse().expect("a good id")
}

fn key(id: &str, scope: Scope, now: Time) -> (KeyRecord, String) {
    let made = secret::mint(Kind::Key);
    let record = KeyRecord {
        id: id.into(),
        name: id.into(),
        scope,
        permissions: vec![Permission::Read],
        hash: made.hash,
        created_at: now,
        expires_at: None,
        revoked: false,
    };
    (record, made.text)
}

/// Two stations, units of the first, and two keys: tokens, a key that sees all, one that
/// sees the other station.
async fn make_fleet(uri: &str, units: usize) -> (Vec<String>, String, String) {
    let mongo = Mongo::connect(uri, None).await.expect("connects");
    let registry = MongoRegistry::open(&mongo).await.expect("opens");
    let now = Clock::system().now();
    let bus = Arc::new(MemoryBus::new(""));
    let directory = Arc::new(Directory::load(Arc::new(registry), bus, now).await.expect("loads"));
    let mut changes = Vec::new();
    for path in [OURS, OTHERS] {
        let mut parent = None;
        for scope in path.scopes() {
            let path = (scope.level == Level::Station).then_some(path);
            changes.push(Change::PutScope(ScopeRecord {
                scope,
                name: scope.to_string(),
                parent,
                path,
                site: None,
                filters: None,
                alert_rules: None,
            }));
            parent = Some(scope);
        }
    }
    let mut tokens = Vec::new();
    for n in 0..units {
        let token = secret::mint(Kind::Unit);
        tokens.push(token.text);
        changes.push(Change::PutUnit(UnitRecord {
            id: unit_id(n),
            name: format!("car {n}"),
            kind: "car".into(),
            homes: vec![Home { from: Time(0), path: OURS }],
            token_hash: token.hash,
            created_at: now,
            patrols_managed: false,
        }));
    }
    let ((all, all_text), (foreign, foreign_text)) =
        (key("all", DISTRICT, now), key("foreign", ELSEWHERE, now));
    changes.extend([Change::PutKey(all), Change::PutKey(foreign)]);
    directory.put(changes).await.expect("commits");
    (tokens, all_text, foreign_text)
}
