//! The real program, started, killed, stopped and refused as an operator sees it.

mod certificates;
mod crash;
mod data;
mod fences;
mod https;
mod mongo_tls;
mod program;
mod redis_tls;
mod startup;
mod startup_shared;
mod tasks;
mod webhooks;

#[expect(dead_code, reason = "shared with tests that have more endpoints")]
#[path = "../shared/receiver.rs"]
mod receiver;
