//! A new incident: what, how pressing, where; or a new order: for whom, and where to.

use super::{ends::scopes, keys, place::place_field, words};
use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, effect, part, text},
    },
    console::Console,
    format::kind as spoken,
    live::{
        dispatch::{self, Fields},
        rest::RestError,
        tasks::TaskRef,
    },
    map_place::with_map,
};
use leptos::{html, prelude::*, task::spawn_local};
use sentinel_model::{
    Level,
    dispatch::{ADDRESS_MAX, CUSTOMER_MAX, KIND_MAX, NOTES_MAX, Priority, What},
};
use std::collections::BTreeSet;

/// The longest number that an order can be given.
const NUMBER_MAX: usize = 60;

/// What is attended to most; beside them stands what is open now.
const KINDS: [&str; 8] =
    ["accident", "fire", "medical", "theft", "disturbance", "traffic", "welfare check", "suspicious person"];

#[component]
pub fn NewIncident() -> impl IntoView {
    let console = Console::of_page();
    let draft = console.board.draft;
    let is_open = Memo::new(move |_| draft.read().is_some());
    let is_placing = Memo::new(move |_| console.board.is_placing());
    effect(move || {
        // Nor is anything chosen on the map while a fence is drawn there.
        let on = is_placing.get() || console.fences.editing.read().is_some();
        with_map(|m| m.choose_place(on));
    });
    let title = move || {
        let is_order = draft.read().as_ref().is_some_and(|draft| draft.is_order);
        if is_order { "New order" } else { "New incident" }
    };
    view! {
        {part(move || {
            is_open
                .get()
                .then(|| {
                    view! {
                        <aside
                            class="drawer new-drawer"
                            aria-label=title
                            on:keydown=move |e| {
                                if e.key() == "Escape" {
                                    e.stop_propagation();
                                    shut(console);
                                }
                            }
                        >
                            <header class="drawer-head">
                                <div class="drawer-title"><h2>{text(move || title().into())}</h2></div>
                                <button type="button" class="icon-button" aria-label="Close without making it" on:click=move |_| shut(console)>
                                    <Icon glyph=Glyph::Close/>
                                </button>
                            </header>
                            {part(move || console.parts().map(|parts| untrack(|| (parts.new_incident)())))}
                        </aside>
                    }
                    .whole()
                })
        })}
    }
    .whole()
}

pub fn shut(console: Console) {
    console.board.draft.set(None);
    keys::focus_list();
}

/// The station whose site is nearest; flat is near enough to tell which.
fn nearest_station(console: Console, (lat, lon): (f64, f64)) -> Option<String> {
    let scopes = console.scopes.get();
    let stations = scopes.iter().filter(|node| node.scope.level == Level::Station);
    let wide = crate::platform::maths::cos(lat.to_radians());
    let far = |(a, b): (i32, i32)| (f64::from(a) / 1e6 - lat).hypot((f64::from(b) / 1e6 - lon) * wide);
    let near = stations.filter_map(|node| Some((far(node.site_e6?), &node.name)));
    near.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name.clone())
}

pub fn new_form() -> AnyView {
    let console = Console::of_page();
    let draft = console.board.draft;
    let begun = draft.get_untracked().unwrap_or_default();
    let kind = RwSignal::new(begun.kind.clone());
    let priority = RwSignal::new(if begun.is_high { Priority::High } else { Priority::Normal });
    let typed = RwSignal::new(String::new());
    let is_order = Memo::new(move |_| draft.read().as_ref().is_some_and(|draft| draft.is_order));
    let (number, customer) = (NodeRef::<html::Input>::new(), NodeRef::<html::Input>::new());
    let (address, notes) = (NodeRef::<html::Input>::new(), NodeRef::<html::Textarea>::new());
    let (first, scope) = (NodeRef::<html::Input>::new(), NodeRef::<html::Select>::new());
    let (busy, failed) = (RwSignal::new(false), RwSignal::new(None::<String>));
    effect(move || {
        if let Some(first) = first.get() {
            let _ = first.focus();
        }
    });
    let send = move || {
        if busy.get_untracked() {
            return;
        }
        let place = draft.with_untracked(|draft| draft.as_ref().and_then(|draft| draft.place));
        let Some((lat, lon)) = place else {
            return failed.set(Some("Where is it? Click the map, or write the coordinates.".into()));
        };
        let is_order = is_order.get_untracked();
        let written =
            |field: NodeRef<html::Input>| field.get_untracked().map(|f| f.value()).unwrap_or_default();
        let fields = if is_order {
            Fields::none().with_text("id", &written(number)).with_text("customer", &written(customer))
        } else if kind.read_untracked().trim().is_empty() {
            return failed.set(Some("What is it? A word or two.".into()));
        } else {
            let kind = Fields::none().with("kind", kind.get_untracked().trim());
            kind.with("priority", priority.get_untracked().as_str())
        };
        let fields = fields
            .with("latitude", lat)
            .with("longitude", lon)
            .with_text("address", &written(address))
            .with_text("notes", &notes.get_untracked().map(|n| n.value()).unwrap_or_default())
            .with_text("scope", &scope.get_untracked().map(|s| s.value()).unwrap_or_default());
        busy.set(true);
        failed.set(None);
        spawn_local(async move {
            match console.took_task(dispatch::create(is_order, fields).await) {
                Ok(task) => {
                    draft.set(None);
                    console.open_task(&TaskRef::of(&task));
                    console.tell(format!("Made: {}", words::brief(&task)));
                    request_animation_frame(|| keys::focus(super::drawer::TITLE_ID));
                }
                Err(RestError::SignedOut) => {}
                Err(e) => {
                    failed.try_set(Some(e.to_string()));
                    busy.try_set(false);
                }
            }
        });
    };
    let known = Memo::new(move |_| {
        let open: BTreeSet<String> = console.board.with(|tasks| {
            let kinds = tasks.iter().filter_map(|task| match &task.what {
                What::Incident(incident) => Some(incident.kind.clone()),
                What::Order(_) => None,
            });
            kinds.filter(|kind| !KINDS.contains(&kind.as_str())).collect()
        });
        open.into_iter().chain(KINDS.map(String::from)).collect::<Vec<_>>()
    });
    let whose = move || {
        let place = draft.read().as_ref().and_then(|draft| draft.place);
        match place.and_then(|place| nearest_station(console, place)) {
            Some(station) => format!("By the place: {station}"),
            None => "By the place".into(),
        }
    };
    let at = move || draft.read().as_ref().and_then(|draft| draft.place);
    let put = move |place| {
        draft.update(|draft| {
            if let Some(draft) = draft {
                draft.place = place;
            }
        });
    };
    view! {
        <form
            class="drawer-body task-form new-form scroll"
            on:submit=move |e| {
                e.prevent_default();
                send();
            }
            on:keydown=move |e| {
                if e.key() == "Enter" && (e.ctrl_key() || e.meta_key()) {
                    e.prevent_default();
                    send();
                }
            }
        >
            <div class="segments" role="group" aria-label="Sort">
                {[(false, "Incident"), (true, "Order")]
                    .map(|(order, word)| {
                        view! {
                            <button
                                type="button"
                                class="segment"
                                aria-pressed=move || (is_order.get() == order).to_string()
                                on:click=move |_| {
                                    failed.set(None);
                                    draft.update(|draft| {
                                        if let Some(draft) = draft {
                                            draft.is_order = order;
                                        }
                                    });
                                }
                            >
                                {word}
                            </button>
                        }
                    })
                    .collect_view()}
            </div>
            <label hidden=move || !is_order.get()>
                <span>"Customer"</span>
                <input type="text" class="text-field" autocomplete="off" maxlength=CUSTOMER_MAX.to_string() node_ref=customer/>
            </label>
            <label hidden=move || !is_order.get()>
                <span>"Number (optional)"</span>
                <input
                    type="text"
                    class="text-field"
                    placeholder="A-7731"
                    autocomplete="off"
                    spellcheck="false"
                    maxlength=NUMBER_MAX.to_string()
                    node_ref=number
                />
            </label>
            <label hidden=is_order>
                <span>"What"</span>
                <input
                    type="text"
                    class="text-field"
                    list="incident-kinds"
                    autocomplete="off"
                    maxlength=KIND_MAX.to_string()
                    node_ref=first
                    prop:value=kind
                    on:input=move |e| kind.set(event_target_value(&e))
                />
            </label>
            <datalist id="incident-kinds">
                {part(move || {
                    Some(known.get().into_iter().map(|kind| view! { <option value=kind></option> }).collect_view().whole())
                })}
            </datalist>
            <div class="kinds" role="group" aria-label="Frequent kinds" hidden=is_order>
                {KINDS
                    .into_iter()
                    .take(6)
                    .map(|one| {
                        view! {
                            <button
                                type="button"
                                class="filter"
                                aria-pressed=move || (kind.read().as_str() == one).to_string()
                                on:click=move |_| kind.set(one.into())
                            >
                                {spoken(one)}
                            </button>
                        }
                    })
                    .collect_view()}
            </div>
            <div class="segments" role="group" aria-label="Priority" hidden=is_order>
                {Priority::ALL
                    .map(|one| {
                        view! {
                            <button
                                type="button"
                                class="segment"
                                aria-pressed=move || (priority.get() == one).to_string()
                                on:click=move |_| priority.set(one)
                            >
                                {words::priority(one)}
                            </button>
                        }
                    })
                    .collect_view()}
            </div>
            {place_field(typed, at, put)}
            <label>
                <span>"Address"</span>
                <input type="text" class="text-field" autocomplete="off" maxlength=ADDRESS_MAX.to_string() node_ref=address/>
            </label>
            <label>
                <span>"Notes"</span>
                <textarea class="text-field" rows="3" maxlength=NOTES_MAX.to_string() node_ref=notes prop:value=begun.notes></textarea>
            </label>
            <label>
                <span>"Whose"</span>
                <select class="text-field" node_ref=scope>
                    <option value="">{text(whose)}</option>
                    {scopes(console, None)}
                </select>
            </label>
            <p class="alert-failed" role="alert" hidden=move || failed.read().is_none()>
                {text(move || failed.get().unwrap_or_default())}
            </p>
            <div class="task-actions">
                <button type="button" class="button" on:click=move |_| shut(console)>"Discard"</button>
                <button type="submit" class="button primary" disabled=busy>
                    <Icon glyph=Glyph::Plus/>
                    "Make it"
                </button>
            </div>
        </form>
    }
    .whole()
}
