//! What a unit has to say and has not had answered.
//!
//! Bounded to an hour of fixes: older ones give way, and are counted, as on a phone
//! whose storage is full. A fix leaves only once it was answered, so nothing that the
//! server has not confirmed is forgotten early; the server knows a resent one.

use super::mover::State;
use sentinel_model::Time;
use serde::Serialize;
use std::{collections::VecDeque, time::Duration};

/// The native post, one unit's fixes, oldest first.
#[derive(Debug, Serialize)]
pub struct Post<'a> {
    pub unit_id: &'a str,
    pub location: &'a [Record],
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Record {
    timestamp: Time,
    coords: Coords,
    is_moving: bool,
    odometer: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    battery: Option<Battery>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Coords {
    latitude: f64,
    longitude: f64,
    speed: f64,
    heading: f64,
    accuracy: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Battery {
    level: f64,
    is_charging: bool,
}

/// Cut to the digits that a receiver has: a tenth of a metre, a centimetre a second.
fn digits(value: f64, places: i32) -> f64 {
    let scale = 10f64.powi(places);
    (value * scale).round() / scale
}

impl Record {
    pub fn of(timestamp: Time, state: &State, charging: bool, changed: bool, battery: bool) -> Self {
        Self {
            timestamp,
            coords: Coords {
                latitude: digits(state.place.lat, 6),
                longitude: digits(state.place.lon, 6),
                speed: digits(state.speed_mps, 2),
                heading: digits(state.heading_deg, 1) % 360.0,
                accuracy: 5.0,
            },
            is_moving: !state.halted,
            odometer: digits(state.odometer_m, 0),
            event: changed.then_some("motionchange"),
            battery: battery.then(|| Battery { level: digits(state.battery, 3), is_charging: charging }),
        }
    }
}

#[derive(Debug)]
pub struct Outbox {
    records: VecDeque<Record>,
    capacity: usize,
    dropped: u64,
}

impl Outbox {
    /// How much of an outage is kept.
    const KEPT: Duration = Duration::from_secs(3600);
    /// Fixes of one post.
    pub const BATCH: usize = 500;

    pub fn new(interval: Duration) -> Self {
        let capacity = Self::KEPT.as_millis() / interval.as_millis().max(1);
        Self {
            records: VecDeque::new(),
            capacity: usize::try_from(capacity).unwrap_or(usize::MAX).max(1),
            dropped: 0,
        }
    }

    pub fn push(&mut self, record: Record) {
        if self.records.len() >= self.capacity {
            self.records.pop_front();
            self.dropped += 1;
        }
        self.records.push_back(record);
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The oldest fixes, to be sent.
    pub fn batch(&self) -> Vec<Record> {
        self.records.iter().take(Self::BATCH).copied().collect()
    }

    /// Forgets what was answered. Fixes that gave way meanwhile were the first of the same batch.
    pub fn answered(&mut self, batch: &[Record]) {
        let Some(last) = batch.last() else { return };
        while self.records.front().is_some_and(|r| r.timestamp <= last.timestamp) {
            self.records.pop_front();
        }
    }

    /// How many fixes gave way since this was last asked.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::geo::Place;

    fn record(second: i64) -> Record {
        let state = State {
            place: Place { lat: 9.966_012_34, lon: 76.299 },
            speed_mps: 12.345,
            heading_deg: 359.97,
            odometer_m: 10.0,
            battery: 0.5,
            halted: false,
        };
        Record::of(Time::from_secs(second), &state, false, false, true)
    }

    #[test]
    fn an_hour_is_kept_and_the_oldest_gives_way() {
        let mut outbox = Outbox::new(Duration::from_secs(1));
        for second in 0..4_000 {
            outbox.push(record(second));
        }
        assert_eq!((outbox.len(), outbox.take_dropped(), outbox.take_dropped()), (3_600, 400, 0));
        assert_eq!(outbox.batch()[0], record(400));
        assert_eq!(outbox.batch().len(), Outbox::BATCH);
    }

    #[test]
    fn only_what_was_answered_is_forgotten() {
        let mut outbox = Outbox::new(Duration::from_secs(1));
        (0..10).for_each(|s| outbox.push(record(s)));
        let batch = outbox.batch();
        outbox.push(record(10));
        outbox.answered(&batch);
        assert_eq!(outbox.batch(), vec![record(10)]);
    }

    #[test]
    fn fixes_that_gave_way_under_way_are_not_taken_from_their_successors() {
        let mut outbox = Outbox::new(Duration::from_secs(1800));
        outbox.push(record(0));
        outbox.push(record(1));
        let batch = outbox.batch();
        outbox.push(record(2));
        outbox.answered(&batch);
        assert_eq!(outbox.batch(), vec![record(2)]);
    }

    #[test]
    fn a_post_is_the_native_shape() {
        let post = serde_json::to_value(Post { unit_id: "PC-001", location: &[record(1)] }).expect("JSON");
        assert_eq!(
            post,
            serde_json::json!({
                "unit_id": "PC-001",
                "location": [{
                    "timestamp": "1970-01-01T00:00:01.000Z",
                    "coords": {"latitude": 9.966012, "longitude": 76.299, "speed": 12.35, "heading": 0.0, "accuracy": 5.0},
                    "is_moving": true,
                    "odometer": 10.0,
                    "battery": {"level": 0.5, "is_charging": false},
                }]
            })
        );
    }
}
