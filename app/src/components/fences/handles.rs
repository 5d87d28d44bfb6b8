//! The shape that is drawn or changed, on the map: its outline, and what a pointer or a finger
//! takes hold of.

use super::{
    layer::{path, places},
    sketch::{Place, Sketch, Tool},
};
use crate::{
    components::whole::effect,
    console::Console,
    map::{
        LiveMap,
        leaflet_ext::{FullMap, div_icon, options},
        project::World,
    },
    map_place::with_map,
    prefs::media,
};
use leaflet::{Event, Evented, LatLng, Layer, Marker, MarkerOptions, MouseEvent, Point, PolylineOptions};
use leptos::prelude::*;
use std::{
    any::Any,
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen::{JsCast, JsValue};

/// Handles nearer to another than this, in pixels, would lie on it: they come by zooming in.
const APART_PX: f64 = 15.0;
/// A point between two others is offered where these are so far apart.
const BETWEEN_PX: f64 = 56.0;
/// A pointer that moves less from a circle's middle means none.
const STILL_PX: f64 = 6.0;

/// What may be taken hold of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Middle,
    Rim,
    Point(usize),
    /// Half way from the point of this number to the next.
    Between(usize),
}

#[derive(Clone, Copy)]
pub struct OnMap {
    pub sketch: RwSignal<Sketch>,
    /// The point of an outline that was clicked last.
    pub picked: RwSignal<Option<usize>>,
    /// Called when the map has changed the sketch.
    pub changed: Callback<()>,
}

/// Everything on the map that this part has put there.
#[derive(Default)]
struct Put {
    paths: Vec<Layer>,
    handles: Handles,
}

impl Put {
    fn clear_paths(&mut self) {
        for path in self.paths.drain(..) {
            path.remove();
        }
    }

    fn clear_handles(&mut self) {
        for (_, marker, _listeners) in self.handles.drain(..) {
            marker.remove();
        }
    }
}

/// Draws the sketch for as long as its owner lives.
pub fn show(console: Console, on_map: OnMap) {
    let put: Rc<RefCell<Put>> = Rc::default();
    let dragging = Rc::new(Cell::new(false));
    let (moved, pointer) = (RwSignal::new(0u32), RwSignal::new(None::<Place>));
    let sketch = on_map.sketch;
    listen(console, on_map, moved, pointer);
    effect(move || {
        let on = sketch.read().is_drawing();
        console.fences.drawing.set(on);
        with_map(|map| {
            let zoom = map.leaflet().double_click_zoom();
            // Two points may be set quickly one after the other.
            if on {
                zoom.disable()
            } else {
                zoom.enable()
            };
        });
    });
    let held = put.clone();
    effect(move || {
        let (now, picked) = (sketch.get(), on_map.picked.get());
        let to = pointer.get().filter(|_| now.is_drawing() && now.tool == Tool::Polygon);
        moved.track();
        with_map(|map| {
            let mut put = held.borrow_mut();
            put.clear_paths();
            put.paths = outline(&now, to);
            for path in &put.paths {
                path.add_to(map.leaflet());
            }
            if dragging.get() {
                return keep_up(&put, &now);
            }
            put.clear_handles();
            put.handles = handles(map, &now, picked, on_map, &dragging);
        });
    });
    let put = StoredValue::new_local(put);
    on_cleanup(move || {
        console.fences.drawing.set(false);
        put.with_value(|put| {
            let mut put = put.borrow_mut();
            put.clear_paths();
            put.clear_handles();
        });
        with_map(|map| {
            map.leaflet().double_click_zoom().enable();
        });
    });
}

/// Clicks and moves on the map, while this is open.
fn listen(console: Console, on_map: OnMap, moved: RwSignal<u32>, pointer: RwSignal<Option<Place>>) {
    let sketch = on_map.sketch;
    let mut holds: Vec<Box<dyn Any>> = Vec::new();
    with_map(|map| {
        let full: FullMap = map.leaflet().clone();
        let target: &leaflet::Map = full.as_ref();
        let first_m = {
            let map = map.clone();
            // A tenth of what is in sight.
            move || {
                let view = map.view();
                let (south, north) = (view.to_world(0.0, view.height), view.to_world(0.0, 0.0));
                (north.to_degrees().0 - south.to_degrees().0) * 111_195.0 / 8.0
            }
        };
        holds.push(Box::new(Evented::on_leaflet_event(&target, "click", move |e: MouseEvent| {
            // The place of a new incident is chosen first.
            let waits = console.board.draft.with_untracked(Option::is_some);
            if waits || !sketch.read_untracked().is_drawing() {
                return;
            }
            let at = e.lat_lng();
            sketch.update(|sketch| sketch.click((at.lat(), at.lng()), first_m()));
            on_map.changed.run(());
        })));
        let view_of = map.clone();
        holds.push(Box::new(Evented::on_leaflet_event(&target, "mousemove", move |e: MouseEvent| {
            if !sketch.read_untracked().is_drawing() {
                return;
            }
            let at = (e.lat_lng().lat(), e.lat_lng().lng());
            let middle = sketch.with_untracked(|sketch| sketch.middle.filter(|_| sketch.sizing));
            if let Some((lat, lon)) = middle {
                let (x, y) = view_of.view().to_px(World::from_degrees(lat, lon));
                let (px, py) = (e.container_point().x(), e.container_point().y());
                if (px - x).hypot(py - y) >= STILL_PX {
                    sketch.update(|sketch| sketch.resize_to(at));
                    on_map.changed.run(());
                }
            }
            pointer.set(Some(at));
        })));
        for event in ["moveend", "zoomend"] {
            holds.push(Box::new(Evented::on_leaflet_event(&target, event, move |_: Event| {
                moved.update(|n| *n = n.wrapping_add(1));
            })));
        }
    });
    let holds = StoredValue::new_local(holds);
    on_cleanup(move || holds.update_value(Vec::clear));
}

/// What is drawn so far, with a line to the pointer where the next point will be.
fn outline(sketch: &Sketch, to: Option<Place>) -> Vec<Layer> {
    if let Some(shape) = sketch.shape() {
        return vec![path(&shape, "fence draft")];
    }
    if sketch.tool == Tool::Circle || sketch.points.is_empty() {
        return Vec::new();
    }
    let line = |points: &[Place], class: &str| -> Layer {
        let options = PolylineOptions::new();
        options.set_interactive(false);
        options.set_class_name(class.into());
        leaflet::Polyline::new_with_options(&places(points), &options).into()
    };
    let mut all = vec![line(&sketch.points, "fence draft open")];
    if let (Some(last), Some(to)) = (sketch.points.last(), to) {
        all.push(line(&[*last, to], "fence draft next"));
    }
    all
}

/// A handle is being dragged: the others go along.
fn keep_up(put: &Put, sketch: &Sketch) {
    let Some(rim) = sketch.rim() else { return };
    for (hold, marker, _) in &put.handles {
        // The one that is dragged says where it is itself.
        if *hold == Hold::Rim && marker.dragging().enabled() && !is_dragged(marker) {
            marker.set_lat_lng(&LatLng::new(rim.0, rim.1));
        }
    }
}

fn is_dragged(marker: &Marker) -> bool {
    let icon = js_sys::Reflect::get(marker, &"_icon".into())
        .ok()
        .and_then(|icon| icon.dyn_into::<web_sys::Element>().ok());
    icon.is_some_and(|icon| icon.class_list().contains("held"))
}

type Handles = Vec<(Hold, Marker, Vec<Box<dyn Any>>)>;

fn handles(
    map: &LiveMap,
    sketch: &Sketch,
    picked: Option<usize>,
    on_map: OnMap,
    dragging: &Rc<Cell<bool>>,
) -> Handles {
    let mut holds: Vec<(Hold, Place)> = Vec::new();
    match sketch.tool {
        Tool::Circle => {
            holds.extend(sketch.rim().map(|at| (Hold::Rim, at)));
            holds.extend(sketch.middle.map(|at| (Hold::Middle, at)));
        }
        Tool::Polygon => {
            holds.extend(sketch.points.iter().enumerate().map(|(n, at)| (Hold::Point(n), *at)));
            if sketch.closed {
                holds.extend(between(map, sketch));
            }
        }
    }
    let view = map.view();
    let mut put: Vec<(f64, f64)> = Vec::new();
    holds.retain(|(_, (lat, lon))| {
        let (x, y) = view.to_px(World::from_degrees(*lat, *lon));
        let is_near = (-40.0..view.width + 40.0).contains(&x) && (-40.0..view.height + 40.0).contains(&y);
        let has_room = put.iter().all(|(px, py)| (px - x).hypot(py - y) >= APART_PX);
        if is_near && has_room {
            put.push((x, y));
        }
        is_near && has_room
    });
    holds.into_iter().map(|(hold, at)| handle(map, hold, at, picked, on_map, dragging)).collect()
}

fn between(map: &LiveMap, sketch: &Sketch) -> Vec<(Hold, Place)> {
    let view = map.view();
    let px = |(lat, lon): Place| view.to_px(World::from_degrees(lat, lon));
    let far = |n: usize| {
        let ((ax, ay), (bx, by)) = (px(sketch.points[n]), px(sketch.points[(n + 1) % sketch.points.len()]));
        (ax - bx).hypot(ay - by)
    };
    let all = sketch.between().into_iter().enumerate();
    all.filter(|(n, _)| far(*n) >= BETWEEN_PX).map(|(n, at)| (Hold::Between(n), at)).collect()
}

fn handle(
    map: &LiveMap,
    hold: Hold,
    (lat, lon): Place,
    picked: Option<usize>,
    on_map: OnMap,
    dragging: &Rc<Cell<bool>>,
) -> (Hold, Marker, Vec<Box<dyn Any>>) {
    let class = match hold {
        Hold::Middle => "fence-handle middle",
        Hold::Rim => "fence-handle rim",
        Hold::Point(n) if picked == Some(n) => "fence-handle point picked",
        Hold::Point(_) => "fence-handle point",
        Hold::Between(_) => "fence-handle between",
    };
    // A finger needs more than a pointer.
    let size = if media("(pointer: coarse)") { 44.0 } else { 26.0 };
    let icon = div_icon(&options(&[
        ("className", class.into()),
        ("iconSize", JsValue::from(Point::new(size, size))),
    ]));
    let given = MarkerOptions::new();
    given.set_icon(icon);
    given.set_draggable(true);
    // The form has the same for keyboards.
    given.set_keyboard(false);
    given.set_z_index_offset(if matches!(hold, Hold::Between(_)) { 0.0 } else { 1_000.0 });
    let marker = Marker::new_with_options(&LatLng::new(lat, lon), &given);
    marker.add_to(map.leaflet());
    let listeners = listeners(&marker, hold, on_map, dragging);
    (hold, marker, listeners)
}

fn listeners(marker: &Marker, hold: Hold, on_map: OnMap, dragging: &Rc<Cell<bool>>) -> Vec<Box<dyn Any>> {
    let sketch = on_map.sketch;
    let on = |event: &'static str, act: Box<dyn Fn()>| -> Box<dyn Any> {
        Box::new(Evented::on_leaflet_event(marker, event, move |_: Event| act()))
    };
    let here = {
        let marker = marker.clone();
        move || (marker.get_lat_lng().lat(), marker.get_lat_lng().lng())
    };
    let (begin, end) = (dragging.clone(), dragging.clone());
    let held = marker.clone();
    let start = on(
        "dragstart",
        Box::new({
            let here = here.clone();
            move || {
                begin.set(true);
                mark_held(&held, true);
                sketch.update(|sketch| match hold {
                    Hold::Between(n) => sketch.split(n, here()),
                    Hold::Rim => sketch.sizing = false,
                    _ => {}
                });
            }
        }),
    );
    let drag = on(
        "drag",
        Box::new(move || {
            sketch.update(|sketch| match hold {
                Hold::Middle => sketch.middle = Some(super::sketch::tidy(here())),
                Hold::Rim => sketch.resize_to(here()),
                Hold::Point(n) => sketch.move_point(n, here()),
                Hold::Between(n) => sketch.move_point(n + 1, here()),
            });
            on_map.changed.run(());
        }),
    );
    let held = marker.clone();
    let stop = on(
        "dragend",
        Box::new(move || {
            end.set(false);
            mark_held(&held, false);
            sketch.update(|_| ());
            on_map.changed.run(());
        }),
    );
    let click = on(
        "click",
        Box::new(move || {
            let (is_drawing, count) =
                sketch.with_untracked(|sketch| (sketch.is_drawing(), sketch.points.len()));
            match hold {
                Hold::Point(0) if is_drawing && count >= 3 => {
                    sketch.update(Sketch::close);
                    on_map.changed.run(());
                }
                Hold::Point(n) => on_map.picked.set(Some(n)),
                Hold::Rim | Hold::Middle if is_drawing => sketch.update(Sketch::close),
                _ => {}
            }
        }),
    );
    vec![start, drag, stop, click]
}

fn mark_held(marker: &Marker, is_held: bool) {
    let icon = js_sys::Reflect::get(marker, &"_icon".into())
        .ok()
        .and_then(|icon| icon.dyn_into::<web_sys::Element>().ok());
    if let Some(icon) = icon {
        let _ = icon.class_list().toggle_with_force("held", is_held);
    }
}
