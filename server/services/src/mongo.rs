//! Servers that speak MongoDB's protocol, and databases on them.

use crate::{
    installed,
    server::{Program, Server},
};
use anyhow::{Context as _, Result};
use mongodb::{Client, bson::doc, options::ClientOptions};
use rustix::process::Signal;
use std::{
    env,
    ffi::OsString,
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::runtime;

/// Versions and places as in setup.sh.
const FERRETDB: &str = "ferretdb-1.24.0/ferretdb";
const MONGO_JAVA: &str = "mongo-java-server-1.47.0";
/// Room for a million segments, from the start: a heap that grows stops the server for a second each
/// time. One thread collects, in short breaks, and leaves the other processors to what is tested.
const JAVA_HEAP: [&str; 4] = ["-Xms3g", "-Xmx3g", "-Xmn64m", "-XX:+UseSerialGC"];
/// For a ping or for dropping a database, on a server that should be there.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Persistent, on SQLite. Reads whole collections; filters of updates are not atomic.
    FerretDb,
    /// mongo-java-server: in memory, atomic, reads by index.
    JavaServer,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::FerretDb => "FerretDB",
            Self::JavaServer => "mongo-java-server",
        }
    }

    pub fn installed(self) -> bool {
        self.program().is_some()
    }

    fn program(self) -> Option<Program> {
        match self {
            Self::FerretDb => Some(Program {
                name: self.name(),
                file: installed::in_cache(FERRETDB)?,
                arguments: Box::new(ferretdb_arguments),
                answers,
            }),
            Self::JavaServer => {
                let jars = installed::in_cache(MONGO_JAVA)?.join("*");
                Some(Program {
                    name: self.name(),
                    file: installed::on_path("java")?,
                    arguments: Box::new(move |port, _| java_arguments(&jars, port)),
                    answers,
                })
            }
        }
    }
}

fn java_arguments(jars: &Path, port: u16) -> Vec<OsString> {
    let program: [OsString; 4] =
        ["-cp".into(), jars.into(), "MongoServerLauncher".into(), port.to_string().into()];
    JAVA_HEAP.into_iter().map(OsString::from).chain(program).collect()
}

fn ferretdb_arguments(port: u16, data: &Path) -> Vec<OsString> {
    let mut sqlite = OsString::from("--sqlite-url=file:");
    sqlite.push(data);
    sqlite.push("/");
    let mut state = OsString::from("--state-dir=");
    state.push(data);
    let listen = format!("--listen-addr=127.0.0.1:{port}").into();
    let fixed = ["--handler=sqlite", "--debug-addr=-", "--telemetry=disable", "--log-level=warn"];
    fixed.into_iter().map(OsString::from).chain([sqlite, state, listen]).collect()
}

/// One server; SIGKILLed and gone with its data when dropped.
pub struct Mongo {
    server: Server,
}

impl Mongo {
    pub fn start(kind: Kind) -> Result<Self> {
        Self::start_with(kind, Vec::new())
    }

    /// With more arguments on the server's command line.
    pub fn start_with(kind: Kind, more: Vec<OsString>) -> Result<Self> {
        let mut program = kind.program().with_context(|| format!("{} is not installed", kind.name()))?;
        let arguments = program.arguments;
        program.arguments = Box::new(move |port, data| {
            arguments(port, data).into_iter().chain(more.iter().cloned()).collect()
        });
        Ok(Self { server: Server::start(program)? })
    }

    /// The one of this kind that all tests of this process use, started by the first.
    pub(crate) fn shared(kind: Kind) -> Result<&'static Self> {
        static SHARED: [OnceLock<Result<Mongo>>; 2] = [OnceLock::new(), OnceLock::new()];
        let shared = match kind {
            Kind::FerretDb => &SHARED[0],
            Kind::JavaServer => &SHARED[1],
        };
        shared.get_or_init(|| Self::start(kind)).as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))
    }

    /// `mongodb://127.0.0.1:PORT`
    pub fn uri(&self) -> String {
        local(self.port())
    }

    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// A fresh database on it, which goes with the server.
    pub fn database(&self) -> Database {
        let mut database = Database::on(&self.uri());
        database.dropped_at_end = false;
        database
    }

    /// A fresh database on it, which is dropped at its end: the server goes on for other tests.
    pub(crate) fn shared_database(&self) -> Database {
        Database::on(&self.uri())
    }

    pub fn kill(&self) {
        self.server.kill();
    }

    /// SIGSTOP: connections stay, nobody answers.
    pub fn stop(&self) {
        self.server.signal(Signal::STOP);
    }

    /// SIGCONT, after [`stop`](Self::stop).
    pub fn resume(&self) {
        self.server.signal(Signal::CONT);
    }

    /// Has it fail at every write, until it is told otherwise.
    pub fn fill_disk(&self, full: bool) {
        self.server.limit_files(full.then_some(0));
    }

    /// Starts it again on the same port and folder. FerretDB has its data, mongo-java-server has none.
    pub fn restart(&self) -> Result<()> {
        self.server.restart()
    }
}

/// A database that nobody else uses.
pub struct Database {
    uri: String,
    name: String,
    dropped_at_end: bool,
}

impl Database {
    /// With a new name, on the server of this URI, and dropped there at the end.
    pub(crate) fn on(uri: &str) -> Self {
        let name = fresh_name();
        Self { uri: with_database(uri, &name), name, dropped_at_end: true }
    }

    /// The server's URI with the database in its path.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.dropped_at_end
            && let Err(error) = run(&self.uri, async |client| Ok(client.database(&self.name).drop().await?))
        {
            eprintln!("dropping the test's database {}: {error:#}", self.name);
        }
    }
}

/// A real MongoDB to test against, in place of what setup.sh installs.
pub(crate) fn named_by_environment() -> Option<String> {
    env::var("TEST_MONGODB_URI").ok().filter(|uri| !uri.is_empty())
}

fn local(port: u16) -> String {
    format!("mongodb://127.0.0.1:{port}")
}

/// Of this process, this moment and this call: a server that outlives us has those of other runs.
fn fresh_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    format!("sentinel_test_{now:x}_{:x}_{:x}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The URI with another database in its path. The one that was there is where its user is known,
/// unless the URI says otherwise.
fn with_database(uri: &str, name: &str) -> String {
    let (address, options) = uri.split_once('?').unwrap_or((uri, ""));
    let hosts = address.find("://").map_or(0, |at| at + 3);
    let (base, before) = match address[hosts..].split_once('/') {
        Some((servers, path)) => (&address[..hosts + servers.len()], path),
        None => (address, ""),
    };
    let mut options = options.to_owned();
    if !before.is_empty() && base.contains('@') && !options.to_lowercase().contains("authsource=") {
        let and = if options.is_empty() { "" } else { "&" };
        options = format!("authSource={before}{and}{options}");
    }
    let question = if options.is_empty() { "" } else { "?" };
    format!("{base}/{name}{question}{options}")
}

fn answers(port: u16) -> bool {
    // The driver waits half a second after a refusal: it is asked only once somebody listens.
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        && run(&local(port), async |client| {
            client.database("admin").run_command(doc! { "ping": 1 }).await?;
            Ok(())
        })
        .is_ok()
}

/// On a thread and a runtime of its own, so that a test may call it from within its own runtime.
fn run(uri: &str, work: impl AsyncFnOnce(Client) -> Result<()> + Send) -> Result<()> {
    let work = || {
        runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
            let mut options = ClientOptions::parse(uri).await?;
            options.server_selection_timeout = Some(PATIENCE);
            work(Client::with_options(options)?).await
        })
    };
    thread::scope(|scope| scope.spawn(work).join().expect("the driver does not panic"))
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn a_fresh_database_takes_the_place_of_the_uris_own() {
        assert_eq!(with_database("mongodb://a:1", "t"), "mongodb://a:1/t");
        assert_eq!(with_database("mongodb://a:1,b:2/?replicaSet=x", "t"), "mongodb://a:1,b:2/t?replicaSet=x");
        assert_eq!(with_database("mongodb+srv://a/old?w=1", "t"), "mongodb+srv://a/t?w=1");
    }

    #[test]
    fn a_user_is_still_looked_for_where_the_uri_said() {
        assert_eq!(with_database("mongodb://u:p@a/old", "t"), "mongodb://u:p@a/t?authSource=old");
        assert_eq!(with_database("mongodb://u:p@a/old?w=1", "t"), "mongodb://u:p@a/t?authSource=old&w=1");
        let named = "mongodb://u:p@a/old?authSource=admin";
        assert_eq!(with_database(named, "t"), "mongodb://u:p@a/t?authSource=admin");
    }
}
