//! How far units are from a place, and how long they would take.
//!
//! As a routing service says, where the operator names one ([`Routing`]). Without it, and where it
//! says nothing, the way along roads is taken as [`ROAD_FACTOR`] times the straight line, at the
//! speed that the unit has now, within what is usual in traffic.

use super::{routing::Routing, ways::Ways};
use crate::{clock::Clock, geo::distance_m};
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
    along_roads: Option<Arc<AlongRoads>>,
}

struct AlongRoads {
    clock: Clock,
    routing: Routing,
    /// Of units that are followed.
    ways: Ways,
}

impl Estimator {
    /// `routing`: where a routing service is, as OSRM's addresses begin.
    pub fn new(routing: Option<&str>, clock: &Clock) -> Self {
        let along_roads = |base: &str| {
            let routing = Routing::new(base, clock.clone());
            Arc::new(AlongRoads { clock: clock.clone(), routing, ways: Ways::default() })
        };
        Self { along_roads: routing.map(along_roads) }
    }

    /// Of one unit, by where it was last; none where that is not known.
    pub async fn one(&self, from: Option<&Location>, to: &Place) -> Option<Estimate> {
        self.many(std::slice::from_ref(from?), to).await.pop()
    }

    /// The same of a unit that is followed on its way, by the assignment: what a routing service
    /// has said of it a moment ago still holds, whoever asked.
    pub async fn on_the_way(&self, assignment: &str, from: &Location, to: &Place) -> Estimate {
        let estimate = match &self.along_roads {
            Some(roads) => {
                let asked =
                    async { roads.routing.many(std::slice::from_ref(from), to).await.pop().flatten() };
                roads.ways.of(assignment, to, roads.clock.now(), asked).await
            }
            None => None,
        };
        estimate.unwrap_or_else(|| straight(from, to))
    }

    /// Of each, in their order.
    pub async fn many(&self, from: &[Location], to: &Place) -> Vec<Estimate> {
        let along_roads = match &self.along_roads {
            Some(roads) => roads.routing.many(from, to).await,
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
