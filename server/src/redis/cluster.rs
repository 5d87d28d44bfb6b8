//! The connections to all nodes of a cluster, as one.
//!
//! The library repairs what is lost of them, and while no node answers at all it asks
//! without a pause, at the price of a processor. So a cluster that is gone whole is let go,
//! and opened anew when it is there again.

use super::{
    address::{Address, AddressError},
    line::{Far, PING_EVERY, PING_WITHIN, cut_off},
};
use redis::{
    RedisError, RedisResult,
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo},
};

pub(super) struct Masters(ClusterClient);

impl Masters {
    pub fn of(address: &Address) -> Result<Self, AddressError> {
        Ok(Self(address.cluster()?))
    }
}

impl Far for Masters {
    type Connection = ClusterConnection;

    async fn open(&self, _failures: u32) -> RedisResult<ClusterConnection> {
        self.0.get_async_connection().await
    }

    async fn lost(&self, mut connection: ClusterConnection) -> RedisError {
        loop {
            tokio::time::sleep(PING_EVERY).await;
            let masters = MultipleNodeRoutingInfo::AllMasters;
            let any = RoutingInfo::MultiNode((masters, Some(ResponsePolicy::OneSucceeded)));
            let ping = connection.route_command(redis::cmd("PING"), any);
            match tokio::time::timeout(PING_WITHIN, ping).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return error,
                Err(_) => return cut_off(),
            }
        }
    }
}
