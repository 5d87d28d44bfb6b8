//! What happens just while somebody subscribes: brought about exactly, by engines that
//! let something happen between two of the hub's steps.

use crate::server::{DEADLINE, PASSWORD, Server, at, id, path, unit, zone};
use async_trait::async_trait;
use axum::http::{HeaderMap, Method, Uri, header};
use parking_lot::Mutex;
use sentinel_model::{
    Location, PatrolId, Scope, Time, UnitId, UnitStatus,
    live::{self, Event, ServerFrame, StatusChanged, Subscribe, UnitJoined, UnitLeft},
};
use sentinel_server::{
    alerts::Alerts,
    auth::ScopeGrant,
    ingest::{
        Counts, Ingest,
        alerts::DeviceFences,
        aside, decode,
        limits::{UnitLimits, UnitRate},
    },
    live::{Encoding, Frame, Hub, Session, Wanted, live_unit},
    memory::{MemoryBus, MemoryPositions, MemoryRooms},
    patrols::{Patrols, Started, Starts},
    ports::{
        Bus, BusSink, EVENT_HISTORY, EngineError, NearbyQuery, PositionFrame, Positions, Put, RoomMember,
        Rooms, StreamPosition,
    },
};
use std::sync::Arc;

type Happening = Box<dyn FnOnce() -> futures::future::BoxFuture<'static, ()> + Send>;

/// Something that happens once, after the engine has made its answer and before it gives it.
#[derive(Default)]
struct Meanwhile(Mutex<Option<Happening>>);

impl Meanwhile {
    fn set<F: Future<Output = ()> + Send + 'static>(&self, happening: impl FnOnce() -> F + Send + 'static) {
        *self.0.lock() = Some(Box::new(move || Box::pin(happening())));
    }

    async fn happen(&self) {
        let happening = self.0.lock().take();
        if let Some(happening) = happening {
            happening().await;
        }
    }
}

struct SlowBus(Arc<MemoryBus>, Meanwhile);

#[async_trait]
impl Bus for SlowBus {
    fn attach(&self, sink: Arc<dyn BusSink>) {
        self.0.attach(sink);
    }
    async fn watch_patrol(&self, patrol: PatrolId) -> Result<(), EngineError> {
        self.0.watch_patrol(patrol).await
    }
    async fn unwatch_patrol(&self, patrol: PatrolId) -> Result<(), EngineError> {
        self.0.unwatch_patrol(patrol).await
    }
    async fn watch_scope(&self, scope: Scope) -> Result<StreamPosition, EngineError> {
        self.0.watch_scope(scope).await
    }
    async fn unwatch_scope(&self, scope: Scope) -> Result<(), EngineError> {
        self.0.unwatch_scope(scope).await
    }
    async fn publish_position(&self, patrol: PatrolId, frame: PositionFrame) -> Result<(), EngineError> {
        self.0.publish_position(patrol, frame).await
    }
    async fn publish_event(&self, scopes: &[Scope], event: Event) -> Result<(), EngineError> {
        self.0.publish_event(scopes, event).await
    }
    async fn publish_once(&self, id: &str, scopes: &[Scope], event: Event) -> Result<bool, EngineError> {
        self.0.publish_once(id, scopes, event).await
    }
    async fn publish_records(&self, at: u64) -> Result<u64, EngineError> {
        self.0.publish_records(at).await
    }
    async fn heads(&self, scopes: &[Scope]) -> Result<Vec<StreamPosition>, EngineError> {
        self.0.heads(scopes).await
    }
    async fn events_since(
        &self,
        scope: Scope,
        since: &StreamPosition,
    ) -> Result<Option<Vec<Arc<Event>>>, EngineError> {
        let answer = self.0.events_since(scope, since).await;
        self.1.happen().await;
        answer
    }
    async fn forget_events(&self, scopes: &[Scope]) -> Result<(), EngineError> {
        self.0.forget_events(scopes).await
    }
}

/// Lets something happen after `get_many` has looked, and before `put` takes effect.
struct SlowPositions(Arc<MemoryPositions>, Meanwhile, Meanwhile);

#[async_trait]
impl Positions for SlowPositions {
    async fn put(&self, location: Location) -> Result<Put, EngineError> {
        self.2.happen().await;
        self.0.put(location).await
    }
    async fn get(&self, unit: &UnitId) -> Result<Option<Location>, EngineError> {
        self.0.get(unit).await
    }
    async fn get_many(&self, units: &[UnitId]) -> Result<Vec<Option<Location>>, EngineError> {
        let answer = self.0.get_many(units).await;
        self.1.happen().await;
        answer
    }
    async fn nearby(&self, query: NearbyQuery<'_>) -> Result<Vec<(Location, f64)>, EngineError> {
        self.0.nearby(query).await
    }
    async fn remove(&self, unit: &UnitId) -> Result<(), EngineError> {
        self.0.remove(unit).await
    }
}

fn joined(member: &RoomMember) -> Event {
    let unit = live_unit(member, None, UnitStatus::Available);
    Event::UnitJoined(UnitJoined {
        offset: 0,
        at: at(0),
        unit,
        name: "A car".into(),
        unit_kind: "car".into(),
    })
}

/// Where the stream stands once the stage's patrol has joined.
const JOINED: u64 = 1;

/// A hub over such engines, with one patrol, beside a server that lends its directory.
struct Stage {
    server: Server,
    hub: Arc<Hub>,
    rooms: Arc<MemoryRooms>,
    bus: Arc<SlowBus>,
    positions: Arc<SlowPositions>,
    member: RoomMember,
}

impl Stage {
    async fn set() -> Self {
        let server = Server::start().await;
        server.change(vec![unit("PC-1", 5, "no token".into())]).await;
        let patrol = server.start_patrol("PC-1", 5).await;
        let member = RoomMember { patrol, unit: id("PC-1"), path: path(5) };
        let memory = Arc::new(MemoryBus::new("epoch"));
        let bus = Arc::new(SlowBus(memory.clone(), Meanwhile::default()));
        let positions = Arc::new(SlowPositions(Arc::default(), Meanwhile::default(), Meanwhile::default()));
        let rooms = Arc::new(MemoryRooms::new(memory));
        rooms.enter(member.clone(), joined(&member)).await.expect("enters");
        let (sentinel, silence) = (&server.sentinel, *server.sentinel.hub.silence());
        let hub = Hub::start(
            sentinel.clock.clone(),
            sentinel.directory.clone(),
            bus.clone(),
            rooms.clone(),
            positions.clone(),
            silence,
            sentinel_server::live::LINGER,
        );
        Self { server, hub, rooms, bus, positions, member }
    }

    /// The way of a fix, over these engines.
    fn ingest(&self) -> Arc<Ingest> {
        let sentinel = &self.server.sentinel;
        let patrols = Arc::new(Patrols {
            clock: sentinel.clock.clone(),
            directory: sentinel.directory.clone(),
            rooms: self.rooms.clone(),
            positions: self.positions.clone(),
            silence: *self.hub.silence(),
            starts: Starts::default(),
        });
        Arc::new(Ingest {
            clock: sentinel.clock.clone(),
            directory: sentinel.directory.clone(),
            intake: sentinel.intake.clone(),
            positions: self.positions.clone(),
            bus: self.bus.clone(),
            hub: self.hub.clone(),
            patrols,
            limits: UnitLimits::new(UnitRate(None)),
            patrol_by_fix: true,
            counts: Counts::default(),
            aside: aside::Aside::default(),
            alerts: Arc::new(Alerts {
                clock: sentinel.clock.clone(),
                directory: sentinel.directory.clone(),
                bus: self.bus.clone(),
            }),
            fences: DeviceFences::default(),
            watcher: None,
            began: sentinel.clock.now(),
        })
    }

    async fn post(&self, ingest: &Arc<Ingest>, time: Time) {
        let body = serde_json::to_vec(&crate::server::fix(time, 9.9, 76.2)).expect("encodes");
        let incoming = decode::Incoming { body: &body, ..decode::Incoming::default() };
        let posted = decode::decode(&incoming, &self.server.sentinel.clock).expect("decodes");
        let entry = self.server.sentinel.directory.unit(&self.member.unit).expect("it is there");
        assert_eq!(ingest.accept(&entry, posted).await.expect("accepted").accepted, 1);
    }

    async fn grant(&self) -> ScopeGrant {
        let access = &self.server.sentinel.access;
        let who = access.sign_in("zone3", PASSWORD.into(), None).await.expect("signs in");
        let (token, _) = access.issue_token(&who).expect("a token");
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().expect("a header value"));
        let caller =
            access.caller(&Method::GET, &Uri::from_static("/"), &headers).expect("good").expect("somebody");
        caller.view(&self.server.sentinel.directory, zone(3)).expect("granted")
    }

    async fn join(&self, since: Option<StreamPosition>) -> Session {
        let (epoch, offset) = since.map(|since| (since.epoch.to_string(), since.offset)).unzip();
        let subscribe = Subscribe { scope: zone(3), interval_ms: None, epoch, offset };
        let wanted = Wanted::of(&subscribe, Encoding::Json);
        self.hub.join(self.grant().await, wanted).await.expect("joins")
    }

    fn location(&self, time: Time) -> Location {
        Location {
            unit_id: self.member.unit.clone(),
            patrol_id: Some(self.member.patrol),
            latitude: 9.9,
            longitude: 76.2,
            speed_mps: None,
            heading_deg: None,
            accuracy_m: None,
            battery: None,
            time,
            received_at: time,
        }
    }

    fn position(&self, time: Time) -> PositionFrame {
        let unit = live_unit(&self.member, Some(&self.location(time)), UnitStatus::Available);
        let unit = postcard::to_extend(&unit, Vec::new()).expect("encodes").into();
        PositionFrame { time, unit }
    }

    fn status(&self, status: UnitStatus) -> Event {
        let (id, patrol) = (self.member.unit.clone(), self.member.patrol);
        Event::Status(StatusChanged { offset: 0, at: at(0), id, patrol, status })
    }
}

/// Reads on, with nothing further happening, until something is told.
async fn told<T>(session: &mut Session, what: &str, find: impl Fn(&ServerFrame) -> Option<T>) -> T {
    let reading = async {
        loop {
            for frame in session.next().await {
                let Frame::Text(text) = frame else { panic!("JSON was asked for") };
                if let Some(found) = find(&live::from_json(&text).expect("decodes")) {
                    return found;
                }
            }
        }
    };
    tokio::time::timeout(DEADLINE / 4, reading).await.unwrap_or_else(|_| panic!("never told: {what}"))
}

#[tokio::test]
async fn a_position_that_comes_while_the_room_is_read_is_not_lost() {
    let stage = Stage::set().await;
    stage.positions.put(stage.location(at(0))).await.expect("put");
    let (positions, bus) = (stage.positions.0.clone(), stage.bus.0.clone());
    let (location, frame, patrol) = (stage.location(at(1)), stage.position(at(1)), stage.member.patrol);
    stage.positions.1.set(move || async move {
        positions.put(location).await.expect("put");
        bus.publish_position(patrol, frame).await.expect("published");
    });
    let mut session = stage.join(None).await;
    told(&mut session, "the later position", |frame| {
        crate::server::positions_in(frame).iter().any(|unit| unit.time == Some(at(1))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_event_that_comes_while_the_missed_ones_are_read_follows_them_at_once() {
    let stage = Stage::set().await;
    let watching = stage.join(None).await;
    let position = StreamPosition { epoch: "epoch".into(), offset: JOINED };
    stage.bus.publish_event(&[zone(3)], stage.status(UnitStatus::Stale)).await.expect("published");
    let (bus, later) = (stage.bus.0.clone(), stage.status(UnitStatus::Offline));
    stage.bus.1.set(move || async move { bus.publish_event(&[zone(3)], later).await.expect("published") });
    let mut session = stage.join(Some(position)).await;
    let heard = Mutex::new(Vec::new());
    told(&mut session, "both events", |frame| {
        if let ServerFrame::Event(Event::Status(e)) = frame {
            heard.lock().push((e.offset, e.status));
        }
        (heard.lock().len() == 2).then_some(())
    })
    .await;
    assert_eq!(heard.into_inner(), [(JOINED + 1, UnitStatus::Stale), (JOINED + 2, UnitStatus::Offline)]);
    drop(watching);
}

#[tokio::test]
async fn who_leaves_while_the_room_is_read_is_not_in_it() {
    let stage = Stage::set().await;
    let (bus, member) = (stage.bus.0.clone(), stage.member.clone());
    stage.positions.1.set(move || async move {
        let left = UnitLeft { offset: 0, at: at(0), id: member.unit, patrol: member.patrol };
        bus.publish_event(&[zone(3)], Event::UnitLeft(left)).await.expect("published");
    });
    let mut session = stage.join(None).await;
    let (units, offset) = told(&mut session, "the snapshot", |frame| match frame {
        ServerFrame::Snapshot(snapshot) => Some((snapshot.units.len(), snapshot.offset)),
        _ => None,
    })
    .await;
    assert_eq!((units, offset), (0, JOINED + 1));
}

#[tokio::test]
async fn nobody_moves_before_they_are_told_to_have_joined() {
    let stage = Stage::set().await;
    let watching = stage.join(None).await;
    let position = StreamPosition { epoch: "epoch".into(), offset: JOINED };
    stage.bus.publish_event(&[zone(3)], stage.status(UnitStatus::Stale)).await.expect("published");
    let newcomer = RoomMember { patrol: PatrolId(77), unit: id("PC-2"), path: path(5) };
    let (bus, unit) = (stage.bus.0.clone(), live_unit(&newcomer, None, UnitStatus::Available));
    stage.bus.1.set(move || async move {
        let joined =
            UnitJoined { offset: 0, at: at(0), unit, name: "Car 2".into(), unit_kind: "patrol_car".into() };
        bus.publish_event(&[zone(3)], Event::UnitJoined(joined)).await.expect("published");
    });
    let mut session = stage.join(Some(position)).await;
    let first = told(&mut session, "the newcomer", |frame| match frame {
        ServerFrame::Event(Event::UnitJoined(joined)) if joined.unit.patrol == PatrolId(77) => Some("joins"),
        ServerFrame::Positions(moved) if moved.units.iter().any(|u| u.patrol == PatrolId(77)) => {
            Some("moves")
        }
        _ => None,
    })
    .await;
    assert_eq!(first, "joins");
    drop(watching);
}

#[tokio::test]
async fn what_is_safe_is_answered_though_showing_it_takes_long_and_it_is_shown_then() {
    let stage = Stage::set().await;
    let mut session = stage.join(None).await;
    let (go_on, wait) = tokio::sync::oneshot::channel::<()>();
    stage.positions.2.set(move || async move { wait.await.expect("it goes on") });
    let ingest = stage.ingest();
    let posting = stage.post(&ingest, at(1));
    tokio::time::timeout(DEADLINE, posting).await.expect("answered meanwhile");
    go_on.send(()).expect("it is still being shown");
    told(&mut session, "its position", |frame| {
        crate::server::positions_in(frame).iter().any(|unit| unit.time == Some(at(1))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_position_that_comes_while_its_unit_changes_station_reaches_the_new_one() {
    let stage = Stage::set().await;
    let mut session = stage.join(None).await;
    let ingest = stage.ingest();
    let (patrols, unit) = (ingest.patrols.clone(), stage.member.unit.clone());
    stage.positions.2.set(move || async move {
        patrols.start(&unit, Some(path(6)), Started::ByHand).await.expect("it moves");
    });
    stage.post(&ingest, at(1)).await;
    told(&mut session, "its position under the new station", |frame| {
        let units = crate::server::positions_in(frame);
        units.iter().any(|unit| unit.station == Scope::station(6) && unit.time == Some(at(1))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_falls_behind_by_more_than_is_kept_gets_a_new_snapshot() {
    let stage = Stage::set().await;
    let mut session = stage.join(None).await;
    let snapshot = |frame: &ServerFrame| match frame {
        ServerFrame::Snapshot(snapshot) => Some((snapshot.offset, snapshot.units[0].status)),
        _ => None,
    };
    assert_eq!(told(&mut session, "the first", snapshot).await, (JOINED, UnitStatus::Available));
    let many = EVENT_HISTORY as u64 + 50;
    for _ in 0..many {
        stage.bus.publish_event(&[zone(3)], stage.status(UnitStatus::Stale)).await.expect("published");
    }
    assert_eq!(told(&mut session, "another", snapshot).await, (JOINED + many, UnitStatus::Stale));
    stage.bus.publish_event(&[zone(3)], stage.status(UnitStatus::Offline)).await.expect("published");
    let next = told(&mut session, "the next event", |frame| match frame {
        ServerFrame::Event(event) => Some(event.offset()),
        _ => None,
    });
    assert_eq!(next.await, JOINED + many + 1, "and goes on from there");
}
