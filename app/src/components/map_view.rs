//! The map's place on the page: mounts it, tells it what is chosen, and shows
//! what it says back.

use super::whole::{IntoWhole, effect, part, text};
use super::{board::pins::pins, mark::Mark, person_menu::theme_of};
use crate::{
    console::{Console, Sheet},
    format::{Measure, ago, speed, status_word, whole},
    live::tasks::{TaskRef, is_beside},
    map::{LiveMap, MapError, MapEvents},
    map_place::{put_map, with_map},
};
use leptos::{html, prelude::*};
use sentinel_model::{UnitId, page::MapSettings};
use std::rc::Rc;

/// Something that stands at a place of the map: which units, and where in pixels.
type Placed<T> = RwSignal<Option<(T, f64, f64)>>;

fn put_at(element: NodeRef<html::Div>, x: f64, y: f64) {
    if let Some(element) = element.get_untracked() {
        // By script, which the security policy allows; a translate of two numbers is valid.
        let _ = web_sys::HtmlElement::style(&element)
            .set_property("transform", &format!("translate({}px, {}px)", whole(x), whole(y)));
    }
}

/// Keeps on a map that is `ready` what every live map shows: who calls for help, the incidents,
/// and a scale in the viewer's measure.
pub fn shows(console: Console, ready: RwSignal<bool>) {
    effect(move || {
        let calling = console.alerts.calling.get();
        ready.track();
        with_map(|m| m.set_calling((*calling).clone()));
    });
    effect(move || {
        let pins = pins(console);
        ready.track();
        with_map(|m| m.set_pins(pins));
    });
    effect(move || {
        let imperial = console.measure.get() == Measure::Imperial;
        ready.track();
        with_map(|m| m.set_scale(imperial));
    });
}

#[component]
pub fn MapView(settings: MapSettings) -> impl IntoView {
    let console = Console::of_page();
    let place = NodeRef::<html::Div>::new();
    let failed = RwSignal::new(None::<MapError>);
    let ready = RwSignal::new(false);
    let tiles = RwSignal::new(settings.tile_url.is_some());
    let attribution = settings.tile_attribution.clone();
    let hover: Placed<UnitId> = RwSignal::new(None);
    let pick: Placed<Vec<UnitId>> = RwSignal::new(None);

    effect(move || {
        let Some(place) = place.get() else { return };
        let events = MapEvents {
            on_select: Rc::new(move |id| {
                pick.set(None);
                if id.is_some() {
                    console.select(id.as_ref());
                }
            }),
            on_pick_many: Rc::new(move |ids, x, y| pick.set(Some((ids, x, y)))),
            on_hover: Rc::new(move |id, x, y| hover.set(id.map(|id| (id, x, y)))),
            on_user_moved: Rc::new(move || {
                console.following.set(false);
                pick.set(None);
            }),
            on_tiles: Rc::new(move |shown| tiles.set(shown)),
            on_task: Rc::new(move |id| {
                pick.set(None);
                let task = console.board.tasks.with_value(|tasks| tasks.get(&id).cloned());
                if let Some(task) = task.or_else(|| console.board.shown.get_untracked()) {
                    console.open_task(&TaskRef::of(&task));
                }
            }),
            on_click_map: Rc::new(move |lat, lon| console.board.place_at(lat, lon)),
        };
        let theme = theme_of(console.look.get_untracked());
        match LiveMap::mount(&place, &settings, theme, events) {
            Ok(map) => {
                map.replace(&console.with_fleet(|f| f.live()));
                put_map(Some(map));
                let chosen = console.selected.get_untracked();
                match &chosen {
                    Some(id) => console.look_at(id),
                    None => with_map(|m| m.fit_units()),
                }
                with_map(|m| m.select(chosen.as_ref()));
                ready.set(true);
            }
            Err(e) => failed.set(Some(e)),
        }
        on_cleanup(|| put_map(None));
    });
    effect(move || {
        let id = console.selected.get();
        with_map(|m| m.select(id.as_ref()));
    });
    effect(move || {
        let id = console.selected.get().filter(|_| console.following.get());
        with_map(|m| m.follow(id.as_ref()));
    });
    shows(console, ready);
    effect(move || {
        let all = console.statuses.get().is_all() && console.words.read().is_empty();
        let shown = (!all).then(|| console.with_fleet(|f| f.patrols_of(&console.matching.read())));
        with_map(|m| m.set_filter(shown));
    });
    effect(move || {
        let spot = console.spot.get();
        let words = spot.as_ref().map(|spot| format!("Where the alert of {} came from", spot.unit));
        let mark = spot.as_ref().zip(words.as_deref()).map(|(s, words)| (s.lat, s.lon, words));
        ready.track();
        with_map(|m| m.mark_spot(mark));
    });
    effect(move || {
        let _ =
            (console.show_areas.get(), console.show_units.get(), console.selected.get(), console.sheet.get());
        let _ = (is_beside(console.board), console.board.on.get());
        let _ = (console.fences.is_beside(), console.fences.on.get());
        console.alerts.drawer.track();
        request_animation_frame(|| with_map(|m| m.resize()));
    });

    view! {
        <div
            class="map"
            class:placing=move || console.board.is_placing() || console.fences.drawing.get()
            role="region"
            aria-label="Map of the units: the arrow keys move it, plus and minus zoom"
            node_ref=place
        ></div>
        <div class="map-wait" hidden=move || ready.get() || failed.read().is_some()>
            <p class="needs-script">"Loading the map…"</p>
        </div>
        <div class="map-failed" role="alert" hidden=move || failed.read().is_none()>
            <p class="empty-title">"The map cannot be drawn in this browser"</p>
            <p class="faint">{text(move || failed.get().map(|e| e.to_string()).unwrap_or_default())} ". The list works without it."</p>
        </div>
        <p class="attribution" hidden=move || !tiles.get() || attribution.is_none()>
            {attribution.clone()}
        </p>
        <HoverCard hover/>
        <Chooser pick/>
    }
    .whole()
}

/// What a pointer over a unit is told.
#[component]
fn HoverCard(hover: Placed<UnitId>) -> impl IntoView {
    let console = Console::of_page();
    let card = NodeRef::<html::Div>::new();
    let id = Memo::new(move |_| hover.read().as_ref().map(|h| h.0.clone()));
    effect(move || {
        if let Some((_, x, y)) = hover.get() {
            put_at(card, x + 14.0, y + 12.0);
        }
    });
    view! {
        <div class="hover-card" role="tooltip" node_ref=card hidden=move || id.read().is_none()>
            {part(move || {
                let id = id.get()?;
                let now = console.now.get();
                let (status, place, moving, station) =
                    console.unit(&id, |e| (e.status, e.place, e.moving_now(now), e.station))?;
                let fast = moving.and_then(|p| p.speed_mps).map(|v| speed(v, console.measure.get()));
                let age = place.map(|p| ago(now.ms_since(p.time)));
                let detail = [Some(status_word(status).to_string()), fast, age].into_iter().flatten().collect::<Vec<_>>();
                Some(view! {
                    <p class="hover-title">
                        <Mark status/>
                        <b>{id.to_string()}</b>
                        <span class="faint">{console.scope_name(station)}</span>
                    </p>
                    <p>{detail.join(" · ")}</p>
                }.whole())
            })}
        </div>
    }
    .whole()
}

/// Several units under one click: which one?
#[component]
fn Chooser(pick: Placed<Vec<UnitId>>) -> impl IntoView {
    /// More than these are found by zooming in.
    const MOST: usize = 12;
    let console = Console::of_page();
    let card = NodeRef::<html::Div>::new();
    effect(move || {
        if let Some((_, x, y)) = pick.get() {
            put_at(card, x + 10.0, y + 10.0);
            let first = card.get_untracked().and_then(|c| c.query_selector("button").ok().flatten());
            if let Some(button) =
                first.and_then(|b| wasm_bindgen::JsCast::dyn_into::<web_sys::HtmlElement>(b).ok())
            {
                // Focus may be refused in a page that is not in front.
                let _ = button.focus();
            }
        }
    });
    view! {
        <div
            class="chooser"
            role="group"
            aria-label="Units at this place"
            node_ref=card
            hidden=move || pick.read().is_none()
            on:keydown=move |e| {
                if e.key() == "Escape" {
                    e.stop_propagation();
                    pick.set(None);
                }
            }
        >
            <p class="faint">{text(move || pick.get().map(|p| format!("{} units here", p.0.len())).unwrap_or_default())}</p>
            {part(move || {
                pick.get()
                    .map(|(ids, ..)| {
                        ids.into_iter()
                            .take(MOST)
                            .filter_map(|id| {
                                let status = console.with_fleet(|f| f.get(&id).map(|e| e.status))?;
                                Some(view! {
                                    <button
                                        type="button"
                                        class="menu-item"
                                        on:click={
                                            let id = id.clone();
                                            move |_| {
                                                pick.set(None);
                                                console.sheet.set(Sheet::Map);
                                                console.select(Some(&id));
                                            }
                                        }
                                    >
                                        <Mark status/>
                                        {id.to_string()}
                                    </button>
                                })
                            })
                            .collect_view()
                            .whole()
                    })
            })}
        </div>
    }
    .whole()
}
