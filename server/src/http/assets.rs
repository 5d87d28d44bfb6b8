//! The site's files, carried inside the program: wasm, styles, fonts, basemaps.
//!
//! A build for development reads them from disk instead. Files that were packed
//! ahead are sent packed to whoever takes brotli.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::{Embed, EmbeddedFile};
use std::fmt::Write;

#[derive(Embed)]
#[folder = "../target/site"]
struct Site;

/// Answers with a file of the site; none where there is no such file.
pub fn file(uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    let path = uri.path().trim_start_matches('/');
    let plain = Site::get(path)?;
    let tag = tag(&plain);
    let unchanged = headers.get(header::IF_NONE_MATCH).is_some_and(|held| held.as_bytes() == tag.as_bytes());
    let packed = takes_brotli(headers).then(|| Site::get(&format!("{path}.br"))).flatten();
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let is_packed = packed.is_some();
        let mut response = Body::from(packed.unwrap_or(plain).data).into_response();
        if is_packed {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
        }
        response
    };
    let set = response.headers_mut();
    set.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind(path)));
    set.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    // Asked for anew each time, answered "unchanged" as long as it is: pages and wasm never mix versions.
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        set.insert(header::ETAG, tag);
    }
    Some(response)
}

fn tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    hash[..12].iter().fold(String::from("\""), |mut tag, byte| {
        write!(tag, "{byte:02x}").ok();
        tag
    }) + "\""
}

fn takes_brotli(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|takes| takes.split(',').any(|coding| coding.trim().split(';').next() == Some("br")))
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "geojson" => "application/json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
