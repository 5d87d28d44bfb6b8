//! The decoder of posted positions and what it needs of the server, file by file.

pub mod auth;
#[path = "../../src/clock.rs"]
pub mod clock;
pub mod ingest;
