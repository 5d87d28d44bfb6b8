//! The map of the wall: nobody touches it, it looks where it should by itself.

use super::{
    fit::{self, Aim, Room},
    turns::Turns,
};
use crate::{
    components::{
        map_view::shows,
        person_menu::theme_of,
        whole::{IntoWhole, effect, text},
    },
    console::{Console, Spot},
    live::{alerts::calls, fleet::Entry, run::every},
    map::{LiveMap, MapError, MapEvents, World},
    map_place::{put_map, with_map},
};
use leptos::{html, prelude::*};
use sentinel_model::{alerts::Alert, page::MapSettings};
use std::{cell::RefCell, rc::Rc, time::Duration};

/// How often the picture is judged.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Its picture, and since when it is that.
#[derive(Default)]
struct Eye {
    turns: Turns,
    /// The call that it is of.
    on: Option<String>,
    /// None before the first picture.
    moved_ms: Option<f64>,
}

/// `outside`: how many units are too far away to be in the picture.
#[component]
pub fn WallMap(settings: MapSettings, outside: RwSignal<usize>) -> impl IntoView {
    let console = Console::of_page();
    let place = NodeRef::<html::Div>::new();
    let (ready, failed) = (RwSignal::new(false), RwSignal::new(None::<MapError>));
    let tiles = RwSignal::new(settings.tile_url.is_some());
    let attribution = settings.tile_attribution.clone();
    effect(move || {
        let Some(place) = place.get() else { return };
        let events = MapEvents { on_tiles: Rc::new(move |shown| tiles.set(shown)), ..MapEvents::default() };
        match LiveMap::mount(&place, &settings, theme_of(console.look.get_untracked()), events) {
            Ok(map) => {
                map.replace(&console.with_fleet(|f| f.live()));
                put_map(Some(map));
                ready.set(true);
            }
            Err(e) => failed.set(Some(e)),
        }
        on_cleanup(|| put_map(None));
    });
    shows(console, ready);
    effect(move || {
        let spot = console.spot.get();
        let words = spot.as_ref().map(|spot| format!("Where {} called from", spot.unit));
        with_map(|m| {
            m.mark_spot(spot.as_ref().zip(words.as_deref()).map(|(s, words)| (s.lat, s.lon, words)))
        });
    });
    let eye = Rc::new(RefCell::new(Eye::default()));
    let seen = eye.clone();
    effect(move || {
        // Who calls is not kept waiting.
        console.alerts.open.track();
        if ready.get() {
            untrack(|| look(console, &mut seen.borrow_mut(), place, outside));
        }
    });
    effect(move || {
        let (timed, resized) = (eye.clone(), eye.clone());
        every(LOOK_EVERY, move || look(console, &mut timed.borrow_mut(), place, outside));
        let handle = window_event_listener(leptos::ev::resize, move |_| {
            with_map(|m| m.resize());
            resized.borrow_mut().moved_ms = None;
        });
        on_cleanup(move || handle.remove());
    });
    view! {
        // The numbers and the list beside it say in words what it shows.
        <div class="map" inert node_ref=place></div>
        <div class="map-wait" hidden=move || ready.get() || failed.read().is_some()>
            <p class="needs-script">"Loading the map…"</p>
        </div>
        <div class="map-failed" role="alert" hidden=move || failed.read().is_none()>
            <p class="empty-title">"The map cannot be drawn in this browser"</p>
            <p class="faint">{text(move || failed.get().map(|e| e.to_string()).unwrap_or_default())}</p>
        </div>
        <p class="attribution" hidden=move || !tiles.get() || attribution.is_none()>
            {attribution.clone()}
        </p>
    }
    .whole()
}

/// What of the map is free, in its own pixels: the page shows it enlarged.
fn room(map: &LiveMap, place: NodeRef<html::Div>) -> Room {
    let view = map.view();
    let top = place.get_untracked().and_then(|place| {
        let shown = place.get_bounding_client_rect();
        let head = document().query_selector(".wall-head").ok()??.get_bounding_client_rect();
        Some((head.bottom() - shown.top()) * view.height / shown.height().max(1.0))
    });
    Room { view, top: top.unwrap_or_default().max(0.0) }
}

/// Where one who calls is: on the map, or where the call came from.
fn place_of(console: Console, call: &Alert) -> Option<World> {
    let on_map = console.with_fleet(|f| f.get(&call.unit_id).and_then(Entry::on_map));
    let place = on_map.map(|p| (p.lat, p.lon)).or(call.place.map(|p| (p.latitude, p.longitude)));
    place.map(|(lat, lon)| World::from_degrees(lat, lon))
}

/// Marks where a call came from that no unit on the map shows.
fn mark(console: Console, call: Option<&Alert>) {
    let spot = call.filter(|call| !console.is_on_map(&call.unit_id)).and_then(|call| {
        let place = call.place?;
        Some(Spot { unit: call.unit_id.clone(), lat: place.latitude, lon: place.longitude })
    });
    if *console.spot.read_untracked() != spot {
        console.spot.set(spot);
    }
}

fn look(console: Console, eye: &mut Eye, place: NodeRef<html::Div>, outside: RwSignal<usize>) {
    let now_ms = js_sys::Date::now();
    let open = console.alerts.open.get_untracked();
    let placed: Vec<&Alert> = calls(&open).filter(|call| place_of(console, call).is_some()).collect();
    let ids: Vec<&str> = placed.iter().map(|call| call.id.as_str()).collect();
    let on = eye.turns.now(&ids, now_ms).map(str::to_owned);
    let turned = eye.on != on;
    let caller = placed.into_iter().find(|call| on.as_ref() == Some(&call.id));
    mark(console, caller);
    with_map(|map| {
        let (room, places) = (room(map, place), map.places());
        let kept = fit::together(&places);
        let left_out = places.len() - kept.len();
        if outside.get_untracked() != left_out {
            outside.set(left_out);
        }
        let rested_ms = eye.moved_ms.map_or(f64::INFINITY, |moved| now_ms - moved);
        let at_once = turned || eye.moved_ms.is_none();
        let aim: Option<Aim> = match caller.and_then(|call| place_of(console, call)) {
            Some(caller) if at_once => Some(fit::call(&room, caller, &places)),
            Some(caller) => fit::call_again(&room, caller, &places, rested_ms),
            None if at_once => fit::whole(&room, &kept),
            None => fit::another(&room, &kept, rested_ms),
        };
        if let Some(aim) = aim {
            map.turn_to(aim.middle, aim.zoom, eye.moved_ms.is_some());
            (eye.moved_ms, eye.on) = (Some(now_ms), on.clone());
        }
    });
}
