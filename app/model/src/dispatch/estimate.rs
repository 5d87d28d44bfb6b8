//! How far a way is along roads that nobody has measured, and how long it takes.

/// How much longer the way along roads is than the straight line, in towns.
pub const ROAD_FACTOR: f64 = 1.35;

/// The slowest and fastest that a unit is taken to drive to a task, metres a second: 25 and 90
/// km/h. One that stands is taken to drive as slowly as that.
const SPEED_MIN_MPS: f64 = 25.0 / 3.6;
const SPEED_MAX_MPS: f64 = 90.0 / 3.6;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Along the way, metres.
    pub distance_m: f64,
    pub eta_s: f64,
}

impl Estimate {
    /// By the straight line and the speed that the unit has now, within what is usual in traffic.
    pub fn of_line(line_m: f64, speed_mps: Option<f32>) -> Self {
        let speed = speed_mps.map_or(0.0, f64::from).clamp(SPEED_MIN_MPS, SPEED_MAX_MPS);
        let distance_m = line_m * ROAD_FACTOR;
        Self { distance_m, eta_s: distance_m / speed }
    }
}
