//! What lies under the pointer, at the places shown now.
//!
//! A straight pass over the units, with the view's own sums: at 50,000 units it
//! takes a fraction of a millisecond, and an index would have to be kept while
//! everything moves.

use super::{cluster, cluster::Cluster, project::View, store::UnitStore};

/// How far from a marker's middle a mouse may be, CSS pixels.
pub const MOUSE_PX: f64 = 13.0;
/// The same for a finger: a target of 44 pixels.
pub const TOUCH_PX: f64 = 22.0;

/// What a click means.
#[derive(Debug, Clone, PartialEq)]
pub enum Hit {
    Nothing,
    Unit(usize),
    /// Several that a click cannot tell apart, nearest first.
    Many(Vec<usize>),
    /// The number of a cluster.
    Cluster(usize),
}

/// Slots of the drawn units within `reach` of a point, nearest first, with distances.
pub fn units(store: &UnitStore, view: &View, x: f64, y: f64, reach: f64, now_ms: f64) -> Vec<(f64, usize)> {
    // Fanned-out units stand up to 127 pixels aside of their place.
    let (low, high) = (view.to_world(x - 180.0, y - 180.0), view.to_world(x + 180.0, y + 180.0));
    let near = store.placed().filter(|(_, slot)| !slot.clustered).filter_map(|(index, slot)| {
        let w = slot.position(now_ms);
        if w.x < low.x || w.x > high.x || w.y < low.y || w.y > high.y {
            return None;
        }
        let (px, py) = view.to_px(w);
        let d = (px + f64::from(slot.fan.0) - x).hypot(py + f64::from(slot.fan.1) - y);
        (d <= reach).then_some((d, index))
    });
    // A few at most.
    let mut found: Vec<(f64, usize)> = Vec::new();
    for unit in near {
        let at = found.partition_point(|nearer| nearer.0 <= unit.0);
        found.insert(at, unit);
    }
    found
}

/// What a click at a point means. Two markers are told apart when one is clearly
/// nearer: by a third of the reach.
pub fn click(
    store: &UnitStore,
    clusters: &[Cluster],
    view: &View,
    (x, y): (f64, f64),
    reach: f64,
    now_ms: f64,
) -> Hit {
    let found = units(store, view, x, y, reach, now_ms);
    if let Some(&(nearest, index)) = found.first() {
        let alike: Vec<usize> =
            found.iter().take_while(|(d, _)| d - nearest < reach / 3.0).map(|&(_, i)| i).collect();
        return if alike.len() > 1 { Hit::Many(alike) } else { Hit::Unit(index) };
    }
    let on_mark = |c: &Cluster| {
        let (cx, cy) = view.to_px(c.place);
        (cx - x).hypot(cy - y) <= cluster::radius(c.count).max(reach)
    };
    clusters.iter().position(on_mark).map_or(Hit::Nothing, Hit::Cluster)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::project::{WORLD_PX, World};
    use sentinel_model::{PatrolId, Scope, UnitStatus, live::LiveUnit};

    const SCALE: f64 = WORLD_PX * 16_384.0;

    fn view() -> View {
        let w = World::from_degrees(9.97, 76.28);
        View { scale: SCALE, tx: 400.0 - w.x * SCALE, ty: 300.0 - w.y * SCALE, width: 800.0, height: 600.0 }
    }

    fn put(store: &mut UnitStore, n: u64, x: f64, y: f64) {
        let (lat, lon) = view().to_world(x, y).to_degrees();
        store.apply(
            &LiveUnit {
                id: format!("U-{n}").parse().expect("a good id"),
                patrol: PatrolId(n),
                station: Scope::station(1),
                lat: Some(lat),
                lon: Some(lon),
                speed_mps: None,
                heading_deg: None,
                battery: None,
                status: UnitStatus::Available,
                time: None,
            },
            0.0,
        );
    }

    #[test]
    fn the_nearest_within_reach_is_hit_and_a_finger_reaches_further() {
        let mut store = UnitStore::new(true);
        put(&mut store, 0, 100.0, 100.0);
        put(&mut store, 1, 160.0, 100.0);
        let hit = |x, reach| click(&store, &[], &view(), (x, 100.0), reach, 0.0);
        assert_eq!(hit(105.0, MOUSE_PX), Hit::Unit(0));
        assert_eq!(hit(120.0, MOUSE_PX), Hit::Nothing);
        assert_eq!(hit(120.0, TOUCH_PX), Hit::Unit(0));
        assert_eq!(hit(155.0, TOUCH_PX), Hit::Unit(1));
    }

    #[test]
    fn what_a_click_cannot_tell_apart_is_offered() {
        let mut store = UnitStore::new(true);
        put(&mut store, 0, 100.0, 100.0);
        put(&mut store, 1, 102.0, 100.0);
        let hit = click(&store, &[], &view(), (100.0, 100.0), MOUSE_PX, 0.0);
        assert_eq!(hit, Hit::Many(vec![0, 1]));
    }

    #[test]
    fn a_fanned_out_unit_is_hit_where_it_stands() {
        let mut store = UnitStore::new(true);
        put(&mut store, 0, 100.0, 100.0);
        store.mark(0, |s| {
            s.fan = (40, 0);
            true
        });
        assert_eq!(click(&store, &[], &view(), (140.0, 100.0), MOUSE_PX, 0.0), Hit::Unit(0));
        assert_eq!(click(&store, &[], &view(), (100.0, 100.0), MOUSE_PX, 0.0), Hit::Nothing);
    }

    #[test]
    fn a_cluster_is_hit_where_no_unit_is() {
        let place = view().to_world(300.0, 300.0);
        let cluster = Cluster { cell: (0, 0), place, count: 9, mix: [9, 0, 0, 0], min: place, max: place };
        let store = UnitStore::new(true);
        assert_eq!(click(&store, &[cluster], &view(), (310.0, 300.0), MOUSE_PX, 0.0), Hit::Cluster(0));
    }
}
