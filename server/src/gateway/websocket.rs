//! `GET /api/v1/ws`: the live protocol over a WebSocket.
//!
//! The subprotocol chooses the encoding. One task per socket: it waits for the client and
//! for what its [`Subscriber`] has next, and writes one frame at a time, so a slow reader
//! holds nothing but its own task.

use super::{
    line::{Line, Stop},
    subscriber::{End, Next, Refused, SIGN_IN_ENDED, Subscriber},
};
use crate::{
    auth::{Denied, Signed},
    http::error::ApiError,
    live::{Encoding, Frame, Wanted},
    state::Sentinel,
};
use axum::{
    extract::{State, WebSocketUpgrade, ws::Message},
    response::Response,
};
use sentinel_model::live::{
    self, ClientFrame, ErrorFrame, Pong, SUBPROTOCOL_JSON, SUBPROTOCOL_POSTCARD, ServerFrame, Subscribe,
    close,
};
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A client's frames are small; larger ones are no part of the protocol.
const CLIENT_FRAME_MAX: usize = 4096;
/// What a client may send, for one that sent something else.
const FRAMES: &str = "the types are subscribe, unsubscribe and ping, \
    such as {\"type\":\"subscribe\",\"scope\":\"station:5\"}";

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
        (status = 429, description = "This person or key has as many streams open at this node as it may"),
    ))]
pub async fn open(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let upgrade = within_limits(upgrade).protocols([SUBPROTOCOL_POSTCARD, SUBPROTOCOL_JSON]);
    let encoding = match upgrade.selected_protocol().map(|name| name.to_str()) {
        Some(Ok(SUBPROTOCOL_POSTCARD)) => Encoding::Postcard,
        // Who names none speaks JSON: wscat and the like.
        _ => Encoding::Json,
    };
    let subscriber = Subscriber::new(sentinel, caller)?;
    Ok(upgrade.on_upgrade(async move |socket| {
        Conversation { subscriber, line: Line::new(socket), encoding }.run().await;
    }))
}

/// How the document tells of this address.
pub fn described() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new().routes(routes!(open))
}

/// What is small is not given large buffers, and nothing waits in them.
pub fn within_limits(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(1024)
        .write_buffer_size(0)
        .max_message_size(CLIENT_FRAME_MAX)
        .max_frame_size(CLIENT_FRAME_MAX)
}

struct Conversation {
    subscriber: Subscriber,
    line: Line,
    encoding: Encoding,
}

impl Conversation {
    async fn run(mut self) {
        let why = loop {
            let step = tokio::select! {
                heard = self.line.hear() => match heard {
                    Ok(message) => self.answer(message).await,
                    Err(stop) => Err(stop),
                },
                next = self.subscriber.next() => match next {
                    Next::Frames(frames) => self.send_all(frames).await,
                    Next::Beat => self.line.beat().await,
                    Next::End(end) => Err(Stop::End(end)),
                },
            };
            if let Err(stop) = step {
                break stop;
            }
        };
        // The right to it ends here, however long the goodbye takes.
        self.subscriber.leave();
        self.line.close(why).await;
    }

    async fn answer(&mut self, message: Message) -> Result<(), Stop> {
        let frame: Result<ClientFrame, live::FrameError> = match message {
            Message::Text(text) => live::from_json(&text),
            Message::Binary(bytes) => live::from_binary(&bytes),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Ok(()),
        };
        match frame {
            Ok(ClientFrame::Subscribe(subscribe)) => self.subscribe(&subscribe).await,
            Ok(ClientFrame::Unsubscribe(_)) => {
                self.subscriber.leave();
                Ok(())
            }
            Ok(ClientFrame::Ping(_)) => {
                let at = self.subscriber.sentinel.clock.now();
                self.say(&ServerFrame::Pong(Pong { at })).await
            }
            Err(error) => {
                let message = format!("this is no frame of the live protocol ({error}); {FRAMES}");
                self.say(&ServerFrame::Error(ErrorFrame { code: "bad_frame".into(), message })).await?;
                Err(Stop::End(End { code: close::BAD_FRAME, reason: "a frame did not read" }))
            }
        }
    }

    async fn subscribe(&mut self, subscribe: &Subscribe) -> Result<(), Stop> {
        let wanted = Wanted::of(subscribe, self.encoding);
        match self.subscriber.subscribe(subscribe.scope, wanted).await {
            Ok(()) => Ok(()),
            Err(Refused::Denied(Denied::Ended)) => Err(Stop::End(SIGN_IN_ENDED)),
            Err(Refused::Denied(denied)) => {
                let message = denied.to_string();
                self.say(&ServerFrame::Error(ErrorFrame { code: "forbidden".into(), message })).await?;
                let reason = "this scope is not yours to see";
                Err(Stop::End(End { code: close::FORBIDDEN, reason }))
            }
            Err(Refused::Away(end)) => Err(Stop::End(end)),
        }
    }

    async fn send_all(&mut self, frames: Vec<Frame>) -> Result<(), Stop> {
        for frame in frames {
            let message = match frame {
                Frame::Text(text) => Message::Text(text),
                Frame::Binary(bytes) => Message::Binary(bytes),
            };
            self.line.send(message).await?;
        }
        Ok(())
    }

    async fn say(&mut self, frame: &ServerFrame) -> Result<(), Stop> {
        self.send_all(vec![Frame::encode(self.encoding, frame)]).await
    }
}
