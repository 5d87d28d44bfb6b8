//! What pages may ask of the map.

use sentinel_model::{PatrolId, RoutePoint, UnitId, UnitStatus, live::LiveUnit, page::MapSettings};
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
    /// Open map was clicked: latitude, longitude.
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
pub struct LiveMap(Rc<()>);

impl LiveMap {
    /// Builds the map inside `container`, which must have a size and `leaflet.css`.
    pub fn mount(
        container: &web_sys::HtmlElement,
        settings: &MapSettings,
        theme: Theme,
        events: MapEvents,
    ) -> Result<LiveMap, MapError> {
        let _ = (container, settings, theme, events);
        Ok(LiveMap(Rc::new(())))
    }

    /// A snapshot: what is not in it goes.
    pub fn replace(&self, units: &[LiveUnit]) {
        let _ = (units, &self.0);
    }

    /// New positions; each marker moves smoothly from where it is shown. A unit
    /// whose time is older than the one held is ignored.
    pub fn update(&self, units: &[LiveUnit]) {
        let _ = units;
    }

    pub fn remove(&self, patrol: PatrolId) {
        let _ = patrol;
    }

    pub fn set_status(&self, patrol: PatrolId, status: UnitStatus) {
        let _ = (patrol, status);
    }

    /// Shows these patrols only; `None` shows all.
    pub fn set_filter(&self, visible: Option<HashSet<PatrolId>>) {
        let _ = visible;
    }

    /// Rings a unit, without telling `on_select`.
    pub fn select(&self, id: Option<&UnitId>) {
        let _ = id;
    }

    /// Keeps a unit in the middle until the person moves the map.
    pub fn follow(&self, id: Option<&UnitId>) {
        let _ = id;
    }

    pub fn show_trail(&self, points: &[RoutePoint]) {
        let _ = points;
    }

    pub fn clear_trail(&self) {}

    /// Reads the colours anew; call it after the page's theme has changed.
    pub fn set_theme(&self, theme: Theme) {
        let _ = theme;
    }

    /// Shows every visible unit.
    pub fn fit_units(&self) {}

    pub fn fly_to(&self, lat: f64, lon: f64, zoom: f64) {
        let _ = (lat, lon, zoom);
    }

    pub fn zoom_by(&self, d: f64) {
        let _ = d;
    }

    /// The container has another size, or a panel now covers part of it.
    pub fn resize(&self) {}

    /// Draws every unit by itself, whatever the zoom; on by default.
    pub fn set_clustering(&self, on: bool) {
        let _ = on;
    }

    pub fn stats(&self) -> MapStats {
        MapStats::default()
    }

    /// Takes the map off the page and lets everything go.
    pub fn destroy(&self) {}
}
