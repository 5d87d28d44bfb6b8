//! Sentinel's face: rendered by the server, alive in the browser.
//!
//! - [`backend`]: the one port that pages ask their data of, on the server
//! - [`map`]: the live map; compiles everywhere, runs in the browser
//! - [`first_paint`]: what a page is first drawn from, on either side
//! - `platform`: the same few questions, answered by the request or by the browser
//! - [`shell`], [`App`]: the document and its routes
//! - [`pages`]: one file a page; [`components`]: what they are made of
//! - [`admin`]: administration, rendered by the server alone
//! - [`console`]: what every part of the live page shares; [`live`]: what keeps it alive;
//!   [`later`]: what comes in a file of its own
//!
//! There is no store, no socket server and no HTTP handler here.

// Views are types as deep as the page.
#![recursion_limit = "256"]

#[cfg(feature = "ssr")]
pub mod admin;
#[cfg(feature = "ssr")]
pub mod backend;

mod app;
pub mod components;
pub mod console;
pub mod first_paint;
mod format;
mod later;
pub mod live;
mod local_time;
pub mod map;
mod map_place;
pub mod pages;
#[cfg_attr(feature = "ssr", path = "platform/server.rs")]
#[cfg_attr(not(feature = "ssr"), path = "platform/browser.rs")]
mod platform;
mod prefs;

pub use app::{App, shell};

/// The page cannot go on: says so over what it last showed, which would else look live.
pub fn say_stopped(why: &str) {
    leptos::logging::error!("{why}");
    if let Some(root) = leptos::prelude::document().document_element() {
        // Setting a data attribute fails only for a malformed name.
        let _ = root.set_attribute("data-stopped", "");
    }
}
