//! How the units of the scope are, as numbers that filter.

use super::mark::{Mark, status_class};
use super::whole::{IntoWhole, text};
use crate::{console::Console, format::status_word};
use leptos::prelude::*;
use sentinel_model::{UnitStatus, scope::ScopeCounts};

pub fn of_status(counts: &ScopeCounts, status: UnitStatus) -> u32 {
    match status {
        UnitStatus::Available => counts.available,
        UnitStatus::OnTask => counts.on_task,
        UnitStatus::Stale => counts.stale,
        UnitStatus::Offline => counts.offline,
        UnitStatus::OffDuty => counts.off_duty,
    }
}

#[component]
pub fn StatusBar() -> impl IntoView {
    let console = Console::of_page();
    let chip = move |status: UnitStatus| {
        let n = move || of_status(&console.counts.read(), status);
        view! {
            <button
                type="button"
                class=format!("chip {}", status_class(status))
                aria-pressed=move || console.statuses.get().asks_for(status).to_string()
                class:none=move || n() == 0
                on:click=move |_| console.statuses.update(|s| *s = s.toggled(status))
            >
                <Mark status/>
                <span class="chip-number">{text(move || n().to_string())}</span>
                <span class="chip-word">{status_word(status)}</span>
            </button>
        }
    };
    view! {
        <div class="status-bar scroll" role="group" aria-label="Show units by status">
            {UnitStatus::ALL.map(chip).collect_view()}
        </div>
    }
    .whole()
}
