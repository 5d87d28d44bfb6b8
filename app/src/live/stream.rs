//! Rings when there is an alert anywhere in the viewer's own scope, or something happens to an
//! incident or order there: server-sent events of these alone. The browser comes back by itself
//! where the connection breaks; a refusal ends the stream, and whoever holds it opens another.
//!
//! Kept open only while the page's own socket does not tell the same: of one server a
//! browser opens half a dozen such streams at once, over all its windows.

use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::{Event, EventSource, MessageEvent};

const ADDRESS: &str = "/api/v1/stream?positions=false&kinds=alert,incident,order";

/// Dropping it closes it.
pub struct Stream {
    source: EventSource,
    _ring: Closure<dyn FnMut(Event)>,
}

impl Stream {
    /// `ring` is called with each event, and without one when it has opened, each time.
    pub fn open(ring: impl Fn(Option<String>) + 'static) -> Option<Self> {
        let source = EventSource::new(ADDRESS).ok()?;
        let ring = Closure::<dyn FnMut(Event)>::new(move |e: Event| {
            ring(e.dyn_ref::<MessageEvent>().and_then(|message| message.data().as_string()));
        });
        let listener = ring.as_ref().unchecked_ref();
        source.set_onopen(Some(listener));
        source.add_event_listener_with_callback("event", listener).ok()?;
        Some(Self { source, _ring: ring })
    }

    pub fn is_closed(&self) -> bool {
        self.source.ready_state() == EventSource::CLOSED
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // A closed one calls nobody: the closure may go.
        self.source.close();
    }
}
