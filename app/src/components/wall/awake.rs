//! What a screen on a wall needs of its browser: that it stays on, and that the pointer which
//! somebody left over the map goes away. And the way back for who is at its keyboard.

use crate::{console::Console, live::run::every, platform};
use leptos::{
    leptos_dom::helpers::{TimeoutHandle, set_timeout_with_handle},
    prelude::*,
    task::spawn_local,
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// How long the pointer is seen after it moved.
const POINTER_FOR: Duration = Duration::from_secs(4);
/// A lock may be taken away, for one by a low battery: it is looked for again.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The same area at the console.
pub fn console_address(console: Console) -> String {
    format!("/?scope={}", console.scope.get())
}

/// Keeps the screen on while the page is in front. Not every browser can, and none where the
/// page came over a plain connection: then the machine's own settings decide.
pub fn keep_on() {
    let held: Rc<RefCell<Option<JsValue>>> = Rc::default();
    Effect::new(move |_: Option<()>| {
        let asked = held.clone();
        ask(asked.clone());
        let again = asked.clone();
        every(LOOK_EVERY, move || ask(again.clone()));
        let handle = window_event_listener_untyped("visibilitychange", move |_| ask(asked.clone()));
        on_cleanup(move || handle.remove());
    });
}

fn field(of: &JsValue, name: &str) -> Option<JsValue> {
    js_sys::Reflect::get(of, &name.into()).ok().filter(|value| !value.is_undefined())
}

fn ask(held: Rc<RefCell<Option<JsValue>>>) {
    let is_held = held.borrow().as_ref().and_then(|lock| field(lock, "released")?.as_bool()) == Some(false);
    let is_seen = !document().hidden();
    let Some(locks) = field(&window().navigator(), "wakeLock").filter(|_| is_seen && !is_held) else {
        return;
    };
    let request = field(&locks, "request").and_then(|request| request.dyn_into::<js_sys::Function>().ok());
    let Some(promise) = request.and_then(|request| request.call1(&locks, &"screen".into()).ok()) else {
        return;
    };
    spawn_local(async move {
        // Refused, the screen does what the machine has it do.
        if let Ok(lock) = JsFuture::from(js_sys::Promise::resolve(&promise)).await {
            held.replace(Some(lock));
        }
    });
}

/// `stirred` while somebody is there; Escape leaves.
pub fn watch_pointer(console: Console, stirred: RwSignal<bool>) {
    let waiting: Rc<RefCell<Option<TimeoutHandle>>> = Rc::default();
    Effect::new(move |_: Option<()>| {
        let waiting = waiting.clone();
        let was_at = Cell::new(None);
        let moved = window_event_listener(leptos::ev::pointermove, move |event| {
            let at = Some((event.client_x(), event.client_y()));
            // Said also where something else moved away beneath it, and once of where it has always been.
            if was_at.replace(at).is_none_or(|was| Some(was) == at) {
                return;
            }
            stirred.set(true);
            let rest = move || {
                // The page may be gone by then.
                let _ = stirred.try_set(false);
            };
            let still = set_timeout_with_handle(rest, POINTER_FOR).ok();
            if let Some(before) = waiting.replace(still) {
                before.clear();
            }
        });
        let left = window_event_listener(leptos::ev::keydown, move |event| {
            if event.key() == "Escape" {
                platform::redirect(&untrack(|| console_address(console)));
            }
        });
        on_cleanup(move || {
            moved.remove();
            left.remove();
        });
    });
}
