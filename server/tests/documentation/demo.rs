//! The real program with the demo, as a process of its own.

use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

/// A running demo; killed when it is dropped.
pub struct Demo {
    child: Child,
    /// Read from no more, but open: the program may still print.
    _stdout: BufReader<ChildStdout>,
    pub url: String,
    _folder: tempfile::TempDir,
}

impl Demo {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sentinel"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SENTINEL_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--demo", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path());
        // Receivers of webhooks are on this machine.
        command.args(["--webhook-allow", "127.0.0.1"]);
        command.env("SENTINEL_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it says where it is");
        let url = line.trim().strip_prefix("Sentinel is at ").unwrap_or_else(|| panic!("it said {line:?}"));
        Self { url: url.to_owned(), child, _stdout: stdout, _folder: folder }
    }

    /// A key that may do everything there is in the demo.
    pub async fn key(&self) -> String {
        let client = reqwest::Client::new();
        let login = json!({ "username": "admin", "password": "sentinel-demo" });
        let post = |path: &str, body: &Value| client.post(format!("{}{path}", self.url)).json(body);
        let signed_in = post("/api/v1/auth/login", &login).send().await.expect("answers");
        let signed_in: Value = signed_in.json().await.expect("JSON");
        let wanted = json!({ "name": "tests", "scope": "district:1",
            "permissions": ["ingest", "read", "dispatch", "manage"] });
        let token = signed_in["token"].as_str().expect("a token");
        let made = post("/api/v1/api-keys", &wanted).bearer_auth(token).send().await.expect("answers");
        made.json::<Value>().await.expect("JSON")["key"].as_str().expect("a key").to_owned()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Whether a program is there, by having it tell its version.
pub fn have(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|told| told.status.success())
}
