//! How far units are from a place, and how long they would take.
//!
//! As a routing service says, where the operator names one ([`Routing`]). Without it, and where it
//! says nothing, the way along roads is taken as [`ROAD_FACTOR`] times the straight line, at the
//! speed that the unit has now, within what is usual in traffic.

use super::routing::Routing;
use crate::geo::distance_m;
use sentinel_model::{Location, dispatch::Place};
use std::sync::Arc;

/// How much longer the way along roads is than the straight line, in towns.
pub const ROAD_FACTOR: f64 = 1.35;

/// The slowest and fastest that a unit is taken to drive to a task, metres a second: 25 and 90
/// km/h. One that stands is taken to drive as slowly as that.
const SPEED_MIN_MPS: f64 = 25.0 / 3.6;
const SPEED_MAX_MPS: f64 = 90.0 / 3.6;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Along the way, metres.
    pub distance_m: f64,
    pub eta_s: f64,
}

#[derive(Clone, Default)]
pub struct Estimator {
    pub routing: Option<Arc<Routing>>,
}

impl Estimator {
    /// `routing`: where a routing service is, as OSRM's addresses begin.
    pub fn new(routing: Option<&str>) -> Self {
        Self { routing: routing.map(|base| Arc::new(Routing::new(base))) }
    }

    /// Of one unit, by where it was last; none where that is not known.
    pub async fn one(&self, from: Option<&Location>, to: &Place) -> Option<Estimate> {
        self.many(std::slice::from_ref(from?), to).await.pop()
    }

    /// Of each, in their order.
    pub async fn many(&self, from: &[Location], to: &Place) -> Vec<Estimate> {
        let along_roads = match &self.routing {
            Some(routing) => routing.many(from, to).await,
            None => vec![None; from.len()],
        };
        let each = from.iter().zip(along_roads);
        each.map(|(from, along_roads)| along_roads.unwrap_or_else(|| straight(from, to))).collect()
    }
}

pub fn straight(from: &Location, to: &Place) -> Estimate {
    let line_m = distance_m((from.latitude, from.longitude), (to.latitude, to.longitude));
    let speed = from.speed_mps.map_or(0.0, f64::from).clamp(SPEED_MIN_MPS, SPEED_MAX_MPS);
    let distance_m = line_m * ROAD_FACTOR;
    Estimate { distance_m, eta_s: distance_m / speed }
}
