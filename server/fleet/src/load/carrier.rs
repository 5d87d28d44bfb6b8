//! What a subscriber's stream comes over: a WebSocket or server-sent events.

use super::{
    events::Events,
    socket::{Arrival, Socket, SocketOptions},
};
use sentinel_model::Scope;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carrier {
    WebSocket,
    Events,
}

impl Carrier {
    pub const ALL: [Carrier; 2] = [Carrier::WebSocket, Carrier::Events];
}

pub enum Stream {
    WebSocket(Box<Socket>),
    Events(Events),
}

impl Stream {
    /// The `number`th stream of a run, subscribed.
    pub async fn open(
        carrier: Carrier,
        options: &SocketOptions,
        number: usize,
        scope: Scope,
    ) -> anyhow::Result<Self> {
        Ok(match carrier {
            Carrier::WebSocket => {
                Stream::WebSocket(Box::new(Socket::subscribe(options, number, scope).await?))
            }
            Carrier::Events => Stream::Events(Events::subscribe(options, number, scope).await?),
        })
    }

    /// The next frame with content. Cancel-safe.
    pub async fn next(&mut self) -> Arrival {
        match self {
            Stream::WebSocket(socket) => socket.next().await,
            Stream::Events(events) => events.next().await,
        }
    }

    pub async fn close(self) {
        match self {
            Stream::WebSocket(socket) => socket.close().await,
            // Who reads an answer says no goodbye.
            Stream::Events(_) => {}
        }
    }
}
