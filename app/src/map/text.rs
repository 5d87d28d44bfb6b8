//! Words, rasterised once each into one canvas that both renderers draw from.
//!
//! Bounded: one canvas. When it is full it is cleared, and the layout that follows
//! brings back what is still shown.

use super::{
    atlas::{Area, Shelves},
    palette::{Palette, Rgba},
};
use crate::format::fixed;
use std::collections::HashMap;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Style {
    Unit,
    UnitSelected,
    Count,
    /// By rank, 1 to 4.
    Place(u8),
    Water(u8),
    Station,
}

/// Where a word is in the atlas, and its size in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Word {
    pub area: Area,
    pub w: f64,
    pub h: f64,
}

struct Look {
    font: String,
    spacing: &'static str,
    size: f64,
    colour: Rgba,
    halo: Option<Rgba>,
    upper: bool,
}

pub struct TextAtlas {
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    shelves: Shelves,
    words: HashMap<Style, HashMap<String, Word>>,
    /// Areas that a renderer with a texture of its own must still fetch.
    pub fresh: Vec<Area>,
    dpr: f64,
    side: u32,
    /// A word found no room: clear before the next layout.
    pub full: bool,
}

/// Pixels around a word for its halo, CSS.
const PAD: f64 = 3.0;
const HALO: f64 = 3.2;

impl TextAtlas {
    pub fn new(document: &web_sys::Document, dpr: f64) -> Option<Self> {
        let canvas: HtmlCanvasElement = document.create_element("canvas").ok()?.dyn_into().ok()?;
        let options = js_sys::Object::new();
        js_sys::Reflect::set(&options, &"willReadFrequently".into(), &true.into()).ok()?;
        let context = canvas.get_context_with_context_options("2d", &options).ok()??;
        let mut atlas = Self {
            canvas,
            context: context.dyn_into().ok()?,
            shelves: Shelves::new(0),
            words: HashMap::new(),
            fresh: Vec::new(),
            dpr,
            side: 0,
            full: false,
        };
        atlas.reset(dpr);
        Some(atlas)
    }

    /// Forgets every word: the colours, the typeface or the screen have changed.
    pub fn reset(&mut self, dpr: f64) {
        self.dpr = dpr;
        self.side = if dpr > 1.25 { 2048 } else { 1024 };
        self.shelves = Shelves::new(self.side);
        self.words.clear();
        self.fresh.clear();
        self.full = false;
        // Setting the size clears the canvas.
        self.canvas.set_width(self.side);
        self.canvas.set_height(self.side);
    }

    pub fn side(&self) -> u32 {
        self.side
    }

    pub fn canvas(&self) -> &HtmlCanvasElement {
        &self.canvas
    }

    pub fn context(&self) -> &CanvasRenderingContext2d {
        &self.context
    }

    /// Every area in use, for a renderer that begins anew.
    pub fn all(&self) -> Vec<Area> {
        self.words.values().flat_map(|w| w.values()).map(|w| w.area).collect()
    }

    pub fn word(&mut self, style: Style, text: &str, palette: &Palette) -> Option<Word> {
        if let Some(word) = self.words.get(&style).and_then(|w| w.get(text)) {
            return Some(*word);
        }
        let word = self.draw(style, text, palette);
        match word {
            Some(word) => {
                self.words.entry(style).or_default().insert(text.to_owned(), word);
                self.fresh.push(word.area);
            }
            None => self.full = true,
        }
        word
    }

    fn draw(&mut self, style: Style, text: &str, palette: &Palette) -> Option<Word> {
        let look = look(style, palette);
        let shown =
            if look.upper { js_sys::JsString::from(text).to_upper_case().into() } else { text.to_owned() };
        let c = &self.context;
        c.set_font(&look.font);
        // Not in every browser; without it words are merely set closer.
        let _ = js_sys::Reflect::set(c, &"letterSpacing".into(), &look.spacing.into());
        let wide = c.measure_text(&shown).ok()?.width();
        let (w, h) = (wide.ceil() + 2.0 * PAD, (look.size * 1.25).ceil() + 2.0 * PAD);
        let area = self.shelves.place((w * self.dpr).ceil() as u32, (h * self.dpr).ceil() as u32)?;
        c.save();
        let _ = c.translate(f64::from(area.x), f64::from(area.y));
        let _ = c.scale(self.dpr, self.dpr);
        c.set_text_baseline("alphabetic");
        let (x, y) = (PAD, PAD + look.size * 0.98);
        if let Some(halo) = look.halo {
            c.set_line_join("round");
            c.set_line_width(HALO);
            c.set_stroke_style_str(&halo.css());
            let _ = c.stroke_text(&shown, x, y);
        }
        c.set_fill_style_str(&look.colour.css());
        let _ = c.fill_text(&shown, x, y);
        c.restore();
        Some(Word { area, w: f64::from(area.w) / self.dpr, h: f64::from(area.h) / self.dpr })
    }
}

fn look(style: Style, palette: &Palette) -> Look {
    let font = |weight: u32, size: f64, slope: &str| {
        format!("{slope}{weight} {}px {}", fixed(size, 1), palette.font)
    };
    let plain = |weight, size: f64, colour: Rgba| Look {
        font: font(weight, size, ""),
        spacing: "0px",
        size,
        colour,
        halo: Some(palette.halo.alpha(0.92)),
        upper: false,
    };
    let soft = palette.label.mix(palette.land, 0.22);
    match style {
        Style::Unit => plain(550, 11.0, palette.text.mix(palette.label, 0.25)),
        Style::UnitSelected => plain(700, 12.5, palette.text),
        Style::Count => Look { halo: None, ..plain(650, 12.5, palette.text) },
        Style::Place(1) => {
            Look { spacing: "0.4px", ..plain(600, 15.0, palette.label.mix(palette.text, 0.35)) }
        }
        Style::Place(2) => {
            Look { spacing: "0.2px", ..plain(550, 12.5, palette.label.mix(palette.text, 0.12)) }
        }
        Style::Place(3) => plain(500, 11.5, palette.label),
        Style::Place(_) => plain(450, 10.5, soft),
        Style::Water(rank) => Look {
            font: font(450, if rank < 2 { 14.0 } else { 11.5 }, "italic "),
            spacing: if rank < 2 { "3px" } else { "1px" },
            halo: Some(palette.water.alpha(0.8)),
            ..plain(450, if rank < 2 { 14.0 } else { 11.5 }, palette.coast.mix(palette.label, 0.45))
        },
        Style::Station => plain(500, 10.5, palette.label.mix(palette.accent, 0.35)),
    }
}
