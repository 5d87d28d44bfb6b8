//! One mounted map: wires Leaflet's events to the state, and runs the frame loop.
//!
//! Frames are asked for only while something moves. Leaflet and the page are never
//! called while the state is borrowed, because both call back at once.

use super::{
    api::{LiveMap, MapError, MapEvents, MapStats, Theme},
    basemap::{Basemap, features::Outlines},
    leaflet_ext::{FullMap, div_icon, options, scale_bar, view},
    palette::Palette,
    project::World,
    scene::OVERSCAN,
    setup::{names, new_canvas, new_map, read_palette},
    state::State,
    text::TextAtlas,
    tiles::Tiles,
};
use crate::format::fixed;
use leaflet::{LatLng, LatLngBounds, Point};
use sentinel_model::{UnitId, page::MapSettings};
use std::{
    any::Any,
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use web_sys::{HtmlCanvasElement, HtmlElement, Window};

/// Deepest zoom that fitting goes to.
const ZOOM_FIT: f64 = 15.0;
/// Points of a trail that are drawn.
pub const TRAIL_MOST: usize = 5000;

pub struct Engine {
    pub map: FullMap,
    pub events: MapEvents,
    pub state: RefCell<State>,
    pub follow: RefCell<Option<UnitId>>,
    /// The first units fit the view, where the settings name no place.
    pub fit_first: Cell<bool>,
    /// Every click is one on the map.
    pub placing: Cell<bool>,
    pub(super) container: HtmlElement,
    pub(super) canvas: HtmlCanvasElement,
    pub(super) theme: Cell<Theme>,
    /// Nothing glides: the person has asked for less motion.
    pub(super) still: bool,
    scale: RefCell<Option<leaflet::Control>>,
    spot: RefCell<Option<leaflet::Marker>>,
    basemap: RefCell<Option<Basemap>>,
    pub(super) tiles: RefCell<Option<Tiles>>,
    frame: Cell<Option<i32>>,
    tick: RefCell<Option<Closure<dyn FnMut()>>>,
    /// Listeners, each of which lets go when it is dropped.
    pub(super) holds: RefCell<Vec<Box<dyn Any>>>,
    pub(super) gone: Cell<bool>,
}

pub(super) fn window() -> Option<Window> {
    web_sys::window()
}

/// The page's own clock, ms; it never goes back.
pub fn now_ms() -> f64 {
    window().and_then(|w| w.performance()).map_or(0.0, |p| p.now())
}

/// Pixels of the screen to one of the map's own. There are more of them than the browser says where
/// the page shows the map enlarged; in twentieths, as sizes of elements are rounded.
fn sharpness(container: &HtmlElement) -> f64 {
    let ratio = window().map_or(1.0, |w| w.device_pixel_ratio());
    let (shown, own) = (container.get_bounding_client_rect().width(), f64::from(container.offset_width()));
    let enlarged = if shown > 0.0 && own > 0.0 { (shown / own * 20.0).round() / 20.0 } else { 1.0 };
    ratio * enlarged.max(1.0)
}

impl Engine {
    pub fn mount(
        container: &HtmlElement,
        settings: &MapSettings,
        theme: Theme,
        events: MapEvents,
    ) -> Result<LiveMap, MapError> {
        let window = window().ok_or(MapError::NoLeaflet)?;
        let document = window.document().ok_or(MapError::NoLeaflet)?;
        if !js_sys::Reflect::has(&window, &"L".into()).unwrap_or(false) {
            return Err(MapError::NoLeaflet);
        }
        let still =
            matches!(window.match_media("(prefers-reduced-motion: reduce)"), Ok(Some(m)) if m.matches());
        let map = new_map(container, settings, still)?;
        let canvas = new_canvas(&document, container)?;
        let dpr = sharpness(container);
        let palette = read_palette(&window, container, theme);
        let no_canvas = || MapError::Browser { doing: "draw words", why: "there is no 2D canvas".into() };
        let atlas = TextAtlas::new(&document, dpr).ok_or_else(no_canvas)?;
        let engine = Rc::new(Self {
            events,
            state: RefCell::new(State::new(&canvas, atlas, palette.clone(), still, dpr)),
            follow: RefCell::default(),
            fit_first: Cell::new(settings.center.is_none()),
            placing: Cell::default(),
            container: container.clone(),
            canvas,
            theme: Cell::new(theme),
            still,
            scale: RefCell::default(),
            spot: RefCell::default(),
            basemap: RefCell::default(),
            tiles: RefCell::default(),
            frame: Cell::default(),
            tick: RefCell::default(),
            holds: RefCell::default(),
            gone: Cell::default(),
            map,
        });
        engine.paint_ground(&palette);
        engine.listen();
        engine.add_ground(settings, palette, dpr);
        engine.resized();
        Ok(LiveMap::from(engine))
    }

    /// Asks for a frame, unless one is on its way.
    pub fn wake(self: &Rc<Self>) {
        if self.gone.get() || self.frame.get().is_some() {
            return;
        }
        let mut tick = self.tick.borrow_mut();
        let tick = tick.get_or_insert_with(|| {
            let engine = Rc::downgrade(self);
            Closure::new(move || {
                if let Some(engine) = engine.upgrade() {
                    engine.frame.set(None);
                    engine.keep_in_middle();
                    if engine.state.try_borrow().is_ok_and(|s| s.resting(now_ms())) {
                        engine.wake();
                    } else {
                        engine.draw();
                    }
                }
            })
        });
        let asked = window().and_then(|w| w.request_animation_frame(tick.as_ref().unchecked_ref()).ok());
        self.frame.set(asked);
    }

    /// Draws now. Leaflet has moved its panes in this very frame; so must we.
    pub(super) fn draw(self: &Rc<Self>) {
        let Ok(mut state) = self.state.try_borrow_mut() else { return };
        let start = now_ms();
        let more = state.frame(start);
        state.took(now_ms() - start);
        drop(state);
        if more || self.follow.borrow().is_some() && self.follow_moves() {
            self.wake();
        }
    }

    fn follow_moves(&self) -> bool {
        self.state.borrow().store.moving_until_ms() > now_ms()
    }

    /// Moves the map so that the followed unit stays in the middle.
    fn keep_in_middle(&self) {
        let Some(id) = self.follow.borrow().clone() else { return };
        let off = {
            let state = self.state.borrow();
            let view = state.shown_view(now_ms());
            if state.zooming() {
                return;
            }
            let slot = state.store.find(&id).and_then(|i| state.store.get(i)).filter(|s| s.placed);
            slot.map(|s| view.to_px(s.position(now_ms())))
                .map(|(x, y)| (x - view.width / 2.0, y - view.height / 2.0))
        };
        if let Some((dx, dy)) = off.filter(|(dx, dy)| dx.abs() >= 1.0 || dy.abs() >= 1.0) {
            let still = options(&[("animate", false.into())]);
            self.map.pan_by_with_options(&Point::new(dx.round(), dy.round()), &still);
        }
    }

    /// Where the units in the picture are, or are just going.
    pub fn places(&self) -> Vec<World> {
        // Receivers without a fix say 0, 0: to show them would show nobody else.
        let nowhere = World::from_degrees(0.0, 0.0);
        self.state.borrow().store.placed().map(|(_, s)| s.to).filter(|at| *at != nowhere).collect()
    }

    pub fn fit(&self, animate: bool) {
        if let Some((min, max)) = World::around(&self.places()) {
            self.fit_world(min, max, ZOOM_FIT, animate);
        }
    }

    fn fit_world(&self, min: World, max: World, most: f64, animate: bool) {
        let corner = |w: World| {
            let (lat, lon) = w.to_degrees();
            LatLng::new(lat, lon)
        };
        let bounds = LatLngBounds::new(&corner(min), &corner(max));
        let options = options(&[
            ("padding", JsValue::from(Point::new(48.0, 48.0))),
            ("maxZoom", most.into()),
            ("animate", animate.into()),
        ]);
        self.map.fit_bounds_with_options(&bounds, &options);
    }

    pub fn resized(self: &Rc<Self>) {
        if self.gone.get() {
            return;
        }
        self.map.invalidate_size(false);
        self.size_canvas();
    }

    pub(super) fn size_canvas(self: &Rc<Self>) {
        let view = view(&self.map);
        let dpr = sharpness(&self.container);
        let (w, h) = (view.width + 2.0 * OVERSCAN, view.height + 2.0 * OVERSCAN);
        let style = self.canvas.style();
        for (name, value) in [("width", w), ("height", h), ("left", -OVERSCAN), ("top", -OVERSCAN)] {
            let _ = style.set_property(name, &format!("{}px", fixed(value, 3)));
        }
        self.canvas.set_width((w * dpr).round() as u32);
        self.canvas.set_height((h * dpr).round() as u32);
        let sharper = {
            let mut state = self.state.borrow_mut();
            let sharper = state.dpr != dpr;
            state.dpr = dpr;
            if sharper {
                state.redraw_words();
            }
            state.set_view(view);
            sharper
        };
        if sharper {
            self.set_theme(self.theme.get());
        }
        self.draw();
    }

    pub fn set_theme(self: &Rc<Self>, theme: Theme) {
        let Some(window) = window() else { return };
        self.theme.set(theme);
        let palette = read_palette(&window, &self.container, theme);
        self.paint_ground(&palette);
        let dpr = {
            let mut state = self.state.borrow_mut();
            state.palette = palette.clone();
            state.redraw_words();
            state.dpr
        };
        if let Some(basemap) = &*self.basemap.borrow() {
            basemap.set_palette(palette, dpr);
        }
        if let Some(tiles) = &*self.tiles.borrow() {
            tiles.set_theme(theme);
        }
        self.wake();
    }

    pub fn set_scale(&self, imperial: bool) {
        let bar = scale_bar(&options(&[("metric", (!imperial).into()), ("imperial", imperial.into())]));
        if let Some(before) = self.scale.replace(Some(bar.add_to(&self.map))) {
            before.remove();
        }
    }

    pub fn mark_spot(&self, spot: Option<(f64, f64, &str)>) {
        let marker = spot.map(|(lat, lon, words)| {
            let icon = div_icon(&options(&[
                ("className", "spot".into()),
                ("iconSize", JsValue::from(Point::new(28.0, 28.0))),
            ]));
            let options = leaflet::MarkerOptions::new();
            options.set_icon(icon);
            options.set_title(words.into());
            options.set_alt(words.into());
            options.set_interactive(false);
            options.set_keyboard(false);
            let marker = leaflet::Marker::new_with_options(&LatLng::new(lat, lon), &options);
            marker.add_to(&self.map);
            marker
        });
        if let Some(before) = self.spot.replace(marker) {
            before.remove();
        }
    }

    pub fn stats(&self) -> MapStats {
        self.state.borrow().stats()
    }

    pub fn destroy(&self) {
        if self.gone.replace(true) {
            return;
        }
        if let (Some(frame), Some(window)) = (self.frame.take(), window()) {
            // A frame that runs all the same finds the map gone.
            let _ = window.cancel_animation_frame(frame);
        }
        self.holds.borrow_mut().clear();
        if let Some(basemap) = self.basemap.borrow_mut().take() {
            basemap.remove();
        }
        *self.tiles.borrow_mut() = None;
        // Fails only where the container was emptied before; then there is nothing left to end.
        let _ = self.map.remove();
        self.canvas.remove();
    }

    /// Colours of what Leaflet's own style sheet would paint for daylight.
    fn paint_ground(&self, palette: &Palette) {
        let _ = self.container.style().set_property("background-color", &palette.water.css());
        let line = self.map.attribution().map(|a| a.container());
        if let Some(style) = line.map(|l| l.style()) {
            for (name, value) in [
                ("background", "transparent".to_owned()),
                ("color", palette.label.alpha(0.8).css()),
                ("font", format!("10px {}", palette.font)),
                ("pointer-events", "none".to_owned()),
            ] {
                let _ = style.set_property(name, &value);
            }
        }
    }

    fn add_ground(self: &Rc<Self>, settings: &MapSettings, palette: Palette, dpr: f64) {
        let weak = Rc::downgrade(self);
        let loaded = move |city: &Outlines| {
            if let Some(engine) = weak.upgrade() {
                engine.state.borrow_mut().words.names = names(city);
                engine.state.borrow_mut().settle();
                engine.wake();
            }
        };
        let basemap = Basemap::new(&self.map, settings.city_basemap.clone(), palette, dpr, loaded);
        *self.basemap.borrow_mut() = Some(basemap);
        let Some(url) = &settings.tile_url else { return };
        let weak = Rc::downgrade(self);
        let changed = Rc::new(move |shown| {
            if let Some(engine) = weak.upgrade() {
                engine.state.borrow_mut().words.tiles = shown;
                engine.state.borrow_mut().settle();
                engine.wake();
                (engine.events.on_tiles)(shown);
            }
        });
        let tiles = Tiles::new(&self.map, url, self.theme.get(), changed);
        *self.tiles.borrow_mut() = Some(tiles);
    }
}
