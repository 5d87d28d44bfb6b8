//! The open incidents and orders: filtered, searched, by keys and by hand; and the way to the past.

use super::{card::Card, keys::LIST_ID, mark, past::past, words};
use crate::{
    components::{
        icon::{Glyph, Icon},
        tabs::tab,
        whole::{IntoWhole, Row, effect, part, rows, text},
    },
    console::Console,
    live::alerts::Reading,
    platform::lowercase,
};
use leptos::prelude::*;
use sentinel_model::{
    Task,
    dispatch::{Priority, TaskState},
};
use std::sync::Arc;

/// Rows at once; a longer list is searched.
const MOST: usize = 200;

/// What is looked for among the open ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Wanted {
    state: Option<TaskState>,
    high: bool,
    mine: bool,
}

fn keeps(wanted: Wanted, words: &str, me: &str, task: &Task) -> bool {
    let is_mine = || task.timeline.iter().any(|entry| entry.by.by == me);
    let says = || {
        let units: Vec<&str> = task.active().map(|held| held.unit_id.as_str()).collect();
        let place = words::place(&task.place);
        let text = format!("{} {} {place} {} {}", task.id, words::title(task), task.notes, units.join(" "));
        let text = lowercase(&text);
        lowercase(words).split_whitespace().all(|word| text.contains(word))
    };
    wanted.state.is_none_or(|state| state == task.state)
        && (!wanted.high || crate::live::tasks::priority(task) == Priority::High)
        && (!wanted.mine || is_mine())
        && says()
}

pub fn board_body() -> AnyView {
    let console = Console::of_page();
    super::drag::listen(console);
    let in_past = RwSignal::new(false);
    let typed = RwSignal::new(String::new());
    view! {
        <div class="board-tools">
            <div class="segments" role="group" aria-label="Which incidents">{tab(in_past, false, "Open")} {tab(in_past, true, "Past")}</div>
            <div class="search-field">
                <Icon glyph=Glyph::Search/>
                <input
                    type="search"
                    placeholder="Search"
                    aria-label="Search incidents"
                    autocomplete="off"
                    spellcheck="false"
                    prop:value=typed
                    on:input=move |e| typed.set(event_target_value(&e))
                />
            </div>
        </div>
        {part(move || Some(if in_past.get() { past(typed) } else { open_ones(typed) }))}
    }
    .whole()
}

fn open_ones(typed: RwSignal<String>) -> AnyView {
    let console = Console::of_page();
    let board = console.board;
    let wanted = RwSignal::new(Wanted::default());
    let me = console.viewer.with_value(|v| format!("user:{}", v.username));
    let matching = Memo::new(move |_| {
        let (wanted, typed) = (wanted.get(), typed.get());
        let all = board.with(|tasks| tasks.all());
        Matching(all.into_iter().filter(|task| keeps(wanted, &typed, &me, task)).collect())
    });
    let active = RwSignal::new(None::<String>);
    let at = move || {
        let active = active.get_untracked();
        matching
            .with_untracked(|all| all.0.iter().position(|task| Some(task.id.as_str()) == active.as_deref()))
    };
    let on_key = move |e: leptos::ev::KeyboardEvent| {
        let total = matching.with_untracked(|all| all.0.len().min(MOST));
        if total == 0 {
            return;
        }
        let to = match e.key().as_str() {
            "ArrowDown" => at().map_or(0, |i| (i + 1).min(total - 1)),
            "ArrowUp" => at().map_or(0, |i| i.saturating_sub(1)),
            "Home" => 0,
            "End" => total - 1,
            "Enter" | " " => {
                e.prevent_default();
                let task = at().and_then(|i| matching.with_untracked(|all| all.0.get(i).cloned()));
                if let Some(task) = task {
                    console.look_at_task(&task);
                    request_animation_frame(|| super::keys::focus(super::drawer::TITLE_ID));
                }
                return;
            }
            _ => return,
        };
        e.prevent_default();
        let id = matching.with_untracked(|all| all.0.get(to).map(|task| task.id.to_string()));
        if let Some(row) = id.as_ref().and_then(|id| document().get_element_by_id(&format!("task-{id}"))) {
            reveal(&row);
        }
        active.set(id);
    };
    // One that is opened on the map is shown in the list too.
    effect(move || {
        if let Some(chosen) = board.chosen.get() {
            active.set(Some(chosen.id.to_string()));
        }
    });
    // Who asked for the list before it was read is put where it begins.
    effect(move || {
        fn waits() -> bool {
            document().active_element().is_some_and(|e| e.id() == "board")
        }
        if matching.with(|all| !all.0.is_empty()) && waits() {
            request_animation_frame(|| {
                if waits() {
                    super::keys::focus(LIST_ID);
                }
            });
        }
    });
    let more = move || matching.with(|all| all.0.len().saturating_sub(MOST));
    view! {
        {filters(wanted)}
        <div
            class="task-list scroll"
            id=LIST_ID
            role="listbox"
            aria-label="Open incidents"
            tabindex="0"
            hidden=move || matching.with(|all| all.0.is_empty())
            aria-activedescendant=move || active.get().map(|id| format!("task-{id}"))
            on:keydown=on_key
            on:focus=move |_| {
                if at().is_none() {
                    active.set(matching.with_untracked(|all| all.0.first().map(|task| task.id.to_string())));
                }
            }
        >
            {rows(move || {
                let row = |task: Arc<Task>| {
                    let key = format!("{} {}", task.id, task.timeline.len());
                    Row::new(key, move || view! { <Card task active/> }.into_any())
                };
                matching.get().0.into_iter().take(MOST).map(row).collect()
            })}
        </div>
        <p class="faint board-more" hidden=move || more() == 0>{text(move || format!("and {} more: search for them", more()))}</p>
        <Empty matching wanted typed/>
    }
    .whole()
}

/// Scrolls the list no further than it takes to see a row.
fn reveal(row: &web_sys::Element) {
    let Some(list) = row.parent_element() else { return };
    let (row, seen) = (row.get_bounding_client_rect(), list.get_bounding_client_rect());
    let up = seen.top() - row.top();
    let down = row.bottom() - seen.bottom();
    if up > 0.0 {
        list.set_scroll_top(list.scroll_top() - up.ceil() as i32);
    } else if down > 0.0 {
        list.set_scroll_top(list.scroll_top() + down.ceil() as i32);
    }
}

/// Compared by what rows show.
#[derive(Clone)]
struct Matching(Vec<Arc<Task>>);

impl PartialEq for Matching {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

fn filters(wanted: RwSignal<Wanted>) -> AnyView {
    let console = Console::of_page();
    let board = console.board;
    let state = move |state: TaskState| {
        let n = move || board.with(|tasks| tasks.iter().filter(|task| task.state == state).count());
        view! {
            <button
                type="button"
                class="filter"
                title=words::state_word(state)
                aria-label=move || format!("{}: {}", words::state_word(state), n())
                aria-pressed=move || (wanted.get().state == Some(state)).to_string()
                on:click=move |_| {
                    wanted.update(|w| w.state = if w.state == Some(state) { None } else { Some(state) });
                }
            >
                {mark(false, state, Priority::Normal)}
                {text(move || n().to_string())}
            </button>
        }
        .whole()
    };
    view! {
        <div class="filters" role="group" aria-label="Show incidents">
            {state(TaskState::Open)} {state(TaskState::Assigned)} {state(TaskState::OnScene)}
            <button
                type="button"
                class="filter"
                aria-pressed=move || wanted.get().high.to_string()
                on:click=move |_| wanted.update(|w| w.high = !w.high)
            >
                "High"
            </button>
            <button
                type="button"
                class="filter"
                title="Only those that I have had a hand in"
                aria-pressed=move || wanted.get().mine.to_string()
                on:click=move |_| wanted.update(|w| w.mine = !w.mine)
            >
                "Mine"
            </button>
        </div>
    }
    .whole()
}

/// Why nothing is listed, and what to do about it.
#[component]
fn Empty(matching: Memo<Matching>, wanted: RwSignal<Wanted>, typed: RwSignal<String>) -> impl IntoView {
    let console = Console::of_page();
    let board = console.board;
    let all = move || board.with(|tasks| tasks.counts().0);
    let failed = move || match board.reading.get() {
        Reading::Failed(why) => Some(why),
        _ => None,
    };
    let what = move || {
        let place = console.scope_name(console.scope.get());
        if !matching.with(|m| m.0.is_empty()) || failed().is_some() {
            None
        } else if *board.reading.read() == Reading::First {
            Some(("Reading…", "The open incidents come with the connection.".to_string()))
        } else if all() > 0 {
            Some(("None is like that", "Change the search, or show all of them.".into()))
        } else if console.may_dispatch() {
            Some(("Nothing to attend to", format!("No incident of {place} is open. N begins one.")))
        } else {
            Some(("Nothing to attend to", format!("No incident of {place} is open.")))
        }
    };
    let is_narrowed = move || wanted.get() != Wanted::default() || !typed.read().is_empty();
    view! {
        <div class="empty" hidden=move || what().is_none()>
            <p class="empty-title">{text(move || what().map(|w| w.0).unwrap_or_default().to_string())}</p>
            <p class="faint">{text(move || what().map(|w| w.1).unwrap_or_default())}</p>
            <button
                type="button"
                class="text-button"
                hidden=move || !is_narrowed() || all() == 0
                on:click=move |_| {
                    wanted.set(Wanted::default());
                    typed.set(String::new());
                }
            >
                "Show all"
            </button>
        </div>
        <div class="alerts-failed board-failed" role="status" hidden=move || failed().is_none()>
            <p>"The incidents cannot be read now. " {text(move || failed().unwrap_or_default())}</p>
            <button type="button" class="button" on:click=move |_| console.read_tasks()>
                <Icon glyph=Glyph::Retry/>
                "Try again"
            </button>
        </div>
    }
    .whole()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tasks::tests::task;

    #[test]
    fn what_is_looked_for_is_found_by_any_of_its_words() {
        let made = task("inc-7", Priority::High, 1);
        let all = Wanted::default();
        for (words, found) in [("", true), ("acc 76.30", true), ("INC-7", true), ("fire", false)] {
            assert_eq!(keeps(all, words, "user:me", &made), found, "{words}");
        }
        assert!(keeps(Wanted { mine: true, ..all }, "", "user:d", &made));
        assert!(!keeps(Wanted { mine: true, ..all }, "", "user:me", &made));
        assert!(!keeps(Wanted { state: Some(TaskState::OnScene), ..all }, "", "user:me", &made));
    }
}
