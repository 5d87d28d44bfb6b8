//! `/api/v1/orders/{id}/driver-location`: where the driver of an order is, once, and over a
//! WebSocket each time that they move, whoever of them it is by then.
//!
//! Who has no credential to show as the socket opens shows the link's token in the first message.

use super::{LINK_ENDED, OVER, Tail, Told};
use crate::{
    auth::{Access, Follower, MaybeSigned, Share},
    dispatch::{DispatchError, followed::Followed, word},
    gateway::{
        line::{Line, Stop},
        subscriber::End,
        websocket::within_limits,
    },
    http::{customer, error::ApiError},
    state::Sentinel,
};
use axum::{
    Json,
    extract::{FromRequestParts as _, Path, Request, State, WebSocketUpgrade, ws::Message},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use sentinel_model::{
    TaskId, Time,
    live::{ErrorFrame, Pong, ServerFrame, close, to_json},
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// How soon who has shown nothing has to say by what they follow the order.
const SAY_WITHIN: Duration = Duration::from_secs(10);
const SAYS_NOTHING: End = End { code: close::UNAUTHORIZED, reason: "say by which link you follow the order" };
const NOT_THIS_ONE: End = End { code: close::FORBIDDEN, reason: "this address is another order's" };
const NOT_READ: End = End { code: close::BAD_FRAME, reason: "a message did not read" };
const TOO_MANY: &str = "too many have opened a socket and not said yet what they follow; come back";
const SAY: &str = "the actions are subscribe, unsubscribe and ping, such as \
    {\"action\":\"subscribe\",\"order_id\":\"A-7731\",\"token\":\"…\"}";

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new().routes(routes!(open))
}

/// Where the driver of an order is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
struct DriverLocation {
    /// The unit; by a link's token the assignment, which is another one where another driver takes over.
    #[schema(example = "A-7731.1")]
    driver_id: String,
    /// Degrees.
    #[schema(example = 9.9624)]
    latitude: f64,
    /// Degrees.
    #[schema(example = 76.2995)]
    longitude: f64,
    /// By the device's clock.
    timestamp: Time,
}

impl DriverLocation {
    fn of(found: &Followed, follower: &Follower) -> Option<Self> {
        let (driver, id) = found.order.driver.zip(found.driver_id(follower))?;
        Some(Self {
            driver_id: id.to_owned(),
            latitude: driver.latitude,
            longitude: driver.longitude,
            timestamp: driver.time,
        })
    }
}

/// Where the driver of an order is now, or, over a WebSocket, each time that they move.
///
/// By a link's token (`?token=` or Bearer) `driver_id` is the assignment; by a credential whose scope sees the order,
/// the unit. A socket is told nothing before it sends `{"action":"subscribe","order_id":"A-7731"}`, with the link's
/// `token` where it has shown none; then where the driver is comes at once, and again when they have moved. It also takes
/// `{"action":"unsubscribe"}` and `{"action":"ping"}`. It closes with 4103 when the order ends, with 4100 when the link or
/// sign-in does, with a code below 4100 to come back. A link shows nothing of an order that is closed.
#[utoipa::path(get, path = "/api/v1/orders/{id}/driver-location", operation_id = "read_driver_location",
    tag = "Dispatch", params(("id" = String, Path, description = "Which order", example = "A-7731")),
    security(("session" = []), ("bearer" = []), ("api_key" = []), ("token" = [])),
    responses(
        (status = 101, description = "The socket is open"),
        (status = 200, description = "The driver's last position", body = DriverLocation),
        (status = 404, description = "No order of that id that you may see, or nobody is on the way with it; \
            with a link's token also where that link is none or shows nothing any more"),
        (status = 426, description = "This connection cannot become a WebSocket"),
        (status = 429, description = "This link, person or key has as many streams open at this node as it may"),
    ))]
async fn open(
    State(sentinel): State<Arc<Sentinel>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let wants_socket = parts.headers.contains_key(header::UPGRADE);
    let follower = match link_token(&parts.headers, parts.uri.query()) {
        Some(token) => {
            let link = sentinel.access.link_holder(&token)?;
            let link = link.filter(|link| link.task().as_str() == id).ok_or_else(customer::gone)?;
            Some(Follower::Link(link))
        }
        None => {
            let MaybeSigned(caller) = MaybeSigned::from_request_parts(&mut parts, &sentinel).await?;
            caller.map(Follower::Caller)
        }
    };
    let Some(follower) = follower else {
        if !wants_socket {
            return Err(Access::say_who());
        }
        let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &sentinel).await;
        let share = sentinel.streams_of_nobody.take_as("nobody");
        let share = share.ok_or_else(|| ApiError::too_many(TOO_MANY, 10))?;
        return Ok(socket(upgrade, sentinel, id, Who::Nobody { _among: share }));
    };
    let found = match id.parse::<TaskId>() {
        Ok(order) => sentinel.dispatch.follow(&follower, &order).await?,
        Err(_) => None,
    };
    let found = found.ok_or_else(|| match &follower {
        Follower::Link(_) => customer::gone(),
        Follower::Caller(_) => DispatchError::NoTask(word(true)).into(),
    })?;
    if wants_socket {
        let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &sentinel).await;
        let tail = Tail::new(sentinel.clone(), follower, found.id().clone())?;
        return Ok(socket(upgrade, sentinel, id, Who::Known(Box::new(tail))));
    }
    let location = DriverLocation::of(&found, &follower);
    let location = location
        .ok_or_else(|| ApiError::not_found("nobody is on the way with this order whose place is known"))?;
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(location)).into_response())
}

/// What in a request may be a link's token: no credential of another kind looks like one.
fn link_token(headers: &HeaderMap, query: Option<&str>) -> Option<String> {
    let bearer = || {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    };
    let in_query = || {
        let mut pairs = form_urlencoded::parse(query?.as_bytes());
        pairs.find_map(|(name, token)| (name == "token").then(|| token.into_owned()))
    };
    bearer().or_else(in_query).filter(|token| token.contains('~'))
}

fn socket(
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
    sentinel: Arc<Sentinel>,
    order: String,
    who: Who,
) -> Response {
    match upgrade {
        Ok(upgrade) => within_limits(upgrade).on_upgrade(async move |socket| {
            Conversation { sentinel, order, who, line: Line::new(socket), sent: None }.run().await;
        }),
        Err(refused) => refused.into_response(),
    }
}

/// What a client says.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum Said {
    Subscribe { order_id: String, token: Option<String> },
    Unsubscribe {},
    Ping {},
}

enum Who {
    /// Somebody who has shown nothing yet, among the few of whom there may be so many at once.
    Nobody {
        _among: Share,
    },
    Known(Box<Tail>),
}

struct Conversation {
    sentinel: Arc<Sentinel>,
    /// The one of the address.
    order: String,
    who: Who,
    line: Line,
    sent: Option<DriverLocation>,
}

impl Conversation {
    async fn run(mut self) {
        let until = tokio::time::Instant::now() + SAY_WITHIN;
        let mut went = Ok(());
        while went.is_ok() {
            went = match &mut self.who {
                Who::Nobody { .. } => tokio::select! {
                    heard = self.line.hear() => match heard {
                        Ok(message) => self.answer(message).await,
                        Err(stop) => Err(stop),
                    },
                    () = tokio::time::sleep_until(until) => Err(Stop::End(SAYS_NOTHING)),
                },
                Who::Known(tail) => tokio::select! {
                    heard = self.line.hear() => match heard {
                        Ok(message) => self.answer(message).await,
                        Err(stop) => Err(stop),
                    },
                    told = tail.next() => self.tell(told).await,
                },
            };
        }
        if let Who::Known(tail) = &mut self.who {
            tail.leave();
        }
        self.line.close(went.err().unwrap_or(Stop::Gone)).await;
    }

    async fn answer(&mut self, message: Message) -> Result<(), Stop> {
        let said = match &message {
            Message::Text(text) => serde_json::from_str::<Said>(text).map_err(|error| error.to_string()),
            _ => Err("it is no text".to_owned()),
        };
        match said {
            Ok(Said::Subscribe { order_id, .. }) if order_id != self.order => Err(Stop::End(NOT_THIS_ONE)),
            Ok(Said::Subscribe { token, .. }) => self.subscribe(token).await,
            Ok(Said::Unsubscribe {}) => {
                if let Who::Known(tail) = &mut self.who {
                    tail.leave();
                }
                self.sent = None;
                Ok(())
            }
            Ok(Said::Ping {}) => {
                let pong = ServerFrame::Pong(Pong { at: self.sentinel.clock.now() });
                self.say(to_json(&pong).expect("a pong always encodes")).await
            }
            Err(error) => {
                let message = format!("this is no message of this socket ({error}); {SAY}");
                let error = ServerFrame::Error(ErrorFrame { code: "bad_frame".into(), message });
                self.say(to_json(&error).expect("a refusal always encodes")).await?;
                Err(Stop::End(NOT_READ))
            }
        }
    }

    async fn subscribe(&mut self, token: Option<String>) -> Result<(), Stop> {
        if let Who::Nobody { .. } = &self.who {
            let link = token.and_then(|token| self.sentinel.access.link_holder(&token).ok().flatten());
            let link = link.filter(|link| link.task().as_str() == self.order);
            let link = link.ok_or(Stop::End(LINK_ENDED))?;
            let order = link.task().clone();
            let follower = Follower::Link(link);
            // Another node may have made it just now.
            if !matches!(self.sentinel.dispatch.follow(&follower, &order).await, Ok(Some(_))) {
                return Err(Stop::End(LINK_ENDED));
            }
            let tail = Tail::new(self.sentinel.clone(), follower, order);
            let tail = tail.map_err(|_| {
                Stop::End(End { code: close::TOO_SLOW, reason: "too many follow it; come back" })
            })?;
            self.who = Who::Known(Box::new(tail));
        }
        let Who::Known(tail) = &mut self.who else { return Ok(()) };
        self.sent = None;
        let told = tail.look().await;
        self.tell(told).await
    }

    async fn tell(&mut self, told: Told) -> Result<(), Stop> {
        let found = match told {
            Told::Now(found) => found,
            Told::Beat => return self.line.beat().await,
            Told::End(end) => return Err(Stop::End(end)),
        };
        if found.order.state.is_over() {
            return Err(Stop::End(OVER));
        }
        let Who::Known(tail) = &self.who else { return Ok(()) };
        let location = DriverLocation::of(&found, &tail.follower);
        if location.is_some() && location != self.sent {
            self.sent.clone_from(&location);
            self.say(serde_json::to_string(&location).expect("a place always encodes")).await?;
        }
        Ok(())
    }

    async fn say(&mut self, text: String) -> Result<(), Stop> {
        self.line.send(Message::text(text)).await
    }
}
