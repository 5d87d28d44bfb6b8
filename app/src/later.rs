//! Parts of the live page whose code comes later, in a file of its own: what appears only
//! when a person asks for it. The file is fetched as soon as the page is alive, so that the
//! first click finds it there.
//!
//! Until then what the server wrote of such a part stands as it was sent. A file that cannot
//! be fetched is asked for again when the connection is back, or when the person says so.

use crate::{
    components::{
        alerts::drawer::alerts_body,
        board::{drawer::task_card, list::board_body, new::new_form},
        fences::{card::card, editor::editor, layer, list},
        icon::{Glyph, Icon},
        palette::palette,
        person_menu::person_card,
        unit_drawer::unit_card,
        wall::wall_body,
        whole::{IntoWhole, effect, part},
    },
    console::Console,
    live::{
        fences::Editing,
        link::Link,
        notify::notify,
        task_news,
        tasks::{Heard, TaskRef},
    },
    platform,
};
use leptos::{prelude::*, task::spawn_local, wasm_split::SplitLoaderError};
use sentinel_model::{Task, UnitId, alerts::Alert, page::MapSettings};

#[derive(Clone, Copy)]
pub struct Parts {
    pub person_card: fn() -> AnyView,
    pub unit_card: fn(UnitId) -> AnyView,
    pub alerts_body: fn() -> AnyView,
    /// Shows alerts outside the page.
    pub notify: fn(Console, &[Alert]),
    pub palette: fn(String) -> AnyView,
    pub board: fn() -> AnyView,
    pub task_card: fn(TaskRef) -> AnyView,
    pub new_incident: fn() -> AnyView,
    /// Tells what of a task is new, as the socket brings it, and as the stream beside it does.
    pub task_news: fn(Console, &Task, Heard),
    pub hear_elsewhere: fn(Console, &str) -> bool,
    /// Reads the fences and draws them, from now on.
    pub begin_fences: fn(Console),
    pub fences: fn() -> AnyView,
    pub fence_card: fn(String) -> AnyView,
    pub fence_editor: fn(Editing) -> AnyView,
    pub wall: fn(MapSettings) -> AnyView,
}

#[derive(Clone, Copy)]
pub enum Later {
    Coming,
    Here(Parts),
    Failed,
}

/// Whatever is reachable only from here is what the file holds.
#[leptos::wasm_split::wasm_split(later, wasm_split_path = ::leptos::wasm_split, fallible)]
fn parts() -> Result<Parts, SplitLoaderError> {
    Ok(Parts {
        person_card,
        unit_card,
        alerts_body,
        notify,
        palette,
        board: board_body,
        task_card,
        new_incident: new_form,
        task_news: task_news::heard,
        hear_elsewhere: task_news::hear_elsewhere,
        begin_fences: layer::begin,
        fences: list::body,
        fence_card: card,
        fence_editor: editor,
        wall: wall_body,
    })
}

impl Console {
    /// The parts, once their code is here.
    pub fn parts(self) -> Option<Parts> {
        match self.later.get() {
            Later::Here(parts) => Some(parts),
            Later::Coming | Later::Failed => None,
        }
    }

    pub fn fetch_parts(self) {
        if matches!(self.later.get_untracked(), Later::Failed) {
            self.later.set(Later::Coming);
        }
        spawn_local(async move {
            self.later.set(parts().await.map_or(Later::Failed, Later::Here));
        });
    }

    /// Called once, from an effect. The page's first picture goes before.
    pub fn expect_parts(self) {
        request_animation_frame(move || self.fetch_parts());
        effect(move || {
            let is_live = self.link.get() == Link::Live;
            if is_live && matches!(self.later.get_untracked(), Later::Failed) {
                self.fetch_parts();
            }
        });
    }
}

/// A part as the server wrote it. The browser leaves it so, and makes nothing of its own.
pub fn as_sent(part: impl FnOnce() -> AnyView) -> AnyView {
    let html = platform::on_server(|| untrack(part).to_html()).unwrap_or_default();
    view! { <div class="as-sent" inner_html=html></div> }.whole()
}

/// Some of the page is missing, and how to get it.
#[component]
pub fn LaterBanner() -> impl IntoView {
    let console = Console::of_page();
    let failed = move || matches!(console.later.get(), Later::Failed);
    view! {
        <div class="link-banner-place" role="status" aria-live="polite">
            {part(move || {
                failed()
                    .then(|| {
                        view! {
                            <div class="link-banner">
                                <Icon glyph=Glyph::Warning/>
                                <p class="link-banner-title">"A part of this page did not arrive"</p>
                                <p>"Search, alerts, incidents, geofences, preferences and what is known of a unit do not open. The map is not affected."</p>
                                <div class="actions">
                                    <button type="button" class="button" on:click=move |_| console.fetch_parts()>
                                        <Icon glyph=Glyph::Retry/>
                                        "Try again"
                                    </button>
                                    <a class="button" href="" rel="external">"Load the page again"</a>
                                </div>
                            </div>
                        }
                        .whole()
                    })
            })}
        </div>
    }
    .whole()
}
