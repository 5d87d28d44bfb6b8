//! Closed incidents and orders, page by page.

use super::{task_mark, words};
use crate::{
    components::whole::{IntoWhole, Row, effect, rows, text},
    console::Console,
    format::ago,
    live::{alerts::Reading, dispatch, link::Link, rest::RestError},
};
use leptos::{prelude::*, task::spawn_local};
use sentinel_model::Task;
use std::{sync::Arc, time::Duration};

/// Until the next letter usually comes.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Clone, Copy)]
struct Past {
    list: RwSignal<Vec<Arc<Task>>>,
    reading: RwSignal<Reading>,
    next: StoredValue<Option<String>>,
    orders: RwSignal<bool>,
    typed: RwSignal<String>,
}

pub fn past(typed: RwSignal<String>) -> AnyView {
    let console = Console::of_page();
    let past = Past {
        list: RwSignal::default(),
        reading: RwSignal::new(Reading::First),
        next: StoredValue::default(),
        orders: RwSignal::new(false),
        typed,
    };
    effect(move || {
        let (asked, _, _) = (typed.get(), past.orders.get(), console.scope.get());
        past.reading.set(Reading::First);
        set_timeout(
            move || {
                let is_current = typed.try_get_untracked().is_some_and(|typed| typed == asked);
                if is_current && !past.list.is_disposed() {
                    read(console, past, false);
                }
            },
            PAUSE,
        );
    });
    let sort = move |orders: bool, word: &'static str| {
        view! {
            <button
                type="button"
                class="filter"
                aria-pressed=move || (past.orders.get() == orders).to_string()
                on:click=move |_| past.orders.set(orders)
            >
                {word}
            </button>
        }
    };
    let said = move || match past.reading.get() {
        Reading::First => "Reading…".to_string(),
        Reading::Failed(why) => why,
        Reading::Done { .. } if past.list.read().is_empty() => "Nothing closed yet that is like that.".into(),
        Reading::Done { .. } => String::new(),
    };
    let has_more = move || *past.reading.read() == Reading::Done { more: true };
    view! {
        <div class="filters" role="group" aria-label="Which sort">{sort(false, "Incidents")} {sort(true, "Orders")}</div>
        <ul class="task-list scroll" aria-label="Closed incidents">
            {rows(move || {
                let row = |task: Arc<Task>| {
                    Row::new(format!("{} {}", task.id, task.timeline.len()), move || line(console, task))
                };
                past.list.get().into_iter().map(row).collect()
            })}
        </ul>
        <p class="faint board-more" role="status" hidden=move || said().is_empty()>{text(said)}</p>
        <button type="button" class="button board-more" hidden=move || !has_more() on:click=move |_| read(console, past, true)>
            "Show more"
        </button>
    }
    .whole()
}

fn line(console: Console, task: Arc<Task>) -> AnyView {
    let at = task.closed_at.unwrap_or(task.created_at);
    let chosen = task.clone();
    let units: Vec<String> = task.assignments.iter().map(|held| held.unit_id.to_string()).collect();
    view! {
        <li>
            <button type="button" class="task-row past" on:click=move |_| console.look_at_task(&chosen)>
                {task_mark(&task)}
                <span class="task-title"><b>{words::title(&task)}</b></span>
                <span class="task-age" title=move || console.wall.get().exact(at)>
                    {text(move || ago(console.now.get().ms_since(at)))}
                </span>
                <span class="task-place">{words::place(&task.place)}</span>
                <span class="task-who">{if units.is_empty() { words::state(&task).to_string() } else { units.join(", ") }}</span>
            </button>
        </li>
    }
    .whole()
}

fn read(console: Console, past: Past, more: bool) {
    let (orders, scope) = (past.orders.get_untracked(), console.scope.get_untracked());
    let typed = past.typed.get_untracked();
    spawn_local(async move {
        let cursor = past.next.get_value().filter(|_| more);
        let answer = dispatch::past_tasks(orders, scope, &typed, cursor.as_deref()).await;
        let is_asked = past.list.try_read_untracked().is_some()
            && past.orders.get_untracked() == orders
            && past.typed.get_untracked() == typed
            && console.scope.get_untracked() == scope;
        if !is_asked {
            return;
        }
        match answer {
            Ok(page) => {
                past.list.update(|list| {
                    if !more {
                        list.clear();
                    }
                    list.extend(page.items.into_iter().map(Arc::new));
                });
                past.reading.set(Reading::Done { more: page.next.is_some() });
                past.next.set_value(page.next);
            }
            Err(RestError::SignedOut) => console.link.set(Link::SignedOut),
            Err(e) => past.reading.set(Reading::Failed(e.to_string())),
        }
    });
}
