//! Where the page's one map is kept. The map belongs to the browser's thread and
//! lives outside the reactive graph, which on the server moves between threads.

use crate::map::LiveMap;
use std::cell::RefCell;

thread_local! {
    static MAP: RefCell<Option<LiveMap>> = const { RefCell::new(None) };
}

/// Puts a map in place; the one before is destroyed.
pub fn put_map(map: Option<LiveMap>) {
    let before = MAP.with(|m| m.replace(map));
    if let Some(before) = before {
        before.destroy();
    }
}

/// Speaks to the map where there is one.
pub fn with_map(speak: impl FnOnce(&LiveMap)) {
    let map = MAP.with(|m| m.borrow().clone());
    if let Some(map) = map {
        speak(&map);
    }
}
