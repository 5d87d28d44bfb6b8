//! The page's questions in the browser. Whatever the server has answered arrives
//! with the page; what is asked here again is answered without a request.

use crate::first_paint::{FirstPaint, NoPaint};
use wasm_bindgen::JsCast;

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

/// The server has sent it already.
pub fn on_server<T>(_make: impl FnOnce() -> T) -> Option<T> {
    None
}
