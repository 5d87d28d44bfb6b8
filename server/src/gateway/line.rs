//! A WebSocket that waits for nobody forever: neither for who does not read, nor for who
//! is not heard of.

use super::subscriber::End;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use sentinel_model::live::close;
use std::time::{Duration, Instant};

/// Silence after which a client counts as gone.
const CLIENT_SILENT: Duration = Duration::from_secs(70);
/// How long one frame may take to leave before the reader counts as too slow.
const SEND_PATIENCE: Duration = Duration::from_secs(15);

/// Why a conversation stops.
pub enum Stop {
    /// The client closed, or is gone.
    Gone,
    End(End),
}

pub struct Line {
    socket: WebSocket,
    heard: Instant,
}

impl Line {
    pub fn new(socket: WebSocket) -> Self {
        Self { socket, heard: Instant::now() }
    }

    /// What the client says, text or binary. May be dropped while it waits.
    pub async fn hear(&mut self) -> Result<Message, Stop> {
        loop {
            let message = match self.socket.recv().await {
                None | Some(Err(_) | Ok(Message::Close(_))) => return Err(Stop::Gone),
                Some(Ok(message)) => message,
            };
            self.heard = Instant::now();
            if let Message::Text(_) | Message::Binary(_) = message {
                return Ok(message);
            }
        }
    }

    pub async fn send(&mut self, message: Message) -> Result<(), Stop> {
        match tokio::time::timeout(SEND_PATIENCE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Stop::Gone),
            Err(_) => {
                let reason = "frames were not read in time; come back";
                Err(Stop::End(End { code: close::TOO_SLOW, reason }))
            }
        }
    }

    /// Asks whether the client is there.
    pub async fn beat(&mut self) -> Result<(), Stop> {
        if self.heard.elapsed() > CLIENT_SILENT {
            return Err(Stop::End(End { code: close::IDLE, reason: "nothing was heard from you" }));
        }
        self.send(Message::Ping(bytes::Bytes::new())).await
    }

    /// Says why, where there is somebody to say it to.
    pub async fn close(mut self, why: Stop) {
        if let Stop::End(End { code, reason }) = why {
            let frame = CloseFrame { code, reason: reason.into() };
            // The client may be gone already; then there is nobody to tell.
            tokio::time::timeout(SEND_PATIENCE, self.socket.send(Message::Close(Some(frame)))).await.ok();
        }
    }
}
