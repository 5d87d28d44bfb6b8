//! Alerts on the page: the bell in the top bar, the drawer that it opens, and the
//! banners of what presses.

pub mod banners;
pub mod bell;
mod card;
pub mod drawer;
mod list;
mod several;
pub mod words;

use super::{mark::CALLING, whole::IntoWhole};
use leptos::prelude::*;
use sentinel_model::alerts::AlertKind;

/// The kind as a shape: the diamond that the map has for an SOS; an arrow into a
/// fence, out of it, a dot inside; a needle near its end; a clock; waves that are struck
/// out; a battery with little in it.
const fn shape(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::Sos => CALLING,
        AlertKind::Enter => "M9.5 2.5h4v11h-4M1.5 8h8M6.5 5l3 3-3 3",
        AlertKind::Exit => "M6.5 2.5h-4v11h4M6 8h8M11 5l3 3-3 3",
        AlertKind::Dwell => "M2.5 2.5h11v11h-11zM8 7.9v.2",
        AlertKind::Overspeed => "M3.4 12.6a6.5 6.5 0 1 1 9.2 0M8 8l3.6-2.4",
        AlertKind::Stale => "M8 1.8a6.2 6.2 0 1 0 0 12.4a6.2 6.2 0 0 0 0-12.4M8 4.6V8l2.4 1.6",
        AlertKind::Offline => {
            "M2.2 7.2a8.4 8.4 0 0 1 11.6 0M4.8 10a4.7 4.7 0 0 1 6.4 0M8 13v.1M2.5 2.5l11 11"
        }
        AlertKind::LowBattery => "M1.5 5h11v6h-11zM14.5 7v2M4 7.2v1.6",
    }
}

/// The word stands beside it, or in the label of what it is part of.
#[component]
pub fn AlertMark(kind: AlertKind) -> impl IntoView {
    let class = if kind == AlertKind::Sos { "mark s-sos" } else { "mark s-fence" };
    view! {
        <svg class=class viewBox="0 0 16 16" aria-hidden="true">
            <path d=shape(kind)></path>
        </svg>
    }
    .whole()
}
