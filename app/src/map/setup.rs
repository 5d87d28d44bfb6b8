//! What a map begins with: Leaflet's own settings, our canvas, colours and names.

use super::{
    api::{MapError, Theme},
    basemap::features::Outlines,
    leaflet_ext::FullMap,
    palette::Palette,
    text::Style,
    words::{Name, SITE_NAMES_ZOOM},
};
use leaflet::{LatLng, Map, MapOptions};
use sentinel_model::page::MapSettings;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{HtmlCanvasElement, HtmlElement, Window};

pub const ZOOM_MAX: f64 = 19.0;
const ZOOM_MIN: f64 = 2.0;
/// Where the map opens when nobody says: the whole world.
const ZOOM_WORLD: f64 = 2.0;
const ZOOM_PLACE: f64 = 12.0;

fn failed(doing: &'static str) -> impl Fn(JsValue) -> MapError {
    move |why| MapError::Browser { doing, why: format!("{why:?}") }
}

pub fn new_map(container: &HtmlElement, settings: &MapSettings, still: bool) -> Result<FullMap, MapError> {
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
    // Outlines are sharp between whole zooms too, and a fleet fits the view better; tiles are not.
    options.set_zoom_snap(if settings.tile_url.is_some() { 1.0 } else { 0.5 });
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
pub fn new_canvas(
    document: &web_sys::Document,
    container: &HtmlElement,
) -> Result<HtmlCanvasElement, MapError> {
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

pub fn read_palette(window: &Window, container: &HtmlElement, theme: Theme) -> Palette {
    let style = window.get_computed_style(container).ok().flatten();
    let lookup = |name: &str| {
        let value = style.as_ref()?.get_property_value(name).ok()?;
        Some(value.trim().to_owned()).filter(|v| !v.is_empty())
    };
    let font = lookup("--font").unwrap_or_else(|| "system-ui, sans-serif".to_owned());
    Palette::read(theme, font, lookup)
}

/// The words of a city's basemap, and from which zoom each is shown.
pub fn names(city: &Outlines) -> Vec<Name> {
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
