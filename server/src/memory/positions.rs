//! Current positions in process: a map, and a grid for "nearby".

use super::grid::{Grid, distance_m};
use crate::ports::{EngineError, NearbyQuery, Positions, Put};
use async_trait::async_trait;
use parking_lot::RwLock;
use sentinel_model::{Location, UnitId};
use std::collections::HashMap;

#[derive(Default)]
pub struct MemoryPositions(RwLock<Tables>);

#[derive(Default)]
struct Tables {
    locations: HashMap<UnitId, Location>,
    grid: Grid,
}

fn place(location: &Location) -> (f64, f64) {
    (location.latitude, location.longitude)
}

#[async_trait]
impl Positions for MemoryPositions {
    async fn put(&self, location: Location) -> Result<Put, EngineError> {
        let tables = &mut *self.0.write();
        match tables.locations.get_mut(&location.unit_id) {
            Some(held) if held.time >= location.time => {
                held.received_at = held.received_at.max(location.received_at);
                Ok(Put::Kept)
            }
            Some(held) => {
                tables.grid.shift(&location.unit_id, place(held), place(&location));
                *held = location;
                Ok(Put::Advanced)
            }
            None => {
                tables.grid.insert(&location.unit_id, place(&location));
                tables.locations.insert(location.unit_id.clone(), location);
                Ok(Put::Advanced)
            }
        }
    }

    async fn get(&self, unit: &UnitId) -> Result<Option<Location>, EngineError> {
        Ok(self.0.read().locations.get(unit).cloned())
    }

    async fn get_many(&self, units: &[UnitId]) -> Result<Vec<Option<Location>>, EngineError> {
        let tables = self.0.read();
        Ok(units.iter().map(|unit| tables.locations.get(unit).cloned()).collect())
    }

    async fn nearby(&self, query: NearbyQuery<'_>) -> Result<Vec<(Location, f64)>, EngineError> {
        let center = (query.latitude, query.longitude);
        let tables = self.0.read();
        let mut found: Vec<(&Location, f64)> = tables
            .grid
            .around(center, query.radius_m)
            .iter()
            .filter_map(|unit| tables.locations.get(unit))
            .map(|location| (location, distance_m(center, place(location))))
            .filter(|(location, distance)| *distance <= query.radius_m && (query.keep)(location))
            .collect();
        let by_distance = |a: &(&Location, f64), b: &(&Location, f64)| {
            a.1.total_cmp(&b.1).then_with(|| a.0.unit_id.cmp(&b.0.unit_id))
        };
        if found.len() > query.limit && query.limit > 0 {
            found.select_nth_unstable_by(query.limit - 1, by_distance);
        }
        found.truncate(query.limit);
        found.sort_unstable_by(by_distance);
        Ok(found.into_iter().map(|(location, distance)| (location.clone(), distance)).collect())
    }

    async fn remove(&self, unit: &UnitId) -> Result<(), EngineError> {
        let tables = &mut *self.0.write();
        if let Some(held) = tables.locations.remove(unit) {
            tables.grid.remove(unit, place(&held));
        }
        Ok(())
    }
}
