//! Handing a task over, closing and cancelling it. Each asks once more.

use super::drawer::OnShow;
use crate::{
    components::whole::{IntoWhole, effect, part},
    console::Console,
    live::dispatch,
};
use leptos::{html, prelude::*};
use sentinel_model::{Scope, alerts::NOTE_MAX, dispatch::Outcome};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    Close(Outcome),
    HandOver,
}

pub fn ends(on_show: OnShow) -> AnyView {
    let asking = RwSignal::new(None::<Asking>);
    let button = move |what: Asking, word: &'static str, class: &'static str| {
        view! { <button type="button" class=class on:click=move |_| asking.set(Some(what))>{word}</button> }
    };
    view! {
        <section class="ends" aria-label="Close or hand over">
            <div class="task-actions" hidden=move || asking.read().is_some()>
                {button(Asking::Close(Outcome::Done), "Close", "button")}
                {button(Asking::HandOver, "Hand over", "button")}
                {button(Asking::Close(Outcome::Cancelled), "Cancel it", "button")}
            </div>
            {part(move || {
                asking
                    .get()
                    .map(|what| untrack(|| match what {
                        Asking::Close(outcome) => close(on_show, asking, outcome),
                        Asking::HandOver => hand_over(on_show, asking),
                    }))
            })}
        </section>
    }
    .whole()
}

fn close(on_show: OnShow, asking: RwSignal<Option<Asking>>, outcome: Outcome) -> AnyView {
    let (console, sending) = (Console::of_page(), on_show.sending);
    let note = NodeRef::<html::Input>::new();
    effect(move || {
        if let Some(note) = note.get() {
            let _ = note.focus();
        }
    });
    let (what, word) = match outcome {
        Outcome::Done => ("Close it? Units that are on it are free again.", "Close it"),
        Outcome::Cancelled => ("Cancel it? Units that are on it are stood down.", "Cancel it"),
    };
    let send = move |e: leptos::ev::SubmitEvent| {
        e.prevent_default();
        let which = sending.which.get_value();
        let said = note.get_untracked().map(|note| note.value()).unwrap_or_default();
        let asked = async move { dispatch::close(&which, outcome, &said).await };
        let done = move |_: &_| {
            console.tell(if outcome == Outcome::Done { "Closed." } else { "Cancelled." });
            super::keys::focus(super::drawer::TITLE_ID);
        };
        sending.run(asked, done, |_| None);
    };
    view! {
        <form class="task-form asked" on:submit=send on:keydown=move |e| shut(&e, asking)>
            <p>{what}</p>
            <input
                type="text"
                class="text-field"
                aria-label="Note (optional)"
                placeholder="Note (optional)"
                autocomplete="off"
                maxlength=NOTE_MAX.to_string()
                node_ref=note
            />
            <div class="task-actions">
                <button type="button" class="button" on:click=move |_| asking.set(None)>"Keep it open"</button>
                <button type="submit" class="button primary" disabled=sending.busy>{word}</button>
            </div>
        </form>
    }
    .whole()
}

fn hand_over(on_show: OnShow, asking: RwSignal<Option<Asking>>) -> AnyView {
    let console = Console::of_page();
    let sending = on_show.sending;
    let to = NodeRef::<html::Select>::new();
    effect(move || {
        if let Some(to) = to.get() {
            let _ = to.focus();
        }
    });
    let own = on_show.now().map(|task| task.scope);
    let send = move |e: leptos::ev::SubmitEvent| {
        e.prevent_default();
        let chosen = to.get_untracked().and_then(|to| to.value().parse::<Scope>().ok());
        let Some(scope) = chosen else { return };
        let which = sending.which.get_value();
        let name = untrack(|| console.scope_name(scope));
        let asked = async move { dispatch::hand_over(&which, scope).await };
        let done = move |_: &_| {
            asking.try_set(None);
            console.tell(format!("Handed over to {name}."));
        };
        sending.run(asked, done, |_| None);
    };
    view! {
        <form class="task-form asked" on:submit=send on:keydown=move |e| shut(&e, asking)>
            <label>
                <span>"Hand it over to"</span>
                <select class="text-field" node_ref=to>{scopes(console, own)}</select>
            </label>
            <div class="task-actions">
                <button type="button" class="button" on:click=move |_| asking.set(None)>"Keep it"</button>
                <button type="submit" class="button primary" disabled=sending.busy>"Hand over"</button>
            </div>
        </form>
    }
    .whole()
}

/// Every scope of the viewer but one, those in others behind them.
pub fn scopes(console: Console, but: Option<Scope>) -> AnyView {
    let depth = |scope: Scope| untrack(|| console.lineage(scope)).len().saturating_sub(1);
    let scopes = console.scopes.get_untracked();
    let mut ordered = Vec::new();
    let mut stack: Vec<_> = scopes.iter().rev().filter(|node| node.parent.is_none()).collect();
    while let Some(node) = stack.pop() {
        ordered.push(node);
        stack.extend(scopes.iter().rev().filter(|child| child.parent == Some(node.scope)));
    }
    let option = |node: &sentinel_model::scope::ScopeNode| {
        let indent = "\u{2003}".repeat(depth(node.scope));
        view! { <option value=node.scope.to_string()>{format!("{indent}{}", node.name)}</option> }
    };
    ordered.into_iter().filter(|node| Some(node.scope) != but).map(option).collect_view().whole()
}

fn shut(e: &leptos::ev::KeyboardEvent, asking: RwSignal<Option<Asking>>) {
    if e.key() == "Escape" {
        e.stop_propagation();
        asking.set(None);
    }
}
