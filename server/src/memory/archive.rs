//! History in a sorted map.

use crate::ports::{Archive, ArchiveWriter, EngineError, Fixes, Points, StoreError, TimeRange};
use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use parking_lot::RwLock;
use sentinel_model::{Fix, RoutePoint, Time, UnitId};
use std::collections::BTreeMap;

/// Points of one piece.
const PIECE: usize = 1000;

/// With the unit a fix's identity, and its place.
type Key = (Time, Box<str>);

#[derive(Default)]
pub struct MemoryArchive {
    units: RwLock<BTreeMap<UnitId, BTreeMap<Key, Fix>>>,
}

impl MemoryArchive {
    /// Fixes of all units.
    pub fn count(&self) -> usize {
        self.units.read().values().map(BTreeMap::len).sum()
    }

    /// A copy, which what is stored meanwhile does not change.
    fn read<T>(&self, unit: &UnitId, range: TimeRange, limit: usize, of: impl Fn(&Fix) -> T) -> Vec<T> {
        let (from, to) = ((range.from, Box::default()), (range.to.max(range.from), Box::default()));
        let units = self.units.read();
        let fixes = units.get(unit).into_iter().flat_map(|fixes| fixes.range(from.clone()..to.clone()));
        fixes.take(limit).map(|(_, fix)| of(fix)).collect()
    }
}

#[async_trait]
impl Archive for MemoryArchive {
    fn points(&self, unit: &UnitId, range: TimeRange) -> Points {
        let points = self.read(unit, range, usize::MAX, |fix| RoutePoint {
            time: fix.time,
            latitude: fix.latitude,
            longitude: fix.longitude,
            speed_mps: fix.speed_mps,
            heading_deg: fix.heading_deg,
        });
        let pieces: Vec<_> = points.chunks(PIECE).map(|piece| Ok(piece.to_vec())).collect();
        stream::iter(pieces).boxed()
    }

    fn whole(&self, unit: &UnitId, range: TimeRange) -> Fixes {
        let fixes = self.read(unit, range, usize::MAX, Fix::clone);
        let pieces: Vec<_> = fixes.chunks(PIECE).map(|piece| Ok(piece.to_vec())).collect();
        stream::iter(pieces).boxed()
    }

    async fn fixes(&self, unit: &UnitId, range: TimeRange, limit: usize) -> Result<Vec<Fix>, EngineError> {
        Ok(self.read(unit, range, limit, Fix::clone))
    }

    async fn last_before(&self, units: &[UnitId], at: Time) -> Result<Vec<(UnitId, Fix)>, EngineError> {
        let held = self.units.read();
        let last = |unit: &UnitId| {
            let fix = held.get(unit)?.iter().rfind(|((time, _), _)| *time <= at)?.1;
            Some((unit.clone(), fix.clone()))
        };
        Ok(units.iter().filter_map(last).collect())
    }
}

#[async_trait]
impl ArchiveWriter for MemoryArchive {
    async fn store(&self, batch: Vec<(UnitId, Vec<Fix>)>) -> Result<(), StoreError> {
        let mut units = self.units.write();
        for (unit, fixes) in batch {
            let held = units.entry(unit).or_default();
            for fix in fixes {
                let key = (fix.time, fix.uuid.clone().unwrap_or_default());
                held.entry(key).or_insert(fix);
            }
        }
        Ok(())
    }
}
