//! All units against the clock and the server.
//!
//! One loop owns everything: each unit falls due about once an interval, spread evenly;
//! its fix goes into its outbox; posts are under way for at most [`IN_FLIGHT`] units at
//! once, one post per unit. When the server cannot be reached the whole fleet holds
//! back and one unit probes, with growing waits; when one unit is told to slow down
//! only that unit waits.

use super::{
    SimulateArgs,
    duties::{self, Duties},
    outbox::{Outbox, Post, Record},
    roster::Driver,
};
use crate::{
    client::{Api, CallError},
    clock,
    reach::Reach,
};
use anyhow::Context;
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sentinel_model::{Time, fix::IngestAnswer};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Posts under way at once.
const IN_FLIGHT: usize = 32;
/// How far a fix may come early or late, of the interval.
const JITTER: f64 = 0.1;
/// How long stopping waits for answers.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// More time than this is not caught up with in one move.
const LONGEST_LEAP: Duration = Duration::from_secs(120);
/// A unit that the server refuses is left alone this long.
const REFUSED_WAIT: Duration = Duration::from_secs(60);
/// How often the log says how it goes.
const REPORT_EVERY: Duration = Duration::from_secs(60);

struct Member {
    driver: Driver,
    /// The assignment that it drives to or attends to.
    duty: Option<String>,
    outbox: Outbox,
    moved_at: Instant,
    was_moving: bool,
    last_time: Time,
    /// Waiting for its turn, or under way.
    queued: bool,
    /// Told to slow down until then.
    not_before: Option<Instant>,
    complained: bool,
}

struct Answer {
    member: usize,
    batch: Vec<Record>,
    result: Result<IngestAnswer, CallError>,
}

#[derive(Debug, Default)]
struct Tally {
    answered: u64,
    rejected: u64,
}

pub struct Fleet {
    api: Api,
    members: Vec<Member>,
    interval: Duration,
    battery: bool,
    rng: StdRng,
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    ready: VecDeque<usize>,
    under_way: FuturesUnordered<BoxFuture<'static, Answer>>,
    reach: Reach,
    tally: Tally,
    report_at: Instant,
}

impl Fleet {
    pub fn new(api: Api, drivers: Vec<Driver>, args: &SimulateArgs) -> Self {
        let now = Instant::now();
        let share = args.interval.div_f64(drivers.len().max(1) as f64);
        let due = (0..drivers.len()).map(|i| Reverse((now + share.mul_f64(i as f64), i))).collect();
        let members = drivers
            .into_iter()
            .map(|driver| Member {
                last_time: driver.newest.unwrap_or_default(),
                driver,
                duty: None,
                outbox: Outbox::new(args.interval),
                moved_at: now,
                was_moving: false,
                queued: false,
                not_before: None,
                complained: false,
            })
            .collect();
        Self {
            api,
            members,
            interval: args.interval,
            battery: args.battery,
            rng: StdRng::seed_from_u64(args.seed),
            due,
            ready: VecDeque::new(),
            under_way: FuturesUnordered::new(),
            reach: Reach::default(),
            tally: Tally::default(),
            report_at: now + REPORT_EVERY,
        }
    }

    pub async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut duties = duties::read(self.api.clone(), shutdown.clone());
        while !shutdown.is_cancelled() {
            self.dispatch();
            let next_due =
                self.due.peek().map_or_else(|| Instant::now() + self.interval, |Reverse((at, _))| *at);
            // with nothing under way and something ready, only an outage holds us back
            let probe = self.reach.retry_at().filter(|_| !self.ready.is_empty() && self.under_way.is_empty());
            let wake = probe.map_or(next_due, |at| at.min(next_due));
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(answer) = self.under_way.next() => self.take(answer)?,
                Some(duties) = duties.recv() => self.send_out(&duties),
                () = tokio::time::sleep_until(wake) => self.tick(),
            }
        }
        self.finish().await;
        Ok(())
    }

    /// Units drive to where they are sent, and say how far they are.
    fn send_out(&mut self, duties: &Duties) {
        let now = clock::now();
        for member in &mut self.members {
            let mover = &mut member.driver.mover;
            let Some(duty) = duties.get(&member.driver.id) else {
                if member.duty.take().is_some() {
                    mover.dismiss();
                }
                continue;
            };
            let id = &duty.assignment.id;
            if member.duty.as_ref() != Some(id) {
                mover.attend(duty.place(), duties::LONGEST_S);
                member.duty = Some(id.clone());
            }
            if let Some(state) = duty.says(mover.there_for_s(), now) {
                duties::tell(self.api.clone(), id.clone(), state);
            }
        }
    }

    /// Moves the units that are due and notes where they are.
    fn tick(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, index))) = self.due.peek().copied().filter(|Reverse((at, _))| *at <= now)
        {
            self.due.pop();
            let jitter = self.rng.random_range(-JITTER..JITTER);
            // from when it was due, not from now: late fixes must not become fewer fixes
            let next = (at + self.interval.mul_f64(1.0 + jitter)).max(now);
            self.due.push(Reverse((next, index)));
            self.note(index, now);
        }
        if now >= self.report_at {
            self.report_at = now + REPORT_EVERY;
            self.report();
        }
    }

    fn note(&mut self, index: usize, now: Instant) {
        let member = &mut self.members[index];
        // a machine that slept is not made to drive the night's way at once
        let passed = now.duration_since(member.moved_at).min(LONGEST_LEAP.max(self.interval));
        member.driver.mover.advance(passed.as_secs_f64());
        member.moved_at = now;
        let state = member.driver.mover.state();
        let changed = member.was_moving == state.halted;
        member.was_moving = !state.halted;
        member.last_time = clock::now().max(member.last_time.plus_ms(1));
        let charging = member.driver.charging();
        member.outbox.push(Record::of(member.last_time, &state, charging, changed, self.battery));
        let waits = member.not_before.is_some_and(|until| until > now);
        if !member.queued && !waits {
            member.queued = true;
            self.ready.push_back(index);
        }
    }

    /// Sends what may be sent.
    fn dispatch(&mut self) {
        let limit = self.reach.allows(IN_FLIGHT, Instant::now());
        while self.under_way.len() < limit
            && let Some(index) = self.ready.pop_front()
        {
            let member = &self.members[index];
            let (api, unit, batch) = (self.api.clone(), member.driver.id.clone(), member.outbox.batch());
            self.under_way.push(Box::pin(async move {
                let post = Post { unit_id: unit.as_str(), location: &batch };
                let result = api.post("/api/v1/locations", &post).await;
                Answer { member: index, batch, result }
            }));
        }
    }

    fn take(&mut self, answer: Answer) -> anyhow::Result<()> {
        let Answer { member: index, batch, result } = answer;
        let now = Instant::now();
        let member = &mut self.members[index];
        member.queued = false;
        match result {
            Ok(answer) => {
                member.outbox.answered(&batch);
                member.not_before = None;
                if !member.outbox.is_empty() && batch.len() == Outbox::BATCH {
                    member.queued = true;
                    self.ready.push_back(index);
                }
                self.tally.answered += answer.accepted + answer.duplicates;
                self.tally.rejected += u64::try_from(answer.rejected.len()).unwrap_or(u64::MAX);
                if let Some(first) = answer.rejected.first() {
                    tracing::warn!(unit = %member.driver.id, "the server set a fix aside: {}", first.reason);
                }
                self.recovered(now);
            }
            Err(error) if error.status() == Some(reqwest::StatusCode::TOO_MANY_REQUESTS) => {
                let wait = error.retry_after().unwrap_or(Duration::from_secs(2));
                member.not_before = Some(now + wait);
            }
            Err(error) if error.is_transient() => {
                // first again: its oldest fix is as old as anyone's
                member.queued = true;
                self.ready.push_front(index);
                if self.reach.failed(&error, now) {
                    tracing::warn!("{error}; positions are kept for up to an hour and sent when it answers");
                }
            }
            Err(error) if error.status() == Some(reqwest::StatusCode::UNAUTHORIZED) => {
                return Err(error).context("the server does not take this credential any more");
            }
            Err(error) => {
                // resending would only repeat it: these fixes are given up
                member.outbox.answered(&batch);
                member.not_before = Some(now + REFUSED_WAIT);
                if !std::mem::replace(&mut member.complained, true) {
                    tracing::warn!(unit = %member.driver.id, "{error}; leaving this unit alone for a minute at a time");
                }
            }
        }
        Ok(())
    }

    fn recovered(&mut self, now: Instant) {
        if let Some(away) = self.reach.answered(now) {
            let waiting: usize = self.members.iter().map(|m| m.outbox.len()).sum();
            let lost: u64 = self.members.iter_mut().map(|m| m.outbox.take_dropped()).sum();
            tracing::info!(
                waiting,
                lost,
                "the server answers again after {:.0} s; sending what waited",
                away.as_secs_f64()
            );
        }
    }

    fn report(&self) {
        let waiting: usize = self.members.iter().map(|m| m.outbox.len()).sum();
        tracing::info!(
            units = self.members.len(),
            answered = self.tally.answered,
            rejected = self.tally.rejected,
            waiting,
            "simulated units"
        );
    }

    /// Waits for the answers under way, not for ever.
    async fn finish(mut self) {
        let deadline = Instant::now() + LAST_ANSWERS;
        while let Ok(Some(answer)) = tokio::time::timeout_at(deadline, self.under_way.next()).await {
            if let Ok(answer) = answer.result {
                self.tally.answered += answer.accepted + answer.duplicates;
            }
        }
        self.report();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        city::{geo::Place, roads},
        client::Credential,
        simulate::mover::Mover,
        stand_in::{StandIn, eventually},
    };
    use std::collections::{HashMap, HashSet};

    fn drivers(count: u64) -> Vec<Driver> {
        let home = Place { lat: 9.966, lon: 76.299 };
        (0..count)
            .map(|i| Driver {
                id: format!("PC-{i:03}").parse().expect("an id"),
                mover: Mover::new(roads::kochi(), home, None, i),
                newest: None,
            })
            .collect()
    }

    async fn fleet(server: &StandIn, units: u64) -> Fleet {
        let url = server.start().await;
        let args = SimulateArgs { interval: Duration::from_millis(100), ..SimulateArgs::demo(&url, "k") };
        let api = Api::new(&url, Credential::Key("k".into())).expect("an address");
        Fleet::new(api, drivers(units), &args)
    }

    fn times(server: &StandIn) -> HashMap<String, Vec<Time>> {
        let mut times: HashMap<String, Vec<Time>> = HashMap::new();
        for post in server.posts() {
            times.entry(post.unit_id).or_default().extend(post.location.iter().map(|p| p.timestamp));
        }
        times
    }

    #[tokio::test]
    async fn every_unit_posts_about_once_an_interval_and_stopping_is_prompt() {
        let server = StandIn::default();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(fleet(&server, 20).await.run(shutdown.clone()));
        eventually("ten fixes of each", || {
            let times = times(&server);
            times.len() == 20 && times.values().all(|t| t.len() >= 10)
        })
        .await;
        shutdown.cancel();
        running.await.expect("no panic").expect("stopped well");
        for (unit, times) in times(&server) {
            assert!(times.windows(2).all(|p| p[0] < p[1]), "{unit} out of order");
            let span = times[times.len() - 1].ms_since(times[0]);
            let mean = span / (times.len() as i64 - 1);
            assert!((80..=400).contains(&mean), "{unit}: every {mean} ms");
        }
    }

    #[tokio::test]
    async fn fixes_of_an_outage_arrive_afterwards_each_once() {
        let server = StandIn::default();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(fleet(&server, 5).await.run(shutdown.clone()));
        eventually("some fixes", || server.posts().len() > 10).await;
        server.set_down(true);
        let before = server.asked();
        // the probes grow rarer: 0.2, 0.4, 0.8 s
        eventually("three probes", || server.asked() >= before + 4).await;
        server.set_down(false);
        let down = server.posts().len();
        eventually("fixes after the outage", || server.posts().len() > down + 15).await;
        shutdown.cancel();
        running.await.expect("no panic").expect("stopped well");
        assert!(server.posts().iter().any(|p| p.location.len() > 5), "no batch");
        for (unit, times) in times(&server) {
            assert_eq!(times.iter().collect::<HashSet<_>>().len(), times.len(), "{unit} sent a fix twice");
            assert!(times.windows(2).all(|p| p[0] < p[1] && p[1].ms_since(p[0]) < 1_000), "{unit} has a gap");
        }
    }

    #[tokio::test]
    async fn a_credential_that_is_withdrawn_ends_the_run_with_a_reason() {
        let server = StandIn::default();
        server.fail_next(&[(401, None)]);
        let ended = fleet(&server, 1).await.run(CancellationToken::new()).await;
        assert!(ended.is_err_and(|e| format!("{e:#}").contains("credential")));
    }
}
