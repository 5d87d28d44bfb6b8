//! A short word about something that just happened; gone after a while.

use super::{
    alerts::AlertMark,
    icon::{Glyph, Icon},
    whole::{IntoWhole, effect, part},
};
use crate::console::{Console, Notice};
use leptos::prelude::*;
use std::time::Duration;

const SHOWN_FOR: Duration = Duration::from_secs(8);

#[component]
pub fn Toast() -> impl IntoView {
    let console = Console::of_page();
    view! {
        <div class="toasts" role="status" aria-live="polite">
            {toast(console.notice)}
            // Of its own: many alerts do not take away what is said of the viewer's own doings.
            {toast(console.alerts.told)}
        </div>
    }
    .whole()
}

fn toast(notice: RwSignal<Option<Notice>>) -> AnyView {
    effect(move || {
        if notice.read().is_none() {
            return;
        }
        if let Ok(handle) = set_timeout_with_handle(move || notice.set(None), SHOWN_FOR) {
            on_cleanup(move || handle.clear());
        }
    });
    let mark = |notice: &Notice| match notice.alerts {
        Some((kind, _)) => view! { <AlertMark kind/> }.whole(),
        None => view! { <Icon glyph=if notice.bad { Glyph::Warning } else { Glyph::Done }/> }.whole(),
    };
    view! {
        {part(move || {
            notice
                .get()
                .map(|told| {
                    view! {
                        <div class="toast" class:bad=told.bad>
                            {mark(&told)}
                            <p>{told.text}</p>
                            <button
                                type="button"
                                class="icon-button"
                                aria-label="Dismiss"
                                on:click=move |_| notice.set(None)
                            >
                                <Icon glyph=Glyph::Close/>
                            </button>
                        </div>
                    }
                    .whole()
                })
        })}
    }
    .whole()
}
