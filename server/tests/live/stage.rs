//! A hub over a lagging bus, and beside it another node, on which everything happens.

use crate::{lagging::LaggingBus, records::SharedLog, viewer::Viewer};
use axum::http::{HeaderMap, Method, Uri, header};
use sentinel_model::{
    Level, Location, Patrol, PatrolId, Role, Scope, ScopePath, Time, UnitId, UnitStatus,
    live::{Event, StatusChanged, UnitJoined, UnitLeft},
};
use sentinel_server::{
    auth::{
        Access, AccessConfig, Caller,
        password::{PasswordCost, hash_now},
    },
    clock::Clock,
    directory::Directory,
    live::{Encoding, Filter, Hub, JoinError, View, Wanted, live_unit, status::Silence},
    memory::{MemoryBus, MemoryPositions, MemoryRooms},
    ports::{
        Bus as _, Change, EngineError, Home, Positions as _, Put, Registry, RoomMember, Rooms as _,
        ScopeRecord, UnitRecord, UserRecord,
    },
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub const NOW: Time = Time(1_795_226_400_000);
/// How long anything may take that is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "a password for tests";

pub const DISTRICT: Scope = Scope::new(Level::District, 1);
pub const ZONE_3: Scope = Scope::new(Level::Zone, 3);
pub const STATION_5: Scope = Scope::station(5);
pub const STATION_6: Scope = Scope::station(6);
pub const STATION_9: Scope = Scope::station(9);

/// Device time, seconds from the beginning.
pub fn at(seconds: i64) -> Time {
    NOW.plus_ms(seconds * 1000)
}

/// Zone 3 holds stations 5 and 6, zone 4 holds station 9.
pub fn path(station: u32) -> ScopePath {
    match station {
        5 | 6 => ScopePath { district: 1, zone: 3, division: 2, station },
        _ => ScopePath { district: 1, zone: 4, division: 7, station },
    }
}

pub struct Stage {
    pub hub: Arc<Hub>,
    pub bus: Arc<LaggingBus>,
    pub rooms: Arc<MemoryRooms>,
    pub positions: Arc<MemoryPositions>,
    /// The other node's records; this node's are read only when the hub has them read.
    theirs: Arc<Directory>,
    ours: Arc<Directory>,
    admin: Caller,
    patrols: AtomicU64,
}

impl Stage {
    pub async fn set() -> Self {
        // Shorter than the product's, longer than anybody here is away.
        Self::set_with(Duration::from_secs(6)).await
    }

    pub async fn set_with(linger: Duration) -> Self {
        let clock = Clock::from_fn(|| NOW);
        let log: Arc<dyn Registry> = Arc::new(SharedLog::default());
        let bus = Arc::new(LaggingBus::new());
        let rooms = Arc::new(MemoryRooms::new(bus.whole.clone()));
        let positions = Arc::new(MemoryPositions::default());
        let directory = || async {
            let told = Arc::new(MemoryBus::new("nobody is told of commits"));
            Arc::new(Directory::load(log.clone(), told, NOW).await.expect("loads"))
        };
        let (theirs, ours) = (directory().await, directory().await);
        theirs.change(|| Ok::<_, EngineError>((city(), ()))).await.expect("commits");
        ours.catch_up().await.expect("reads");
        let config = AccessConfig { password_cost: PasswordCost::LEAST, ..AccessConfig::default() };
        let access = Access::open(ours.clone(), clock.clone(), config).await.expect("opens");
        let admin = sign_in(&access).await;
        let silence = Silence::default();
        let hub =
            Hub::start(clock, ours.clone(), bus.clone(), rooms.clone(), positions.clone(), silence, linger);
        Self { hub, bus, rooms, positions, theirs, ours, admin, patrols: AtomicU64::new(1) }
    }

    /// Makes units of station 5, here and there.
    pub async fn units(&self, names: impl IntoIterator<Item = String>) -> Vec<UnitId> {
        let units: Vec<UnitId> = names.into_iter().map(|name| name.parse().expect("a good id")).collect();
        let change = |id: &UnitId| {
            Change::PutUnit(UnitRecord {
                id: id.clone(),
                name: id.to_string(),
                kind: "van".into(),
                homes: vec![Home { from: NOW, path: path(5) }],
                token_hash: id.to_string(),
                created_at: NOW,
                patrols_managed: true,
            })
        };
        self.commit(units.iter().map(change).collect()).await;
        units
    }

    async fn commit(&self, changes: Vec<Change>) {
        self.theirs.change(|| Ok::<_, EngineError>((changes.clone(), ()))).await.expect("commits");
    }

    /// Whether this node's records have the patrol.
    pub fn knows(&self, patrol: PatrolId) -> bool {
        self.ours.unit_by_patrol(patrol).is_some()
    }

    /// Commits a patrol and tells nobody yet.
    pub async fn commit_patrol(&self, unit: &UnitId, station: u32) -> RoomMember {
        let id = PatrolId(self.patrols.fetch_add(1, Ordering::Relaxed));
        self.commit(vec![Change::PutPatrol(patrol(unit, id, station, None))]).await;
        RoomMember { patrol: id, unit: unit.clone(), path: path(station) }
    }

    /// Starts a patrol on the other node.
    pub async fn start(&self, unit: &UnitId, station: u32) -> RoomMember {
        let member = self.commit_patrol(unit, station).await;
        self.enter(&member).await;
        member
    }

    pub async fn enter(&self, member: &RoomMember) {
        let location = self.positions.get(&member.unit).await.expect("reads");
        let joined = UnitJoined {
            offset: 0,
            at: NOW,
            unit: live_unit(member, location.as_ref(), UnitStatus::Available),
            name: member.unit.to_string(),
            unit_kind: "van".into(),
        };
        self.rooms.enter(member.clone(), Event::UnitJoined(joined)).await.expect("enters");
    }

    pub async fn commit_end(&self, member: &RoomMember) {
        let ended = patrol(&member.unit, member.patrol, member.path.station, Some(NOW));
        self.commit(vec![Change::PutPatrol(ended)]).await;
    }

    pub async fn leave(&self, member: &RoomMember) {
        let left = UnitLeft { offset: 0, at: NOW, id: member.unit.clone(), patrol: member.patrol };
        self.rooms.leave(member.patrol, Event::UnitLeft(left)).await.expect("leaves");
    }

    /// Ends a patrol on the other node.
    pub async fn end(&self, member: &RoomMember) {
        self.commit_end(member).await;
        self.leave(member).await;
    }

    /// A fix that the other node takes.
    pub async fn fix(&self, member: &RoomMember, seconds: i64) {
        let location = self.store(member, seconds).await;
        if let Some(location) = location
            && let Some(entry) = self.theirs.unit(&member.unit)
        {
            let frame = self.hub.frame(member, &entry, &location);
            self.bus.whole.publish_position(member.patrol, frame).await.expect("published");
        }
    }

    /// One that it tells nobody of. Answers it where it is the newest.
    pub async fn store(&self, member: &RoomMember, seconds: i64) -> Option<Location> {
        let location = Location {
            unit_id: member.unit.clone(),
            patrol_id: None,
            latitude: 9.9,
            longitude: 76.2 + seconds as f64 / 1e4,
            speed_mps: None,
            heading_deg: None,
            accuracy_m: None,
            battery: None,
            time: at(seconds),
            received_at: NOW,
        };
        (self.positions.put(location.clone()).await.expect("put") == Put::Advanced).then_some(location)
    }

    pub async fn status(&self, member: &RoomMember, status: UnitStatus) {
        let (id, patrol) = (member.unit.clone(), member.patrol);
        let changed = Event::Status(StatusChanged { offset: 0, at: NOW, id, patrol, status });
        self.bus.whole.publish_event(&member.path.scopes(), changed).await.expect("published");
    }

    pub async fn view(&self, scope: Scope) -> Viewer {
        let mut viewer = Viewer::new(scope);
        self.subscribe(&mut viewer, Encoding::Postcard).await.expect("joins");
        viewer.until("a snapshot", |viewer| viewer.snapshots > 0).await;
        viewer
    }

    /// Subscribes from where the viewer stands; its earlier subscription ends.
    pub async fn subscribe(&self, viewer: &mut Viewer, encoding: Encoding) -> Result<(), JoinError> {
        viewer.session = None;
        let grant = self.admin.view(&self.ours, viewer.scope).expect("granted");
        let view = View { encoding, filter: Filter::default() };
        let wanted = Wanted { view, interval: Duration::from_millis(10), resume: viewer.position() };
        viewer.session = Some(self.hub.join(grant, wanted).await?);
        Ok(())
    }

    /// Who is in the scope, with the device time of their positions.
    pub async fn truth(&self, scope: Scope) -> BTreeMap<PatrolId, Option<Time>> {
        let mut truth = BTreeMap::new();
        for member in self.rooms.members(scope).await.expect("reads") {
            let location = self.positions.get(&member.unit).await.expect("reads");
            truth.insert(member.patrol, location.map(|location| location.time));
        }
        truth
    }

    /// Watches until the viewer sees what is.
    pub async fn until_true(&self, viewer: &mut Viewer) {
        let truth = self.truth(viewer.scope).await;
        viewer.until(&format!("the truth, {truth:?}"), |viewer| viewer.times() == truth).await;
    }
}

/// Waits until something holds.
pub async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never came: {what}"));
}

fn patrol(unit: &UnitId, id: PatrolId, station: u32, ended_at: Option<Time>) -> Patrol {
    Patrol { id, unit_id: unit.clone(), station: Scope::station(station), started_at: NOW, ended_at }
}

async fn sign_in(access: &Access) -> Caller {
    let who = access.sign_in("admin", PASSWORD.into(), None).await.expect("signs in");
    let (token, _) = access.issue_token(&who).expect("a token");
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().expect("a header value"));
    access.caller(&Method::GET, &Uri::from_static("/"), &headers).expect("good").expect("somebody")
}

fn city() -> Vec<Change> {
    let scope = |scope, parent, path: Option<ScopePath>| {
        Change::PutScope(ScopeRecord {
            scope,
            name: format!("the {scope}"),
            parent,
            path,
            site: None,
            filters: None,
            alert_rules: None,
        })
    };
    let mut changes = vec![scope(DISTRICT, None, None)];
    for station in [5, 6, 9] {
        let [_, zone, division, own] = path(station).scopes();
        changes.push(scope(zone, Some(DISTRICT), None));
        changes.push(scope(division, Some(zone), None));
        changes.push(scope(own, Some(division), Some(path(station))));
    }
    changes.push(Change::PutUser(UserRecord {
        username: "admin".parse().expect("a good name"),
        name: "admin".into(),
        role: Role::Admin,
        scope: DISTRICT,
        disabled: false,
        password_hash: hash_now(PasswordCost::LEAST, PASSWORD).expect("hashes"),
        credentials_version: 1,
    }));
    changes
}
