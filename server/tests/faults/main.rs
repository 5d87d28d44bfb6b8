//! What goes wrong where many nodes share their engines, each under load and audited: every
//! position that was answered is in history once, nothing else is, dashboards come back by
//! themselves and know of nothing beyond their scope, and no process grows without bound.
//!
//! Nodes and workers are processes of the real program; Redis and the database are real too.

mod answered;
#[path = "../shared/cable.rs"]
mod cable;
mod cut;
mod fleet;
mod killed;
mod memory;
mod scene;
mod starved;
mod town;
mod viewer;
