//! What keeps the page alive.
//!
//! - [`fleet`]: every unit of the scope on show, as plain data; tested natively
//! - [`link`]: what the connection is doing, in words, and when it tries again
//! - [`feed`]: the socket; brings frames to the fleet and to the map
//! - [`run`]: starts all of it once the page is alive
//! - [`alerts`]: the open alerts of the viewer's own scope; [`urgency`] says what of them presses, [`stream`] rings
//!   for those elsewhere, [`tone`] sounds, [`notify`] shows them where the page is not in view
//! - [`tasks`]: open incidents and orders of the scope on show; [`dispatch`] asks and says of them, [`task_news`] tells
//!   what is new
//! - [`rest`]: the few requests a page makes, with errors a person can act on
//!
//! Guarantee: what is shown is what the server last said; nothing older replaces
//! it. Failure: without a connection the page keeps what it has and says so.

pub mod alerts;
pub mod dispatch;
pub mod feed;
pub mod fence_requests;
pub mod fences;
pub mod fleet;
pub mod link;
pub mod notify;
pub mod rest;
pub mod run;
mod stream;
pub mod task_news;
pub mod tasks;
mod tone;
pub mod urgency;
