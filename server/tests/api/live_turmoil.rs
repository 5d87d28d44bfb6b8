//! Everything at once: units start, move, end and post from many tasks while subscribers
//! come, go and come back. When it is over, each subscriber knows exactly what is.

use crate::server::{DEADLINE, DISTRICT, PASSWORD, Server, at, fix, id, path, zone};
use axum::http::{HeaderMap, Method, Uri, header};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use sentinel_model::{
    PatrolId, Scope, Time,
    live::{self, Event, ServerFrame, Subscribe},
};
use sentinel_server::{
    auth::Caller,
    live::{Encoding, Frame, Wanted},
    patrols::Started,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const UNITS: usize = 6;
const STATIONS: [u32; 3] = [5, 6, 9];
const ROUNDS: u64 = 8;

/// What a subscriber knows, and every patrol it was ever told of.
#[derive(Default)]
struct Knowledge {
    epoch: String,
    offset: Option<u64>,
    units: BTreeMap<PatrolId, Option<Time>>,
    told_of: BTreeSet<PatrolId>,
}

impl Knowledge {
    fn take(&mut self, frame: ServerFrame) {
        match frame {
            ServerFrame::Snapshot(snapshot) => {
                self.epoch = snapshot.epoch;
                self.offset = Some(snapshot.offset);
                self.units = snapshot.units.iter().map(|unit| (unit.patrol, unit.time)).collect();
                self.told_of.extend(self.units.keys());
            }
            ServerFrame::Positions(positions) => {
                for unit in positions.units {
                    let held = self.units.get_mut(&unit.patrol).expect("nobody moves who is not in the room");
                    assert!(*held <= unit.time, "a marker went back from {held:?} to {:?}", unit.time);
                    *held = unit.time;
                }
            }
            ServerFrame::Event(event) => {
                assert_eq!(
                    Some(event.offset()),
                    self.offset.map(|o| o + 1),
                    "none is left out or told twice"
                );
                self.offset = Some(event.offset());
                self.told_of.extend(event.patrol());
                match event {
                    // A snapshot may know already what the next event tells.
                    Event::UnitJoined(joined) => {
                        let held = self.units.entry(joined.unit.patrol).or_default();
                        *held = (*held).max(joined.unit.time);
                    }
                    Event::UnitLeft(left) => drop(self.units.remove(&left.patrol)),
                    Event::Status(_)
                    | Event::Alert(_)
                    | Event::Incident(_)
                    | Event::Order(_)
                    | Event::Fence(_) => {}
                }
            }
            frame @ (ServerFrame::Pong(_) | ServerFrame::Error(_)) => panic!("{frame:?}"),
        }
    }
}

/// The patrols of a scope as they are, with the device time of each position.
async fn truth(server: &Server, scope: Scope) -> BTreeMap<PatrolId, Option<Time>> {
    let mut known = BTreeMap::new();
    for entry in server.sentinel.directory.units(None, usize::MAX, |_| true) {
        if let Some(patrol) = entry.patrol.filter(|patrol| patrol.path.within(scope)) {
            let location = server.sentinel.positions.get(&entry.record.id).await.expect("reads");
            known.insert(patrol.id, location.map(|location| location.time));
        }
    }
    known
}

async fn caller(server: &Server, name: &str) -> Caller {
    let access = &server.sentinel.access;
    let who = access.sign_in(name, PASSWORD.into(), None).await.expect("signs in");
    let (token, _) = access.issue_token(&who).expect("a token");
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().expect("a header value"));
    access.caller(&Method::GET, &Uri::from_static("/"), &headers).expect("good").expect("somebody")
}

/// Follows a scope, leaving and coming back at random, until all is over and known.
async fn follow(server: &Server, name: &str, scope: Scope, seed: u64, over: &CancellationToken) {
    let caller = caller(server, name).await;
    let mut random = StdRng::seed_from_u64(seed);
    let mut known = Knowledge::default();
    loop {
        let resume = known.offset.filter(|_| random.random_bool(0.7));
        let subscribe = Subscribe {
            scope,
            interval_ms: None,
            epoch: resume.map(|_| known.epoch.clone()),
            offset: resume,
        };
        let encoding = if random.random_bool(0.5) { Encoding::Json } else { Encoding::Postcard };
        let grant = caller.view(&server.sentinel.directory, scope).expect("granted");
        let mut session =
            server.sentinel.hub.join(grant, Wanted::of(&subscribe, encoding)).await.expect("joins");
        let stays = random.random_range(0..12);
        let mut heard = 0;
        while heard <= stays || over.is_cancelled() {
            if over.is_cancelled() && known.offset.is_some() && known.units == truth(server, scope).await {
                let registry = server.sentinel.directory.registry();
                for patrol in &known.told_of {
                    let patrol =
                        registry.patrol(*patrol).await.expect("reads").expect("there is such a patrol");
                    assert!(path(patrol.station.id).within(scope), "{name} was told of {patrol:?}");
                }
                return;
            }
            let frames = tokio::select! {
                frames = session.next() => frames,
                // Look again: there may be nothing left to wait for.
                () = over.cancelled(), if !over.is_cancelled() => continue,
            };
            heard += 1;
            for frame in frames {
                known.take(match frame {
                    Frame::Text(text) => live::from_json(&text).expect("decodes"),
                    Frame::Binary(bytes) => live::from_binary(&bytes).expect("decodes"),
                });
            }
        }
    }
}

/// Starts, moves and ends patrols.
async fn move_about(server: &Server, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..25 {
        let unit = id(&format!("PC-{}", random.random_range(0..UNITS)));
        let active = server.sentinel.directory.unit(&unit).and_then(|entry| entry.patrol);
        match active.filter(|_| random.random_bool(0.4)) {
            // Another task may have ended it just now.
            Some(patrol) => drop(server.sentinel.patrols.end(patrol.id).await),
            None => {
                let station = STATIONS[random.random_range(0..STATIONS.len())];
                let started =
                    server.sentinel.patrols.start(&unit, Some(path(station)), Started::ByHand).await;
                started.expect("it starts");
            }
        }
    }
}

async fn post(server: &Server, unit: usize, token: &str, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for n in 0..40 {
        // Now and then a late one, which moves no marker.
        let time = if random.random_bool(0.2) { -random.random_range(100..200) } else { n - 90 };
        server.fixes(token, &[fix(at(time), unit as f64, 76.2)]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_all_is_over_each_subscriber_knows_exactly_what_is() {
    let rounds = std::env::var("SENTINEL_TURMOILS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    for round in 0..rounds {
        let server = Arc::new(Server::start().await);
        let mut tokens = Vec::new();
        for unit in 0..UNITS {
            tokens.push(server.unit(&format!("PC-{unit}"), STATIONS[unit % STATIONS.len()]).await);
        }
        let watchers = [
            ("admin", DISTRICT),
            ("admin", zone(3)),
            ("dispatcher", DISTRICT),
            ("zone3", zone(3)),
            ("zone4", zone(4)),
            ("chief5", Scope::station(5)),
            ("chief6", Scope::station(6)),
            ("chief9", Scope::station(9)),
        ];
        let over = CancellationToken::new();
        let (mut watching, mut acting) = (JoinSet::new(), JoinSet::new());
        for (seed, (name, scope)) in (round * 100..).zip(watchers) {
            let (server, over) = (server.clone(), over.clone());
            watching.spawn(async move {
                let following = follow(&server, name, scope, seed, &over);
                if tokio::time::timeout(DEADLINE * 2, following).await.is_err() {
                    panic!("round {round}: {name} at {scope} never knew {:?}", truth(&server, scope).await);
                }
            });
        }
        for seed in (round * 100 + 50..).take(3) {
            let server = server.clone();
            acting.spawn(async move { move_about(&server, seed).await });
        }
        for (seed, (unit, token)) in (round * 100 + 70..).zip(tokens.into_iter().enumerate()) {
            let server = server.clone();
            acting.spawn(async move { post(&server, unit, &token, seed).await });
        }
        acting.join_all().await;
        over.cancel();
        watching.join_all().await;
    }
}
