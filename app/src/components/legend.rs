//! What the shapes on the map mean.

use super::whole::IntoWhole;
use super::{
    alerts::AlertMark,
    board::mark as task_mark,
    icon::{Glyph, Icon},
    mark::Mark,
};
use crate::{console::Console, format::status_word};
use leptos::prelude::*;
use sentinel_model::{
    UnitStatus,
    alerts::AlertKind,
    dispatch::{Priority, TaskState},
};

const fn meaning(status: UnitStatus) -> &'static str {
    match status {
        UnitStatus::Available => "on patrol and free",
        UnitStatus::OnTask => "on patrol, attending",
        UnitStatus::Stale => "not heard of for a while",
        UnitStatus::Offline => "not heard of for long",
        UnitStatus::OffDuty => "not on patrol, not on the map",
    }
}

const TASKS: [(bool, TaskState, &str, &str); 4] = [
    (false, TaskState::Open, "Incident", "nobody is sent yet"),
    (false, TaskState::Assigned, "Incident", "a unit is on the way"),
    (false, TaskState::OnScene, "Incident", "a unit is there"),
    (true, TaskState::Open, "Order", "square; its states as above"),
];

const KEYS: [(&str, &str); 10] = [
    ("I", "the incidents; again closes them"),
    ("N", "a new incident; then click the map"),
    ("↑ ↓ Enter", "through a list, open"),
    ("1 … 9", "send the nearest units to the open incident"),
    ("Tab Enter", "to a unit of the nearest, send it"),
    ("Ctrl Enter", "saves a form with notes"),
    ("Ctrl K or /", "find a unit or an area"),
    ("Alt A", "the alerts"),
    ("Esc", "closes what lies on top"),
    ("?", "this legend"),
];

#[component]
pub fn Legend() -> impl IntoView {
    let console = Console::of_page();
    view! {
        <section class="legend" aria-label="Legend" hidden=move || !console.show_legend.get()>
            <header class="card-head">
                <h2>"Legend"</h2>
                <button
                    type="button"
                    class="icon-button"
                    aria-label="Close the legend"
                    on:click=move |_| console.show_legend.set(false)
                >
                    <Icon glyph=Glyph::Close/>
                </button>
            </header>
            <ul>
                {UnitStatus::ALL
                    .map(|status| {
                        view! {
                            <li>
                                <Mark status/>
                                <span>{status_word(status)}</span>
                                <span class="faint">{meaning(status)}</span>
                            </li>
                        }
                    })
                    .collect_view()}
                <li>
                    <AlertMark kind=AlertKind::Sos/>
                    <span>"SOS"</span>
                    <span class="faint">"called for help; nobody has taken it yet"</span>
                </li>
                <li>
                    <Icon glyph=Glyph::Heading/>
                    <span>"Heading"</span>
                    <span class="faint">"the way a marker points; a dot stands still"</span>
                </li>
                <li>
                    <span class="site-mark" aria-hidden="true"></span>
                    <span>"Station"</span>
                    <span class="faint">"a police station"</span>
                </li>
                <li>
                    <span class="fence-mark" aria-hidden="true"></span>
                    <span>"Geofence"</span>
                    <span class="faint">"an area that raises alerts; the map's own button hides them"</span>
                </li>
                <li>
                    <span class="cluster-mark" aria-hidden="true">"12"</span>
                    <span>"Cluster"</span>
                    <span class="faint">"units close together; choose it to open"</span>
                </li>
            </ul>
            <h3>"Incidents and orders"</h3>
            <ul>
                {TASKS
                    .map(|(is_order, state, word, meaning)| {
                        view! {
                            <li>
                                {task_mark(is_order, state, Priority::Normal)}
                                <span>{word}</span>
                                <span class="faint">{meaning}</span>
                            </li>
                        }
                    })
                    .collect_view()}
                <li>
                    <span class="priority-marks" aria-hidden="true">
                        <i class="p-high"></i><i class="p-normal"></i><i class="p-low"></i>
                    </span>
                    <span>"Colour"</span>
                    <span class="faint">"high, normal and low priority"</span>
                </li>
            </ul>
            <h3 class="wide-only">"Keys"</h3>
            <ul class="keys wide-only">
                {KEYS
                    .map(|(key, what)| view! { <li><kbd>{key}</kbd><span class="faint">{what}</span></li> })
                    .collect_view()}
            </ul>
        </section>
    }
    .whole()
}
