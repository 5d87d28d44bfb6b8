//! Everything one map draws, apart from Leaflet: takes changes in, and makes frames.
//!
//! Grouping and words are worked out a few times a second at most, and only when
//! something has changed; between that a frame is the renderer's alone.

use super::{
    api::MapStats,
    canvas2d,
    cluster::{Cluster, Clusterer, ZOOM_SEPARATE},
    fan, gl,
    palette::Palette,
    pins::Pins,
    project::{View, World, ZOOM_ANIM_MS, zoom_ease},
    scene::{Changed, Layers, Motion, Scene},
    store::UnitStore,
    text::TextAtlas,
    words::Words,
};
use crate::platform::maths;
use sentinel_model::UnitId;
use std::collections::{HashMap, VecDeque};
use web_sys::HtmlCanvasElement;

/// Shortest time between two groupings while units move, ms.
const CLUSTER_EVERY_MS: f64 = 600.0;
/// The same for words.
const WORDS_EVERY_MS: f64 = 350.0;
/// Units that make both twice as rare.
const BURDEN_UNITS: f64 = 30_000.0;
/// How long a cluster takes to its new place.
const CLUSTER_MOVE_MS: f64 = 450.0;
/// Frames that statistics look back on.
const FRAMES_KEPT: usize = 240;
/// Records are rewritten when the view is further from their origin than this many
/// world sides at zoom 0, halved with every zoom: f32 then errs by a thirtieth of a pixel.
const ORIGIN_REACH: f64 = 1024.0;
/// Records are rewritten when their clock is older: f32 then errs by a quarter ms.
const EPOCH_REACH_MS: f64 = 2_048_000.0;

/// Pixels that a marker may move between two frames: less is not seen.
const STEP_PX: f64 = 0.3;
/// Longest time between two frames while anything moves, and while anything turns, ms.
const REST_MOST_MS: f64 = 100.0;
const REST_TURNING_MS: f64 = 45.0;
/// Shorter rests are not worth taking: the browser draws as often as it can.
const REST_LEAST_MS: f64 = 25.0;
/// Units in view from which marks are small and plain.
const SMALL_FROM: usize = 2500;

pub enum Renderer {
    Gl(Box<gl::Renderer>),
    Flat(canvas2d::Renderer),
    /// The graphics context is gone; the browser will say when it is back.
    Lost,
}

impl Renderer {
    pub fn new(canvas: &HtmlCanvasElement) -> Self {
        match gl::Renderer::new(canvas) {
            Some(Ok(renderer)) => return Renderer::Gl(Box::new(renderer)),
            Some(Err(why)) => leptos::logging::warn!("WebGL2 refuses the map's programs: {why}"),
            None => {}
        }
        canvas2d::Renderer::new(canvas).map_or(Renderer::Lost, Renderer::Flat)
    }

    fn name(&self) -> &'static str {
        match self {
            Renderer::Gl(_) => "webgl2",
            Renderer::Flat(_) => "canvas2d",
            Renderer::Lost => "none",
        }
    }
}

/// A zoom that Leaflet is animating.
#[derive(Debug, Clone, Copy)]
struct ZoomMotion {
    from: View,
    to: View,
    since_ms: f64,
}

pub struct State {
    pub renderer: Renderer,
    pub atlas: TextAtlas,
    pub store: UnitStore,
    pub palette: Palette,
    pub clusters: Vec<Cluster>,
    pub layers: Layers,
    pub words: Words,
    pub pins: Pins,
    pub clustering: bool,
    /// Draw every frame, even where no eye could tell: for measuring.
    pub restless: bool,
    /// Something changed that a person waits for.
    pub urgent: bool,
    pub selected: Option<UnitId>,
    pub hovered: Option<UnitId>,
    pub dpr: f64,
    view: View,
    zooming: Option<ZoomMotion>,
    clusterer: Clusterer,
    cluster_motions: HashMap<(i32, i32), Motion>,
    cluster_zoom: i8,
    regroup: bool,
    reword: bool,
    grouped: (f64, u64, World),
    worded: (f64, u64),
    placed_words: u64,
    moving_until_ms: f64,
    drawn_ms: f64,
    times: VecDeque<f64>,
    frames: u64,
}

impl State {
    pub fn new(
        canvas: &HtmlCanvasElement,
        atlas: TextAtlas,
        palette: Palette,
        still: bool,
        dpr: f64,
    ) -> Self {
        Self {
            renderer: Renderer::new(canvas),
            atlas,
            store: UnitStore::new(still),
            palette,
            clusters: Vec::new(),
            layers: Layers::default(),
            words: Words::default(),
            pins: Pins::default(),
            clustering: true,
            restless: false,
            urgent: true,
            selected: None,
            hovered: None,
            dpr,
            view: View::default(),
            zooming: None,
            clusterer: Clusterer::default(),
            cluster_motions: HashMap::new(),
            cluster_zoom: 0,
            regroup: true,
            reword: true,
            grouped: (f64::NEG_INFINITY, 0, World::default()),
            worded: (f64::NEG_INFINITY, 0),
            placed_words: 0,
            moving_until_ms: 0.0,
            drawn_ms: 0.0,
            times: VecDeque::with_capacity(FRAMES_KEPT),
            frames: 0,
        }
    }

    /// The view that is on the screen at this moment.
    pub fn shown_view(&self, now_ms: f64) -> View {
        match self.zooming {
            Some(z) => z.from.lerp(&z.to, zoom_ease((now_ms - z.since_ms) / ZOOM_ANIM_MS)),
            None => self.view,
        }
    }

    pub fn set_view(&mut self, view: View) {
        let zoomed = (view.zoom().round() - self.view.zoom().round()).abs() > 0.5;
        let resized = view.width != self.view.width || view.height != self.view.height;
        self.regroup |= zoomed || resized;
        self.reword |= zoomed || resized;
        self.view = view;
        self.zooming = None;
    }

    /// Leaflet begins a zoom: units are grouped for where it will end at once.
    pub fn zoom_to(&mut self, to: View, now_ms: f64) {
        self.urgent = true;
        self.zooming = Some(ZoomMotion { from: self.shown_view(now_ms), to, since_ms: now_ms });
        self.view = to;
        self.regroup = true;
        self.reword = true;
    }

    pub fn zooming(&self) -> bool {
        self.zooming.is_some()
    }

    /// The map came to rest, or something other than positions has changed.
    pub fn settle(&mut self) {
        self.regroup = true;
        self.reword = true;
        self.urgent = true;
    }

    /// Colours, typeface or screen have changed: all words are drawn anew.
    pub fn redraw_words(&mut self) {
        self.atlas.reset(self.dpr);
        self.words.forget();
        self.reword = true;
        self.urgent = true;
    }

    /// A new graphics context knows nothing.
    pub fn restore(&mut self, canvas: &HtmlCanvasElement) {
        self.renderer = Renderer::new(canvas);
        self.store.all_dirty();
        self.layers.changed = Changed::ALL;
        self.atlas.fresh = self.atlas.all();
    }

    /// Marks the selected and the hovered unit, whichever slots they have now.
    pub fn mark_chosen(&mut self) {
        let selected = self.selected.as_ref().and_then(|id| self.store.find(id));
        let hovered = self.hovered.as_ref().and_then(|id| self.store.find(id));
        if (selected, hovered) == self.words.chosen {
            return;
        }
        let (old_selected, old_hovered) = self.words.chosen;
        for index in [old_selected, old_hovered, selected, hovered].into_iter().flatten() {
            let (is_selected, is_hovered) = (selected == Some(index), hovered == Some(index));
            self.store.mark(index, |slot| {
                let changed = slot.selected != is_selected || slot.hovered != is_hovered;
                (slot.selected, slot.hovered) = (is_selected, is_hovered);
                changed
            });
        }
        self.regroup |= selected != old_selected;
        self.reword = true;
        self.words.chosen = (selected, hovered);
    }

    /// Whether this frame may be left out: everything moves so slowly on the screen
    /// that the last one still stands. A city at zoom 12 needs ten frames a second,
    /// not sixty, which a machine without a graphics card is thankful for.
    pub fn resting(&self, now_ms: f64) -> bool {
        let moving = now_ms < self.store.moving_until_ms().max(self.moving_until_ms);
        if self.restless || self.urgent || !moving || self.zooming.is_some() {
            return false;
        }
        let pace_px = self.store.pace() * self.view.scale;
        let turning = now_ms < self.store.turning_until_ms().max(self.moving_until_ms);
        let most = if turning { REST_TURNING_MS } else { REST_MOST_MS };
        let rest = (STEP_PX / pace_px.max(1e-9)).min(most);
        rest >= REST_LEAST_MS && now_ms - self.drawn_ms < rest
    }

    /// Draws a frame; true while there is something to draw after it.
    pub fn frame(&mut self, now_ms: f64) -> bool {
        if self.zooming.is_some_and(|z| now_ms - z.since_ms > 2.0 * ZOOM_ANIM_MS) {
            self.zooming = None;
        }
        self.urgent = false;
        self.drawn_ms = now_ms;
        self.mark_chosen();
        let moving = now_ms < self.store.moving_until_ms().max(self.moving_until_ms);
        self.rebase(now_ms);
        self.group(now_ms, moving);
        self.lay_words(now_ms, moving);
        self.layers.links = self.pins.lines(&self.store, now_ms);
        let view = self.shown_view(now_ms);
        let drawn = self.words.drawn_in_view;
        let mut on_top = self.store.calling_ones();
        on_top.extend([self.words.chosen.1, self.words.chosen.0].into_iter().flatten());
        let mut scene = Scene {
            view,
            now_ms,
            dpr: self.dpr,
            store: &mut self.store,
            layers: &mut self.layers,
            palette: &self.palette,
            grow: grow(view.zoom(), drawn),
            small: drawn > SMALL_FROM,
            on_top,
        };
        match &mut self.renderer {
            Renderer::Gl(gl) => gl.draw(&mut scene, &mut self.atlas),
            Renderer::Flat(flat) => flat.draw(&mut scene, &mut self.atlas),
            Renderer::Lost => return false,
        }
        moving || self.zooming.is_some() || self.regroup || self.reword
    }

    pub fn took(&mut self, ms: f64) {
        if self.times.len() == FRAMES_KEPT {
            self.times.pop_front();
        }
        self.times.push_back(ms);
        self.frames += 1;
    }

    pub fn stats(&self) -> MapStats {
        let mut times: Vec<f64> = self.times.iter().copied().collect();
        times.sort_by(f64::total_cmp);
        let part = |f: f64| times.get((times.len() as f64 * f) as usize).copied().unwrap_or(0.0);
        MapStats {
            units: self.store.len(),
            drawn: self.store.drawn(),
            clusters: self.clusters.len(),
            labels: self.layers.sprites.len(),
            frame_last_ms: self.times.back().copied().unwrap_or(0.0),
            frame_median_ms: part(0.5),
            frame_p95_ms: part(0.95),
            frames: self.frames,
            renderer: self.renderer.name(),
        }
    }

    fn rebase(&mut self, now_ms: f64) {
        let (center, origin) = (self.view.center(), self.store.origin());
        let away = (center.x - origin.x).abs().max((center.y - origin.y).abs());
        let far = away > ORIGIN_REACH / maths::pow(2.0, self.view.zoom());
        if far || now_ms - self.store.epoch_ms() > EPOCH_REACH_MS {
            self.store.rebase(center, now_ms);
            self.layers.changed = Changed::ALL;
        }
    }

    /// Passes over all units are rarer the more there are.
    fn burden(&self) -> f64 {
        1.0 + self.store.len() as f64 / BURDEN_UNITS
    }

    fn group(&mut self, now_ms: f64, moving: bool) {
        let (since, version, center) = self.grouped;
        let here = self.view.center();
        let panned = (here.x - center.x).abs().max((here.y - center.y).abs()) * self.view.scale;
        let stale = version != self.store.version() || panned > self.view.width.min(self.view.height) / 3.0;
        let due = now_ms - since > CLUSTER_EVERY_MS * self.burden() || !moving;
        if !(self.regroup || stale && due) {
            return;
        }
        let zoom = self.view.zoom().round() as i8;
        if self.clustering && zoom < ZOOM_SEPARATE {
            self.clusters = self.clusterer.run(&mut self.store, &self.view, zoom, now_ms);
            fan::clear(&mut self.store);
        } else {
            self.clusters.clear();
            self.clusterer.clear(&mut self.store);
            if zoom >= ZOOM_SEPARATE {
                fan::run(&mut self.store, &self.view, now_ms);
            } else {
                fan::clear(&mut self.store);
            }
        }
        self.move_clusters(zoom, now_ms);
        self.grouped = (now_ms, self.store.version(), here);
        self.regroup = false;
        self.reword = true;
    }

    /// Each cluster glides from where it was to where it is now.
    fn move_clusters(&mut self, zoom: i8, now_ms: f64) {
        let old = if zoom == self.cluster_zoom {
            std::mem::take(&mut self.cluster_motions)
        } else {
            HashMap::new()
        };
        self.cluster_zoom = zoom;
        self.cluster_motions = self
            .clusters
            .iter()
            .map(|c| {
                let motion = match old.get(&c.cell).map(|m| m.at(now_ms)) {
                    Some(from) if from != c.place => {
                        Motion { from, to: c.place, t0_ms: now_ms, dur_ms: CLUSTER_MOVE_MS }
                    }
                    _ => Motion::still(c.place),
                };
                (c.cell, motion)
            })
            .collect();
        if self.cluster_motions.values().any(|m| m.dur_ms > 0.0) {
            self.moving_until_ms = now_ms + CLUSTER_MOVE_MS;
        }
    }

    fn lay_words(&mut self, now_ms: f64, moving: bool) {
        let (since, version) = self.worded;
        let stale = version != self.store.version();
        let due = now_ms - since > WORDS_EVERY_MS * self.burden() || !moving;
        if self.reword || stale && due {
            // A full atlas is emptied once; what fits then has to do.
            if self.atlas.full {
                self.atlas.reset(self.dpr);
            }
            let view = self.view;
            self.words.lay(
                &mut self.layers,
                &mut self.atlas,
                &self.store,
                &self.clusters,
                &self.cluster_motions,
                &self.palette,
                &view,
                now_ms,
            );
            self.store.set_pace(self.words.pace_in_view);
            self.worded = (now_ms, self.store.version());
            self.reword = false;
        } else if self.placed_words != self.store.version() {
            self.words.follow_units(&mut self.layers, &self.store);
        }
        self.placed_words = self.store.version();
    }
}

/// How large marks are: smaller when the map shows much, and when there are many.
fn grow(zoom: f64, drawn: usize) -> f32 {
    let by_zoom = (0.76 + (zoom - 10.0) * 0.065).clamp(0.70, 1.12);
    let by_count = match drawn {
        0..=600 => 1.0,
        601..=1500 => 0.85,
        _ => 0.7,
    };
    (by_zoom * by_count) as f32
}
