//! The devices: one thread for each connection, sending when a post is due.
//!
//! Threads and blocking sockets, because the kernel wakes a sleeping thread within
//! tens of microseconds where an async timer takes a millisecond, and because it is
//! cheaper: what the generator uses is missing to the server on a small machine.
//! Nothing is sent twice: a post without an answer stays in doubt, and the audit
//! knows that.

use super::{
    body::PostWriter,
    course::Course,
    figures::Times,
    http::{Http, Target},
    ledger::Ledger,
    schedule::{Schedule, Share},
};
use sentinel_model::fix::IngestAnswer;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// How long posts that fell due within the run may still be sent after its end.
const OVERTIME: Duration = Duration::from_secs(10);
/// Longest sleep between two looks at whether the run was broken off.
const LOOK_UP: Duration = Duration::from_millis(200);

/// Who posts: the unit's id and what it shows.
#[derive(Clone)]
pub struct Poster {
    pub id: String,
    pub secret: Arc<str>,
    /// Whether the body must name the unit.
    pub named: bool,
}

/// When posts leave.
#[derive(Clone, Copy)]
pub enum Pace {
    Open(Schedule),
    /// Each as soon as the one before is answered, until then.
    Closed {
        until: Instant,
        posts_per_unit: u64,
    },
}

pub struct Fleet {
    /// Connections go to one after the other.
    pub targets: Vec<Target>,
    pub timeout: Duration,
    pub posters: Vec<Poster>,
    pub course: Arc<Course>,
    pub ledger: Arc<Ledger>,
    pub pace: Pace,
    pub ends: Instant,
    pub stop: CancellationToken,
}

/// What one connection saw, or all of them together.
#[derive(Default, Clone)]
pub struct Sent {
    /// From when a post was due (closed: sent) to its answer, 2xx only.
    pub answer: Times,
    /// From when it was really sent.
    pub service: Times,
    /// How late the generator itself woke for a post.
    pub wake: Times,
    pub statuses: BTreeMap<u16, u64>,
    pub errors: BTreeMap<String, u64>,
    pub posts: u64,
    /// Posts that fell due and were never sent, because the connection was still busy.
    pub unsent: u64,
    pub fixes_accepted: u64,
    pub fixes_duplicate: u64,
    pub fixes_set_aside: u64,
}

impl Sent {
    pub fn add(&mut self, other: &Sent) {
        self.answer.add(&other.answer);
        self.service.add(&other.service);
        self.wake.add(&other.wake);
        for (status, n) in &other.statuses {
            *self.statuses.entry(*status).or_default() += n;
        }
        for (error, n) in &other.errors {
            *self.errors.entry(error.clone()).or_default() += n;
        }
        self.posts += other.posts;
        self.unsent += other.unsent;
        self.fixes_accepted += other.fixes_accepted;
        self.fixes_duplicate += other.fixes_duplicate;
        self.fixes_set_aside += other.fixes_set_aside;
    }

    fn error(&mut self, what: impl Into<String>) {
        *self.errors.entry(what.into()).or_default() += 1;
    }
}

impl Fleet {
    /// Runs all connections to the end of the load. Blocks.
    pub fn run(self: &Arc<Self>, connections: u32) -> std::io::Result<Sent> {
        let units = u32::try_from(self.posters.len()).expect("counted in 32 bits");
        let connections = connections.min(units);
        let threads: Vec<_> = (0..connections)
            .map(|connection| {
                let fleet = Arc::clone(self);
                let share = Share::new(connection, connections, units);
                let target = self.targets[connection as usize % self.targets.len()].clone();
                std::thread::Builder::new()
                    .name(format!("load-{connection}"))
                    .stack_size(256 * 1024)
                    .spawn(move || fleet.play(share, target))
            })
            .collect::<Result<_, _>>()?;
        let mut all = Sent::default();
        for thread in threads {
            match thread.join() {
                Ok(sent) => all.add(&sent),
                Err(_) => all.error("a sender of the generator failed"),
            }
        }
        Ok(all)
    }

    fn play(&self, share: Share, target: Target) -> Sent {
        let mut sent = Sent::default();
        let mut writer = PostWriter::new(&target.authority);
        let mut http = Http::new(target, self.timeout);
        if let Err(error) = http.connect() {
            sent.error(error.to_string());
        }
        for turn in share {
            let due = match self.pace {
                Pace::Open(schedule) if turn.number >= schedule.posts() => break,
                Pace::Open(schedule) => schedule.due(turn.number),
                Pace::Closed { until, posts_per_unit } => {
                    let now = Instant::now();
                    if now >= until || turn.round >= posts_per_unit {
                        break;
                    }
                    now
                }
            };
            if !self.sleep_until(due, &mut sent) {
                break;
            }
            if Instant::now() > self.ends + OVERTIME {
                sent.unsent += 1;
                continue;
            }
            let (unit, poster) = (turn.unit as usize, &self.posters[turn.unit as usize]);
            let named = poster.named.then_some(poster.id.as_str());
            let request = writer.post(&self.course, unit, turn.round, &poster.secret, named);
            self.post(&mut http, request, unit, turn.round, due, &mut sent);
        }
        sent
    }

    /// False where the run was broken off.
    fn sleep_until(&self, due: Instant, sent: &mut Sent) -> bool {
        let mut slept = false;
        loop {
            if self.stop.is_cancelled() {
                return false;
            }
            let now = Instant::now();
            match due.checked_duration_since(now).filter(|left| !left.is_zero()) {
                Some(left) => std::thread::sleep(left.min(LOOK_UP)),
                None if slept => {
                    sent.wake.record(now - due);
                    return true;
                }
                None => return true,
            }
            slept = true;
        }
    }

    fn post(&self, http: &mut Http, request: &[u8], unit: usize, post: u64, due: Instant, sent: &mut Sent) {
        self.ledger.sending(unit, post);
        sent.posts += 1;
        let left = Instant::now();
        let answer = match http.exchange(request) {
            Ok(answer) => answer,
            Err(error) => return sent.error(error.to_string()),
        };
        let (arrived, at) = (Instant::now(), self.ledger.now());
        *sent.statuses.entry(answer.status).or_default() += 1;
        if answer.is_success() {
            self.ledger.answered(unit, post, at);
            sent.answer.record(arrived - due);
            sent.service.record(arrived - left);
            match serde_json::from_slice::<IngestAnswer>(answer.body) {
                Ok(counts) => {
                    sent.fixes_accepted += counts.accepted;
                    sent.fixes_duplicate += counts.duplicates;
                    sent.fixes_set_aside += u64::try_from(counts.rejected.len()).unwrap_or(u64::MAX);
                    if let Some(point) = counts.rejected.first() {
                        sent.error(format!("a good point was set aside: {}", point.reason));
                    }
                }
                Err(_) => sent.error("a 2xx whose body is not the answer to a post"),
            }
        } else if (400..500).contains(&answer.status) {
            self.ledger.refused(unit, post);
        }
    }
}
