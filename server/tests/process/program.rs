//! The real program as a process of its own, over a folder that outlives it.

use sentinel_model::{Level, Permission, Scope, ScopePath, Time, UnitId};
use sentinel_server::{
    auth::secret::{self, Kind},
    clock::Clock,
    directory::Directory,
    memory::MemoryBus,
    ports::{Change, Home, KeyRecord, Registry, ScopeRecord, UnitRecord},
    sqlite::SqliteRegistry,
};
use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

const PATH: ScopePath = ScopePath { district: 1, zone: 3, division: 2, station: 5 };

/// `sentinel serve` over `data`, with nothing of this environment's own settings.
pub fn serve(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sentinel"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SENTINEL_")) {
        command.env_remove(name);
    }
    command.arg("serve").arg("--data").arg(data).args(["--unit-rate-limit", "off"]);
    // A flag, where there is one, goes before it.
    command.env("SENTINEL_LISTEN", "127.0.0.1:0").env("RUST_LOG", "warn").stdin(Stdio::null());
    command
}

/// A running server; killed when it is dropped.
pub struct Process {
    child: Child,
    /// Read from no more, but open: the program may still print.
    _stdout: BufReader<ChildStdout>,
    pub scheme: String,
    pub address: String,
    pub started_in: Duration,
}

impl Process {
    /// Starts it and waits until it says where it is.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    pub fn start_with(data: &Path, flags: &[&str]) -> Self {
        let begun = Instant::now();
        let log = File::options().create(true).append(true).open(data.join("log.txt")).expect("a log");
        let mut child =
            serve(data).args(flags).stdout(Stdio::piped()).stderr(log).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it says where it is");
        let said = line.trim().strip_prefix("Sentinel is at ").and_then(|url| url.split_once("://"));
        let (scheme, address) = said.unwrap_or_else(|| {
            let log = std::fs::read_to_string(data.join("log.txt")).unwrap_or_default();
            panic!("it said {line:?} and logged {log}")
        });
        let (scheme, address) = (scheme.to_owned(), address.to_owned());
        Self { child, _stdout: stdout, scheme, address, started_in: begun.elapsed() }
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it is gone");
    }

    /// As a service manager stops it.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// As an operator does who has put new files there.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().expect("kill runs");
        assert!(sent.success());
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// One station with units `PC-0` and up; answers their tokens and a key that reads all
/// runs patrols and manages all.
pub async fn make_fleet(data: &Path, units: usize) -> (Vec<String>, String) {
    make_fleet_in(&records(Arc::new(registry_of(data))).await, units).await
}

pub fn registry_of(data: &Path) -> SqliteRegistry {
    SqliteRegistry::open(&data.join("records.db")).expect("opens")
}

/// To change records with, while no server has them.
pub async fn records(registry: Arc<dyn Registry>) -> Arc<Directory> {
    let now = Clock::system().now();
    Arc::new(Directory::load(registry, Arc::new(MemoryBus::new("")), now).await.expect("loads"))
}

pub async fn make_fleet_in(directory: &Arc<Directory>, units: usize) -> (Vec<String>, String) {
    let now = Clock::system().now();
    let [district, zone, division, station] = PATH.scopes();
    let scope = |scope: Scope, parent| {
        let path = (scope.level == Level::Station).then_some(PATH);
        Change::PutScope(ScopeRecord {
            scope,
            name: scope.to_string(),
            parent,
            path,
            site: None,
            filters: None,
            alert_rules: None,
        })
    };
    let mut changes = vec![
        scope(district, None),
        scope(zone, Some(district)),
        scope(division, Some(zone)),
        scope(station, Some(division)),
    ];
    let mut tokens = Vec::new();
    for n in 0..units {
        let token = secret::mint(Kind::Unit);
        tokens.push(token.text);
        changes.push(Change::PutUnit(UnitRecord {
            id: unit_id(n),
            name: format!("car {n}"),
            kind: "car".into(),
            homes: vec![Home { from: Time(0), path: PATH }],
            token_hash: token.hash,
            created_at: now,
            patrols_managed: false,
        }));
    }
    let key = secret::mint(Kind::Key);
    changes.push(Change::PutKey(KeyRecord {
        id: "reader".into(),
        name: "reader".into(),
        scope: district,
        permissions: vec![Permission::Read, Permission::Dispatch, Permission::Manage],
        hash: key.hash,
        created_at: now,
        expires_at: None,
        revoked: false,
    }));
    directory.put(changes).await.expect("commits");
    (tokens, key.text)
}

pub fn unit_id(n: usize) -> UnitId {
    format!("PC-{n}").parse().expect("a good id")
}
