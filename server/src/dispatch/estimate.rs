//! How far units are from a place, and how long they would take.
//!
//! As a routing service says, where the operator names one ([`Routing`]). Without it, and where it
//! says nothing, the way along roads is taken as [`ROAD_FACTOR`] times the straight line, at the
//! speed that the unit has now, within what is usual in traffic.

use super::{routing::Routing, ways::Ways};
use crate::{clock::Clock, geo::distance_m};
use sentinel_model::{Location, dispatch::Place};
use std::sync::Arc;

pub use sentinel_model::dispatch::{Estimate, ROAD_FACTOR};

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
    Estimate::of_line(line_m, from.speed_mps)
}
