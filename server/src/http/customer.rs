//! What a customer opens: `/t/{token}`, the page of a link of an order, and what it asks for.
//!
//! The page is whole without JavaScript, and renews itself; with it, it goes on live and has a
//! map. A link that was never made, has run out, was revoked or whose order has ended answers the
//! same: one page, one refusal, byte for byte.

mod html;

use super::{error::ApiError, pages};
use crate::{
    auth::{Follower, links::LinkHolder},
    dispatch::followed::{Followed, FollowedOrder},
    gateway::order::page,
    state::Sentinel,
};
use axum::{
    Json,
    extract::{Path, State, WebSocketUpgrade, rejection::PathRejection},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

const GONE: &str = "this link shows nothing: it is none, or it has ended";
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_ROBOTS: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow"));

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    let style = || async { sent("text/css; charset=utf-8", include_str!("../../customer/look.css")) };
    let script =
        || async { sent("text/javascript; charset=utf-8", include_str!("../../customer/follow.js")) };
    let map = || async { sent("text/javascript; charset=utf-8", include_str!("../../customer/map.js")) };
    OpenApiRouter::new()
        .routes(routes!(now))
        .routes(routes!(live))
        .route("/t/{token}", get(show))
        .route("/t/look.css", get(style))
        .route("/t/follow.js", get(script))
        .route("/t/map.js", get(map))
}

fn sent(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text)
}

/// What every token is answered that shows nothing.
pub fn gone() -> ApiError {
    ApiError::not_found(GONE)
}

type Token = Result<Path<String>, PathRejection>;

/// Who holds a link that shows something, and what.
async fn found(sentinel: &Sentinel, token: Token) -> Result<(LinkHolder, Followed), ApiError> {
    let token = token.map(|Path(token)| token).unwrap_or_default();
    let link = sentinel.access.link_holder(&token)?.ok_or_else(gone)?;
    let order = link.task().clone();
    let found = sentinel.dispatch.follow(&Follower::Link(link.clone()), &order).await?;
    Ok((link, found.ok_or_else(gone)?))
}

async fn show(State(sentinel): State<Arc<Sentinel>>, token: Token) -> Response {
    let (status, html) = match found(&sentinel, token).await {
        Ok((_, found)) => (StatusCode::OK, html::page(&found.order, &sentinel.map)),
        Err(error) if error.status() == StatusCode::NOT_FOUND => (StatusCode::NOT_FOUND, html::gone()),
        Err(error) => (error.status(), html::failed()),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, policy(&sentinel)),
        (header::REFERRER_POLICY, NO_REFERRER),
        (header::CACHE_CONTROL, NO_STORE),
        NO_ROBOTS,
    ];
    (status, headers, html).into_response()
}

/// Nothing from elsewhere but the map's tiles, and no script or style within the page.
fn policy(sentinel: &Sentinel) -> HeaderValue {
    let tiles = sentinel.map.tile_url.as_deref().and_then(pages::tile_origin).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data: {tiles}; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

/// An order as its customer sees it, by one of its links.
///
/// `/t/{token}` is the same as a page. After the order's end it says how that was for an hour.
#[utoipa::path(get, path = "/t/{token}/now", operation_id = "read_followed_order", tag = "Dispatch",
    params(("token" = String, Path, description = "The link's token", example = "A-7731~0f3c9a5be1d24786~mH1oV3cWq2fX8zQyR5tKbg")),
    security(()),
    responses(
        (status = 200, description = "How far it is, and where its driver is", body = FollowedOrder),
        (status = 404, description = "No such link, or one that has ended: which of them is not said"),
    ))]
async fn now(State(sentinel): State<Arc<Sentinel>>, token: Token) -> Response {
    let answer = match found(&sentinel, token).await {
        Ok((_, found)) => Json(found.order).into_response(),
        Err(error) => error.into_response(),
    };
    secret(answer)
}

/// The same over a WebSocket: at once, and each time that something of it is another.
///
/// Nothing is to be sent. It closes with 4103 after the order's end was told, with 4100 when the link ends, and with a
/// code below 4100 to come back.
#[utoipa::path(get, path = "/t/{token}/live", operation_id = "follow_order", tag = "Dispatch",
    params(("token" = String, Path, description = "The link's token", example = "A-7731~0f3c9a5be1d24786~mH1oV3cWq2fX8zQyR5tKbg")),
    security(()),
    responses(
        (status = 101, description = "The socket is open"),
        (status = 400, description = "No WebSocket was asked for"),
        (status = 404, description = "No such link, or one that has ended: which of them is not said"),
        (status = 426, description = "This connection cannot become a WebSocket"),
        (status = 429, description = "This link has as many open at this node as it may: 20"),
    ))]
async fn live(State(sentinel): State<Arc<Sentinel>>, token: Token, upgrade: WebSocketUpgrade) -> Response {
    let opened = async {
        let (link, _) = found(&sentinel, token).await?;
        page::open(sentinel.clone(), link, upgrade)
    };
    match opened.await {
        Ok(response) => response,
        Err(error) => secret(error.into_response()),
    }
}

/// Neither kept on the way nor found by anybody who searches.
fn secret(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(header::REFERRER_POLICY, NO_REFERRER);
    let (name, value) = NO_ROBOTS;
    headers.insert(name, value);
    response
}
