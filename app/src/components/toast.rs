//! A short word about something that just happened; gone after a while. A call for help
//! stays until it is dismissed.

use super::icon::{Glyph, Icon};
use super::whole::{IntoWhole, effect, part};
use crate::console::{Call, Console};
use leptos::prelude::*;
use std::time::Duration;

const SHOWN_FOR: Duration = Duration::from_secs(8);

#[component]
pub fn Calls() -> impl IntoView {
    let console = Console::of_page();
    let one = move |call: Call| {
        let dismiss = {
            let id = call.id.clone();
            move |_| console.calls.update(|calls| calls.retain(|call| call.id != id))
        };
        let unit = call.unit.clone();
        let show = move |_| match console.with_fleet(|fleet| fleet.get(&unit).is_some()) {
            true => console.look_at(&unit),
            false => console.look_elsewhere(&unit),
        };
        view! {
            <div class="toast call">
                <Icon glyph=Glyph::Warning/>
                <p>{format!("SOS from {}", call.unit)}</p>
                <button type="button" class="button" on:click=show>
                    "Show"
                </button>
                <button type="button" class="icon-button" aria-label="Dismiss" on:click=dismiss>
                    <Icon glyph=Glyph::Close/>
                </button>
            </div>
        }
        .whole()
    };
    view! {
        <div class="toasts calls" role="alert">
            {part(move || {
                let calls = console.calls.get();
                (!calls.is_empty()).then(|| calls.into_iter().map(one).collect_view().whole())
            })}
        </div>
    }
    .whole()
}

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
