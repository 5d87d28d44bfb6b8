//! One connection to Redis that is opened again whenever it is lost.
//!
//! Whoever has something to ask while there is none is told so at once: waiting is for
//! those who can wait. A connection that no longer answers a PING counts as lost.

use super::address::Opener;
use parking_lot::Mutex;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisError, RedisResult, aio::MultiplexedConnection};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// A disk that syncs every write has stalls of its own; beyond this nobody waits.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const PING_EVERY: Duration = Duration::from_secs(1);
const PING_WITHIN: Duration = Duration::from_secs(3);
const RETRY_AFTER: Duration = Duration::from_millis(50);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);

/// What Redis sends unasked on the connection: messages of channels.
pub type OnPush = Arc<dyn Fn(PushInfo) + Send + Sync>;

#[derive(Clone)]
pub struct Line {
    current: watch::Receiver<Option<MultiplexedConnection>>,
    /// Why the last try to connect did not succeed.
    failure: Arc<Mutex<Option<RedisError>>>,
}

/// There is no connection now.
pub fn cut_off() -> RedisError {
    let error = std::io::Error::new(std::io::ErrorKind::NotConnected, "Redis cannot be reached now");
    RedisError::from(error)
}

impl Line {
    /// Begins to keep a connection. Ends with `stop`.
    pub(super) fn keep(
        opener: Opener,
        on_push: Option<OnPush>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let (sender, current) = watch::channel(None);
        let failure = Arc::default();
        let keeper =
            Keeper { opener, on_push, current: sender, failure: Arc::clone(&failure), lost: Arc::default() };
        tasks.spawn(keeper.run(stop));
        Self { current, failure }
    }

    pub fn connection(&self) -> RedisResult<MultiplexedConnection> {
        self.current.borrow().clone().ok_or_else(cut_off)
    }

    pub fn is_up(&self) -> bool {
        self.current.borrow().is_some()
    }

    /// Follows the connection: none where it is lost, another where it is there again.
    pub fn changes(&self) -> watch::Receiver<Option<MultiplexedConnection>> {
        self.current.clone()
    }

    /// Waits for the first connection; where there is none in time, says why.
    pub async fn up(&self, within: Duration) -> RedisResult<()> {
        let mut current = self.current.clone();
        let up = async { current.wait_for(Option::is_some).await.map(drop) };
        match tokio::time::timeout(within, up).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(self.failure.lock().take().unwrap_or_else(cut_off)),
        }
    }
}

struct Keeper {
    opener: Opener,
    on_push: Option<OnPush>,
    current: watch::Sender<Option<MultiplexedConnection>>,
    failure: Arc<Mutex<Option<RedisError>>>,
    /// The library says that the connection has ended.
    lost: Arc<Notify>,
}

impl Keeper {
    async fn run(self, stop: CancellationToken) {
        let keeping = async {
            let mut failures = 0u32;
            loop {
                match self.open(failures).await {
                    Ok(connection) => {
                        if failures > 0 {
                            tracing::info!("Redis is reached again");
                        }
                        failures = 0;
                        self.current.send_replace(Some(connection.clone()));
                        let error = self.until_lost(connection).await;
                        self.current.send_replace(None);
                        tracing::warn!(%error, "the connection to Redis was lost");
                    }
                    Err(error) => {
                        // The first says it; more would fill the log.
                        if failures == 0 {
                            tracing::warn!(%error, "Redis could not be reached");
                        }
                        *self.failure.lock() = Some(error);
                    }
                }
                failures = failures.saturating_add(1);
                let pause = (RETRY_AFTER * failures).min(RETRY_AFTER_MAX);
                tokio::time::sleep(pause.mul_f64(0.5 + 0.5 * rand::random::<f64>())).await;
            }
        };
        tokio::select! {
            () = keeping => {}
            () = stop.cancelled() => drop(self.current.send_replace(None)),
        }
    }

    async fn open(&self, failures: u32) -> RedisResult<MultiplexedConnection> {
        let (lost, on_push) = (self.lost.clone(), self.on_push.clone());
        let hear = move |push: PushInfo| -> Result<(), ()> {
            match push.kind {
                PushKind::Disconnection => lost.notify_one(),
                _ => on_push.iter().for_each(|on_push| on_push(push.clone())),
            }
            Ok(())
        };
        let config = config().set_push_sender(hear);
        match &self.opener {
            Opener::Nodes(nodes) => {
                let node = &nodes[failures as usize % nodes.len()];
                node.get_multiplexed_async_connection_with_config(&config).await
            }
            Opener::Sentinel(client) => client.lock().await.get_async_connection_with_config(&config).await,
        }
    }

    async fn until_lost(&self, mut connection: MultiplexedConnection) -> RedisError {
        loop {
            tokio::select! {
                () = self.lost.notified() => {}
                () = tokio::time::sleep(PING_EVERY) => {}
            }
            let ping = async { redis::cmd("PING").exec_async(&mut connection).await };
            match tokio::time::timeout(PING_WITHIN, ping).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error,
                Err(_) => return cut_off(),
            }
        }
    }
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_WITHIN))
        .set_response_timeout(Some(ANSWER_WITHIN))
}
