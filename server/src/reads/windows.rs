//! When a unit was under whom: what history may be shown to a scope.
//!
//! A unit's fixes of a moment belong to the station it was under then: its patrol's
//! while on patrol, its own otherwise. So a unit that was lent to a neighbour leaves
//! those hours with the neighbour, and takes its own with it.

use crate::ports::{Home, TimeRange};
use sentinel_model::{Patrol, ScopePath, Time};

/// The station that a unit was under, piece by piece, over all time.
pub fn postings(
    homes: &[Home],
    patrols: &[Patrol],
    path_of: impl Fn(u32) -> Option<ScopePath>,
) -> Vec<(TimeRange, ScopePath)> {
    let mut pieces = Vec::with_capacity(homes.len() + 2 * patrols.len());
    for (i, home) in homes.iter().enumerate() {
        let from = if i == 0 { Time(i64::MIN) } else { home.from };
        let to = homes.get(i + 1).map_or(Time(i64::MAX), |next| next.from);
        pieces.push((TimeRange { from, to }, home.path));
    }
    for patrol in patrols {
        let Some(path) = path_of(patrol.station.id) else { continue };
        let on = TimeRange { from: patrol.started_at, to: patrol.ended_at.unwrap_or(Time(i64::MAX)) };
        if on.from >= on.to {
            continue;
        }
        let mut cut = Vec::with_capacity(pieces.len() + 2);
        for (range, under) in pieces {
            let before = range.intersect(&TimeRange { from: Time(i64::MIN), to: on.from });
            let after = range.intersect(&TimeRange { from: on.to, to: Time(i64::MAX) });
            cut.extend(before.map(|range| (range, under)));
            cut.extend(after.map(|range| (range, under)));
        }
        cut.push((on, path));
        pieces = cut;
    }
    pieces.sort_by_key(|(range, _)| range.from);
    pieces
}

/// The parts of `range` in which the unit was under somebody whom `covers` covers.
pub fn visible(
    postings: &[(TimeRange, ScopePath)],
    range: TimeRange,
    covers: impl Fn(&ScopePath) -> bool,
) -> Vec<TimeRange> {
    let mut windows: Vec<TimeRange> = Vec::new();
    for (piece, path) in postings {
        let Some(part) = piece.intersect(&range).filter(|_| covers(path)) else { continue };
        match windows.last_mut() {
            Some(last) if last.to == part.from => last.to = part.to,
            _ => windows.push(part),
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;
    use sentinel_model::{PatrolId, Scope};

    fn path(station: u32) -> ScopePath {
        ScopePath { district: 1, zone: station / 10, division: station / 5, station }
    }

    fn patrol(station: u32, from: i64, to: Option<i64>) -> Patrol {
        Patrol {
            id: PatrolId(1),
            unit_id: "u".parse().expect("a good id"),
            station: Scope::station(station),
            started_at: Time(from),
            ended_at: to.map(Time),
        }
    }

    fn under(station: u32, homes: &[(i64, u32)], patrols: &[Patrol]) -> Vec<(i64, i64)> {
        let homes: Vec<Home> =
            homes.iter().map(|&(from, s)| Home { from: Time(from), path: path(s) }).collect();
        let postings = postings(&homes, patrols, |s| Some(path(s)));
        let range = TimeRange { from: Time(0), to: Time(1000) };
        visible(&postings, range, |p| p.station == station).iter().map(|w| (w.from.0, w.to.0)).collect()
    }

    #[test]
    fn hours_lent_to_a_neighbour_stay_with_the_neighbour() {
        let lent = [patrol(6, 100, Some(200)), patrol(5, 200, Some(250)), patrol(6, 700, None)];
        assert_eq!(under(5, &[(0, 5)], &lent), [(0, 100), (200, 700)]);
        assert_eq!(under(6, &[(0, 5)], &lent), [(100, 200), (700, 1000)]);
        assert_eq!(under(7, &[(0, 5)], &lent), []);
    }

    #[test]
    fn a_unit_that_moved_house_leaves_its_past_behind() {
        assert_eq!(under(5, &[(50, 5), (400, 6)], &[]), [(0, 400)]);
        assert_eq!(under(6, &[(50, 5), (400, 6)], &[]), [(400, 1000)]);
    }
}
