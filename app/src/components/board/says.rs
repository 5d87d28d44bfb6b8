//! What is said of a task: its notes, and the form that changes them.

use super::{drawer::OnShow, place::place_field, send::Problem, words};
use crate::{
    components::whole::{IntoWhole, effect, part, text},
    console::Console,
    format::{coordinates, read_place},
    live::dispatch::{self, Fields},
};
use leptos::{html, prelude::*};
use sentinel_model::{
    Task,
    dispatch::{ADDRESS_MAX, CUSTOMER_MAX, KIND_MAX, NOTES_MAX, Priority, What},
};

pub fn says(on_show: OnShow, steers: Signal<bool>) -> AnyView {
    let editing = RwSignal::new(false);
    let notes = on_show.of(|task| task.notes.clone());
    let said = move || notes.get().unwrap_or_default();
    let pickup = on_show.of(|task| match &task.what {
        What::Order(order) => {
            order.pickup.as_ref().map(|place| format!("Fetched at {}", words::place(place)))
        }
        What::Incident(_) => None,
    });
    let pickup = move || pickup.get().flatten();
    effect(move || {
        if !steers.get() {
            editing.set(false);
        }
    });
    view! {
        <section class="says" aria-label="What is known">
            <p class="faint" hidden=move || pickup().is_none()>{text(move || pickup().unwrap_or_default())}</p>
            <p class="task-notes" hidden=move || editing.get() || said().is_empty()>{text(said)}</p>
            {priorities(on_show, steers)}
            <button
                type="button"
                class="text-button says-edit"
                hidden=move || !steers.get() || editing.get()
                on:click=move |_| editing.set(true)
            >
                "Change what is said"
            </button>
            {part(move || editing.get().then(|| untrack(|| edit(on_show, editing))))}
        </section>
    }
    .whole()
}

/// How pressing an incident is, one click from another.
fn priorities(on_show: OnShow, steers: Signal<bool>) -> AnyView {
    let sending = on_show.sending;
    let now = on_show.of(|task| match &task.what {
        What::Incident(incident) => Some(incident.priority),
        What::Order(_) => None,
    });
    let now = move || now.get().flatten();
    let one = move |priority: Priority| {
        let which = sending.which.get_value();
        view! {
            <button
                type="button"
                class="segment"
                aria-pressed=move || (now() == Some(priority)).to_string()
                on:click=move |_| {
                    let which = which.clone();
                    if now() != Some(priority) {
                        let asked = async move { dispatch::edit(&which, dispatch::priority_field(priority)).await };
                        sending.run(asked, |_| (), |_| None);
                    }
                }
            >
                {words::priority(priority)}
            </button>
        }
    };
    view! {
        <div class="segments" role="group" aria-label="Priority" hidden=move || now().is_none() || !steers.get()>
            {Priority::ALL.map(one).collect_view()}
        </div>
    }
    .whole()
}

/// What of a task can be written anew, beside its place and notes: its kind or customer, and how
/// long that can be.
fn fields_of(task: &Task) -> (&'static str, &'static str, String, usize) {
    match &task.what {
        What::Incident(incident) => ("kind", "Kind", incident.kind.clone(), KIND_MAX),
        What::Order(order) => {
            ("customer", "Customer", order.customer.clone().unwrap_or_default(), CUSTOMER_MAX)
        }
    }
}

fn edit(on_show: OnShow, editing: RwSignal<bool>) -> AnyView {
    let sending = on_show.sending;
    let Some(task) = on_show.now() else { return ().into_any() };
    let moving = Console::of_page().board.moving;
    let (name, label, named, most) = fields_of(&task);
    let first = named.clone();
    let place = task.place.clone();
    let here = coordinates(place.latitude, place.longitude);
    let typed = RwSignal::new(here.clone());
    // From now on a click on the map moves it.
    moving.set(Some((place.latitude, place.longitude)));
    on_cleanup(move || moving.set(None));
    let (kind, address) = (NodeRef::<html::Input>::new(), NodeRef::<html::Input>::new());
    let notes = NodeRef::<html::Textarea>::new();
    effect(move || {
        if let Some(notes) = notes.get() {
            let _ = notes.focus();
        }
    });
    let before = task.clone();
    let save = move || {
        let (Some(kind), Some(address), Some(notes)) =
            (kind.get_untracked(), address.get_untracked(), notes.get_untracked())
        else {
            return;
        };
        let mut fields = Fields::none();
        if kind.value().trim() != named {
            fields = fields.with(name, kind.value());
        }
        if notes.value().trim() != before.notes {
            fields = fields.with("notes", notes.value());
        }
        // As it was written it is a little beside where it is.
        let is_here = typed.read_untracked().trim() == here;
        let stays = Some((place.latitude, place.longitude)).filter(|_| is_here);
        let Some((lat, lon)) = stays.or_else(|| read_place(&typed.read_untracked())) else {
            let why = "Where is it? Click the map, or write the coordinates.".into();
            return sending.problem.set(Some(Problem { why, remedy: None }));
        };
        if !is_here || address.value().trim() != before.place.text.as_deref().unwrap_or_default() {
            fields = fields.with("place", place_of(lat, lon, &address.value()));
        }
        let which = sending.which.get_value();
        let asked = async move { dispatch::edit(&which, fields).await };
        sending.run(
            asked,
            move |_| {
                editing.try_set(false);
            },
            |_| None,
        );
    };
    let (by_key, by_button) = (save.clone(), save);
    let put = move |written: Option<_>| {
        if written.is_some() {
            moving.set(written);
        }
    };
    view! {
        <form
            class="task-form"
            on:submit=move |e| {
                e.prevent_default();
                by_button();
            }
            on:keydown=move |e| {
                if e.key() == "Escape" {
                    e.stop_propagation();
                    editing.set(false);
                } else if e.key() == "Enter" && (e.ctrl_key() || e.meta_key()) {
                    by_key();
                }
            }
        >
            <label>
                <span>{label}</span>
                <input type="text" class="text-field" autocomplete="off" maxlength=most.to_string() value=first node_ref=kind/>
            </label>
            {place_field(typed, move || moving.get(), put)}
            <label>
                <span>"Address"</span>
                <input
                    type="text"
                    class="text-field"
                    autocomplete="off"
                    maxlength=ADDRESS_MAX.to_string()
                    value=task.place.text.clone().unwrap_or_default()
                    node_ref=address
                />
            </label>
            <label>
                <span>"Notes"</span>
                <textarea class="text-field" rows="4" maxlength=NOTES_MAX.to_string() node_ref=notes prop:value=task.notes.clone()></textarea>
            </label>
            <div class="task-actions">
                <button type="button" class="button" on:click=move |_| editing.set(false)>"Cancel"</button>
                <button type="submit" class="button primary" disabled=sending.busy>"Save"</button>
            </div>
        </form>
    }
    .whole()
}

fn place_of(lat: f64, lon: f64, address: &str) -> js_sys::Object {
    let place = Fields::none().with("latitude", lat).with("longitude", lon);
    place.with_text("text", address).object()
}
