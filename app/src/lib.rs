//! Sentinel's face: rendered by the server, alive in the browser.
//!
//! - [`backend`]: the one port that pages ask their data of, on the server
//!
//! There is no store, no socket server and no HTTP handler here.

#[cfg(feature = "ssr")]
pub mod backend;
