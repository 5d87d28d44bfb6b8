//! One mounted map: wires Leaflet's events to the state, and runs the frame loop.
//!
//! Frames are asked for only while something moves. Leaflet and the page are never
//! called while the state is borrowed, because both call back at once.

use super::{
    api::{LiveMap, MapError, MapEvents, MapStats, Theme},
    basemap::{Basemap, features::Outlines},
    leaflet_ext::{FullMap, ZoomAnim, options, view, view_at},
    palette::Palette,
    pick::{self, Hit},
    project::World,
    scene::OVERSCAN,
    state::{Renderer, State},
    text::{Style, TextAtlas},
    tiles::Tiles,
    words::{Name, SITE_NAMES_ZOOM},
};
use leaflet::{Event, Evented, LatLng, LatLngBounds, Map, MapOptions, MouseEvent, Point};
use sentinel_model::{UnitId, page::MapSettings};
use std::{
    any::Any,
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use web_sys::{HtmlCanvasElement, HtmlElement, Window};

const ZOOM_MAX: f64 = 19.0;
const ZOOM_MIN: f64 = 2.0;
/// Where the map opens when nobody says: the whole world.
const ZOOM_WORLD: f64 = 2.0;
const ZOOM_PLACE: f64 = 12.0;
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
    container: HtmlElement,
    canvas: HtmlCanvasElement,
    theme: Cell<Theme>,
    basemap: RefCell<Option<Basemap>>,
    tiles: RefCell<Option<Tiles>>,
    frame: Cell<Option<i32>>,
    tick: RefCell<Option<Closure<dyn FnMut()>>>,
    /// Listeners, each of which lets go when it is dropped.
    holds: RefCell<Vec<Box<dyn Any>>>,
    gone: Cell<bool>,
}

fn window() -> Option<Window> {
    web_sys::window()
}

/// The page's own clock, ms; it never goes back.
pub fn now_ms() -> f64 {
    window().and_then(|w| w.performance()).map_or(0.0, |p| p.now())
}

fn failed(doing: &'static str) -> impl Fn(JsValue) -> MapError {
    move |why| MapError::Browser { doing, why: format!("{why:?}") }
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
        let dpr = window.device_pixel_ratio();
        let palette = read_palette(&window, container, theme);
        let no_canvas = || MapError::Browser { doing: "draw words", why: "there is no 2D canvas".into() };
        let atlas = TextAtlas::new(&document, dpr).ok_or_else(no_canvas)?;
        let engine = Rc::new(Self {
            events,
            state: RefCell::new(State::new(&canvas, atlas, palette.clone(), still, dpr)),
            follow: RefCell::default(),
            fit_first: Cell::new(settings.center.is_none()),
            container: container.clone(),
            canvas,
            theme: Cell::new(theme),
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
    fn draw(self: &Rc<Self>) {
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

    pub fn fit(&self, animate: bool) {
        let bounds = {
            let state = self.state.borrow();
            let mut places = state.store.placed().map(|(_, s)| s.to);
            let Some(first) = places.next() else { return };
            places.fold((first, first), |(a, b), w| {
                (World { x: a.x.min(w.x), y: a.y.min(w.y) }, World { x: b.x.max(w.x), y: b.y.max(w.y) })
            })
        };
        self.fit_world(bounds.0, bounds.1, ZOOM_FIT, animate);
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

    fn size_canvas(self: &Rc<Self>) {
        let view = view(&self.map);
        let dpr = window().map_or(1.0, |w| w.device_pixel_ratio());
        let (w, h) = (view.width + 2.0 * OVERSCAN, view.height + 2.0 * OVERSCAN);
        let style = self.canvas.style();
        for (name, value) in [("width", w), ("height", h), ("left", -OVERSCAN), ("top", -OVERSCAN)] {
            let _ = style.set_property(name, &format!("{value}px"));
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

    fn hold(&self, thing: impl Any) {
        self.holds.borrow_mut().push(Box::new(thing));
    }

    /// Calls `act` on an event of Leaflet's, as long as the map lives.
    fn on(self: &Rc<Self>, event: &'static str, act: impl Fn(&Rc<Self>, Event) + 'static) {
        let weak = Rc::downgrade(self);
        let map: &Map = self.map.as_ref();
        self.hold(Evented::on_leaflet_event(&map, event, move |e: Event| {
            if let Some(engine) = weak.upgrade().filter(|e| !e.gone.get()) {
                act(&engine, e);
            }
        }));
    }

    /// The same for an event of the browser's.
    fn on_dom(
        self: &Rc<Self>,
        target: &web_sys::EventTarget,
        event: &'static str,
        act: impl Fn(&Rc<Self>, web_sys::Event) + 'static,
    ) {
        let weak = Rc::downgrade(self);
        let listener = Closure::<dyn FnMut(web_sys::Event)>::new(move |e| {
            if let Some(engine) = weak.upgrade().filter(|e| !e.gone.get()) {
                act(&engine, e);
            }
        });
        if target.add_event_listener_with_callback(event, listener.as_ref().unchecked_ref()).is_ok() {
            self.hold(Listener { target: target.clone(), event, listener });
        }
    }

    fn listen(self: &Rc<Self>) {
        for event in ["move", "viewreset", "zoomend"] {
            self.on(event, |engine, _| {
                let view = view(&engine.map);
                if let Ok(mut state) = engine.state.try_borrow_mut() {
                    state.set_view(view);
                }
                engine.draw();
            });
        }
        self.on("zoomanim", |engine, e| {
            let e: ZoomAnim = e.unchecked_into();
            let to = view_at(&engine.map, &e.center(), e.zoom());
            engine.state.borrow_mut().zoom_to(to, now_ms());
            engine.wake();
        });
        self.on("moveend", |engine, _| {
            if engine.follow.borrow().is_none() {
                engine.state.borrow_mut().settle();
            }
            if let Some(tiles) = &*engine.tiles.borrow() {
                tiles.moved(&engine.map, engine.theme.get());
            }
            engine.wake();
        });
        self.on("resize", |engine, _| engine.size_canvas());
        self.on("dragstart", |engine, _| engine.user_moved());
        self.on("click", |engine, e| engine.clicked(&e.unchecked_into()));
        self.on("mousemove", |engine, e| {
            let at = e.unchecked_into::<MouseEvent>().container_point();
            engine.hover(Some((at.x(), at.y())));
        });
        self.on("mouseout", |engine, _| engine.hover(None));
        self.listen_to_browser();
    }

    fn listen_to_browser(self: &Rc<Self>) {
        self.on_dom(&self.container, "keydown", |engine, e| {
            let key = e.unchecked_into::<web_sys::KeyboardEvent>().key();
            if key.starts_with("Arrow") {
                engine.user_moved();
            }
        });
        self.on_dom(&self.canvas, "webglcontextlost", |engine, e| {
            // Without this the browser does not give it back.
            e.prevent_default();
            engine.state.borrow_mut().renderer = Renderer::Lost;
        });
        self.on_dom(&self.canvas, "webglcontextrestored", |engine, _| {
            engine.state.borrow_mut().restore(&engine.canvas);
            engine.wake();
        });
        if let Some(document) = window().and_then(|w| w.document()) {
            // Words drawn before the page's typeface came are drawn again.
            self.on_dom(&document.fonts(), "loadingdone", |engine, _| {
                engine.state.borrow_mut().redraw_words();
                engine.wake();
            });
        }
        let weak = Rc::downgrade(self);
        let resized = Closure::<dyn FnMut()>::new(move || {
            if let Some(engine) = weak.upgrade() {
                engine.resized();
            }
        });
        if let Ok(observer) = web_sys::ResizeObserver::new(resized.as_ref().unchecked_ref()) {
            observer.observe(&self.container);
            self.hold(Observer { observer, _resized: resized });
        }
    }

    fn user_moved(&self) {
        self.follow.borrow_mut().take();
        (self.events.on_user_moved)();
    }

    fn clicked(self: &Rc<Self>, e: &MouseEvent) {
        let at = e.container_point();
        let (x, y) = (at.x(), at.y());
        let pointer = js_sys::Reflect::get(&e.original_event(), &"pointerType".into()).ok();
        let touch = pointer.and_then(|p| p.as_string()).is_some_and(|p| p == "touch");
        let reach = if touch { pick::TOUCH_PX } else { pick::MOUSE_PX };
        let (hit, ids, bounds) = {
            let state = self.state.borrow();
            let view = state.shown_view(now_ms());
            let hit = pick::click(&state.store, &state.clusters, &view, (x, y), reach, now_ms());
            let id = |index: &usize| state.store.get(*index).map(|s| s.id.clone());
            let ids: Vec<UnitId> = match &hit {
                Hit::Unit(index) => id(index).into_iter().collect(),
                Hit::Many(all) => all.iter().filter_map(id).collect(),
                Hit::Nothing | Hit::Cluster(_) => Vec::new(),
            };
            let bounds = match hit {
                Hit::Cluster(number) => state.clusters.get(number).map(|c| (c.min, c.max)),
                _ => None,
            };
            (hit, ids, bounds)
        };
        match hit {
            Hit::Unit(_) => (self.events.on_select)(ids.into_iter().next()),
            Hit::Many(_) => (self.events.on_pick_many)(ids, x, y),
            Hit::Cluster(_) => {
                self.user_moved();
                if let Some((min, max)) = bounds {
                    self.zoom_into(min, max);
                }
            }
            Hit::Nothing => {
                (self.events.on_select)(None);
                let at = e.lat_lng();
                (self.events.on_click_map)(at.lat(), at.lng());
            }
        }
    }

    /// At least one zoom deeper, so that a click on a cluster always does something.
    fn zoom_into(&self, min: World, max: World) {
        let now = self.map.get_zoom();
        let view = view(&self.map);
        let wide = ((max.x - min.x) * view.scale / (view.width - 96.0).max(1.0))
            .max((max.y - min.y) * view.scale / (view.height - 96.0).max(1.0));
        let deeper = if wide > 0.0 { (now - wide.log2()).floor() } else { ZOOM_MAX };
        let (lat, lon) = min.lerp(max, 0.5).to_degrees();
        self.map
            .set_view(&LatLng::new(lat, lon), deeper.clamp(now + 1.0, 16.0_f64.max(now + 1.0)).min(ZOOM_MAX));
    }

    fn hover(self: &Rc<Self>, at: Option<(f64, f64)>) {
        let (x, y) = at.unwrap_or_default();
        let (found, cluster) = {
            let Ok(state) = self.state.try_borrow() else { return };
            let view = state.shown_view(now_ms());
            match at.map(|at| pick::click(&state.store, &state.clusters, &view, at, pick::MOUSE_PX, now_ms()))
            {
                Some(Hit::Unit(i)) => (Some(i), false),
                Some(Hit::Many(all)) => (all.first().copied(), false),
                Some(Hit::Cluster(_)) => (None, true),
                Some(Hit::Nothing) | None => (None, false),
            }
        };
        let (id, changed) = {
            let mut state = self.state.borrow_mut();
            let id = found.and_then(|i| state.store.get(i)).map(|s| s.id.clone());
            let changed = state.hovered != id;
            state.hovered = id.clone();
            state.urgent |= changed;
            (id, changed)
        };
        let pointer = if id.is_some() || cluster { "pointer" } else { "" };
        let _ = self.container.style().set_property("cursor", pointer);
        if changed {
            self.wake();
            (self.events.on_hover)(id, x, y);
        }
    }
}

struct Listener {
    target: web_sys::EventTarget,
    event: &'static str,
    listener: Closure<dyn FnMut(web_sys::Event)>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self
            .target
            .remove_event_listener_with_callback(self.event, self.listener.as_ref().unchecked_ref());
    }
}

struct Observer {
    observer: web_sys::ResizeObserver,
    _resized: Closure<dyn FnMut()>,
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

fn new_map(container: &HtmlElement, settings: &MapSettings, still: bool) -> Result<FullMap, MapError> {
    let options = MapOptions::new();
    options.set_zoom_control(false);
    options.set_attribution_control(true);
    options.set_min_zoom(ZOOM_MIN);
    options.set_max_zoom(ZOOM_MAX);
    options.set_world_copy_jump(true);
    options.set_zoom_animation(!still);
    options.set_fade_animation(!still);
    options.set_inertia(!still);
    options.set_wheel_px_per_zoom_level(90.0);
    let map: FullMap =
        Map::new_with_element(container, &options).map_err(failed("start Leaflet"))?.unchecked_into();
    if let Some(line) = map.attribution() {
        line.set_prefix(&JsValue::FALSE);
    }
    let ((lat, lon), otherwise) = settings.center.map_or(((20.0, 20.0), ZOOM_WORLD), |at| (at, ZOOM_PLACE));
    map.set_view(&LatLng::new(lat, lon), settings.zoom.map_or(otherwise, f64::from));
    Ok(map)
}

/// Our canvas lies over Leaflet's panes and under its controls, and does not move
/// with them: what is on it is drawn at its place every time.
fn new_canvas(document: &web_sys::Document, container: &HtmlElement) -> Result<HtmlCanvasElement, MapError> {
    let canvas: HtmlCanvasElement =
        document.create_element("canvas").map_err(failed("make a canvas"))?.unchecked_into();
    let style = canvas.style();
    for (name, value) in [("position", "absolute"), ("z-index", "450"), ("pointer-events", "none")] {
        style.set_property(name, value).map_err(failed("place a canvas"))?;
    }
    canvas.set_attribute("aria-hidden", "true").map_err(failed("hide a canvas from readers"))?;
    container.append_child(&canvas).map_err(failed("add a canvas"))?;
    Ok(canvas)
}

fn read_palette(window: &Window, container: &HtmlElement, theme: Theme) -> Palette {
    let style = window.get_computed_style(container).ok().flatten();
    let lookup = |name: &str| {
        let value = style.as_ref()?.get_property_value(name).ok()?;
        Some(value.trim().to_owned()).filter(|v| !v.is_empty())
    };
    let font = lookup("--font").unwrap_or_else(|| "system-ui, sans-serif".to_owned());
    Palette::read(theme, font, lookup)
}

/// The words of a city's basemap, and from which zoom each is shown.
fn names(city: &Outlines) -> Vec<Name> {
    let places = city.places.iter().map(|p| Name {
        text: p.name.clone(),
        at: p.at,
        style: if p.water { Style::Water(p.rank) } else { Style::Place(p.rank) },
        from_zoom: match (p.water, p.rank) {
            (_, 0 | 1) => 9.0,
            (false, 2) => 10.0,
            (true, 2) => 11.0,
            (_, 3) => 12.0,
            _ => 13.0,
        },
        rank: u32::from(p.rank) * 2 + u32::from(p.water),
        site: false,
    });
    let sites = city.sites.iter().map(|s| Name {
        text: s.name.clone(),
        at: s.at,
        style: Style::Station,
        // Most stations are called after their quarter: the name need not stand there twice.
        from_zoom: if city.places.iter().any(|p| p.name == s.name) { 15.0 } else { SITE_NAMES_ZOOM },
        rank: 7,
        site: true,
    });
    places.chain(sites).collect()
}
