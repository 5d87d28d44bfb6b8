//! One task in the list: what, where, who is on it, since when.

use super::{task_mark, words};
use crate::{
    components::whole::{IntoWhole, text},
    console::Console,
    live::tasks::priority,
};
use leptos::prelude::*;
use sentinel_model::{Task, dispatch::Priority};
use std::sync::Arc;

pub fn priority_class(priority: Priority) -> &'static str {
    match priority {
        Priority::High => "p-high",
        Priority::Normal => "p-normal",
        Priority::Low => "p-low",
    }
}

/// `active` is the id of the one that the keys are at.
#[component]
pub fn Card(task: Arc<Task>, active: RwSignal<Option<String>>) -> impl IntoView {
    let console = Console::of_page();
    let id = task.id.clone();
    let is_chosen = {
        let id = id.clone();
        move || console.board.chosen.read().as_ref().is_some_and(|chosen| chosen.id == id)
    };
    let is_active = {
        let id = id.to_string();
        move || active.read().as_deref() == Some(&id)
    };
    let units: Vec<String> = task.active().map(|held| held.unit_id.to_string()).collect();
    let who = match units.as_slice() {
        [] => words::state(&task).to_string(),
        [one] => one.clone(),
        [first, others @ ..] => format!("{first} +{}", others.len()),
    };
    let urgent = (!task.is_order() && priority(&task) != Priority::Normal)
        .then(|| view! { <span class="task-priority">{words::priority(priority(&task))}</span> });
    let spoken = format!("{}, ", words::state(&task));
    let (created, exact) = (task.created_at, task.created_at);
    let place = words::place(&task.place);
    let chosen = task.clone();
    view! {
        <div
            class=format!("task-row {}", priority_class(priority(&task)))
            class:active=is_active
            class:waiting=units.is_empty() && !task.is_closed()
            role="option"
            id=format!("task-{id}")
            draggable=console.may_steer(&task).then_some("true")
            aria-selected=move || is_chosen().to_string()
            on:click=move |_| {
                active.set(Some(chosen.id.to_string()));
                console.look_at_task(&chosen);
            }
        >
            {task_mark(&task)}
            <span class="task-title">
                <span class="visually-hidden">{spoken}</span>
                <b>{words::title(&task)}</b>
                {urgent}
            </span>
            <span class="task-age" title=move || console.wall.get().exact(exact)>
                {text(move || words::age(console.now.get().ms_since(created)))}
            </span>
            <span class="task-place">{place}</span>
            <span class="task-who">{who}</span>
        </div>
    }
    .whole()
}
