//! Addresses and how they answer: one file a resource.
//!
//! For people without a program: [`admin`], pages over the same functions; for customers, who have
//! no account either: [`customer`].
//!
//! Around them all: [`edge`] (request ids, logs, headers) and [`fresh`] (what another node
//! has just made); under them: [`listen`].

mod admin;
mod alert_rules;
mod alerts;
mod answer;
pub mod api_keys;
mod assets;
mod audit;
pub mod customer;
mod dispatch;
mod docs;
pub mod earlier;
mod edge;
mod erasure;
pub mod error;
mod exports;
mod filters;
mod fresh;
mod geofences;
mod imports;
pub mod input;
pub mod listen;
mod locations;
pub mod login;
pub mod openapi;
pub mod ops;
mod outlines;
mod own_settings;
mod pages;
mod patrols;
mod places;
mod reports;
pub mod scopes;
mod units;
pub mod users;
mod webhooks;

use crate::{
    gateway::{order::driver, sse, websocket},
    state::Sentinel,
};
use axum::{
    Router,
    http::{Method, StatusCode, Uri},
    middleware::{from_fn, from_fn_with_state},
    routing::{any, get},
};
use error::ApiError;
use std::{sync::Arc, time::Duration};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer,
        predicate::{And, NotForContentType, Predicate as _, SizeAbove},
    },
    timeout::TimeoutLayer,
};
use utoipa_axum::router::OpenApiRouter;

/// A request on a bad network may take this long to arrive and be answered.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Answers below this many bytes are sent as they are.
const PACKED_FROM_BYTES: u16 = 2048;

pub fn router(sentinel: Arc<Sentinel>) -> Router {
    let records = OpenApiRouter::from(units::routes())
        .merge(places::routes().into())
        .merge(exports::routes())
        .merge(erasure::routes())
        .merge(patrols::routes())
        .merge(alerts::routes())
        .merge(dispatch::routes())
        .merge(reports::routes())
        .merge(scopes::routes())
        .merge(filters::routes())
        .merge(alert_rules::routes())
        .merge(geofences::routes())
        .merge(users::routes())
        .merge(api_keys::routes())
        .merge(webhooks::routes())
        .merge(audit::routes())
        .merge(login::routes())
        .layer(from_fn_with_state(sentinel.clone(), fresh::look_before))
        .layer(from_fn(answer::negotiate));
    let (addresses, document) = OpenApiRouter::with_openapi(openapi::frame())
        .merge(locations::routes().into())
        .merge(records)
        .merge(ops::routes())
        .merge(driver::routes())
        .merge(customer::routes())
        .merge(earlier::routes())
        .merge(admin::routes(&sentinel).into())
        .route("/api/v1/ws", get(websocket::open))
        .route("/api/v1/stream", get(sse::open))
        .merge(openapi::described_only(units::described()))
        .merge(openapi::described_only(places::described()))
        .merge(openapi::described_only(locations::described()))
        .merge(openapi::described_only(imports::described()))
        .merge(openapi::described_only(websocket::described()))
        .merge(openapi::described_only(sse::described()))
        .split_for_parts();
    let in_time = addresses
        .route("/api", any(no_address))
        .route("/api/", any(no_address))
        .route("/api/{*rest}", any(no_address))
        .with_state(sentinel.clone())
        .merge(openapi::routes(document))
        .merge(docs::routes())
        .merge(outlines::routes())
        .merge(pages::routes(&sentinel).layer(from_fn_with_state(sentinel.clone(), locations::before_pages)))
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(sentinel.clone(), fresh::look_again))
        .layer(packing())
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT));
    in_time
        .merge(imports::routes(sentinel).method_not_allowed_fallback(no_method))
        .layer(from_fn(edge::around))
}

/// Lists and pages are packed on the way out, quickly; answers to devices are too small to
/// gain, and an event stream packs itself, as nothing of it may be kept back.
fn packing() -> CompressionLayer<And<SizeAbove, NotForContentType>> {
    let lists = SizeAbove::new(PACKED_FROM_BYTES).and(NotForContentType::SSE);
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(lists)
}

async fn no_address(uri: Uri) -> ApiError {
    ApiError::not_found(format!("there is no address {}", uri.path().chars().take(200).collect::<String>()))
}

async fn no_method(method: Method, uri: Uri) -> ApiError {
    ApiError::no_method(format!("{method} is not for {}", uri.path().chars().take(200).collect::<String>()))
}
