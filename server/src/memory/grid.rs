//! A grid over the globe for "who is near": cells of [`CELL_DEG`] degrees.
//!
//! Units move all the time, so the index must be cheap to change; moving within a
//! cell changes nothing. A query visits the cells of its bounding box, or all units
//! where the box has more cells than there are units.

use crate::geo::M_PER_DEG_LATITUDE;
use sentinel_model::UnitId;
use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
};

/// About 220 m of latitude: among 100,000 units in one city, some dozens in a cell.
const CELL_DEG: f64 = 0.002;
const COLUMNS: i32 = 180_000;

type Cell = (i32, i32);

#[derive(Default)]
pub struct Grid {
    cells: HashMap<Cell, HashSet<UnitId>>,
}

impl Grid {
    pub fn insert(&mut self, unit: &UnitId, at: (f64, f64)) {
        self.cells.entry(cell(at)).or_default().insert(unit.clone());
    }

    pub fn remove(&mut self, unit: &UnitId, at: (f64, f64)) {
        if let Some(units) = self.cells.get_mut(&cell(at)) {
            units.remove(unit);
            if units.is_empty() {
                self.cells.remove(&cell(at));
            }
        }
    }

    pub fn shift(&mut self, unit: &UnitId, from: (f64, f64), to: (f64, f64)) {
        if cell(from) != cell(to) {
            self.remove(unit, from);
            self.insert(unit, to);
        }
    }

    /// Shows everyone who may be within `radius_m`, and some who are not, until who is shown has
    /// seen enough.
    pub fn around<'a>(
        &'a self,
        (latitude, longitude): (f64, f64),
        radius_m: f64,
        mut show: impl FnMut(&'a UnitId) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let up = radius_m / M_PER_DEG_LATITUDE;
        let highest = (latitude.abs() + up).min(90.0);
        let narrowing = highest.to_radians().cos();
        let aside = if narrowing < 1e-6 { 180.0 } else { (up / narrowing).min(180.0) };
        let (south, _) = cell((latitude - up, 0.0));
        let (north, _) = cell((latitude + up, 0.0));
        let west = column(longitude - aside);
        let width = (column(longitude + aside) - west).min(COLUMNS - 1);
        let boxed = (i64::from(north) - i64::from(south) + 1) * (i64::from(width) + 1);
        if usize::try_from(boxed).is_ok_and(|boxed| boxed <= self.cells.len()) {
            (south..=north)
                .flat_map(|row| (west..=west + width).map(move |col| (row, col.rem_euclid(COLUMNS))))
                .filter_map(|cell| self.cells.get(&cell))
                .flatten()
                .try_for_each(&mut show)
        } else {
            let inside = |&(row, col): &Cell| {
                (south..=north).contains(&row) && (col - west).rem_euclid(COLUMNS) <= width
            };
            self.cells
                .iter()
                .filter(|(cell, _)| inside(cell))
                .flat_map(|(_, units)| units)
                .try_for_each(&mut show)
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "degrees over 0.002 fit an i32")]
fn cell((latitude, longitude): (f64, f64)) -> Cell {
    ((latitude / CELL_DEG).floor() as i32, column(longitude).rem_euclid(COLUMNS))
}

#[expect(clippy::cast_possible_truncation, reason = "degrees over 0.002 fit an i32")]
fn column(longitude: f64) -> i32 {
    (longitude / CELL_DEG).floor() as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::distance_m;
    use proptest::prelude::*;

    fn place() -> impl Strategy<Value = (f64, f64)> {
        prop_oneof![
            (-90.0..=90.0, -180.0..=180.0),
            (9.9..10.1, 76.2..76.4),
            (-0.05..0.05, prop_oneof![179.95..=180.0, -180.0..=-179.95]),
        ]
    }

    proptest! {
        #[test]
        fn nobody_within_the_radius_is_missed(
            units in proptest::collection::vec(place(), 1..200),
            center in place(),
            radius in prop_oneof![0.0..50_000.0, 0.0..20_000_000.0],
        ) {
            let mut grid = Grid::default();
            for (i, at) in units.iter().enumerate() {
                let id: UnitId = format!("u{i}").parse().expect("a good id");
                grid.insert(&id, (0.0, 0.0));
                grid.shift(&id, (0.0, 0.0), *at);
            }
            let mut found = HashSet::new();
            let shown = grid.around(center, radius, |unit| {
                found.insert(unit.to_string());
                ControlFlow::Continue(())
            });
            prop_assert_eq!(shown, ControlFlow::Continue(()));
            for (i, at) in units.iter().enumerate() {
                if distance_m(center, *at) <= radius {
                    prop_assert!(found.contains(&format!("u{i}")), "missed {at:?} at {} m", distance_m(center, *at));
                }
            }
        }
    }
}
