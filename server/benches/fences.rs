//! What one core does of watching fences: `cargo bench -p sentinel-server --bench fences`.
//!
//! 1,000 units drive about a city of 20 by 20 km, once a second, among ever more fences. Each
//! fix goes through all that crossing is decided by; beside it the same fixes against every fence
//! in turn, which is what an index saves.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use sentinel_model::{
    ScopePath, Time,
    geofence::{Circle, FenceRules, Geofence, Polygon, Shape},
};
use sentinel_server::watch::{Sighting, crossing::State, index::FenceIndex};
use std::{
    f64::consts::TAU,
    sync::Arc,
    time::{Duration, Instant},
};

const UNITS: usize = 1_000;
/// How long each is measured.
const FOR: Duration = Duration::from_secs(5);
/// South-west corner and width of the city, degrees.
const CITY: (f64, f64, f64) = (9.9, 76.2, 0.18);

struct Unit {
    at: (f64, f64),
    /// Degrees a second.
    way: (f64, f64),
    state: State,
}

fn fence(n: usize, path: &ScopePath, rng: &mut StdRng) -> Arc<Geofence> {
    let latitude = CITY.0 + rng.random_range(0.0..CITY.2);
    let longitude = CITY.1 + rng.random_range(0.0..CITY.2);
    let radius_m: f64 = rng.random_range(100.0..400.0);
    let shape = if n.is_multiple_of(2) {
        Shape::Circle(Circle { latitude, longitude, radius_m })
    } else {
        let corner = |n: u32| {
            let (turn, far) = (TAU * f64::from(n) / 12.0, radius_m / 111_000.0 * depth(n));
            (latitude + far * turn.sin(), longitude + far * turn.cos())
        };
        Shape::Polygon(Polygon { points: (0..12).map(corner).collect() })
    };
    Arc::new(Geofence {
        id: format!("fence-{n}"),
        name: format!("Fence {n}"),
        scope: path.station(),
        shape,
        on: FenceRules {
            enter: true,
            exit: true,
            dwell_s: Some(300),
            speed_limit_mps: Some(15.0),
            silent: false,
        },
        enabled: true,
        created_at: Time(0),
        updated_at: Time(0),
        created_by: "user:bench".into(),
    })
}

/// Corners lie in and out by turns.
fn depth(n: u32) -> f64 {
    if n.is_multiple_of(2) { 1.0 } else { 0.7 }
}

fn main() {
    let path = ScopePath { district: 1, zone: 1, division: 1, station: 5 };
    println!(
        "fences  fixes/s/core  fences x fixes/s/core  crossings  of every fence in turn, fixes/s  ratio"
    );
    for fences in [100, 1_000, 10_000] {
        let mut rng = StdRng::seed_from_u64(7);
        let all: Vec<Arc<Geofence>> = (0..fences).map(|n| fence(n, &path, &mut rng)).collect();
        let index = FenceIndex::new(all.iter().cloned());
        let mut units: Vec<Unit> = (0..UNITS)
            .map(|_| {
                let turn = rng.random_range(0.0..TAU);
                let at = (CITY.0 + rng.random_range(0.0..CITY.2), CITY.1 + rng.random_range(0.0..CITY.2));
                Unit {
                    at,
                    way: (12.0 / 111_000.0 * turn.sin(), 12.0 / 111_000.0 * turn.cos()),
                    state: State::default(),
                }
            })
            .collect();
        let (mut fixes, mut crossings, mut second) = (0_u64, 0, 0);
        let begun = Instant::now();
        while begun.elapsed() < FOR {
            second += 1;
            for unit in &mut units {
                drive(unit);
                let at = sighting(unit, second);
                crossings += unit.state.step(&at, &index, &path).len();
                fixes += 1;
            }
        }
        let rate = fixes as f64 / begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let (mut plain, mut inside) = (0_u64, 0_usize);
        'all: loop {
            for unit in &mut units {
                drive(unit);
                inside += all.iter().filter(|fence| fence.shape.contains(unit.at.0, unit.at.1)).count();
                plain += 1;
                if begun.elapsed() >= FOR / 5 {
                    break 'all;
                }
            }
        }
        let plain = plain as f64 / begun.elapsed().as_secs_f64();
        std::hint::black_box(inside);
        println!(
            "{fences:>6}  {rate:>12.0}  {:>21.3e}  {crossings:>9}  {plain:>31.0}  {:>5.0}",
            rate * fences as f64,
            rate / plain
        );
    }
}

/// Who comes to the edge of the city turns back.
fn drive(unit: &mut Unit) {
    let (latitude, longitude) = (unit.at.0 + unit.way.0, unit.at.1 + unit.way.1);
    if !(CITY.0..CITY.0 + CITY.2).contains(&latitude) {
        unit.way.0 = -unit.way.0;
    }
    if !(CITY.1..CITY.1 + CITY.2).contains(&longitude) {
        unit.way.1 = -unit.way.1;
    }
    unit.at = (unit.at.0 + unit.way.0, unit.at.1 + unit.way.1);
}

fn sighting(unit: &Unit, second: i64) -> Sighting {
    Sighting {
        time: Time(second * 1000),
        latitude: unit.at.0,
        longitude: unit.at.1,
        speed_mps: Some(12.0),
        accuracy_m: Some(5.0),
        battery: Some(0.8),
    }
}
