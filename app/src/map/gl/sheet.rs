//! The sheet of unit marks: a column per shape, with and without heading. It is
//! larger than the marks, so that turned ones stay sharp.

use crate::map::{canvas2d, palette::Palette};
use wasm_bindgen::JsCast;
use web_sys::HtmlCanvasElement;

/// Eight cells by two, each as wide as a mark's point: 28 CSS pixels.
pub fn glyph_sheet(palette: &Palette, cell: f64) -> Option<HtmlCanvasElement> {
    let document = web_sys::window()?.document()?;
    let canvas: HtmlCanvasElement = document.create_element("canvas").ok()?.dyn_into().ok()?;
    canvas.set_width((cell * 8.0) as u32);
    canvas.set_height((cell * 2.0) as u32);
    let context: web_sys::CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    for kind in 0..5u8 {
        for (row, heading) in [(0.0, Some(0.0)), (1.0, None)] {
            context.save();
            let _ = context.translate((f64::from(kind) + 0.5) * cell, (row + 0.5) * cell);
            let _ = context.scale(cell / 28.0, cell / 28.0);
            canvas2d::glyph(&context, palette, kind, heading);
            context.restore();
        }
    }
    Some(canvas)
}
