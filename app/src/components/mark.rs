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

const fn shape(status: UnitStatus) -> &'static str {
    match status {
        UnitStatus::Available => "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11z",
        UnitStatus::OnTask => "M8 1.2 14.8 8 8 14.8 1.2 8z",
        UnitStatus::Stale => "M8 1.8 15 14H1z",
        UnitStatus::Offline => "M3.2 3.2h9.6v9.6H3.2z",
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
