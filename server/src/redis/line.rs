//! One connection to Redis that is opened again whenever it is lost.
//!
//! Whoever has something to ask while there is none is told so at once: waiting is for
//! those who can wait. A connection that no longer answers a PING counts as lost, and so
//! does one to a node of a cluster that has lost masters or was cut off from most of them:
//! it answers, but what is published elsewhere does not reach it.

use super::address::{Address, AddressError, Opener};
use parking_lot::Mutex;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisError, RedisResult, aio::MultiplexedConnection};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// A disk that syncs every write has stalls of its own; beyond this nobody waits.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(5);
pub(super) const PING_EVERY: Duration = Duration::from_secs(1);
pub(super) const PING_WITHIN: Duration = Duration::from_secs(3);
const RETRY_AFTER: Duration = Duration::from_millis(50);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);

/// What Redis sends unasked on the connection: messages of channels.
pub type OnPush = Arc<dyn Fn(PushInfo) + Send + Sync>;

#[derive(Clone)]
pub struct Line<C = MultiplexedConnection> {
    current: watch::Receiver<Option<C>>,
    /// Why the last try to connect did not succeed.
    failure: Arc<Mutex<Option<RedisError>>>,
}

/// What a line leads to.
pub(super) trait Far: Send + Sync + 'static {
    type Connection: Clone + Send + Sync + 'static;

    /// Opens a connection, after so many failures in a row.
    fn open(&self, failures: u32) -> impl Future<Output = RedisResult<Self::Connection>> + Send;

    /// Returns once the connection is of no use any more.
    fn lost(&self, connection: Self::Connection) -> impl Future<Output = RedisError> + Send;
}

/// There is no connection now.
pub fn cut_off() -> RedisError {
    let error = std::io::Error::new(std::io::ErrorKind::NotConnected, "Redis cannot be reached now");
    RedisError::from(error)
}

/// It took too long.
pub(super) fn timed_out() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

impl<C: Clone + Send + Sync + 'static> Line<C> {
    /// Begins to keep a connection. Ends with `stop`.
    pub(super) fn keep(far: impl Far<Connection = C>, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let (sender, current) = watch::channel(None);
        let failure = Arc::default();
        tasks.spawn(keep(far, sender, Arc::clone(&failure), stop));
        Self { current, failure }
    }

    pub fn connection(&self) -> RedisResult<C> {
        self.current.borrow().clone().ok_or_else(cut_off)
    }

    pub fn is_up(&self) -> bool {
        self.current.borrow().is_some()
    }

    /// Follows the connection: none where it is lost, another where it is there again.
    pub fn changes(&self) -> watch::Receiver<Option<C>> {
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

async fn keep<F: Far>(
    far: F,
    current: watch::Sender<Option<F::Connection>>,
    failure: Arc<Mutex<Option<RedisError>>>,
    stop: CancellationToken,
) {
    let keeping = async {
        let mut failures = 0u32;
        loop {
            match far.open(failures).await {
                Ok(connection) => {
                    if failures > 0 {
                        tracing::info!("Redis is reached again");
                    }
                    failures = 0;
                    current.send_replace(Some(connection.clone()));
                    let error = far.lost(connection).await;
                    current.send_replace(None);
                    tracing::warn!(%error, "the connection to Redis was lost");
                }
                Err(error) => {
                    // The first says it; more would fill the log.
                    if failures == 0 {
                        tracing::warn!(%error, "Redis could not be reached");
                    }
                    *failure.lock() = Some(error);
                }
            }
            failures = failures.saturating_add(1);
            let pause = (RETRY_AFTER * failures).min(RETRY_AFTER_MAX);
            tokio::time::sleep(pause.mul_f64(0.5 + 0.5 * rand::random::<f64>())).await;
        }
    };
    tokio::select! {
        () = keeping => {}
        () = stop.cancelled() => drop(current.send_replace(None)),
    }
}

/// One server: the only one, the master behind a Redis Sentinel, or any node of a cluster.
pub(super) struct Server {
    opener: Opener,
    is_cluster: bool,
    on_push: Option<OnPush>,
    /// The library says that the connection has ended.
    ended: Arc<Notify>,
}

impl Server {
    pub fn of(address: &Address, on_push: Option<OnPush>) -> Result<Self, AddressError> {
        let (opener, is_cluster) = (address.opener()?, address.is_cluster());
        Ok(Self { opener, is_cluster, on_push, ended: Arc::default() })
    }

    /// Whether it answers, and speaks for its cluster.
    async fn check(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        let asking = async {
            redis::cmd("PING").exec_async(connection).await?;
            if self.is_cluster {
                // A service that does not tell has to be believed.
                let info: RedisResult<String> =
                    redis::cmd("CLUSTER").arg("INFO").query_async(connection).await;
                if info.is_ok_and(|info| info.contains("cluster_state:fail")) {
                    return Err(std::io::Error::other("the cluster does not serve all of its slots").into());
                }
            }
            Ok(())
        };
        tokio::time::timeout(PING_WITHIN, asking).await.unwrap_or_else(|_| Err(cut_off()))
    }
}

impl Far for Server {
    type Connection = MultiplexedConnection;

    async fn open(&self, failures: u32) -> RedisResult<MultiplexedConnection> {
        let (ended, on_push) = (self.ended.clone(), self.on_push.clone());
        let hear = move |push: PushInfo| -> Result<(), ()> {
            match push.kind {
                PushKind::Disconnection => ended.notify_one(),
                _ => on_push.iter().for_each(|on_push| on_push(push.clone())),
            }
            Ok(())
        };
        let config = config().set_push_sender(hear);
        let mut connection = match &self.opener {
            Opener::Nodes(nodes) => {
                let node = &nodes[failures as usize % nodes.len()];
                node.get_multiplexed_async_connection_with_config(&config).await?
            }
            Opener::Sentinel(client) => client.lock().await.get_async_connection_with_config(&config).await?,
        };
        self.check(&mut connection).await?;
        Ok(connection)
    }

    async fn lost(&self, mut connection: MultiplexedConnection) -> RedisError {
        loop {
            tokio::select! {
                () = self.ended.notified() => {}
                () = tokio::time::sleep(PING_EVERY) => {}
            }
            if let Err(error) = self.check(&mut connection).await {
                return error;
            }
        }
    }
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_WITHIN))
        .set_response_timeout(Some(ANSWER_WITHIN))
}
