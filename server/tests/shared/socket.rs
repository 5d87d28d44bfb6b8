//! A client of the live protocol, whichever way it is carried: the same stories are told
//! over WebSockets and over server-sent events.

#[path = "events.rs"]
mod events;

pub use events::EventSource;

use crate::server::{DEADLINE, Server};
use futures::{SinkExt as _, StreamExt as _};
use sentinel_model::{
    Scope,
    live::{
        self, ClientFrame, Event, SUBPROTOCOL_JSON, SUBPROTOCOL_POSTCARD, ServerFrame, Snapshot, Subscribe,
    },
};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Json,
    Postcard,
    /// Where subscribing asks for another stream, and nothing else can be said.
    Events,
}

pub const FORMS: [Form; 3] = [Form::Json, Form::Postcard, Form::Events];

/// Each story as a test, over every form of a stream.
#[macro_export]
macro_rules! over_every_form {
    ($($story:ident)*) => {
        $crate::over_every_form!(json Json: $($story)*);
        $crate::over_every_form!(postcard Postcard: $($story)*);
        $crate::over_every_form!(events Events: $($story)*);
    };
    ($module:ident $form:ident: $($story:ident)*) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $story() {
                    super::$story($crate::socket::Form::$form).await;
                }
            )*
        }
    };
}

pub struct Socket {
    carrier: Carrier,
    form: Form,
}

enum Carrier {
    WebSocket(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
    Events(Box<EventSource>),
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one at a time is heard")]
pub enum Heard {
    Frame(ServerFrame),
    Closed(u16),
}

pub fn subscribe_to(scope: Scope) -> Subscribe {
    Subscribe { scope, interval_ms: None, epoch: None, offset: None }
}

impl Socket {
    pub async fn open(server: &Server, credential: &str, form: Form) -> Self {
        Self::open_with(server, credential, form, &[]).await.expect("it opens")
    }

    /// Opens with further headers; answers the HTTP status where it is refused.
    pub async fn open_with(
        server: &Server,
        credential: &str,
        form: Form,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        if form == Form::Events {
            let events = EventSource::of(format!("http://{}", server.address), credential);
            // A stream that nobody is refused for the scope of.
            let status = events.ask("", headers).await.status().as_u16();
            return if matches!(status, 200 | 403) {
                Ok(Self { carrier: Carrier::Events(Box::new(events)), form })
            } else {
                Err(status)
            };
        }
        let url = format!("ws://{}/api/v1/ws", server.address);
        let mut request = url.into_client_request().expect("a request");
        let protocol = match form {
            Form::Postcard => SUBPROTOCOL_POSTCARD,
            Form::Json | Form::Events => SUBPROTOCOL_JSON,
        };
        let mut put = |name: &'static str, value: &str| {
            request.headers_mut().insert(name, value.parse().expect("a header value"));
        };
        put("sec-websocket-protocol", protocol);
        match credential {
            "" => {}
            cookie if cookie.starts_with("sentinel_session=") => put("cookie", cookie),
            token => put("authorization", &format!("Bearer {token}")),
        }
        for (name, value) in headers {
            put(name, value);
        }
        match connect_async(request).await {
            Ok((stream, answer)) => {
                let chosen = answer.headers().get("sec-websocket-protocol").and_then(|p| p.to_str().ok());
                assert_eq!(chosen, Some(protocol));
                Ok(Self { carrier: Carrier::WebSocket(Box::new(stream)), form })
            }
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("no socket: {error}"),
        }
    }

    /// Opens, subscribes, and has the snapshot.
    pub async fn subscribed(server: &Server, credential: &str, scope: Scope) -> (Self, Snapshot) {
        Self::subscribed_as(Form::Json, server, credential, scope).await
    }

    pub async fn subscribed_as(
        form: Form,
        server: &Server,
        credential: &str,
        scope: Scope,
    ) -> (Self, Snapshot) {
        let mut socket = Self::open(server, credential, form).await;
        let snapshot = socket.subscribe(subscribe_to(scope)).await;
        (socket, snapshot)
    }

    /// Subscribes anew; what was still under way of an earlier subscription is passed over.
    pub async fn subscribe(&mut self, subscribe: Subscribe) -> Snapshot {
        let scope = subscribe.scope;
        self.say(ClientFrame::Subscribe(subscribe)).await;
        self.until("a snapshot", |frame| match frame {
            ServerFrame::Snapshot(snapshot) if snapshot.scope == scope => Some(snapshot),
            _ => None,
        })
        .await
    }

    pub async fn say(&mut self, frame: ClientFrame) {
        if let Carrier::Events(events) = &mut self.carrier {
            return match frame {
                ClientFrame::Subscribe(subscribe) => events.subscribe(&subscribe).await,
                ClientFrame::Unsubscribe(_) => events.leave(),
                ClientFrame::Ping(_) => panic!("an event stream is not spoken to"),
            };
        }
        let message = match self.form {
            Form::Postcard => Message::binary(live::to_binary(&frame).expect("encodes")),
            Form::Json | Form::Events => Message::text(live::to_json(&frame).expect("encodes")),
        };
        self.send(message).await;
    }

    pub async fn send(&mut self, message: Message) {
        let Carrier::WebSocket(stream) = &mut self.carrier else {
            panic!("an event stream is not spoken to")
        };
        stream.send(message).await.expect("it is sent");
    }

    /// What comes next, whenever that is. May be dropped while it waits.
    pub async fn next(&mut self) -> Heard {
        let stream = match &mut self.carrier {
            Carrier::WebSocket(stream) => stream,
            Carrier::Events(events) => return events.next().await,
        };
        loop {
            match stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    assert_eq!(self.form, Form::Json);
                    return Heard::Frame(live::from_json(&text).expect("a frame of the protocol"));
                }
                Some(Ok(Message::Binary(bytes))) => {
                    assert_eq!(self.form, Form::Postcard);
                    return Heard::Frame(live::from_binary(&bytes).expect("a frame of the protocol"));
                }
                Some(Ok(Message::Close(Some(close)))) => return Heard::Closed(close.code.into()),
                Some(Ok(Message::Close(None))) => return Heard::Closed(1005),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Heard::Closed(1006),
            }
        }
    }

    /// What comes next, within the deadline.
    pub async fn hear(&mut self) -> Heard {
        tokio::time::timeout(DEADLINE, self.next()).await.expect("something comes in time")
    }

    pub async fn frame(&mut self) -> ServerFrame {
        match self.hear().await {
            Heard::Frame(frame) => frame,
            Heard::Closed(code) => panic!("closed with {code}"),
        }
    }

    /// Reads on until `find` finds what it looks for.
    pub async fn until<T>(&mut self, what: &str, mut find: impl FnMut(ServerFrame) -> Option<T>) -> T {
        let reading = async {
            loop {
                if let Some(found) = find(self.frame().await) {
                    return found;
                }
            }
        };
        tokio::time::timeout(DEADLINE, reading).await.unwrap_or_else(|_| panic!("never came: {what}"))
    }

    /// The next event; positions in between are passed over.
    pub async fn event(&mut self) -> Event {
        self.until("an event", |frame| match frame {
            ServerFrame::Event(event) => Some(event),
            _ => None,
        })
        .await
    }

    /// Everything that was on its way, by a marker behind it: `marker`, a unit of the
    /// subscribed scope with no other part in the test, goes on duty and off again.
    pub async fn settled(&mut self, server: &Server, marker: &str, station: u32) -> Vec<ServerFrame> {
        let patrol = server.start_patrol(marker, station).await;
        server.end_patrol(patrol).await;
        let mut frames = Vec::new();
        loop {
            match self.frame().await {
                ServerFrame::Event(Event::UnitLeft(left)) if left.patrol == patrol => return frames,
                ServerFrame::Event(Event::UnitJoined(joined)) if joined.unit.patrol == patrol => {}
                ServerFrame::Positions(mut positions) => {
                    positions.units.retain(|unit| unit.patrol != patrol);
                    if !positions.units.is_empty() {
                        frames.push(ServerFrame::Positions(positions));
                    }
                }
                frame => frames.push(frame),
            }
        }
    }

    /// Reads until the socket closes; answers the code and what came before.
    pub async fn closed(mut self) -> (u16, Vec<ServerFrame>) {
        let mut frames = Vec::new();
        loop {
            match self.hear().await {
                Heard::Frame(frame) => frames.push(frame),
                Heard::Closed(code) => return (code, frames),
            }
        }
    }
}
