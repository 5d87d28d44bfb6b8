//! The filters of a scope: which positions move its units' markers.

use super::{
    answer::Answer,
    error::ApiError,
    input::{BODY_MAX_BYTES, Body},
    own_settings::{set, view},
};
use crate::{auth::Signed, state::Sentinel};
use axum::{
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
};
use sentinel_model::{
    Scope,
    filters::{Filters, ScopeFilters},
};
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new().routes(routes!(read, put, remove)).layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

/// The filters that hold in a scope: its own, or those of the nearest above it that has some.
///
/// They decide which positions move a unit's marker. Nothing is kept out of history, and an SOS
/// is always told.
#[utoipa::path(get, path = "/api/v1/scopes/{scope}/filters", operation_id = "scope_filters", tag = "Hierarchy",
    params(("scope" = Scope, Path, description = "Which node")),
    responses((status = 200, description = "What holds, and whose it is", body = ScopeFilters)))]
async fn read(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(scope): Path<String>,
) -> Result<Answer<ScopeFilters>, ApiError> {
    let (scope, filters) = view(&state, &caller, &scope)?;
    Ok(Answer(ScopeFilters { scope, filters }))
}

/// Gives a scope filters of its own, in place of those it had or those above it.
///
/// Without any setting they hide nothing, whatever stands above.
#[utoipa::path(put, path = "/api/v1/scopes/{scope}/filters", operation_id = "put_scope_filters", tag = "Hierarchy",
    params(("scope" = Scope, Path, description = "Which node")),
    request_body(content = Filters, example = json!({
        "poor_accuracy_m": 200.0, "max_speed_mps": 70.0, "keep_after_s": 300
    })),
    responses((status = 200, description = "They hold from now on", body = ScopeFilters)))]
async fn put(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(scope): Path<String>,
    Body(filters): Body<Filters>,
) -> Result<Answer<ScopeFilters>, ApiError> {
    filters.check().map_err(|error| ApiError::bad_request(error.to_string()))?;
    let (scope, filters) = set(state, caller, &scope, Some(filters)).await?;
    Ok(Answer(ScopeFilters { scope, filters }))
}

/// Takes a scope's own filters away: those above it hold again.
#[utoipa::path(delete, path = "/api/v1/scopes/{scope}/filters", operation_id = "remove_scope_filters", tag = "Hierarchy",
    params(("scope" = Scope, Path, description = "Which node")),
    responses((status = 204, description = "It has none of its own")))]
async fn remove(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(scope): Path<String>,
) -> Result<StatusCode, ApiError> {
    set::<Filters>(state, caller, &scope, None).await?;
    Ok(StatusCode::NO_CONTENT)
}
