//! Around every request: its id, its log line, its measure, and the headers that
//! browsers are to obey.

use super::error::REQUEST_ID;
use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use std::time::Instant;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id taken over from a proxy, characters.
const ID_MAX_CHARS: usize = 64;

pub async fn around(request: Request, next: Next) -> Response {
    let id = given_id(&request).unwrap_or_else(|| format!("{:016x}", rand::random::<u64>()));
    let started = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let mut response = REQUEST_ID.scope(id.clone(), next.run(request)).await;
    let took = started.elapsed();
    let status = response.status();
    if status.is_server_error() {
        tracing::warn!(request_id = id, %method, path, status = status.as_u16(), took_ms = took.as_millis(), "answered");
    } else {
        tracing::debug!(request_id = id, %method, path, status = status.as_u16(), took_ms = took.as_millis(), "answered");
    }
    let labels = [
        ("route", route.unwrap_or_else(|| "other".into())),
        ("status", status.as_str().to_owned()),
    ];
    metrics::histogram!("sentinel_request_seconds", &labels).record(took.as_secs_f64());
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}

fn given_id(request: &Request) -> Option<String> {
    let id = request.headers().get(X_REQUEST_ID)?.to_str().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!id.is_empty() && id.len() <= ID_MAX_CHARS && id.chars().all(plain)).then(|| id.to_owned())
}
