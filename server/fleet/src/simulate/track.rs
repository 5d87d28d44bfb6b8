//! The line that a unit follows, and how fast it may be at each point of it.
//!
//! A way through the road graph has corners; a vehicle does not. Corners are rounded, and
//! one backward pass over the line finds the highest speed from which every bend, slower
//! road and stop ahead can still be met with ordinary braking.

use crate::city::{
    geo::{Spot, turn_deg},
    roads::{NodeId, RoadGraph},
};

/// Miles an hour in metres a second.
pub const MPH: f64 = 0.447_04;
/// The slowest that a unit drives, except to pull away and to stop, m/s.
pub const SLOWEST_MPS: f64 = 20.0 * MPH;
/// The fastest, m/s.
pub const FASTEST_MPS: f64 = 60.0 * MPH;
/// Ordinary braking, m/s².
pub const BRAKING: f64 = 2.6;
/// Sideways pull that passengers put up with in a bend, m/s².
const SIDEWAYS: f64 = 2.8;
/// How far before a junction a turn begins, metres, where the street is long enough.
const TURN_BEGINS_M: f64 = 20.0;
/// Straight pieces into which a rounded corner is cut.
const CORNER_PIECES: u32 = 6;

/// A point of the line.
#[derive(Debug, Clone, Copy)]
struct Point {
    spot: Spot,
    /// From the start of the line, metres.
    along_m: f64,
    /// The highest speed at this point, such that all that is ahead can still be met.
    limit_mps: f64,
    /// The highest speed between this point and the next.
    cruise_mps: f64,
}

/// A line to follow, from standstill or from speed, to a stop or to a pass.
#[derive(Debug, Clone)]
pub struct Track {
    points: Vec<Point>,
}

/// Where on a track one is.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    pub spot: Spot,
    pub heading_deg: f64,
    /// The highest speed here, m/s.
    pub limit_mps: f64,
}

impl Track {
    /// The line along `way`. `pace` scales the speed that each road's traffic drives;
    /// `halts` are nodes of the way at which the unit has to stop, the last one is implied.
    pub fn along(graph: &RoadGraph, way: &[NodeId], pace: f64, halts: &[NodeId]) -> Self {
        let legs: Vec<Leg> = way
            .windows(2)
            .filter_map(|pair| {
                let edge = graph.edge(pair[0], pair[1])?;
                let cruise = (edge.class.speed_mps() * pace).clamp(SLOWEST_MPS, FASTEST_MPS);
                Some(Leg { from: graph.spot(pair[0]), to: graph.spot(pair[1]), end: pair[1], cruise })
            })
            .collect();
        let mut line = Line::default();
        let Some(first) = legs.first() else {
            let spot = way.first().map(|node| graph.spot(*node)).unwrap_or_default();
            return Self { points: vec![Point { spot, along_m: 0.0, limit_mps: 0.0, cruise_mps: 0.0 }] };
        };
        line.push(first.from, first.cruise);
        for pair in legs.windows(2) {
            line.corner(&pair[0], &pair[1], halts.contains(&pair[0].end));
        }
        if let Some(last) = legs.last() {
            line.push(last.to, 0.0);
        }
        let mut track = Self { points: line.points };
        track.brake_in_time();
        track
    }

    /// Lowers limits so that each can be reached from the one before.
    fn brake_in_time(&mut self) {
        for i in (0..self.points.len().saturating_sub(1)).rev() {
            let ahead = self.points[i + 1];
            let here = &mut self.points[i];
            let room_m = ahead.along_m - here.along_m;
            here.limit_mps = here.limit_mps.min(brake_from(ahead.limit_mps, room_m));
        }
    }

    pub fn length_m(&self) -> f64 {
        self.points.last().map_or(0.0, |p| p.along_m)
    }

    /// The next halt at or after a distance: where it is, metres along.
    pub fn next_halt_m(&self, along_m: f64) -> f64 {
        self.points
            .iter()
            .find(|p| p.along_m >= along_m && p.limit_mps == 0.0)
            .map_or(self.length_m(), |p| p.along_m)
    }

    pub fn at(&self, along_m: f64) -> Standing {
        let after =
            self.points.partition_point(|p| p.along_m <= along_m).clamp(1, self.points.len().max(2) - 1);
        let (Some(a), Some(b)) = (self.points.get(after - 1), self.points.get(after)) else {
            let spot = self.points.first().map(|p| p.spot).unwrap_or_default();
            return Standing { spot, heading_deg: 0.0, limit_mps: 0.0 };
        };
        let span = (b.along_m - a.along_m).max(1e-9);
        let part = ((along_m - a.along_m) / span).clamp(0.0, 1.0);
        Standing {
            spot: a.spot.toward(b.spot, part),
            heading_deg: a.spot.heading_to(b.spot),
            limit_mps: a.cruise_mps.min(brake_from(b.limit_mps, b.along_m - along_m)),
        }
    }
}

/// The speed from which braking over `room_m` ends at `then_mps`.
fn brake_from(then_mps: f64, room_m: f64) -> f64 {
    (then_mps * then_mps + 2.0 * BRAKING * room_m.max(0.0)).sqrt()
}

/// One edge of the way.
struct Leg {
    from: Spot,
    to: Spot,
    end: NodeId,
    cruise: f64,
}

impl Leg {
    fn length_m(&self) -> f64 {
        self.from.distance_m(self.to)
    }
}

#[derive(Default)]
struct Line {
    points: Vec<Point>,
}

impl Line {
    /// A point, and the speed on what follows it.
    fn push(&mut self, spot: Spot, cruise_mps: f64) {
        let (along_m, before_mps) = self
            .points
            .last()
            .map_or((0.0, cruise_mps), |p| (p.along_m + p.spot.distance_m(spot), p.cruise_mps));
        self.points.push(Point { spot, along_m, limit_mps: cruise_mps.min(before_mps), cruise_mps });
    }

    /// The last point is a halt.
    fn halt(&mut self) {
        if let Some(point) = self.points.last_mut() {
            point.limit_mps = 0.0;
        }
    }

    /// From one leg into the next: rounded, and as slow as the bend asks.
    fn corner(&mut self, leg: &Leg, next: &Leg, halt: bool) {
        let turn = turn_deg(leg.from.heading_to(leg.to), next.from.heading_to(next.to)).abs();
        if turn < 4.0 {
            self.push(leg.to, next.cruise);
            if halt {
                self.halt();
            }
            return;
        }
        let reach = TURN_BEGINS_M.min(leg.length_m() * 0.45).min(next.length_m() * 0.45);
        let enter = leg.to.toward(leg.from, reach / leg.length_m().max(1e-9));
        let leave = next.from.toward(next.to, reach / next.length_m().max(1e-9));
        // radius of the circle that touches both legs at `reach` from the corner
        let radius = reach / (turn.to_radians() / 2.0).tan().max(1e-6);
        let bend = (SIDEWAYS * radius).sqrt().max(SLOWEST_MPS).min(leg.cruise.min(next.cruise));
        for piece in 0..=CORNER_PIECES {
            let part = f64::from(piece) / f64::from(CORNER_PIECES);
            // a quadratic curve with the junction as its handle
            let spot = enter.toward(leg.to, part).toward(leg.to.toward(leave, part), part);
            self.push(spot, if piece == CORNER_PIECES { next.cruise } else { bend });
            if halt && piece == 0 {
                // the stop line, before the turn
                self.halt();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::{geo::Place, roads};

    fn crossing_town() -> (Vec<NodeId>, Track) {
        let graph = roads::kochi();
        let node = |lat, lon| graph.nearest(Place { lat, lon }.spot());
        let way = graph.way(node(9.964, 76.243), node(10.108, 76.355), None).expect("connected");
        let track = Track::along(graph, &way, 1.0, &[]);
        (way, track)
    }

    #[test]
    fn a_track_keeps_to_the_way() {
        let graph = roads::kochi();
        let (way, track) = crossing_town();
        let mut along = 0.0;
        while along < track.length_m() {
            let spot = track.at(along).spot;
            let off = way
                .windows(2)
                .map(|p| spot.nearest_on(graph.spot(p[0]), graph.spot(p[1])).0.distance_m(spot))
                .fold(f64::MAX, f64::min);
            assert!(off < 12.0, "{off} m off the road, {along} m along");
            along += 5.0;
        }
    }

    #[test]
    fn limits_can_be_met_by_ordinary_braking_and_end_at_zero() {
        let (_, track) = crossing_town();
        for pair in track.points.windows(2) {
            let room = pair[1].along_m - pair[0].along_m;
            let drop = pair[0].limit_mps.powi(2) - pair[1].limit_mps.powi(2);
            assert!(drop <= 2.0 * BRAKING * room + 1e-6, "{pair:?}");
        }
        assert_eq!(track.at(track.length_m()).limit_mps, 0.0);
    }

    #[test]
    fn a_halt_on_the_way_is_a_stop() {
        let graph = roads::kochi();
        let (way, _) = crossing_town();
        let halt = way[way.len() / 2];
        let track = Track::along(graph, &way, 1.0, &[halt]);
        let stop_m = track.next_halt_m(0.0);
        assert!(stop_m < track.length_m() && track.at(stop_m - 1e-6).limit_mps < 0.1);
        assert!(track.at(stop_m).spot.distance_m(graph.spot(halt)) <= TURN_BEGINS_M + 0.1);
    }

    #[test]
    fn a_way_of_one_node_is_a_place_to_stand() {
        let graph = roads::kochi();
        let node = graph.nearest(Spot::default());
        let track = Track::along(graph, &[node], 1.0, &[]);
        assert_eq!((track.length_m(), track.at(0.0).limit_mps), (0.0, 0.0));
    }
}
