//! QR codes as one path of an SVG.

use leptos::prelude::*;
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write as _;

/// Modules of white around a code, so that cameras find it.
const QUIET: usize = 4;

/// None where the text is longer than a code holds.
pub fn qr(label: String, text: &str) -> Option<impl IntoView + use<>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let side = code.width() + 2 * QUIET;
    let mut path = String::new();
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (at % code.width() + QUIET, at / code.width() + QUIET);
            write!(path, "M{x} {y}h1v1h-1z").expect("a string takes what is written to it");
        }
    }
    Some(view! {
        <svg class="qr" viewBox=format!("0 0 {side} {side}") role="img" aria-label=label shape-rendering="crispEdges">
            <path class="qr-light" d=format!("M0 0h{side}v{side}h-{side}z")></path>
            <path class="qr-dark" d=path></path>
        </svg>
    })
}
