//! Clusters: units too near each other to be told apart become one counted mark.
//!
//! The grid is fixed to the world, one per whole zoom, so panning never regroups.
//! A unit stays in its cell until it is well past the border, and a cluster that
//! has formed outlives the loss of a member: nothing flickers. Only cells near the
//! view are counted, so the cost is one pass over the units and a small grid.

use super::{
    project::{View, WORLD_PX, World},
    slot::shape,
    store::UnitStore,
};
use crate::platform::maths;
use std::collections::HashSet;

/// Side of a cell, CSS pixels at its whole zoom.
const CELL_PX: f64 = 66.0;
/// On a map as small as a phone's, where a whole city is a thumb wide.
const CELL_SMALL_PX: f64 = 92.0;
const SMALL_PX: f64 = 600.0;
/// From this zoom on every unit is drawn by itself, and parked ones fan out.
pub const ZOOM_SEPARATE: i8 = 15;
/// Members that make a cluster, and below which it dissolves.
const FORM: u32 = 6;
const DISSOLVE: u32 = 5;
/// How far past its cell's border a unit may go, in cells.
const SLACK: f64 = 0.18;

#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    pub cell: (i32, i32),
    /// Where it is drawn: between its members' middle and its cell's.
    pub place: World,
    pub count: u32,
    /// Members by shape: available, on task, stale, offline.
    pub mix: [u32; 4],
    pub min: World,
    pub max: World,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    formed: bool,
    count: u32,
    mix: [u32; 4],
    x: f64,
    y: f64,
    min: World,
    max: World,
}

/// Keeps which cells have formed from one pass to the next.
#[derive(Default)]
pub struct Clusterer {
    formed: HashSet<(i32, i32)>,
    zoom: i8,
    small: bool,
    grid: Vec<Sum>,
}

/// The cells near a view.
struct Window {
    zoom: i8,
    /// World side of a cell.
    side: f64,
    x0: i32,
    y0: i32,
    columns: i32,
    rows: i32,
}

fn is_small(view: &View) -> bool {
    view.width < SMALL_PX
}

impl Window {
    fn of(view: &View, zoom: i8) -> Self {
        let cell_px = if is_small(view) { CELL_SMALL_PX } else { CELL_PX };
        let side = cell_px / (WORLD_PX * maths::pow(2.0, f64::from(zoom)));
        let (low, high) = view.bounds(view.width.max(view.height) / 2.0);
        let cell = |v: f64| (v / side).floor() as i32;
        let (x0, y0) = (cell(low.x), cell(low.y));
        Self { zoom, side, x0, y0, columns: cell(high.x) - x0 + 1, rows: cell(high.y) - y0 + 1 }
    }

    fn index(&self, (x, y): (i32, i32)) -> Option<usize> {
        let (column, row) = (x - self.x0, y - self.y0);
        let inside = (0..self.columns).contains(&column) && (0..self.rows).contains(&row);
        inside.then_some((row * self.columns + column) as usize)
    }

    /// The cell of a place, or the one held while it is not well outside.
    fn cell(&self, place: World, held: (i8, i32, i32)) -> (i8, i32, i32) {
        let (u, v) = (place.x / self.side, place.y / self.side);
        let near = |at: f64, cell: i32| at > f64::from(cell) - SLACK && at < f64::from(cell) + 1.0 + SLACK;
        if held.0 == self.zoom && near(u, held.1) && near(v, held.2) {
            return held;
        }
        (self.zoom, u.floor() as i32, v.floor() as i32)
    }
}

impl Clusterer {
    /// Groups the units near `view` and says in the store which are inside a cluster.
    pub fn run(&mut self, store: &mut UnitStore, view: &View, zoom: i8, now_ms: f64) -> Vec<Cluster> {
        if (zoom, is_small(view)) != (self.zoom, self.small) {
            self.formed.clear();
            (self.zoom, self.small) = (zoom, is_small(view));
        }
        let window = Window::of(view, zoom);
        self.grid.clear();
        self.grid.resize((window.columns * window.rows).max(0) as usize, Sum::default());
        for slot in store.slots_mut().filter(|s| s.shows() && !s.stands_alone()) {
            let place = slot.position(now_ms);
            slot.cell = window.cell(place, slot.cell);
            if let Some(sum) = window.index((slot.cell.1, slot.cell.2)).and_then(|i| self.grid.get_mut(i)) {
                sum.add(place, usize::from(shape(slot.status)));
            }
        }
        let clusters = self.form(&window);
        for index in 0..store.capacity() {
            store.mark(index, |slot| {
                if !slot.shows() {
                    return false;
                }
                let cell = window.index((slot.cell.1, slot.cell.2));
                let inside =
                    !slot.stands_alone() && cell.and_then(|i| self.grid.get(i)).is_some_and(|s| s.formed);
                std::mem::replace(&mut slot.clustered, inside) != inside
            });
        }
        clusters
    }

    /// Draws every unit by itself.
    pub fn clear(&mut self, store: &mut UnitStore) {
        self.formed.clear();
        for index in 0..store.capacity() {
            store.mark(index, |slot| std::mem::replace(&mut slot.clustered, false));
        }
    }

    fn form(&mut self, window: &Window) -> Vec<Cluster> {
        let mut clusters = Vec::new();
        let mut formed = HashSet::new();
        for row in 0..window.rows {
            for column in 0..window.columns {
                let cell = (window.x0 + column, window.y0 + row);
                let Some(sum) = window.index(cell).and_then(|i| self.grid.get_mut(i)) else { continue };
                let needed = if self.formed.contains(&cell) { DISSOLVE } else { FORM };
                if sum.count >= needed {
                    sum.formed = true;
                    formed.insert(cell);
                    clusters.push(sum.cluster(cell, window.side));
                }
            }
        }
        self.formed = formed;
        clusters
    }
}

impl Sum {
    fn add(&mut self, place: World, shape: usize) {
        if self.count == 0 {
            (self.min, self.max) = (place, place);
        }
        self.count += 1;
        if let Some(n) = self.mix.get_mut(shape) {
            *n += 1;
        }
        self.x += place.x;
        self.y += place.y;
        self.min = World { x: self.min.x.min(place.x), y: self.min.y.min(place.y) };
        self.max = World { x: self.max.x.max(place.x), y: self.max.y.max(place.y) };
    }

    /// Drawn at the members' middle, pulled towards the cell's, so that neighbours
    /// do not overlap.
    fn cluster(&self, cell: (i32, i32), side: f64) -> Cluster {
        let n = f64::from(self.count);
        let mean = World { x: self.x / n, y: self.y / n };
        let middle = World { x: (f64::from(cell.0) + 0.5) * side, y: (f64::from(cell.1) + 0.5) * side };
        Cluster {
            cell,
            place: mean.lerp(middle, 0.4),
            count: self.count,
            mix: self.mix,
            min: self.min,
            max: self.max,
        }
    }
}

/// Radius of a cluster's mark, CSS pixels.
pub fn radius(count: u32) -> f64 {
    (13.0 + 2.1 * maths::log2(f64::from(count))).clamp(16.0, 30.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::{PatrolId, Scope, UnitStatus, live::LiveUnit};

    fn unit(n: u64, w: World) -> LiveUnit {
        let (lat, lon) = w.to_degrees();
        LiveUnit {
            id: format!("U-{n}").parse().expect("a good id"),
            patrol: PatrolId(n),
            station: Scope::station(1),
            lat: Some(lat),
            lon: Some(lon),
            speed_mps: None,
            heading_deg: None,
            battery: None,
            status: if n.is_multiple_of(2) { UnitStatus::Available } else { UnitStatus::Stale },
            time: None,
        }
    }

    /// Zoom 10, the view's middle in the middle of a cell.
    fn view() -> (View, f64, World) {
        let scale = WORLD_PX * 1024.0;
        let side = CELL_PX / scale;
        let middle = World { x: (2000.5) * side, y: (1000.5) * side };
        let view = View {
            scale,
            tx: 400.0 - middle.x * scale,
            ty: 300.0 - middle.y * scale,
            width: 800.0,
            height: 600.0,
        };
        (view, side, middle)
    }

    fn at(middle: World, side: f64, dx: f64) -> World {
        World { x: middle.x + dx * side, y: middle.y }
    }

    #[test]
    fn six_near_units_are_a_cluster_and_five_are_not() {
        let (view, side, middle) = view();
        let mut store = UnitStore::new(true);
        let mut clusters = Clusterer::default();
        store.replace(&(0..5).map(|n| unit(n, at(middle, side, 0.07 * n as f64))).collect::<Vec<_>>(), 0.0);
        assert!(clusters.run(&mut store, &view, 10, 0.0).is_empty());
        store.apply(&unit(5, middle), 0.0);
        let found = clusters.run(&mut store, &view, 10, 0.0);
        assert_eq!((found.len(), found[0].count, found[0].mix), (1, 6, [3, 0, 3, 0]));
        assert_eq!(store.drawn(), 0);
        clusters.clear(&mut store);
        assert_eq!(store.drawn(), 6);
    }

    #[test]
    fn a_cluster_outlives_one_member_and_a_member_at_the_border_stays() {
        let (view, side, middle) = view();
        let mut store = UnitStore::new(true);
        let mut clusters = Clusterer::default();
        store.replace(&(0..6).map(|n| unit(n, middle)).collect::<Vec<_>>(), 0.0);
        assert_eq!(clusters.run(&mut store, &view, 10, 0.0).len(), 1);
        store.apply(&unit(0, at(middle, side, 0.6)), 1.0);
        assert_eq!(clusters.run(&mut store, &view, 10, 1.0)[0].count, 6, "just past the border");
        store.apply(&unit(0, at(middle, side, 0.8)), 2.0);
        assert_eq!(clusters.run(&mut store, &view, 10, 2.0)[0].count, 5, "gone, the cluster stays");
        store.remove(PatrolId(1));
        assert!(clusters.run(&mut store, &view, 10, 3.0).is_empty());
        assert_eq!(store.drawn(), 5);
    }

    #[test]
    fn panning_does_not_regroup() {
        let (view, side, middle) = view();
        let mut store = UnitStore::new(true);
        let units: Vec<_> = (0..200).map(|n| unit(n, at(middle, side, (n % 7) as f64 * 0.31))).collect();
        store.replace(&units, 0.0);
        let a = Clusterer::default().run(&mut store, &view, 10, 0.0);
        let moved = View { tx: view.tx + 37.0, ty: view.ty - 11.0, ..view };
        let b = Clusterer::default().run(&mut store, &moved, 10, 0.0);
        assert_eq!(a, b);
        assert_eq!(a.iter().map(|c| c.count).sum::<u32>() as usize + store.drawn(), 200);
    }
}
