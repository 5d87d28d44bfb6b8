//! A short word about something that just happened; gone after a while.

use super::icon::{Glyph, Icon};
use super::whole::{IntoWhole, effect, part};
use crate::console::Console;
use leptos::prelude::*;
use std::time::Duration;

const SHOWN_FOR: Duration = Duration::from_secs(8);

#[component]
pub fn Toast() -> impl IntoView {
    let console = Console::of_page();
    effect(move || {
        if let Some(notice) = console.notice.get() {
            let handle = set_timeout_with_handle(
                move || {
                    if console.notice.get_untracked().is_some_and(|n| n == notice) {
                        console.notice.set(None);
                    }
                },
                SHOWN_FOR,
            );
            if let Ok(handle) = handle {
                on_cleanup(move || handle.clear());
            }
        }
    });
    view! {
        <div class="toasts" role="status" aria-live="polite">
            {part(move || {
                console
                    .notice
                    .get()
                    .map(|notice| {
                        view! {
                            <div class="toast" class:bad=notice.bad>
                                <Icon glyph=if notice.bad { Glyph::Warning } else { Glyph::Done }/>
                                <p>{notice.text}</p>
                                <button
                                    type="button"
                                    class="icon-button"
                                    aria-label="Dismiss"
                                    on:click=move |_| console.notice.set(None)
                                >
                                    <Icon glyph=Glyph::Close/>
                                </button>
                            </div>
                        }
                        .whole()
                    })
            })}
        </div>
    }
    .whole()
}
