//! The documentation is true: the document names what the router answers and nothing else,
//! a server behaves as its document says, and the recipes do what is printed below them.

mod addresses;
mod conformance;
mod demo;
mod document;
mod recipes;
#[path = "../shared/server.rs"]
#[expect(dead_code, reason = "shared with tests that ask more of it")]
mod server;
mod told;
