//! One unit on the map: its movement between the last two fixes, and its record.

use super::{project::World, store::RECORD};
use sentinel_model::{PatrolId, Time, UnitId, UnitStatus, live::LiveUnit};

/// Fixes further apart than this are no continuous movement: the marker catches up.
const GAP_MAX_MS: f64 = 5_000.0;
/// How fast it catches up then.
const CATCH_UP_MS: f64 = 800.0;
const MOVE_MIN_MS: f64 = 120.0;
/// A little longer than the gap, so that the marker is still moving when the next fix comes.
const OVERLAP: f64 = 1.08;
/// Longer moves, as a part of the world (about 6 km), are jumps.
const JUMP_WORLD: f64 = 0.000_15;
/// Slower than this is parked, m/s.
const PARKED_MPS: f32 = 0.7;
/// A unit that says it drives and does not move is standing after this.
const STANDS_AFTER_MS: f64 = 4_000.0;
/// Degrees that a marker may turn at a jerk unnoticed.
const TURN_SEEN: f32 = 4.0;

pub const SHOWN: u8 = 1;
pub const HEADING: u8 = 2;
pub const SELECTED: u8 = 4;
pub const HOVERED: u8 = 8;

#[derive(Debug, Clone)]
pub struct Slot {
    pub id: UnitId,
    pub patrol: PatrolId,
    pub status: UnitStatus,
    pub time: Option<Time>,
    pub from: World,
    pub to: World,
    pub t0_ms: f64,
    pub dur_ms: f64,
    /// Degrees; not a number where unknown.
    pub heading_from: f32,
    pub heading_to: f32,
    pub live: bool,
    pub placed: bool,
    pub filtered: bool,
    pub clustered: bool,
    pub selected: bool,
    pub hovered: bool,
    /// Has an open call for help.
    pub calling: bool,
    pub parked: bool,
    /// The cluster cell it was last counted in, and at which zoom.
    pub cell: (i8, i32, i32),
    /// Pixels that it stands aside of its place, to be told from its neighbours.
    pub fan: (i8, i8),
    /// When it was last heard of, ms on the page's clock.
    heard_ms: f64,
}

impl Slot {
    pub fn new(unit: &LiveUnit) -> Self {
        Self {
            id: unit.id.clone(),
            patrol: unit.patrol,
            status: unit.status,
            time: None,
            from: World::default(),
            to: World::default(),
            t0_ms: 0.0,
            dur_ms: 0.0,
            heading_from: f32::NAN,
            heading_to: f32::NAN,
            live: true,
            placed: false,
            filtered: false,
            clustered: false,
            selected: false,
            hovered: false,
            calling: false,
            parked: true,
            cell: (-1, 0, 0),
            fan: (0, 0),
            heard_ms: f64::NEG_INFINITY,
        }
    }

    pub fn vacate(&mut self) {
        self.live = false;
        self.placed = false;
    }

    /// Has a place and passes the filter.
    pub fn shows(&self) -> bool {
        self.live && self.placed && !self.filtered
    }

    /// Never inside a cluster.
    pub fn stands_alone(&self) -> bool {
        self.selected || self.calling
    }

    /// Which mark it has; the shader's and the sprites' numbering.
    pub fn shape(&self) -> u8 {
        if self.calling { CALLING } else { shape(self.status) }
    }

    /// Is drawn by itself.
    pub fn drawn(&self) -> bool {
        self.shows() && !self.clustered
    }

    /// Takes an update. False where it changes nothing: it is older than what is
    /// held, or the same again.
    pub fn take(&mut self, unit: &LiveUnit, now_ms: f64, still: bool) -> bool {
        if let (Some(held), Some(new)) = (self.time, unit.time)
            && new < held
        {
            return false;
        }
        let mut changed = self.status != unit.status || !self.placed && self.time.is_none();
        self.status = unit.status;
        if let (Some(lat), Some(lon)) = (unit.lat, unit.lon) {
            let to = World::from_degrees(lat, lon);
            let heading = unit.heading_deg.unwrap_or(f32::NAN);
            let same_heading = heading == self.heading_to || heading.is_nan() && self.heading_to.is_nan();
            let same = self.placed && to == self.to && same_heading;
            self.parked = unit.speed_mps.map_or(to == self.to, |v| v < PARKED_MPS);
            if !same {
                self.move_to(to, heading, unit.time, now_ms, still);
                changed = true;
            }
            self.heard_ms = now_ms;
            self.time = unit.time.or(self.time);
        }
        changed
    }

    fn move_to(&mut self, to: World, heading: f32, time: Option<Time>, now_ms: f64, still: bool) {
        let shown = self.position(now_ms);
        let jump = still || !self.placed || (to.x - shown.x).abs().max((to.y - shown.y).abs()) > JUMP_WORLD;
        self.heading_from = if jump { heading } else { self.heading(now_ms) };
        self.heading_to = heading;
        if self.heading_from.is_nan() {
            self.heading_from = heading;
        }
        self.from = if jump { to } else { shown };
        self.dur_ms = if jump { 0.0 } else { self.duration(time, now_ms) };
        self.to = to;
        self.t0_ms = now_ms;
        self.placed = true;
    }

    /// As long as the fixes are apart, on the device's clock or ours.
    fn duration(&self, time: Option<Time>, now_ms: f64) -> f64 {
        let heard = now_ms - self.heard_ms;
        let device = match (self.time, time) {
            (Some(held), Some(new)) => new.ms_since(held) as f64,
            _ => heard,
        };
        // A replay at 60 times has minutes between fixes and little between frames.
        let gap = device.min(heard);
        if gap > GAP_MAX_MS { CATCH_UP_MS } else { (gap * OVERLAP).max(MOVE_MIN_MS) }
    }

    fn progress(&self, now_ms: f64) -> f64 {
        if self.dur_ms <= 0.0 { 1.0 } else { ((now_ms - self.t0_ms) / self.dur_ms).clamp(0.0, 1.0) }
    }

    /// Where it is shown now: the shader's own sum, in f64.
    pub fn position(&self, now_ms: f64) -> World {
        self.from.lerp(self.to, self.progress(now_ms))
    }

    /// Which way it is shown to look now, degrees.
    pub fn heading(&self, now_ms: f64) -> f32 {
        let f =
            if self.dur_ms <= 0.0 { 1.0 } else { ((now_ms - self.t0_ms) / self.turn_ms()).clamp(0.0, 1.0) };
        self.heading_from + turn(self.heading_from, self.heading_to) * f as f32
    }

    /// A turn is over sooner than the way: a car that has turned looks ahead.
    fn turn_ms(&self) -> f64 {
        self.dur_ms.min(350.0)
    }

    /// Parked, or not moved for so long that it may as well be.
    pub fn stands(&self, now_ms: f64) -> bool {
        self.parked || now_ms > self.t0_ms + self.dur_ms + STANDS_AFTER_MS
    }

    /// How fast it moves on the map now, world sides per ms.
    pub fn pace(&self, now_ms: f64) -> f64 {
        let over = self.dur_ms <= 0.0 || now_ms >= self.t0_ms + self.dur_ms;
        if over { 0.0 } else { (self.to.x - self.from.x).hypot(self.to.y - self.from.y) / self.dur_ms }
    }

    /// When a turn that the eye would miss if it were not smooth is over, ms.
    pub fn turning_until_ms(&self) -> f64 {
        let visible = turn(self.heading_from, self.heading_to).abs() > TURN_SEEN;
        if visible { self.t0_ms + self.turn_ms() } else { f64::NEG_INFINITY }
    }

    /// Writes the record that `gl::units` reads.
    pub fn write(&self, record: &mut [u8], origin: World, epoch_ms: f64) {
        let heading = !self.heading_to.is_nan();
        let (h0, h1) = if heading {
            (self.heading_from, self.heading_from + turn(self.heading_from, self.heading_to))
        } else {
            (0.0, 0.0)
        };
        let floats = [
            (self.from.x - origin.x) as f32,
            (self.from.y - origin.y) as f32,
            (self.to.x - origin.x) as f32,
            (self.to.y - origin.y) as f32,
            ((self.t0_ms - epoch_ms) / 1000.0) as f32,
            (self.dur_ms / 1000.0) as f32,
            h0.to_radians(),
            h1.to_radians(),
        ];
        for (bytes, float) in record.chunks_exact_mut(4).zip(floats) {
            bytes.copy_from_slice(&float.to_le_bytes());
        }
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let flags = flag(self.drawn(), SHOWN)
            | flag(heading, HEADING)
            | flag(self.selected, SELECTED)
            | flag(self.hovered, HOVERED);
        let [fx] = self.fan.0.to_le_bytes();
        let [fy] = self.fan.1.to_le_bytes();
        record[RECORD - 4..].copy_from_slice(&[self.shape(), flags, fx, fy]);
    }
}

/// The diamond.
const CALLING: u8 = 4;

/// Which mark a status has.
pub fn shape(status: UnitStatus) -> u8 {
    match status {
        UnitStatus::Available => 0,
        UnitStatus::OnTask => 1,
        UnitStatus::Stale => 2,
        UnitStatus::Offline | UnitStatus::OffDuty => 3,
    }
}

/// The shorter way round, degrees.
fn turn(from: f32, to: f32) -> f32 {
    let d = (to - from).rem_euclid(360.0);
    if d > 180.0 { d - 360.0 } else { d }
}

#[cfg(test)]
mod tests {
    use super::turn;

    #[test]
    fn a_turn_takes_the_shorter_way() {
        assert_eq!(turn(350.0, 10.0), 20.0);
        assert_eq!(turn(10.0, 350.0), -20.0);
        assert_eq!(turn(0.0, 180.0), 180.0);
    }
}
