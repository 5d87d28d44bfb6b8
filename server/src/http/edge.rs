//! Around every request: its id, its log line, its measure, and the headers that
//! browsers are to obey.

use super::error::{REQUEST_ID, in_one_shape};
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
    let answered = async {
        let response = in_one_shape(next.run(request).await).await;
        let took = started.elapsed();
        // The path alone: a query may hold a token; and of a link's page, whose path does, its kind.
        let path = if uri.path().starts_with("/t/") { "/t/" } else { uri.path() };
        let (status, took_ms) = (response.status(), took.as_millis());
        // Why it refuses for now has been told by what found that out: this adds nothing but a line for
        // every device.
        if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(%method, path, status = status.as_u16(), took_ms, "answered");
        } else {
            tracing::debug!(%method, path, status = status.as_u16(), took_ms, "answered");
        }
        (response, took)
    };
    let (mut response, took) = REQUEST_ID.scope(id.clone(), answered).await;
    let status = response.status();
    measure(route.as_ref().map_or("other", MatchedPath::as_str), status, took.as_secs_f64());
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, body::Body, middleware::from_fn, response::IntoResponse as _, routing::get};
    use std::time::Duration;
    use tower::ServiceExt as _;
    use tower_http::timeout::TimeoutLayer;

    #[tokio::test]
    async fn what_a_layer_refuses_has_the_shape_of_every_refusal() {
        let tea =
            || async { (StatusCode::IM_A_TEAPOT, [(header::ALLOW, "tea")], "no coffee").into_response() };
        let page =
            || async { (StatusCode::NOT_FOUND, axum::response::Html("<p>no page</p>")).into_response() };
        let timeout = TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_millis(5));
        let app = Router::new()
            .route("/slow", get(std::future::pending::<()>))
            .route("/coffee", get(tea))
            .route("/page", get(page))
            .layer(timeout)
            .layer(from_fn(around));
        let ask = async |path: &str| {
            let request = Request::get(path).header("x-request-id", "r-1").body(Body::empty());
            let response = app.clone().oneshot(request.expect("a request")).await.expect("answers");
            let (parts, body) = response.into_parts();
            let body = axum::body::to_bytes(body, 10_000).await.expect("a body");
            (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
        };
        let (status, _, body) = ask("/slow").await;
        let said =
            r#"{"code":"timeout","message":"the request took too long; try again","request_id":"r-1"}"#;
        assert_eq!((status, &*body), (StatusCode::REQUEST_TIMEOUT, said));
        let (status, headers, body) = ask("/coffee").await;
        assert_eq!(status, StatusCode::IM_A_TEAPOT);
        assert!(body.contains(r#""message":"no coffee""#), "{body}");
        assert_eq!(
            (&headers["allow"], &headers["content-type"]),
            (&"tea".parse().expect("text"), &"application/json".parse().expect("text"))
        );
        assert_eq!(ask("/page").await.2, "<p>no page</p>", "a page stays a page");
    }
}
