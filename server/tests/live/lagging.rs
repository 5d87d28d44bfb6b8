//! A bus between nodes as a test wants it: what is sent waits until it is delivered or
//! lost, the node can be cut off, and the streams can begin anew.

use async_trait::async_trait;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use sentinel_model::{PatrolId, Scope, live::Event};
use sentinel_server::{
    memory::MemoryBus,
    ports::{Bus, BusSink, EngineError, PositionFrame, StreamPosition},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{Arc, OnceLock, Weak},
};
use tokio::sync::watch;

/// The epoch of what all nodes share; this node is told others.
const OF_ALL: &str = "of all";

pub struct LaggingBus {
    /// Everybody's: what other nodes publish goes here.
    pub whole: Arc<MemoryBus>,
    line: Arc<Line>,
}

/// This node's connection.
struct Line {
    sink: OnceLock<Arc<dyn BusSink>>,
    state: Mutex<State>,
    is_up: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<Channel, VecDeque<Message>>,
    /// What is asked for while cut off waits instead of failing.
    waits: bool,
    /// Reading events of these scopes fails.
    unreadable: BTreeSet<Scope>,
    epoch: u64,
    /// How far each stream is, and where it stood when its epoch began.
    offsets: HashMap<Scope, u64>,
    bases: HashMap<Scope, u64>,
    watched_scopes: BTreeSet<Scope>,
    watched_patrols: BTreeSet<PatrolId>,
    delivered: Vec<Weak<Event>>,
    /// How often something was asked for while cut off.
    asked_in_vain: usize,
    /// Happens once, when events were read and are not answered yet.
    meanwhile: Option<BoxFuture<'static, ()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    Events(Scope),
    Positions(PatrolId),
}

#[allow(clippy::large_enum_variant, reason = "few are under way at once")]
enum Message {
    Event(Arc<str>, Event),
    Position(PositionFrame),
}

impl State {
    fn epoch(&self) -> Arc<str> {
        format!("epoch {}", self.epoch).into()
    }

    fn base(&self, scope: Scope) -> u64 {
        self.bases.get(&scope).copied().unwrap_or(0)
    }
}

impl BusSink for Line {
    fn position(&self, patrol: PatrolId, frame: PositionFrame) {
        if *self.is_up.borrow() {
            let mut state = self.state.lock();
            state.waiting.entry(Channel::Positions(patrol)).or_default().push_back(Message::Position(frame));
        }
    }

    fn event(&self, scope: Scope, _epoch: &Arc<str>, event: Arc<Event>) {
        let mut state = self.state.lock();
        state.offsets.insert(scope, event.offset());
        if *self.is_up.borrow() {
            let offset = event.offset() - state.base(scope);
            let message = Message::Event(state.epoch(), (*event).clone().with_offset(offset));
            state.waiting.entry(Channel::Events(scope)).or_default().push_back(message);
        }
    }

    fn records(&self, _at: u64) {}
    fn interrupted(&self) {}
    fn resumed(&self) {}
}

impl LaggingBus {
    pub fn new() -> Self {
        let (sink, state) = (OnceLock::new(), Mutex::default());
        let line = Arc::new(Line { sink, state, is_up: watch::Sender::new(true) });
        let whole = Arc::new(MemoryBus::new(OF_ALL));
        whole.attach(line.clone());
        Self { whole, line }
    }

    fn sink(&self) -> &Arc<dyn BusSink> {
        self.line.sink.get().expect("the hub has attached itself")
    }

    /// The channels on which something is under way.
    pub fn waiting(&self) -> Vec<Channel> {
        self.line.state.lock().waiting.keys().copied().collect()
    }

    fn take(&self, channel: Channel) -> Option<Message> {
        let mut state = self.line.state.lock();
        let queue = state.waiting.get_mut(&channel)?;
        let message = queue.pop_front();
        if queue.is_empty() {
            state.waiting.remove(&channel);
        }
        message
    }

    /// Delivers a channel's next message.
    pub fn deliver(&self, channel: Channel) {
        match (self.take(channel), channel) {
            (Some(Message::Event(epoch, event)), Channel::Events(scope)) => {
                let event = Arc::new(event);
                self.line.state.lock().delivered.push(Arc::downgrade(&event));
                self.sink().event(scope, &epoch, event);
            }
            (Some(Message::Position(frame)), Channel::Positions(patrol)) => {
                self.sink().position(patrol, frame);
            }
            _ => {}
        }
    }

    pub fn deliver_all(&self) {
        while let Some(channel) = self.waiting().first() {
            self.deliver(*channel);
        }
    }

    /// Loses a channel's next message.
    pub fn lose(&self, channel: Channel) {
        drop(self.take(channel));
    }

    pub fn is_cut_off(&self) -> bool {
        !*self.line.is_up.borrow()
    }

    /// Cuts this node off: what is under way is lost. What is asked for meanwhile fails, or
    /// waits.
    pub fn cut(&self, waits: bool) {
        self.line.is_up.send_replace(false);
        let mut state = self.line.state.lock();
        state.waits = waits;
        state.waiting.clear();
        drop(state);
        self.sink().interrupted();
    }

    pub fn resume(&self) {
        self.line.is_up.send_replace(true);
        self.sink().resumed();
    }

    /// All streams begin anew, with offsets from 1.
    pub fn begin_anew(&self) {
        let mut state = self.line.state.lock();
        state.epoch += 1;
        state.bases = state.offsets.clone();
    }

    /// Whether reading a scope's events fails.
    pub fn refuse_events_of(&self, scope: Scope, refused: bool) {
        let unreadable = &mut self.line.state.lock().unreadable;
        if refused {
            unreadable.insert(scope)
        } else {
            unreadable.remove(&scope)
        };
    }

    pub fn watched_scopes(&self) -> BTreeSet<Scope> {
        self.line.state.lock().watched_scopes.clone()
    }

    pub fn watched_patrols(&self) -> BTreeSet<PatrolId> {
        self.line.state.lock().watched_patrols.clone()
    }

    pub fn was_asked_in_vain(&self) -> bool {
        self.line.state.lock().asked_in_vain > 0
    }

    /// Has something happen while events are read for this node.
    pub fn meanwhile(&self, happening: impl Future<Output = ()> + Send + 'static) {
        self.line.state.lock().meanwhile = Some(Box::pin(happening));
    }

    /// How many of the events that were delivered are still held by anyone.
    pub fn events_held(&self) -> usize {
        self.line.state.lock().delivered.iter().filter(|event| event.strong_count() > 0).count()
    }

    /// Asks over the line: takes a while, and while it is cut fails or waits.
    async fn ask(&self) -> Result<(), EngineError> {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        if self.is_cut_off() {
            let mut state = self.line.state.lock();
            state.asked_in_vain += 1;
            if !state.waits {
                return Err(EngineError::new("asking the bus", "it is cut off"));
            }
        }
        let mut is_up = self.line.is_up.subscribe();
        is_up.wait_for(|is_up| *is_up).await.map_err(EngineError::during("asking the bus"))?;
        Ok(())
    }
}

#[async_trait]
impl Bus for LaggingBus {
    fn attach(&self, sink: Arc<dyn BusSink>) {
        assert!(self.line.sink.set(sink).is_ok(), "one hub");
    }

    async fn watch_patrol(&self, patrol: PatrolId) -> Result<(), EngineError> {
        self.ask().await?;
        self.line.state.lock().watched_patrols.insert(patrol);
        self.whole.watch_patrol(patrol).await
    }

    async fn unwatch_patrol(&self, patrol: PatrolId) -> Result<(), EngineError> {
        self.ask().await?;
        self.line.state.lock().watched_patrols.remove(&patrol);
        self.line.state.lock().waiting.remove(&Channel::Positions(patrol));
        self.whole.unwatch_patrol(patrol).await
    }

    async fn watch_scope(&self, scope: Scope) -> Result<StreamPosition, EngineError> {
        self.ask().await?;
        let position = self.whole.watch_scope(scope).await?;
        let mut state = self.line.state.lock();
        state.watched_scopes.insert(scope);
        let heard = state.offsets.entry(scope).or_default();
        *heard = position.offset.max(*heard);
        // It may have begun anew just now; then this is its beginning.
        let offset = position.offset.saturating_sub(state.base(scope));
        Ok(StreamPosition { epoch: state.epoch(), offset })
    }

    async fn unwatch_scope(&self, scope: Scope) -> Result<(), EngineError> {
        self.ask().await?;
        self.line.state.lock().watched_scopes.remove(&scope);
        self.whole.unwatch_scope(scope).await
    }

    async fn publish_position(&self, patrol: PatrolId, frame: PositionFrame) -> Result<(), EngineError> {
        self.whole.publish_position(patrol, frame).await
    }

    async fn publish_event(&self, scopes: &[Scope], event: Event) -> Result<(), EngineError> {
        self.whole.publish_event(scopes, event).await
    }

    async fn publish_once(&self, id: &str, scopes: &[Scope], event: Event) -> Result<bool, EngineError> {
        self.whole.publish_once(id, scopes, event).await
    }

    async fn publish_records(&self, at: u64) -> Result<u64, EngineError> {
        Ok(at)
    }

    async fn heads(&self, scopes: &[Scope]) -> Result<Vec<StreamPosition>, EngineError> {
        self.ask().await?;
        let heads = self.whole.heads(scopes).await?;
        let state = self.line.state.lock();
        let own = |(scope, head): (&Scope, StreamPosition)| {
            let offset = head.offset.saturating_sub(state.base(*scope));
            StreamPosition { epoch: state.epoch(), offset }
        };
        Ok(scopes.iter().zip(heads).map(own).collect())
    }

    async fn forget_events(&self, scopes: &[Scope]) -> Result<(), EngineError> {
        self.whole.forget_events(scopes).await
    }

    async fn events_since(
        &self,
        scope: Scope,
        since: &StreamPosition,
    ) -> Result<Option<Vec<Arc<Event>>>, EngineError> {
        self.ask().await?;
        let (epoch, base, refused) = {
            let state = self.line.state.lock();
            (state.epoch(), state.base(scope), state.unreadable.contains(&scope))
        };
        if refused {
            return Err(EngineError::new("reading events", "this test will not have it"));
        }
        if since.epoch != epoch {
            return Ok(None);
        }
        let position = StreamPosition { epoch: OF_ALL.into(), offset: since.offset + base };
        let events = self.whole.events_since(scope, &position).await?;
        let meanwhile = self.line.state.lock().meanwhile.take();
        match meanwhile {
            Some(happening) => happening.await,
            None => tokio::task::yield_now().await,
        }
        let own = |event: Arc<Event>| {
            let offset = event.offset() - base;
            Arc::new((*event).clone().with_offset(offset))
        };
        Ok(events.map(|events| events.into_iter().map(own).collect()))
    }
}
