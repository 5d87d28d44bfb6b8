//! Alerts outside the page: what the desktop shows while the page is not in view.
//!
//! Off until somebody switches it on, which asks for the browser's leave. Each alert is shown
//! once, in as many windows as are open: its id is the tag by which the browser tells them
//! apart. It goes when the alert is open no more. It makes no sound: the page has its own.

use super::{
    dispatch::Fields,
    urgency::{Urgency, urgency},
};
use crate::{components::alerts::words, console::Console, prefs};
use js_sys::{Object, Promise};
use leptos::{prelude::*, task::spawn_local};
use sentinel_model::alerts::{Alert, AlertKind};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    type Notification;
    #[wasm_bindgen(constructor, catch)]
    fn new(title: &str, options: &Object) -> Result<Notification, JsValue>;
    #[wasm_bindgen(static_method_of = Notification, getter)]
    fn permission() -> String;
    #[wasm_bindgen(static_method_of = Notification, js_name = requestPermission, catch)]
    fn request_permission() -> Result<Promise, JsValue>;
    #[wasm_bindgen(method)]
    fn close(this: &Notification);
    #[wasm_bindgen(method, setter)]
    fn set_onclick(this: &Notification, clicked: &JsValue);
}

/// Of one moment; more are told of by one that counts them.
const MOST: usize = 3;
/// Of the one that counts.
const MANY_TAG: &str = "alerts";

/// Whether the browser shows what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    Granted,
    /// It asks the person first.
    NotAsked,
    Refused,
    /// Browsers give no leave to a page that came without encryption.
    Unencrypted,
    /// It has no such thing.
    Unknown,
}

/// What stands on the desktop by this page's doing.
struct Shown {
    id: String,
    it: Notification,
    _clicked: Closure<dyn FnMut()>,
}

thread_local! {
    static SHOWN: RefCell<Vec<Shown>> = const { RefCell::new(Vec::new()) };
}

/// In the browser only.
pub fn leave() -> Leave {
    let window = window();
    if !js_sys::Reflect::has(&window, &"Notification".into()).unwrap_or(false) {
        return Leave::Unknown;
    }
    match Notification::permission().as_str() {
        "granted" => Leave::Granted,
        _ if !window.is_secure_context() => Leave::Unencrypted,
        "denied" => Leave::Refused,
        _ => Leave::NotAsked,
    }
}

/// Asks for the browser's leave, as the answer to a click; `then` gets what it is now.
pub fn ask(then: impl FnOnce(Leave) + 'static) {
    // Asked here: browsers want it within the click.
    let asked = (leave() == Leave::NotAsked).then(Notification::request_permission);
    spawn_local(async move {
        if let Some(Ok(answer)) = asked {
            // What was answered is read below.
            let _ = JsFuture::from(answer).await;
        }
        then(leave());
    });
}

/// Takes away what is open no more, and shows `news`, which presses, where nobody looks.
pub fn notify(console: Console, news: &[Alert]) {
    let alerts = console.alerts;
    SHOWN.with_borrow_mut(|shown| {
        let open = alerts.open.read_untracked();
        let is_open = |id: &str| id == MANY_TAG || open.iter().any(|alert| alert.id == id);
        for gone in shown.extract_if(.., |one| !is_open(&one.id)) {
            gone.it.close();
        }
    });
    let is_in_view = !document().hidden() && document().has_focus().unwrap_or(true);
    if news.is_empty() || is_in_view || !alerts.notify.get_untracked() || leave() != Leave::Granted {
        return;
    }
    if news.len() > MOST {
        let calls = news.iter().filter(|alert| urgency(alert, alerts.home) == Urgency::Call).count();
        let title = match calls {
            0 => format!("{} alerts wait for you", news.len()),
            _ => format!("{} alerts wait for you, {calls} SOS", news.len()),
        };
        return show(console, MANY_TAG, &title, "", calls > 0, move || alerts.drawer.set(true));
    }
    for alert in news {
        if SHOWN.with_borrow(|shown| shown.iter().any(|one| one.id == alert.id)) {
            continue;
        }
        let title = format!("{}: {}", words::what(alert), words::who(alert));
        let station = untrack(|| console.scope_name(alert.station));
        let body = match alert.escalated.last() {
            Some(up) => {
                format!("{station}. {}", words::passed_on(up.to, untrack(|| console.known_name(up.to))))
            }
            None => station,
        };
        let opened = alert.clone();
        show(console, &alert.id, &title, &body, alert.kind == AlertKind::Sos, move || {
            console.alerts.aside.update(|aside| aside.retain(|id| *id != opened.id));
            console.look_at_alert(&opened);
        });
    }
}

fn show(console: Console, id: &str, title: &str, body: &str, stays: bool, open: impl Fn() + 'static) {
    let options = Fields::none()
        .with("tag", id)
        .with("body", body)
        .with("silent", true)
        .with("renotify", id == MANY_TAG)
        .with("requireInteraction", stays);
    let Ok(it) = Notification::new(title, &options.object()) else {
        // Phones know the word and show nothing.
        console.alerts.notify.set(false);
        prefs::remember_notify(false);
        return console.warn("This browser shows no notifications of a page. They are switched off.");
    };
    let itself = it.clone();
    let clicked = Closure::<dyn FnMut()>::new(move || {
        // A browser that keeps the page behind shows the alert all the same.
        let _ = window().focus();
        itself.close();
        open();
    });
    it.set_onclick(clicked.as_ref());
    let id = id.to_owned();
    SHOWN.with_borrow_mut(|shown| {
        shown.retain(|one| one.id != id);
        shown.push(Shown { id, it, _clicked: clicked });
    });
}
