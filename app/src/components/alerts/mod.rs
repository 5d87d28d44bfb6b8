//! Alerts on the page: the bell in the top bar, the drawer that it opens, and the
//! banner of a call for help.

pub mod banners;
pub mod bell;
mod card;
pub mod drawer;
pub mod words;

use super::{mark::CALLING, whole::IntoWhole};
use leptos::prelude::*;
use sentinel_model::alerts::AlertKind;

/// The kind as a shape: the diamond that the map has for an SOS; an arrow into a
/// fence, out of it, a dot inside.
const fn shape(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::Sos => CALLING,
        AlertKind::Enter => "M9.5 2.5h4v11h-4M1.5 8h8M6.5 5l3 3-3 3",
        AlertKind::Exit => "M6.5 2.5h-4v11h4M6 8h8M11 5l3 3-3 3",
        AlertKind::Dwell => "M2.5 2.5h11v11h-11zM8 7.9v.2",
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
