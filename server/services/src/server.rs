//! One server process on a port of its own, in a folder of its own.
//!
//! It ends with its `Server`. Where the whole process ends without dropping anything (killed, or the
//! server is one that all tests share), a watchdog ends it: a shell that reads a pipe which closes with
//! us, then kills the server and removes the folder.

use crate::port;
use anyhow::{Context as _, Result, anyhow};
use parking_lot::Mutex;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use std::{
    ffi::OsString,
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// From start to the first answer; a Java machine on a busy computer takes several seconds.
const DEADLINE: Duration = Duration::from_secs(60);
const BETWEEN_TRIES: Duration = Duration::from_millis(5);
/// Another process may take a port between our look and the server's.
const PORTS_TRIED: usize = 5;
const LINES_SHOWN: usize = 20;

/// A command line, from the port and the folder for data.
type Arguments = dyn Fn(u16, &Path) -> Vec<OsString> + Send + Sync;

/// How a kind of server is started and seen to be ready.
pub struct Program {
    pub name: &'static str,
    pub file: PathBuf,
    pub arguments: Box<Arguments>,
    /// Whether the one at this port answers as it should; bounded in time.
    pub answers: fn(u16) -> bool,
}

pub struct Server {
    program: Program,
    port: u16,
    folder: TempDir,
    running: Mutex<Option<Running>>,
}

impl Server {
    /// Starts it and waits until it answers.
    pub fn start(program: Program) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("sentinel-").tempdir().context("making a folder")?;
        fs::create_dir(folder.path().join("data")).context("making a folder for data")?;
        let mut server = Self { program, port: 0, folder, running: Mutex::new(None) };
        for left in (0..PORTS_TRIED).rev() {
            server.port = port::free()?;
            match server.restart() {
                Err(_) if left > 0 && server.log().contains("ddress already in use") => {
                    server.forget_log()?
                }
                other => return other.map(|()| server),
            }
        }
        unreachable!("the last try returns")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it where it was, on the same port and data, after ending it if it still runs.
    pub fn restart(&self) -> Result<()> {
        self.kill();
        let name = self.program.name;
        let child = self.spawn().with_context(|| format!("starting {name}"))?;
        let mut running = Running::watched(child, self.folder.path())?;
        let began = Instant::now();
        while !(self.program.answers)(self.port) {
            let what = match running.server.try_wait().with_context(|| format!("looking at {name}"))? {
                Some(status) => format!("{name} ended at its start ({status})"),
                None if began.elapsed() > DEADLINE => format!("{name} did not answer within {DEADLINE:?}"),
                None => {
                    sleep(BETWEEN_TRIES);
                    continue;
                }
            };
            return Err(anyhow!("{what}; its last words:\n{}", last_lines(&self.log())));
        }
        *self.running.lock() = Some(running);
        Ok(())
    }

    fn spawn(&self) -> Result<Child> {
        let log = File::options().create(true).append(true).open(self.log_file())?;
        let child = Command::new(&self.program.file)
            .args((self.program.arguments)(self.port, &self.folder.path().join("data")))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // What a terminal sends to a test run ends the test; its servers end by that.
            .process_group(0)
            .spawn()?;
        Ok(child)
    }

    /// SIGKILL, as if the machine took it away; nothing when it does not run.
    pub fn kill(&self) {
        *self.running.lock() = None;
    }

    /// Sends a signal to it, which must be running.
    pub fn signal(&self, signal: Signal) {
        let running = self.running.lock();
        let running = running.as_ref().expect("a killed server gets no signals");
        kill_process(running.pid(), signal).expect("an unreaped child can be sent a signal");
    }

    /// From now on no file of its grows beyond so many bytes, as if its disk were full; without
    /// a number they may again.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let running = self.running.lock();
        let running = running.as_ref().expect("a killed server has no limits");
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(running.pid()), Resource::Fsize, limit).expect("an unreaped child can be limited");
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn log(&self) -> String {
        fs::read(self.log_file()).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }

    fn forget_log(&self) -> Result<()> {
        fs::remove_file(self.log_file()).context("removing the log of a start that failed")
    }
}

impl Drop for Server {
    /// Before the folder goes, which the fields' own order would not promise to a reader.
    fn drop(&mut self) {
        self.kill();
    }
}

/// The process and its watchdog; dropped, both are gone and reaped.
struct Running {
    server: Child,
    watchdog: Option<Child>,
}

impl Running {
    fn watched(server: Child, folder: &Path) -> Result<Self> {
        let mut running = Self { server, watchdog: None };
        let watchdog = Command::new("sh")
            .args(["-c", r#"read -r line; kill -9 "$1"; rm -rf "$2""#, "watchdog"])
            .arg(running.server.id().to_string())
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("starting a watchdog")?;
        running.watchdog = Some(watchdog);
        Ok(running)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.server)
    }
}

impl Drop for Running {
    /// The watchdog ends before the server is reaped: its number could then be another process's.
    fn drop(&mut self) {
        if let Some(watchdog) = &mut self.watchdog {
            let _ = watchdog.kill();
            let _ = watchdog.wait();
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
}
