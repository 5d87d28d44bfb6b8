//! Workers between a real Redis and an archive that can be made to fail: everything that
//! was accepted is archived once, whatever happens in between.

#[path = "../shared/cable.rs"]
mod cable;
mod database;
mod dead;
mod faults;
mod lookers;
mod refused;
mod retention;
mod shares;
mod stage;
mod work;
