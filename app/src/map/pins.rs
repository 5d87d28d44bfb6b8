//! Incidents and orders on the map: a pin at each place, and a line from each unit that is sent
//! there. Few beside the units: they are gone through as they are.

use super::{
    project::{View, World},
    scene::{Layers, Mark, MarkKind, Motion},
    store::UnitStore,
};
use sentinel_model::{
    TaskId, UnitId,
    dispatch::{Priority, TaskState},
};

/// From the place up to the middle of the pin's head, CSS pixels.
pub const HEAD_PX: f64 = 17.0;
/// Room for a pin and its ring.
const RADIUS: f32 = 30.0;

/// A place to show.
#[derive(Debug, Clone, PartialEq)]
pub struct Pin {
    /// None of a place that is being chosen.
    pub id: Option<TaskId>,
    pub lat: f64,
    pub lon: f64,
    pub is_order: bool,
    pub state: TaskState,
    pub priority: Priority,
    pub chosen: bool,
    /// Who is on the way there, or there.
    pub units: Vec<UnitId>,
}

/// A stretch of a line to a pin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    pub from: World,
    pub to: World,
    pub priority: Priority,
}

#[derive(Debug, Default)]
pub struct Pins {
    all: Vec<Pin>,
}

impl Pins {
    /// Those that count most are drawn last, so on top.
    pub fn put(&mut self, mut pins: Vec<Pin>, layers: &mut Layers) {
        pins.sort_by_key(|pin| (pin.chosen, std::cmp::Reverse(pin.priority)));
        layers.pins = pins.iter().map(mark).collect();
        layers.changed.pins = true;
        self.all = pins;
    }

    /// Lines from where the units are shown now.
    pub fn lines(&self, store: &UnitStore, now_ms: f64) -> Vec<Link> {
        let line = |pin: &Pin, unit: &UnitId| {
            let slot = store.find(unit).and_then(|index| store.get(index)).filter(|slot| slot.placed)?;
            let to = World::from_degrees(pin.lat, pin.lon);
            Some(Link { from: slot.position(now_ms), to, priority: pin.priority })
        };
        self.all.iter().flat_map(|pin| pin.units.iter().filter_map(move |unit| line(pin, unit))).collect()
    }

    /// The task whose pin's head is at a point, the topmost.
    pub fn at(&self, view: &View, (x, y): (f64, f64), reach: f64) -> Option<&TaskId> {
        let hit = |pin: &&Pin| {
            let (px, py) = view.to_px(World::from_degrees(pin.lat, pin.lon));
            (px - x).hypot(py - HEAD_PX - y) <= reach
        };
        self.all.iter().rev().find(hit).and_then(|pin| pin.id.as_ref())
    }
}

fn mark(pin: &Pin) -> Mark {
    Mark {
        motion: Motion::still(World::from_degrees(pin.lat, pin.lon)),
        radius: RADIUS,
        kind: MarkKind::Pin,
        mix: [
            if pin.id.is_none() { 4 } else { pin.state as u8 },
            pin.priority as u8,
            u8::from(pin.is_order),
            u8::from(pin.chosen),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(id: &str, priority: Priority, lon: f64) -> Pin {
        Pin {
            id: id.parse().ok(),
            lat: 9.97,
            lon,
            is_order: false,
            state: TaskState::Open,
            priority,
            chosen: false,
            units: Vec::new(),
        }
    }

    #[test]
    fn a_pin_is_hit_at_its_head_and_the_more_pressing_of_two() {
        let (mut pins, mut layers) = (Pins::default(), Layers::default());
        pins.put(vec![pin("high", Priority::High, 76.28), pin("low", Priority::Low, 76.28)], &mut layers);
        let w = World::from_degrees(9.97, 76.28);
        let scale = 4_000_000.0;
        let view =
            View { scale, tx: 400.0 - w.x * scale, ty: 300.0 - w.y * scale, width: 800.0, height: 600.0 };
        let hit = |x, y| pins.at(&view, (x, y), 13.0).map(TaskId::as_str);
        assert_eq!(hit(402.0, 300.0 - HEAD_PX), Some("high"));
        assert_eq!(hit(402.0, 306.0), None, "whoever stands at the place can be chosen too");
        assert_eq!(layers.pins.len(), 2);
    }
}
