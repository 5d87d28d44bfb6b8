//! What a unit is on, in its own drawer; and an incident where it is.

use super::{task_mark, words};
use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, Row, rows},
    },
    console::Console,
    live::{fleet::Place, tasks::Draft},
};
use leptos::prelude::*;
use sentinel_model::{Task, UnitId};
use std::sync::Arc;

pub fn tasks_of(id: UnitId) -> AnyView {
    let console = Console::of_page();
    let unit = id.clone();
    let on = move || console.board.with(|tasks| tasks.of_unit(&unit));
    let row = move |task: Arc<Task>, unit: &UnitId| {
        let key = format!("{} {}", task.id, task.timeline.len());
        let step = task.active_of(unit).map(|held| words::step(held.state)).unwrap_or_default();
        Row::new(key, move || {
            let chosen = task.clone();
            view! {
                <li>
                    <button type="button" class="task-row" on:click=move |_| console.look_at_task(&chosen)>
                        {task_mark(&task)}
                        <span class="task-title"><b>{words::title(&task)}</b></span>
                        <span class="task-age">{step}</span>
                        <span class="task-place">{words::place(&task.place)}</span>
                        <span class="task-who">{task.id.to_string()}</span>
                    </button>
                </li>
            }
            .whole()
        })
    };
    view! {
        <ul class="unit-tasks" aria-label="What it is on">
            {rows(move || on().into_iter().map(|task| row(task, &id)).collect())}
        </ul>
    }
    .whole()
}

/// Begins an incident where the unit is.
pub fn incident_here(place: Memo<Option<Place>>) -> Option<AnyView> {
    let console = Console::of_page();
    let at = move || place.get().filter(|p| !p.is_nowhere()).map(|p| (p.lat, p.lon));
    console.may_dispatch().then(|| {
        view! {
            <button
                type="button"
                class="button needs-script"
                disabled=move || at().is_none()
                on:click=move |_| console.begin_incident(Draft { place: at(), ..Draft::default() })
            >
                <Icon glyph=Glyph::Plus/>
                "Incident here"
            </button>
        }
        .whole()
    })
}
