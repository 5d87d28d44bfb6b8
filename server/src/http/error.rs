//! Refusals, as every address gives them: `{"code","message","request_id"}`.
//!
//! What went wrong inside is logged once, with its whole chain, under the request's
//! id; the caller learns what to do, never our internals.

use super::answer::Answer;
use crate::{
    directory::Behind,
    ports::{EngineError, IntakeError},
    wiring::is_away,
};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sentinel_model::ErrorBody;
use std::error::Error as _;

tokio::task_local! {
    /// The id of the request being answered.
    pub static REQUEST_ID: String;
}

pub fn request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_default()
}

#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_after_s: Option<u32>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after_s: None }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// No credential, or one that does not hold.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub fn no_method(message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// A conflict that programs tell apart by its code.
    pub fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// A body in a form that is not read here.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", message)
    }

    pub fn too_many(message: impl Into<String>, retry_after_s: u32) -> Self {
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message);
        error.retry_after_s = Some(retry_after_s);
        error
    }

    pub fn overloaded(message: impl Into<String>, retry_after_s: u32) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message);
        error.retry_after_s = Some(retry_after_s);
        error
    }

    /// What is needed for it is away.
    pub fn unavailable(message: impl Into<String>, retry_after_s: u32) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
        error.retry_after_s = Some(retry_after_s);
        error
    }

    /// A refusal that came as a status and plain words, from a layer or an extractor.
    fn of(status: StatusCode, words: &str) -> Self {
        let code = match status {
            StatusCode::REQUEST_TIMEOUT => "timeout",
            StatusCode::UPGRADE_REQUIRED => "upgrade_required",
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
            StatusCode::PAYLOAD_TOO_LARGE => "too_large",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported",
            status if status.is_client_error() => "bad_request",
            _ => "internal",
        };
        let message = match words.trim() {
            "" if status == StatusCode::REQUEST_TIMEOUT => "the request took too long; try again",
            "" => status.canonical_reason().unwrap_or(code),
            words => words,
        };
        Self::new(status, code, message)
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn body(&self) -> ErrorBody {
        ErrorBody { code: self.code.into(), message: self.message.clone(), request_id: request_id() }
    }

    /// Something failed on our side: logged here, once, with its causes.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "a request failed on our side");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something failed on the server; the operator finds it in the log under this request id",
        )
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        if !is_away(&error) {
            return Self::internal(&error);
        }
        tracing::warn!(error = &error as &dyn std::error::Error, "a request needs what is away");
        Self::unavailable(
            "a database that this needs cannot be reached right now; try again soon, and look first whether \
             what you wanted to change has changed",
            5,
        )
    }
}

impl From<Behind> for ApiError {
    fn from(behind: Behind) -> Self {
        Self::unavailable(behind.to_string(), 2)
    }
}

impl From<IntakeError> for ApiError {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Full => Self::overloaded(
                "positions arrive faster than they can be stored; nothing of this request was stored, send it again",
                1,
            ),
            IntakeError::Stopping => Self::overloaded("the server is restarting; send this again", 2),
            // Said in the log by what keeps the connection, not once for every device.
            IntakeError::Unknown(_) => Self::overloaded(
                "the store did not answer; send this again, what was stored of it already is not stored twice",
                2,
            ),
            IntakeError::Store(_) => {
                tracing::error!(error = ?error.source(), "positions could not be written");
                Self::overloaded(
                    "positions cannot be stored right now; nothing of this request was stored, send it again",
                    5,
                )
            }
        }
    }
}

/// Refusals that axum and its layers made themselves, as plain text or without a body,
/// in the shape that all others have. Everything else passes as it is.
pub async fn in_one_shape(response: Response) -> Response {
    /// Such words are a line; more of them are not read.
    const WORDS_MAX_BYTES: usize = 4096;
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let plain = kind.is_none_or(|kind| kind.starts_with(b"text/plain"));
    if !plain || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let words = axum::body::to_bytes(body, WORDS_MAX_BYTES).await.unwrap_or_default();
    let mut shaped = ApiError::of(status, &String::from_utf8_lossy(&words)).into_response();
    for (name, value) in &parts.headers {
        // Such as Allow; but not what described the words.
        if ![header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name) {
            shaped.headers_mut().insert(name, value.clone());
        }
    }
    shaped
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Answer(self.body())).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
