//! A call for help that cannot be told is not taken as told, and one whose positions are refused
//! is told all the same.

use super::{alerts::alert, *};
use crate::{
    server::{at, zone},
    socket::Socket,
};
use async_trait::async_trait;
use sentinel_model::{PatrolId, Scope, UnitId, alerts::AlertKind, live::Event};
use sentinel_server::{
    alerts::Alerts,
    config::ServeArgs,
    ingest::{
        Counts, Ingest, IngestError, alerts::DeviceFences, aside::Aside, decode, limits::UnitLimits,
        limits::UnitRate,
    },
    memory::MemoryBus,
    ports::{Bus, BusSink, EngineError, Intake, IntakeError, PositionFrame, Receipt, StreamPosition},
};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A bus that can be cut off from whoever should be told.
struct Cut {
    bus: MemoryBus,
    is_cut: AtomicBool,
}

#[async_trait]
impl Bus for Cut {
    fn attach(&self, sink: Arc<dyn BusSink>) {
        self.bus.attach(sink);
    }
    async fn watch_patrol(&self, patrol: PatrolId) -> Result<(), EngineError> {
        self.bus.watch_patrol(patrol).await
    }
    async fn unwatch_patrol(&self, patrol: PatrolId) -> Result<(), EngineError> {
        self.bus.unwatch_patrol(patrol).await
    }
    async fn watch_scope(&self, scope: Scope) -> Result<StreamPosition, EngineError> {
        self.bus.watch_scope(scope).await
    }
    async fn unwatch_scope(&self, scope: Scope) -> Result<(), EngineError> {
        self.bus.unwatch_scope(scope).await
    }
    async fn publish_position(&self, patrol: PatrolId, frame: PositionFrame) -> Result<(), EngineError> {
        self.bus.publish_position(patrol, frame).await
    }
    async fn publish_event(&self, scopes: &[Scope], event: Event) -> Result<(), EngineError> {
        self.bus.publish_event(scopes, event).await
    }
    async fn publish_once(&self, id: &str, scopes: &[Scope], event: Event) -> Result<bool, EngineError> {
        if self.is_cut.load(Ordering::Relaxed) {
            return Err(EngineError::new("telling", std::io::Error::other("nobody is there")));
        }
        self.bus.publish_once(id, scopes, event).await
    }
    async fn publish_records(&self, at: u64) -> Result<u64, EngineError> {
        self.bus.publish_records(at).await
    }
    async fn heads(&self, scopes: &[Scope]) -> Result<Vec<StreamPosition>, EngineError> {
        self.bus.heads(scopes).await
    }
    async fn events_since(
        &self,
        scope: Scope,
        since: &StreamPosition,
    ) -> Result<Option<Vec<Arc<Event>>>, EngineError> {
        self.bus.events_since(scope, since).await
    }
    async fn forget_events(&self, scopes: &[Scope]) -> Result<(), EngineError> {
        self.bus.forget_events(scopes).await
    }
}

/// An intake whose queue is full.
struct Full;

#[async_trait]
impl Intake for Full {
    async fn accept(&self, _: &UnitId, _: Vec<Fix>) -> Result<Receipt, IntakeError> {
        Err(IntakeError::Full)
    }
    fn queued(&self) -> u64 {
        0
    }
    fn is_alive(&self) -> bool {
        true
    }
    async fn drain(&self) {}
}

/// As the server's own, with another intake or bus.
fn ingest(own: &Ingest, intake: Arc<dyn Intake>, bus: Arc<dyn Bus>) -> Arc<Ingest> {
    Arc::new(Ingest {
        clock: own.clock.clone(),
        directory: own.directory.clone(),
        intake,
        positions: own.positions.clone(),
        bus: bus.clone(),
        hub: own.hub.clone(),
        patrols: own.patrols.clone(),
        limits: UnitLimits::new(UnitRate(None)),
        patrol_by_fix: true,
        counts: Counts::default(),
        aside: Aside::default(),
        alerts: Arc::new(Alerts { clock: own.clock.clone(), directory: own.directory.clone(), bus }),
        fences: DeviceFences::default(),
        watcher: None,
        began: own.clock.now(),
    })
}

/// A call for help as it was posted.
fn call(own: &Ingest, seconds: i64) -> decode::Posted {
    let query = format!("lat=9.9&lon=76.2&timestamp={}&alarm=sos", at(seconds));
    let incoming = decode::Incoming { query: &query, ..decode::Incoming::default() };
    decode::decode(&incoming, &own.clock).expect("a position")
}

#[tokio::test]
async fn it_is_refused_though_stored_and_told_when_the_device_sends_it_again() {
    let scene = Scene::begin().await;
    let bus = Arc::new(Cut { bus: MemoryBus::new("an epoch"), is_cut: AtomicBool::new(true) });
    let own = &scene.server.sentinel.ingest;
    let ingest = ingest(own, own.intake.clone(), bus.clone());
    let unit = own.directory.unit(&id(UNIT)).expect("it is there");
    let post = async || ingest.accept(&unit, call(own, 0)).await;
    let from = bus.watch_scope(Scope::station(5)).await.expect("watches");
    let refused = post().await.expect_err("nobody was told");
    assert!(matches!(refused, IngestError::Untold(_)), "{refused}");
    assert_eq!(scene.fixes().await.len(), 1, "it is safe all the same");
    bus.is_cut.store(false, Ordering::Relaxed);
    for _ in 0..2 {
        assert_eq!(post().await.expect("accepted").duplicates, 1);
    }
    let told = bus.events_since(Scope::station(5), &from).await.expect("reads").expect("it reaches back");
    assert!(matches!(&told[..], [one] if matches!(&**one, Event::Alert(_))), "{told:?}");
}

#[tokio::test]
async fn one_that_history_refuses_is_told_once_and_the_refusal_stays() {
    let scene = Scene::begin().await;
    let admin = scene.server.sign_in("admin").await;
    let (mut socket, _) = Socket::subscribed(&scene.server, &admin, zone(3)).await;
    let own = &scene.server.sentinel.ingest;
    let full = ingest(own, Arc::new(Full), own.bus.clone());
    let unit = own.directory.unit(&id(UNIT)).expect("it is there");
    for _ in 0..2 {
        let refused = full.accept(&unit, call(own, 0)).await.expect_err("the queue is full");
        assert!(matches!(refused, IngestError::Intake(IntakeError::Full)), "{refused}");
    }
    assert_eq!(alert(&mut socket).await.time, at(0));
    assert_eq!(scene.fixes().await.len(), 0);
    for seconds in [0, 1] {
        own.accept(&unit, call(own, seconds)).await.expect("accepted");
    }
    assert_eq!(alert(&mut socket).await.time, at(1), "what is sent again is not told again");
    let open = scene.server.get(&admin, "/api/v1/alerts").await.json;
    assert_eq!(open["items"].as_array().map(Vec::len), Some(2), "{open}");
}

#[tokio::test]
async fn one_of_a_unit_that_posts_too_fast_is_told() {
    let rate = Some("1".parse().expect("a rate"));
    let server = Server::start_with(ServeArgs { unit_rate_limit: rate, ..ServeArgs::default() }).await;
    let (token, admin) = (server.unit(UNIT, 5).await, server.sign_in("admin").await);
    let (mut socket, _) = Socket::subscribed(&server, &admin, zone(3)).await;
    server.sentinel.ingest.limits.take(&id(UNIT), decode::POINTS_MAX).expect("it has not posted yet");
    let mut points: Vec<Value> = (0..1_000).map(|n| crate::server::fix(at(n), 9.9, 76.2)).collect();
    points[7]["event"] = json!("sos");
    points[8]["geofence"] = json!({"identifier": "depot", "action": "ENTER"});
    let refused = server.post(&token, "/api/v1/locations", json!(points)).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{}", refused.text);
    let told = alert(&mut socket).await;
    assert_eq!((told.kind, told.time), (AlertKind::Sos, at(7)));
    let open = server.get(&admin, "/api/v1/alerts").await.json;
    assert_eq!(open["items"].as_array().map(Vec::len), Some(1), "and nothing else of it: {open}");
}
