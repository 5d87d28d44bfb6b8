//! The bundled basemap, painted into Leaflet's own grid of tiles: Leaflet moves,
//! scales and fades them, we only paint. What is not loaded yet is painted when it
//! comes; what never comes leaves plain water, and the map works all the same.

pub mod features;
mod paint;

use super::{
    leaflet_ext::{Coords, FullMap, TileEvent, options},
    palette::Palette,
};
use crate::live::rest;
use features::Outlines;
use leaflet::{Evented, EventedHandle, GridLayer, GridLayerOptions, Layer};
use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
};
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

/// CSS pixels of a tile's side: few tiles, little overdraw.
const SIDE: f64 = 512.0;
const WORLD_ADDRESS: &str = "/outlines/world";
/// What the outlines are, for the line of credits.
const CREDIT: &str = "Outlines: Natural Earth, city approximate";

struct Painted {
    canvas: HtmlCanvasElement,
    x: f64,
    y: f64,
    zoom: f64,
}

struct Shared {
    tiles: RefCell<Vec<Painted>>,
    world: RefCell<Outlines>,
    city: RefCell<Outlines>,
    palette: RefCell<Palette>,
    dpr: Cell<f64>,
}

pub struct Basemap {
    layer: GridLayer,
    shared: Rc<Shared>,
    _create: Closure<dyn FnMut(Coords) -> JsValue>,
    _unload: EventedHandle<leaflet::Event>,
}

impl Basemap {
    /// Puts the grid on the map and fetches what it shows; `loaded` is told when the
    /// city's places are there.
    pub fn new(
        map: &FullMap,
        city: Option<String>,
        palette: Palette,
        dpr: f64,
        loaded: impl Fn(&Outlines) + 'static,
    ) -> Self {
        let shared = Rc::new(Shared {
            tiles: RefCell::default(),
            world: RefCell::default(),
            city: RefCell::default(),
            palette: RefCell::new(palette),
            dpr: Cell::new(dpr),
        });
        let options = GridLayerOptions::new();
        options.set_tile_size(SIDE);
        options.set_update_when_zooming(false);
        options.set_z_index(0.0);
        let _ = js_sys::Reflect::set(&options, &"attribution".into(), &CREDIT.into());
        let layer = GridLayer::new_with_options(&options);
        let create = Closure::<dyn FnMut(Coords) -> JsValue>::new({
            let shared = Rc::downgrade(&shared);
            move |at: Coords| shared.upgrade().map_or(JsValue::NULL, |s| s.create(&at))
        });
        // Leaflet asks the layer itself for its tiles.
        let _ = js_sys::Reflect::set(&layer, &"createTile".into(), create.as_ref());
        let unload = Evented::on_leaflet_event(layer.unchecked_ref::<Layer>(), "tileunload", {
            let shared = Rc::downgrade(&shared);
            move |event: leaflet::Event| {
                if let Some(shared) = shared.upgrade() {
                    let gone = event.unchecked_into::<TileEvent>().tile();
                    shared.tiles.borrow_mut().retain(|t| *AsRef::<JsValue>::as_ref(&t.canvas) != gone);
                }
            }
        });
        layer.add_to(map);
        fetch(Rc::downgrade(&shared), WORLD_ADDRESS.to_owned(), |shared, outlines| {
            *shared.world.borrow_mut() = outlines;
        });
        if let Some(address) = city {
            fetch(Rc::downgrade(&shared), address, move |shared, outlines| {
                loaded(&outlines);
                *shared.city.borrow_mut() = outlines;
            });
        }
        Self { layer, shared, _create: create, _unload: unload }
    }

    pub fn set_palette(&self, palette: Palette, dpr: f64) {
        *self.shared.palette.borrow_mut() = palette;
        self.shared.dpr.set(dpr);
        self.shared.repaint();
    }

    pub fn remove(&self) {
        self.layer.remove();
    }
}

impl Shared {
    fn create(&self, at: &Coords) -> JsValue {
        let canvas = web_sys::window()
            .and_then(|w| w.document())
            .and_then(|d| d.create_element("canvas").ok())
            .and_then(|e| e.dyn_into::<HtmlCanvasElement>().ok());
        let Some(canvas) = canvas else { return JsValue::NULL };
        let tile = Painted { canvas, x: at.x(), y: at.y(), zoom: at.z() };
        self.paint(&tile);
        let element = tile.canvas.clone().into();
        self.tiles.borrow_mut().push(tile);
        element
    }

    fn paint(&self, tile: &Painted) {
        let dpr = self.dpr.get();
        tile.canvas.set_width((SIDE * dpr).round() as u32);
        tile.canvas.set_height((SIDE * dpr).round() as u32);
        // A tile is painted all over: said so, the browser need not blend it.
        let opaque = options(&[("alpha", false.into())]);
        let context = tile.canvas.get_context_with_context_options("2d", &opaque).ok().flatten();
        if let Some(context) = context.and_then(|c| c.dyn_into::<CanvasRenderingContext2d>().ok()) {
            let (x, y, zoom) = (tile.x, tile.y, tile.zoom);
            paint::Tile { context: &context, x, y, zoom, side: SIDE, dpr }.paint(
                &self.world.borrow(),
                &self.city.borrow(),
                &self.palette.borrow(),
            );
        }
    }

    fn repaint(&self) {
        self.tiles.borrow().iter().for_each(|tile| self.paint(tile));
    }
}

/// Gets outlines from this server. A failure is said on the console: the map is
/// usable without, so nobody else is bothered.
fn fetch(shared: Weak<Shared>, address: String, take: impl FnOnce(&Shared, Outlines) + 'static) {
    wasm_bindgen_futures::spawn_local(async move {
        match (rest::basemap(&address).await, shared.upgrade()) {
            (Ok(map), Some(shared)) => {
                take(&shared, Outlines::of(map));
                shared.repaint();
            }
            (Err(why), Some(_)) => {
                leptos::logging::warn!("the basemap {address} does not load: {why}");
            }
            (_, None) => {}
        }
    });
}
