//! The same things said again, at length: geometry by other formulas, every position kept and
//! looked at anew, every fence asked. What the tests hold [`super`] against.

use super::{
    Sighting,
    crossing::CrossingKind,
    journey::{Goal, Stage},
};
use crate::geo::M_PER_DEG_LATITUDE;
use sentinel_model::{
    ScopePath, Time,
    geofence::{Geofence, Shape},
};
use std::{f64::consts::TAU, sync::Arc};

type Place = (f64, f64);

/// By the chord between two places through the earth.
pub fn distance_m(a: Place, b: Place) -> f64 {
    let radius_m = M_PER_DEG_LATITUDE * 360.0 / TAU;
    let vector = |(latitude, longitude): Place| {
        let (up, level) = latitude.to_radians().sin_cos();
        let (east, front) = longitude.to_radians().sin_cos();
        [level * front, level * east, up]
    };
    let chord2: f64 = vector(a).iter().zip(vector(b)).map(|(a, b)| (a - b) * (a - b)).sum();
    2.0 * radius_m * (chord2.sqrt() / 2.0).asin()
}

/// Metres east and north of a place that is not far.
fn from(origin: Place, (latitude, longitude): Place) -> (f64, f64) {
    let aside = (longitude - origin.1 + 180.0).rem_euclid(360.0) - 180.0;
    let narrowing = origin.0.to_radians().cos();
    (aside * narrowing * M_PER_DEG_LATITUDE, (latitude - origin.0) * M_PER_DEG_LATITUDE)
}

/// How often an outline goes around a place, by the angles under which its lines are seen.
fn winding(points: &[Place], place: Place) -> i64 {
    let seen: Vec<(f64, f64)> = points.iter().map(|point| from(place, *point)).collect();
    let angles = seen.iter().zip(seen.iter().cycle().skip(1)).map(|(a, b)| {
        let (dot, cross) = (a.0 * b.0 + a.1 * b.1, a.0 * b.1 - a.1 * b.0);
        cross.atan2(dot)
    });
    (angles.sum::<f64>() / TAU).round() as i64
}

pub fn is_in(shape: &Shape, place: Place) -> bool {
    match shape {
        Shape::Circle(circle) => distance_m((circle.latitude, circle.longitude), place) <= circle.radius_m,
        Shape::Polygon(polygon) => winding(&polygon.points, place) != 0,
    }
}

/// How far a place is from a shape that it is not in.
pub fn out_m(shape: &Shape, place: Place) -> f64 {
    let points = match shape {
        Shape::Circle(circle) => {
            return distance_m((circle.latitude, circle.longitude), place) - circle.radius_m;
        }
        Shape::Polygon(polygon) => &polygon.points,
    };
    let lines = points.iter().zip(points.iter().cycle().skip(1));
    lines.map(|(a, b)| to_line_m(*a, *b, place)).fold(f64::INFINITY, f64::min)
}

/// By closing in on the nearest point of a line.
fn to_line_m(a: Place, b: Place, place: Place) -> f64 {
    let turn = (b.1 - a.1 + 180.0).rem_euclid(360.0) - 180.0;
    let at = |part: f64| distance_m((a.0 + part * (b.0 - a.0), a.1 + part * turn), place);
    let (mut from, mut to) = (0.0, 1.0);
    for _ in 0..50 {
        let (left, right) = ((2.0 * from + to) / 3.0, (from + 2.0 * to) / 3.0);
        if at(left) < at(right) { to = right } else { from = left }
    }
    at(from)
}

/// Those that are newer than all before them.
fn newest(track: &[Sighting]) -> Vec<&Sighting> {
    let placed = track.iter().filter(|at| !at.is_nowhere());
    let mut last = None;
    placed
        .filter(|at| Some(at.time) > last.replace(last.map_or(at.time, |last: Time| last.max(at.time))))
        .collect()
}

pub type Told = (String, CrossingKind, Time);

/// What is to be told of a track, in the order of fence, kind and time. None where it hangs on
/// centimetres.
pub fn crossings(track: &[Sighting], fences: &[Arc<Geofence>], path: &ScopePath) -> Option<Vec<Told>> {
    let seen = newest(track);
    let mut told = Vec::new();
    for fence in fences.iter().filter(|fence| fence.enabled && path.within(fence.scope)) {
        for (kind, time) in crossings_of(&seen, fence)? {
            told.push((fence.id.clone(), kind, time));
        }
    }
    told.sort();
    Some(told)
}

fn crossings_of(seen: &[&Sighting], fence: &Geofence) -> Option<Vec<(CrossingKind, Time)>> {
    let is_in: Vec<bool> = seen.iter().map(|at| is_in(&fence.shape, at.place())).collect();
    let far_m = |n: usize| f64::from(seen[n].accuracy_m.unwrap_or(50.0).min(50.0));
    let out_m: Vec<f64> =
        (0..seen.len()).map(|n| if is_in[n] { 0.0 } else { out_m(&fence.shape, seen[n].place()) }).collect();
    if (0..seen.len()).any(|n| !is_in[n] && (out_m[n] < 0.001 || (out_m[n] - far_m(n)).abs() < 0.05)) {
        return None;
    }
    let has_left = |n: usize| {
        let first_out = is_in[..n].iter().rposition(|is_in| *is_in).map_or(0, |last_in| last_in + 1);
        !is_in[n] && (out_m[n] > far_m(n) || seen[n].time >= seen[first_out].time.plus_ms(60_000))
    };
    let (mut told, mut from) = (Vec::new(), 0);
    while let Some(enter) = (from..seen.len()).find(|n| is_in[*n]) {
        let exit = (enter..seen.len()).find(|n| has_left(*n));
        from = exit.unwrap_or(seen.len());
        let stay: Vec<_> = (enter..from).filter(|n| is_in[*n]).map(|n| seen[n]).collect();
        if enter > 0 && fence.on.enter {
            told.push((CrossingKind::Enter, seen[enter].time));
        }
        if let Some(dwell_s) = fence.on.dwell_s {
            let over = seen[enter].time.plus_ms(i64::from(dwell_s) * 1000);
            told.extend(stay.iter().find(|at| at.time >= over).map(|at| (CrossingKind::Dwell, at.time)));
        }
        if let Some(limit_mps) = fence.on.speed_limit_mps {
            let speeds: Vec<_> =
                stay.iter().filter_map(|at| Some((f64::from(at.speed_mps?), at.time))).collect();
            let (is_over, is_under) = (|mps| mps > limit_mps, |mps| mps < limit_mps * 0.9);
            for (n, (mps, time)) in speeds.iter().enumerate() {
                let before = speeds[..n].iter().rev().find(|(mps, _)| is_over(*mps) || is_under(*mps));
                if is_over(*mps) && before.is_none_or(|(mps, _)| is_under(*mps)) {
                    told.push((CrossingKind::Overspeed, *time));
                }
            }
        }
        if exit.is_some() && fence.on.exit {
            told.push((CrossingKind::Exit, seen[from].time));
        }
    }
    Some(told)
}

/// What is to be told of a unit's way, whose first position is where it was assigned.
pub fn stages(track: &[Sighting], goal: &Goal) -> Vec<(Stage, Time)> {
    let seen = newest(track);
    let Some((begin, seen)) = seen.split_first() else { return Vec::new() };
    let near = |n: usize| distance_m(seen[n].place(), (goal.latitude, goal.longitude)) <= goal.near_m;
    // Where it shows that the unit is there, and where that stay began.
    let arrived = (0..seen.len()).find_map(|n| {
        let first = (0..=n).rev().take_while(|n| near(*n)).last()?;
        let has_stood = seen[first..n].iter().any(|at| at.speed_mps.is_some_and(|mps| mps < 1.0));
        (has_stood || seen[n].time >= seen[first].time.plus_ms(20_000)).then_some((n, first))
    });
    let set_out = (0..seen.len()).find(|&n| {
        let last_three = n.checked_sub(2).map(|first| &seen[first..=n]);
        let drives =
            last_three.is_some_and(|row| row.iter().all(|at| at.speed_mps.is_some_and(|mps| mps >= 3.0)));
        let feigned_m = f64::from(seen[n].accuracy_m.unwrap_or(0.0));
        drives || distance_m(begin.place(), seen[n].place()) > 100.0 + feigned_m
    });
    let en_route = set_out.filter(|n| arrived.is_none_or(|(shown, _)| *n < shown));
    let told = [(Stage::EnRoute, en_route), (Stage::OnScene, arrived.map(|(_, first)| first))];
    told.into_iter().filter_map(|(stage, n)| Some((stage, seen[n?].time))).collect()
}

/// Since when a unit is there that is heard of no more after this way.
pub fn silent_since(track: &[Sighting], goal: &Goal) -> Option<Time> {
    let seen = newest(track);
    let seen = seen.get(1..)?;
    let is_near = |at: &&&Sighting| distance_m(at.place(), (goal.latitude, goal.longitude)) <= goal.near_m;
    let drives = seen.last()?.speed_mps.is_some_and(|mps| mps >= 3.0);
    let first = seen.iter().rev().take_while(is_near).last().filter(|_| !drives)?;
    Some(first.time)
}
