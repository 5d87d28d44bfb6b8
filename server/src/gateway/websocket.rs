//! `GET /api/v1/ws`: the live protocol over a WebSocket.
//!
//! The subprotocol chooses the encoding. One task per socket: it waits for the
//! client, the session, the end of the grant, the heartbeat and the server's stop,
//! and writes one frame at a time, so a slow reader holds nothing but its own task.

use crate::{
    auth::{Caller, Denied, Signed},
    http::error::ApiError,
    live::{Encoding, Ending, Frame, JoinError, Session, Wanted},
    state::Sentinel,
};
use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    response::Response,
};
use sentinel_model::live::{
    self, ClientFrame, ErrorFrame, Pong, SUBPROTOCOL_JSON, SUBPROTOCOL_POSTCARD, ServerFrame, Subscribe,
    close,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A client's frames are small; larger ones are no part of the protocol.
const CLIENT_FRAME_MAX: usize = 4096;
/// What a client may send, for one that sent something else.
const FRAMES: &str = "the types are subscribe, unsubscribe and ping, \
    such as {\"type\":\"subscribe\",\"scope\":\"station:5\"}";
/// How often the server says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// Silence after which a client counts as gone.
const CLIENT_SILENT: Duration = Duration::from_secs(70);
const SEES_NOTHING: &str = "this server is cut off from what moves; come back";
const BEHIND: &str = "this server cannot read what others have changed; come back";
const SIGN_IN_ENDED: &str = "the sign-in or key behind this stream has ended";
/// How long one frame may take to leave before the reader counts as too slow.
const SEND_PATIENCE: Duration = Duration::from_secs(15);

/// The live protocol over a WebSocket.
///
/// The subprotocol `sentinel.v1.json` (or none) speaks the frames `ClientFrame` and `ServerFrame` of this
/// document; `sentinel.v1.postcard` the same types in binary. Send `{"type":"subscribe","scope":"station:5"}`:
/// a snapshot comes, then changes. With the `epoch` and `offset` last seen, what was missed comes first.
/// Close codes 4000 to 4099 ask to come back, 4100 and up not to.
#[utoipa::path(get, path = "/api/v1/ws", operation_id = "open_websocket", tag = "Live",
    responses(
        (status = 101, description = "The socket is open"),
        (status = 400, description = "No WebSocket was asked for"),
        (status = 426, description = "This connection cannot become a WebSocket"),
    ))]
pub async fn open(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let upgrade = upgrade
        .protocols([SUBPROTOCOL_POSTCARD, SUBPROTOCOL_JSON])
        .read_buffer_size(1024)
        .write_buffer_size(0)
        .max_message_size(CLIENT_FRAME_MAX)
        .max_frame_size(CLIENT_FRAME_MAX);
    let encoding = match upgrade.selected_protocol().map(|name| name.to_str()) {
        Some(Ok(SUBPROTOCOL_POSTCARD)) => Encoding::Postcard,
        // Who names none speaks JSON: wscat and the like.
        _ => Encoding::Json,
    };
    Ok(upgrade.on_upgrade(move |socket| async move {
        let open = sentinel.sockets_open.clone();
        open.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Conversation {
            sentinel,
            caller,
            socket,
            encoding,
            session: None,
            ending: None,
            heard: Instant::now(),
        }
        .run()
        .await;
        open.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }))
}

/// How the document tells of this address.
pub fn described() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new().routes(routes!(open))
}

struct Conversation {
    sentinel: Arc<Sentinel>,
    caller: Caller,
    socket: WebSocket,
    encoding: Encoding,
    session: Option<Session>,
    ending: Option<Ending>,
    heard: Instant,
}

/// Why a conversation ends.
enum End {
    /// The client closed, or is gone.
    Gone,
    Close(u16, &'static str),
}

impl Conversation {
    async fn run(mut self) {
        let mut heartbeat = tokio::time::interval_at((Instant::now() + HEARTBEAT).into(), HEARTBEAT);
        let stop = self.sentinel.stop.clone();
        let (mut blind, mut behind) = (self.sentinel.hub.blind(), self.sentinel.directory.behind());
        let end = loop {
            let step = tokio::select! {
                () = stop.cancelled() => Err(End::Close(close::RESTART, "the server is going down; come back")),
                message = self.socket.recv() => self.hear(message).await,
                frames = next(&mut self.session) => self.send_all(frames).await,
                () = ended(self.ending.as_ref()) => {
                    Err(End::Close(close::UNAUTHORIZED, SIGN_IN_ENDED))
                }
                () = is_true(&mut behind) => Err(End::Close(close::RESTART, BEHIND)),
                () = is_true(&mut blind) => Err(End::Close(close::RESTART, SEES_NOTHING)),
                _ = heartbeat.tick() => self.beat().await,
            };
            if let Err(end) = step {
                break end;
            }
        };
        if let End::Close(code, reason) = end {
            let frame = CloseFrame { code, reason: reason.into() };
            // The client may be gone already; then there is nobody to tell.
            tokio::time::timeout(SEND_PATIENCE, self.socket.send(Message::Close(Some(frame)))).await.ok();
        }
    }

    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let frame: Result<ClientFrame, live::FrameError> = match message {
            None | Some(Err(_) | Ok(Message::Close(_))) => return Err(End::Gone),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                self.heard = Instant::now();
                return Ok(());
            }
            Some(Ok(Message::Text(text))) => live::from_json(&text),
            Some(Ok(Message::Binary(bytes))) => live::from_binary(&bytes),
        };
        self.heard = Instant::now();
        match frame {
            Ok(ClientFrame::Subscribe(subscribe)) => self.subscribe(&subscribe).await,
            Ok(ClientFrame::Unsubscribe(_)) => {
                self.leave();
                Ok(())
            }
            Ok(ClientFrame::Ping(_)) => {
                let at = self.sentinel.clock.now();
                self.say(&ServerFrame::Pong(Pong { at })).await
            }
            Err(error) => {
                let message = format!("this is no frame of the live protocol ({error}); {FRAMES}");
                self.say(&ServerFrame::Error(ErrorFrame { code: "bad_frame".into(), message })).await?;
                Err(End::Close(close::BAD_FRAME, "a frame did not read"))
            }
        }
    }

    async fn subscribe(&mut self, subscribe: &Subscribe) -> Result<(), End> {
        // One subscription at a time: the new one replaces what was.
        self.leave();
        let directory = &self.sentinel.directory;
        let view = || self.caller.view(directory, subscribe.scope);
        let mut grant = view();
        // Another node may have made the scope just now.
        if matches!(grant, Err(Denied::NotYours(_))) && directory.freshen().await {
            grant = view();
        }
        let grant = match grant {
            Ok(grant) => grant,
            Err(Denied::Ended) => return Err(End::Close(close::UNAUTHORIZED, SIGN_IN_ENDED)),
            Err(denied) => {
                let message = denied.to_string();
                self.say(&ServerFrame::Error(ErrorFrame { code: "forbidden".into(), message })).await?;
                return Err(End::Close(close::FORBIDDEN, "this scope is not yours to see"));
            }
        };
        match self.sentinel.hub.join(grant, Wanted::of(subscribe, self.encoding)).await {
            Ok(session) => {
                self.ending = Some(session.ending());
                self.session = Some(session);
                Ok(())
            }
            Err(JoinError::Stopping) => {
                Err(End::Close(close::RESTART, "the server is going down; come back"))
            }
            Err(JoinError::Blind) => Err(End::Close(close::RESTART, SEES_NOTHING)),
            Err(JoinError::Engine(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, scope = %subscribe.scope, "a room could not be opened");
                Err(End::Close(close::RESTART, "the stream could not be opened; come back"))
            }
        }
    }

    fn leave(&mut self) {
        self.session = None;
        self.ending = None;
    }

    async fn beat(&mut self) -> Result<(), End> {
        if self.heard.elapsed() > CLIENT_SILENT {
            return Err(End::Close(close::IDLE, "nothing was heard from you"));
        }
        self.send(Message::Ping(bytes::Bytes::new())).await
    }

    async fn send_all(&mut self, frames: Vec<Frame>) -> Result<(), End> {
        for frame in frames {
            let message = match frame {
                Frame::Text(text) => Message::Text(text),
                Frame::Binary(bytes) => Message::Binary(bytes),
            };
            self.send(message).await?;
        }
        Ok(())
    }

    async fn say(&mut self, frame: &ServerFrame) -> Result<(), End> {
        self.send_all(vec![Frame::encode(self.encoding, frame)]).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match tokio::time::timeout(SEND_PATIENCE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Close(close::TOO_SLOW, "frames were not read in time; come back")),
        }
    }
}

async fn next(session: &mut Option<Session>) -> Vec<Frame> {
    match session {
        Some(session) => session.next().await,
        None => std::future::pending().await,
    }
}

async fn is_true(told: &mut watch::Receiver<bool>) {
    if told.wait_for(|told| *told).await.is_err() {
        std::future::pending().await
    }
}

async fn ended(ending: Option<&Ending>) {
    match ending {
        Some(ending) => ending.come().await,
        None => std::future::pending().await,
    }
}
