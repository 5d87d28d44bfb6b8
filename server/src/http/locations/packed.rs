//! Bodies that a proxy or an app has packed (`Content-Encoding: gzip`).

use super::too_large;
use crate::http::error::ApiError;
use axum::{
    body::Bytes,
    http::{HeaderMap, header},
};
use flate2::read::MultiGzDecoder;
use std::io::Read as _;

/// The body as it was before it was packed, of at most so many bytes.
pub async fn open(headers: &HeaderMap, body: Bytes, max_bytes: usize) -> Result<Bytes, ApiError> {
    let encoding =
        headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or_default().trim());
    match encoding {
        None | Some("" | "identity") => Ok(body),
        Some("gzip" | "x-gzip") => {
            let opening = tokio::task::spawn_blocking(move || unpack(&body, max_bytes));
            opening.await.map_err(|fault| ApiError::internal(&fault))?
        }
        Some(_) => Err(ApiError::unsupported(
            "the body is packed in a way that is not read here: send it as it is, or by gzip",
        )),
    }
}

fn unpack(packed: &[u8], max_bytes: usize) -> Result<Bytes, ApiError> {
    let mut body = Vec::new();
    let read = MultiGzDecoder::new(packed).take(max_bytes as u64 + 1).read_to_end(&mut body);
    match read {
        Ok(bytes) if bytes > max_bytes => Err(too_large(max_bytes)),
        Ok(_) => Ok(body.into()),
        Err(_) => Err(ApiError::bad_request("the body says that it is packed by gzip and does not unpack")),
    }
}
