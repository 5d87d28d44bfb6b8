//! The page's questions in the browser. Whatever the server has answered arrives
//! with the page; what is asked here again is answered without a request.

use crate::first_paint::{FirstPaint, NoPaint};
use wasm_bindgen::JsCast;

/// The browser has them already; the page need not carry its own.
pub use js_sys::Math as maths;

pub fn signed_in() -> bool {
    false
}

pub fn cookie(name: &str) -> Option<String> {
    let document = web_sys::window()?.document()?.dyn_into::<web_sys::HtmlDocument>().ok()?;
    let all = document.cookie().ok()?;
    all.split(';').find_map(|c| c.trim().strip_prefix(name)?.strip_prefix('=').map(str::to_string))
}

/// Leaves this page for another, by the address bar and not the router.
pub fn redirect(to: &str) {
    if let Some(window) = web_sys::window() {
        // A refused navigation leaves the page as it is, which says where to go.
        let _ = window.location().set_href(to);
    }
}

pub fn say_not_found() {}

/// Never polled while hydrating: the value comes with the page.
pub async fn first_paint(_asked: Option<String>) -> Result<FirstPaint, NoPaint> {
    Err(NoPaint::Failed("the page came without its data".into()))
}

/// For comparing what people type. Beyond plain letters the browser knows the rules, and
/// the page need not carry their tables.
pub fn lowercase(text: &str) -> String {
    if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        js_sys::JsString::from(text).to_lower_case().into()
    }
}

/// Only the server packs.
pub fn to_base64(_bytes: &[u8]) -> String {
    String::new()
}

/// The browser's own reading of base64.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let bytes = web_sys::window()?.atob(text).ok()?;
    // One character a byte, that is how it answers.
    Some(bytes.chars().map(|c| c as u8).collect())
}

/// The server has sent it already.
pub fn on_server<T>(_make: impl FnOnce() -> T) -> Option<T> {
    None
}
