//! What each client has to be answered, or it sends everything again.

use crate::ingest::decode::Format;
use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use sentinel_model::fix::IngestAnswer;

/// `status` is for those who read the native answer; the others take nothing but 200.
pub fn of(format: Format, status: StatusCode, answer: IngestAnswer) -> Response {
    const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];
    match format {
        Format::Native => (status, Json(answer)).into_response(),
        // Typed, as the document has it, though there is nothing in it.
        Format::OsmAnd | Format::GpsLogger => "".into_response(),
        Format::OwnTracks => (JSON, "[]").into_response(),
        Format::Overland => (JSON, r#"{"result":"ok"}"#).into_response(),
    }
}
