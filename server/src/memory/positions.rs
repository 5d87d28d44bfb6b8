//! Current positions in process: a map, and a grid for "nearby".

use super::grid::Grid;
use crate::{
    geo::distance_m,
    ports::{EngineError, NearbyQuery, Positions, Put},
};
use async_trait::async_trait;
use parking_lot::RwLock;
use sentinel_model::{Location, UnitId};
use std::{borrow::Borrow, collections::HashMap, ops::ControlFlow};

/// Where a search begins; it doubles until it has found enough. Who asks for the nearest
/// few in a full city need not have everyone of a wide radius looked at.
const FIRST_RADIUS_M: f64 = 250.0;
/// Positions that are looked up under the lock at once: who puts positions comes in between.
const AT_ONCE: usize = 1000;

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

impl MemoryPositions {
    /// By looking around in widening rings; none where that shows more than are to be shown.
    fn around(&self, query: &NearbyQuery<'_>) -> Option<Vec<(Location, f64)>> {
        let center = (query.latitude, query.longitude);
        let tables = self.0.read();
        let mut found: Vec<(&Location, f64)> = Vec::new();
        let (mut seen_m, mut radius_m) = (f64::NEG_INFINITY, FIRST_RADIUS_M.min(query.radius_m));
        let mut shown = 0;
        loop {
            let looked = tables.grid.around(center, radius_m, |unit| {
                shown += 1;
                if shown > query.around_max() {
                    return ControlFlow::Break(());
                }
                let Some(location) = tables.locations.get(unit) else { return ControlFlow::Continue(()) };
                let distance = distance_m(center, place(location));
                if distance > seen_m && distance <= radius_m && (query.keep)(location) {
                    found.push((location, distance));
                }
                ControlFlow::Continue(())
            });
            if looked.is_break() {
                return None;
            }
            if found.len() >= query.limit || radius_m >= query.radius_m {
                break;
            }
            seen_m = radius_m;
            radius_m = (radius_m * 2.0).min(query.radius_m);
        }
        nearest_first(&mut found, query.limit);
        Some(found.into_iter().map(|(location, distance)| (location.clone(), distance)).collect())
    }

    /// By looking at each of those who may be kept.
    fn one_by_one(&self, query: &NearbyQuery<'_>) -> Vec<(Location, f64)> {
        let center = (query.latitude, query.longitude);
        let mut found: Vec<(Location, f64)> = Vec::new();
        for some in query.named().chunks(AT_ONCE) {
            let tables = self.0.read();
            let held = some.iter().filter_map(|unit| tables.locations.get(unit));
            let near = held.map(|location| (location, distance_m(center, place(location))));
            let kept =
                near.filter(|(location, distance)| *distance <= query.radius_m && (query.keep)(location));
            found.extend(kept.map(|(location, distance)| (location.clone(), distance)));
        }
        nearest_first(&mut found, query.limit);
        found
    }
}

fn nearest_first<L: Borrow<Location>>(found: &mut Vec<(L, f64)>, limit: usize) {
    found.sort_unstable_by(|a, b| {
        a.1.total_cmp(&b.1).then_with(|| a.0.borrow().unit_id.cmp(&b.0.borrow().unit_id))
    });
    found.truncate(limit);
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
        let around = if query.is_of_few() { None } else { self.around(&query) };
        Ok(around.unwrap_or_else(|| self.one_by_one(&query)))
    }

    async fn remove(&self, unit: &UnitId) -> Result<(), EngineError> {
        let tables = &mut *self.0.write();
        if let Some(held) = tables.locations.remove(unit) {
            tables.grid.remove(unit, place(&held));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Among;
    use proptest::prelude::*;
    use sentinel_model::Time;
    use std::collections::HashSet;

    fn location(i: usize, at: (f64, f64)) -> Location {
        Location {
            unit_id: format!("u{i:04}").parse().expect("a good id"),
            patrol_id: None,
            latitude: at.0,
            longitude: at.1,
            speed_mps: None,
            heading_deg: None,
            accuracy_m: None,
            battery: None,
            time: Time(1),
            received_at: Time(1),
        }
    }

    proptest! {
        #[test]
        fn nearby_is_what_sorting_everyone_by_distance_would_give(
            units in proptest::collection::vec((9.85..10.15, 76.15..76.45), 1..1_500),
            center in (9.9..10.1, 76.2..76.4),
            radius_m in 0.0..60_000.0,
            limit in 1usize..40,
            nth in 1usize..5,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let positions = MemoryPositions::default();
            let all: Vec<Location> = units.iter().enumerate().map(|(i, at)| location(i, *at)).collect();
            let kept: Vec<UnitId> = all.iter().step_by(nth).map(|l| l.unit_id.clone()).collect();
            let of_kept: HashSet<&UnitId> = kept.iter().collect();
            let keep = |location: &Location| of_kept.contains(&location.unit_id);
            let named = || kept.clone();
            let among = Among { count: kept.len(), units: &named };
            let query = |among| NearbyQuery { latitude: center.0, longitude: center.1, radius_m, limit, keep: &keep, among };
            let (found, of_named) = runtime.block_on(async {
                for location in &all {
                    positions.put(location.clone()).await.expect("puts");
                }
                let found = positions.nearby(query(None)).await.expect("reads");
                (found, positions.nearby(query(Some(among))).await.expect("reads"))
            });
            prop_assert_eq!(&of_named, &found, "who knows who may be kept is answered alike");
            let mut expected: Vec<(f64, UnitId)> = all
                .iter()
                .filter(|location| keep(location))
                .map(|location| (distance_m(center, place(location)), location.unit_id.clone()))
                .filter(|(distance, _)| *distance <= radius_m)
                .collect();
            expected.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
            expected.truncate(limit);
            let found: Vec<(f64, UnitId)> = found.into_iter().map(|(l, m)| (m, l.unit_id)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
