//! What a track means, said once more and at length: the whole of it is at hand, each fence is
//! asked alone, and geometry is of a plane.

use super::tracks::Seen;
use sentinel_model::{
    Time,
    alerts::AlertKind,
    geofence::{FenceRules, Shape},
};
use sentinel_server::geo::M_PER_DEG_LATITUDE;
use std::ops::Range;

/// As far out as this is out, whatever the accuracy is.
const OUT_M: f64 = 50.0;
const OUT_MS: i64 = 60_000;
/// Places of a line that are tried for the nearest.
const TRIED: usize = 100;

type Place = (f64, f64);

/// By a plane between them: within some kilometres exact to less than a millimetre.
pub fn distance_m(a: Place, b: Place) -> f64 {
    let narrowing = ((a.0 + b.0) / 2.0).to_radians().cos();
    ((a.0 - b.0) * M_PER_DEG_LATITUDE).hypot((a.1 - b.1) * narrowing * M_PER_DEG_LATITUDE)
}

fn lines(points: &[Place]) -> impl Iterator<Item = (Place, Place)> + '_ {
    (0..points.len()).map(|n| (points[n], points[(n + 1) % points.len()]))
}

pub fn is_in(shape: &Shape, place: Place) -> bool {
    match shape {
        Shape::Circle(circle) => distance_m((circle.latitude, circle.longitude), place) <= circle.radius_m,
        // By how many lines are north of it.
        Shape::Polygon(polygon) => {
            let north = lines(&polygon.points).filter(|(a, b)| {
                let is_between = (a.1 <= place.1) != (b.1 <= place.1);
                is_between && a.0 + (place.1 - a.1) / (b.1 - a.1) * (b.0 - a.0) > place.0
            });
            north.count() % 2 == 1
        }
    }
}

/// How far outside a place is.
fn out_m(shape: &Shape, place: Place) -> f64 {
    match shape {
        Shape::Circle(circle) => distance_m((circle.latitude, circle.longitude), place) - circle.radius_m,
        Shape::Polygon(polygon) => {
            lines(&polygon.points).map(|(a, b)| to_line_m(a, b, place)).fold(f64::MAX, f64::min)
        }
    }
}

/// By trying places of the line, then those between the ones beside the nearest, and again.
fn to_line_m(a: Place, b: Place, place: Place) -> f64 {
    let at = |part: f64| distance_m((a.0 + part * (b.0 - a.0), a.1 + part * (b.1 - a.1)), place);
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..4 {
        let step = (high - low) / TRIED as f64;
        let parts = (0..=TRIED).map(|n| low + n as f64 * step);
        let best = parts.min_by(|one, other| at(*one).total_cmp(&at(*other))).expect("there are some");
        (low, high) = ((best - step).max(0.0), (best + step).min(1.0));
    }
    at((low + high) / 2.0)
}

/// What is to be told of one unit and one fence, in the order of time.
pub fn crossings(track: &[Seen], shape: &Shape, on: &FenceRules) -> Vec<(AlertKind, Time)> {
    let is_in: Vec<bool> = track.iter().map(|seen| is_in(shape, seen.place)).collect();
    let mut told = Vec::new();
    for stay in stays(track, shape, &is_in) {
        let inside: Vec<&Seen> = stay.clone().filter(|n| is_in[*n]).map(|n| &track[n]).collect();
        let since = track[stay.start].time;
        if on.enter && stay.start > 0 {
            told.push((AlertKind::Enter, since));
        }
        if let Some(dwell_s) = on.dwell_s {
            let is_long = |seen: &&&Seen| seen.time.ms_since(since) >= i64::from(dwell_s) * 1000;
            told.extend(inside.iter().find(is_long).map(|seen| (AlertKind::Dwell, seen.time)));
        }
        if let Some(limit_mps) = on.speed_limit_mps {
            told.extend(hurries(&inside, limit_mps).into_iter().map(|time| (AlertKind::Overspeed, time)));
        }
        if on.exit && stay.end < track.len() {
            told.push((AlertKind::Exit, track[stay.end].time));
        }
    }
    told.sort_by_key(|(kind, time)| (*time, kind.as_str()));
    told
}

/// From the first position in a fence to that by which the unit has left it, or to the end.
fn stays(track: &[Seen], shape: &Shape, is_in: &[bool]) -> Vec<Range<usize>> {
    let mut stays: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    for same in is_in.chunk_by(|a, b| a == b) {
        let run = at..at + same.len();
        at = run.end;
        let open = stays.last_mut().filter(|stay| stay.end == track.len());
        match (same[0], open) {
            (true, None) => stays.push(run.start..track.len()),
            (false, Some(stay)) => stay.end = left(track, shape, run).unwrap_or(track.len()),
            _ => {}
        }
    }
    stays
}

/// Of positions in a row that are out, the one by which the unit has left.
fn left(track: &[Seen], shape: &Shape, mut run: Range<usize>) -> Option<usize> {
    let since = track[run.start].time;
    run.find(|n| {
        let seen = &track[*n];
        let far_m = seen.accuracy_m.map_or(OUT_M, |accuracy_m| f64::from(accuracy_m).min(OUT_M));
        seen.time.ms_since(since) >= OUT_MS || out_m(shape, seen.place) > far_m
    })
}

/// When a unit began to be too fast, each time after it had clearly been slower.
fn hurries(inside: &[&Seen], limit_mps: f64) -> Vec<Time> {
    let said = inside.iter().filter_map(|seen| Some((f64::from(seen.speed_mps?), seen.time)));
    // What lies between slow and too fast changes nothing.
    let clear: Vec<(bool, Time)> = said
        .filter(|(mps, _)| *mps > limit_mps || *mps < limit_mps * 0.9)
        .map(|(mps, time)| (mps > limit_mps, time))
        .collect();
    let begins = |n: &usize| clear[*n].0 && (*n == 0 || !clear[n - 1].0);
    (0..clear.len()).filter(begins).map(|n| clear[n].1).collect()
}

/// How a unit came to a place.
#[derive(Debug, PartialEq)]
pub struct Way {
    pub en_route: Time,
    /// The first position near the place, and the first that shows that it stays there.
    pub near: Time,
    pub shown: Time,
}

/// The way to a place from where the unit was (`from`); none where it does not set out, or is near
/// and goes on before it comes to stay.
pub fn way(from: Place, seen: &[Seen], goal: Place) -> Option<Way> {
    const NEAR_M: f64 = 75.0;
    let is_near = |seen: &Seen| distance_m(seen.place, goal) <= NEAR_M;
    let near = seen.iter().position(is_near)?;
    let mut stay = (near..seen.len()).take_while(|n| is_near(&seen[*n]));
    let shown = stay.find(|n| {
        let has_stood = seen[near..*n].iter().any(|seen| seen.speed_mps.is_some_and(|mps| mps < 1.0));
        has_stood || seen[*n].time.ms_since(seen[near].time) >= 20_000
    })?;
    let drives = |seen: &Seen| seen.speed_mps.is_some_and(|mps| mps >= 3.0);
    let en_route = (0..seen.len()).find(|n| {
        let moved_m = distance_m(from, seen[*n].place);
        let is_away = moved_m - f64::from(seen[*n].accuracy_m.unwrap_or(0.0)) > 100.0;
        is_away || (*n >= 2 && seen[n - 2..=*n].iter().all(drives))
    });
    let en_route = en_route.filter(|en_route| *en_route <= near && *en_route < shown)?;
    Some(Way { en_route: seen[en_route].time, near: seen[near].time, shown: seen[shown].time })
}
