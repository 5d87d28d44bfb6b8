//! Several nodes and workers over one Redis and one MongoDB behave as one Sentinel, from
//! outside: real sockets, each request to whichever node.

/// Tells a story in a town, on one Redis and on a cluster.
macro_rules! on_each_ground {
    ($story:ident, $nodes:literal nodes, $workers:literal workers) => {
        mod $story {
            use crate::town::{Ground, Town};

            #[tokio::test(flavor = "multi_thread")]
            async fn on_one_redis() {
                let Some(database) = sentinel_services::mongo() else { return };
                let Some(ground) = Ground::over(database) else { return };
                super::$story(Town::on(ground, $nodes, $workers).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_a_cluster() {
                let Some(ground) = Ground::on_a_cluster() else { return };
                super::$story(Town::on(ground, $nodes, $workers).await).await;
            }
        }
    };
}

mod alerts;
mod behind;
mod credentials;
mod formats;
mod master_down;
mod moves;
mod races;
mod silence;
mod silo;
mod starts;
mod stories;
mod streams;
mod subscriptions;
mod tasks;
mod town;
mod watch;
mod webhooks;

#[path = "../shared/cable.rs"]
mod cable;
#[expect(dead_code, reason = "shared with the tests of a single server, which need more of it")]
#[path = "../shared/clients.rs"]
mod clients;
#[path = "../shared/isolation/mod.rs"]
mod isolation;
#[expect(dead_code, reason = "shared with the tests of a single server, which need more of it")]
#[path = "../shared/receiver.rs"]
mod receiver;
#[expect(dead_code, reason = "shared with the tests of a single server, which need more of it")]
#[path = "../shared/server.rs"]
mod server;
#[path = "../shared/socket.rs"]
mod socket;
