//! redis-server with an append-only file, as Sentinel wants it.

use crate::{
    installed,
    server::{Program, Server},
};
use anyhow::{Context as _, Result};
use rustix::process::Signal;
use std::{
    ffi::OsString,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process::Command,
    time::Duration,
};

/// When what is written to the append-only file is synced to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Appendfsync {
    Always,
    #[default]
    Everysec,
}

#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    pub appendfsync: Appendfsync,
    /// In bytes; with `noeviction`, so that writes beyond it are refused.
    pub maxmemory: Option<u64>,
    /// More of redis.conf's directives, each with its value; they win over what is set here.
    pub directives: Vec<(String, String)>,
}

impl RedisOptions {
    pub fn with(mut self, directive: &str, value: &str) -> Self {
        self.directives.push((directive.to_owned(), value.to_owned()));
        self
    }

    fn arguments(&self, port: u16, data: &Path) -> Vec<OsString> {
        let appendfsync = match self.appendfsync {
            Appendfsync::Always => "always",
            Appendfsync::Everysec => "everysec",
        };
        let mut all: Vec<(&str, OsString)> = vec![
            ("port", port.to_string().into()),
            ("bind", "127.0.0.1".into()),
            ("dir", data.into()),
            ("save", "".into()),
            ("appendonly", "yes".into()),
            ("appendfsync", appendfsync.into()),
            ("maxmemory-policy", "noeviction".into()),
        ];
        all.extend(self.maxmemory.map(|bytes| ("maxmemory", bytes.to_string().into())));
        all.extend(self.directives.iter().map(|(name, value)| (name.as_str(), value.into())));
        all.into_iter().flat_map(|(name, value)| [format!("--{name}").into(), value]).collect()
    }
}

/// One redis-server; SIGKILLed and gone with its data when dropped.
pub struct Redis {
    server: Server,
}

impl Redis {
    pub fn installed() -> bool {
        ["redis-server", "redis-cli"].into_iter().all(|program| installed::on_path(program).is_some())
    }

    pub fn start(options: RedisOptions) -> Result<Self> {
        let program = Program {
            name: "redis-server",
            file: installed::on_path("redis-server").context("redis-server is not installed")?,
            arguments: Box::new(move |port, data| options.arguments(port, data)),
            answers,
        };
        Ok(Self { server: Server::start(program)? })
    }

    /// `redis://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port())
    }

    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// SIGKILL; what it answered is in its append-only file, as far as it writes that.
    pub fn kill(&self) {
        self.server.kill();
    }

    /// The same, as soon as no sync of that file is under way. During one, with `everysec`, Redis
    /// puts off writing for up to two seconds and goes on answering: of that, as of no other answer,
    /// nothing would be in the file.
    pub fn kill_between_syncs(&self) {
        let is_none = |what: &str| self.counter(what) == Some(0);
        while !(is_none("aof_pending_bio_fsync") && is_none("aof_buffer_length")) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        self.kill();
    }

    /// Starts it again on the same port and data; when this returns it has read them.
    pub fn restart(&self) -> Result<()> {
        self.server.restart()
    }

    /// SIGSTOP: connections stay, nobody answers.
    pub fn stop(&self) {
        self.server.signal(Signal::STOP);
    }

    /// SIGCONT, after [`stop`](Self::stop).
    pub fn resume(&self) {
        self.server.signal(Signal::CONT);
    }

    /// What redis-cli prints for this command, errors of Redis included, without the last line's end.
    ///
    /// # Panics
    /// Where redis-cli does not succeed, as with a Redis that was killed.
    pub fn cli(&self, arguments: &[&str]) -> String {
        Self::cli_of(self.port(), arguments)
    }

    pub(crate) fn cli_of(port: u16, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &port.to_string()])
            .args(arguments)
            .output()
            .expect("redis-cli is installed with redis-server");
        let said = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "redis-cli {arguments:?}: {said} {complaint}");
        said
    }

    /// The number after `name:` in `INFO`, such as `total_commands_processed`.
    pub fn counter(&self, name: &str) -> Option<u64> {
        let info = self.cli(&["INFO", "everything"]);
        info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok())
    }
}

/// Anything but "I am loading": a Redis that wants a password is up as well.
pub(crate) fn answers(port: u16) -> bool {
    let ping = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 64];
        let length = stream.read(&mut answer)?;
        Ok(answer[..length].to_vec())
    };
    ping().is_ok_and(|answer| !answer.is_empty() && !answer.starts_with(b"-LOADING"))
}
