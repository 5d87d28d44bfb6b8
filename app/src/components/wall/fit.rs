//! Where the map of a wall looks, so that nobody has to touch it.
//!
//! A room knows its town by where things stand on the picture, so the picture holds still until
//! holding still hides somebody:
//! - whoever comes near the edge, or is out of sight, brings it to fit again, though not twice
//!   within a few seconds: a unit that drives along the edge would else drag all others with it;
//! - it comes nearer seldom, and only where that shows much more;
//! - a few who are far from all others (a receiver that errs by a continent, a car fetched from
//!   another town) do not make the others small: they are left out, and the page says how many;
//! - who calls for help is shown from near by, in the middle of the nearest who could come.

use crate::{
    map::{View, WORLD_PX, World},
    platform::maths,
};

/// Between two movements of the picture, ms.
const REST_MS: f64 = 8_000.0;
/// How long it stays wider than it need be, ms, and by how many zooms it then comes nearer at least.
const WIDE_MS: f64 = 90_000.0;
const NEARER: f64 = 1.0;
/// Parts of the picture at each of its sides that stay empty when it is made, that count as its
/// edge, and outside of which one who calls is no longer in its middle.
const AIR: f64 = 0.12;
const EDGE: f64 = 0.04;
const MIDDLE: f64 = 0.3;
/// Zooms are halves: finer ones gain little and are never the same again.
const STEP: f64 = 0.5;
const ZOOM_LEAST: f64 = 2.0;
const ZOOM_MOST: f64 = 15.0;
const ZOOM_CALL: (f64, f64) = (14.0, 16.0);
/// Who is nearest to one who calls, and seen with them.
const COMPANY: usize = 3;
/// Far from all others is beyond this, metres, and this many times as far away as most are.
const FAR_M: f64 = 15_000.0;
const FAR_TIMES: f64 = 6.0;
/// One unit may be left out, and of many one in so many.
const LEFT_OUT_OF: usize = 10;
const EQUATOR_M: f64 = 40_075_017.0;

/// The picture as it is, and what lies over its top, pixels of the map.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub view: View,
    pub top: f64,
}

/// A picture to make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aim {
    pub middle: World,
    pub zoom: f64,
}

impl Room {
    fn size(&self) -> (f64, f64) {
        (self.view.width.max(1.0), (self.view.height - self.top).max(1.0))
    }

    /// Whether a place is in sight, and by this part of the picture away from its sides.
    fn shows(&self, at: World, margin: f64) -> bool {
        let ((x, y), (w, h)) = (self.view.to_px(at), self.size());
        let inside = |v: f64, size: f64| v >= size * margin && v <= size * (1.0 - margin);
        inside(x, w) && inside(y - self.top, h)
    }

    /// The nearest picture with both corners in it.
    fn around(&self, (min, max): (World, World), (least, most): (f64, f64)) -> Aim {
        let (w, h) = self.size();
        let free = 1.0 - 2.0 * AIR;
        let scale = (w * free / (max.x - min.x).max(1e-12)).min(h * free / (max.y - min.y).max(1e-12));
        let zoom = ((maths::log2(scale / WORLD_PX) / STEP).floor() * STEP).clamp(least, most);
        let middle = min.lerp(max, 0.5);
        // What lies over the top pushes the middle down.
        let down = self.top / 2.0 / (WORLD_PX * maths::pow(2.0, zoom));
        Aim { middle: World { y: middle.y - down, ..middle }, zoom }
    }

    fn is_at(&self, aim: &Aim) -> bool {
        let (x, y) = self.view.to_px(aim.middle);
        let off = (x - self.view.width / 2.0).abs().max((y - self.view.height / 2.0).abs());
        off < 2.0 && (self.view.zoom() - aim.zoom).abs() < 0.01
    }
}

/// Those that the picture is of: without the few who are far from all others.
pub fn together(places: &[World]) -> Vec<World> {
    let Some(middle) = middle(places) else { return Vec::new() };
    let away = |at: &World| {
        let (x, y) = (at.x - middle.x, at.y - middle.y);
        (x * x + y * y).sqrt()
    };
    let mut sorted: Vec<(f64, World)> = places.iter().map(|at| (away(at), *at)).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let most_are = sorted.get((sorted.len() - 1) * 3 / 4).map_or(0.0, |(away, _)| *away);
    let side_m = EQUATOR_M * maths::cos(middle.to_degrees().0.to_radians());
    let far = (FAR_M / side_m).max(most_are * FAR_TIMES);
    let strays = sorted.iter().filter(|(away, _)| *away > far).count();
    // More are a second town.
    if strays <= (sorted.len() / LEFT_OUT_OF).max(1) {
        sorted.truncate(sorted.len() - strays);
    }
    sorted.into_iter().map(|(_, at)| at).collect()
}

/// Half of them are on each side of it.
fn middle(places: &[World]) -> Option<World> {
    let of = |part: fn(&World) -> f64| {
        let mut all: Vec<f64> = places.iter().map(part).collect();
        all.sort_by(f64::total_cmp);
        let (low, high) = (all.get(all.len().checked_sub(1)? / 2)?, all.get(all.len() / 2)?);
        Some((low + high) / 2.0)
    };
    Some(World { x: of(|w| w.x)?, y: of(|w| w.y)? })
}

/// The picture of these.
pub fn whole(room: &Room, kept: &[World]) -> Option<Aim> {
    Some(room.around(World::around(kept)?, (ZOOM_LEAST, ZOOM_MOST)))
}

/// Another picture, where one is due: `rested_ms` after the last.
pub fn another(room: &Room, kept: &[World], rested_ms: f64) -> Option<Aim> {
    let aim = whole(room, kept)?;
    let hides = kept.iter().any(|at| !room.shows(*at, EDGE));
    let is_due = match hides {
        true => rested_ms >= REST_MS,
        false => rested_ms >= WIDE_MS && aim.zoom - room.view.zoom() >= NEARER,
    };
    (is_due && !room.is_at(&aim)).then_some(aim)
}

/// The picture of one who calls, with those who are nearest.
pub fn call(room: &Room, caller: World, places: &[World]) -> Aim {
    let apart = |at: &World| {
        let (x, y) = ((at.x - caller.x).abs(), (at.y - caller.y).abs());
        (x * x + y * y, x, y)
    };
    let mut others: Vec<(f64, f64, f64)> = places.iter().map(apart).filter(|(far, ..)| *far > 0.0).collect();
    others.sort_by(|a, b| a.0.total_cmp(&b.0));
    let near = others.iter().take(COMPANY);
    let (x, y) = near.fold((0.0, 0.0), |(x, y): (f64, f64), other| (x.max(other.1), y.max(other.2)));
    let corner = |sign: f64| World { x: caller.x + sign * x, y: caller.y + sign * y };
    room.around((corner(-1.0), corner(1.0)), ZOOM_CALL)
}

/// The same while it is on show: only once the caller has left its middle.
pub fn call_again(room: &Room, caller: World, places: &[World], rested_ms: f64) -> Option<Aim> {
    (rested_ms >= REST_MS && !room.shows(caller, MIDDLE)).then(|| call(room, caller, places))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOP: f64 = 80.0;

    fn looking_at(aim: &Aim) -> Room {
        let scale = WORLD_PX * maths::pow(2.0, aim.zoom);
        let (width, height) = (1_000.0, 700.0);
        let (tx, ty) = (width / 2.0 - aim.middle.x * scale, height / 2.0 - aim.middle.y * scale);
        Room { view: View { scale, tx, ty, width, height }, top: TOP }
    }

    fn anywhere() -> Room {
        looking_at(&Aim { middle: World { x: 0.5, y: 0.5 }, zoom: 2.0 })
    }

    /// Kilometres to the north and the east of the middle of the town.
    fn at(north: f64, east: f64) -> World {
        World::from_degrees(9.97 + north / 111.0, 76.28 + east / 109.5)
    }

    fn town() -> Vec<World> {
        let part = |n: u32, of: u32| f64::from(n * of % 11) - 5.0;
        (0..40).map(|n| at(part(n, 3), part(n, 7))).collect()
    }

    fn settled(places: &[World]) -> Room {
        looking_at(&whole(&anywhere(), &together(places)).expect("somebody is there"))
    }

    #[test]
    fn everybody_is_in_the_picture_and_nobody_at_its_edge_or_under_what_lies_over_it() {
        let room = settled(&town());
        for place in town() {
            assert!(room.shows(place, EDGE));
            assert!(room.view.to_px(place).1 > TOP);
        }
        assert_eq!(another(&room, &town(), 1e9), None, "it is as near as it can be");
    }

    #[test]
    fn the_picture_holds_still_while_everybody_is_well_inside() {
        let room = settled(&town());
        let moved: Vec<World> = town().iter().map(|w| World { x: w.x + 1e-6, y: w.y }).collect();
        assert_eq!(another(&room, &moved, 1e9), None);
    }

    #[test]
    fn who_drives_out_of_sight_brings_it_to_fit_again_but_not_twice_at_once() {
        let room = settled(&town());
        let mut places = town();
        places.push(at(12.0, 0.0));
        assert!(!room.shows(at(12.0, 0.0), 0.0));
        let kept = together(&places);
        assert_eq!(kept.len(), places.len(), "a town's width away is not far");
        assert_eq!(another(&room, &kept, REST_MS - 1.0), None);
        let aim = another(&room, &kept, REST_MS).expect("it fits again");
        let room = looking_at(&aim);
        assert!(room.shows(at(12.0, 0.0), EDGE) && another(&room, &kept, 1e9).is_none());
    }

    #[test]
    fn it_comes_nearer_only_after_a_while_and_only_for_much_more() {
        let room = settled(&town());
        let closer: Vec<World> = town().iter().map(|w| w.lerp(at(0.0, 0.0), 0.8)).collect();
        assert_eq!(another(&room, &closer, WIDE_MS - 1.0), None);
        assert!(another(&room, &closer, WIDE_MS).is_some_and(|aim| aim.zoom > room.view.zoom()));
        let a_little: Vec<World> = town().iter().map(|w| w.lerp(at(0.0, 0.0), 0.2)).collect();
        assert_eq!(another(&room, &a_little, 1e9), None);
    }

    #[test]
    fn one_on_another_continent_makes_nobody_else_small() {
        let room = settled(&town());
        let mut places = town();
        places.push(World::from_degrees(51.5, 0.1));
        let kept = together(&places);
        assert_eq!(kept.len(), town().len());
        assert_eq!(another(&room, &kept, 1e9), None);
        let three = [at(0.0, 0.0), at(1.0, 0.0), World::from_degrees(51.5, 0.1)];
        assert_eq!(together(&three).len(), 2);
    }

    #[test]
    fn more_than_a_few_far_away_are_a_second_town_and_not_left_out() {
        let mut places = town();
        places.extend((0..12).map(|n| at(180.0 + f64::from(n), 40.0)));
        let kept = together(&places);
        assert_eq!(kept.len(), places.len());
        let room = settled(&places);
        assert!(kept.iter().all(|place| room.shows(*place, EDGE)));
        let two = [at(0.0, 0.0), at(300.0, 0.0)];
        assert_eq!(together(&two).len(), 2, "of two nobody knows who is the stray one");
    }

    #[test]
    fn nobody_and_one_are_pictures_too() {
        assert_eq!(whole(&anywhere(), &together(&[])), None);
        assert_eq!(another(&anywhere(), &[], 1e9), None);
        let alone = settled(&[at(0.0, 0.0)]);
        assert!((alone.view.zoom() - ZOOM_MOST).abs() < 1e-9 && alone.shows(at(0.0, 0.0), 0.4));
    }

    #[test]
    fn who_calls_is_in_the_middle_with_the_nearest_and_from_near_by() {
        let caller = at(2.0, 2.0);
        let mut places = town();
        places.extend([caller, at(2.5, 2.0), at(2.0, 2.6), at(1.6, 1.8)]);
        let room = looking_at(&call(&settled(&places), caller, &places));
        assert!(room.shows(caller, 0.45));
        assert!(places.iter().rev().take(4).all(|place| room.shows(*place, EDGE)));
        assert!(room.view.zoom() >= ZOOM_CALL.0);
        assert_eq!(call_again(&room, at(2.05, 2.0), &places, 1e9), None);
        assert!(call_again(&room, at(6.0, 2.0), &places, REST_MS).is_some());
    }
}
