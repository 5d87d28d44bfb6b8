//! The data plane and the control plane.
//!
//! One connection of its own listens to exactly the channels that this node watches,
//! never to a pattern. When it is lost, the sink is told; once there is another, all that
//! is watched is subscribed again before the sink is told that it goes on. What was sent
//! in between is gone with the old connection: events are kept in streams for that. Where
//! part of a cluster is out of reach the sink is told the same: what cannot be published
//! is not heard either.

use super::{
    address::{Address, AddressError},
    event::read_event,
    keys::{self, Heard},
    lanes::{Lanes, Traffic},
    line::{ANSWER_WITHIN, Line, Server, cut_off, timed_out},
    link::Link,
    reach::{self, OutOfReach},
    scripts,
    shard::SHARDS,
};
use crate::ports::{Bus, BusSink, EngineError, PositionFrame, StreamPosition, TOLD_FOR_S};
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use redis::{PushInfo, PushKind, RedisResult, Value, aio::MultiplexedConnection};
use sentinel_model::{PatrolId, Scope, Time, live::Event};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a start waits for Redis.
const UP_WITHIN: Duration = Duration::from_secs(10);

const TRIED_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Channels that are subscribed, or scopes that are asked about, in one command.
const AT_ONCE: usize = 500;

/// More positions on their way at once could overtake each other.
const TRAFFIC: Traffic = Traffic { waiting: 4 * 1024, together: 64, at_once: 1 };

pub struct RedisBus {
    link: Link,
    positions: Lanes<(PatrolId, PositionFrame)>,
    keys: keys::Rooms,
    ear: Arc<Ear>,
    listening: Arc<Listening>,
}

/// What comes in, and where it goes.
#[derive(Default)]
struct Ear {
    sink: OnceLock<Arc<dyn BusSink>>,
}

struct Listening {
    line: Line,
    out_of_reach: watch::Receiver<OutOfReach>,
    /// Held over each change, so that subscribing all anew and letting go of one do not
    /// overtake each other.
    watched: tokio::sync::Mutex<BTreeSet<String>>,
    ear: Arc<Ear>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum BusError {
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error("Redis did not say where a stream stands")]
    NoHead,
    #[error("an event does not encode or does not read")]
    Event(#[from] postcard::Error),
}

impl RedisBus {
    /// Begins to listen. Nothing comes before a sink is attached and something is watched.
    pub fn start(
        address: &Address,
        link: Link,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, EngineError> {
        let ear = Arc::<Ear>::default();
        let hearing = ear.clone();
        let server = Server::of(address, Some(Arc::new(move |push| hearing.hear(push))));
        let server = server.map_err(EngineError::during("connecting to Redis"))?;
        let line = Line::keep(server, tasks, stop.clone());
        let out_of_reach = reach::watch(&link, tasks, stop.clone());
        // Every node hears at once of what any other changes: a right that was taken away, say.
        let watched = tokio::sync::Mutex::new(BTreeSet::from([keys::RECORDS.to_owned()]));
        let listening = Arc::new(Listening { line, out_of_reach, watched, ear: ear.clone() });
        let publishing = link.clone();
        let publish = move |_, group| {
            let link = publishing.clone();
            async move { publish_positions(link, group).await }
        };
        let positions = Lanes::start(&link, TRAFFIC, publish, tasks, &stop);
        tasks.spawn(listening.clone().keep(stop));
        Ok(Self { link, positions, keys: keys::Rooms::new(address.is_cluster()), ear, listening })
    }

    /// Waits until it listens.
    pub async fn up(&self) -> Result<(), EngineError> {
        let up = self.listening.line.up(UP_WITHIN).await;
        up.map_err(EngineError::during("connecting to Redis"))
    }

    /// Why what is watched does not come through.
    pub fn trouble(&self) -> Option<String> {
        let cut_off = || "Redis cannot be reached".to_owned();
        let out_of_reach = || reach::told(&self.listening.out_of_reach.borrow());
        if self.listening.line.is_up() {
            out_of_reach()
        } else {
            Some(out_of_reach().unwrap_or_else(cut_off))
        }
    }

    async fn try_heads(&self, scopes: &[Scope]) -> Result<Vec<StreamPosition>, BusError> {
        let mut heads = Vec::with_capacity(scopes.len());
        for scopes in scopes.chunks(AT_ONCE) {
            let mut call = scripts::HEADS.prepare_invoke();
            call.key(self.keys.offsets());
            for scope in scopes {
                call.arg(scope.to_string());
            }
            let (epoch, offsets): (String, Vec<u64>) = call.invoke_async(&mut self.link.clone()).await?;
            let epoch: Arc<str> = epoch.into();
            heads.extend(offsets.into_iter().map(|offset| StreamPosition { epoch: epoch.clone(), offset }));
        }
        Ok(heads)
    }
}

impl Listening {
    /// Runs to its end even if whoever asked gives up: what Redis is told and what is noted
    /// here must not come apart.
    async fn watch(self: &Arc<Self>, channels: Vec<String>) -> RedisResult<()> {
        let listening = self.clone();
        let watching = tokio::spawn(async move {
            let mut watched = listening.watched.lock().await;
            let new: Vec<String> =
                channels.into_iter().filter(|channel| !watched.contains(channel)).collect();
            let mut connection = listening.line.connection()?;
            for some in new.chunks(AT_ONCE) {
                connection.subscribe(some).await?;
                watched.extend(some.iter().cloned());
            }
            Ok(())
        });
        watching.await.map_err(|_| cut_off())?
    }

    async fn unwatch(self: &Arc<Self>, channel: String) -> RedisResult<()> {
        let listening = self.clone();
        let letting_go = tokio::spawn(async move {
            let mut watched = listening.watched.lock().await;
            if watched.remove(&channel) {
                // Without a connection there is nothing that would still bring it.
                if let Ok(mut connection) = listening.line.connection() {
                    connection.unsubscribe(&channel).await?;
                }
            }
            Ok(())
        });
        letting_go.await.map_err(|_| cut_off())?
    }

    /// Subscribes everything on each new connection, and tells the sink of every cut, also
    /// of one that was over before it was seen.
    async fn keep(self: Arc<Self>, stop: CancellationToken) {
        let (mut changes, mut out_of_reach) = (self.line.changes(), self.out_of_reach.clone());
        let keeping = async {
            let (mut begun, mut interrupted) = (false, false);
            loop {
                let is_whole = out_of_reach.borrow_and_update().is_empty();
                let open = changes.borrow_and_update().clone().filter(|_| is_whole);
                if begun && !interrupted {
                    interrupted = true;
                    self.tell(|sink| sink.interrupted());
                }
                if let Some(connection) = open {
                    match self.subscribe_all(connection).await {
                        Ok(()) => {
                            if interrupted {
                                self.tell(|sink| sink.resumed());
                            }
                            (begun, interrupted) = (true, false);
                        }
                        Err(error) => {
                            tracing::warn!(%error, "channels could not be subscribed; tried again");
                            tokio::time::sleep(TRIED_AGAIN_AFTER).await;
                            continue;
                        }
                    }
                }
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() {
                        return;
                    },
                    // Nobody looks where there is no cluster.
                    Ok(()) = out_of_reach.changed() => {}
                }
            }
        };
        tokio::select! {
            () = keeping => {}
            () = stop.cancelled() => {}
        }
    }

    async fn subscribe_all(&self, mut connection: MultiplexedConnection) -> RedisResult<()> {
        let watched = self.watched.lock().await;
        let channels: Vec<&String> = watched.iter().collect();
        for some in channels.chunks(AT_ONCE) {
            connection.subscribe(some).await?;
        }
        Ok(())
    }

    fn tell(&self, what: impl FnOnce(&dyn BusSink)) {
        if let Some(sink) = self.ear.sink.get() {
            what(&**sink);
        }
    }
}

impl Ear {
    /// In the order in which Redis sent it; must not block.
    fn hear(&self, push: PushInfo) {
        if push.kind != PushKind::Message {
            return;
        }
        let Some(sink) = self.sink.get() else { return };
        let mut parts = push.data.into_iter().filter_map(|part| match part {
            Value::BulkString(bytes) => Some(bytes),
            _ => None,
        });
        let (Some(channel), Some(message)) = (parts.next(), parts.next()) else { return };
        let about = std::str::from_utf8(&channel).ok().and_then(Heard::on);
        let heard = match about {
            Some(Heard::Position(patrol)) => position_of(message).map(|frame| sink.position(patrol, frame)),
            Some(Heard::Event(scope)) => {
                event_of(&message).map(|(epoch, event)| sink.event(scope, &epoch, Arc::new(event)))
            }
            Some(Heard::Records) => {
                std::str::from_utf8(&message).ok().and_then(|n| n.parse().ok()).map(|at| sink.records(at))
            }
            None => None,
        };
        if heard.is_none() {
            tracing::warn!(channel = %String::from_utf8_lossy(&channel), "a message does not read");
        }
    }
}

/// In order for each patrol. In a cluster its channel says which node takes them.
async fn publish_positions(link: Link, group: Vec<(PatrolId, PositionFrame)>) {
    let mut pipelines = BTreeMap::<_, redis::Pipeline>::new();
    for (patrol, frame) in &group {
        let mut message = Vec::with_capacity(8 + frame.unit.len());
        message.extend(frame.time.0.to_le_bytes());
        message.extend(&frame.unit);
        let pipeline = pipelines.entry(link.is_cluster().then_some(patrol.0)).or_default();
        pipeline.cmd("PUBLISH").arg(keys::live(*patrol)).arg(message).ignore();
    }
    let each = pipelines.values().map(|pipeline| {
        let mut link = link.clone();
        async move { pipeline.exec_async(&mut link).await }
    });
    // One that fails keeps no other back.
    if let Some(error) = join_all(each).await.into_iter().find_map(Result::err) {
        tracing::warn!(%error, positions = group.len(), "stored positions could not be shown at once");
    }
}

/// Device time in milliseconds, 8 bytes, then the unit as it is passed through.
fn position_of(message: Vec<u8>) -> Option<PositionFrame> {
    let time = i64::from_le_bytes(message.get(..8)?.try_into().ok()?);
    Some(PositionFrame { time: Time(time), unit: Bytes::from(message).slice(8..) })
}

/// Epoch and offset as text, then the event, with a space after each.
fn event_of(message: &[u8]) -> Option<(Arc<str>, Event)> {
    let mut parts = message.splitn(3, |byte| *byte == b' ');
    let mut text = || std::str::from_utf8(parts.next()?).ok();
    let (epoch, offset) = (text()?.into(), text()?.parse().ok()?);
    let event = read_event(parts.next()?).ok()?;
    Some((epoch, event.with_offset(offset)))
}

#[async_trait]
impl Bus for RedisBus {
    fn attach(&self, sink: Arc<dyn BusSink>) {
        if self.ear.sink.set(sink).is_err() {
            tracing::error!("the bus has a sink already; the second one hears nothing");
        }
    }

    async fn watch_patrol(&self, patrol: PatrolId) -> Result<(), EngineError> {
        let watching = self.listening.watch(vec![keys::live(patrol)]);
        watching.await.map_err(EngineError::during("subscribing to a patrol"))
    }

    async fn unwatch_patrol(&self, patrol: PatrolId) -> Result<(), EngineError> {
        let letting_go = self.listening.unwatch(keys::live(patrol));
        letting_go.await.map_err(EngineError::during("letting go of a patrol"))
    }

    async fn watch_scope(&self, scope: Scope) -> Result<StreamPosition, EngineError> {
        let watching = async {
            // Subscribed first: every event after the position that is read then comes.
            self.listening.watch(vec![keys::control(scope)]).await?;
            let heads = self.try_heads(&[scope]).await?;
            heads.into_iter().next().ok_or(BusError::NoHead)
        };
        watching.await.map_err(EngineError::during("subscribing to a scope's events"))
    }

    async fn unwatch_scope(&self, scope: Scope) -> Result<(), EngineError> {
        let letting_go = self.listening.unwatch(keys::control(scope));
        letting_go.await.map_err(EngineError::during("letting go of a scope's events"))
    }

    /// Done once it is on its way: whoever misses it has the next one, or begins anew.
    async fn publish_position(&self, patrol: PatrolId, frame: PositionFrame) -> Result<(), EngineError> {
        // A lane for each patrol in a cluster, so that its positions stay in order.
        let lane = u8::try_from(patrol.0 % u64::from(SHARDS)).expect("below the number of shards");
        let sending = self.positions.of(lane).send((patrol, frame));
        let sent = tokio::time::timeout(ANSWER_WITHIN, sending).await;
        let sent = sent.map(|sent| sent.map_err(|_| cut_off())).unwrap_or_else(|_| Err(timed_out()));
        sent.map_err(EngineError::during("publishing a position"))
    }

    async fn publish_event(&self, scopes: &[Scope], event: Event) -> Result<(), EngineError> {
        let publishing = async {
            let call = scripts::publishing(&scripts::PUBLISH, self.keys, scopes, &event)?;
            Ok::<(), BusError>(call.invoke_async(&mut self.link.clone()).await?)
        };
        publishing.await.map_err(EngineError::during("publishing an event"))
    }

    async fn publish_once(&self, id: &str, scopes: &[Scope], event: Event) -> Result<bool, EngineError> {
        let publishing = async {
            let mut call = scripts::publishing(&scripts::PUBLISH_ONCE, self.keys, scopes, &event)?;
            call.key(self.keys.told()).arg(id).arg(TOLD_FOR_S);
            Ok::<bool, BusError>(call.invoke_async(&mut self.link.clone()).await?)
        };
        publishing.await.map_err(EngineError::during("publishing an event"))
    }

    async fn publish_records(&self, at: u64) -> Result<u64, EngineError> {
        let mut call = scripts::RECORDS.prepare_invoke();
        call.key(keys::NEWEST_COMMIT).arg(at).arg(keys::RECORDS);
        let newest = call.invoke_async(&mut self.link.clone()).await;
        newest.map_err(EngineError::during("telling of a commit"))
    }

    async fn heads(&self, scopes: &[Scope]) -> Result<Vec<StreamPosition>, EngineError> {
        self.try_heads(scopes).await.map_err(EngineError::during("reading where the streams stand"))
    }

    async fn events_since(
        &self,
        scope: Scope,
        since: &StreamPosition,
    ) -> Result<Option<Vec<Arc<Event>>>, EngineError> {
        let reading = async {
            let mut call = scripts::SINCE.prepare_invoke();
            call.key(self.keys.offsets())
                .key(self.keys.events(scope))
                .arg(scope.to_string())
                .arg(since.offset);
            let (epoch, newest, events): (String, u64, Vec<Vec<u8>>) =
                call.invoke_async(&mut self.link.clone()).await?;
            let reaches_back = newest.checked_sub(since.offset) == Some(events.len() as u64);
            if epoch != *since.epoch || !reaches_back {
                return Ok::<_, BusError>(None);
            }
            let numbered = (since.offset + 1..).zip(&events);
            let events: Result<Vec<_>, postcard::Error> = numbered
                .map(|(offset, event)| Ok(Arc::new(read_event(event)?.with_offset(offset))))
                .collect();
            Ok(Some(events?))
        };
        reading.await.map_err(EngineError::during("reading a scope's events"))
    }

    async fn forget_events(&self, scopes: &[Scope]) -> Result<(), EngineError> {
        for scope in scopes {
            let forgotten =
                redis::cmd("DEL").arg(self.keys.events(*scope)).exec_async(&mut self.link.clone()).await;
            forgotten.map_err(EngineError::during("forgetting a scope's events"))?;
        }
        Ok(())
    }
}
