//! Workers between a real Redis and an archive that can be made to fail: everything that
//! was accepted is archived once, whatever happens in between.

mod database;
mod dead;
mod faults;
mod refused;
mod retention;
mod stage;
mod work;
