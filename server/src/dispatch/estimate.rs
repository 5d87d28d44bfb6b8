//! How far units are from a place, and how long they would take.
//!
//! As a routing service says, where the operator names one ([`Routing`]). Without it, and where it
//! says nothing, the way along roads is taken as [`ROAD_FACTOR`] times the straight line, at the
//! speed that the unit has now, within what is usual in traffic.

use super::routing::Routing;
use crate::geo::distance_m;
use sentinel_model::{Location, dispatch::Place};
use std::sync::Arc;

pub use sentinel_model::dispatch::{Estimate, ROAD_FACTOR};

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
    Estimate::of_line(line_m, from.speed_mps)
}
