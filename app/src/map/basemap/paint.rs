//! How a tile of the basemap looks: calm ground for bright marks.
//!
//! From the bottom: water, a pale band along the shore, land, shore line, rail,
//! roads from street to motorway with casings. Words are drawn with the units, so
//! that none is cut at a tile's edge.

use super::features::{Area, Bounds, Line, Outlines, clip};
use crate::map::{
    api::Theme,
    palette::{Palette, Rgba},
    project::{WORLD_PX, World},
};
use crate::platform::maths;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d as Context, HtmlCanvasElement};

/// Below this zoom the city's own outlines are not drawn, the world's are.
const CITY_ZOOM: f64 = 8.0;
/// Pixels around a tile that lines may reach in from.
const MARGIN: f64 = 40.0;
/// How much of the city's width its edge fades over.
const FADE: f64 = 0.07;

/// One tile: where it is, and the canvas it is painted on.
pub struct Tile<'a> {
    pub context: &'a Context,
    pub x: f64,
    pub y: f64,
    pub zoom: f64,
    /// CSS pixels of its side.
    pub side: f64,
    pub dpr: f64,
}

struct Apart {
    canvas: HtmlCanvasElement,
    context: Context,
}

impl Apart {
    fn tile(&self, like: &Tile<'_>) -> Tile<'_> {
        Tile { context: &self.context, ..*like }
    }

    /// Clears what is outside a rectangle, and gradually what is near its edges.
    fn fade(&self, (x0, y0): (f64, f64), (x1, y1): (f64, f64), tile: &Tile<'_>) {
        let c = &self.context;
        let wide = (x1 - x0) * FADE;
        let far = tile.side + 2.0;
        let _ = c.set_global_composite_operation("destination-out");
        let clear = |from: (f64, f64), to: (f64, f64)| {
            let gradient = c.create_linear_gradient(from.0, from.1, to.0, to.1);
            // Black and clear are colours that every canvas knows.
            let _ = gradient.add_color_stop(0.0, "rgba(0,0,0,1)");
            let _ = gradient.add_color_stop(1.0, "rgba(0,0,0,0)");
            c.set_fill_style_canvas_gradient(&gradient);
            c.fill_rect(-1.0, -1.0, far, far);
        };
        clear((x0, 0.0), (x0 + wide, 0.0));
        clear((x1, 0.0), (x1 - wide, 0.0));
        clear((0.0, y0), (0.0, y0 + wide));
        clear((0.0, y1), (0.0, y1 - wide));
    }
}

impl Tile<'_> {
    fn scale(&self) -> f64 {
        WORLD_PX * maths::pow(2.0, self.zoom)
    }

    fn px(&self, w: &World) -> (f64, f64) {
        (w.x * self.scale() - self.x * self.side, w.y * self.scale() - self.y * self.side)
    }

    fn bounds(&self, margin: f64) -> Bounds {
        let world = |x: f64, y: f64| World {
            x: (self.x * self.side + x) / self.scale(),
            y: (self.y * self.side + y) / self.scale(),
        };
        Bounds { min: world(-margin, -margin), max: world(self.side + margin, self.side + margin) }
    }

    pub fn paint(&self, world: &Outlines, city: &Outlines, palette: &Palette) {
        let c = self.context;
        let _ = c.set_transform(self.dpr, 0.0, 0.0, self.dpr, 0.0, 0.0);
        c.set_fill_style_str(&palette.water.css());
        c.fill_rect(0.0, 0.0, self.side, self.side);
        c.set_line_join("round");
        c.set_line_cap("round");
        let seen = self.bounds(MARGIN);
        let own = city.bounds.as_ref().filter(|b| self.zoom >= CITY_ZOOM && b.meets(&seen));
        if !own.is_some_and(|b| b.holds(&self.bounds(0.0))) {
            self.ground(&world.land, None, palette, &seen);
        }
        let Some(bounds) = own else { return };
        if bounds.holds(&self.bounds(0.0)) {
            self.city(city, palette, &seen);
            return;
        }
        // The city's own map ends somewhere: it fades into the world's outlines there.
        let Some(apart) = self.blank() else { return };
        apart.tile(self).city(city, palette, &seen);
        apart.fade(self.px(&bounds.min), self.px(&bounds.max), self);
        let _ = c.draw_image_with_html_canvas_element_and_dw_and_dh(
            &apart.canvas,
            0.0,
            0.0,
            self.side,
            self.side,
        );
    }

    fn city(&self, city: &Outlines, palette: &Palette, seen: &Bounds) {
        let c = self.context;
        c.set_line_join("round");
        c.set_line_cap("round");
        c.set_fill_style_str(&palette.water.css());
        c.fill_rect(0.0, 0.0, self.side, self.side);
        self.ground(&city.land, Some(&city.coast), palette, seen);
        self.rail(&city.rail, palette, seen);
        self.roads(&city.roads, palette, seen);
    }

    /// A canvas like this tile's own, to be laid over it.
    fn blank(&self) -> Option<Apart> {
        let document = web_sys::window()?.document()?;
        let canvas: HtmlCanvasElement = document.create_element("canvas").ok()?.dyn_into().ok()?;
        canvas.set_width((self.side * self.dpr).round() as u32);
        canvas.set_height((self.side * self.dpr).round() as u32);
        let context: Context = canvas.get_context("2d").ok()??.dyn_into().ok()?;
        let _ = context.scale(self.dpr, self.dpr);
        Some(Apart { canvas, context })
    }

    /// Land with its shore. Shores given apart are drawn instead of the areas' edges.
    fn ground(&self, land: &[Area], shore: Option<&[Line]>, palette: &Palette, seen: &Bounds) {
        let c = self.context;
        let shallow = match palette.theme {
            Theme::Dark => palette.coast,
            Theme::Light => Rgba::hex(0xFF_FFFF),
        };
        let wide = (self.zoom - 6.0).clamp(1.0, 6.0) / 6.0;
        c.begin_path();
        for area in land.iter().filter(|a| a.first().is_some_and(|r| r.bounds.meets(seen))) {
            area.iter().for_each(|ring| self.ring(ring));
        }
        for (width, alpha) in [(26.0, 0.10), (15.0, 0.12), (7.0, 0.16)] {
            c.set_line_width(width * wide);
            c.set_stroke_style_str(&shallow.alpha(alpha).css());
            c.stroke();
        }
        c.set_fill_style_str(&palette.land.css());
        c.fill_with_canvas_winding_rule(web_sys::CanvasWindingRule::Evenodd);
        c.set_line_width(1.0);
        if let Some(lines) = shore {
            // Neighbours share edges where the data is cut: close the hair between them.
            c.set_stroke_style_str(&palette.land.css());
            c.stroke();
            c.begin_path();
            lines.iter().filter(|l| l.bounds.meets(seen)).for_each(|l| self.line(l));
        }
        c.set_line_width(if self.zoom >= 13.0 { 1.4 } else { 1.0 });
        c.set_stroke_style_str(&palette.coast.alpha(0.9).css());
        c.stroke();
    }

    fn rail(&self, lines: &[Line], palette: &Palette, seen: &Bounds) {
        if self.zoom < 11.0 {
            return;
        }
        let c = self.context;
        let colour = palette.label.mix(palette.land, 0.55);
        c.begin_path();
        lines.iter().filter(|l| l.bounds.meets(seen)).for_each(|l| self.line(l));
        c.set_line_cap("butt");
        c.set_stroke_style_str(&colour.css());
        c.set_line_width(if self.zoom >= 14.0 { 1.6 } else { 1.0 });
        c.stroke();
        if self.zoom >= 13.0 {
            let dash = |pattern: &[f64]| {
                let list: js_sys::Array =
                    pattern.iter().map(|v| wasm_bindgen::JsValue::from_f64(*v)).collect();
                let _ = c.set_line_dash(&list);
            };
            dash(&[1.2, 9.0]);
            c.set_line_width(6.0);
            c.stroke();
            dash(&[]);
        }
        c.set_line_cap("round");
    }

    fn roads(&self, roads: &[Vec<Line>; 4], palette: &Palette, seen: &Bounds) {
        let c = self.context;
        let from = [13.0, 11.0, 9.0, 8.0];
        let shown: Vec<(usize, Vec<&Line>)> = (0..4)
            .filter(|class| self.zoom >= from[*class])
            .map(|class| (class, roads[class].iter().filter(|l| l.bounds.meets(seen)).collect()))
            .collect();
        let path = |lines: &[&Line]| {
            c.begin_path();
            lines.iter().for_each(|l| self.line(l));
        };
        let cased = self.zoom >= 12.0;
        if cased {
            for (class, lines) in &shown {
                path(lines);
                c.set_line_width(self.width(*class) + if self.zoom >= 14.0 { 2.4 } else { 1.6 });
                c.set_stroke_style_str(&edge(*class, palette).css());
                c.stroke();
            }
        }
        for (class, lines) in &shown {
            path(lines);
            c.set_line_width(self.width(*class));
            c.set_stroke_style_str(&colour(*class, cased, palette).css());
            c.stroke();
        }
    }

    /// Pixels of a road, growing slower than the map does.
    fn width(&self, class: usize) -> f64 {
        let at_12 = [0.8, 1.3, 2.0, 2.7].get(class).copied().unwrap_or(1.0);
        let grown: f64 = at_12 * maths::pow(1.42, self.zoom - 12.0);
        grown.clamp(0.7, 34.0)
    }

    fn line(&self, line: &Line) {
        let mut points = line.points.iter().map(|w| self.px(w));
        if let Some((x, y)) = points.next() {
            self.context.move_to(x, y);
            points.for_each(|(x, y)| self.context.line_to(x, y));
        }
    }

    /// A ring, cut to the tile: at deep zooms a continent is millions of pixels wide.
    fn ring(&self, ring: &Line) {
        let points: Vec<(f64, f64)> = ring.points.iter().map(|w| self.px(w)).collect();
        let far = self.side + 2.0 * MARGIN;
        let cut = clip(&points, (-2.0 * MARGIN, -2.0 * MARGIN), (far, far));
        let mut points = cut.into_iter();
        if let Some((x, y)) = points.next() {
            self.context.move_to(x, y);
            points.for_each(|(x, y)| self.context.line_to(x, y));
            self.context.close_path();
        }
    }
}

/// The casing: in daylight it carries the rank that width alone would not.
fn edge(class: usize, palette: &Palette) -> Rgba {
    match (palette.theme, class) {
        (Theme::Light, 3) => palette.casing.mix(palette.label, 0.34),
        (Theme::Light, 2) => palette.casing.mix(palette.label, 0.16),
        (Theme::Light, 0) => palette.casing.mix(palette.land, 0.30),
        _ => palette.casing,
    }
}

fn colour(class: usize, cased: bool, palette: &Palette) -> Rgba {
    match (palette.theme, cased) {
        (Theme::Dark, _) => match class {
            3 => palette.road.mix(palette.label, 0.34),
            2 => palette.road.mix(palette.label, 0.10),
            1 => palette.road.mix(palette.land, 0.22),
            _ => palette.road.mix(palette.land, 0.50),
        },
        // White on white shows only with a casing; without one the casing's colour is the road.
        (Theme::Light, false) => palette.casing.mix(palette.label, if class == 3 { 0.30 } else { 0.10 }),
        (Theme::Light, true) if class == 3 => palette.road.mix(palette.casing, 0.42),
        (Theme::Light, true) => palette.road,
    }
}
