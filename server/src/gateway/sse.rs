//! `GET /api/v1/stream`: the live protocol as server-sent events.
//!
//! A message's event is a frame's type, its data the frame's JSON; snapshots and events
//! carry an id, `scope/epoch:offset`, and who comes back with the last one as `Last-Event-ID` gets
//! what it missed, or begins anew with a snapshot. The scope stands in it because a stream may
//! name none, and what is then the caller's own may be another by the time it comes back. What
//! is refused is refused as any request is, before the stream begins. It ends with an event
//! `close`, whose code and reason are those of the WebSocket's close.
//!
//! The stream is its answer's body: the connection asks for the next frames when it has room
//! for them, so for a slow reader positions conflate, and nothing else runs beside it.

use super::{
    gzip::Gzip,
    subscriber::{End, Next, Subscriber},
};
use crate::{
    auth::Signed,
    http::{error::ApiError, input::Asked},
    live::{Encoding, Filter, Frame, Wanted},
    state::Sentinel,
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use sentinel_model::{
    Scope, UnitId,
    live::{Event, Subscribe},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, convert::Infallible, sync::Arc};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Units that one stream may be narrowed to.
const UNITS_MAX: usize = 1000;
/// How long a browser waits before it comes back.
const BEGIN: &[u8] = b"retry: 1000\n\n";
/// A comment, which readers pass over.
const BEAT: &[u8] = b":\n\n";
/// For the document.
const EXAMPLE: &str = "retry: 1000\n\nevent: snapshot\nid: station:5/5f1c9e0a:17\ndata: \
    {\"type\":\"snapshot\",\"scope\":\"station:5\",\"epoch\":\"5f1c9e0a\",\"offset\":17,\"units\":[]}\n\n";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Nginx keeps answers back until it has enough of them, unless told so.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What ends a stream, as `event: close`: a WebSocket says the same as it closes.
#[derive(Serialize, ToSchema)]
pub struct StreamClose {
    #[serde(rename = "type")]
    #[schema(pattern = "^close$", example = "close")]
    kind: &'static str,
    /// Below 4100 it asks to come back.
    #[schema(minimum = 4000, maximum = 4999, example = 4000)]
    code: u16,
    reason: &'static str,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Without one, the caller's own.
    scope: Option<Scope>,
    /// Ids with commas between, at most 1000; all, where it is left out.
    #[param(example = "PC-001,PC-002")]
    units: Option<String>,
    /// Kinds of events with commas between: `unit_joined`, `unit_left`, `status`, `alert`, `incident`, `order`, `fence`; all, where it is left out.
    #[param(example = "status,alert")]
    kinds: Option<String>,
    /// With `false`, events and open alerts alone: snapshots without units, and no `positions`.
    #[param(example = true)]
    positions: Option<bool>,
    /// Milliseconds that positions are gathered for at least.
    #[param(example = 1000)]
    interval_ms: Option<u32>,
    /// For clients that cannot set the header.
    last_event_id: Option<String>,
}

/// The live protocol as server-sent events.
///
/// A message's `event` is a frame's type (`snapshot`, `positions`, `event`), its `data` the frame as `ServerFrame` of
/// this document. Who comes back with the last `id` gets what it missed, or a new snapshot; a browser's `EventSource`
/// does so by itself. Filters narrow what the credential may see, and never widen it: for alerts alone,
/// `kinds=alert&positions=false`. A comment every 25 seconds says that the stream is there; `event: close` ends it,
/// with a `StreamClose`: a code below 4100 asks to come back.
#[utoipa::path(get, path = "/api/v1/stream", operation_id = "open_stream", tag = "Live",
    params(Query,
        ("Last-Event-ID" = Option<String>, Header, description = "The last `id` that was read, to go on from there")),
    security(("session" = []), ("bearer" = []), ("api_key" = []), ("token" = [])),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream",
            example = json!(EXAMPLE)),
        (status = 429, description = "This person or key has as many streams open at this node as it may"),
    ))]
pub async fn open(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    headers: HeaderMap,
    Asked(asked): Asked<Query>,
) -> Result<Response, ApiError> {
    let scope = asked.scope.unwrap_or_else(|| caller.home_scope());
    let wanted = asked.wanted(scope, &headers)?;
    let mut subscriber = Subscriber::new(sentinel, caller)?;
    subscriber.subscribe(scope, wanted).await?;
    let gzip = Gzip::is_asked_for(&headers).then(Gzip::default);
    let mut answer = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
        (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ]
    .into_response();
    if gzip.is_some() {
        answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    *answer.body_mut() = body(subscriber, gzip);
    Ok(answer)
}

/// How the document tells of this address.
pub fn described() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new().routes(routes!(open))
}

impl Query {
    fn wanted(&self, scope: Scope, headers: &HeaderMap) -> Result<Wanted, ApiError> {
        // A browser that comes back sends the header; its address is the one it began with.
        let last = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
        // An id that is none of ours is nothing to go on from: it begins anew.
        let last = last.or(self.last_event_id.as_deref()).and_then(|id| position(scope, id));
        let (epoch, offset) = last.map(|(epoch, offset)| (epoch.to_owned(), offset)).unzip();
        let subscribe = Subscribe { scope, interval_ms: self.interval_ms, epoch, offset };
        let mut wanted = Wanted::of(&subscribe, Encoding::Sse);
        wanted.view.filter = Filter {
            units: self.units.as_deref().map(units).transpose()?.map(Arc::new),
            kinds: self.kinds.as_deref().map(kinds).transpose()?.map(Arc::new),
            no_positions: self.positions == Some(false),
        };
        Ok(wanted)
    }
}

/// Epoch and offset of an id. None where it is of another scope's stream; one that names no
/// scope is of this one's, as ids once were.
fn position(scope: Scope, id: &str) -> Option<(&str, u64)> {
    let id = id.trim();
    let (of, place) = id.split_once('/').map_or((None, id), |(of, place)| (Some(of), place));
    if of.is_some_and(|of| of.parse() != Ok(scope)) {
        return None;
    }
    let (epoch, offset) = place.rsplit_once(':')?;
    Some((epoch, offset.parse().ok()?))
}

fn units(text: &str) -> Result<BTreeSet<UnitId>, ApiError> {
    let units: Result<BTreeSet<UnitId>, _> = text.split(',').map(|id| id.trim().parse()).collect();
    let units = units.map_err(|error| {
        ApiError::bad_request(format!("units is ids with commas between, such as PC-1,PC-2: {error}"))
    })?;
    if units.len() > UNITS_MAX {
        return Err(ApiError::bad_request(format!("units names at most {UNITS_MAX}; leave it out for all")));
    }
    Ok(units)
}

fn kinds(text: &str) -> Result<BTreeSet<&'static str>, ApiError> {
    let known = |kind: &str| Event::KINDS.into_iter().find(|known| *known == kind.trim());
    let kinds: Option<_> = text.split(',').map(known).collect();
    kinds.ok_or_else(|| {
        ApiError::bad_request(format!("kinds is some of {} with commas between", Event::KINDS.join(", ")))
    })
}

/// What is sent until the subscriber's end.
fn body(subscriber: Subscriber, gzip: Option<Gzip>) -> Body {
    let begin = Stream { subscriber, gzip, begun: false };
    Body::from_stream(futures::stream::unfold(Some(begin), async |stream| {
        let (piece, stream) = stream?.go_on().await;
        Some((Ok::<_, Infallible>(piece), stream))
    }))
}

struct Stream {
    subscriber: Subscriber,
    gzip: Option<Gzip>,
    begun: bool,
}

impl Stream {
    /// The next piece, and what follows; nothing after the last.
    async fn go_on(mut self) -> (Bytes, Option<Self>) {
        if !std::mem::replace(&mut self.begun, true) {
            return (self.pack(Bytes::from_static(BEGIN)), Some(self));
        }
        let piece = match self.subscriber.next().await {
            Next::Frames(frames) => joined(frames),
            Next::Beat => Bytes::from_static(BEAT),
            Next::End(end) => return (self.last(end), None),
        };
        (self.pack(piece), Some(self))
    }

    fn pack(&mut self, piece: Bytes) -> Bytes {
        match &mut self.gzip {
            Some(gzip) => gzip.pack(&piece),
            None => piece,
        }
    }

    fn last(mut self, End { code, reason }: End) -> Bytes {
        let close = StreamClose { kind: "close", code, reason };
        let data = serde_json::to_string(&close).expect("a number and texts always encode");
        let mut last = self.pack(format!("event: close\ndata: {data}\n\n").into()).to_vec();
        last.extend(self.gzip.map(Gzip::finish).unwrap_or_default());
        last.into()
    }
}

fn joined(frames: Vec<Frame>) -> Bytes {
    let bytes = |frame| match frame {
        Frame::Text(text) => Bytes::from(text),
        Frame::Binary(bytes) => bytes,
    };
    let mut pieces: Vec<Bytes> = frames.into_iter().map(bytes).collect();
    match pieces.as_mut_slice() {
        // What many are sent is not copied for each.
        [only] => std::mem::take(only),
        pieces => pieces.concat().into(),
    }
}
