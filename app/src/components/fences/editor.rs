//! Drawing and changing a fence: what its form and the map have come to, and what becomes of it.
//!
//! Nothing that was changed is lost by a click elsewhere: whoever goes on is asked first.

use super::{
    fields,
    form::{Field, Form, Refusal},
    handles::{self, OnMap},
    layer::fly_to,
    sketch::{Sketch, Tool},
};
use crate::{
    components::{
        board::keys::focus,
        icon::{Glyph, Icon},
        whole::{IntoWhole, effect, part, text},
    },
    console::Console,
    format::Measure,
    live::{fence_requests, fences::Editing, link::Link, rest::RestError},
};
use leptos::{html, prelude::*, task::spawn_local};
use sentinel_model::geofence::{Geofence, GeofencePatch, Shape};
use std::sync::Arc;
use wasm_bindgen::JsCast;

/// Where to, once it is settled what becomes of the changes.
#[derive(Debug, Clone, PartialEq)]
enum Next {
    Close,
    Edit(Editing),
}

#[derive(Clone, Copy)]
pub struct Editor {
    pub console: Console,
    /// As it was when the form was opened: numbers in it are of this.
    pub measure: Measure,
    pub form: RwSignal<Form>,
    pub sketch: RwSignal<Sketch>,
    pub picked: RwSignal<Option<usize>>,
    pub failed: RwSignal<Option<Refusal>>,
    pub busy: RwSignal<bool>,
    /// The fence as it was when its form was opened; none of a new one.
    before: StoredValue<Option<Arc<Geofence>>>,
    begun: StoredValue<(Form, Option<Shape>)>,
    asking: RwSignal<Option<Next>>,
}

pub fn editor(what: Editing) -> AnyView {
    let console = Console::of_page();
    let measure = console.measure.get_untracked();
    let before = match &what {
        Editing::New => None,
        Editing::Change(id) => console.fences.known.with_value(|known| known.get(id).cloned()),
    };
    let sketch = before.as_ref().map_or_else(|| Sketch::new(Tool::Circle), |fence| Sketch::of(&fence.shape));
    let form = match &before {
        Some(fence) => Form::of(fence, measure),
        None => Form::new(console.scope.get_untracked()),
    };
    if let Some(fence) = &before {
        fly_to(&fence.shape);
    }
    let editor = Editor {
        console,
        measure,
        form: RwSignal::new(form.clone()),
        sketch: RwSignal::new(sketch.clone()),
        picked: RwSignal::new(None),
        failed: RwSignal::new(None),
        busy: RwSignal::new(false),
        before: StoredValue::new(before),
        begun: StoredValue::new((form, sketch.shape())),
        asking: RwSignal::new(None),
    };
    handles::show(
        console,
        OnMap {
            sketch: editor.sketch,
            picked: editor.picked,
            changed: Callback::new(move |()| editor.take_shape()),
        },
    );
    editor.watch();
    let title =
        move || match editor.before.with_value(|before| before.as_ref().map(|fence| fence.name.clone())) {
            Some(name) => format!("Change {name}"),
            None => "New geofence".to_string(),
        };
    view! {
        <header class="drawer-head">
            <div class="drawer-title"><h2>{text(title)}</h2></div>
            <button type="button" class="icon-button" aria-label="Close without saving" on:click=move |_| editor.leave(Next::Close)>
                <Icon glyph=Glyph::Close/>
            </button>
        </header>
        <form
            class="drawer-body task-form new-form fence-form scroll"
            // What is wrong is said here, in the page's own words.
            novalidate
            on:submit=move |e| {
                e.prevent_default();
                editor.save();
            }
            on:keydown=move |e| {
                if e.key() == "Escape" {
                    e.stop_propagation();
                    editor.escape();
                }
            }
        >
            {fields::fields(editor)}
            {editor.meanwhile()}
            {editor.question()}
            <div class="task-actions fence-ends" hidden=move || editor.asking.read().is_some()>
                <button type="button" class="button" disabled=editor.busy on:click=move |_| editor.close()>"Discard"</button>
                <button type="submit" class="button primary" disabled=editor.busy>
                    <Icon glyph=Glyph::Done/>
                    "Save"
                </button>
            </div>
        </form>
    }
    .whole()
}

impl Editor {
    /// The map has changed the shape: the fields say the same.
    pub fn take_shape(self) {
        let sketch = self.sketch.get_untracked();
        self.form.update(|form| form.take_shape(&sketch, self.measure));
        self.failed.set(None);
    }

    /// What is wrong with a field.
    pub fn wrong(self, field: Field) -> Option<String> {
        self.failed.read().as_ref().filter(|(of, _)| *of == field).map(|(_, why)| why.clone())
    }

    fn is_dirty(self) -> bool {
        let shape = self.sketch.with_untracked(|sketch| (sketch.shape(), sketch.is_empty()));
        let form = self.form.get_untracked();
        self.begun.with_value(|(begun, held)| match shape {
            (None, true) if held.is_none() => *begun != form,
            (shape, _) => shape != *held || *begun != form,
        })
    }

    fn close(self) {
        self.console.fences.wanted.set(None);
        self.console.fences.editing.set(None);
    }

    fn leave(self, next: Next) {
        if self.busy.get_untracked() {
            return;
        }
        if self.is_dirty() {
            return self.asking.set(Some(next));
        }
        self.go(next);
    }

    fn go(self, next: Next) {
        match next {
            Next::Close => self.close(),
            Next::Edit(what) => self.console.fences.editing.set(Some(what)),
        }
    }

    /// One step out: of the question, of what is being drawn, of the form.
    fn escape(self) {
        let draws = self.sketch.with_untracked(|sketch| sketch.is_drawing() && !sketch.is_empty());
        if self.asking.with_untracked(Option::is_some) {
            self.asking.set(None);
        } else if draws {
            self.sketch.update(Sketch::cancel);
            self.take_shape();
        } else {
            self.leave(Next::Close);
        }
    }

    /// Everything outside the form that concerns it.
    fn watch(self) {
        let (console, fences) = (self.console, self.console.fences);
        effect(move || {
            let is_same = *fences.wanted.read() == *fences.editing.read_untracked()
                && fences.editing.with_untracked(|what| *what != Some(Editing::New));
            if let Some(what) = fences.wanted.get() {
                fences.wanted.set(None);
                if !is_same {
                    self.leave(Next::Edit(what));
                }
            }
        });
        let mut stood = None;
        effect(move || {
            let now = (console.selected.get(), console.board.chosen.get(), fences.chosen.get());
            if stood.replace(now.clone()).is_some_and(|before| before != now) {
                untrack(|| self.leave(Next::Close));
            }
        });
        let mut escaped = None;
        effect(move || {
            let now = fences.escaped.get();
            if escaped.replace(now).is_some_and(|before| before != now) {
                untrack(|| self.escape());
            }
        });
        effect(move || {
            let keys = window_event_listener(leptos::ev::keydown, move |e| self.key(&e));
            let unload = window_event_listener_untyped("beforeunload", move |e| {
                if self.is_dirty() {
                    e.prevent_default();
                }
            });
            on_cleanup(move || {
                keys.remove();
                unload.remove();
            });
        });
    }

    /// Keys while drawing, from the map or from nowhere.
    fn key(self, e: &web_sys::KeyboardEvent) {
        let target = e.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let is_map =
            target.is_none_or(|t| t.tag_name() == "BODY" || t.closest(".map").ok().flatten().is_some());
        let is_free = !self.console.palette_open.get_untracked()
            && self.console.board.draft.with_untracked(Option::is_none);
        if !is_map || !is_free || self.asking.with_untracked(Option::is_some) {
            return;
        }
        match e.key().as_str() {
            "Enter" => self.sketch.update(Sketch::close),
            "Backspace" => self.sketch.update(Sketch::back),
            "Delete" => return self.remove_picked(),
            _ => return,
        }
        e.prevent_default();
        self.take_shape();
    }

    pub fn remove_picked(self) {
        if let Some(point) = self.picked.get_untracked() {
            self.picked.set(None);
            self.sketch.update(|sketch| sketch.remove(point));
            self.take_shape();
        }
    }

    fn refuse(self, field: Field, why: String) {
        // The form may be closed by now.
        self.failed.try_set(Some((field, why)));
        request_animation_frame(move || focus(fields::id(field)));
    }

    fn save(self) {
        if self.busy.get_untracked() {
            return;
        }
        let before = self.before.get_value();
        let read = self.sketch.with_untracked(|sketch| {
            self.form.with_untracked(|form| form.read(sketch, self.measure, before.as_deref()))
        });
        let said = match read {
            Ok(said) => said,
            Err((field, why)) => return self.refuse(field, why),
        };
        let console = self.console;
        let is_there =
            |fence: &Arc<Geofence>| console.fences.known.with_value(|known| known.get(&fence.id).is_some());
        let held = before.filter(is_there);
        let verb = if held.is_some() { "Saved" } else { "Made" };
        let patch = held.as_ref().map(|held| said.clone().changes(held));
        if patch == Some(GeofencePatch::default()) {
            return self.close();
        }
        self.busy.set(true);
        self.failed.set(None);
        spawn_local(async move {
            let answer = match (&held, patch) {
                (Some(held), Some(patch)) => fence_requests::change(&held.id, &patch).await,
                _ => fence_requests::make(&said.new_fence()).await,
            };
            self.busy.try_set(false);
            match answer {
                Ok(fence) => {
                    let (id, name) = (fence.id.clone(), fence.name.clone());
                    console.fences.hear(&id, Some(Arc::new(fence)));
                    self.close();
                    console.open_fence(&id);
                    console.tell(format!("{verb}: {name}."));
                }
                Err(RestError::SignedOut) => console.link.set(Link::SignedOut),
                Err(RestError::Refused { code, message }) if code == "forbidden" => {
                    self.refuse(Field::Scope, message)
                }
                Err(e) => self.refuse(Field::Whole, format!("Not saved. {e}")),
            }
        });
    }

    /// Somebody else changed or deleted it while this form was open.
    fn meanwhile(self) -> AnyView {
        let fences = self.console.fences;
        let before = self.before;
        let now = Memo::new(move |_| {
            let held = before.get_value()?;
            let now = fences.get(&held.id);
            (now.as_deref() != Some(&*held)).then(|| now.is_some())
        });
        let words = move || match now.get() {
            Some(true) => "Somebody else changed it meanwhile. Saving sends only what you changed here.",
            Some(false) => "Somebody else deleted it meanwhile. Saving makes it anew.",
            None => "",
        };
        let take = move |_| {
            let held = before
                .get_value()
                .and_then(|held| fences.known.with_value(|known| known.get(&held.id).cloned()));
            if let Some(held) = held {
                let form = Form::of(&held, self.measure);
                self.begun.set_value((form.clone(), Some(held.shape.clone())));
                self.sketch.set(Sketch::of(&held.shape));
                self.form.set(form);
                before.set_value(Some(held));
                fences.changed();
            }
        };
        view! {
            <div class="fence-note" role="status" hidden=move || now.get().is_none() || self.busy.get()>
                <span>{text(move || words().to_string())}</span>
                <button type="button" class="text-button" hidden=move || now.get() != Some(true) on:click=take>"Take theirs"</button>
            </div>
        }
        .whole()
    }

    /// What becomes of the changes?
    fn question(self) -> AnyView {
        let keep = NodeRef::<html::Button>::new();
        effect(move || {
            if let Some(keep) = keep.get() {
                let _ = keep.focus();
            }
        });
        let ask = move || {
            self.asking.get().map(|next| {
                view! {
                    <div class="task-problem fence-ask" role="alertdialog" aria-label="Unsaved changes">
                        <p>"What you changed here is not saved."</p>
                        <div class="task-actions">
                            <button type="button" class="button" node_ref=keep on:click=move |_| self.asking.set(None)>"Keep editing"</button>
                            <button
                                type="button"
                                class="button danger"
                                on:click=move |_| {
                                    self.asking.set(None);
                                    self.go(next.clone());
                                }
                            >
                                "Discard it"
                            </button>
                        </div>
                    </div>
                }
                .whole()
            })
        };
        view! { {part(ask)} }.whole()
    }
}
