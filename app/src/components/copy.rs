//! Copying for a person, where the browser lets this page.

use js_sys::Reflect;
use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

/// None in a page that came without encryption: browsers give it no clipboard at all.
fn clipboard() -> Option<web_sys::Clipboard> {
    let navigator = window().navigator();
    let found = Reflect::get(&navigator, &"clipboard".into()).ok()?;
    found.is_object().then(|| found.unchecked_into())
}

/// Puts `text` on the clipboard, and then says whether it is there.
pub fn copy(text: &str, then: impl FnOnce(bool) + 'static) {
    let then: Box<dyn FnOnce(bool)> = Box::new(then);
    let written = clipboard().map(|clipboard| clipboard.write_text(text));
    spawn_local(async move {
        let is_there = match written {
            Some(written) => JsFuture::from(written).await.is_ok(),
            None => false,
        };
        then(is_there);
    });
}
