//! What is drawn over the basemap, for either renderer.
//!
//! From the bottom: ground marks (station sites), ground words (place names), the
//! trail, lines to pins, units, clusters, pins, units on top, words of units. Each thing says from where to where it
//! moves and when; the renderer works out where it is now.

use super::{atlas::Area, palette::Palette, pins::Link, project::View, project::World, store::UnitStore};

/// Overscan of the canvas on each side, CSS pixels: a mark whose middle is just
/// outside the view still shows its near half.
pub const OVERSCAN: f64 = 28.0;

/// A straight movement on the world.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Motion {
    pub from: World,
    pub to: World,
    pub t0_ms: f64,
    pub dur_ms: f64,
}

impl Motion {
    pub fn still(at: World) -> Self {
        Self { from: at, to: at, t0_ms: 0.0, dur_ms: 0.0 }
    }

    pub fn at(&self, now_ms: f64) -> World {
        let f = if self.dur_ms <= 0.0 { 1.0 } else { ((now_ms - self.t0_ms) / self.dur_ms).clamp(0.0, 1.0) };
        self.from.lerp(self.to, f)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    Cluster = 0,
    StationSite = 1,
    TrailStart = 2,
    TrailEnd = 3,
    Pin = 4,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    pub motion: Motion,
    pub radius: f32,
    pub kind: MarkKind,
    /// Where each status ends on a cluster's ring, in 255ths of the circle. Of a pin its state,
    /// its priority, whether it is an order's, whether it is chosen.
    pub mix: [u8; 4],
}

/// A word of the atlas.
#[derive(Debug, Clone, PartialEq)]
pub struct Sprite {
    pub motion: Motion,
    /// Top left corner from the place, CSS pixels.
    pub dx: f32,
    pub dy: f32,
    pub w: f32,
    pub h: f32,
    pub area: Area,
}

#[derive(Default)]
pub struct Layers {
    pub marks: Vec<Mark>,
    /// The first so many marks lie under the units.
    pub ground_marks: usize,
    pub sprites: Vec<Sprite>,
    pub ground_sprites: usize,
    pub trail: Vec<World>,
    pub pins: Vec<Mark>,
    /// Made anew for each frame.
    pub links: Vec<Link>,
    pub changed: Changed,
}

/// What a renderer that keeps copies must take anew.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changed {
    pub marks: bool,
    pub sprites: bool,
    pub trail: bool,
    pub pins: bool,
}

impl Changed {
    pub const ALL: Changed = Changed { marks: true, sprites: true, trail: true, pins: true };
}

pub struct Scene<'a> {
    pub view: View,
    pub now_ms: f64,
    pub dpr: f64,
    pub store: &'a mut UnitStore,
    pub layers: &'a mut Layers,
    pub palette: &'a Palette,
    /// Size of a unit's mark; 1 is full.
    pub grow: f32,
    /// So many are in view that plain small marks are drawn.
    pub small: bool,
    /// Drawn again on top of the others and of clusters: calls for help, then what is pointed at
    /// and what is chosen.
    pub on_top: Vec<usize>,
}
