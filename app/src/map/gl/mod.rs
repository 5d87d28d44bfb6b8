//! The WebGL2 renderer: a few programs, a buffer for each kind of thing, two textures.
//!
//! It keeps copies of what is drawn and is told what has changed; a frame in which
//! nothing changed is six draw calls and some uniforms. When the context is lost
//! all of it is gone, and the engine makes a new one.

mod program;
mod shaders;
mod sheet;

use super::{
    palette::{Palette, Rgba},
    project::World,
    scene::{Changed, Layers, Mark, Motion, OVERSCAN, Scene},
    store::{RECORD, UnitStore},
    text::TextAtlas,
};
use program::{Attribute, Program, Stream};
use wasm_bindgen::JsCast;
use web_sys::{HtmlCanvasElement, WebGl2RenderingContext as Gl, WebGlTexture};

const MARK: usize = 36;
const SPRITE: usize = 48;
const POINT: usize = 12;
const LINK: usize = 24;

/// Room for a link's width and its halo.
const LINK_HALF: f32 = 2.8;

/// Pixels of half the trail's width, and of its casing.
const TRAIL_HALF: f32 = 2.1;
const TRAIL_CASING: f32 = 3.9;

pub struct Renderer {
    gl: Gl,
    /// The chosen units, all others, and all when they are thousands.
    units: [Program; 3],
    unit_stream: Stream,
    /// Marks under the units, and clusters over them.
    marks: ([Program; 2], Stream),
    /// Words under the units, and words over them.
    sprites: (Program, [Stream; 2]),
    trail: (Program, Stream),
    pins: (Program, Stream),
    links: (Program, Stream),
    words: WebGlTexture,
    /// The sheet of unit marks, and the look that it was drawn for.
    glyphs: WebGlTexture,
    glyphs_for: Option<(Palette, bool)>,
    /// Side of the texture as it is on the card.
    side: u32,
    /// The trail is kept relative to this.
    origin: World,
    scratch: Vec<u8>,
}

const VIEW: [&str; 5] = ["u_now", "u_scale", "u_shift", "u_canvas", "u_dpr"];

impl Renderer {
    /// Nothing where the browser has no WebGL2; an error where it has, and refuses ours.
    pub fn new(canvas: &HtmlCanvasElement) -> Option<Result<Self, String>> {
        let options = js_sys::Object::new();
        for (key, on) in
            [("alpha", true), ("antialias", false), ("depth", false), ("premultipliedAlpha", true)]
        {
            js_sys::Reflect::set(&options, &key.into(), &on.into()).ok()?;
        }
        let gl: Gl = canvas.get_context_with_context_options("webgl2", &options).ok()??.dyn_into().ok()?;
        Some(Self::build(gl))
    }

    fn build(gl: Gl) -> Result<Self, String> {
        use shaders as s;
        let with = |more: &[&'static str]| [&VIEW[..], more].concat();
        let byte = Gl::UNSIGNED_BYTE;
        let moving = || [Attribute::floats(2, 0), Attribute::floats(2, 8), Attribute::floats(2, 16)];
        let stream = |stride: usize, instanced, more: [Attribute; 2]| {
            let [from, to, time] = moving();
            let [a, b] = more;
            Stream::new(&gl, stride as i32, instanced, &[from, to, time, a, b])
        };
        let words_stream = || {
            stream(
                SPRITE,
                true,
                [Attribute::floats(4, 24), Attribute::bytes(4, Gl::UNSIGNED_SHORT, false, 40)],
            )
        };
        let [from, to, time] = moving();
        let unit_attributes = [
            from,
            to,
            time,
            Attribute::floats(2, 24),
            Attribute::bytes(2, byte, false, 32),
            Attribute::bytes(2, Gl::BYTE, false, 34),
        ];
        let unit_program = |fragment: &str, more: &[&'static str]| {
            Program::new(&gl, &[s::COMMON, s::UNITS_VERTEX], fragment, &with(more))
        };
        let units = [
            unit_program(
                s::UNITS_FRAGMENT,
                &["u_grow", "u_small", "u_status", "u_halo", "u_accent", "u_text"],
            )?,
            unit_program(s::GLYPHS_FRAGMENT, &["u_grow", "u_small", "u_glyphs"])?,
            unit_program(s::SMALL_FRAGMENT, &["u_grow", "u_small", "u_status", "u_halo"])?,
        ];
        let unit_stream = Stream::new(&gl, RECORD as i32, false, &unit_attributes)?;
        let mark_program = |fragment: &str, more: &[&'static str]| {
            Program::new(&gl, &[s::COMMON, s::MARKS_VERTEX], fragment, &with(more))
        };
        let marks = (
            [
                mark_program(s::MARKS_FRAGMENT, &["u_halo", "u_accent", "u_label"])?,
                mark_program(s::CLUSTERS_FRAGMENT, &["u_status", "u_halo"])?,
            ],
            stream(MARK, false, [Attribute::floats(2, 24), Attribute::bytes(4, byte, true, 32)])?,
        );
        let sprites = (
            Program::new(
                &gl,
                &[s::COMMON, s::SPRITES_VERTEX],
                s::SPRITES_FRAGMENT,
                &with(&["u_side", "u_words"]),
            )?,
            [words_stream()?, words_stream()?],
        );
        let trail = (
            Program::new(
                &gl,
                &[s::COMMON, s::TRAIL_VERTEX],
                s::TRAIL_FRAGMENT,
                &with(&["u_half", "u_old", "u_new"]),
            )?,
            Stream::new(&gl, POINT as i32, true, &[Attribute::floats(3, 0), Attribute::floats(3, 12)])?,
        );
        let pins = (
            mark_program(s::PINS_FRAGMENT, &["u_priority", "u_halo", "u_accent"])?,
            stream(MARK, false, [Attribute::floats(2, 24), Attribute::bytes(4, byte, true, 32)])?,
        );
        let links = (
            Program::new(
                &gl,
                &[s::COMMON, s::TRAIL_VERTEX],
                s::LINKS_FRAGMENT,
                &with(&["u_half", "u_priority", "u_halo"]),
            )?,
            Stream::new(&gl, LINK as i32, true, &[Attribute::floats(3, 0), Attribute::floats(3, 12)])?,
        );
        let words = gl.create_texture().ok_or("no texture")?;
        let glyphs = gl.create_texture().ok_or("no texture")?;
        Ok(Self {
            gl,
            units,
            unit_stream,
            marks,
            sprites,
            trail,
            pins,
            links,
            words,
            glyphs,
            glyphs_for: None,
            side: 0,
            origin: World::default(),
            scratch: Vec::new(),
        })
    }

    pub fn draw(&mut self, scene: &mut Scene<'_>, atlas: &mut TextAtlas) {
        self.upload(scene.store, scene.layers, atlas);
        self.upload_glyphs(scene.palette, scene.dpr > 1.25);
        let gl = &self.gl;
        let (w, h) = (scene.view.width + 2.0 * OVERSCAN, scene.view.height + 2.0 * OVERSCAN);
        gl.viewport(0, 0, (w * scene.dpr).round() as i32, (h * scene.dpr).round() as i32);
        gl.clear_color(0.0, 0.0, 0.0, 0.0);
        gl.clear(Gl::COLOR_BUFFER_BIT);
        gl.enable(Gl::BLEND);
        gl.blend_func(Gl::ONE, Gl::ONE_MINUS_SRC_ALPHA);
        let layers = &*scene.layers;
        self.draw_marks(scene, 0, 0..layers.ground_marks);
        self.draw_sprites(scene, 0, layers.ground_sprites);
        self.draw_trail(scene);
        self.draw_links(scene);
        self.draw_units(scene);
        self.draw_marks(scene, 1, layers.ground_marks..layers.marks.len());
        self.draw_pins(scene);
        self.draw_on_top(scene);
        self.draw_sprites(scene, 1, layers.sprites.len() - layers.ground_sprites);
        gl.bind_vertex_array(None);
    }

    fn upload(&mut self, store: &mut UnitStore, layers: &mut Layers, atlas: &mut TextAtlas) {
        let gl = &self.gl;
        if self.unit_stream.reserve(gl, store.records().len()) {
            store.all_dirty();
        }
        let (origin, epoch) = (store.origin(), store.epoch_ms());
        let mut runs = Vec::new();
        store.take_dirty(|run| runs.push(run));
        for run in runs {
            self.unit_stream.write(gl, run.start, &store.records()[run]);
        }
        let changed = if origin == self.origin { layers.changed } else { Changed::ALL };
        layers.changed = Changed::default();
        self.origin = origin;
        let out = &mut self.scratch;
        if changed.marks {
            marks(out, &layers.marks, origin, epoch);
            self.marks.1.fill(gl, out);
        }
        if changed.pins {
            marks(out, &layers.pins, origin, epoch);
            self.pins.1.fill(gl, out);
        }
        if !layers.links.is_empty() {
            out.clear();
            for link in &layers.links {
                for w in [link.from, link.to] {
                    let priority = link.priority as u8;
                    floats(out, &[(w.x - origin.x) as f32, (w.y - origin.y) as f32, priority.into()]);
                }
            }
            self.links.1.fill(gl, out);
        }
        if changed.sprites {
            let (under, over) = layers.sprites.split_at(layers.ground_sprites.min(layers.sprites.len()));
            for (stream, sprites) in self.sprites.1.iter_mut().zip([under, over]) {
                out.clear();
                for sprite in sprites {
                    motion(out, &sprite.motion, origin, epoch);
                    floats(out, &[sprite.dx, sprite.dy, sprite.w, sprite.h]);
                    let a = sprite.area;
                    for v in [a.x, a.y, a.w, a.h] {
                        out.extend_from_slice(&u16::try_from(v).unwrap_or(u16::MAX).to_le_bytes());
                    }
                }
                stream.fill(gl, out);
            }
        }
        if changed.trail {
            out.clear();
            let last = layers.trail.len().max(2) as f32 - 1.0;
            for (n, w) in layers.trail.iter().enumerate() {
                floats(out, &[(w.x - origin.x) as f32, (w.y - origin.y) as f32, n as f32 / last]);
            }
            self.trail.1.fill(gl, out);
        }
        self.upload_words(atlas);
    }

    /// Draws the sheet of marks anew where the look has changed.
    fn upload_glyphs(&mut self, palette: &Palette, fine: bool) {
        if self.glyphs_for.as_ref().is_some_and(|(p, f)| p == palette && *f == fine) {
            return;
        }
        self.glyphs_for = Some((palette.clone(), fine));
        let Some(sheet) = sheet::glyph_sheet(palette, if fine { 112.0 } else { 56.0 }) else { return };
        let gl = &self.gl;
        gl.bind_texture(Gl::TEXTURE_2D, Some(&self.glyphs));
        gl.pixel_storei(Gl::UNPACK_PREMULTIPLY_ALPHA_WEBGL, 1);
        // A sheet that the card refuses leaves no marks; nothing else can be done about it here.
        let _ = gl.tex_image_2d_with_u32_and_u32_and_html_canvas_element(
            Gl::TEXTURE_2D,
            0,
            Gl::RGBA as i32,
            Gl::RGBA,
            Gl::UNSIGNED_BYTE,
            &sheet,
        );
        filter(gl);
    }

    fn upload_words(&mut self, atlas: &mut TextAtlas) {
        let gl = &self.gl;
        gl.bind_texture(Gl::TEXTURE_2D, Some(&self.words));
        if self.side != atlas.side() {
            self.side = atlas.side();
            let side = i32::try_from(self.side).unwrap_or(0);
            // What fails here fails again at the next frame; words are missing, the rest shows.
            let _ = gl.tex_image_2d_with_i32_and_i32_and_i32_and_format_and_type_and_opt_u8_array(
                Gl::TEXTURE_2D,
                0,
                Gl::RGBA as i32,
                side,
                side,
                0,
                Gl::RGBA,
                Gl::UNSIGNED_BYTE,
                None,
            );
            filter(gl);
            atlas.fresh = atlas.all();
        }
        gl.pixel_storei(Gl::UNPACK_PREMULTIPLY_ALPHA_WEBGL, 1);
        for area in atlas.fresh.drain(..).collect::<Vec<_>>() {
            let (x, y, w, h) = (f64::from(area.x), f64::from(area.y), f64::from(area.w), f64::from(area.h));
            if let Ok(pixels) = atlas.context().get_image_data(x, y, w, h) {
                let _ = gl.tex_sub_image_2d_with_u32_and_u32_and_image_data(
                    Gl::TEXTURE_2D,
                    0,
                    x as i32,
                    y as i32,
                    Gl::RGBA,
                    Gl::UNSIGNED_BYTE,
                    &pixels,
                );
            }
        }
    }

    /// Enters a program and tells it the view.
    fn enter(&self, program: &Program, stream: &Stream, scene: &Scene<'_>) {
        let gl = &self.gl;
        program.enter(gl);
        stream.enter(gl);
        let view = &scene.view;
        let now = (scene.now_ms - scene.store.epoch_ms()) / 1000.0;
        let (x, y) = view.to_px(self.origin);
        gl.uniform1f(program.at("u_now"), now as f32);
        gl.uniform1f(program.at("u_scale"), view.scale as f32);
        gl.uniform2f(program.at("u_shift"), (x + OVERSCAN) as f32, (y + OVERSCAN) as f32);
        let (w, h) = (view.width + 2.0 * OVERSCAN, view.height + 2.0 * OVERSCAN);
        gl.uniform2f(program.at("u_canvas"), w as f32, h as f32);
        gl.uniform1f(program.at("u_dpr"), scene.dpr as f32);
        self.colours(program, scene.palette);
    }

    fn colours(&self, program: &Program, palette: &Palette) {
        let gl = &self.gl;
        if let Some(at) = program.at("u_status") {
            let all: Vec<f32> = palette.status.iter().flat_map(|c| c.0[..3].to_vec()).collect();
            gl.uniform3fv_with_f32_array(Some(at), &all);
        }
        if let Some(at) = program.at("u_priority") {
            let all: Vec<f32> = palette.priority.iter().flat_map(|c| c.0[..3].to_vec()).collect();
            gl.uniform3fv_with_f32_array(Some(at), &all);
        }
        for (name, colour) in [
            ("u_halo", palette.halo),
            ("u_accent", palette.accent),
            ("u_text", palette.text),
            ("u_label", palette.label),
        ] {
            self.colour(program, name, colour);
        }
    }

    fn colour(&self, program: &Program, name: &str, colour: Rgba) {
        if let Some(at) = program.at(name) {
            let [r, g, b, _] = colour.0;
            self.gl.uniform3f(Some(at), r, g, b);
        }
    }

    fn draw_units(&self, scene: &Scene<'_>) {
        let count = i32::try_from(scene.store.capacity()).unwrap_or(i32::MAX);
        if count == 0 {
            return;
        }
        let gl = &self.gl;
        let [_, all, many] = &self.units;
        if scene.small {
            self.enter_units(many, scene);
        } else {
            self.enter_units(all, scene);
            gl.active_texture(Gl::TEXTURE0);
            gl.bind_texture(Gl::TEXTURE_2D, Some(&self.glyphs));
            gl.uniform1i(all.at("u_glyphs"), 0);
        }
        gl.draw_arrays(Gl::POINTS, 0, count);
    }

    fn enter_units(&self, program: &Program, scene: &Scene<'_>) {
        self.enter(program, &self.unit_stream, scene);
        self.gl.uniform1f(program.at("u_grow"), scene.grow);
        self.gl.uniform1i(program.at("u_small"), i32::from(scene.small));
    }

    fn draw_on_top(&self, scene: &Scene<'_>) {
        if scene.on_top.is_empty() {
            return;
        }
        self.enter_units(&self.units[0], scene);
        for index in &scene.on_top {
            self.gl.draw_arrays(Gl::POINTS, i32::try_from(*index).unwrap_or(0), 1);
        }
    }

    fn draw_marks(&self, scene: &Scene<'_>, group: usize, range: std::ops::Range<usize>) {
        if let Some(program) = self.marks.0.get(group).filter(|_| !range.is_empty()) {
            self.enter(program, &self.marks.1, scene);
            self.gl.draw_arrays(Gl::POINTS, range.start as i32, range.len() as i32);
        }
    }

    fn draw_pins(&self, scene: &Scene<'_>) {
        let count = i32::try_from(scene.layers.pins.len()).unwrap_or(i32::MAX);
        if count > 0 {
            self.enter(&self.pins.0, &self.pins.1, scene);
            self.gl.draw_arrays(Gl::POINTS, 0, count);
        }
    }

    fn draw_links(&self, scene: &Scene<'_>) {
        let count = i32::try_from(scene.layers.links.len()).unwrap_or(i32::MAX);
        if count > 0 {
            let program = &self.links.0;
            self.enter(program, &self.links.1, scene);
            self.gl.uniform1f(program.at("u_half"), LINK_HALF);
            self.gl.draw_arrays_instanced(Gl::TRIANGLE_STRIP, 0, 4, count);
        }
    }

    fn draw_sprites(&self, scene: &Scene<'_>, group: usize, count: usize) {
        let (program, streams) = &self.sprites;
        let Some(stream) = streams.get(group).filter(|_| count > 0) else { return };
        let gl = &self.gl;
        self.enter(program, stream, scene);
        gl.active_texture(Gl::TEXTURE0);
        gl.bind_texture(Gl::TEXTURE_2D, Some(&self.words));
        gl.uniform1i(program.at("u_words"), 0);
        gl.uniform1f(program.at("u_side"), self.side as f32);
        gl.draw_arrays_instanced(Gl::TRIANGLE_STRIP, 0, 4, count as i32);
    }

    fn draw_trail(&self, scene: &Scene<'_>) {
        let Some(pieces) = scene.layers.trail.len().checked_sub(1).filter(|n| *n > 0) else { return };
        let (gl, program) = (&self.gl, &self.trail.0);
        self.enter(program, &self.trail.1, scene);
        let palette = scene.palette;
        let old = palette.accent.mix(palette.land, 0.55);
        for (half, from, to) in
            [(TRAIL_CASING, palette.halo, palette.halo), (TRAIL_HALF, old, palette.accent)]
        {
            gl.uniform1f(program.at("u_half"), half);
            self.colour(program, "u_old", from);
            self.colour(program, "u_new", to);
            gl.draw_arrays_instanced(Gl::TRIANGLE_STRIP, 0, 4, i32::try_from(pieces).unwrap_or(i32::MAX));
        }
    }
}

fn filter(gl: &Gl) {
    for (what, how) in [
        (Gl::TEXTURE_MIN_FILTER, Gl::LINEAR),
        (Gl::TEXTURE_MAG_FILTER, Gl::LINEAR),
        (Gl::TEXTURE_WRAP_S, Gl::CLAMP_TO_EDGE),
        (Gl::TEXTURE_WRAP_T, Gl::CLAMP_TO_EDGE),
    ] {
        gl.tex_parameteri(Gl::TEXTURE_2D, what, how as i32);
    }
}

fn floats(out: &mut Vec<u8>, values: &[f32]) {
    for v in values {
        out.extend_from_slice(&v.to_le_bytes());
    }
}

fn marks(out: &mut Vec<u8>, marks: &[Mark], origin: World, epoch_ms: f64) {
    out.clear();
    for mark in marks {
        motion(out, &mark.motion, origin, epoch_ms);
        floats(out, &[mark.radius, mark.kind as u8 as f32]);
        out.extend_from_slice(&mark.mix);
    }
}

fn motion(out: &mut Vec<u8>, m: &Motion, origin: World, epoch_ms: f64) {
    floats(
        out,
        &[
            (m.from.x - origin.x) as f32,
            (m.from.y - origin.y) as f32,
            (m.to.x - origin.x) as f32,
            (m.to.y - origin.y) as f32,
            ((m.t0_ms - epoch_ms) / 1000.0) as f32,
            (m.dur_ms / 1000.0) as f32,
        ],
    );
}
