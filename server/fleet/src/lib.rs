//! The field side of Sentinel. Everything here speaks to a server through its public
//! API, with a key like any other client; there is no privileged way in.
//!
//! - [`city`]: the demo city, its roads and its police
//! - [`simulate`]: made-up units that drive those roads
//! - [`replay`]: recorded units, posted again at any speed, with an audit
//! - [`load`]: open-loop load, with an audit
//! - [`client`] and [`access`]: the API client, and who it is to the server

pub mod access;
pub mod city;
pub mod client;
mod clock;
pub mod load;
mod reach;
pub mod replay;
pub mod simulate;
#[cfg(test)]
mod stand_in;
