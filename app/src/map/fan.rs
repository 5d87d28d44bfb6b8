//! Parked units that share a place stand in a small ring around it, at zooms where
//! nothing is clustered any more, so that each can be seen and clicked.

use super::{project::View, store::UnitStore};
use crate::platform::maths;

/// Parked units nearer than this are one group, CSS pixels.
const NEAR_PX: f64 = 17.0;
/// Room that a marker takes on a ring.
const SPACE_PX: f64 = 27.0;
/// A view with more parked units than this is left as it is: the pass is quadratic.
const MOST: usize = 1500;

/// Says in the store how far aside each parked unit near the view stands.
pub fn run(store: &mut UnitStore, view: &View, now_ms: f64) {
    let mut groups: Vec<((f64, f64), Vec<usize>)> = Vec::new();
    let parked: Vec<(usize, (f64, f64))> = store
        .placed()
        .filter(|(_, s)| s.stands(now_ms))
        .map(|(index, s)| (index, view.to_px(s.position(now_ms))))
        .filter(|(_, (x, y))| {
            (-80.0..view.width + 80.0).contains(x) && (-80.0..view.height + 80.0).contains(y)
        })
        .collect();
    if parked.len() <= MOST {
        for (index, (x, y)) in parked {
            match groups.iter_mut().find(|((gx, gy), _)| (gx - x).hypot(gy - y) < NEAR_PX) {
                Some((_, members)) => members.push(index),
                None => groups.push(((x, y), vec![index])),
            }
        }
    }
    let mut fans = vec![(0, 0); store.capacity()];
    for ((gx, gy), members) in groups.iter().filter(|(_, m)| m.len() > 1) {
        for (n, &index) in members.iter().enumerate() {
            let (ax, ay) = aside(n, members.len());
            if let Some(slot) = store.get(index) {
                let (x, y) = view.to_px(slot.position(now_ms));
                fans[index] = (pixel(gx + ax - x), pixel(gy + ay - y));
            }
        }
    }
    for (index, fan) in fans.into_iter().enumerate() {
        store.mark(index, |slot| std::mem::replace(&mut slot.fan, fan) != fan);
    }
}

/// Puts every unit back on its place.
pub fn clear(store: &mut UnitStore) {
    for index in 0..store.capacity() {
        store.mark(index, |slot| std::mem::take(&mut slot.fan) != (0, 0));
    }
}

/// Where the `n`th of `of` stands, pixels from the middle: rings of growing width.
fn aside(n: usize, of: usize) -> (f64, f64) {
    let (mut first, mut ring, mut inner) = (0, 0, 17.0 - SPACE_PX);
    loop {
        let wide = (8 + 6 * ring).min(of - first);
        let radius = (inner + SPACE_PX).max(SPACE_PX * wide as f64 / std::f64::consts::TAU);
        if n < first + wide || first + wide == of {
            // Two stand side by side, more begin at the top.
            let start = if wide == 2 { std::f64::consts::PI } else { -std::f64::consts::FRAC_PI_2 };
            let angle = start + std::f64::consts::TAU * (n - first) as f64 / wide as f64;
            return (radius * maths::cos(angle), radius * maths::sin(angle));
        }
        first += wide;
        ring += 1;
        inner = radius;
    }
}

fn pixel(v: f64) -> i8 {
    v.round().clamp(-127.0, 127.0) as i8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::project::{WORLD_PX, World};
    use sentinel_model::{PatrolId, Scope, UnitStatus, live::LiveUnit};

    #[test]
    fn every_marker_of_a_group_has_room() {
        for of in [2, 3, 7, 8, 9, 22, 40] {
            let places: Vec<_> = (0..of).map(|n| aside(n, of)).collect();
            for (i, a) in places.iter().enumerate() {
                for b in &places[i + 1..] {
                    let d = (a.0 - b.0).hypot(a.1 - b.1);
                    assert!(d > 22.0, "{of}: {a:?} and {b:?} are {d} apart");
                }
            }
        }
    }

    #[test]
    fn parked_units_fan_out_and_moving_ones_do_not() {
        let mut store = UnitStore::new(true);
        for n in 0..3 {
            store.apply(
                &LiveUnit {
                    id: format!("U-{n}").parse().expect("a good id"),
                    patrol: PatrolId(n),
                    station: Scope::station(1),
                    lat: Some(9.97),
                    lon: Some(76.28),
                    speed_mps: Some(if n == 2 { 9.0 } else { 0.0 }),
                    heading_deg: None,
                    battery: None,
                    status: UnitStatus::Available,
                    time: None,
                },
                0.0,
            );
        }
        let scale = WORLD_PX * 131_072.0;
        let w = World::from_degrees(9.97, 76.28);
        let view =
            View { scale, tx: 100.0 - w.x * scale, ty: 100.0 - w.y * scale, width: 200.0, height: 200.0 };
        run(&mut store, &view, 0.0);
        let fans: Vec<_> = store.placed().map(|(_, s)| s.fan).collect();
        assert_eq!(fans, [(-17, 0), (17, 0), (0, 0)]);
        clear(&mut store);
        assert!(store.placed().all(|(_, s)| s.fan == (0, 0)));
    }
}
