//! Masters of a Redis Cluster that are killed, or hang, under load: nobody pretends that all is well,
//! nothing that was answered is lost, and no process writes its machine full.
//!
//! Takes half a minute: a cluster notices its dead only after a while.

use crate::{
    server::{at, fix, within},
    town::{Ground, Town},
};
use sentinel_model::Time;
use sentinel_services::Redis;
use serde_json::json;
use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

/// Enough that every master has some of their shards.
const UNITS: usize = 12;
/// How long anything may take that is waited for, on a busy machine.
const DEADLINE: Duration = Duration::from_secs(90);
/// A post is stored, put and shown, and each may wait for what is dead.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// What one process may say of it all: each of its connections tells once of each cut.
const LINES_MAX: usize = 200;

/// A node or a worker in a process of its own; killed when it is dropped.
struct Program {
    child: Child,
    address: String,
    log: PathBuf,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Program {
    fn start(ground: &Ground, folder: &tempfile::TempDir, arguments: &[&str]) -> Self {
        let address = format!("127.0.0.1:{}", sentinel_services::free_port().expect("a free port"));
        let log = folder.path().join(format!("{}.log", arguments[0]));
        let mut command = Command::new(env!("CARGO_BIN_EXE_sentinel"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SENTINEL_")) {
            command.env_remove(name);
        }
        command.args(arguments).args(["--listen", &address]).envs(ground.urls()).env("SENTINEL_LOG", "info");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log).expect("a log"));
        Self { child: command.spawn().expect("it starts"), address, log }
    }

    /// The status of `/readyz` and what it says; none where it does not answer.
    async fn ready(&self) -> Option<(u16, String)> {
        let answer = reqwest::get(format!("http://{}/readyz", self.address)).await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    async fn is_ready(&self) {
        within(DEADLINE, "it is ready", || async { self.ready().await.is_some_and(|said| said.0 == 200) })
            .await;
    }

    /// Waits until it says that the cluster is the trouble.
    async fn is_in_trouble(&self) {
        within(DEADLINE, "it is in trouble", || async {
            self.ready().await.is_some_and(|(status, words)| status == 503 && words.contains("Redis"))
        })
        .await;
    }

    /// What it says by itself, not of a request.
    fn said(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).expect("a log");
        log.lines().filter(|line| !line.contains("request_id=")).map(str::to_owned).collect()
    }
}

/// Units that post a fix after the other, each until it is answered.
struct Posting {
    units: JoinSet<(String, BTreeSet<Time>)>,
    stop: watch::Sender<bool>,
    answered: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

impl Posting {
    fn begin(address: &str, tokens: Vec<(String, String)>) -> Self {
        let (mut units, stop) = (JoinSet::new(), watch::Sender::new(false));
        let (answered, refused) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        for (unit, token) in tokens {
            let (url, client) = (format!("http://{address}/api/v1/locations"), reqwest::Client::new());
            let (stop, answered, refused) = (stop.subscribe(), answered.clone(), refused.clone());
            units.spawn(async move {
                let mut taken = BTreeSet::new();
                for second in 1.. {
                    let body = json!({"location": [fix(at(second), 9.9, 76.2)]});
                    loop {
                        let request =
                            client.post(&url).bearer_auth(&token).json(&body).timeout(ANSWERED_WITHIN);
                        let status = request.send().await.expect("an answer in time").status();
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        if status.is_success() {
                            break;
                        }
                        assert_eq!(status.as_u16(), 503);
                        refused.fetch_add(1, Relaxed);
                    }
                    taken.insert(at(second));
                    answered.fetch_add(1, Relaxed);
                    if *stop.borrow() {
                        break;
                    }
                }
                (unit, taken)
            });
        }
        Self { units, stop, answered, refused }
    }

    async fn more(&self, count: &AtomicU64, by: u64) {
        let until = count.load(Relaxed) + by;
        within(DEADLINE, "answers", || async { count.load(Relaxed) >= until }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_one_or_all_of_its_masters_is_said_to_be_and_loses_nothing_that_was_answered() {
    let Some(ground) = Ground::on_a_cluster() else { return };
    let town = Town::on(ground, 1, 0).await;
    let (inside, masters) = (&town.nodes[0], town.ground.servers());
    let mut tokens = Vec::new();
    for n in 0..UNITS {
        let name = format!("PC-{n}");
        tokens.push((name.clone(), inside.unit(&name, 5).await));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let node = Program::start(&town.ground, &folder, &["serve"]);
    let worker = Program::start(&town.ground, &folder, &["worker", "--name", "w"]);
    node.is_ready().await;
    worker.is_ready().await;
    let posting = Posting::begin(&node.address, tokens);
    posting.more(&posting.answered, 100).await;

    masters[1].kill();
    node.is_in_trouble().await;
    worker.is_in_trouble().await;
    within(DEADLINE, "dashboards know", || async { inside.sentinel.hub.cut_off_since().is_some() }).await;
    posting.more(&posting.refused, 5).await;
    masters[1].restart().expect("it starts again");
    node.is_ready().await;
    worker.is_ready().await;
    within(DEADLINE, "dashboards go on", || async { inside.sentinel.hub.cut_off_since().is_none() }).await;
    posting.more(&posting.answered, 100).await;

    // One that hangs keeps its connections, and answers nobody.
    masters[2].stop();
    node.is_in_trouble().await;
    worker.is_in_trouble().await;
    masters[2].resume();
    node.is_ready().await;
    worker.is_ready().await;
    posting.more(&posting.answered, 100).await;

    masters.iter().for_each(Redis::kill);
    node.is_in_trouble().await;
    worker.is_in_trouble().await;
    masters.iter().for_each(|master| master.restart().expect("it starts again"));
    node.is_ready().await;
    worker.is_ready().await;
    posting.more(&posting.answered, 100).await;

    posting.stop.send_replace(true);
    let admin = inside.sign_in("admin").await;
    for (unit, taken) in posting.units.join_all().await {
        within(DEADLINE, "history has what was answered, once", || async {
            inside.stored_times(&admin, &unit).await == taken.iter().copied().collect::<Vec<_>>()
        })
        .await;
    }
    for program in [&node, &worker] {
        let said = program.said();
        assert!(said.len() < LINES_MAX, "{} lines: {}", said.len(), said.join("\n"));
    }
    town.end().await;
}
