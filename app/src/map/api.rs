//! What pages may ask of the map.

use super::{
    engine::{Engine, TRAIL_MOST, now_ms},
    leaflet_ext::{FullMap, options, view},
    pins::Pin,
    project::{View, World},
    state::State,
};
use leaflet::{LatLng, LatLngBounds, Point};
use sentinel_model::{PatrolId, RoutePoint, TaskId, UnitId, UnitStatus, live::LiveUnit, page::MapSettings};
use std::{collections::HashSet, rc::Rc};

/// Which of the two looks the page has; the colours themselves come from its CSS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    #[default]
    Dark,
    Light,
}

/// Why there is no map.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MapError {
    #[error("Leaflet is not loaded; /pkg/leaflet.js must come before the page's own code")]
    NoLeaflet,
    #[error("the browser could not {doing}: {why}")]
    Browser { doing: &'static str, why: String },
}

/// What the map tells the page. Screen places are CSS pixels from the container's
/// top left corner.
#[derive(Clone)]
pub struct MapEvents {
    /// A unit was clicked, or none: the click was on open map.
    pub on_select: Rc<dyn Fn(Option<UnitId>)>,
    /// Several units lie under one click; the page lets the person choose.
    pub on_pick_many: Rc<dyn Fn(Vec<UnitId>, f64, f64)>,
    /// The pointer came over a unit or left it.
    pub on_hover: Rc<dyn Fn(Option<UnitId>, f64, f64)>,
    /// The person moved the map by hand; following has ended.
    pub on_user_moved: Rc<dyn Fn()>,
    /// Whether raster tiles are shown (`true`) or the bundled outlines.
    pub on_tiles: Rc<dyn Fn(bool)>,
    /// The pin of an incident or an order was clicked.
    pub on_task: Rc<dyn Fn(TaskId)>,
    /// Open map was clicked, or, while a place is being chosen, anything: latitude, longitude.
    pub on_click_map: Rc<dyn Fn(f64, f64)>,
}

impl Default for MapEvents {
    fn default() -> Self {
        Self {
            on_select: Rc::new(|_| ()),
            on_pick_many: Rc::new(|_, _, _| ()),
            on_hover: Rc::new(|_, _, _| ()),
            on_user_moved: Rc::new(|| ()),
            on_tiles: Rc::new(|_| ()),
            on_task: Rc::new(|_| ()),
            on_click_map: Rc::new(|_, _| ()),
        }
    }
}

/// How the map is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MapStats {
    /// Units held.
    pub units: usize,
    /// Markers drawn by themselves: neither filtered away nor inside a cluster.
    pub drawn: usize,
    pub clusters: usize,
    pub labels: usize,
    /// Main-thread script time of the last frame, and the median of the last 240.
    pub frame_last_ms: f64,
    pub frame_median_ms: f64,
    pub frame_p95_ms: f64,
    /// Frames drawn since the map was mounted.
    pub frames: u64,
    /// `webgl2` or `canvas2d`.
    pub renderer: &'static str,
}

/// One mounted map. A clone is the same map; [`LiveMap::destroy`] ends all of them.
#[derive(Clone)]
pub struct LiveMap(Rc<Engine>);

impl From<Rc<Engine>> for LiveMap {
    fn from(engine: Rc<Engine>) -> Self {
        Self(engine)
    }
}

impl LiveMap {
    /// Builds the map inside `container`, which must have a size and `leaflet.css`.
    pub fn mount(
        container: &web_sys::HtmlElement,
        settings: &MapSettings,
        theme: Theme,
        events: MapEvents,
    ) -> Result<LiveMap, MapError> {
        Engine::mount(container, settings, theme, events)
    }

    /// A snapshot: what is not in it goes. The age rule of [`LiveMap::update`] holds
    /// here too; to show another moment of history, replace with nothing first.
    pub fn replace(&self, units: &[LiveUnit]) {
        self.change(|state| {
            state.store.replace(units, now_ms());
            state.settle();
        });
        if self.0.fit_first.get() && units.iter().any(|u| u.lat.is_some()) {
            self.0.fit_first.set(false);
            self.0.fit(false);
        }
    }

    /// New positions; each marker moves smoothly from where it is shown. A unit
    /// whose time is older than the one held is ignored.
    pub fn update(&self, units: &[LiveUnit]) {
        self.change(|state| {
            let now = now_ms();
            for unit in units {
                state.store.apply(unit, now);
            }
        });
    }

    pub fn remove(&self, patrol: PatrolId) {
        self.change(|state| {
            state.store.remove(patrol);
            state.settle();
        });
    }

    pub fn set_status(&self, patrol: PatrolId, status: UnitStatus) {
        self.change(|state| {
            state.urgent |= state.store.set_status(patrol, status);
        });
    }

    /// Shows these patrols only; `None` shows all.
    pub fn set_filter(&self, visible: Option<HashSet<PatrolId>>) {
        self.change(|state| {
            state.store.set_filter(visible);
            state.settle();
        });
    }

    /// Draws these units as ones that call for help, by themselves.
    pub fn set_calling(&self, units: HashSet<UnitId>) {
        self.change(|state| {
            state.store.set_calling(units);
            state.settle();
        });
    }

    /// Marks a place where no unit is shown, with a word for it; `None` takes the mark away.
    pub fn mark_spot(&self, spot: Option<(f64, f64, &str)>) {
        self.0.mark_spot(spot);
    }

    /// The incidents and orders to show.
    pub fn set_pins(&self, pins: Vec<Pin>) {
        self.change(|state| {
            state.pins.put(pins, &mut state.layers);
            state.settle();
        });
    }

    /// While a place is being chosen every click is one on the map.
    pub fn choose_place(&self, on: bool) {
        self.0.placing.set(on);
    }

    /// Rings a unit, without telling `on_select`.
    pub fn select(&self, id: Option<&UnitId>) {
        self.change(|state| {
            state.selected = id.cloned();
            state.urgent = true;
        });
    }

    /// Keeps a unit in the middle until the person moves the map.
    pub fn follow(&self, id: Option<&UnitId>) {
        *self.0.follow.borrow_mut() = id.cloned();
        self.0.wake();
    }

    /// Draws where a unit has been, oldest point first.
    pub fn show_trail(&self, points: &[RoutePoint]) {
        self.change(|state| {
            let step = points.len().div_ceil(TRAIL_MOST).max(1);
            let last = points.last().filter(|_| !(points.len() - 1).is_multiple_of(step));
            let kept = points.iter().step_by(step).chain(last);
            state.layers.trail = kept.map(|p| World::from_degrees(p.latitude, p.longitude)).collect();
            state.layers.changed.trail = true;
            state.settle();
        });
    }

    pub fn clear_trail(&self) {
        self.show_trail(&[]);
    }

    /// Reads the colours anew; call it after the page's theme has changed.
    pub fn set_theme(&self, theme: Theme) {
        self.0.set_theme(theme);
    }

    /// Draws the bar that says how far things are, in miles or kilometres.
    pub fn set_scale(&self, imperial: bool) {
        self.0.set_scale(imperial);
    }

    /// Shows every visible unit.
    pub fn fit_units(&self) {
        self.0.fit(true);
    }

    pub fn fly_to(&self, lat: f64, lon: f64, zoom: f64) {
        self.fly(lat, lon, zoom, 0.6);
    }

    /// What is in sight.
    pub fn view(&self) -> View {
        view(&self.0.map)
    }

    /// Where the units in the picture are, or are just going.
    pub fn places(&self) -> Vec<World> {
        self.0.places()
    }

    /// Brings a place to the middle: slowly, so that who looks on keeps their bearings, or at once.
    pub fn turn_to(&self, middle: World, zoom: f64, slowly: bool) {
        let (lat, lon) = middle.to_degrees();
        self.fly(lat, lon, zoom, if slowly { 1.6 } else { 0.0 });
    }

    fn fly(&self, lat: f64, lon: f64, zoom: f64, seconds: f64) {
        let animate = seconds > 0.0 && !self.0.still;
        let options = options(&[("animate", animate.into()), ("duration", seconds.into())]);
        self.0.map.fly_to_with_zoom_and_options(&LatLng::new(lat, lon), zoom, &options);
    }

    pub fn zoom_by(&self, d: f64) {
        self.0.map.set_zoom(self.0.map.get_zoom() + d);
    }

    /// Leaflet's own map, for what is drawn beneath the units and only now and then.
    pub(crate) fn leaflet(&self) -> &FullMap {
        &self.0.map
    }

    /// Brings a box in sight, south-west and north-east corner in degrees.
    pub(crate) fn fly_to_box(&self, south_west: (f64, f64), north_east: (f64, f64)) {
        const ZOOM_MOST: f64 = 16.0;
        let corner = |(lat, lon): (f64, f64)| LatLng::new(lat, lon);
        let bounds = LatLngBounds::new(&corner(south_west), &corner(north_east));
        let padding = Point::new(56.0, 56.0);
        let options =
            options(&[("padding", padding.into()), ("maxZoom", ZOOM_MOST.into()), ("duration", 0.6.into())]);
        self.0.map.fly_to_bounds_with_options(&bounds, &options);
    }

    /// The container has another size. The map notices by itself, a moment later.
    pub fn resize(&self) {
        self.0.resized();
    }

    /// Whether near units become clusters when zoomed out; on by default.
    pub fn set_clustering(&self, on: bool) {
        self.change(|state| {
            state.clustering = on;
            state.settle();
        });
    }

    /// Draws every frame while anything moves, even by less than an eye could see.
    pub fn set_restless(&self, on: bool) {
        self.change(|state| state.restless = on);
    }

    pub fn stats(&self) -> MapStats {
        self.0.stats()
    }

    /// Takes the map off the page and lets everything go.
    pub fn destroy(&self) {
        self.0.destroy();
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.state.borrow_mut());
        self.0.wake();
    }
}
