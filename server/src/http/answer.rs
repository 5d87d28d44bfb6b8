//! What an address answers with, in the encoding that was asked for.
//!
//! JSON, unless the request's `Accept` names postcard exactly: the dashboard does, which
//! shares the types and so need not carry a JSON reader.

use axum::{
    Json,
    extract::Request,
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sentinel_model::page::MIME_POSTCARD;
use serde::Serialize;

tokio::task_local! {
    /// Set while a request is answered that wants postcard.
    static WANTS_POSTCARD: ();
}

/// Around the addresses whose answers come in either encoding.
pub async fn negotiate(request: Request, next: Next) -> Response {
    let wanted = request.headers().get(header::ACCEPT).is_some_and(|accept| accept == MIME_POSTCARD);
    let mut response =
        if wanted { WANTS_POSTCARD.scope((), next.run(request)).await } else { next.run(request).await };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// A body of either encoding. For types without `flatten` or skipped members: postcard
/// has no names to tell what is missing.
pub struct Answer<T>(pub T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        if WANTS_POSTCARD.try_with(|()| ()).is_err() {
            return Json(self.0).into_response();
        }
        match postcard::to_allocvec(&self.0) {
            Ok(bytes) => postcard_response(bytes),
            Err(error) => super::error::ApiError::internal(&error).into_response(),
        }
    }
}

pub fn postcard_response(bytes: impl Into<axum::body::Body>) -> Response {
    ([(header::CONTENT_TYPE, MIME_POSTCARD)], bytes.into()).into_response()
}
