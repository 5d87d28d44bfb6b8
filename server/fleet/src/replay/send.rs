//! Posts what is due.
//!
//! One loop owns everything. Each unit has a queue and at most one post under way, so
//! its rows arrive in order; what falls due meanwhile goes together as the next batch.
//! A row leaves its queue only once it was answered.

use super::{
    ReplayArgs,
    pace::{Pace, Speed},
    progress::{Progress, Standing, count, counted},
    trace::{Row, Trace},
};
use crate::{
    client::{Api, CallError},
    reach::Reach,
};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use reqwest::StatusCode;
use sentinel_model::{Time, fix::IngestAnswer};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet, VecDeque},
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Rows of one post.
const BATCH_MAX: usize = 500;
/// How long a unit rests that is told to slow down and not for how long.
const REST: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Post<'a> {
    unit_id: &'a str,
    location: Vec<Record<'a>>,
}

#[derive(Serialize)]
struct Record<'a> {
    timestamp: Time,
    coords: Coords,
    #[serde(skip_serializing_if = "Option::is_none")]
    battery: Option<Battery>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extras: Option<&'a Map<String, Value>>,
}

#[derive(Serialize)]
struct Coords {
    latitude: f64,
    longitude: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heading: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    altitude: Option<f64>,
}

#[derive(Serialize)]
struct Battery {
    level: f64,
}

impl<'a> Record<'a> {
    fn of(row: &'a Row) -> Self {
        let more = row.more.as_deref();
        Self {
            timestamp: row.device,
            coords: Coords {
                latitude: row.lat,
                longitude: row.lon,
                speed: more.and_then(|m| m.speed),
                heading: more.and_then(|m| m.heading),
                accuracy: more.and_then(|m| m.accuracy),
                altitude: more.and_then(|m| m.altitude),
            },
            battery: more.and_then(|m| m.battery).map(|level| Battery { level }),
            extras: more.map(|m| &m.extras).filter(|extras| !extras.is_empty()),
        }
    }
}

struct Queue {
    /// Indices of due rows, oldest first.
    rows: VecDeque<usize>,
    /// Ready, under way or resting: somewhere else already.
    taken: bool,
    /// Shrinks where the server finds batches too large or too fast.
    batch_max: usize,
    /// Refused for good.
    broken: bool,
}

struct Answer {
    unit: usize,
    sent: usize,
    result: Result<IngestAnswer, CallError>,
}

/// What became of the rows.
#[derive(Debug, Default)]
pub struct Report {
    pub accepted: u64,
    pub duplicates: u64,
    /// Rows that the server set aside or refused: not to be found in history.
    pub refused: HashSet<usize>,
    pub set_aside: u64,
    pub failed: u64,
    pub first_failure: Option<String>,
    pub first_set_aside: Option<String>,
    took: Duration,
}

impl Report {
    fn answered(&self) -> u64 {
        self.accepted + self.duplicates + self.set_aside
    }

    fn fail(&mut self, rows: impl Iterator<Item = usize>, why: String) {
        for row in rows {
            self.refused.insert(row);
            self.failed += 1;
        }
        self.first_failure.get_or_insert(why);
    }

    pub fn summary(&self, trace: &Trace) -> String {
        let rate = self.answered() as f64 / self.took.as_secs_f64().max(1e-3);
        let aside = match &self.first_set_aside {
            Some(reason) => format!("{} set aside (the first: {reason})", count(self.set_aside)),
            None => "0 set aside".into(),
        };
        format!(
            "{} of the trace in {:.1} s ({}/s): {} stored, {} known before, {aside}, {} failed",
            counted(trace.rows.len(), "fix", "fixes"),
            self.took.as_secs_f64(),
            count(rate.round() as u64),
            count(self.accepted),
            count(self.duplicates),
            count(self.failed),
        )
    }
}

pub struct Sender<'a> {
    api: &'a Api,
    trace: &'a Trace,
    pace: Pace,
    connections: usize,
    start: Instant,
    /// The first row that is not due yet.
    next: usize,
    queues: Vec<Queue>,
    ready: VecDeque<usize>,
    resting: BinaryHeap<Reverse<(Instant, usize)>>,
    under_way: FuturesUnordered<BoxFuture<'a, Answer>>,
    reach: Reach,
    report: Report,
    progress: Progress,
}

impl<'a> Sender<'a> {
    pub fn new(api: &'a Api, trace: &'a Trace, args: &ReplayArgs) -> Self {
        Self::paced(api, trace, args.speed, usize::from(args.connections))
    }

    fn paced(api: &'a Api, trace: &'a Trace, speed: Speed, connections: usize) -> Self {
        let first = trace.rows.first().map(|r| r.recorded).unwrap_or_default();
        let queue = || Queue { rows: VecDeque::new(), taken: false, batch_max: BATCH_MAX, broken: false };
        Self {
            api,
            trace,
            pace: Pace::new(first, speed),
            connections,
            start: Instant::now(),
            next: 0,
            queues: trace.units.iter().map(|_| queue()).collect(),
            ready: VecDeque::new(),
            resting: BinaryHeap::new(),
            under_way: FuturesUnordered::new(),
            reach: Reach::default(),
            report: Report::default(),
            progress: Progress::new(),
        }
    }

    pub async fn run(mut self, shutdown: &CancellationToken) -> Report {
        loop {
            let now = Instant::now();
            self.fall_due(now);
            self.dispatch(now);
            self.progress.show(&self.standing(now));
            if self.next == self.trace.rows.len()
                && self.ready.is_empty()
                && self.resting.is_empty()
                && self.under_way.is_empty()
            {
                break;
            }
            let wake = self.wake();
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(answer) = self.under_way.next() => self.take(answer),
                () = tokio::time::sleep_until(wake) => {}
            }
        }
        // stopped early: what is under way may still be stored, and is worth knowing of
        while let Ok(Some(answer)) = tokio::time::timeout(Duration::from_secs(5), self.under_way.next()).await
        {
            self.take(answer);
        }
        self.progress.end();
        self.report.took = self.start.elapsed();
        self.report
    }

    fn standing(&self, now: Instant) -> Standing {
        Standing {
            clock: self.pace.shows(now.duration_since(self.start)),
            total: self.trace.rows.len(),
            due: self.next,
            answered: self.report.answered(),
            failed: self.report.failed,
        }
    }

    /// Rows whose time has come join their unit's queue; units that have rested are ready again.
    fn fall_due(&mut self, now: Instant) {
        let elapsed = now.duration_since(self.start);
        while let Some(row) =
            self.trace.rows.get(self.next).filter(|r| self.pace.due_after(r.recorded) <= elapsed)
        {
            let queue = &mut self.queues[row.unit];
            if queue.broken {
                self.report.fail(std::iter::once(self.next), String::new());
            } else {
                queue.rows.push_back(self.next);
                if !std::mem::replace(&mut queue.taken, true) {
                    self.ready.push_back(row.unit);
                }
            }
            self.next += 1;
        }
        while let Some(Reverse((_, unit))) =
            self.resting.peek().copied().filter(|Reverse((until, _))| *until <= now)
        {
            self.resting.pop();
            self.ready.push_back(unit);
        }
    }

    fn dispatch(&mut self, now: Instant) {
        let limit = self.reach.allows(self.connections, now);
        while self.under_way.len() < limit
            && let Some(unit) = self.ready.pop_front()
        {
            let queue = &self.queues[unit];
            let sent = queue.rows.len().min(queue.batch_max);
            let location =
                queue.rows.iter().take(sent).map(|row| Record::of(&self.trace.rows[*row])).collect();
            let post = Post { unit_id: self.trace.units[unit].as_str(), location };
            let api = self.api;
            self.under_way.push(Box::pin(async move {
                let result = api.post("/api/v1/locations", &post).await;
                Answer { unit, sent, result }
            }));
        }
    }

    fn wake(&self) -> Instant {
        let due = self.trace.rows.get(self.next).map(|r| self.start + self.pace.due_after(r.recorded));
        let rested = self.resting.peek().map(|Reverse((until, _))| *until);
        let probe = self.reach.retry_at().filter(|_| self.under_way.is_empty());
        [due, rested, probe].into_iter().flatten().fold(self.progress.due(), Instant::min)
    }

    fn take(&mut self, answer: Answer) {
        let Answer { unit, sent, result } = answer;
        let now = Instant::now();
        match result {
            Ok(answer) => self.stored(unit, sent, &answer, now),
            Err(error) => match error.status() {
                Some(StatusCode::TOO_MANY_REQUESTS) => {
                    self.queues[unit].batch_max = (sent / 2).max(1);
                    self.resting.push(Reverse((now + error.retry_after().unwrap_or(REST), unit)));
                }
                Some(StatusCode::PAYLOAD_TOO_LARGE) if sent > 1 => {
                    self.queues[unit].batch_max = sent / 2;
                    self.ready.push_front(unit);
                }
                _ if error.is_transient() => {
                    self.ready.push_front(unit);
                    if self.reach.failed(&error, now) {
                        self.progress.say(&format!("{error}; the trace waits"));
                    }
                }
                _ => {
                    let why = format!("unit {}: {error}", self.trace.units[unit]);
                    self.progress.say(&why);
                    let queue = &mut self.queues[unit];
                    queue.broken = true;
                    let rows = std::mem::take(&mut queue.rows);
                    self.report.fail(rows.into_iter(), why);
                }
            },
        }
    }

    fn stored(&mut self, unit: usize, sent: usize, answer: &IngestAnswer, now: Instant) {
        if let Some(away) = self.reach.answered(now) {
            self.progress.say(&format!("the server answers again after {:.0} s", away.as_secs_f64()));
        }
        let queue = &mut self.queues[unit];
        let rows: Vec<usize> = queue.rows.drain(..sent).collect();
        queue.batch_max = (queue.batch_max * 2).min(BATCH_MAX);
        if queue.rows.is_empty() {
            queue.taken = false;
        } else {
            self.ready.push_back(unit);
        }
        let report = &mut self.report;
        report.accepted += answer.accepted;
        report.duplicates += answer.duplicates;
        for rejected in &answer.rejected {
            report.set_aside += 1;
            if let Some(row) = rows.get(rejected.index) {
                report.refused.insert(*row);
            }
            report.first_set_aside.get_or_insert_with(|| {
                let at = rows.get(rejected.index).map(|row| self.trace.rows[*row].recorded.to_string());
                format!("{} at {}: {}", self.trace.units[unit], at.unwrap_or_default(), rejected.reason)
            });
        }
        let told = answer.accepted + answer.duplicates + answer.rejected.len() as u64;
        if told != sent as u64 {
            let why = format!(
                "unit {}: the server told of {told} fixes where {sent} were sent",
                self.trace.units[unit]
            );
            report.failed += (sent as u64).abs_diff(told);
            report.first_failure.get_or_insert(why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{client::Credential, stand_in::StandIn};

    fn trace(units: usize, rows: usize) -> Trace {
        let row = |i: usize| {
            let t = Time::from_secs(i as i64);
            Row { recorded: t, device: t, unit: i % units, lat: 1.0, lon: 2.0, more: None }
        };
        Trace {
            units: (0..units).map(|i| format!("u{i}").parse().expect("an id")).collect(),
            rows: (0..rows).map(row).collect(),
        }
    }

    async fn replayed(server: &StandIn, trace: &Trace, speed: Speed) -> Report {
        let api = Api::new(&server.start().await, Credential::Key("k".into())).expect("an address");
        Sender::paced(&api, trace, speed, 4).run(&CancellationToken::new()).await
    }

    fn times_of(server: &StandIn, unit: &str) -> Vec<Time> {
        let posts = server.posts();
        posts.iter().filter(|p| p.unit_id == unit).flat_map(|p| &p.location).map(|p| p.timestamp).collect()
    }

    #[tokio::test]
    async fn each_unit_s_rows_arrive_once_and_in_order_and_due_ones_together() {
        let (server, trace) = (StandIn::default(), trace(3, 3_600));
        let report = replayed(&server, &trace, Speed::Max).await;
        assert_eq!((report.accepted, report.failed), (3_600, 0));
        for unit in 0..3 {
            let expected: Vec<Time> = (0..1_200).map(|i| Time::from_secs(i * 3 + unit)).collect();
            assert_eq!(times_of(&server, &format!("u{unit}")), expected);
        }
        assert_eq!(server.posts().len(), 9, "three batches for each unit");
    }

    #[tokio::test]
    async fn rows_wait_for_their_time() {
        let (server, trace) = (StandIn::default(), trace(1, 31));
        let start = Instant::now();
        // thirty seconds at a hundred times
        let report = replayed(&server, &trace, Speed::Times(100.0)).await;
        assert_eq!(report.accepted, 31);
        assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
        assert!(server.posts().len() > 3, "not all at once");
    }

    #[tokio::test]
    async fn an_outage_loses_nothing_and_doubles_nothing() {
        let (server, trace) = (StandIn::default(), trace(2, 100));
        server.fail_next(&[(503, None), (502, None), (503, None)]);
        let report = replayed(&server, &trace, Speed::Max).await;
        assert_eq!((report.accepted, report.failed), (100, 0));
        assert_eq!(times_of(&server, "u0").len() + times_of(&server, "u1").len(), 100);
    }

    #[tokio::test]
    async fn a_unit_that_is_told_to_slow_down_sends_less_at_a_time() {
        let (server, trace) = (StandIn::default(), trace(1, 400));
        server.fail_next(&[(429, Some("0")), (413, None)]);
        let report = replayed(&server, &trace, Speed::Max).await;
        let sizes: Vec<usize> = server.posts().iter().map(|p| p.location.len()).collect();
        assert_eq!((report.accepted, sizes), (400, vec![100, 200, 100]));
    }

    #[tokio::test]
    async fn a_unit_that_is_refused_for_good_fails_and_the_others_go_on() {
        let (server, trace) = (StandIn::default(), trace(2, 10));
        server.fail_next(&[(404, None)]);
        let report = replayed(&server, &trace, Speed::Max).await;
        assert_eq!((report.accepted, report.failed, report.refused.len()), (5, 5, 5));
        assert!(report.first_failure.is_some_and(|why| why.contains("unit u0") && why.contains("not now")));
    }

    #[tokio::test]
    async fn rows_that_are_set_aside_are_told_and_not_looked_for() {
        let (server, mut trace) = (StandIn::default(), trace(1, 3));
        trace.rows[1].lat = 91.0;
        let report = replayed(&server, &trace, Speed::Max).await;
        assert_eq!((report.accepted, report.set_aside, report.failed), (2, 1, 0));
        assert_eq!(report.refused, HashSet::from([1]));
        assert!(
            report
                .summary(&trace)
                .contains("1 set aside (the first: u0 at 1970-01-01T00:00:01.000Z: latitude")
        );
    }
}
