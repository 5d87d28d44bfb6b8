//! The fence that is open, at the right of the map: what it tells of, and what may be done with it.

use super::{layer::fly_to, words};
use crate::{
    components::{
        icon::{Glyph, Icon},
        whole::{IntoWhole, effect, part, text},
    },
    console::{Console, Sheet},
    format::ago,
    live::{fence_requests, fences::Editing, link::Link, rest::RestError},
};
use leptos::{html, prelude::*, task::spawn_local};
use sentinel_model::geofence::Geofence;
use std::sync::Arc;

const TITLE_ID: &str = "fence-title";

pub fn card(id: String) -> AnyView {
    let console = Console::of_page();
    let fences = console.fences;
    let missing = RwSignal::new(None::<String>);
    let (of, sought) = (id.clone(), id.clone());
    let fence = Memo::new(move |_| Held(fences.get(&of)));
    let is_known = Memo::new(move |_| fence.with(|held| held.0.is_some()));
    let mut was_known = false;
    effect(move || {
        // A link may name one that does not concern the scope on show, or that is gone.
        fences.reading.track();
        was_known |= is_known.get();
        if was_known && !is_known.get() {
            return missing.set(Some("It was deleted, or does not concern the area on show.".into()));
        }
        if is_known.get() || *fences.reading.read_untracked() == crate::live::alerts::Reading::First {
            return missing.set(None);
        }
        let id = sought.clone();
        spawn_local(async move {
            match fence_requests::fence(&id).await {
                Ok(found) => fences.hear(&id, Some(Arc::new(found))),
                Err(RestError::SignedOut) => console.link.set(Link::SignedOut),
                Err(RestError::Refused { .. }) => {
                    missing.try_set(Some("It was deleted, or does not concern what you may see.".into()));
                }
                Err(e) => {
                    missing.try_set(Some(e.to_string()));
                }
            }
        });
    });
    let title = move || fence.with(|held| held.0.as_ref().map_or("Geofence".to_string(), |f| f.name.clone()));
    let under = move || {
        let scope = fence.with(|held| held.0.as_ref().map(|fence| fence.scope));
        scope.map(|scope| format!("Geofence of {}", console.scope_label(scope))).unwrap_or_default()
    };
    let close = move |e: leptos::ev::MouseEvent| {
        e.prevent_default();
        console.select(None);
    };
    view! {
        <header class="drawer-head">
            <span class="badge fence-badge"><Icon glyph=Glyph::Fence/></span>
            <div class="drawer-title">
                <h2 id=TITLE_ID tabindex="-1">{text(title)}</h2>
                <p class="faint">{text(under)}</p>
            </div>
            <a class="icon-button" href=move || console.closed_address() aria-label="Close" on:click=close>
                <Icon glyph=Glyph::Close/>
            </a>
        </header>
        {part(move || fence.get().0.map(|fence| untrack(|| body(console, fence))))}
        <div class="empty" hidden=move || is_known.get() || missing.read().is_none()>
            <p class="empty-title">"It cannot be shown"</p>
            <p class="faint">{text(move || missing.get().unwrap_or_default())}</p>
        </div>
    }
    .whole()
}

/// Compared by what was told last.
#[derive(Clone)]
struct Held(Option<Arc<Geofence>>);

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

fn body(console: Console, fence: Arc<Geofence>) -> AnyView {
    let (shape, sized, told) = (fence.shape.clone(), fence.shape.clone(), fence.clone());
    let tells = move || {
        let told = words::tells(&told.on, console.measure.get());
        let item = |what: String| view! { <li>"A unit " {what}</li> };
        match told.is_empty() {
            true => view! { <p class="faint">"Nothing: no alert comes of it."</p> }.whole(),
            false => {
                view! { <ul class="fence-rules">{told.into_iter().map(item).collect_view()}</ul> }.whole()
            }
        }
    };
    let off = (!fence.enabled).then(
        || view! { <p class="fence-note">"Switched off: nothing is told until it is switched on."</p> },
    );
    let updated = fence.updated_at;
    let may = untrack(|| console.may_keep_fences_of(fence.scope));
    view! {
        <div class="drawer-body task-body scroll">
            <div class="task-where">
                <p>{text(move || words::size(&sized, console.measure.get()))}</p>
                <button
                    type="button"
                    class="icon-button"
                    aria-label="Show on map"
                    title="Show on map"
                    on:click=move |_| {
                        console.sheet.set(Sheet::Map);
                        fly_to(&shape);
                    }
                >
                    <Icon glyph=Glyph::Centre/>
                </button>
            </div>
            {off}
            <section aria-label="What raises an alert">
                <h3>"Raises an alert when"</h3>
                {part(move || Some(tells()))}
            </section>
            <p class="faint">
                "Watched so since "
                <time title=move || console.wall.get().exact(updated) tabindex="0">
                    {text(move || ago(console.now.get().ms_since(updated)))}
                </time>
            </p>
            {if may { actions(console, fence) } else { why_not(console, &fence) }}
        </div>
    }
    .whole()
}

fn why_not(console: Console, fence: &Geofence) -> AnyView {
    let is_own = untrack(|| console.scopes.read().iter().any(|node| node.scope == fence.scope));
    let why = match is_own {
        true => "You see it. Dispatchers and commanders of its area change it.",
        false => "It belongs to an area above yours, so it is changed there. It holds for your units too.",
    };
    view! { <p class="fence-note"><Icon glyph=Glyph::Lock/><span>{why}</span></p> }.whole()
}

fn actions(console: Console, fence: Arc<Geofence>) -> AnyView {
    let (asking, busy) = (RwSignal::new(false), RwSignal::new(false));
    let failed = RwSignal::new(None::<String>);
    let keep = NodeRef::<html::Button>::new();
    effect(move || {
        if let (true, Some(keep)) = (asking.get(), keep.get()) {
            let _ = keep.focus();
        }
    });
    let (changed, name) = (fence.id.clone(), fence.name.clone());
    let remove = move |_| {
        let fence = fence.clone();
        busy.set(true);
        failed.set(None);
        spawn_local(async move {
            match fence_requests::remove(&fence.id).await {
                Ok(()) => {
                    console.fences.hear(&fence.id, None);
                    console.select(None);
                    console.tell(format!("Deleted: {}. Alerts that it raised stay.", fence.name));
                }
                Err(RestError::SignedOut) => console.link.set(Link::SignedOut),
                Err(e) => {
                    failed.try_set(Some(format!("Not deleted. {e}")));
                }
            }
            busy.try_set(false);
        });
    };
    view! {
        <div class="task-actions" hidden=asking>
            <button type="button" class="button" on:click=move |_| console.edit_fence(Editing::Change(changed.clone()))>
                "Change"
            </button>
            <button type="button" class="button danger" on:click=move |_| asking.set(true)>"Delete"</button>
        </div>
        <div
            class="task-form asked"
            role="group"
            aria-label="Delete this geofence?"
            hidden=move || !asking.get()
            on:keydown=move |e| {
                if e.key() == "Escape" {
                    e.stop_propagation();
                    asking.set(false);
                }
            }
        >
            <p>"Delete " {name} "? Nothing is told of it any more."</p>
            <div class="task-actions">
                <button type="button" class="button" node_ref=keep on:click=move |_| asking.set(false)>"Keep it"</button>
                <button type="button" class="button danger" disabled=busy on:click=remove>"Delete it"</button>
            </div>
        </div>
        <p class="alert-failed" role="alert" hidden=move || failed.read().is_none()>
            {text(move || failed.get().unwrap_or_default())}
        </p>
    }
    .whole()
}
