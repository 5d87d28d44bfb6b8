//! What the person and the browser do to the map: its listeners, picking and zooming.
//!
//! Every listener holds the map weakly and lets go when the map is destroyed.

use super::{
    engine::{Engine, now_ms, window},
    leaflet_ext::{ZoomAnim, view, view_at},
    pick::{self, Hit},
    project::World,
    setup::ZOOM_MAX,
    state::Renderer,
};
use crate::platform::maths;
use leaflet::{Event, Evented, LatLng, Map, MouseEvent};
use sentinel_model::UnitId;
use std::{any::Any, rc::Rc};
use wasm_bindgen::{JsCast, prelude::Closure};

impl Engine {
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

    pub(super) fn listen(self: &Rc<Self>) {
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
        if self.placing.get() {
            let at = e.lat_lng();
            return (self.events.on_click_map)(at.lat(), at.lng());
        }
        let (hit, ids, bounds, task) = {
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
            // Pins lie over the units, and under those that call for help.
            let is_calling = |index: &usize| state.store.get(*index).is_some_and(|slot| slot.calling);
            let calls = match &hit {
                Hit::Unit(index) => is_calling(index),
                Hit::Many(all) => all.iter().any(is_calling),
                Hit::Nothing | Hit::Cluster(_) => false,
            };
            let task = state.pins.at(&view, (x, y), reach).filter(|_| !calls).cloned();
            (hit, ids, bounds, task)
        };
        if let Some(task) = task {
            return (self.events.on_task)(task);
        }
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
        let deeper = if wide > 0.0 { (now - maths::log2(wide)).floor() } else { ZOOM_MAX };
        let (lat, lon) = min.lerp(max, 0.5).to_degrees();
        self.map.set_view(&LatLng::new(lat, lon), deeper.min(16.0).max(now + 1.0).min(ZOOM_MAX));
    }

    fn hover(self: &Rc<Self>, at: Option<(f64, f64)>) {
        let (x, y) = at.unwrap_or_default();
        let (found, on_mark) = {
            let Ok(state) = self.state.try_borrow() else { return };
            let view = state.shown_view(now_ms());
            let pin = at.is_some_and(|at| state.pins.at(&view, at, pick::MOUSE_PX).is_some());
            match at.map(|at| pick::click(&state.store, &state.clusters, &view, at, pick::MOUSE_PX, now_ms()))
            {
                Some(Hit::Unit(i)) => (Some(i), pin),
                Some(Hit::Many(all)) => (all.first().copied(), pin),
                Some(Hit::Cluster(_)) => (None, true),
                Some(Hit::Nothing) | None => (None, pin),
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
        let pointer = if id.is_some() || on_mark { "pointer" } else { "" };
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
