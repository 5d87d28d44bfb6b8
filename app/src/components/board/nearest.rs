//! The free units that would be there first, each one key, click or drag away.

use super::{
    drawer::{OnShow, TITLE_ID},
    keys,
    send::{Problem, Remedy},
    words,
};
use crate::{
    components::{
        icon::{Glyph, Icon},
        mark::Mark,
        whole::{IntoWhole, Row, effect, part, rows, text},
    },
    console::Console,
    format::distance,
    live::{dispatch, link::Link, rest::RestError},
};
use leptos::{html, prelude::*, task::spawn_local};
use sentinel_model::{UnitId, UnitStatus, dispatch::NearestUnit};
use std::time::Duration;
use wasm_bindgen::JsCast;

/// How old an order of units may be that nobody points at.
const READ_EVERY: Duration = Duration::from_secs(15);

#[derive(Clone, Copy)]
struct Near {
    units: RwSignal<Vec<NearestUnit>>,
    /// None before the first answer; else why there was none.
    said: RwSignal<Option<Result<(), String>>>,
}

pub fn nearest(on_show: OnShow) -> AnyView {
    let console = Console::of_page();
    let sending = on_show.sending;
    let near = Near { units: RwSignal::default(), said: RwSignal::new(None) };
    let section = NodeRef::<html::Section>::new();
    // Who is sent, and where to, changes who is near.
    let what = on_show.of(|task| {
        let units: Vec<UnitId> = task.active().map(|held| held.unit_id.clone()).collect();
        (units, task.place.clone())
    });
    effect(move || {
        what.track();
        read(console, on_show, near);
    });
    crate::live::run::every(READ_EVERY, move || {
        // What a hand is about to choose stays where it is.
        let is_held = section
            .try_get_untracked()
            .flatten()
            .is_some_and(|s| s.matches(":hover, :focus-within").unwrap_or(false));
        if !is_held && !document().hidden() {
            read(console, on_show, near);
        }
    });
    let send = move |unit: UnitId| sending.assign(unit, false, sending.instead_of.get_untracked());
    effect(move || {
        let handle = window_event_listener(leptos::ev::keydown, move |e| {
            let target = e.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
            let typing =
                target.is_some_and(|t| matches!(t.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"));
            let plain = !e.ctrl_key() && !e.meta_key() && !e.alt_key() && !e.repeat();
            let over = console.palette_open.get_untracked()
                || console.alerts.drawer.get_untracked()
                || console.board.draft.with_untracked(Option::is_some);
            let number = e.key().parse::<usize>().ok().filter(|n| (1..=dispatch::NEAREST).contains(n));
            let Some(number) = number.filter(|_| plain && !typing && !over) else { return };
            let unit = near.units.with_untracked(|units| units.get(number - 1).map(|u| u.unit_id.clone()));
            if let Some(unit) = unit {
                e.prevent_default();
                send(unit);
            }
        });
        on_cleanup(move || handle.remove());
    });
    let empty = move || {
        near.units.read().is_empty().then(|| match near.said.get() {
            None => "Looking who is near…".to_string(),
            Some(Ok(())) => "No unit is free. Name one that is not, or drag it here.".into(),
            Some(Err(why)) => format!("Who is near cannot be read now. {why}"),
        })
    };
    let title = move || match sending.instead_of.get() {
        Some(_) => "Send in its place",
        None => "Nearest free units",
    };
    view! {
        <section class="nearest" aria-label="Nearest free units" node_ref=section>
            <header class="task-head">
                <h3>{text(move || title().to_string())}</h3>
                <button
                    type="button"
                    class="text-button"
                    hidden=move || sending.instead_of.read().is_none()
                    on:click=move |_| sending.instead_of.set(None)
                >
                    "Keep it"
                </button>
                <button
                    type="button"
                    class="icon-button"
                    aria-label="Look again who is near"
                    title="Look again"
                    on:click=move |_| read(console, on_show, near)
                >
                    <Icon glyph=Glyph::Retry/>
                </button>
            </header>
            <ol class="near-list">
                {rows(move || {
                    let row = |(n, unit): (usize, NearestUnit)| {
                        let told = format!("{n} {} {:.0} {:.0}", unit.unit_id, unit.distance_m, unit.eta_s);
                        Row::new(told, move || near_row(console, n + 1, unit, on_show))
                    };
                    near.units.get().into_iter().enumerate().map(row).collect()
                })}
            </ol>
            <p class="faint" role="status" hidden=move || empty().is_none()>{text(move || empty().unwrap_or_default())}</p>
            {other(on_show)}
        </section>
    }
    .whole()
}

fn near_row(console: Console, number: usize, unit: NearestUnit, on_show: OnShow) -> AnyView {
    let sending = on_show.sending;
    let id = unit.unit_id.clone();
    let (station, far) = (unit.station, unit.distance_m);
    let label = move || {
        let far = distance(far, console.measure.get());
        format!("Send {}, {far}, there in {}", unit.unit_id, words::eta(unit.eta_s))
    };
    let title = id.to_string();
    let arrives = words::eta(unit.eta_s);
    view! {
        <li>
            <button
                type="button"
                class="near-row"
                draggable="true"
                data-unit=id.to_string()
                aria-label=label
                aria-keyshortcuts=number.to_string()
                disabled=sending.busy
                on:click=move |_| sending.assign(id.clone(), false, sending.instead_of.get_untracked())
            >
                <kbd aria-hidden="true">{number.to_string()}</kbd>
                <Mark status=Signal::stored(UnitStatus::Available)/>
                <b>{title}</b>
                <span class="near-eta">{arrives}</span>
                <span class="near-station">{text(move || console.scope_name(station))}</span>
                <span class="near-far">{text(move || distance(far, console.measure.get()))}</span>
            </button>
        </li>
    }
    .whole()
}

/// Any unit by its id, free or not.
fn other(on_show: OnShow) -> AnyView {
    let console = Console::of_page();
    let sending = on_show.sending;
    let typed = RwSignal::new(String::new());
    let named = Memo::new(move |_| {
        let words = typed.get();
        if words.trim().is_empty() {
            return Vec::new();
        }
        let found = console.with_fleet(|f| f.matching(Default::default(), &words, |_| String::new()));
        found.into_iter().take(8).map(|id| id.to_string()).collect::<Vec<_>>()
    });
    let submit = move |e: leptos::ev::SubmitEvent| {
        e.prevent_default();
        let words = typed.get_untracked();
        let only =
            named.with_untracked(|named| if let [one] = named.as_slice() { Some(one.clone()) } else { None });
        match only.as_deref().unwrap_or(words.trim()).parse::<UnitId>() {
            Ok(unit) => {
                typed.set(String::new());
                sending.assign(unit, false, sending.instead_of.get_untracked());
            }
            Err(_) => {
                sending.problem.set(Some(Problem { why: "Which unit? Type its id.".into(), remedy: None }))
            }
        }
    };
    view! {
        <form class="near-other" on:submit=submit>
            <input
                type="text"
                class="text-field"
                aria-label="Another unit, by its id"
                placeholder="Another unit"
                list="unit-names"
                autocomplete="off"
                spellcheck="false"
                prop:value=typed
                on:input=move |e| typed.set(event_target_value(&e))
            />
            <datalist id="unit-names">
                {part(move || {
                    let options = named.get().into_iter().map(|id| view! { <option value=id></option> }).collect_view();
                    Some(options.whole())
                })}
            </datalist>
            <button type="submit" class="button" disabled=sending.busy>"Send"</button>
        </form>
    }
    .whole()
}

/// Why the last thing was not done, and what can be done about it.
pub fn problem(on_show: OnShow) -> AnyView {
    let sending = on_show.sending;
    view! {
        {part(move || {
            let Problem { why, remedy } = sending.problem.get()?;
            let word = remedy.as_ref().map(|remedy| match remedy {
                Remedy::SendAnyway { .. } => "Send anyway",
                Remedy::StartPatrol { .. } => "Start its patrol and send it",
            });
            let act = word.zip(remedy).map(|(word, remedy)| {
                view! {
                    <button type="button" class="button" on:click=move |_| sending.remedy(remedy.clone())>{word}</button>
                }
            });
            Some(view! {
                <div class="task-problem" role="alert">
                    <p>{why}</p>
                    <div class="task-actions">
                        {act}
                        <button type="button" class="button" on:click=move |_| sending.problem.set(None)>"Dismiss"</button>
                    </div>
                </div>
            }
            .whole())
        })}
    }
    .whole()
}

fn read(console: Console, on_show: OnShow, near: Near) {
    let which = on_show.sending.which.get_value();
    spawn_local(async move {
        let answer = dispatch::nearest(&which).await;
        if near.units.is_disposed() {
            return;
        }
        match answer {
            Ok(units) => {
                let had_focus = document().query_selector(".near-list :focus").ok().flatten().is_some();
                near.units.set(units);
                if had_focus {
                    // The row may be gone: keyboards go on from near where it was.
                    request_animation_frame(|| {
                        if document().active_element().is_none_or(|e| e.tag_name() == "BODY") {
                            keys::focus(TITLE_ID);
                        }
                    });
                }
                near.said.set(Some(Ok(())));
            }
            Err(RestError::SignedOut) => console.link.set(Link::SignedOut),
            Err(e) => near.said.set(Some(Err(e.to_string()))),
        }
    });
}
