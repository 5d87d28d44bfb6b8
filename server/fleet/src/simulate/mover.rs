//! One made-up unit: where it drives, how fast, and when it stops.
//!
//! The same seed gives the same movement, whatever the clock does. A unit roams its
//! station's neighbourhood, goes further now and then, waits at some junctions, stands
//! still at places, returns to its station for a break, and drives to where it is sent.

use super::track::{SLOWEST_MPS, Track};
use crate::city::{
    basemap::RoadClass,
    geo::{Place, Spot, turn_deg},
    roads::{NodeId, RoadGraph},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Pulling away, m/s².
const PULL: f64 = 2.2;
/// How quickly a vehicle turns round where it stands or creeps, degrees a second.
const SLEW_DEG_S: f64 = 50.0;
/// A vehicle that still faces elsewhere creeps, m/s.
const CREEP_MPS: f64 = 2.0;
/// The neighbourhood of a station, metres, and how far a longer errand leads.
const NEAR_M: f64 = 1_800.0;
const FAR_M: f64 = 4_500.0;
/// Movement is worked out in steps no longer than this, seconds.
const STEP_S: f64 = 0.25;

/// What a unit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    Patrolling,
    ToStation,
    ToIncident,
}

/// How a unit is at one instant.
#[derive(Debug, Clone, Copy)]
pub struct State {
    pub place: Place,
    pub speed_mps: f64,
    /// Degrees clockwise from north.
    pub heading_deg: f64,
    /// Driven since the start, metres.
    pub odometer_m: f64,
    /// 0 to 1.
    pub battery: f64,
    /// Standing at the end of an errand or at a junction.
    pub halted: bool,
}

pub struct Mover {
    graph: &'static RoadGraph,
    rng: StdRng,
    home: NodeId,
    /// Its driver's temper: scales the speed of the road.
    pace: f64,
    errand: Errand,
    way: Vec<NodeId>,
    track: Track,
    along_m: f64,
    speed_mps: f64,
    heading_deg: f64,
    odometer_m: f64,
    battery: f64,
    /// Still to stand here, seconds.
    pause_s: f64,
    /// How long the incident that it drives to will keep it, seconds.
    stay_s: f64,
    /// Traffic: slows a little, at times, within the limit. Drifts.
    mood: f64,
}

impl Mover {
    /// A unit of the station at `home`, now at `at` (or at home).
    pub fn new(graph: &'static RoadGraph, home: Place, at: Option<Place>, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let home = graph.nearest(home.spot());
        let start = match at {
            Some(place) => graph.nearest(place.spot()),
            // not all in one heap at the door: spread over the nearest streets
            None => pick(&mut rng, &graph.around(graph.spot(home), 900.0)).unwrap_or(home),
        };
        let pace = rng.random_range(0.85..1.0);
        let battery = rng.random_range(0.55..1.0);
        let heading_deg = rng.random_range(0.0..360.0);
        // some stand, some are about to go: a city does not start at a whistle
        let pause_s =
            if rng.random_bool(0.3) { rng.random_range(5.0..60.0) } else { rng.random_range(0.0..4.0) };
        Self {
            graph,
            home,
            pace,
            errand: Errand::Patrolling,
            way: vec![start],
            track: Track::along(graph, &[start], pace, &[]),
            along_m: 0.0,
            speed_mps: 0.0,
            heading_deg,
            odometer_m: 0.0,
            battery,
            pause_s,
            stay_s: 0.0,
            mood: 1.0,
            rng,
        }
    }

    /// Sends the unit to an incident; it stays there for `stay_s` and then patrols again.
    pub fn attend(&mut self, place: Place, stay_s: f64) {
        let to = self.graph.nearest(place.spot());
        self.set_out(to, Errand::ToIncident);
        self.stay_s = stay_s.max(0.0);
        // Who is there already has no way to drive.
        self.pause_s = if self.has_arrived() { self.stay_s } else { 0.0 };
    }

    /// It is wanted there no more: it patrols again.
    pub fn dismiss(&mut self) {
        if self.errand == Errand::ToIncident {
            self.errand = Errand::Patrolling;
            self.pause_s = 0.0;
        }
    }

    /// For how long it has stood where it was sent, or as near as roads lead, seconds.
    pub fn there_for_s(&self) -> f64 {
        match self.errand {
            Errand::ToIncident if self.has_arrived() => self.stay_s - self.pause_s,
            _ => 0.0,
        }
    }

    fn has_arrived(&self) -> bool {
        self.along_m >= self.track.length_m()
    }

    pub fn errand(&self) -> Errand {
        self.errand
    }

    pub fn state(&self) -> State {
        // traffic keeps left here: two metres and a half off the middle, so that both ways can be told apart
        let spot = self.track.at(self.along_m).spot;
        let left = (self.heading_deg - 90.0).to_radians();
        let beside = Spot::new(spot.east + 2.5 * left.sin(), spot.north + 2.5 * left.cos());
        State {
            place: beside.place(),
            speed_mps: self.speed_mps,
            heading_deg: self.heading_deg,
            odometer_m: self.odometer_m,
            battery: self.battery,
            halted: self.speed_mps == 0.0,
        }
    }

    /// Lets time pass.
    pub fn advance(&mut self, seconds: f64) {
        let mut left = seconds;
        while left > 1e-9 {
            let step = left.min(STEP_S);
            self.step(step);
            left -= step;
        }
    }

    fn step(&mut self, dt: f64) {
        self.charge(dt);
        if self.pause_s > 0.0 {
            self.pause_s -= dt;
            return;
        }
        if self.has_arrived() {
            return self.next_errand();
        }
        self.drive(dt);
    }

    fn drive(&mut self, dt: f64) {
        let here = self.track.at(self.along_m);
        self.mood = (self.mood + self.rng.random_range(-0.05..0.05) * dt).clamp(0.88, 1.0);
        let off = turn_deg(self.heading_deg, here.heading_deg);
        self.heading_deg =
            (self.heading_deg + off.clamp(-SLEW_DEG_S * dt, SLEW_DEG_S * dt)).rem_euclid(360.0);
        let halt_m = self.track.next_halt_m(self.along_m + 1e-6) - self.along_m;
        let mut wish = here.limit_mps.max(1.0);
        if wish > SLOWEST_MPS {
            wish = (wish * self.mood).max(SLOWEST_MPS);
        }
        if self.speed_mps < SLOWEST_MPS && off.abs() > 50.0 {
            wish = wish.min(CREEP_MPS);
        }
        self.speed_mps = (self.speed_mps + PULL * dt).min(wish);
        let moved = (self.speed_mps * dt).min(halt_m);
        self.along_m += moved;
        self.odometer_m += moved;
        if halt_m - moved < 0.3 {
            self.along_m += halt_m - moved;
            self.speed_mps = 0.0;
            self.arrive();
        }
    }

    /// At a halt: how long to stand there.
    fn arrive(&mut self) {
        let under_way = self.along_m < self.track.length_m();
        let range = match self.errand {
            _ if under_way => 4.0..22.0,
            Errand::ToStation => 60.0..240.0,
            Errand::ToIncident => {
                self.pause_s = self.stay_s;
                return;
            }
            Errand::Patrolling if self.rng.random_bool(0.45) => 10.0..75.0,
            Errand::Patrolling => 1.0..4.0,
        };
        self.pause_s = self.rng.random_range(range);
    }

    fn next_errand(&mut self) {
        let home = self.graph.spot(self.home);
        let away_m = self.track.at(self.along_m).spot.distance_m(home);
        if self.errand != Errand::ToStation && self.rng.random_bool(if away_m > FAR_M { 0.6 } else { 0.12 }) {
            return self.set_out(self.home, Errand::ToStation);
        }
        let radius = if self.rng.random_bool(0.1) { FAR_M } else { NEAR_M };
        let choices = self.graph.around(home, radius);
        let to = pick(&mut self.rng, &choices).unwrap_or(self.home);
        self.set_out(to, Errand::Patrolling);
    }

    fn set_out(&mut self, to: NodeId, errand: Errand) {
        let (from, behind) = self.position_on_way();
        let Some(mut way) = self.graph.way(from, to, behind) else { return };
        let halts: Vec<NodeId> = way
            .iter()
            .skip(1)
            .copied()
            .filter(|node| busy(self.graph, *node) && self.rng.random_bool(0.22))
            .collect();
        let halts = if errand == Errand::ToIncident { Vec::new() } else { halts };
        // under way, the new line starts behind the unit, on the edge that it is driving
        let start_m = match behind {
            Some(behind) if self.along_m < self.track.length_m() => {
                way.insert(0, behind);
                let here = self.track.at(self.along_m).spot;
                self.graph.spot(behind).distance_m(here)
            }
            _ => 0.0,
        };
        self.track = Track::along(self.graph, &way, self.pace, &halts);
        self.along_m = start_m.min(self.track.length_m());
        self.way = way;
        self.errand = errand;
    }

    /// The node that comes next (or that one stands at), and the one just passed.
    fn position_on_way(&self) -> (NodeId, Option<NodeId>) {
        let here = self.track.at(self.along_m).spot;
        if self.along_m >= self.track.length_m() {
            let behind = self.way.len().checked_sub(2).map(|i| self.way[i]);
            return (self.way[self.way.len() - 1], behind);
        }
        let nearest = self.way.windows(2).min_by(|a, b| {
            let off = |p: &[NodeId]| {
                here.nearest_on(self.graph.spot(p[0]), self.graph.spot(p[1])).0.distance_m(here)
            };
            off(a).total_cmp(&off(b))
        });
        match nearest {
            Some(pair) => (pair[1], Some(pair[0])),
            None => (self.way[0], None),
        }
    }

    fn charge(&mut self, dt: f64) {
        let at_station = self.errand == Errand::ToStation && self.pause_s > 0.0;
        // a shift of ten hours empties it; a break of ten minutes fills a tenth
        let change = if at_station { dt / 6_000.0 } else { -dt / 36_000.0 };
        self.battery = (self.battery + change).clamp(0.08, 1.0);
    }
}

/// Where larger roads meet, there are lights.
fn busy(graph: &RoadGraph, node: NodeId) -> bool {
    let edges = graph.edges(node);
    edges.len() > 2
        && edges.iter().filter(|e| matches!(e.class, RoadClass::Primary | RoadClass::Secondary)).count() > 2
}

fn pick(rng: &mut StdRng, choices: &[NodeId]) -> Option<NodeId> {
    (!choices.is_empty()).then(|| choices[rng.random_range(0..choices.len())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        city::{self, ground, roads},
        simulate::track::{FASTEST_MPS, MPH},
    };

    fn kadavanthra() -> Place {
        Place { lat: 9.9664, lon: 76.2987 }
    }

    fn unit(seed: u64) -> Mover {
        Mover::new(roads::kochi(), kadavanthra(), None, seed)
    }

    /// States once a second.
    fn drive(unit: &mut Mover, seconds: usize) -> Vec<State> {
        (0..seconds)
            .map(|_| {
                unit.advance(1.0);
                unit.state()
            })
            .collect()
    }

    fn off_road_m(place: Place) -> f64 {
        let (graph, spot) = (roads::kochi(), place.spot());
        let mut reach = 400.0;
        loop {
            let off = graph
                .around(spot, reach)
                .into_iter()
                .flat_map(|a| graph.edges(a).iter().map(move |e| (a, e.to)))
                .map(|(a, b)| spot.nearest_on(graph.spot(a), graph.spot(b)).0.distance_m(spot))
                .fold(f64::MAX, f64::min);
            if off < 15.0 || reach > 6_000.0 {
                return off;
            }
            reach *= 2.5;
        }
    }

    #[test]
    fn the_same_seed_drives_the_same_way_and_another_does_not() {
        let places = |seed| drive(&mut unit(seed), 900).iter().map(|s| s.place).collect::<Vec<_>>();
        assert_eq!(places(1), places(1));
        assert_ne!(places(1), places(2));
    }

    #[test]
    fn speeds_lie_between_20_and_60_mph_except_to_pull_away_and_to_stop() {
        for seed in 0..12 {
            let states = drive(&mut unit(seed), 2_400);
            assert!(states.iter().all(|s| s.speed_mps <= FASTEST_MPS + 1e-9));
            let moving = states.iter().filter(|s| s.speed_mps > 0.0).count();
            let slow = states.iter().filter(|s| s.speed_mps > 0.0 && s.speed_mps < 20.0 * MPH - 1e-6).count();
            assert!(slow * 3 < moving, "seed {seed}: {slow} of {moving} seconds below 20 mph");
            // a slow second is near a standing one: pulling away and stopping take some seconds each
            for window in states.windows(21) {
                let middle = window[10].speed_mps;
                if middle > 0.0 && middle < 20.0 * MPH - 1e-6 {
                    let near: Vec<_> = window.iter().map(|s| s.speed_mps).collect();
                    assert!(window.iter().any(|s| s.halted), "seed {seed}: crawls: {near:.1?}");
                }
            }
        }
    }

    #[test]
    fn speed_changes_as_a_vehicle_s_does() {
        for seed in 0..6 {
            for pair in drive(&mut unit(seed), 2_400).windows(2) {
                let change = pair[1].speed_mps - pair[0].speed_mps;
                assert!((-5.5..=PULL + 0.1).contains(&change), "seed {seed}: {change} m/s in a second");
            }
        }
    }

    #[test]
    fn units_keep_to_the_roads_and_out_of_the_water() {
        for seed in 0..6 {
            for state in drive(&mut unit(seed), 1_800).iter().step_by(7) {
                let off = off_road_m(state.place);
                assert!(off < 15.0, "seed {seed}: {off} m off the road at {:?}", state.place);
            }
        }
        // a station on an island: ways lead over bridges, and only over them into the open
        let mut islander = Mover::new(roads::kochi(), Place { lat: 9.9985, lon: 76.2655 }, None, 3);
        for state in drive(&mut islander, 3_600).iter().step_by(5) {
            let near_bridge = || {
                let spot = state.place.spot();
                let map = city::basemap::kochi();
                map.roads
                    .iter()
                    .filter(|r| r.bridge)
                    .flat_map(|r| r.line.windows(2))
                    .any(|e| spot.nearest_on(e[0].spot(), e[1].spot()).0.distance_m(spot) < 15.0)
            };
            assert!(ground::is_land(state.place) || near_bridge(), "{:?}", state.place);
        }
    }

    #[test]
    fn no_one_turns_on_the_spot_at_speed() {
        for seed in 0..12 {
            for pair in drive(&mut unit(seed), 1_800).windows(2) {
                let turn = turn_deg(pair[0].heading_deg, pair[1].heading_deg).abs();
                let speed = pair[0].speed_mps.min(pair[1].speed_mps);
                assert!(
                    speed < 5.0 || turn <= SLEW_DEG_S + 0.1,
                    "seed {seed}: {turn} degrees at {speed} m/s"
                );
            }
        }
    }

    #[test]
    fn units_stop_now_and_then_and_visit_their_station() {
        for seed in 0..6 {
            let mut unit = unit(seed);
            let home = unit.graph.spot(unit.home);
            let mut visits = 0;
            let mut stops = 0;
            for _ in 0..4 * 3_600 {
                let before = unit.speed_mps;
                unit.advance(1.0);
                stops += usize::from(before > 0.0 && unit.speed_mps == 0.0);
                let at_home = unit.state().place.spot().distance_m(home) < 10.0;
                visits += usize::from(unit.state().halted && at_home);
            }
            assert!(stops > 30, "seed {seed}: {stops} stops in four hours");
            assert!(visits > 30, "seed {seed}: {visits} seconds at the station in four hours");
        }
    }

    #[test]
    fn units_stay_in_their_station_s_neighbourhood_mostly() {
        for seed in 0..6 {
            let states = drive(&mut unit(seed), 2 * 3_600);
            let home = kadavanthra().spot();
            let far = states.iter().filter(|s| s.place.spot().distance_m(home) > 3_000.0).count();
            assert!(far * 3 < states.len(), "seed {seed}: {far} of {} seconds far away", states.len());
            assert!(states.iter().all(|s| s.place.spot().distance_m(home) < 12_000.0));
        }
    }

    #[test]
    fn a_unit_starts_where_it_was_last_seen() {
        let seen = Place { lat: 10.0250, lon: 76.3083 };
        let unit = Mover::new(roads::kochi(), kadavanthra(), Some(seen), 1);
        assert!(unit.state().place.spot().distance_m(seen.spot()) < 60.0);
    }

    #[test]
    fn a_unit_drives_to_the_incident_it_is_sent_to_and_stays_there() {
        let mut unit = unit(5);
        unit.advance(200.0);
        let incident = Place { lat: 9.9950, lon: 76.2925 };
        let before = unit.state().place.spot();
        unit.attend(incident, 300.0);
        assert!(unit.state().place.spot().distance_m(before) < 15.0, "jumped");
        let mut waited = 0;
        while !(unit.state().halted && unit.state().place.spot().distance_m(incident.spot()) < 80.0) {
            unit.advance(1.0);
            waited += 1;
            assert!(waited < 1_200, "did not arrive within twenty minutes");
        }
        assert_eq!(unit.errand(), Errand::ToIncident);
        unit.advance(290.0);
        assert!(unit.state().halted);
        unit.advance(60.0);
        assert_ne!(unit.errand(), Errand::ToIncident);
    }

    #[test]
    fn a_unit_that_is_wanted_where_it_stands_is_there_and_goes_when_it_is_dismissed() {
        let incident = Place { lat: 9.9950, lon: 76.2925 };
        let mut unit = Mover::new(roads::kochi(), kadavanthra(), Some(incident), 5);
        unit.attend(incident, 7_200.0);
        unit.advance(3_600.0);
        assert!((unit.there_for_s() - 3_600.0).abs() < 1.0 && unit.state().halted);
        unit.dismiss();
        let before = unit.state().odometer_m;
        unit.advance(120.0);
        assert!(unit.there_for_s() == 0.0 && unit.state().odometer_m > before);
    }

    #[test]
    fn the_battery_drains_on_the_road_and_fills_at_the_station() {
        let mut unit = unit(9);
        let mut rose = false;
        let mut fell = false;
        for _ in 0..4 * 60 {
            let before = unit.state().battery;
            unit.advance(60.0);
            rose |= unit.state().battery > before;
            fell |= unit.state().battery < before;
        }
        assert!(rose && fell && (0.0..=1.0).contains(&unit.state().battery));
    }
}
