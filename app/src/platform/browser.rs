//! The page's questions in the browser. Whatever the server has answered arrives
//! with the page; what is asked here again is answered without a request.

use crate::first_paint::{FirstPaint, NoPaint};

pub fn signed_in() -> bool {
    false
}

/// The document already carries it.
pub fn theme() -> &'static str {
    "dark"
}

pub fn redirect(to: &str) {
    if let Some(window) = web_sys::window() {
        // A refused navigation leaves the page as it is, which says where to go.
        let _ = window.location().set_href(to);
    }
}

pub fn say_not_found() {}

/// Never polled while hydrating: the value comes with the page.
pub async fn first_paint(_asked: Option<String>) -> Result<FirstPaint, NoPaint> {
    Err(NoPaint::Failed("the page came without its data; load it again".into()))
}
