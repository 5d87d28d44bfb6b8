//! The road graph, and the quickest way through it.
//!
//! Junctions are the vertices that lines of the basemap share. The graph is connected
//! (a test proves it), so a way between any two of its nodes exists.

use super::{
    basemap::{self, Basemap, RoadClass},
    geo::{Place, Spot},
};
use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashMap},
    sync::LazyLock,
};

const MPH: f64 = 0.447_04;

impl RoadClass {
    /// What traffic drives here, m/s: 60, 45, 35 and 25 mph.
    pub fn speed_mps(self) -> f64 {
        match self {
            RoadClass::Motorway => 60.0 * MPH,
            RoadClass::Primary => 45.0 * MPH,
            RoadClass::Secondary => 35.0 * MPH,
            RoadClass::Street => 25.0 * MPH,
        }
    }
}

/// A vertex of the road graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

#[derive(Debug, Clone, Copy)]
pub struct Edge {
    pub to: NodeId,
    pub length_m: f64,
    pub class: RoadClass,
    pub bridge: bool,
}

pub struct RoadGraph {
    spots: Vec<Spot>,
    edges: Vec<Vec<Edge>>,
    /// Nodes by square of [`CELL_M`], for the nearest-node search.
    cells: HashMap<(i32, i32), Vec<NodeId>>,
}

const CELL_M: f64 = 500.0;

/// The roads of the demo city, built once.
pub fn kochi() -> &'static RoadGraph {
    static GRAPH: LazyLock<RoadGraph> = LazyLock::new(|| RoadGraph::of(basemap::kochi()));
    &GRAPH
}

fn cell(spot: Spot) -> (i32, i32) {
    // whole squares of a city: far inside i32
    ((spot.east / CELL_M).floor() as i32, (spot.north / CELL_M).floor() as i32)
}

impl RoadGraph {
    fn of(map: &Basemap) -> Self {
        let mut graph = Self { spots: Vec::new(), edges: Vec::new(), cells: HashMap::new() };
        let mut known: HashMap<(u64, u64), NodeId> = HashMap::new();
        for road in &map.roads {
            let mut before: Option<NodeId> = None;
            for &place in &road.line {
                // the file writes a shared vertex with the same digits, so equal bits are the same node
                let node = *known
                    .entry((place.lat.to_bits(), place.lon.to_bits()))
                    .or_insert_with(|| graph.add(place));
                if let Some(before) = before.filter(|b| *b != node) {
                    graph.join(before, node, road.class, road.bridge);
                }
                before = Some(node);
            }
        }
        graph
    }

    fn add(&mut self, place: Place) -> NodeId {
        let id = NodeId(u32::try_from(self.spots.len()).expect("a city has fewer than 2^32 road vertices"));
        let spot = place.spot();
        self.spots.push(spot);
        self.edges.push(Vec::new());
        self.cells.entry(cell(spot)).or_default().push(id);
        id
    }

    fn join(&mut self, a: NodeId, b: NodeId, class: RoadClass, bridge: bool) {
        let length_m = self.spot(a).distance_m(self.spot(b));
        self.edges[a.0 as usize].push(Edge { to: b, length_m, class, bridge });
        self.edges[b.0 as usize].push(Edge { to: a, length_m, class, bridge });
    }

    pub fn len(&self) -> usize {
        self.spots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spots.is_empty()
    }

    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        (0..).map(NodeId).take(self.spots.len())
    }

    pub fn spot(&self, node: NodeId) -> Spot {
        self.spots[node.0 as usize]
    }

    pub fn edges(&self, node: NodeId) -> &[Edge] {
        &self.edges[node.0 as usize]
    }

    /// The edge between two neighbours.
    pub fn edge(&self, from: NodeId, to: NodeId) -> Option<Edge> {
        self.edges(from).iter().copied().find(|e| e.to == to)
    }

    /// The node nearest to a place, wherever that is.
    pub fn nearest(&self, to: Spot) -> NodeId {
        let (cx, cy) = cell(to);
        let ring = |reach: i32| {
            (-reach..=reach)
                .flat_map(move |dx| (-reach..=reach).map(move |dy| (dx, dy)))
                .filter_map(move |(dx, dy)| self.cells.get(&(cx.saturating_add(dx), cy.saturating_add(dy))))
                .flatten()
                .copied()
        };
        let closest = |nodes: &mut dyn Iterator<Item = NodeId>| {
            nodes.min_by(|a, b| self.spot(*a).distance_m(to).total_cmp(&self.spot(*b).distance_m(to)))
        };
        // the first hit may sit in a far corner, half as far again as the squares looked at
        (1..8)
            .find(|reach| ring(*reach).next().is_some())
            .and_then(|reach| closest(&mut ring(2 * reach + 1)))
            .or_else(|| closest(&mut self.nodes()))
            .expect("the road graph is never empty")
    }

    /// Nodes within `radius_m` of a place.
    pub fn around(&self, to: Spot, radius_m: f64) -> Vec<NodeId> {
        let reach = (radius_m / CELL_M).ceil() as i32;
        let (cx, cy) = cell(to);
        let mut nodes: Vec<NodeId> = (-reach..=reach)
            .flat_map(|dx| (-reach..=reach).map(move |dy| (cx.saturating_add(dx), cy.saturating_add(dy))))
            .filter_map(|key| self.cells.get(&key))
            .flatten()
            .copied()
            .filter(|node| self.spot(*node).distance_m(to) <= radius_m)
            .collect();
        nodes.sort_unstable();
        nodes
    }

    /// The quickest way, both ends included. `coming_from` is the node behind: turning
    /// back to it at once is allowed only where there is no other way.
    pub fn way(&self, from: NodeId, to: NodeId, coming_from: Option<NodeId>) -> Option<Vec<NodeId>> {
        /// A turn-about costs as much as two minutes of driving.
        const TURN_BACK_S: f64 = 120.0;
        let fastest = RoadClass::Motorway.speed_mps();
        let goal = self.spot(to);
        let mut best: HashMap<NodeId, (f64, NodeId)> = HashMap::from([(from, (0.0, from))]);
        let mut open = BinaryHeap::from([Open { rank: 0.0, cost: 0.0, node: from }]);
        while let Some(Open { cost, node, .. }) = open.pop() {
            if node == to {
                return Some(trace(&best, from, to));
            }
            if best.get(&node).is_some_and(|(known, _)| cost > *known) {
                continue;
            }
            for edge in self.edges(node) {
                let mut next = cost + edge.length_m / edge.class.speed_mps();
                if node == from && Some(edge.to) == coming_from {
                    next += TURN_BACK_S;
                }
                if best.get(&edge.to).is_none_or(|(known, _)| next < *known) {
                    best.insert(edge.to, (next, node));
                    let rank = next + self.spot(edge.to).distance_m(goal) / fastest;
                    open.push(Open { rank, cost: next, node: edge.to });
                }
            }
        }
        None
    }
}

fn trace(best: &HashMap<NodeId, (f64, NodeId)>, from: NodeId, to: NodeId) -> Vec<NodeId> {
    let mut way = vec![to];
    let mut at = to;
    while at != from {
        at = best[&at].1;
        way.push(at);
    }
    way.reverse();
    way
}

/// An entry of the search's heap, the smallest rank first.
struct Open {
    rank: f64,
    cost: f64,
    node: NodeId,
}

impl Ord for Open {
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank.total_cmp(&self.rank).then_with(|| other.node.cmp(&self.node))
    }
}
impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Open {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn all_roads_are_one_network() {
        let graph = kochi();
        let mut seen = HashSet::from([NodeId(0)]);
        let mut open = vec![NodeId(0)];
        while let Some(node) = open.pop() {
            open.extend(graph.edges(node).iter().map(|e| e.to).filter(|n| seen.insert(*n)));
        }
        assert_eq!(seen.len(), graph.len());
    }

    #[test]
    fn there_is_road_enough_for_a_fleet() {
        let graph = kochi();
        let total_m: f64 = graph.nodes().flat_map(|n| graph.edges(n)).map(|e| e.length_m).sum();
        assert!(total_m / 2.0 > 400_000.0, "{} km", total_m / 2000.0);
    }

    #[test]
    fn a_way_leads_from_neighbour_to_neighbour_and_takes_the_quick_road() {
        let graph = kochi();
        let aroor = graph.nearest(Place { lat: 9.876, lon: 76.306 }.spot());
        let edappally = graph.nearest(Place { lat: 10.025, lon: 76.3083 }.spot());
        let way = graph.way(aroor, edappally, None).expect("connected");
        let edges: Vec<Edge> = way.windows(2).map(|p| graph.edge(p[0], p[1]).expect("neighbours")).collect();
        let length_m: f64 = edges.iter().map(|e| e.length_m).sum();
        let direct_m = graph.spot(aroor).distance_m(graph.spot(edappally));
        assert!(length_m >= direct_m && length_m < direct_m * 1.3);
        let bypass_m: f64 = edges.iter().filter(|e| e.class == RoadClass::Motorway).map(|e| e.length_m).sum();
        assert!(bypass_m > 0.8 * length_m);
    }

    #[test]
    fn no_one_turns_about_where_there_is_another_way() {
        let graph = kochi();
        let here = graph.nearest(Place { lat: 9.975, lon: 76.298 }.spot());
        let behind = graph.edges(here)[0].to;
        assert!(graph.edges(here).len() > 1);
        let way = graph.way(here, behind, Some(behind)).expect("connected");
        assert!(way.len() > 2, "went straight back");
    }

    #[test]
    fn the_nearest_node_is_the_nearest_of_all() {
        let graph = kochi();
        for (lat, lon) in [(9.966, 76.299), (10.1, 76.45), (9.7, 76.2), (10.3, 76.0)] {
            let at = Place { lat, lon }.spot();
            let found = graph.spot(graph.nearest(at)).distance_m(at);
            let truly = graph.spots.iter().map(|s| s.distance_m(at)).fold(f64::MAX, f64::min);
            assert!((found - truly).abs() < 1e-6, "{lat} {lon}: {found} {truly}");
        }
    }
}
