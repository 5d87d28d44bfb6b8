//! Where commands go: the one Redis, or the node of a cluster that holds the key. Every one
//! is answered, or fails, within five seconds.

use super::{
    address::{Address, AddressError},
    cluster::Masters,
    line::{Line, Server},
};
use crate::ports::EngineError;
use redis::{
    Cmd, Pipeline, RedisFuture, RedisResult, Value,
    aio::ConnectionLike,
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo},
};
use std::{collections::BTreeMap, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a start waits for Redis.
const UP_WITHIN: Duration = Duration::from_secs(10);

/// A handle; cheap to clone, and what is sent by many goes out together.
#[derive(Clone)]
pub enum Link {
    Line(Line),
    Cluster(Line<ClusterConnection>),
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
            let cluster = Line::keep(Masters::of(address)?, tasks, stop);
            cluster.up(UP_WITHIN).await.map_err(away)?;
            return Ok(Self::Cluster(cluster));
        }
        let line = Line::keep(Server::of(address, None)?, tasks, stop);
        line.up(UP_WITHIN).await.map_err(away)?;
        Ok(Self::Line(line))
    }
}

impl Link {
    pub fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// What each server says that takes writes, by its address; the only one has none.
    pub(super) async fn ask_masters(&self, question: Cmd) -> RedisResult<BTreeMap<String, Value>> {
        match self {
            Self::Line(line) => {
                let answer = line.connection()?.send_packed_command(&question).await?;
                Ok(BTreeMap::from([(String::new(), answer.extract_error()?)]))
            }
            Self::Cluster(line) => {
                let masters = MultipleNodeRoutingInfo::AllMasters;
                let each = RoutingInfo::MultiNode((masters, Some(ResponsePolicy::Special)));
                let answers = line.connection()?.route_command(question, each).await?;
                Ok(redis::from_redis_value(answers.extract_error()?)?)
            }
        }
    }
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Line(line) => Box::pin(async move { line.connection()?.send_packed_command(cmd).await }),
            Self::Cluster(line) => Box::pin(async move { line.connection()?.req_packed_command(cmd).await }),
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
            Self::Cluster(line) => {
                Box::pin(async move { line.connection()?.req_packed_commands(pipeline, offset, count).await })
            }
        }
    }

    fn get_db(&self) -> i64 {
        // The database is chosen when a connection is opened; nobody here asks for it.
        0
    }
}
