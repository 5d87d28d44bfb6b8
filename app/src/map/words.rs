//! Which marks and words there are at this moment: place names, station sites,
//! clusters with their counts, and the names of the units that have room for one.

use super::{
    cluster::{self, Cluster},
    labels::{Layout, Side, Wish},
    palette::Palette,
    pins::HEAD_PX,
    project::{View, World},
    scene::{Layers, Mark, MarkKind, Motion, Sprite},
    slot::Slot,
    store::UnitStore,
    text::{Style, TextAtlas, Word},
};
use std::collections::HashMap;

/// Most units that get a name at once, and most in view for any to get one.
const NAMES_MOST: usize = 140;
const NAMES_IN_VIEW: usize = 420;
/// From this zoom on units have names; the selected one always has.
const NAMES_ZOOM: f64 = 12.6;
const SITES_ZOOM: f64 = 11.5;
pub const SITE_NAMES_ZOOM: f64 = 13.0;
/// Pixels outside the view that words are still laid out for.
const MARGIN: f64 = 120.0;

/// A word of the basemap.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    pub text: String,
    pub at: World,
    pub style: Style,
    pub from_zoom: f64,
    pub rank: u32,
    /// Stands beside a small mark of its own.
    pub site: bool,
}

#[derive(Default)]
pub struct Words {
    pub names: Vec<Name>,
    /// Raster tiles are shown, which bring place names of their own.
    pub tiles: bool,
    /// Slots of the selected and the hovered unit.
    pub chosen: (Option<usize>, Option<usize>),
    /// Units drawn by themselves near the view.
    pub drawn_in_view: usize,
    /// The fastest of them, world sides per ms.
    pub pace_in_view: f64,
    unit_sides: HashMap<usize, Side>,
    name_sides: HashMap<usize, Side>,
    /// Sprites after the ground's that belong to units, with their slots.
    unit_sprites: Vec<usize>,
    first_unit_sprite: usize,
}

struct Unit {
    index: usize,
    x: f64,
    y: f64,
    chosen: bool,
}

impl Words {
    /// Nothing is held from before.
    pub fn forget(&mut self) {
        self.unit_sides.clear();
        self.name_sides.clear();
    }

    /// Builds marks and words anew.
    #[expect(clippy::too_many_arguments, reason = "the parts of one state, borrowed apart")]
    pub fn lay(
        &mut self,
        layers: &mut Layers,
        atlas: &mut TextAtlas,
        store: &UnitStore,
        clusters: &[Cluster],
        motions: &HashMap<(i32, i32), Motion>,
        palette: &Palette,
        view: &View,
        now_ms: f64,
    ) {
        layers.marks.clear();
        layers.sprites.clear();
        let mut layout = Layout::new(view.width + 2.0 * MARGIN, view.height + 2.0 * MARGIN);
        for cluster in clusters {
            let (x, y) = view.to_px(cluster.place);
            layout.block(x + MARGIN, y + MARGIN, cluster::radius(cluster.count));
        }
        for pin in &layers.pins {
            let (x, y) = view.to_px(pin.motion.to);
            layout.block(x + MARGIN, y - HEAD_PX + MARGIN, 12.0);
        }
        self.lay_names(layers, &mut layout, atlas, palette, view);
        self.lay_trail_ends(layers);
        layers.ground_marks = layers.marks.len();
        layers.ground_sprites = layers.sprites.len();
        for cluster in clusters {
            let motion = motions.get(&cluster.cell).copied().unwrap_or(Motion::still(cluster.place));
            lay_cluster(layers, atlas, palette, cluster, motion);
        }
        self.lay_units(layers, &mut layout, atlas, store, palette, view, now_ms);
        layers.changed.marks = true;
        layers.changed.sprites = true;
    }

    /// Units have new places; their words go with them.
    pub fn follow_units(&self, layers: &mut Layers, store: &UnitStore) {
        let sprites = layers.sprites.iter_mut().skip(self.first_unit_sprite);
        for (sprite, index) in sprites.zip(&self.unit_sprites) {
            match store.get(*index).filter(|s| s.drawn()) {
                Some(slot) => sprite.motion = motion(slot),
                None => (sprite.w, sprite.h) = (0.0, 0.0),
            }
        }
        layers.changed.sprites = true;
    }

    fn lay_names(
        &mut self,
        layers: &mut Layers,
        layout: &mut Layout,
        atlas: &mut TextAtlas,
        palette: &Palette,
        view: &View,
    ) {
        let zoom = view.zoom() + 0.01;
        let mut wishes = Vec::new();
        let mut wished = Vec::new();
        for (number, name) in self.names.iter().enumerate() {
            let (x, y) = view.to_px(name.at);
            if !near(view, x, y) || (self.tiles && !name.site) {
                continue;
            }
            if name.site && zoom >= SITES_ZOOM {
                let radius = if zoom >= 14.0 { 5.0 } else { 4.0 };
                let motion = Motion::still(name.at);
                layers.marks.push(Mark { motion, radius, kind: MarkKind::StationSite, mix: [0; 4] });
                layout.block(x + MARGIN, y + MARGIN, f64::from(radius) + 2.0);
            }
            if zoom < name.from_zoom {
                continue;
            }
            if let Some(word) = atlas.word(name.style, &name.text, palette) {
                let away = if name.site { 7.0 } else { 0.0 };
                let held = self.name_sides.get(&number).copied();
                wishes.push(wish(x, y, &word, away, name.rank, held, false));
                wished.push((number, word));
            }
        }
        self.name_sides.clear();
        for (side, (number, word)) in layout.choose(&wishes).into_iter().zip(wished) {
            if let (Some(side), Some(name)) = (side, self.names.get(number)) {
                self.name_sides.insert(number, side);
                let away = if name.site { 7.0 } else { 0.0 };
                layers.sprites.push(sprite(&word, side, away, (0, 0), Motion::still(name.at)));
            }
        }
    }

    fn lay_trail_ends(&self, layers: &mut Layers) {
        if let (Some(first), Some(last), true) =
            (layers.trail.first(), layers.trail.last(), layers.trail.len() > 1)
        {
            for (at, kind) in [(*first, MarkKind::TrailStart), (*last, MarkKind::TrailEnd)] {
                layers.marks.push(Mark { motion: Motion::still(at), radius: 5.5, kind, mix: [0; 4] });
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one state, borrowed apart")]
    fn lay_units(
        &mut self,
        layers: &mut Layers,
        layout: &mut Layout,
        atlas: &mut TextAtlas,
        store: &UnitStore,
        palette: &Palette,
        view: &View,
        now_ms: f64,
    ) {
        self.first_unit_sprite = layers.sprites.len();
        self.unit_sprites.clear();
        let units = self.units_near(store, view, now_ms);
        self.drawn_in_view = units.len();
        let paces = units.iter().filter_map(|u| store.get(u.index)).map(|s| s.pace(now_ms));
        self.pace_in_view = paces.fold(0.0, f64::max);
        let named = units.len() <= NAMES_IN_VIEW && view.zoom() >= NAMES_ZOOM;
        let mut wishes = Vec::new();
        let mut wished = Vec::new();
        if named {
            units.iter().for_each(|u| layout.block(u.x + MARGIN, u.y + MARGIN, 9.0));
        }
        let candidates = units.iter().filter(|u| u.chosen || named);
        for unit in candidates.take(NAMES_IN_VIEW) {
            let Some(slot) = store.get(unit.index) else { continue };
            let style = if slot.selected { Style::UnitSelected } else { Style::Unit };
            if let Some(word) = atlas.word(style, slot.id.as_str(), palette) {
                let held = self.unit_sides.get(&unit.index).copied();
                let away = away(slot);
                let rank = if unit.chosen { 0 } else { 1 };
                wishes.push(wish(unit.x, unit.y, &word, away, rank, held, unit.chosen));
                wished.push((unit.index, word, away, slot));
            }
        }
        self.unit_sides.clear();
        for (side, (index, word, away, slot)) in layout.choose(&wishes).into_iter().zip(wished) {
            if let Some(side) = side.filter(|_| self.unit_sprites.len() < NAMES_MOST) {
                self.unit_sides.insert(index, side);
                self.unit_sprites.push(index);
                layers.sprites.push(sprite(&word, side, away, slot.fan, motion(slot)));
            }
        }
    }

    fn units_near(&self, store: &UnitStore, view: &View, now_ms: f64) -> Vec<Unit> {
        let (low, high) = view.bounds(MARGIN);
        store
            .placed()
            .filter(|(_, s)| s.drawn())
            .filter_map(|(index, slot)| {
                let w = slot.position(now_ms);
                let inside = w.x > low.x && w.x < high.x && w.y > low.y && w.y < high.y;
                let (x, y) = view.to_px(w);
                let (x, y) = (x + f64::from(slot.fan.0), y + f64::from(slot.fan.1));
                inside.then_some(Unit { index, x, y, chosen: slot.selected || slot.hovered })
            })
            .collect()
    }
}

fn lay_cluster(
    layers: &mut Layers,
    atlas: &mut TextAtlas,
    palette: &Palette,
    cluster: &Cluster,
    motion: Motion,
) {
    let radius = cluster::radius(cluster.count) as f32;
    layers.marks.push(Mark { motion, radius, kind: MarkKind::Cluster, mix: ends(&cluster.mix) });
    if let Some(word) = atlas.word(Style::Count, &count(cluster.count), palette) {
        layers.sprites.push(sprite(&word, Side::Centre, 0.0, (0, 0), motion));
    }
}

fn near(view: &View, x: f64, y: f64) -> bool {
    (-MARGIN..view.width + MARGIN).contains(&x) && (-MARGIN..view.height + MARGIN).contains(&y)
}

fn wish(x: f64, y: f64, word: &Word, away: f64, rank: u32, held: Option<Side>, must: bool) -> Wish {
    Wish { x: x + MARGIN, y: y + MARGIN, w: word.w, h: word.h, away, rank, held, must }
}

fn sprite(word: &Word, side: Side, away: f64, fan: (i8, i8), motion: Motion) -> Sprite {
    let (dx, dy) = side.corner(word.w, word.h, away);
    Sprite {
        motion,
        dx: dx as f32 + f32::from(fan.0),
        dy: dy as f32 + f32::from(fan.1),
        w: word.w as f32,
        h: word.h as f32,
        area: word.area,
    }
}

fn motion(slot: &Slot) -> Motion {
    Motion { from: slot.from, to: slot.to, t0_ms: slot.t0_ms, dur_ms: slot.dur_ms }
}

fn away(slot: &Slot) -> f64 {
    if slot.selected || slot.hovered { 19.0 } else { 11.0 }
}

/// Where each status ends on the ring, in 255ths.
fn ends(mix: &[u32; 4]) -> [u8; 4] {
    let all = mix.iter().sum::<u32>().max(1);
    let mut so_far = 0;
    mix.map(|n| {
        so_far += n;
        u8::try_from(u64::from(so_far) * 255 / u64::from(all)).unwrap_or(255)
    })
}

/// At most four characters.
fn count(n: u32) -> String {
    match n {
        0..=999 => n.to_string(),
        1000..=9999 => format!("{}.{}k", n / 1000, n % 1000 / 100),
        _ => format!("{}k", n / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_full_and_in_order() {
        assert_eq!(ends(&[1, 1, 1, 1]), [63, 127, 191, 255]);
        assert_eq!(ends(&[0, 0, 5, 0]), [0, 0, 255, 255]);
        assert_eq!(ends(&[30_000_000, 1, 0, 0])[3], 255);
    }

    #[test]
    fn counts_stay_short() {
        let shown: Vec<String> = [7, 999, 1000, 1250, 9999, 10_000, 250_000].map(count).into();
        assert_eq!(shown, ["7", "999", "1.0k", "1.2k", "9.9k", "10k", "250k"]);
    }
}
