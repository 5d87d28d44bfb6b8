//! Several nodes and workers over one Redis and one MongoDB behave as one Sentinel, from
//! outside: real sockets, each request to whichever node.

mod credentials;
mod moves;
mod races;
mod silence;
mod silo;
mod starts;
mod stories;
mod subscriptions;
mod town;

#[path = "../shared/isolation/mod.rs"]
mod isolation;
#[expect(dead_code, reason = "shared with the tests of a single server, which need more of it")]
#[path = "../shared/server.rs"]
mod server;
#[path = "../shared/socket.rs"]
mod socket;
