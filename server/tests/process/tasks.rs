//! Dispatchers make incidents, send units, say how far they are and close, while the server is
//! killed again and again: each step that was answered is there, once and in a state that may be,
//! and of one that was not all is there or nothing.

use crate::program::{Process, make_fleet, unit_id};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::{Method, StatusCode};
use sentinel_model::{
    Page, TaskId,
    dispatch::{Assignment, AssignmentState, EntryKind, Outcome, Task},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::sync::watch;

/// Each with a unit of their own.
const DISPATCHERS: usize = 4;
/// Kills; `SENTINEL_CRASH_CYCLES` asks for more, each at moments of its own.
const CYCLES: u64 = 12;
/// How long anything may take that is waited for.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a dispatcher does next.
#[derive(Debug, Clone)]
enum Doing {
    Create { notes: String },
    Assign,
    Say { assignment: String, state: AssignmentState },
    Note { text: String },
    Close { outcome: Outcome },
}

/// Somebody who takes one incident after the other from its beginning to its end.
struct Dispatcher {
    unit: usize,
    key: String,
    random: StdRng,
    client: reqwest::Client,
    /// Texts that were written, so that each is another.
    written: usize,
    /// What the timelines have to say, by what was answered.
    answered: BTreeMap<TaskId, Vec<String>>,
    /// The incident at hand, as it was read last; none where all are closed.
    held: Option<Task>,
    /// A step without an answer, and what it would have told.
    unsure: Option<(Doing, Vec<String>)>,
}

impl Dispatcher {
    fn new(unit: usize, key: &str) -> Self {
        Self {
            unit,
            key: key.to_owned(),
            random: StdRng::seed_from_u64(unit as u64),
            client: reqwest::Client::new(),
            written: 0,
            answered: BTreeMap::new(),
            held: None,
            unsure: None,
        }
    }

    fn text(&mut self) -> String {
        self.written += 1;
        format!("{} of dispatcher {}", self.written, self.unit)
    }

    fn next(&mut self) -> Doing {
        let Some(held) = self.held.clone() else { return Doing::Create { notes: self.text() } };
        let roll = self.random.random_range(0..10);
        match held.active().next() {
            None if held.assignments.is_empty() && roll > 0 => Doing::Assign,
            None if held.assignments.len() < 3 && roll > 6 => Doing::Assign,
            None => Doing::Close { outcome: Outcome::Cancelled },
            Some(_) if roll < 2 => Doing::Note { text: self.text() },
            Some(_) if roll == 2 => Doing::Close { outcome: Outcome::Done },
            Some(active) => {
                let later = AssignmentState::ALL.into_iter().filter(|state| *state > active.state);
                let later: Vec<AssignmentState> = later.collect();
                let far = if roll < 8 { 0 } else { self.random.random_range(0..later.len()) };
                Doing::Say { assignment: active.id.clone(), state: later[far] }
            }
        }
    }

    /// What the timeline will say of it.
    fn tells(&self, doing: &Doing) -> Vec<String> {
        let unit = unit_id(self.unit);
        let attended = |held: &Task| held.assignments.iter().any(|held| held.times.on_scene_at.is_some());
        match doing {
            Doing::Create { .. } => vec!["created".into()],
            Doing::Assign => vec![format!("assigned {unit}")],
            Doing::Note { text } => vec![format!("noted {text}")],
            Doing::Say { state, .. } => {
                let mut tells = vec![format!("{unit} {state}")];
                // Whose last unit has done its part is done.
                if *state == AssignmentState::Cleared && self.held.as_ref().is_some_and(attended) {
                    tells.push("closed done".into());
                }
                tells
            }
            Doing::Close { outcome } => {
                let ended = if *outcome == Outcome::Done { "cleared" } else { "cancelled" };
                let active = self.held.iter().flat_map(|held| held.active());
                let mut tells: Vec<String> = active.map(|_| format!("{unit} {ended}")).collect();
                tells.push(format!("closed {}", outcome.as_str()));
                tells
            }
        }
    }

    fn request(&self, doing: &Doing) -> (String, Value) {
        let held = self.held.as_ref().map(|held| held.id.to_string()).unwrap_or_default();
        let of_held = |what: &str| format!("/api/v1/incidents/{held}/{what}");
        match doing {
            Doing::Create { notes } => {
                let new = json!({"kind": "accident", "scope": "station:5", "latitude": 9.9,
                    "longitude": 76.25, "notes": notes});
                ("/api/v1/incidents".into(), new)
            }
            Doing::Assign => (of_held("assign"), json!({"unit_id": unit_id(self.unit)})),
            Doing::Say { assignment, state } => {
                (format!("/api/v1/assignments/{assignment}/status"), json!({"status": state}))
            }
            Doing::Note { text } => (of_held("notes"), json!({"text": text})),
            Doing::Close { outcome } => (of_held("close"), json!({"outcome": outcome})),
        }
    }

    /// The answer; none where the server is gone.
    async fn ask(&self, method: Method, server: &str, path: &str, body: Value) -> Option<Value> {
        let request = self.client.request(method, format!("http://{server}{path}")).bearer_auth(&self.key);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.timeout(DEADLINE).send().await.ok()?;
        let status = answer.status();
        let text = answer.text().await.ok()?;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return None;
        }
        assert!(status.is_success(), "{path}: {status} {text} to {body}");
        Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error} {text}")))
    }

    /// Works until the server is gone.
    async fn work(mut self, server: String, answers: watch::Sender<u64>) -> Self {
        loop {
            let doing = self.next();
            let tells = self.tells(&doing);
            let (path, body) = self.request(&doing);
            let Some(answer) = self.ask(Method::POST, &server, &path, body).await else {
                self.unsure = Some((doing, tells));
                return self;
            };
            let id = match (&doing, &self.held) {
                (Doing::Create { .. }, _) | (_, None) => answer["id"].as_str().expect("an id").parse(),
                (_, Some(held)) => Ok(held.id.clone()),
            };
            let id: TaskId = id.expect("an id");
            self.answered.entry(id.clone()).or_default().extend(tells);
            answers.send_modify(|n| *n += 1);
            let path = format!("/api/v1/incidents/{id}");
            let Some(held) = self.ask(Method::GET, &server, &path, Value::Null).await else { return self };
            let held: Task = serde_json::from_value(held).expect("an incident");
            self.held = Some(held).filter(|held| !held.is_closed());
        }
    }

    /// Holds what is there against what was answered, and goes on from what is there.
    async fn audit(&mut self, server: &Process, there: &mut BTreeMap<TaskId, Task>) {
        let unsure = self.unsure.take();
        if let Some((Doing::Create { notes }, tells)) = &unsure {
            let made = there.values().find(|task| task.notes == *notes);
            if let Some(made) = made {
                self.answered.insert(made.id.clone(), tells.clone());
            }
        }
        let at_hand = self.held.take().map(|held| held.id);
        for (id, answered) in &mut self.answered {
            let task = there.remove(id).unwrap_or_else(|| panic!("{id} is lost, of which {answered:?}"));
            assert_legal(&task);
            let told = told(&task);
            if let Some((_, tells)) = unsure.as_ref().filter(|_| Some(id) == at_hand.as_ref())
                && told.len() > answered.len()
            {
                answered.extend(tells.iter().cloned());
            }
            assert_eq!(&told, answered, "{id}: what is there, and what was answered");
            if !task.is_closed() {
                assert!(self.held.is_none(), "{id}: two are open");
                self.held = Some(task);
            }
        }
        let path = format!("/api/v1/assignments?unit_id={}", unit_id(self.unit));
        let active = self.ask(Method::GET, &server.address, &path, Value::Null).await.expect("an answer");
        let active: Page<Assignment> = serde_json::from_value(active).expect("assignments");
        let expected: Vec<Assignment> = self.held.iter().flat_map(|held| held.active().cloned()).collect();
        assert_eq!(active.items, expected, "who is on what");
    }
}

/// A timeline in words.
fn told(task: &Task) -> Vec<String> {
    let words = |step: &EntryKind| match step {
        EntryKind::Created(_) => "created".to_owned(),
        EntryKind::Assigned(assigned) => format!("assigned {}", assigned.unit_id),
        EntryKind::Status(status) => format!("{} {}", status.unit_id, status.state),
        EntryKind::Noted(noted) => format!("noted {}", noted.text),
        EntryKind::Closed(closed) => format!("closed {}", closed.outcome.as_str()),
        EntryKind::Edited(_) | EntryKind::HandedOver(_) => panic!("nobody did that: {step:?}"),
    };
    task.timeline.iter().map(|entry| words(&entry.step)).collect()
}

/// That an incident is as its timeline says.
fn assert_legal(task: &Task) {
    let id = &task.id;
    assert_eq!(task.state, task.derive_state(), "{id}");
    assert_eq!(task.closed_at.is_some(), task.is_closed(), "{id}");
    assert!(task.timeline.is_sorted_by_key(|entry| entry.at), "{id}: {:?}", task.timeline);
    for assignment in &task.assignments {
        let states = task.timeline.iter().filter_map(|entry| match &entry.step {
            EntryKind::Assigned(told) if told.assignment == assignment.id => {
                Some(AssignmentState::Dispatched)
            }
            EntryKind::Status(told) if told.assignment == assignment.id => Some(told.state),
            _ => None,
        });
        let states: Vec<AssignmentState> = states.collect();
        assert!(states.is_sorted_by(|a, b| a < b), "{id}: {states:?}");
        assert_eq!(states.first(), Some(&AssignmentState::Dispatched), "{id}");
        assert_eq!(states.last(), Some(&assignment.state), "{id}");
        assert_eq!(assignment.times.ended_at.is_none(), assignment.is_active(), "{id}");
        assert!(!task.is_closed() || !assignment.is_active(), "{id}: a unit is on what is closed");
    }
}

/// Every incident that there is, each once.
async fn all(server: &Process, key: &str) -> BTreeMap<TaskId, Task> {
    let client = reqwest::Client::new();
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = server.url(&format!("/api/v1/incidents?state=all&limit=200{cursor}"));
        let answer = client.get(path).bearer_auth(key).send().await.expect("an answer");
        let page: Page<Task> = answer.json().await.expect("a page");
        all.extend(page.items);
        let Some(next) = page.next else { break };
        cursor = format!("&cursor={next}");
    }
    let notes: BTreeSet<&String> = all.iter().map(|task| &task.notes).collect();
    assert_eq!(notes.len(), all.len(), "one is there twice");
    let count = all.len();
    let by_id: BTreeMap<TaskId, Task> = all.into_iter().map(|task| (task.id.clone(), task)).collect();
    assert_eq!(by_id.len(), count, "a number is given twice");
    by_id
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_that_was_answered_outlives_every_kill_and_is_there_once() {
    let data = tempfile::tempdir().expect("a folder");
    let (_, key) = make_fleet(data.path(), DISPATCHERS).await;
    let mut server = Process::start(data.path());
    let mut dispatchers: Vec<Dispatcher> = (0..DISPATCHERS).map(|unit| Dispatcher::new(unit, &key)).collect();
    for dispatcher in &dispatchers {
        let on_duty = json!({"unit_id": unit_id(dispatcher.unit)});
        dispatcher.ask(Method::POST, &server.address, "/api/v1/patrols", on_duty).await.expect("it begins");
    }
    let mut random = StdRng::seed_from_u64(17);
    let cycles = std::env::var("SENTINEL_CRASH_CYCLES").ok().and_then(|n| n.parse().ok()).unwrap_or(CYCLES);
    let mut unanswered = 0;
    for _ in 0..cycles {
        let (answers, mut answered) = watch::channel(0);
        let address = server.address.clone();
        let works = dispatchers.into_iter().map(|of| of.work(address.clone(), answers.clone()));
        let works = tokio::spawn(futures::future::join_all(works.collect::<Vec<_>>()));
        // After so many answers, and then somewhere within a commit.
        let kill_at = random.random_range(5..80);
        let then_us = random.random_range(0..8_000);
        let reached = tokio::time::timeout(DEADLINE, answered.wait_for(|n| *n >= kill_at)).await;
        reached.expect("answers come").expect("they work");
        tokio::time::sleep(Duration::from_micros(then_us)).await;
        server.kill();
        dispatchers = works.await.expect("they end with the server");
        unanswered += dispatchers.iter().filter(|dispatcher| dispatcher.unsure.is_some()).count();

        server = Process::start(data.path());
        let mut there = all(&server, &key).await;
        for dispatcher in &mut dispatchers {
            dispatcher.audit(&server, &mut there).await;
        }
        assert!(there.is_empty(), "nobody made these: {:?}", there.keys());
    }
    let steps: usize = dispatchers.iter().flat_map(|of| of.answered.values()).map(Vec::len).sum();
    assert!(steps > 100 && unanswered > 0, "{steps} steps, {unanswered} without an answer: that was no load");
}
