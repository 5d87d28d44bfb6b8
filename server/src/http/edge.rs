//! Around every request: its id, its log line, its measure, and the headers that
//! browsers are to obey.

use super::error::REQUEST_ID;
use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use metrics::Histogram;
use std::{cell::RefCell, collections::HashMap, time::Instant};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id taken over from a proxy, characters.
const ID_MAX_CHARS: usize = 64;

pub async fn around(request: Request, next: Next) -> Response {
    let id = given_id(&request).unwrap_or_else(|| format!("{:016x}", rand::random::<u64>()));
    let started = Instant::now();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = REQUEST_ID.scope(id.clone(), next.run(request)).await;
    let took = started.elapsed();
    let status = response.status();
    // The path alone: a query may hold a token.
    let (path, took_ms) = (uri.path(), took.as_millis());
    if status.is_server_error() {
        tracing::warn!(request_id = id, %method, path, status = status.as_u16(), took_ms, "answered");
    } else {
        tracing::debug!(request_id = id, %method, path, status = status.as_u16(), took_ms, "answered");
    }
    measure(route.as_ref().map_or("other", MatchedPath::as_str), status, took.as_secs_f64());
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

fn measure(route: &str, status: StatusCode, seconds: f64) {
    thread_local! {
        /// Making a labelled metric costs more than recording in it; each thread keeps those it made.
        static MADE: RefCell<HashMap<String, HashMap<StatusCode, Histogram>>> = RefCell::default();
    }
    MADE.with_borrow_mut(|made| {
        if !made.contains_key(route) {
            made.insert(route.to_owned(), HashMap::new());
        }
        let Some(of_route) = made.get_mut(route) else { return };
        let histogram = of_route.entry(status).or_insert_with(|| {
            let labels = [("route", route.to_owned()), ("status", status.as_str().to_owned())];
            metrics::histogram!("sentinel_request_seconds", &labels)
        });
        histogram.record(seconds);
    });
}

fn given_id(request: &Request) -> Option<String> {
    let id = request.headers().get(X_REQUEST_ID)?.to_str().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!id.is_empty() && id.len() <= ID_MAX_CHARS && id.chars().all(plain)).then(|| id.to_owned())
}
