//! The bundled basemaps as the page reads them: `/outlines/kochi`, `/outlines/world`.

use super::{answer::postcard_response, error::ApiError};
use axum::{
    Router,
    body::Bytes,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sentinel_model::outline::Basemap;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// What is sent, and the mark by which a browser asks whether it has changed.
struct Packed {
    bytes: Bytes,
    tag: String,
}

static KOCHI: LazyLock<Packed> =
    LazyLock::new(|| pack(include_str!("../../../public/basemap/kochi.geojson")));
static WORLD: LazyLock<Packed> =
    LazyLock::new(|| pack(include_str!("../../../public/basemap/world.geojson")));

pub fn routes() -> Router {
    Router::new().route("/outlines/{name}", get(outlines))
}

fn pack(geojson: &str) -> Packed {
    let map =
        Basemap::from_geojson(geojson).expect("the bundled basemaps are well formed; a test reads them");
    let bytes = postcard::to_allocvec(&map).expect("plain data encodes");
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(&bytes)[..12]));
    Packed { bytes: bytes.into(), tag }
}

async fn outlines(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    let packed = match name.as_str() {
        "kochi" => &*KOCHI,
        "world" => &*WORLD,
        _ => return Err(ApiError::not_found("there is no basemap of that name")),
    };
    let held = headers.get(header::IF_NONE_MATCH);
    let mut response = if held.is_some_and(|held| held.as_bytes() == packed.tag.as_bytes()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        postcard_response(packed.bytes.clone())
    };
    let set = response.headers_mut();
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&packed.tag) {
        set.insert(header::ETAG, tag);
    }
    Ok(response)
}
