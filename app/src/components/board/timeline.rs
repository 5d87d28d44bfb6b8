//! Who did what to a task, when; and a note to add.

use super::{drawer::OnShow, words};
use crate::{
    components::whole::{IntoWhole, Row, part, rows, text},
    console::Console,
    live::dispatch,
};
use leptos::{html, prelude::*};
use sentinel_model::{
    alerts::NOTE_MAX,
    dispatch::{Entry, EntryKind},
};

pub fn timeline(on_show: OnShow) -> AnyView {
    let console = Console::of_page();
    let entries = on_show.of(|task| task.timeline.clone());
    let may = on_show.of(move |task| console.may_note(task));
    view! {
        <section class="timeline" aria-label="What happened">
            <header class="task-head"><h3>"What happened"</h3></header>
            {part(move || (may.get() == Some(true)).then(|| untrack(|| note(on_show))))}
            <ol class="entries">
                {rows(move || {
                    let row = |(n, entry): (usize, Entry)| Row::new(n.to_string(), move || line(console, entry));
                    let all = entries.get().unwrap_or_default();
                    all.into_iter().enumerate().rev().map(row).collect()
                })}
            </ol>
        </section>
    }
    .whole()
}

fn line(console: Console, entry: Entry) -> AnyView {
    let at = entry.at;
    let class = if matches!(entry.step, EntryKind::Noted(_)) { "entry noted" } else { "entry" };
    let who = entry.by.name.clone();
    let step = entry.step;
    let what = move || words::happened(&step, |scope| console.scope_name(scope));
    let note = entry.note.map(|note| view! { <p class="entry-note">{note}</p> });
    view! {
        <li class=class>
            <time datetime=at.to_string() title=move || console.wall.get().exact(at) tabindex="0">
                {text(move || console.wall.get().clock_short(at))}
            </time>
            <div>
                <p><b>{who}</b> " " <span>{text(what)}</span></p>
                {note}
            </div>
        </li>
    }
    .whole()
}

fn note(on_show: OnShow) -> AnyView {
    let sending = on_show.sending;
    let typed = NodeRef::<html::Input>::new();
    let send = move |e: leptos::ev::SubmitEvent| {
        e.prevent_default();
        let Some(field) = typed.get_untracked().filter(|field| !field.value().trim().is_empty()) else {
            return;
        };
        let (which, said) = (sending.which.get_value(), field.value());
        let asked = async move { dispatch::note(&which, said.trim()).await };
        // What could not be sent stays.
        sending.run(asked, move |_| field.set_value(""), |_| None);
    };
    view! {
        <form class="near-other" on:submit=send>
            <input
                type="text"
                class="text-field"
                aria-label="Add a note"
                placeholder="Add a note"
                autocomplete="off"
                maxlength=NOTE_MAX.to_string()
                node_ref=typed
            />
            <button type="submit" class="button" disabled=sending.busy>"Add"</button>
        </form>
    }
    .whole()
}
