//! A unit's status as a shape and a colour: the shape alone tells it.

use leptos::prelude::*;
use sentinel_model::UnitStatus;

/// The class that gives a status its colour.
pub fn status_class(status: UnitStatus) -> &'static str {
    match status {
        UnitStatus::Available => "s-available",
        UnitStatus::OnTask => "s-on-task",
        UnitStatus::Stale => "s-stale",
        UnitStatus::Offline => "s-offline",
        UnitStatus::OffDuty => "s-off-duty",
    }
}

/// The same shapes as on the map, with north as their heading.
const fn shape(status: UnitStatus) -> &'static str {
    match status {
        UnitStatus::Available | UnitStatus::Stale => "M8 .8 13.9 15.2 8 12 2.1 15.2z",
        UnitStatus::OnTask => "M8 .5a7.5 7.5 0 1 0 0 15a7.5 7.5 0 1 0 0-15zM8 3.4 11.4 11.8 8 10 4.6 11.8z",
        UnitStatus::Offline => "M3 3l10 10M13 3 3 13",
        UnitStatus::OffDuty => "M3 8h10",
    }
}

/// The word stands beside it, or in the label of what it is part of.
#[component]
pub fn Mark(#[prop(into)] status: Signal<UnitStatus>) -> impl IntoView {
    view! {
        <svg class=move || format!("mark {}", status_class(status.get())) viewBox="0 0 16 16" aria-hidden="true">
            <path d=move || shape(status.get())></path>
        </svg>
    }
}
