//! The units of the scope: searched, filtered, and drawn only where the list is
//! looked at, so that ten thousand cost what forty do.

use super::whole::{IntoWhole, Row, effect, rows, text};
use super::{
    icon::{Glyph, Icon},
    mark::{Mark, status_class},
};
use crate::{
    console::Console,
    format::{ago, plural, speed, status_word, whole},
    live::fleet::Statuses,
};
use leptos::{html, prelude::*};
use sentinel_model::{UnitId, UnitStatus};

/// Rows drawn before the list knows its own height; the server draws these.
const FIRST_ROWS: usize = 40;
/// Rows drawn beyond what is seen, so that a quick scroll shows no gap.
const OVERSCAN: usize = 6;

/// Sets a height by script, which the page's security policy allows where it
/// refuses `style` in the HTML.
fn set_height(element: NodeRef<html::Div>, px: f64) {
    if let Some(element) = element.get_untracked() {
        // A number with px is a valid height; there is nothing to go wrong.
        let _ = web_sys::HtmlElement::style(&element).set_property("height", &format!("{}px", whole(px)));
    }
}

#[component]
pub fn UnitList() -> impl IntoView {
    let console = Console::of_page();
    let list = NodeRef::<html::Div>::new();
    let (above, below) = (NodeRef::<html::Div>::new(), NodeRef::<html::Div>::new());
    let (first, fits) = (RwSignal::new(0usize), RwSignal::new(FIRST_ROWS));
    let row_px = RwSignal::new(44.0);
    let active = RwSignal::new(None::<usize>);

    let window = Memo::new(move |_| {
        let all = console.matching.get();
        let start = first.get().saturating_sub(OVERSCAN).min(all.len());
        let end = (first.get() + fits.get() + OVERSCAN).min(all.len());
        let rows: Vec<(usize, UnitId)> = all
            .get(start..end)
            .unwrap_or_default()
            .iter()
            .cloned()
            .enumerate()
            .map(|(i, id)| (start + i, id))
            .collect();
        (start, rows, all.len())
    });
    effect(move || {
        let (start, rows, total) = window.get();
        let px = row_px.get();
        set_height(above, start as f64 * px);
        set_height(below, (total - start - rows.len()) as f64 * px);
    });

    let look = move || {
        let Some(list) = list.get_untracked() else { return };
        let row = list
            .query_selector(".unit-row")
            .ok()
            .flatten()
            .map_or(0.0, |r| r.get_bounding_client_rect().height());
        if row > 0.0 {
            row_px.set(row);
        }
        let px = row_px.get_untracked();
        first.set((f64::from(list.scroll_top()) / px) as usize);
        fits.set((f64::from(list.client_height()) / px) as usize + 1);
    };
    effect(move || {
        let handle = window_event_listener(leptos::ev::resize, move |_| look());
        on_cleanup(move || handle.remove());
        console.show_areas.track();
        console.sheet.track();
        console.matching.track();
        request_animation_frame(look);
    });

    let reveal = move |index: usize| {
        let Some(list) = list.get_untracked() else { return };
        let (px, top, seen) =
            (row_px.get_untracked(), f64::from(list.scroll_top()), f64::from(list.client_height()));
        let (from, to) = (index as f64 * px, (index + 1) as f64 * px);
        if from < top {
            list.set_scroll_top(from as i32);
        } else if to > top + seen {
            list.set_scroll_top((to - seen) as i32);
        }
    };
    // A unit chosen on the map is shown in the list too.
    effect(move || {
        let Some(id) = console.selected.get() else { return };
        let index = untrack(|| console.matching.read().binary_search(&id).ok());
        if let Some(index) = index {
            active.set(Some(index));
            request_animation_frame(move || reveal(index));
        }
    });
    let on_key = move |e: leptos::ev::KeyboardEvent| {
        let total = console.matching.read_untracked().len();
        if total == 0 {
            return;
        }
        let at = active.get_untracked();
        let page = fits.get_untracked().max(2) - 1;
        let to = match e.key().as_str() {
            "ArrowDown" => at.map_or(0, |i| (i + 1).min(total - 1)),
            "ArrowUp" => at.map_or(0, |i| i.saturating_sub(1)),
            "PageDown" => at.map_or(0, |i| (i + page).min(total - 1)),
            "PageUp" => at.map_or(0, |i| i.saturating_sub(page)),
            "Home" => 0,
            "End" => total - 1,
            "Enter" | " " => {
                e.prevent_default();
                let id = at.and_then(|i| console.matching.read_untracked().get(i).cloned());
                if let Some(id) = id {
                    console.look_at(&id);
                }
                return;
            }
            _ => return,
        };
        e.prevent_default();
        active.set(Some(to));
        reveal(to);
    };
    let active_id =
        move || active.get().and_then(|i| console.matching.read().get(i).map(|id| format!("unit-{id}")));

    view! {
        <section class="units" id="units" aria-label="Units" hidden=move || !console.show_units.get()>
            <header class="section-head">
                <h2>"Units"</h2>
                <ListCount/>
            </header>
            <div class="search-field needs-script">
                <Icon glyph=Glyph::Search/>
                <input
                    type="search"
                    placeholder="Search id, name or station"
                    aria-label="Search units"
                    autocomplete="off"
                    spellcheck="false"
                    prop:value=console.words
                    on:input=move |e| {
                        console.words.set(event_target_value(&e));
                        active.set(None);
                    }
                />
            </div>
            <div
                class="unit-list scroll"
                role="listbox"
                aria-label="Units"
                tabindex="0"
                node_ref=list
                aria-activedescendant=active_id
                on:keydown=on_key
                on:scroll=move |_| look()
            >
                <div class="spacer" role="presentation" node_ref=above></div>
                {rows(move || {
                    let row = |(index, id): (usize, UnitId)| {
                        Row::new(format!("{index} {id}"), move || view! { <UnitRow index id active/> }.into_any())
                    };
                    window.get().1.into_iter().map(row).collect()
                })}
                <div class="spacer" role="presentation" node_ref=below></div>
            </div>
            <ListEmpty/>
        </section>
    }
    .whole()
}

#[component]
fn ListCount() -> impl IntoView {
    let console = Console::of_page();
    let filtered = move || !console.statuses.get().is_all() || !console.words.read().is_empty();
    view! {
        <span class="faint" aria-live="polite">
            {text(move || {
                let all = console.counts.read().units as usize;
                if filtered() {
                    format!("{} of {}", console.matching.read().len(), plural(all, "unit", "units"))
                } else {
                    plural(all, "unit", "units")
                }
            })}
        </span>
        <button
            type="button"
            class="text-button"
            hidden=move || !filtered()
            on:click=move |_| {
                console.words.set(String::new());
                console.statuses.set(Statuses::default());
            }
        >
            "Show all"
        </button>
    }
    .whole()
}

/// Why the list is empty, and what to do about it.
#[component]
fn ListEmpty() -> impl IntoView {
    let console = Console::of_page();
    let what = move || {
        if !console.matching.read().is_empty() {
            return None;
        }
        let all = console.counts.read().units;
        Some(if all > 0 {
            ("No unit is like that", "Change the search or the status, or show all.")
        } else if console.complete.get() {
            (
                "No units here yet",
                "A unit shows as soon as it belongs to a station of this area, or starts a patrol in it.",
            )
        } else {
            ("Loading units…", "The list fills as they come.")
        })
    };
    view! {
        <div class="empty" hidden=move || what().is_none()>
            <p class="empty-title">{text(move || what().map(|w| w.0).unwrap_or_default().to_string())}</p>
            <p class="faint">{text(move || what().map(|w| w.1).unwrap_or_default().to_string())}</p>
        </div>
    }
    .whole()
}

/// Whether its speed stands where the word for its status would, if the speed is known.
fn tells_speed(status: UnitStatus) -> bool {
    matches!(status, UnitStatus::Available | UnitStatus::OnTask)
}

/// What a row says of a unit.
#[derive(Debug, Clone, PartialEq)]
struct RowText {
    status: UnitStatus,
    calling: bool,
    station: String,
    /// The status for those who do not see the mark, where no word on show says it.
    spoken: &'static str,
    speed: String,
    age: String,
}

#[component]
fn UnitRow(index: usize, id: UnitId, active: RwSignal<Option<usize>>) -> impl IntoView {
    let console = Console::of_page();
    let row = Memo::new({
        let id = id.clone();
        move |_| {
            console.unit(&id, |e| {
                let now = console.now.get();
                let calling = console.alerts.calling.read().contains(&id);
                let fast = e.moving_now(now).and_then(|p| p.speed_mps);
                let fast = fast.filter(|_| tells_speed(e.status) && !calling);
                RowText {
                    status: e.status,
                    calling,
                    station: console.scope_name(e.station),
                    spoken: if fast.is_some() || calling { status_word(e.status) } else { "" },
                    speed: match fast {
                        _ if calling => "SOS".into(),
                        Some(mps) => speed(mps, console.measure.get()),
                        None => status_word(e.status).into(),
                    },
                    age: e.place.map_or_else(|| "no fix".into(), |p| ago(now.ms_since(p.time))),
                }
            })
        }
    });
    let status = Signal::derive(move || row.read().as_ref().map_or(UnitStatus::OffDuty, |t| t.status));
    let calling = Signal::derive(move || row.read().as_ref().is_some_and(|t| t.calling));
    let said = move |read: fn(&RowText) -> &str| {
        text(move || row.read().as_ref().map(|t| read(t).to_string()).unwrap_or_default())
    };
    let selected = {
        let id = id.clone();
        Memo::new(move |_| console.selected.read().as_ref() == Some(&id))
    };
    let total = move || console.matching.read().len().to_string();
    let chosen = id.clone();
    view! {
        <div
            class=move || format!("unit-row {}", status_class(status.get()))
            class:active=move || active.get() == Some(index)
            class:calling=calling
            role="option"
            id=format!("unit-{id}")
            draggable=console.may_dispatch().then_some("true")
            aria-selected=move || selected.get().to_string()
            aria-posinset=(index + 1).to_string()
            aria-setsize=total
            on:click=move |_| {
                active.set(Some(index));
                console.look_at(&chosen);
            }
        >
            <Mark status calling/>
            <span class="unit-id">{id.to_string()}</span>
            <span class="visually-hidden">{said(|t| t.spoken)}</span>
            <span class="unit-speed">{said(|t| &t.speed)}</span>
            <span class="unit-station">{said(|t| &t.station)}</span>
            <span class="unit-age">{said(|t| &t.age)}</span>
        </div>
    }
    .whole()
}
