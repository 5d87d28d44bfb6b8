//! The socket: subscribes to one scope, hands every frame on, and comes back by
//! itself, resuming after the last event it has seen.
//!
//! Runs in the browser only; one thread, so plain cells. Silence is watched by a
//! timer, for a dead network closes no socket.

use super::link::{DEAD_AFTER_MS, Link, OFFLINE_AFTER_MS, PING_EVERY_MS, STALE_AFTER_MS, backoff_ms};
use super::rest;
use sentinel_model::{
    Scope, Time,
    live::{ClientFrame, Ping, SUBPROTOCOL_POSTCARD, ServerFrame, Subscribe, from_binary, to_binary},
};
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

/// Shortest time between two position frames that the page asks for.
const INTERVAL_MS: u32 = 100;
/// How often silence is looked at.
const WATCH_EVERY_MS: i32 = 1_000;

/// What the page does with what the feed hears.
pub struct Listener {
    pub on_frame: Box<dyn Fn(ServerFrame)>,
    pub on_link: Box<dyn Fn(Link)>,
    /// The server's clock now.
    pub now: Box<dyn Fn() -> Time>,
}

type OnMessage = Closure<dyn FnMut(MessageEvent)>;
type OnClose = Closure<dyn FnMut(CloseEvent)>;
type OnOpen = Closure<dyn FnMut()>;

/// One socket with the closures it calls; dropping it closes it silently.
struct Line {
    socket: WebSocket,
    _on_open: OnOpen,
    _on_message: OnMessage,
    _on_close: OnClose,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // It may be closed already; then there is nothing left to do.
        let _ = self.socket.close();
    }
}

struct State {
    scope: Scope,
    line: Option<Line>,
    /// Where in the scope's events this page stands.
    position: Option<(String, u64)>,
    attempt: u32,
    heard_ms: i64,
    asked_ms: i64,
    /// Since when nobody answers.
    lost: Option<Time>,
    /// The timer of the next try.
    retry: Option<i32>,
    link: Link,
}

/// The page's one connection; a clone is the same.
#[derive(Clone)]
pub struct Feed {
    state: Rc<RefCell<State>>,
    listener: Rc<Listener>,
}

fn local_ms() -> i64 {
    js_sys::Date::now() as i64
}

fn address() -> Option<String> {
    let location = web_sys::window()?.location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    Some(format!("{scheme}://{}/api/v1/ws", location.host().ok()?))
}

impl Feed {
    pub fn open(scope: Scope, listener: Listener) -> Self {
        let state = State {
            scope,
            line: None,
            position: None,
            attempt: 0,
            heard_ms: local_ms(),
            asked_ms: 0,
            lost: None,
            retry: None,
            link: Link::Connecting,
        };
        let feed = Self { state: Rc::new(RefCell::new(state)), listener: Rc::new(listener) };
        feed.connect();
        feed.watch();
        feed
    }

    /// Shows another scope: a new socket, as the old one's frames may still be on their way.
    pub fn turn_to(&self, scope: Scope) {
        {
            let mut state = self.state.borrow_mut();
            if state.scope == scope && !state.link.is_final() {
                return;
            }
            state.scope = scope;
            state.position = None;
            state.attempt = 0;
            state.lost = None;
        }
        self.say(Link::Connecting);
        self.connect();
    }

    /// The network or the person came back: try now, not when the timer says.
    pub fn wake(&self) {
        let waiting = {
            let state = self.state.borrow();
            !state.link.is_final() && state.line.is_none()
        };
        if waiting {
            self.state.borrow_mut().attempt = 0;
            self.connect();
        } else {
            self.look();
        }
    }

    fn say(&self, link: Link) {
        let changed = {
            let mut state = self.state.borrow_mut();
            std::mem::replace(&mut state.link, link) != link
        };
        if changed {
            (self.listener.on_link)(link);
        }
    }

    fn connect(&self) {
        self.cancel_retry();
        let old = {
            let mut state = self.state.borrow_mut();
            state.heard_ms = local_ms();
            state.line.take()
        };
        drop(old);
        let socket = address().and_then(|a| WebSocket::new_with_str(&a, SUBPROTOCOL_POSTCARD).ok());
        let Some(socket) = socket else { return self.lose() };
        socket.set_binary_type(BinaryType::Arraybuffer);

        let feed = self.clone();
        let on_open = OnOpen::new(move || feed.subscribe());
        let feed = self.clone();
        let on_message = OnMessage::new(move |event: MessageEvent| feed.hear(&event));
        let feed = self.clone();
        let on_close = OnClose::new(move |event: CloseEvent| feed.closed(event.code()));
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        let line = Line { socket, _on_open: on_open, _on_message: on_message, _on_close: on_close };
        self.state.borrow_mut().line = Some(line);
    }

    fn send(&self, frame: &ClientFrame) {
        let state = self.state.borrow();
        if let (Some(line), Ok(bytes)) = (&state.line, to_binary(frame)) {
            // A socket that is closing refuses; its close event follows.
            let _ = line.socket.send_with_u8_array(&bytes);
        }
    }

    fn subscribe(&self) {
        let (epoch, offset) = self.state.borrow().position.clone().unzip();
        let scope = self.state.borrow().scope;
        self.send(&ClientFrame::Subscribe(Subscribe {
            scope,
            interval_ms: Some(INTERVAL_MS),
            epoch,
            offset,
        }));
        self.ping();
    }

    fn ping(&self) {
        self.state.borrow_mut().asked_ms = local_ms();
        self.send(&ClientFrame::Ping(Ping {}));
    }

    fn hear(&self, event: &MessageEvent) {
        let Ok(buffer) = event.data().dyn_into::<js_sys::ArrayBuffer>() else { return };
        let bytes = js_sys::Uint8Array::new(&buffer).to_vec();
        let Ok(frame) = from_binary::<ServerFrame>(&bytes) else {
            self.state.borrow_mut().line = None;
            return self.say(Link::Outdated);
        };
        {
            let mut state = self.state.borrow_mut();
            state.heard_ms = local_ms();
            match &frame {
                ServerFrame::Snapshot(s) => state.position = Some((s.epoch.clone(), s.offset)),
                ServerFrame::Event(e) => {
                    if let Some((_, offset)) = &mut state.position {
                        *offset = (*offset).max(e.offset());
                    }
                }
                _ => {}
            }
            state.attempt = 0;
            state.lost = None;
        }
        let speaks = !matches!(frame, ServerFrame::Error(_));
        (self.listener.on_frame)(frame);
        if speaks {
            self.say(Link::Live);
        }
    }

    fn closed(&self, code: u16) {
        match Link::closed_by(code) {
            Some(end) => {
                self.forget_line();
                self.say(end);
            }
            None => self.lose(),
        }
    }

    /// Lets the socket go after the event that is being handled: a closure must
    /// not be dropped while it runs.
    fn forget_line(&self) {
        let line = self.state.borrow_mut().line.take();
        if let Some(line) = line {
            wasm_bindgen_futures::spawn_local(async move { drop(line) });
        }
    }

    fn lose(&self) {
        self.forget_line();
        let now = (self.listener.now)();
        let (lost, attempt) = {
            let mut state = self.state.borrow_mut();
            let lost = *state.lost.get_or_insert(now);
            let attempt = state.attempt;
            state.attempt = attempt.saturating_add(1);
            (lost, attempt)
        };
        self.say(if now.ms_since(lost) > OFFLINE_AFTER_MS {
            Link::Offline(lost)
        } else {
            Link::Reconnecting(lost)
        });
        self.ask_why();
        let wait_ms = backoff_ms(attempt, js_sys::Math::random());
        let feed = self.clone();
        let again = Closure::once_into_js(move || {
            feed.state.borrow_mut().retry = None;
            feed.connect();
        });
        let timer = web_sys::window().and_then(|w| {
            let wait_ms = i32::try_from(wait_ms).unwrap_or(i32::MAX);
            w.set_timeout_with_callback_and_timeout_and_arguments_0(again.unchecked_ref(), wait_ms).ok()
        });
        self.state.borrow_mut().retry = timer;
    }

    /// A browser does not tell a refused socket from a lost one, so ask by another way.
    fn ask_why(&self) {
        let feed = self.clone();
        wasm_bindgen_futures::spawn_local(async move {
            if rest::is_signed_out().await {
                feed.forget_line();
                feed.cancel_retry();
                feed.say(Link::SignedOut);
            }
        });
    }

    fn cancel_retry(&self) {
        let timer = self.state.borrow_mut().retry.take();
        if let (Some(timer), Some(window)) = (timer, web_sys::window()) {
            window.clear_timeout_with_handle(timer);
        }
    }

    /// Looks at the silence, each second for as long as the page lives.
    fn watch(&self) {
        let feed = self.clone();
        let look = Closure::<dyn FnMut()>::new(move || feed.look()).into_js_value();
        if let Some(window) = web_sys::window() {
            // The feed lives as long as the page does: the interval is never cleared.
            let _ = window
                .set_interval_with_callback_and_timeout_and_arguments_0(look.unchecked_ref(), WATCH_EVERY_MS);
        }
    }

    fn look(&self) {
        let (connected, silent_ms, since_asked_ms, lost, link) = {
            let state = self.state.borrow();
            let now = local_ms();
            (state.line.is_some(), now - state.heard_ms, now - state.asked_ms, state.lost, state.link)
        };
        let now = (self.listener.now)();
        if link.is_final() {
            return;
        }
        if let Some(lost) = lost
            && now.ms_since(lost) > OFFLINE_AFTER_MS
        {
            self.say(Link::Offline(lost));
        }
        if !connected {
            return;
        }
        if silent_ms > DEAD_AFTER_MS {
            return self.lose();
        }
        if silent_ms > STALE_AFTER_MS && link == Link::Live {
            self.say(Link::Stale(now.plus_ms(-silent_ms)));
        }
        if since_asked_ms >= PING_EVERY_MS && lost.is_none() {
            self.ping();
        }
    }
}
