//! The bus of one process: what is published here is handed to this node's sink.

use crate::ports::{Bus, BusSink, EVENT_HISTORY, EngineError, PositionFrame, StreamPosition};
use async_trait::async_trait;
use dashmap::{DashMap, DashSet};
use parking_lot::Mutex;
use sentinel_model::{PatrolId, Scope, live::Event};
use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

pub struct MemoryBus {
    /// Offsets begin anew with every process, under a new epoch.
    epoch: Arc<str>,
    sink: OnceLock<Arc<dyn BusSink>>,
    patrols: DashSet<PatrolId>,
    streams: DashMap<Scope, Stream>,
    newest_commit: AtomicU64,
    told: Mutex<Told>,
}

/// How many events that are told once are remembered; and only while the process runs.
const TOLD_MAX: usize = 10_000;

/// Ids of events, and in which order they came.
#[derive(Default)]
struct Told {
    ids: HashSet<Box<str>>,
    order: VecDeque<Box<str>>,
}

impl Told {
    /// Whether it is new.
    fn note(&mut self, id: &str) -> bool {
        if !self.ids.insert(id.into()) {
            return false;
        }
        self.order.push_back(id.into());
        if self.order.len() > TOLD_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[derive(Default)]
struct Stream {
    watched: bool,
    offset: u64,
    events: VecDeque<Arc<Event>>,
}

impl MemoryBus {
    /// `epoch` must differ from that of every earlier process.
    pub fn new(epoch: &str) -> Self {
        Self {
            epoch: epoch.into(),
            sink: OnceLock::new(),
            patrols: DashSet::new(),
            streams: DashMap::new(),
            newest_commit: AtomicU64::new(0),
            told: Mutex::default(),
        }
    }
}

impl MemoryBus {
    /// Appends the event to the stream of each of the scopes.
    pub(super) fn tell(&self, scopes: &[Scope], event: &Event) {
        for &scope in scopes {
            let mut stream = self.streams.entry(scope).or_default();
            stream.offset += 1;
            let event = Arc::new(event.clone().with_offset(stream.offset));
            if stream.events.len() == EVENT_HISTORY {
                stream.events.pop_front();
            }
            stream.events.push_back(event.clone());
            // Under the stream's lock, so that the sink sees a scope's events in order.
            if stream.watched
                && let Some(sink) = self.sink.get()
            {
                sink.event(scope, &self.epoch, event);
            }
        }
    }
}

#[async_trait]
impl Bus for MemoryBus {
    fn attach(&self, sink: Arc<dyn BusSink>) {
        if self.sink.set(sink).is_err() {
            tracing::error!("the bus has a sink already; the second one hears nothing");
        }
    }

    async fn watch_patrol(&self, patrol: PatrolId) -> Result<(), EngineError> {
        self.patrols.insert(patrol);
        Ok(())
    }

    async fn unwatch_patrol(&self, patrol: PatrolId) -> Result<(), EngineError> {
        self.patrols.remove(&patrol);
        Ok(())
    }

    async fn watch_scope(&self, scope: Scope) -> Result<StreamPosition, EngineError> {
        let mut stream = self.streams.entry(scope).or_default();
        stream.watched = true;
        Ok(StreamPosition { epoch: self.epoch.clone(), offset: stream.offset })
    }

    async fn unwatch_scope(&self, scope: Scope) -> Result<(), EngineError> {
        if let Some(mut stream) = self.streams.get_mut(&scope) {
            stream.watched = false;
        }
        Ok(())
    }

    async fn publish_position(&self, patrol: PatrolId, frame: PositionFrame) -> Result<(), EngineError> {
        if self.patrols.contains(&patrol)
            && let Some(sink) = self.sink.get()
        {
            sink.position(patrol, frame);
        }
        Ok(())
    }

    async fn publish_event(&self, scopes: &[Scope], event: Event) -> Result<(), EngineError> {
        self.tell(scopes, &event);
        Ok(())
    }

    async fn publish_once(&self, id: &str, scopes: &[Scope], event: Event) -> Result<bool, EngineError> {
        let is_new = self.told.lock().note(id);
        if is_new {
            self.tell(scopes, &event);
        }
        Ok(is_new)
    }

    /// One process, one node: there is nobody else to tell.
    async fn publish_records(&self, at: u64) -> Result<u64, EngineError> {
        Ok(self.newest_commit.fetch_max(at, Relaxed).max(at))
    }

    async fn heads(&self, scopes: &[Scope]) -> Result<Vec<StreamPosition>, EngineError> {
        let head = |scope| self.streams.get(scope).map_or(0, |stream| stream.offset);
        let position = |scope| StreamPosition { epoch: self.epoch.clone(), offset: head(scope) };
        Ok(scopes.iter().map(position).collect())
    }

    async fn events_since(
        &self,
        scope: Scope,
        since: &StreamPosition,
    ) -> Result<Option<Vec<Arc<Event>>>, EngineError> {
        if since.epoch != self.epoch {
            return Ok(None);
        }
        let Some(stream) = self.streams.get(&scope) else {
            return Ok((since.offset == 0).then(Vec::new));
        };
        let oldest = stream.offset - stream.events.len() as u64;
        if since.offset > stream.offset || since.offset < oldest {
            return Ok(None);
        }
        Ok(Some(stream.events.iter().filter(|e| e.offset() > since.offset).cloned().collect()))
    }

    async fn forget_events(&self, scopes: &[Scope]) -> Result<(), EngineError> {
        for scope in scopes {
            if let Some(mut stream) = self.streams.get_mut(scope) {
                stream.events.clear();
            }
        }
        Ok(())
    }
}
