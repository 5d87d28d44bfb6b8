//! Raster tiles, where the operator has some.
//!
//! The outlines lie beneath and show until the first tile comes. When tiles fail
//! one after another the layer is taken off, so that a closed network is not
//! knocked at all day, and tried again when the map is moved later.

use super::{api::Theme, leaflet_ext::FullMap};
use leaflet::{Evented, EventedHandle, Layer, TileLayer, TileLayerOptions};
use std::{cell::Cell, rc::Rc};
use wasm_bindgen::JsCast;

/// Failures in a row after which the tiles are taken off.
const FAILURES: u32 = 6;
/// How long until they are tried again, ms.
const RETRY_MS: f64 = 60_000.0;
/// What makes street tiles drawn for daylight bearable at night.
const NIGHT: &str = "invert(1) hue-rotate(180deg) brightness(0.82) contrast(0.88) saturate(0.45)";

#[derive(Default)]
struct State {
    failed: Cell<u32>,
    shown: Cell<bool>,
    off_since_ms: Cell<Option<f64>>,
}

pub struct Tiles {
    layer: TileLayer,
    state: Rc<State>,
    _events: [EventedHandle<leaflet::Event>; 2],
}

impl Tiles {
    /// `changed` is told when tiles begin to show and when they are given up. Their
    /// makers' credit is the page's to show.
    pub fn new(map: &FullMap, url: &str, theme: Theme, changed: Rc<dyn Fn(bool)>) -> Self {
        let options = TileLayerOptions::new();
        options.set_max_zoom(20.0);
        let _ = js_sys::Reflect::set(&options, &"maxNativeZoom".into(), &19.0.into());
        let _ = js_sys::Reflect::set(&options, &"zIndex".into(), &2.0.into());
        let layer = TileLayer::new_options(url, &options);
        let state = Rc::new(State::default());
        let loaded = Evented::on_leaflet_event(layer.unchecked_ref::<Layer>(), "tileload", {
            let (state, changed) = (state.clone(), changed.clone());
            move |_: leaflet::Event| {
                state.failed.set(0);
                if !state.shown.replace(true) {
                    changed(true);
                }
            }
        });
        let failed = Evented::on_leaflet_event(layer.unchecked_ref::<Layer>(), "tileerror", {
            let (state, layer) = (state.clone(), layer.clone());
            move |_: leaflet::Event| {
                state.failed.set(state.failed.get() + 1);
                if state.failed.get() == FAILURES {
                    layer.remove();
                    state.off_since_ms.set(Some(super::engine::now_ms()));
                    state.shown.set(false);
                    changed(false);
                }
            }
        });
        layer.add_to(map);
        let tiles = Self { layer, state, _events: [loaded, failed] };
        tiles.set_theme(theme);
        tiles
    }

    pub fn set_theme(&self, theme: Theme) {
        let filter = if theme == Theme::Dark { NIGHT } else { "saturate(0.7)" };
        if self.state.off_since_ms.get().is_none() {
            let _ = self.layer.get_container().style().set_property("filter", filter);
        }
    }

    /// The map came to rest: a chance to try again.
    pub fn moved(&self, map: &FullMap, theme: Theme) {
        let now = super::engine::now_ms();
        if self.state.off_since_ms.get().is_some_and(|since| now - since > RETRY_MS) {
            self.state.off_since_ms.set(None);
            self.state.failed.set(0);
            self.layer.add_to(map);
            self.set_theme(theme);
        }
    }
}
