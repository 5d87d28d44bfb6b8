//! Where commands go: the one Redis, or the node of a cluster that holds the key.

use super::{
    address::{Address, AddressError},
    line::Line,
};
use crate::ports::EngineError;
use redis::{Cmd, Pipeline, RedisFuture, Value, aio::ConnectionLike, cluster_async::ClusterConnection};
use std::time::Duration;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a start waits for Redis.
const UP_WITHIN: Duration = Duration::from_secs(10);
const TRIED_AGAIN_AFTER: Duration = Duration::from_millis(200);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A handle; cheap to clone, and what is sent by many goes out together.
#[derive(Clone)]
pub enum Link {
    Line(Line),
    Cluster(ClusterConnection),
}

#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(
        "{address} could not be reached: nodes and workers do not start without it. See that Redis runs there and \
         lets them in, or give another with --redis-url"
    )]
    Away { address: String, source: redis::RedisError },
}

impl Link {
    /// Connects, or says why not.
    pub async fn open(
        address: &Address,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, EngineError> {
        Self::try_open(address, tasks, stop).await.map_err(EngineError::during("connecting to Redis"))
    }

    async fn try_open(
        address: &Address,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, LinkError> {
        let away = |source| LinkError::Away { address: address.to_string(), source };
        if address.is_cluster() {
            let config = redis::cluster::ClusterConfig::new()
                .set_connection_timeout(Duration::from_secs(2))
                .set_response_timeout(ANSWER_WITHIN);
            let cluster = address.cluster()?;
            let give_up = tokio::time::Instant::now() + UP_WITHIN;
            loop {
                match cluster.get_async_connection_with_config(config.clone()).await {
                    Ok(cluster) => return Ok(Self::Cluster(cluster)),
                    Err(error) if tokio::time::Instant::now() >= give_up => return Err(away(error)),
                    Err(_) => tokio::time::sleep(TRIED_AGAIN_AFTER).await,
                }
            }
        }
        let line = Line::keep(address.opener()?, None, tasks, stop);
        line.up(UP_WITHIN).await.map_err(away)?;
        Ok(Self::Line(line))
    }
}

impl Link {
    pub fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Line(line) => Box::pin(async move { line.connection()?.send_packed_command(cmd).await }),
            Self::Cluster(cluster) => cluster.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Line(line) => {
                Box::pin(
                    async move { line.connection()?.send_packed_commands(pipeline, offset, count).await },
                )
            }
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        // The database is chosen when a connection is opened; nobody here asks for it.
        0
    }
}
