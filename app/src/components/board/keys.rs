//! The board by keys: I shows the list, N begins an incident, 1 to 9 send the nearest units.

use crate::{
    components::whole::effect,
    console::{Console, Sheet},
    live::tasks::Draft,
};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

pub const LIST_ID: &str = "incident-list";

pub fn focus(id: &str) {
    let element = document().get_element_by_id(id);
    if let Some(element) = element.and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()) {
        // Focus may be refused in a page that is not in front.
        let _ = element.focus();
    }
}

/// The list, or where it would be.
pub fn focus_list() {
    focus("board");
    focus(LIST_ID);
}

/// Whether keys are being written into something.
fn is_typing(event: &web_sys::KeyboardEvent) -> bool {
    let target = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
    target.is_some_and(|t| matches!(t.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"))
}

fn is_within(id: &str) -> bool {
    let here = document().active_element();
    here.is_some_and(|e| e.closest(&format!("#{id}")).ok().flatten().is_some())
}

/// Called once; listens as long as the page lives.
pub fn listen(console: Console) {
    effect(move || {
        let handle = window_event_listener(leptos::ev::keydown, move |e| {
            let plain = !e.ctrl_key() && !e.meta_key() && !e.alt_key();
            if !plain || is_typing(&e) || console.palette_open.get_untracked() {
                return;
            }
            match e.key().as_str() {
                "i" | "I" => {
                    let on = !(console.board.on.get_untracked() && is_within("board"));
                    console.show_board(on);
                    if on {
                        console.sheet.set(Sheet::Incidents);
                        request_animation_frame(move || {
                            // Who has begun to write meanwhile goes on writing.
                            if console.board.draft.with_untracked(Option::is_none) {
                                focus_list();
                            }
                        });
                    }
                }
                "n" | "N" if console.board.draft.with_untracked(Option::is_none) => {
                    console.begin_incident(Draft::default())
                }
                "?" => console.show_legend.update(|on| *on = !*on),
                _ => return,
            }
            e.prevent_default();
        });
        on_cleanup(move || handle.remove());
    });
}
