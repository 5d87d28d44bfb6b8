//! Where several nodes share the records, another may have made a moment ago what this one
//! is asked about: a sign-in, a unit, a right. What would be refused is looked at again by
//! the newest records, so that a balancer may send each request anywhere.

use crate::{auth::Access, state::Sentinel};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use std::sync::Arc;

pub async fn look_again(State(sentinel): State<Arc<Sentinel>>, request: Request, next: Next) -> Response {
    let given = Access::is_given(request.headers(), request.uri().query());
    // Who is behind is reading already, and refuses meanwhile.
    let directory = &sentinel.directory;
    if !given || !directory.is_shared() || directory.ensure_current().is_err() {
        return next.run(request).await;
    }
    let known = sentinel.access.caller(request.method(), request.uri(), request.headers());
    if !matches!(known, Ok(Some(_))) {
        sentinel.directory.freshen().await;
    }
    let Some(again) = copy(&request) else { return next.run(request).await };
    let response = next.clone().run(request).await;
    let refused = matches!(response.status(), StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
    if refused && sentinel.directory.freshen().await { next.run(again).await } else { response }
}

/// Before something is changed: a change cannot be tried twice, and changes are few. Not for
/// positions, which are many.
pub async fn look_before(State(sentinel): State<Arc<Sentinel>>, request: Request, next: Next) -> Response {
    let given = Access::is_given(request.headers(), request.uri().query());
    if given && !request.method().is_safe() {
        sentinel.directory.freshen().await;
    }
    next.run(request).await
}

/// Of a request that only reads, so that asking twice changes nothing.
fn copy(request: &Request) -> Option<Request> {
    let headers = request.headers();
    if request.method() != Method::GET || headers.contains_key(header::UPGRADE) {
        return None;
    }
    let mut copy =
        Request::builder().method(Method::GET).uri(request.uri().clone()).body(Body::empty()).ok()?;
    *copy.headers_mut() = headers.clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}
