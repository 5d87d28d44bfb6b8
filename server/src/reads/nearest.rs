//! Free units around a place, by when they would arrive.

use super::Reads;
use crate::{
    auth::ScopeGrant,
    dispatch::estimate::{Estimate, Estimator},
    ports::{Among, EngineError, NearbyQuery},
};
use sentinel_model::{
    Location, UnitStatus,
    dispatch::{NearestUnit, Place},
};

/// Farther away nobody is looked for, metres.
const RADIUS_M: f64 = 200_000.0;

/// Of those nearest by the straight line, so many times more are looked at than are answered: one
/// that drives towards the place may arrive before one that stands nearer.
const LOOKED_AT: usize = 4;

impl Reads {
    /// Of the units of a scope that are on patrol, heard of lately and on no task, those that
    /// would arrive first.
    pub async fn nearest(
        &self,
        grant: &ScopeGrant,
        estimator: &Estimator,
        to: &Place,
        limit: usize,
    ) -> Result<Vec<NearestUnit>, EngineError> {
        let now = self.clock.now();
        let keep = |location: &Location| {
            self.directory.unit(&location.unit_id).is_some_and(|unit| {
                grant.covers(&unit.path()) && self.status(&unit, Some(location), now) == UnitStatus::Available
            })
        };
        // In a scope with few free units all that are near would be looked at in vain.
        let free = || self.directory.on_patrol(grant.scope(), true);
        let among = Among { count: self.directory.on_patrol_count(grant.scope()), units: &free };
        let query = NearbyQuery {
            latitude: to.latitude,
            longitude: to.longitude,
            radius_m: RADIUS_M,
            limit: limit * LOOKED_AT,
            keep: &keep,
            among: Some(among),
        };
        let found: Vec<Location> = self.positions.nearby(query).await?.into_iter().map(|(l, _)| l).collect();
        let estimates = estimator.many(&found, to).await;
        let mut all: Vec<NearestUnit> = found
            .into_iter()
            .zip(estimates)
            .filter_map(|(location, Estimate { distance_m, eta_s })| {
                let unit = self.directory.unit(&location.unit_id)?;
                let patrol_id = unit.patrol.map(|patrol| patrol.id);
                Some(NearestUnit {
                    unit_id: unit.record.id.clone(),
                    name: unit.record.name.clone(),
                    kind: unit.record.kind.clone(),
                    station: unit.path().station(),
                    location: Location { patrol_id, ..location },
                    distance_m,
                    eta_s,
                })
            })
            .collect();
        all.sort_by(|a, b| a.eta_s.total_cmp(&b.eta_s).then_with(|| a.unit_id.cmp(&b.unit_id)));
        all.truncate(limit);
        Ok(all)
    }
}
