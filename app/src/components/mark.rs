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

/// Of a unit with an open call for help, whatever its status: the diamond.
pub const CALLING: &str = "M8 .3 15.7 8 8 15.7.3 8zM7.1 3.7h1.8l-.3 5.4H7.4zM7.1 10.5h1.8v1.8H7.1z";

/// The word stands beside it, or in the label of what it is part of.
#[component]
pub fn Mark(
    #[prop(into)] status: Signal<UnitStatus>,
    #[prop(into, default = Signal::stored(false))] calling: Signal<bool>,
) -> impl IntoView {
    let class = move || if calling.get() { "s-sos" } else { status_class(status.get()) };
    view! {
        <svg class=move || format!("mark {}", class()) viewBox="0 0 16 16" aria-hidden="true">
            <path d=move || if calling.get() { CALLING } else { shape(status.get()) }></path>
        </svg>
    }
}
