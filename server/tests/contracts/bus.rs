//! What every bus promises.

use crate::{NOW, contract, contract_of_service, eventually, redis::Base, unit};
use parking_lot::Mutex;
use sentinel_model::{
    Level, PatrolId, Scope, UnitStatus,
    live::{Event, StatusChanged},
};
use sentinel_server::{
    memory::MemoryBus,
    ports::{Bus, BusSink, EVENT_HISTORY, PositionFrame, StreamPosition},
};
use std::sync::Arc;

/// A bus and what it stands on.
struct Held {
    bus: Arc<dyn Bus>,
    _base: Option<Base>,
}

impl std::ops::Deref for Held {
    type Target = dyn Bus;
    fn deref(&self) -> &Self::Target {
        &*self.bus
    }
}

impl Held {
    fn in_process() -> Self {
        Self { bus: Arc::new(MemoryBus::new("an epoch")), _base: None }
    }

    async fn over(base: impl Future<Output = Option<Base>>) -> Option<Self> {
        let base = base.await?;
        let bus = base.bus();
        bus.up().await.expect("listens");
        Some(Self { bus, _base: Some(base) })
    }
}

macro_rules! every_engine {
    ($($story:ident)*) => {
        contract!(memory, Held::in_process(), $($story)*);
        contract_of_service!(redis, Held::over(Base::redis()), $($story)*);
        contract_of_service!(redis_cluster, Held::over(Base::cluster()), $($story)*);
    };
}

every_engine!(
    positions_of_watched_patrols_come_as_they_were_sent
    positions_of_a_patrol_come_in_order
    events_go_to_each_of_their_scopes_with_offsets_of_its_own
    events_come_from_the_moment_a_scope_is_watched
    every_event_after_the_position_that_watching_answers_comes
    heads_say_how_far_each_stream_is
    events_since_a_position_are_exactly_those_after_it
    a_position_that_is_not_of_this_stream_has_no_events_since
    the_last_events_are_kept_and_older_ones_known_to_be_gone
    events_of_many_publishers_are_numbered_without_gap
    what_is_told_once_is_told_once_however_many_say_it
    whoever_says_which_commit_it_is_at_is_answered_the_newest
);

const STATION: Scope = Scope::station(5);
const ZONE: Scope = Scope::new(Level::Zone, 3);

/// What a node has heard.
#[derive(Default)]
struct Ear {
    positions: Mutex<Vec<(PatrolId, PositionFrame)>>,
    events: Mutex<Vec<(Scope, Arc<Event>)>>,
    commits: Mutex<Vec<u64>>,
}

impl BusSink for Ear {
    fn position(&self, patrol: PatrolId, frame: PositionFrame) {
        self.positions.lock().push((patrol, frame));
    }
    fn event(&self, scope: Scope, _epoch: &Arc<str>, event: Arc<Event>) {
        self.events.lock().push((scope, event));
    }
    fn records(&self, at: u64) {
        self.commits.lock().push(at);
    }
    fn interrupted(&self) {}
    fn resumed(&self) {}
}

impl Ear {
    fn at(bus: &Held) -> Arc<Self> {
        let ear = Arc::new(Self::default());
        bus.attach(ear.clone());
        ear
    }

    /// Patrol and offset of each event of a scope.
    fn heard(&self, scope: Scope) -> Vec<(u64, u64)> {
        let events = self.events.lock();
        events.iter().filter(|(of, _)| *of == scope).map(|(_, e)| (patrol_of(e), e.offset())).collect()
    }
}

fn patrol_of(event: &Event) -> u64 {
    event.patrol().expect("of a patrol").0
}

fn event(n: u64) -> Event {
    let (id, patrol) = (unit("a"), PatrolId(n));
    Event::Status(StatusChanged { offset: 0, at: NOW, id, patrol, status: UnitStatus::Stale })
}

fn frame(n: i64) -> PositionFrame {
    PositionFrame { time: NOW.plus_ms(n), unit: vec![0, 255, 7, (n % 256) as u8].into() }
}

async fn publish(bus: &Held, scopes: &[Scope], n: u64) {
    bus.publish_event(scopes, event(n)).await.expect("published");
}

async fn since(bus: &Held, scope: Scope, position: &StreamPosition) -> Option<Vec<(u64, u64)>> {
    let events = bus.events_since(scope, position).await.expect("reads");
    events.map(|events| events.iter().map(|e| (patrol_of(e), e.offset())).collect())
}

async fn what_is_told_once_is_told_once_however_many_say_it(bus: &Held) {
    let ear = Ear::at(bus);
    for scope in [STATION, ZONE] {
        bus.watch_scope(scope).await.expect("watched");
    }
    let tell = |id, n| bus.publish_once(id, &[STATION, ZONE], event(n));
    let told = futures::future::join_all((0..20).map(|_| tell("a", 1))).await;
    let told = told.into_iter().filter(|told| *told.as_ref().expect("published")).count();
    assert_eq!(told, 1, "one of them has told it");
    assert!(tell("b", 2).await.expect("published"), "another is told too");
    assert!(!tell("a", 3).await.expect("published"));
    publish(bus, &[STATION, ZONE], 4).await;
    for scope in [STATION, ZONE] {
        eventually("the last is heard", || ear.heard(scope).len() >= 3).await;
        assert_eq!(ear.heard(scope), [(1, 1), (2, 2), (4, 3)]);
    }
}

async fn positions_of_watched_patrols_come_as_they_were_sent(bus: &Held) {
    let ear = Ear::at(bus);
    let (watched, other) = (PatrolId(1), PatrolId(2));
    bus.publish_position(watched, frame(0)).await.expect("published");
    bus.watch_patrol(watched).await.expect("watches");
    bus.watch_patrol(watched).await.expect("watching twice is watching");
    bus.publish_position(watched, frame(1)).await.expect("published");
    bus.publish_position(other, frame(2)).await.expect("published");
    bus.publish_position(watched, frame(3)).await.expect("published");
    eventually("both", || ear.positions.lock().contains(&(watched, frame(3)))).await;
    bus.unwatch_patrol(watched).await.expect("lets go");
    bus.unwatch_patrol(other).await.expect("letting go of what is not watched is nothing");
    bus.publish_position(watched, frame(4)).await.expect("published");
    bus.watch_patrol(other).await.expect("watches");
    bus.publish_position(other, frame(5)).await.expect("published");
    eventually("the last", || ear.positions.lock().contains(&(other, frame(5)))).await;
    // What was sent before its patrol was watched may have been on its way still.
    let early = [(watched, frame(0)), (other, frame(2))];
    let heard: Vec<_> = ear.positions.lock().iter().filter(|one| !early.contains(one)).cloned().collect();
    assert_eq!(heard, [(watched, frame(1)), (watched, frame(3)), (other, frame(5))]);
}

async fn positions_of_a_patrol_come_in_order(bus: &Held) {
    let ear = Ear::at(bus);
    bus.watch_patrol(PatrolId(1)).await.expect("watches");
    for n in 0..500 {
        bus.publish_position(PatrolId(1), frame(n)).await.expect("published");
    }
    eventually("all", || ear.positions.lock().len() == 500).await;
    assert!(ear.positions.lock().is_sorted_by_key(|(_, frame)| frame.time));
}

async fn events_go_to_each_of_their_scopes_with_offsets_of_its_own(bus: &Held) {
    let ear = Ear::at(bus);
    bus.watch_scope(STATION).await.expect("watches");
    bus.watch_scope(ZONE).await.expect("watches");
    publish(bus, &[ZONE, STATION], 1).await;
    publish(bus, &[ZONE], 2).await;
    publish(bus, &[ZONE, STATION, Scope::station(6)], 3).await;
    eventually("all", || ear.events.lock().len() >= 5).await;
    assert_eq!(ear.heard(STATION), [(1, 1), (3, 2)]);
    assert_eq!(ear.heard(ZONE), [(1, 1), (2, 2), (3, 3)]);
}

async fn events_come_from_the_moment_a_scope_is_watched(bus: &Held) {
    let ear = Ear::at(bus);
    publish(bus, &[STATION], 1).await;
    let position = bus.watch_scope(STATION).await.expect("watches");
    assert_eq!(position.offset, 1);
    publish(bus, &[STATION], 2).await;
    eventually("it", || !ear.events.lock().is_empty()).await;
    bus.unwatch_scope(STATION).await.expect("lets go");
    bus.unwatch_scope(ZONE).await.expect("letting go of what is not watched is nothing");
    publish(bus, &[STATION], 3).await;
    let again = bus.watch_scope(STATION).await.expect("watches");
    assert_eq!(again, StreamPosition { offset: 3, ..position.clone() }, "the stream went on unheard");
    publish(bus, &[STATION], 4).await;
    eventually("the last", || ear.events.lock().len() >= 2).await;
    assert_eq!(ear.heard(STATION), [(2, 2), (4, 4)]);
    assert_eq!(since(bus, STATION, &position).await, Some(vec![(2, 2), (3, 3), (4, 4)]));
}

/// Watched while others publish: what comes joins on to the answer without a gap.
async fn every_event_after_the_position_that_watching_answers_comes(bus: &Held) {
    let ear = Ear::at(bus);
    let publishing = async {
        for n in 1..=300 {
            publish(bus, &[STATION], n).await;
            tokio::task::yield_now().await;
        }
    };
    let watching = async {
        while since(bus, STATION, &StreamPosition { epoch: epoch(bus).await, offset: 0 })
            .await
            .is_none_or(|e| e.len() < 50)
        {
            tokio::task::yield_now().await;
        }
        bus.watch_scope(STATION).await.expect("watches")
    };
    let ((), position) = futures::future::join(publishing, watching).await;
    assert!((50..300).contains(&position.offset), "{position:?}");
    eventually("the last", || ear.heard(STATION).last() == Some(&(300, 300))).await;
    let offsets: Vec<u64> = ear.heard(STATION).iter().map(|(_, offset)| *offset).collect();
    let after: Vec<u64> = offsets.into_iter().filter(|offset| *offset > position.offset).collect();
    assert_eq!(after, (position.offset + 1..=300).collect::<Vec<_>>());
}

async fn epoch(bus: &Held) -> Arc<str> {
    bus.watch_scope(ZONE).await.expect("watches").epoch
}

async fn heads_say_how_far_each_stream_is(bus: &Held) {
    publish(bus, &[STATION, ZONE], 1).await;
    publish(bus, &[ZONE], 2).await;
    let heads = bus.heads(&[ZONE, Scope::station(99), STATION]).await.expect("answers");
    let epoch = epoch(bus).await;
    assert!(heads.iter().all(|head| head.epoch == epoch), "{heads:?}");
    assert_eq!(heads.iter().map(|head| head.offset).collect::<Vec<_>>(), [2, 0, 1]);
    assert_eq!(bus.heads(&[]).await.expect("answers"), []);
}

async fn events_since_a_position_are_exactly_those_after_it(bus: &Held) {
    Ear::at(bus);
    let begin = bus.watch_scope(STATION).await.expect("watches");
    assert_eq!(since(bus, STATION, &begin).await, Some(Vec::new()));
    for n in 1..=10 {
        publish(bus, &[STATION], n).await;
    }
    for offset in 0..=10 {
        let expected: Vec<(u64, u64)> = (offset + 1..=10).map(|n| (n, n)).collect();
        let position = StreamPosition { offset, ..begin.clone() };
        assert_eq!(since(bus, STATION, &position).await, Some(expected), "since {offset}");
    }
}

async fn a_position_that_is_not_of_this_stream_has_no_events_since(bus: &Held) {
    Ear::at(bus);
    let begin = bus.watch_scope(STATION).await.expect("watches");
    publish(bus, &[STATION], 1).await;
    let other = StreamPosition { epoch: "of another life".into(), offset: 0 };
    assert_eq!(since(bus, STATION, &other).await, None);
    let ahead = StreamPosition { offset: 2, ..begin };
    assert_eq!(since(bus, STATION, &ahead).await, None, "an offset that never was");
    assert_eq!(since(bus, Scope::station(404), &ahead).await, None);
}

async fn the_last_events_are_kept_and_older_ones_known_to_be_gone(bus: &Held) {
    Ear::at(bus);
    let begin = bus.watch_scope(STATION).await.expect("watches");
    let total = EVENT_HISTORY as u64 + 10;
    for n in 1..=total {
        publish(bus, &[STATION], n).await;
    }
    let at = |offset| StreamPosition { offset, ..begin.clone() };
    let all_kept = since(bus, STATION, &at(10)).await.expect("as many as are promised");
    assert_eq!(all_kept, (11..=total).map(|n| (n, n)).collect::<Vec<_>>());
    // An engine may keep more; where it does not, it says so instead of leaving a gap.
    if let Some(more) = since(bus, STATION, &at(0)).await {
        assert_eq!(more, (1..=total).map(|n| (n, n)).collect::<Vec<_>>());
    }
}

async fn events_of_many_publishers_are_numbered_without_gap(bus: &Held) {
    let ear = Ear::at(bus);
    bus.watch_scope(ZONE).await.expect("watches");
    futures::future::join_all((0..200).map(|n| publish(bus, &[STATION, ZONE], n))).await;
    eventually("all", || ear.heard(ZONE).len() == 200).await;
    let heard = ear.heard(ZONE);
    let offsets: Vec<u64> = heard.iter().map(|(_, offset)| *offset).collect();
    assert_eq!(offsets, (1..=200).collect::<Vec<_>>(), "in order, each once");
    let mut patrols: Vec<u64> = heard.iter().map(|(patrol, _)| *patrol).collect();
    patrols.sort_unstable();
    assert_eq!(patrols, (0..200).collect::<Vec<_>>());
}

async fn whoever_says_which_commit_it_is_at_is_answered_the_newest(bus: &Held) {
    let ear = Ear::at(bus);
    for (at, newest) in [(5, 5), (3, 5), (5, 5), (1_000_000, 1_000_000), (6, 1_000_000)] {
        assert_eq!(bus.publish_records(at).await.expect("says"), newest, "at {at}");
    }
    // Who publishes may hear of it or not; of what is old nobody hears.
    bus.watch_scope(ZONE).await.expect("watches");
    publish(bus, &[ZONE], 1).await;
    eventually("what was sent after", || !ear.heard(ZONE).is_empty()).await;
    assert!(ear.commits.lock().iter().all(|at| [5, 1_000_000].contains(at)), "{:?}", ear.commits.lock());
    assert!(ear.commits.lock().len() <= 2, "each once");
}
