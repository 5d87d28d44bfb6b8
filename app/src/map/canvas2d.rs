//! The same scene on a 2D canvas, for browsers without WebGL2: shapes while there
//! are few units, coloured squares when there are many. Correct, not fast.

use super::{
    palette::{Palette, Rgba},
    scene::{Mark, MarkKind, OVERSCAN, Scene, Sprite},
    slot::Slot,
    text::TextAtlas,
};
use crate::platform::maths;
use std::f64::consts::TAU;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d as Context, HtmlCanvasElement};

/// More units than this in view are drawn as squares.
const SHAPES_MOST: usize = 800;

pub struct Renderer {
    context: Context,
}

impl Renderer {
    pub fn new(canvas: &HtmlCanvasElement) -> Option<Self> {
        let context = canvas.get_context("2d").ok()??.dyn_into().ok()?;
        Some(Self { context })
    }

    pub fn draw(&self, scene: &mut Scene<'_>, atlas: &mut TextAtlas) {
        // Drawing reads everything anew; nothing needs to be uploaded.
        scene.store.take_dirty(|_| ());
        atlas.fresh.clear();
        let (c, view, layers) = (&self.context, &scene.view, &*scene.layers);
        let (w, h) = (view.width + 2.0 * OVERSCAN, view.height + 2.0 * OVERSCAN);
        let _ = c.set_transform(scene.dpr, 0.0, 0.0, scene.dpr, 0.0, 0.0);
        c.clear_rect(0.0, 0.0, w, h);
        let _ = c.translate(OVERSCAN, OVERSCAN);
        let (low_marks, high_marks) = layers.marks.split_at(layers.ground_marks);
        let (low_words, high_words) = layers.sprites.split_at(layers.ground_sprites);
        low_marks.iter().for_each(|m| self.mark(scene, m));
        low_words.iter().for_each(|s| self.word(scene, s, atlas));
        self.trail(scene);
        self.links(scene);
        self.units(scene);
        high_marks.iter().for_each(|m| self.mark(scene, m));
        layers.pins.iter().for_each(|m| self.mark(scene, m));
        for (_, slot) in scene.store.placed().filter(|(index, s)| s.drawn() && scene.on_top.contains(index)) {
            let (x, y) = scene.view.to_px(slot.position(scene.now_ms));
            self.unit(scene, x + f64::from(slot.fan.0), y + f64::from(slot.fan.1), slot);
        }
        high_words.iter().for_each(|s| self.word(scene, s, atlas));
    }

    fn units(&self, scene: &Scene<'_>) {
        let c = &self.context;
        let (w, h) = (scene.view.width, scene.view.height);
        let in_view: Vec<(f64, f64, &Slot)> = scene
            .store
            .placed()
            .filter(|(_, s)| s.drawn())
            .filter_map(|(_, s)| {
                let (x, y) = scene.view.to_px(s.position(scene.now_ms));
                let inside = x > -20.0 && y > -20.0 && x < w + 20.0 && y < h + 20.0;
                inside.then_some((x + f64::from(s.fan.0), y + f64::from(s.fan.1), s))
            })
            .collect();
        if in_view.len() <= SHAPES_MOST {
            in_view.iter().for_each(|(x, y, slot)| self.unit(scene, *x, *y, slot));
            return;
        }
        for (kind, colour) in (0u8..).zip(&scene.palette.status) {
            c.set_fill_style_str(&colour.css());
            for (x, y, _) in in_view.iter().filter(|(_, _, s)| s.shape() == kind) {
                c.fill_rect(x.round() - 2.0, y.round() - 2.0, 5.0, 5.0);
            }
        }
    }

    fn unit(&self, scene: &Scene<'_>, x: f64, y: f64, slot: &Slot) {
        let c = &self.context;
        let heading = slot.heading(scene.now_ms);
        c.save();
        let _ = c.translate(x, y);
        if slot.selected || slot.hovered {
            let colour = if slot.selected { scene.palette.accent } else { scene.palette.text };
            self.ring(0.0, 0.0, 18.0, 2.0, colour);
        }
        let grow = if slot.selected { 1.0 } else { f64::from(scene.grow) };
        let _ = c.scale(grow, grow);
        let heading = (!heading.is_nan()).then_some(f64::from(heading));
        glyph(c, scene.palette, slot.shape(), heading);
        c.restore();
    }

    fn ring(&self, x: f64, y: f64, radius: f64, wide: f64, colour: Rgba) {
        let c = &self.context;
        c.begin_path();
        let _ = c.arc(x, y, radius, 0.0, TAU);
        c.set_stroke_style_str(&colour.css());
        c.set_line_width(wide);
        c.stroke();
    }

    fn mark(&self, scene: &Scene<'_>, mark: &Mark) {
        let c = &self.context;
        let (x, y) = scene.view.to_px(mark.motion.at(scene.now_ms));
        let (palette, r) = (scene.palette, f64::from(mark.radius));
        c.save();
        let _ = c.translate(x, y);
        match mark.kind {
            MarkKind::Cluster => {
                disc(c, r, palette.halo);
                let mut from = 0.0;
                for (to, colour) in mark.mix.iter().zip(&palette.status) {
                    let to = f64::from(*to) / 255.0;
                    c.begin_path();
                    let _ = c.arc(0.0, 0.0, r - 2.2, TAU * (from - 0.25), TAU * (to - 0.25));
                    c.set_stroke_style_str(&colour.css());
                    c.set_line_width(3.2);
                    c.stroke();
                    from = to;
                }
            }
            MarkKind::StationSite => {
                c.set_fill_style_str(&palette.halo.css());
                c.fill_rect(-r, -r, 2.0 * r, 2.0 * r);
                c.set_stroke_style_str(&palette.label.mix(palette.accent, 0.45).css());
                c.set_line_width(1.4);
                c.stroke_rect(-r + 1.0, -r + 1.0, 2.0 * r - 2.0, 2.0 * r - 2.0);
            }
            MarkKind::TrailStart | MarkKind::TrailEnd => {
                disc(c, r + 1.5, palette.halo);
                disc(c, r, palette.accent);
                if mark.kind == MarkKind::TrailStart {
                    disc(c, r - 2.2, palette.halo);
                }
            }
            MarkKind::Pin => pin(c, palette, mark.mix),
        }
        c.restore();
    }

    fn links(&self, scene: &Scene<'_>) {
        let c = &self.context;
        let dashes = js_sys::Array::of2(&6.0.into(), &5.0.into());
        // Two numbers are a pattern of dashes; an empty one is none.
        let _ = c.set_line_dash(&dashes);
        for link in &scene.layers.links {
            let ((x1, y1), (x2, y2)) = (scene.view.to_px(link.from), scene.view.to_px(link.to));
            c.begin_path();
            c.move_to(x1, y1);
            c.line_to(x2, y2);
            for (wide, colour) in
                [(4.6, scene.palette.halo), (2.2, scene.palette.priority[link.priority as usize])]
            {
                c.set_line_width(wide);
                c.set_stroke_style_str(&colour.css());
                c.stroke();
            }
        }
        let _ = c.set_line_dash(&js_sys::Array::new());
    }

    fn word(&self, scene: &Scene<'_>, sprite: &Sprite, atlas: &TextAtlas) {
        let (x, y) = scene.view.to_px(sprite.motion.at(scene.now_ms));
        let a = sprite.area;
        let _ = self.context.draw_image_with_html_canvas_element_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(
            atlas.canvas(),
            f64::from(a.x),
            f64::from(a.y),
            f64::from(a.w),
            f64::from(a.h),
            (x + f64::from(sprite.dx)).round(),
            (y + f64::from(sprite.dy)).round(),
            f64::from(sprite.w),
            f64::from(sprite.h),
        );
    }

    fn trail(&self, scene: &Scene<'_>) {
        let c = &self.context;
        c.set_line_join("round");
        c.set_line_cap("round");
        c.begin_path();
        for place in &scene.layers.trail {
            let (x, y) = scene.view.to_px(*place);
            c.line_to(x, y);
        }
        for (wide, colour) in [(7.8, scene.palette.halo), (4.2, scene.palette.accent)] {
            c.set_line_width(wide);
            c.set_stroke_style_str(&colour.css());
            c.stroke();
        }
    }
}

/// A unit's mark around the origin, 26 pixels wide; the shapes are `gl::shaders`' own.
pub fn glyph(c: &Context, palette: &Palette, kind: u8, heading: Option<f64>) {
    let own = palette.status.get(usize::from(kind)).copied().unwrap_or(palette.label);
    let halo = palette.halo;
    let outline = |wide: f64, colour: Rgba| {
        c.set_stroke_style_str(&colour.css());
        c.set_line_width(wide);
        c.stroke();
    };
    let fill = |colour: Rgba| {
        c.set_fill_style_str(&colour.css());
        c.fill();
    };
    c.set_line_join("round");
    c.set_line_cap("round");
    match kind {
        1 => {
            disc(c, 11.9, halo);
            disc(c, 10.2, own);
            body(c, heading, 0.7, 3.4);
            outline(1.6, halo);
            fill(halo);
        }
        3 => {
            c.begin_path();
            for (a, b) in [(-4.6, -4.6), (-4.6, 4.6)] {
                c.move_to(a, b);
                c.line_to(-a, -b);
            }
            outline(6.8, halo);
            outline(3.0, own);
        }
        4 => {
            c.begin_path();
            for (x, y) in [(0.0, -10.5), (10.5, 0.0), (0.0, 10.5), (-10.5, 0.0)] {
                c.line_to(x, y);
            }
            c.close_path();
            outline(5.0, halo);
            outline(1.5, own);
            fill(own);
        }
        _ => {
            body(c, heading, 1.0, 5.6);
            outline(6.2, halo);
            if kind == 2 {
                fill(halo);
                outline(2.2, own);
            } else {
                outline(2.4, own);
                fill(own);
            }
        }
    }
}

/// A pin with its tip at the origin; the shapes are `gl::shaders`' own.
fn pin(c: &Context, palette: &Palette, [state, priority, is_order, chosen]: [u8; 4]) {
    let own = palette.priority.get(usize::from(priority)).copied().unwrap_or(palette.label);
    let halo = palette.halo;
    c.set_line_join("round");
    c.set_line_cap("round");
    let line = |points: &[(f64, f64)], wide: f64, colour: Rgba| {
        c.begin_path();
        points.iter().for_each(|(x, y)| c.line_to(*x, *y));
        c.set_line_width(wide);
        c.set_stroke_style_str(&colour.css());
        c.stroke();
    };
    for (grow, colour) in [(1.8, halo), (0.0, own)] {
        c.begin_path();
        c.move_to(-8.0 - grow, -13.0);
        c.line_to(0.0, grow);
        c.line_to(8.0 + grow, -13.0);
        c.set_fill_style_str(&colour.css());
        c.fill();
        let side = 9.0 + grow;
        if is_order == 1 {
            c.fill_rect(-side, -17.0 - side, 2.0 * side, 2.0 * side);
        } else {
            disc_at(c, side + 0.6, colour);
        }
    }
    match state {
        0 => {
            line(&[(0.0, -21.4), (0.0, -16.6)], 2.6, halo);
            line(&[(0.0, -12.7), (0.0, -12.6)], 3.2, halo);
        }
        1 => {
            disc_at(c, 7.0, halo);
            disc_at(c, 3.0, own);
        }
        4 => {
            line(&[(0.0, -21.6), (0.0, -12.4)], 2.4, halo);
            line(&[(-4.6, -17.0), (4.6, -17.0)], 2.4, halo);
        }
        _ => line(&[(-4.4, -17.2), (-1.2, -13.8), (4.6, -20.4)], 2.8, halo),
    }
    if chosen == 1 {
        c.begin_path();
        let _ = c.arc(0.0, -17.0, 15.0, 0.0, TAU);
        c.set_line_width(2.6);
        c.set_stroke_style_str(&palette.accent.css());
        c.stroke();
    }
}

/// At the middle of a pin's head.
fn disc_at(c: &Context, radius: f64, colour: Rgba) {
    c.begin_path();
    let _ = c.arc(0.0, -17.0, radius, 0.0, TAU);
    c.set_fill_style_str(&colour.css());
    c.fill();
}

/// The path of an arrow, or of a dot where the heading is unknown.
fn body(c: &Context, heading: Option<f64>, scale: f64, dot: f64) {
    c.begin_path();
    let Some(heading) = heading else {
        let _ = c.arc(0.0, 0.0, dot, 0.0, TAU);
        return;
    };
    let (sin, cos) = (maths::sin(heading.to_radians()), maths::cos(heading.to_radians()));
    for (x, y) in [(0.0, -9.4), (6.6, 7.2), (0.0, 3.6), (-6.6, 7.2)] {
        c.line_to(scale * (x * cos - y * sin), scale * (x * sin + y * cos));
    }
    c.close_path();
}

fn disc(c: &Context, radius: f64, colour: Rgba) {
    c.begin_path();
    let _ = c.arc(0.0, 0.0, radius, 0.0, TAU);
    c.set_fill_style_str(&colour.css());
    c.fill();
}
