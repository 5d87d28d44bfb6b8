//! A call for help that cannot be told is not taken as told.

use super::*;
use crate::server::at;
use async_trait::async_trait;
use sentinel_model::{PatrolId, Scope, live::Event};
use sentinel_server::{
    alerts::Alerts,
    ingest::{
        Counts, Ingest, IngestError, alerts::Fences, aside::Aside, decode, limits::UnitLimits,
        limits::UnitRate,
    },
    memory::MemoryBus,
    ports::{Bus, BusSink, EngineError, PositionFrame, StreamPosition},
};
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

#[tokio::test]
async fn it_is_refused_though_stored_and_told_when_the_device_sends_it_again() {
    let scene = Scene::begin().await;
    let bus = Arc::new(Cut { bus: MemoryBus::new("an epoch"), is_cut: AtomicBool::new(true) });
    let own = &scene.server.sentinel.ingest;
    let ingest = Arc::new(Ingest {
        clock: own.clock.clone(),
        directory: own.directory.clone(),
        intake: own.intake.clone(),
        positions: own.positions.clone(),
        bus: bus.clone(),
        hub: own.hub.clone(),
        patrols: own.patrols.clone(),
        limits: UnitLimits::new(UnitRate(None)),
        patrol_by_fix: true,
        counts: Counts::default(),
        aside: Aside::default(),
        alerts: Alerts { clock: own.clock.clone(), directory: own.directory.clone(), bus: bus.clone() },
        fences: Fences::default(),
        began: own.clock.now(),
    });
    let unit = own.directory.unit(&id(UNIT)).expect("it is there");
    let post = async || {
        let query = format!("lat=9.9&lon=76.2&timestamp={}&alarm=sos", at(0));
        let incoming = decode::Incoming { query: &query, ..decode::Incoming::default() };
        ingest.accept(&unit, decode::decode(&incoming, &own.clock).expect("a position")).await
    };
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
