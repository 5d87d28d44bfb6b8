//! The stories of [`crate::isolation`], on one server with engines of its own.

use crate::{
    isolation::{ground::Ground, tell_stories},
    server::Server,
};
use sentinel_server::config::ServeArgs;

#[test]
fn nothing_ever_crosses_a_scope_and_everything_inside_arrives() {
    tell_stories(1, || async {
        let server = Server::start_empty_with(ServeArgs::default()).await;
        let (nodes, clock) = (vec![server.sentinel.clone()], server.clock.clone());
        // It answers once history has it.
        Ground::new(nodes, clock, || true, || Box::pin(server.end()))
    });
}
