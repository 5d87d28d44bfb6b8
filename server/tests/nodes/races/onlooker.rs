//! Somebody who looks on over real sockets and by reading, at one node after the other, and
//! notes all that is told. What a stream promises by itself is checked at once.

use super::{
    Scene,
    account::{BOUND, How, Told},
};
use crate::{
    server::{DEADLINE, path},
    socket::{FORMS, Form, Heard, Socket},
};
use rand::{RngExt as _, rngs::StdRng};
use reqwest::StatusCode;
use sentinel_model::{
    Page, PatrolId, Scope, Time, Unit,
    live::{ClientFrame, Event, LiveUnit, ServerFrame, Subscribe, close},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
    time::Instant,
};

/// A right to look on.
pub struct Right {
    pub name: String,
    pub credential: String,
    /// The scopes that it holds, of those there are.
    pub scopes: Vec<Scope>,
    /// One that it does not hold.
    pub forbidden: Option<Scope>,
    /// Whether somebody takes it away before the end.
    pub goes: bool,
    /// When that was asked for, and when it was answered.
    pub asked_away: OnceLock<Instant>,
    pub taken_away: OnceLock<Instant>,
}

/// What it knows, as a page would.
#[derive(Default)]
struct Held {
    scope: Option<Scope>,
    epoch: String,
    offset: u64,
    units: BTreeMap<PatrolId, Option<Time>>,
    /// The same as this socket alone has told it: another node may be a moment behind the
    /// last, and a page shows the later of the two.
    by_this_socket: BTreeMap<PatrolId, Option<Time>>,
}

pub struct Onlooker {
    scene: Arc<Scene>,
    right: Arc<Right>,
    random: StdRng,
    held: Held,
    told: Vec<Told>,
}

/// Why a socket was left.
enum End {
    Bored,
    /// Everything has settled, and it knows what is.
    Settled,
    /// The right is gone.
    Over,
}

impl Onlooker {
    pub fn new(scene: Arc<Scene>, right: Arc<Right>, random: StdRng) -> Self {
        Self { scene, right, random, held: Held::default(), told: Vec::new() }
    }

    /// Looks on until everything has settled or the right is gone; answers all that it was told.
    pub async fn look_on(mut self) -> (Arc<Right>, Vec<Told>) {
        loop {
            match self.watch_once().await {
                End::Bored => {}
                End::Settled => {
                    assert!(!self.right.goes, "{} was taken away and still looks on", self.right.name);
                    break;
                }
                End::Over => {
                    let asked = self.right.asked_away.get();
                    assert!(asked.is_some(), "nobody took {} away", self.right.name);
                    break;
                }
            }
            if !self.read_once().await {
                break;
            }
        }
        if let Some(taken) = self.right.taken_away.get() {
            assert!(taken.elapsed() <= BOUND, "{} lasted {:?} too long", self.right.name, taken.elapsed());
        }
        (self.right, self.told)
    }

    async fn watch_once(&mut self) -> End {
        let (scene, right) = (self.scene.clone(), self.right.clone());
        let node = scene.any_node(&mut self.random);
        let form: Form = FORMS[self.random.random_range(0..FORMS.len())];
        let mut socket = match Socket::open_with(node, &right.credential, form, &[]).await {
            Ok(socket) => socket,
            Err(status) => {
                assert_eq!(status, 401, "{}", right.name);
                return End::Over;
            }
        };
        if let Some(forbidden) = right.forbidden.filter(|_| self.random.random_bool(0.1)) {
            let subscribe = Subscribe { scope: forbidden, interval_ms: None, epoch: None, offset: None };
            socket.say(ClientFrame::Subscribe(subscribe)).await;
            let (code, frames) = socket.closed().await;
            assert!([close::FORBIDDEN, close::UNAUTHORIZED].contains(&code), "{} got {code}", right.name);
            assert!(frames.iter().all(|frame| matches!(frame, ServerFrame::Error(_))), "{frames:?}");
            return if code == close::FORBIDDEN { End::Bored } else { End::Over };
        }
        let scope = right.scopes[self.random.random_range(0..right.scopes.len())];
        let goes_on = self.held.scope == Some(scope) && self.random.random_bool(0.7);
        let (epoch, offset) = goes_on.then(|| (self.held.epoch.clone(), self.held.offset)).unzip();
        if !goes_on {
            self.held = Held::default();
        }
        self.held.by_this_socket.clear();
        socket.say(ClientFrame::Subscribe(Subscribe { scope, interval_ms: None, epoch, offset })).await;
        let enough = scene.posted() + self.random.random_range(5..120);
        self.hear_out(&mut socket, scope, enough).await
    }

    /// Reads until enough has been posted meanwhile, or, once everything settles, until it
    /// knows what is.
    async fn hear_out(&mut self, socket: &mut Socket, scope: Scope, enough: u64) -> End {
        let scene = self.scene.clone();
        let (mut posts, mut settled) = (scene.posts.subscribe(), scene.settled.subscribe());
        let mut marks = BTreeSet::new();
        let mut is_waited_for = !self.right.goes;
        loop {
            let truth = settled.borrow_and_update().clone();
            if let Some(truth) = &truth
                && self.held.scope == Some(scope)
                && self.held.units == truth.under(scope)
            {
                // What comes after the marks would be something that should not come at all.
                if std::mem::take(&mut is_waited_for) {
                    scene.onlookers.add_permits(1);
                }
                if truth.marks_under(scope).is_subset(&marks) {
                    return End::Settled;
                }
            }
            // Whose right is taken away stays to see the socket end.
            let ends = self.right.asked_away.get().is_some();
            let hearing = async {
                tokio::time::timeout(DEADLINE, socket.next()).await.unwrap_or_else(|_| {
                    let truth = truth.as_ref().map(|truth| truth.under(scope));
                    panic!("{} at {scope} knows {:?}, not {truth:?}", self.right.name, self.held.units)
                })
            };
            let heard = tokio::select! {
                heard = hearing => heard,
                _ = posts.wait_for(|posts| *posts >= enough), if !ends && truth.is_none() => return End::Bored,
                _ = settled.changed() => continue,
            };
            let taken = self.right.taken_away.get().map(Instant::elapsed);
            assert!(
                taken.is_none_or(|taken| taken <= BOUND),
                "{} is gone and hears {heard:?}",
                self.right.name
            );
            match heard {
                Heard::Frame(frame) => {
                    if let ServerFrame::Event(Event::UnitLeft(left)) = &frame {
                        marks.insert(left.id.clone());
                    }
                    self.take(scope, frame);
                }
                Heard::Closed(close::UNAUTHORIZED) => return End::Over,
                Heard::Closed(code) => panic!("{} was closed with {code}", self.right.name),
            }
        }
    }

    fn take(&mut self, scope: Scope, frame: ServerFrame) {
        match frame {
            ServerFrame::Snapshot(snapshot) => {
                assert_eq!(snapshot.scope, scope);
                let units: BTreeMap<_, _> =
                    snapshot.units.iter().map(|unit| (unit.patrol, unit.time)).collect();
                let (epoch, offset, by_this_socket) = (snapshot.epoch, snapshot.offset, units.clone());
                self.held = Held { scope: Some(scope), epoch, offset, units, by_this_socket };
                snapshot.units.iter().for_each(|unit| self.note(How::Snapshot, scope, unit));
            }
            ServerFrame::Positions(positions) => {
                for unit in &positions.units {
                    self.note(How::Position, scope, unit);
                    let held = self.held.units.get_mut(&unit.patrol);
                    let held = held.unwrap_or_else(|| panic!("{unit:?} is not in the room of {scope}"));
                    *held = (*held).max(unit.time);
                    let before = self.held.by_this_socket.insert(unit.patrol, unit.time).flatten();
                    assert!(before <= unit.time, "a marker went back from {before:?} to {unit:?}");
                }
            }
            ServerFrame::Event(event) => self.hear(scope, event),
            frame @ (ServerFrame::Pong(_) | ServerFrame::Error(_)) => panic!("{frame:?}"),
        }
    }

    fn hear(&mut self, scope: Scope, event: Event) {
        assert_eq!(self.held.scope, Some(scope), "a snapshot comes first");
        assert_eq!(event.offset(), self.held.offset + 1, "none is left out or told twice: {event:?}");
        self.held.offset = event.offset();
        match event {
            Event::UnitJoined(joined) => {
                self.note(How::Event, scope, &joined.unit);
                // A snapshot may know already what the next event tells.
                let held = self.held.units.entry(joined.unit.patrol).or_default();
                *held = (*held).max(joined.unit.time);
            }
            Event::UnitLeft(left) => {
                self.held.units.remove(&left.patrol);
                self.note_patrol(scope, left.id, left.patrol);
            }
            Event::Status(status) => self.note_patrol(scope, status.id, status.patrol),
            event @ (Event::Alert(_) | Event::Incident(_) | Event::Order(_) | Event::Fence(_)) => {
                panic!("nobody calls for help: {event:?}")
            }
        }
    }

    fn note(&mut self, how: How, scope: Scope, unit: &LiveUnit) {
        let now = Instant::now();
        self.tell(Told {
            how,
            scope,
            unit: unit.id.clone(),
            patrol: Some(unit.patrol),
            station: Some(unit.station),
            position: unit.time.zip(unit.lat),
            between: (now, now),
        });
    }

    fn note_patrol(&mut self, scope: Scope, unit: sentinel_model::UnitId, patrol: PatrolId) {
        let between = (Instant::now(), Instant::now());
        let (how, patrol) = (How::Event, Some(patrol));
        self.tell(Told { how, scope, unit, patrol, station: None, position: None, between });
    }

    /// The marks come and go as they were told to, and are part of no account.
    fn tell(&mut self, told: Told) {
        match super::marked_station(&told.unit) {
            Some(marked) => assert!(path(marked).within(told.scope), "{told:?}"),
            None => self.told.push(told),
        }
    }

    /// Reads the units of a scope; answers whether it may.
    async fn read_once(&mut self) -> bool {
        let scope = self.right.scopes[self.random.random_range(0..self.right.scopes.len())];
        let node = self.scene.any_node(&mut self.random);
        let asked = Instant::now();
        let answer =
            node.get(&self.right.credential, &format!("/api/v1/units?scope={scope}&limit=100")).await;
        if answer.status == StatusCode::UNAUTHORIZED {
            assert!(self.right.asked_away.get().is_some(), "nobody took {} away", self.right.name);
            return false;
        }
        let units: Page<Unit> = answer.as_a();
        for unit in units.items {
            self.tell(Told {
                how: How::Read,
                scope,
                unit: unit.id,
                patrol: unit.patrol_id,
                station: Some(unit.station),
                position: unit.location.map(|location| (location.time, location.latitude)),
                between: (asked, Instant::now()),
            });
        }
        true
    }
}
