//! The program's commands and servers, as an operator runs them.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

/// A command of the program, with nothing of this environment's own settings.
pub fn sentinel(command: &str) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_sentinel"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SENTINEL_")) {
        program.env_remove(name);
    }
    program.arg(command).env("SENTINEL_LOG", "warn").stdin(Stdio::null());
    program
}

/// Runs it to its end; answers all that it said.
pub fn ran(command: &mut Command) -> (bool, String) {
    let output = command.output().expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).expect("text"))
}

#[track_caller]
pub fn succeeds(command: &mut Command) -> String {
    let (well, said) = ran(command);
    assert!(well, "{said}");
    said
}

/// The same with a line on its standard input.
#[track_caller]
pub fn told(command: &mut Command, line: &str) -> String {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    writeln!(child.stdin.take().expect("it is piped"), "{line}").expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    assert!(output.status.success(), "{said}");
    said
}

/// A process that is killed when it is dropped.
pub struct Running(Child);

impl Running {
    pub fn of(child: Child) -> Self {
        Self(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

pub fn appended(log: &Path) -> File {
    File::options().create(true).append(true).open(log).expect("a log")
}

pub fn worker(place: &[String], log: &Path) -> Running {
    let mut command = sentinel("worker");
    Running(command.args(place).stderr(appended(log)).stdout(Stdio::null()).spawn().expect("it starts"))
}

/// `sentinel serve`.
pub struct Node {
    process: Running,
    _stdout: BufReader<ChildStdout>,
    address: String,
}

impl Node {
    /// Starts it and waits until it says where it is. Nobody is ever silent for too long.
    pub fn start(place: &[String], log: &Path) -> Self {
        Self::start_with(place, &[], log)
    }

    pub fn start_with(place: &[String], flags: &[&str], log: &Path) -> Self {
        let mut command = sentinel("serve");
        command.args(place).args(flags).args(["--listen", "127.0.0.1:0", "--unit-rate-limit", "off"]);
        command.args(["--stale-after", "86400", "--offline-after", "86400"]);
        let mut child = command.stdout(Stdio::piped()).stderr(appended(log)).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it says where it is");
        let address = line.trim().strip_prefix("Sentinel is at ").unwrap_or_else(|| {
            panic!("it said {line:?} and logged {}", std::fs::read_to_string(log).unwrap_or_default())
        });
        Self { address: address.to_owned(), process: Running(child), _stdout: stdout }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// As a service manager stops it.
    pub fn stop(mut self) {
        let pid = self.process.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        assert!(self.process.0.wait().expect("it ends").success());
    }
}
