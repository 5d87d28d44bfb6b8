//! What a unit's positions mean: [`crossing`] tells of fences, [`journey`] of its way to a place
//! it was sent to.
//!
//! Decided of positions alone, in the order of their time: a position that is not newer than the
//! last one looked at is not looked at, so that what came late rewrites nothing. Nothing here
//! reads a clock or a store; what is remembered of a unit between two positions is small, and its
//! owner keeps it. From the same memory the same positions tell the same again. [`limits`] tells
//! of what a scope's rules say wherever a unit is, [`allowance`] how much of all that is told.
//!
//! The [`watcher`] is that owner: it shows them the positions of every unit that any of it
//! concerns, and raises what they tell; [`memory`] is what it keeps over its own end.

mod allowance;
pub mod crossing;
pub mod fences;
mod following;
mod held;
pub mod index;
pub mod journey;
pub mod limits;
pub mod memory;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod properties;
pub mod watcher;

pub use held::rule_id;
use sentinel_model::{Fix, Location, Time, fix::is_nowhere};
use serde::{Deserialize, Serialize};

/// A position, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sighting {
    /// The device's clock; where that is too far ahead, when it was received, as else nothing
    /// would be looked at until that time has come.
    pub time: Time,
    /// Degrees.
    pub latitude: f64,
    pub longitude: f64,
    pub speed_mps: Option<f32>,
    pub accuracy_m: Option<f32>,
    /// From 0 to 1.
    pub battery: Option<f32>,
}

impl Sighting {
    /// `time`: as said there.
    pub fn of_fix(fix: &Fix, time: Time) -> Self {
        let Fix { latitude, longitude, speed_mps, accuracy_m, battery, .. } = *fix;
        Self { time, latitude, longitude, speed_mps, accuracy_m, battery }
    }

    fn place(&self) -> (f64, f64) {
        (self.latitude, self.longitude)
    }

    fn is_nowhere(&self) -> bool {
        is_nowhere(self.latitude, self.longitude)
    }
}

impl From<&Location> for Sighting {
    fn from(location: &Location) -> Self {
        let Location { time, latitude, longitude, speed_mps, accuracy_m, battery, .. } = *location;
        Self { time, latitude, longitude, speed_mps, accuracy_m, battery }
    }
}

/// The last position that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Last {
    time: Time,
    latitude: f64,
    longitude: f64,
}

impl From<&Sighting> for Last {
    fn from(&Sighting { time, latitude, longitude, .. }: &Sighting) -> Self {
        Self { time, latitude, longitude }
    }
}
