//! A server, and beside it a plain account of what happened there.

use super::{
    Step, Story,
    account::{Account, Duty, latitude},
    fences::Fenced,
    ground::Ground,
    hierarchy::{hierarchy, stations},
    reads,
    tasks::Tasked,
    watcher::Watcher,
};
use crate::server::{DEADLINE, PASSWORD, START, id, user};
use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, Uri, header},
};
use sentinel_model::{
    PatrolId, Permission, Role, Scope, ScopePath, Time,
    alerts::{Alert, AlertKind},
    live::{LiveUnit, Subscribe},
};
use sentinel_server::{
    auth::{
        Caller,
        secret::{self, Kind},
    },
    live::{Encoding, Wanted},
    patrols::Started,
    ports::{Change, Home, KeyRecord, UnitRecord},
    state::Sentinel,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tower::ServiceExt as _;

/// Fixes from further ahead than this are shown when they were received.
const AHEAD_MS: i64 = 300_000;

pub struct World {
    pub ground: Ground,
    pub stations: Vec<ScopePath>,
    pub scopes: Vec<Scope>,
    pub callers: Vec<Somebody>,
    pub units: Vec<Account>,
    pub fences: Vec<Fenced>,
    pub tasks: Vec<Tasked>,
}

/// Somebody with a credential.
pub struct Somebody {
    pub name: String,
    pub credential: String,
    pub scope: Scope,
    pub sees: bool,
    pub manages: bool,
    pub keeps_fences: bool,
    pub dispatches: bool,
    pub ended: bool,
    revoke: Option<Change>,
    pub watcher: Option<Watcher>,
}

impl Somebody {
    pub fn may_view(&self, path: &ScopePath) -> bool {
        self.sees && path.within(self.scope)
    }
}

impl World {
    pub async fn make(story: &Story, ground: Ground) -> Self {
        let stations = stations(&story.stations);
        let (scopes, mut changes) = hierarchy(&stations);
        let pick = |n: u8| scopes[usize::from(n) % scopes.len()];
        let mut callers = Vec::new();
        for (n, (role, scope)) in story.people.iter().enumerate() {
            let record = user(&format!("person{n}"), *role, pick(*scope));
            changes.push(Change::PutUser(record.clone()));
            let disabled = sentinel_server::ports::UserRecord { disabled: true, ..record };
            callers.push(Somebody {
                manages: *role == Role::Admin,
                keeps_fences: matches!(role, Role::Admin | Role::Commander | Role::Dispatcher),
                dispatches: matches!(role, Role::Admin | Role::Commander | Role::Dispatcher),
                ..somebody(format!("person{n}"), pick(*scope), true, Some(Change::PutUser(disabled)))
            });
        }
        for (n, (permissions, scope)) in story.keys.iter().enumerate() {
            let made = secret::mint(Kind::Key);
            let record = KeyRecord {
                id: format!("key{n}"),
                name: format!("key{n}"),
                scope: pick(*scope),
                permissions: permissions.clone(),
                hash: made.hash,
                created_at: START,
                expires_at: None,
                revoked: false,
            };
            changes.push(Change::PutKey(record.clone()));
            let revoked = Change::PutKey(KeyRecord { revoked: true, ..record });
            let sees = permissions.contains(&Permission::Read);
            callers.push(Somebody {
                credential: made.text,
                manages: permissions.contains(&Permission::Manage),
                keeps_fences: permissions
                    .iter()
                    .any(|held| matches!(held, Permission::Manage | Permission::Dispatch)),
                dispatches: permissions.contains(&Permission::Dispatch),
                ..somebody(format!("key{n}"), pick(*scope), sees, Some(revoked))
            });
        }
        let mut units = Vec::new();
        for (n, station) in story.units.iter().enumerate() {
            let token = secret::mint(Kind::Unit);
            let path = stations[usize::from(*station) % stations.len()];
            let record = UnitRecord {
                id: id(&format!("u{n}")),
                name: format!("unit {n}"),
                kind: "car".into(),
                homes: vec![Home { from: START, path }],
                token_hash: token.hash,
                created_at: START,
                patrols_managed: false,
            };
            changes.push(Change::PutUnit(record.clone()));
            // A device's own token reads nothing at all.
            callers.push(Somebody {
                credential: token.text.clone(),
                ..somebody(format!("u{n}"), path.station(), false, None)
            });
            units.push(Account {
                id: record.id.clone(),
                token: token.text,
                homes: vec![(START, path)],
                record,
                patrols: Vec::new(),
                fixes: BTreeMap::new(),
                shown: BTreeMap::new(),
                marker: None,
                by_hand: false,
                calls: Vec::new(),
            });
        }
        ground.next().directory.put(changes).await.expect("commits");
        ground.agree().await;
        let mut world =
            Self { ground, stations, scopes, callers, units, fences: Vec::new(), tasks: Vec::new() };
        for n in 0..story.people.len() {
            let body = json!({"username": format!("person{n}"), "password": PASSWORD});
            let (_, answer) = world.send("", Method::POST, "/api/v1/auth/login", Some(body)).await;
            world.callers[n].credential = answer["token"].as_str().expect("a token").to_owned();
        }
        world
    }

    pub async fn end(self) {
        let Self { ground, callers, .. } = self;
        drop(callers);
        ground.end().await;
    }

    pub async fn send(
        &self,
        credential: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        self.send_to(self.ground.next(), credential, method, path, body).await
    }

    pub async fn send_to(
        &self,
        node: &Arc<Sentinel>,
        credential: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if !credential.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {credential}"));
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = request.body(body).expect("a request");
        let answer = self.ground.router(node).oneshot(request).await.expect("answers");
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 24).await.expect("a body");
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    pub async fn take(&mut self, step: &Step) {
        match *step {
            Step::Start { unit, station } => self.start(unit, station).await,
            Step::End { unit } => self.end_patrol(unit).await,
            Step::Post { unit, ref seconds } => self.post(unit, seconds).await,
            Step::Call { unit } => self.call(unit).await,
            Step::Rehome { unit, station } => self.rehome(unit, station).await,
            Step::Manage { caller, unit, move_to } => self.manage(caller, unit, move_to).await,
            Step::Fence { caller, which, scope, doing } => self.fence(caller, which, scope, doing).await,
            Step::Task { caller, which, scope, act } => self.act(caller, which, scope, act).await,
            Step::Watch { caller, scope, resume, binary } => self.watch(caller, scope, resume, binary).await,
            Step::Leave { caller } => {
                let caller = usize::from(caller) % self.callers.len();
                self.callers[caller].watcher = None;
            }
            Step::Revoke { caller } => self.revoke(caller).await,
            Step::Turn { seconds } => self.ground.clock.turn(seconds),
            Step::Read { caller, scope, ago_s, limit } => {
                let caller = usize::from(caller) % self.callers.len();
                reads::check(self, caller, scope, ago_s, limit).await;
            }
        }
    }

    async fn start(&mut self, unit: u8, station: u8) {
        let path = self.stations[usize::from(station) % self.stations.len()];
        let n = self.units.len();
        let account = &mut self.units[usize::from(unit) % n];
        let before = account.active().copied();
        let started = self.ground.next().patrols.start(&account.id, Some(path), Started::ByHand).await;
        let (patrol, new) = started.expect("it starts");
        assert_eq!(new, before.is_none_or(|duty| duty.path != path));
        if new {
            if let Some(last) = account.patrols.last_mut().filter(|duty| duty.to.is_none()) {
                last.to = Some(patrol.started_at);
            }
            account.patrols.push(Duty { id: patrol.id, path, from: patrol.started_at, to: None });
            account.by_hand = true;
        }
    }

    async fn end_patrol(&mut self, unit: u8) {
        let n = self.units.len();
        let account = &mut self.units[usize::from(unit) % n];
        let Some(duty) = account.patrols.last_mut().filter(|duty| duty.to.is_none()) else { return };
        let ended = self.ground.next().patrols.end(duty.id).await.expect("it ends");
        duty.to = ended.ended_at;
        account.by_hand = true;
    }

    async fn post(&mut self, unit: u8, seconds: &[i64]) {
        let unit = usize::from(unit) % self.units.len();
        let node = self.ground.next().clone();
        let now = self.ground.clock.now();
        let times: Vec<Time> = seconds.iter().map(|s| Time(now.0 + s * 1000)).collect();
        let fixes: Vec<Value> = times.iter().map(|t| crate::server::fix(*t, latitude(*t), 76.25)).collect();
        let account = &self.units[unit];
        let body = Some(json!({"location": fixes}));
        let (status, answer) =
            self.send_to(&node, &account.token, Method::POST, "/api/v1/locations", body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let is_new = |time: &&Time| !self.ground.knows_duplicates() || !account.fixes.contains_key(time);
        let new: BTreeSet<&Time> = times.iter().filter(is_new).collect();
        assert_eq!(answer["accepted"], new.len());
        let account = &mut self.units[unit];
        account.fixes.extend(times.iter().map(|t| (*t, latitude(*t))));
        let (ahead, believed): (Vec<Time>, Vec<Time>) =
            times.into_iter().partition(|t| t.ms_since(now) >= AHEAD_MS);
        account.marker = account.marker.max(believed.into_iter().max());
        // Received between then and now; when exactly, only the server knows.
        if let Some(ahead) = ahead.into_iter().max()
            && account.marker.is_none_or(|marker| marker < self.ground.clock.now())
        {
            let held = node.positions.get(&account.id).await.expect("reads").expect("it was heard");
            if held.latitude == latitude(ahead) && account.marker.is_none_or(|marker| marker < held.time) {
                assert!((now..=self.ground.clock.now()).contains(&held.time), "{held:?}");
                account.shown.insert(held.time, held.latitude);
                account.marker = Some(held.time);
            } else {
                assert!(account.marker.is_some_and(|marker| marker >= now), "it is shown where it is now");
            }
        }

        // The first word of a unit that nobody took on or off duty puts it on duty at home.
        let active = node.directory.unit(&account.id).and_then(|entry| entry.patrol);
        if account.active().is_none() {
            assert_eq!(active.is_some(), !account.by_hand, "{}", account.id);
            if let Some(active) = active {
                let path = account.home();
                account.patrols.push(Duty { id: active.id, path, from: active.started_at, to: None });
            }
        }
    }

    async fn call(&mut self, unit: u8) {
        let unit = usize::from(unit) % self.units.len();
        let (account, time) = (&self.units[unit], self.ground.clock.now());
        let path = format!("/log?id={}&alarm=sos&timestamp={time}", account.token);
        let (status, answer) = self.send("", Method::GET, &path, None).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let path = account.path();
        self.units[unit].calls.push((time, path));
    }

    async fn rehome(&mut self, unit: u8, station: u8) {
        let path = self.stations[usize::from(station) % self.stations.len()];
        let n = self.units.len();
        let account = &mut self.units[usize::from(unit) % n];
        let node = self.ground.next();
        account.record = node.directory.unit(&account.id).expect("it is there").record.clone();
        let from = node.clock.now();
        account.record.homes.push(Home { from, path });
        account.homes.push((from, path));
        node.directory.put(vec![Change::PutUnit(account.record.clone())]).await.expect("commits");
    }

    async fn revoke(&mut self, caller: u8) {
        let n = self.callers.len();
        let somebody = &mut self.callers[usize::from(caller) % n];
        // At least one stays.
        let Some(change) = somebody.revoke.take().filter(|_| usize::from(caller) % n != 0) else { return };
        // Through the API it is an administrator who does this; here the story may have none.
        self.ground.next().directory.put(vec![change]).await.expect("commits");
        somebody.ended = true;
        if let Some(watcher) = somebody.watcher.take() {
            let ended = tokio::time::timeout(DEADLINE, watcher.ended());
            ended.await.expect("a stream ends with the right to it");
        }
    }

    async fn watch(&mut self, caller: u8, scope: u8, resume: bool, binary: bool) {
        let n = self.callers.len();
        let scope = self.scopes[usize::from(scope) % self.scopes.len()];
        let index = usize::from(caller) % n;
        let before = self.callers[index].watcher.take().filter(|watcher| resume && watcher.scope == scope);
        let somebody = &self.callers[index];
        let node = self.ground.next();
        let Some(caller) = caller_of(node, somebody) else {
            assert!(somebody.ended);
            return;
        };
        assert!(!somebody.ended, "{} was revoked", somebody.name);
        let granted = caller.view(&node.directory, scope);
        let expected = somebody.sees && self.lies_within(scope, somebody.scope);
        assert_eq!(granted.is_ok(), expected, "{} and {scope}", somebody.name);
        let Ok(grant) = granted else { return };
        let since = before.as_ref().map(|watcher| watcher.position());
        let (epoch, offset) = since.clone().unzip();
        let subscribe = Subscribe { scope, interval_ms: None, epoch, offset };
        let encoding = if binary { Encoding::Postcard } else { Encoding::Json };
        let session = node.hub.join(grant, Wanted::of(&subscribe, encoding)).await.expect("joins");
        let held = before.map(Watcher::into_held);
        self.callers[index].watcher = Some(Watcher::begin(session, scope, held));
    }

    /// Waits until every open stream has told all that its scope holds, and checks what it told.
    pub async fn settle(&mut self) {
        for n in 0..self.callers.len() {
            let Some(mut watcher) = self.callers[n].watcher.take() else { continue };
            let expected = self.under(watcher.scope);
            let settled = tokio::time::timeout(DEADLINE, watcher.until(&expected, self));
            if settled.await.is_err() {
                panic!(
                    "{} at {} knows {:?}, not {expected:?}",
                    self.callers[n].name,
                    watcher.scope,
                    watcher.known()
                );
            }
            self.callers[n].watcher = Some(watcher);
        }
    }

    /// The patrols of a scope, and the device time at which each was seen last.
    fn under(&self, scope: Scope) -> BTreeMap<PatrolId, Option<Time>> {
        let active = self.units.iter().filter_map(|unit| unit.active().map(|duty| (unit, duty)));
        active
            .filter(|(_, duty)| duty.path.within(scope))
            .map(|(unit, duty)| (duty.id, unit.marker))
            .collect()
    }

    /// Whose patrol it is or was.
    pub fn patrol(&self, id: PatrolId) -> Option<(&Account, &Duty)> {
        let all = self.units.iter().flat_map(|unit| unit.patrols.iter().map(move |duty| (unit, duty)));
        all.into_iter().find(|(_, duty)| duty.id == id)
    }

    /// Nothing that is told of a unit is of another scope, another unit or another place.
    pub fn check_told(&self, scope: Scope, told: &LiveUnit) {
        let (account, duty) = self.patrol(told.patrol).expect("there is such a patrol");
        assert!(duty.path.within(scope), "{} is under {:?}, not {scope}", told.id, duty.path);
        assert_eq!((&told.id, told.station), (&account.id, duty.path.station()));
        assert_eq!(told.lat, told.time.map(|time| account.latitude_at(time)));
    }

    /// An alert is told where its unit was when it called, or crossed a fence, and nowhere else.
    pub fn check_alert(&self, scope: Scope, told: &Alert) {
        let account = self.units.iter().find(|unit| unit.id == told.unit_id).expect("there is such a unit");
        let path = match told.kind {
            AlertKind::Sos => account.calls.iter().find(|(time, _)| *time == told.time).expect("it called").1,
            _ => self.crossed_under(account, told),
        };
        assert!(path.within(scope), "{told:?} is not of {scope}");
        assert_eq!(told.station, path.station());
    }

    /// Whether every station of `scope` lies in `within`; both are nodes that exist.
    pub fn lies_within(&self, scope: Scope, within: Scope) -> bool {
        self.stations.iter().filter(|path| path.within(scope)).all(|path| path.within(within))
            && scope.level >= within.level
    }
}

/// Who a node takes somebody for.
fn caller_of(node: &Sentinel, somebody: &Somebody) -> Option<Caller> {
    let mut headers = HeaderMap::new();
    let bearer = format!("Bearer {}", somebody.credential).parse().expect("a header value");
    headers.insert(header::AUTHORIZATION, bearer);
    node.access.caller(&Method::GET, &Uri::from_static("/"), &headers).ok().flatten()
}

fn somebody(name: String, scope: Scope, sees: bool, revoke: Option<Change>) -> Somebody {
    Somebody {
        name,
        credential: String::new(),
        scope,
        sees,
        manages: false,
        keeps_fences: false,
        dispatches: false,
        ended: false,
        revoke,
        watcher: None,
    }
}
