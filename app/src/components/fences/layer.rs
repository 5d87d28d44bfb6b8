//! Geofences on the map: Leaflet's own paths, beneath the canvas of the units. Colours and lines
//! are the style sheet's.
//!
//! Only what is in sight is drawn, and of a crowd the largest: a page may know thousands.

use crate::{
    components::whole::effect,
    console::Console,
    live::{
        alerts::Reading,
        fence_requests,
        fences::{Editing, Fences},
        link::Link,
        rest::{self, RestError},
    },
    map::{
        leaflet_ext::{div_icon, options},
        project::{View, World},
    },
    map_place::with_map,
};
use leaflet::{CircleOptions, Evented, LatLng, Layer, MarkerOptions, Point, PolylineOptions};
use leptos::{prelude::*, task::spawn_local};
use sentinel_model::geofence::{Bounds, Geofence, Polygon, Shape};
use std::{cell::RefCell, collections::BTreeMap, sync::Arc};
use wasm_bindgen::{JsCast, JsValue};

use super::sketch::near;

/// At once; the largest in sight.
const MOST: usize = 300;
const NAMES_MOST: usize = 60;
/// Smaller than this, in pixels, nothing is seen of it.
const SMALLEST_PX: f64 = 4.0;
/// From this zoom and width on a fence says its name.
const NAMES_ZOOM: f64 = 11.5;
const NAMED_FROM_PX: f64 = 44.0;

/// Where Leaflet's panes are, all of them beneath the units' canvas.
const PANE: &str = "overlayPane";

/// Reads the list whenever it is due, and draws. Called once.
pub fn begin(console: Console) {
    let fences = console.fences;
    effect(move || {
        fences.due.track();
        let scope = console.scope.get();
        if console.link.get_untracked().is_final() {
            return;
        }
        fences.known.update_value(|known| known.begin_list());
        spawn_local(async move {
            let answer = fence_requests::fences(scope).await;
            if console.scope.get_untracked() != scope {
                return;
            }
            match answer {
                Ok(list) => {
                    fences.known.update_value(|known| known.take_list(list));
                    fences.reading.set(Reading::Done { more: false });
                    fences.changed();
                }
                Err(RestError::SignedOut) => console.link.set(Link::SignedOut),
                Err(e) => {
                    fences.reading.set(Reading::Failed(e.to_string()));
                    rest::ask_later(fences.due);
                }
            }
        });
    });
    let moved = RwSignal::new(0u32);
    let mut listener = None;
    with_map(|map| {
        let target: &leaflet::Map = map.leaflet().as_ref();
        listener = Some(Evented::on_leaflet_event(&target, "moveend", move |_: leaflet::Event| {
            moved.update(|n| *n = n.wrapping_add(1));
        }));
    });
    let drawn: RefCell<BTreeMap<String, Drawn>> = RefCell::default();
    effect(move || {
        // It listens for as long as this draws.
        let _ = &listener;
        moved.track();
        fences.beat.track();
        let wanted = wanted(fences);
        with_map(|map| draw(map.leaflet(), map.view(), &wanted, &mut drawn.borrow_mut()));
    });
}

/// A fence as it is to be drawn: none of its looks, `chosen`, or one that is off.
type Wanted = (Arc<Geofence>, &'static str);

fn wanted(fences: Fences) -> Vec<Wanted> {
    let (all, chosen) = (fences.drawn.get(), fences.chosen.get());
    let lit = fences.lit.get().map(|(_, id)| id);
    let edited = match fences.editing.get() {
        Some(Editing::Change(id)) => Some(id),
        _ => None,
    };
    fences.known.with_value(|known| {
        let shown = known.iter().filter(|fence| edited.as_ref() != Some(&fence.id));
        let looks = |fence: &Arc<Geofence>| {
            let is_chosen = chosen.as_ref() == Some(&fence.id) || lit.as_ref() == Some(&fence.id);
            match (is_chosen, fence.enabled) {
                (true, _) => Some("fence chosen"),
                (false, _) if !all => None,
                (false, true) => Some("fence"),
                (false, false) => Some("fence off"),
            }
        };
        shown.filter_map(|fence| Some((fence.clone(), looks(fence)?))).collect()
    })
}

struct Drawn {
    fence: Arc<Geofence>,
    class: &'static str,
    path: Layer,
    name: Option<Layer>,
}

impl Drop for Drawn {
    fn drop(&mut self) {
        self.path.remove();
        if let Some(name) = &self.name {
            name.remove();
        }
    }
}

fn draw(map: &leaflet::Map, view: View, wanted: &[Wanted], drawn: &mut BTreeMap<String, Drawn>) {
    let mut seen: Vec<(f64, &Wanted)> =
        wanted.iter().filter_map(|one| Some((size_px(&view, &one.0)?, one))).collect();
    seen.sort_by(|a, b| b.0.total_cmp(&a.0));
    // The chosen one is there, whatever its size.
    seen.sort_by_key(|(_, one)| !one.1.contains("chosen"));
    seen.truncate(MOST);
    let zoom = view.zoom() + 0.01;
    let names = seen
        .iter()
        .filter(|(px, one)| zoom >= NAMES_ZOOM && *px >= NAMED_FROM_PX || one.1.contains("chosen"));
    let named: Vec<&str> = names.take(NAMES_MOST).map(|(_, one)| one.0.id.as_str()).collect();
    drawn.retain(|id, held| {
        seen.iter().any(|(_, (fence, class))| {
            fence.id == *id
                && *class == held.class
                && Arc::ptr_eq(fence, &held.fence)
                && held.name.is_some() == named.contains(&id.as_str())
        })
    });
    for &(_, &(ref fence, class)) in &seen {
        if !drawn.contains_key(&fence.id) {
            let path = path(&fence.shape, class);
            path.add_to(map);
            let name = named.contains(&fence.id.as_str()).then(|| name(fence, class)).flatten();
            if let Some(name) = &name {
                name.add_to(map);
            }
            drawn.insert(fence.id.clone(), Drawn { fence: fence.clone(), class, path, name });
        }
    }
}

/// How many pixels wide or high it is; none where it is out of sight or too small to see.
fn size_px(view: &View, fence: &Geofence) -> Option<f64> {
    let Bounds { south, west, north, east } = fence.shape.bounds();
    let (x1, y1) = view.to_px(World::from_degrees(north, west));
    let (x2, y2) = view.to_px(World::from_degrees(south, east));
    let is_near =
        x2 > -view.width * 0.5 && x1 < view.width * 1.5 && y2 > -view.height * 0.5 && y1 < view.height * 1.5;
    let size = (x2 - x1).max(y2 - y1);
    (is_near && size >= SMALLEST_PX).then_some(size)
}

/// The outline as Leaflet has it. Longitudes beside that of the first point, so that one across
/// the antimeridian is whole.
pub fn path(shape: &Shape, class: &str) -> Layer {
    match shape {
        Shape::Circle(circle) => {
            let options = CircleOptions::new();
            options.set_radius(circle.radius_m);
            options.set_interactive(false);
            options.set_class_name(class.into());
            leaflet::Circle::new_with_options(&LatLng::new(circle.latitude, circle.longitude), &options)
                .into()
        }
        Shape::Polygon(polygon) => {
            let options = PolylineOptions::new();
            options.set_interactive(false);
            options.set_class_name(class.into());
            leaflet::Polygon::new_with_options(&places(&polygon.points), &options).into()
        }
    }
}

pub fn places(points: &[(f64, f64)]) -> js_sys::Array {
    let first = points.first().map_or(0.0, |(_, lon)| *lon);
    points.iter().map(|(lat, lon)| JsValue::from(LatLng::new(*lat, near(*lon, first)))).collect()
}

/// Where a fence's name stands: at its northernmost place.
fn top(shape: &Shape) -> Option<(f64, f64)> {
    match shape {
        Shape::Circle(circle) => Some((shape.bounds().north, circle.longitude)),
        Shape::Polygon(Polygon { points }) => {
            let first = points.first()?.1;
            let top = points.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
            Some((top.0, near(top.1, first)))
        }
    }
}

fn name(fence: &Geofence, class: &str) -> Option<Layer> {
    let (lat, lon) = top(&fence.shape)?;
    let word = document().create_element("span").ok()?;
    word.set_text_content(Some(&fence.name));
    let icon = div_icon(&options(&[
        ("className", format!("fence-name {class}").into()),
        ("html", word.into()),
        ("iconSize", JsValue::from(Point::new(0.0, 0.0))),
    ]));
    let options = MarkerOptions::new();
    options.set_icon(icon);
    options.set_pane(PANE.into());
    options.set_interactive(false);
    options.set_keyboard(false);
    Some(leaflet::Marker::new_with_options(&LatLng::new(lat, lon), &options).unchecked_into())
}

/// Brings a fence in sight.
pub fn fly_to(shape: &Shape) {
    let Bounds { south, west, north, east } = shape.bounds();
    with_map(|map| map.fly_to_box((south, west), (north, east)));
}
