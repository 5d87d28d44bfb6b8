//! What the `leaflet` crate does not bind, and the two small forms we use it in.

use super::project::{View, WORLD_PX, World};
use crate::platform::maths;
use leaflet::{Evented, LatLng, Map, Point};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The map as the crate binds it, with the rest of what we call.
    #[wasm_bindgen(extends = Map, extends = Evented)]
    #[derive(Debug, Clone)]
    pub type FullMap;

    #[wasm_bindgen(method, js_name = getPixelOrigin)]
    pub fn pixel_origin(this: &FullMap) -> Point;

    #[wasm_bindgen(method, js_name = containerPointToLayerPoint)]
    pub fn container_to_layer(this: &FullMap, point: &Point) -> Point;

    /// Ends the map: its handlers, its panes and its hold on the container.
    #[wasm_bindgen(method, catch)]
    pub fn remove(this: &FullMap) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, getter, js_name = doubleClickZoom)]
    pub fn double_click_zoom(this: &FullMap) -> leaflet::Handler;

    #[wasm_bindgen(method, getter, js_name = attributionControl)]
    pub fn attribution(this: &FullMap) -> Option<Attribution>;

    /// The line of credits.
    pub type Attribution;

    #[wasm_bindgen(method, js_name = getContainer)]
    pub fn container(this: &Attribution) -> web_sys::HtmlElement;

    #[wasm_bindgen(method, js_name = setPrefix)]
    pub fn set_prefix(this: &Attribution, prefix: &JsValue) -> JsValue;

    /// The bar that says how far a stretch of the map is.
    #[wasm_bindgen(js_namespace = ["L", "control"], js_name = scale)]
    pub fn scale_bar(options: &JsValue) -> leaflet::Control;

    /// A mark that the style sheet draws; the crate's own binding makes a picture's.
    #[wasm_bindgen(js_namespace = L, js_name = divIcon)]
    pub fn div_icon(options: &JsValue) -> leaflet::Icon;

    /// Told when a zoom begins: where it will end.
    #[wasm_bindgen(extends = leaflet::Event)]
    pub type ZoomAnim;

    #[wasm_bindgen(method, getter)]
    pub fn center(this: &ZoomAnim) -> LatLng;

    #[wasm_bindgen(method, getter)]
    pub fn zoom(this: &ZoomAnim) -> f64;

    /// A tile's place in its grid, as `createTile` is given it.
    pub type Coords;

    #[wasm_bindgen(method, getter)]
    pub fn x(this: &Coords) -> f64;

    #[wasm_bindgen(method, getter)]
    pub fn y(this: &Coords) -> f64;

    #[wasm_bindgen(method, getter)]
    pub fn z(this: &Coords) -> f64;

    /// What a grid says of a tile that comes or goes.
    #[wasm_bindgen(extends = leaflet::Event)]
    pub type TileEvent;

    #[wasm_bindgen(method, getter)]
    pub fn tile(this: &TileEvent) -> JsValue;
}

/// The view that the map has now, between zooms too.
pub fn view(map: &FullMap) -> View {
    let zoom = map.get_zoom();
    let origin = map.pixel_origin();
    let corner = map.container_to_layer(&Point::new(0.0, 0.0));
    let size = map.get_size();
    View {
        scale: WORLD_PX * maths::pow(2.0, zoom),
        tx: -origin.x() - corner.x(),
        ty: -origin.y() - corner.y(),
        width: size.x(),
        height: size.y(),
    }
}

/// The view that a zoom will end in, rounded as Leaflet rounds it.
pub fn view_at(map: &FullMap, center: &LatLng, zoom: f64) -> View {
    let now = view(map);
    let scale = WORLD_PX * maths::pow(2.0, zoom);
    let w = World::from_degrees(center.lat(), center.lng());
    View {
        scale,
        tx: (now.width / 2.0 - w.x * scale).round(),
        ty: (now.height / 2.0 - w.y * scale).round(),
        ..now
    }
}

/// `{animate: false}` and its like, for calls that take options.
pub fn options(pairs: &[(&str, JsValue)]) -> JsValue {
    let object = js_sys::Object::new();
    for (key, value) in pairs {
        // Setting a field of a new plain object cannot fail.
        let _ = js_sys::Reflect::set(&object, &JsValue::from_str(key), value);
    }
    object.into()
}
