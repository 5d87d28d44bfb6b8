//! The incident or order that is open, at the right of the map.

use super::{assigned, ends, links, nearest, says, send::Sending, task_mark, timeline, words};
use crate::{
    components::{
        board::card::priority_class,
        icon::{Glyph, Icon},
        whole::{IntoWhole, effect, part, text},
    },
    console::{Console, Sheet},
    live::tasks::{TaskRef, priority},
    map_place::with_map,
};
use leptos::prelude::*;
use sentinel_model::{Task, TaskId};
use std::sync::Arc;

pub const TITLE_ID: &str = "task-title";

#[component]
pub fn TaskDrawer() -> impl IntoView {
    let console = Console::of_page();
    let board = console.board;
    let mut was_open = false;
    effect(move || {
        let is_open = board.chosen.read().is_some();
        if was_open && !is_open && board.on.get_untracked() {
            // What had the focus is gone: keyboards go on from the list.
            request_animation_frame(|| {
                if document().active_element().is_none_or(|e| e.tag_name() == "BODY") {
                    super::keys::focus_list();
                }
            });
        }
        was_open = is_open;
    });
    effect(move || {
        // One chosen on a phone is read under the map, not under the list.
        if board.chosen.read().is_some() {
            console.sheet.set(Sheet::Map);
        }
    });
    view! {
        {part(move || {
            board
                .chosen
                .get()
                .map(|which| {
                    let label = format!("{} {}", if which.is_order { "Order" } else { "Incident" }, which.id);
                    view! {
                        <aside class="drawer task-drawer" id="task-drawer" aria-label=label>
                            {part(move || {
                                let which = which.clone();
                                Some(match console.parts() {
                                    Some(parts) => untrack(|| (parts.task_card)(which)),
                                    None => waiting(console, &which.id),
                                })
                            })}
                        </aside>
                    }
                    .whole()
                })
        })}
    }
    .whole()
}

fn waiting(console: Console, id: &TaskId) -> AnyView {
    view! {
        <header class="drawer-head" aria-busy="true">
            <div class="drawer-title"><h2>{id.to_string()}</h2></div>
            {close(console)}
        </header>
    }
    .whole()
}

fn close(console: Console) -> AnyView {
    view! {
        <a
            class="icon-button"
            href=move || console.closed_address()
            aria-label="Close"
            on:click=move |e| {
                e.prevent_default();
                console.select(None);
                super::keys::focus_list();
            }
        >
            <Icon glyph=Glyph::Close/>
        </a>
    }
    .whole()
}

/// The task on show, whatever is known of it by now. Views read parts of it by [`Memo`]s, so
/// that what a person is typing into stays.
#[derive(Clone, Copy)]
pub struct OnShow {
    pub task: Signal<Option<Arc<Task>>>,
    pub sending: Sending,
}

impl OnShow {
    pub fn of<T: PartialEq + Send + Sync + 'static>(
        self,
        read: impl Fn(&Task) -> T + Send + Sync + 'static,
    ) -> Memo<Option<T>> {
        let read: Box<dyn Fn(&Task) -> T + Send + Sync> = Box::new(read);
        Memo::new(move |_| self.task.read().as_ref().map(|task| read(task)))
    }

    pub fn now(self) -> Option<Arc<Task>> {
        self.task.get_untracked()
    }
}

pub fn task_card(which: TaskRef) -> AnyView {
    let console = Console::of_page();
    let board = console.board;
    let id = which.id.clone();
    let task = Signal::derive(move || board.shown.get().filter(|shown| shown.id == id));
    let on_show = OnShow { task, sending: Sending::new(which.clone()) };
    let is_here = Memo::new(move |_| task.read().is_some());
    let missing = move || board.missing.get().filter(|_| !is_here.get());
    let title = {
        let id = which.id.clone();
        move || task.read().as_ref().map_or_else(|| id.to_string(), |task| words::title(task))
    };
    let under = {
        let id = which.id.clone();
        move || {
            let task = task.read();
            let Some(task) = task.as_ref() else { return id.to_string() };
            let priority = (!task.is_order()).then(|| words::priority(priority(task)));
            let place = console.scope_name(task.scope);
            [Some(id.as_str()), priority, Some(&place)].into_iter().flatten().collect::<Vec<_>>().join(" · ")
        }
    };
    let mark = on_show.of(|task| priority_class(priority(task)));
    let again = which.clone();
    view! {
        <header class="drawer-head">
            <span class=move || format!("badge {}", mark.get().unwrap_or_default())>
                {part(move || task.get().map(|task| task_mark(&task)))}
            </span>
            <div class="drawer-title">
                <h2 id=TITLE_ID tabindex="-1">{text(title)}</h2>
                <p class="faint">{text(under)}</p>
            </div>
            {close(console)}
        </header>
        {part(move || is_here.get().then(|| untrack(|| body(on_show))))}
        <div class="empty" hidden=move || missing().is_none()>
            <p class="empty-title">"It cannot be shown"</p>
            <p class="faint">{text(move || missing().unwrap_or_default())}</p>
            <button type="button" class="button" on:click=move |_| console.read_task(again.clone())>
                <Icon glyph=Glyph::Retry/>
                "Try again"
            </button>
        </div>
    }
    .whole()
}

fn body(on_show: OnShow) -> AnyView {
    let console = Console::of_page();
    let steers = on_show.of(move |task| console.may_steer(task) && !task.is_closed());
    let steers = Signal::derive(move || steers.get() == Some(true));
    let has_links = on_show.of(move |task| task.is_order() && console.may_steer(task));
    let state = on_show.of(|task| (words::state(task), priority_class(priority(task)), task.is_closed()));
    let begun = on_show.of(|task| (task.created_at, task.closed_at));
    let age = move || {
        let Some((from, to)) = begun.get() else { return String::new() };
        match to {
            Some(to) => format!("took {}", words::age(to.ms_since(from))),
            None => format!("for {}", words::age(console.now.get().ms_since(from))),
        }
    };
    let exact = move || {
        let (from, to) = begun.get()?;
        let wall = console.wall.get();
        Some(match to {
            Some(to) => format!("from {} to {}", wall.exact(from), wall.exact(to)),
            None => format!("since {}", wall.exact(from)),
        })
    };
    let place = on_show.of(|task| words::place(&task.place));
    let went = on_show.of(words::went);
    let went = move || went.get().unwrap_or_default();
    effect(move || {
        // It is refused once more, here, where what can be done about it is said.
        if let Some(unit) = console.board.refused.get() {
            console.board.refused.set(None);
            on_show.sending.assign(unit, false, None);
        }
    });
    let show = move |_| {
        if let Some(task) = on_show.now() {
            console.sheet.set(Sheet::Map);
            with_map(|m| m.fly_to(task.place.latitude, task.place.longitude, crate::console::CLOSE_ZOOM));
        }
    };
    view! {
        <div class="drawer-body task-body scroll">
            <p class=move || format!("status-line {}", state.get().map_or("", |s| s.1))>
                <b>{text(move || state.get().map(|s| s.0.to_string()).unwrap_or_default())}</b>
                <span>
                    <time title=exact tabindex="0">{text(age)}</time>
                </span>
            </p>
            <p class="faint" hidden=move || went().is_empty()>{text(went)}</p>
            <div class="task-where">
                <p>{text(move || place.get().unwrap_or_default())}</p>
                <button type="button" class="icon-button" aria-label="Show on map" title="Show on map" on:click=show>
                    <Icon glyph=Glyph::Centre/>
                </button>
            </div>
            {says::says(on_show, steers)}
            {assigned::assigned(on_show, steers)}
            {part(move || steers.get().then(|| untrack(|| nearest::nearest(on_show))))}
            {part(move || has_links.get().unwrap_or_default().then(|| untrack(|| links::links(on_show))))}
            {part(move || steers.get().then(|| untrack(|| ends::ends(on_show))))}
            {timeline::timeline(on_show)}
            {nearest::problem(on_show)}
        </div>
    }
    .whole()
}
