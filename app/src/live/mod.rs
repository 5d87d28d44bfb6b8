//! What keeps the page alive.
//!
//! - [`fleet`]: every unit of the scope on show, as plain data; tested natively
//! - [`link`]: what the connection is doing, in words, and when it tries again
//! - [`feed`]: the socket; brings frames to the fleet and to the map
//! - [`run`]: starts all of it once the page is alive
//! - [`rest`]: the few requests a page makes, with errors a person can act on
//!
//! Guarantee: what is shown is what the server last said; nothing older replaces
//! it. Failure: without a connection the page keeps what it has and says so.

pub mod feed;
pub mod fleet;
pub mod link;
pub mod rest;
pub mod run;
