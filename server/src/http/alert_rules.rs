//! The alert rules of a scope: what it is told of its units.

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
    alert_rules::{AlertRules, ScopeAlertRules},
};
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new().routes(routes!(read, put, remove)).layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

/// The alert rules that hold in a scope: its own, or those of the nearest above it that has some.
///
/// They say what raises an alert of a unit on patrol besides calls for help and fences, and when an
/// alert that nobody takes is passed on.
#[utoipa::path(get, path = "/api/v1/scopes/{scope}/alert-rules", operation_id = "scope_alert_rules",
    tag = "Hierarchy", params(("scope" = Scope, Path, description = "Which node")),
    responses((status = 200, description = "What holds, and whose it is", body = ScopeAlertRules)))]
async fn read(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(scope): Path<String>,
) -> Result<Answer<ScopeAlertRules>, ApiError> {
    let (scope, rules) = view(&state, &caller, &scope)?;
    Ok(Answer(ScopeAlertRules { scope, rules }))
}

/// Gives a scope alert rules of its own, in place of those it had or those above it.
///
/// Without any setting they raise nothing, whatever stands above.
#[utoipa::path(put, path = "/api/v1/scopes/{scope}/alert-rules", operation_id = "put_scope_alert_rules",
    tag = "Hierarchy", params(("scope" = Scope, Path, description = "Which node")),
    request_body(content = AlertRules, example = json!({
        "offline": true, "low_battery": 0.15, "speed_limit_mps": 33.3, "escalate_after_s": 300
    })),
    responses((status = 200, description = "They hold from now on", body = ScopeAlertRules)))]
async fn put(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(scope): Path<String>,
    Body(rules): Body<AlertRules>,
) -> Result<Answer<ScopeAlertRules>, ApiError> {
    rules.check().map_err(|error| ApiError::bad_request(error.to_string()))?;
    let (scope, rules) = set(state, caller, &scope, Some(rules)).await?;
    Ok(Answer(ScopeAlertRules { scope, rules }))
}

/// Takes a scope's own alert rules away: those above it hold again.
#[utoipa::path(delete, path = "/api/v1/scopes/{scope}/alert-rules", operation_id = "remove_scope_alert_rules",
    tag = "Hierarchy", params(("scope" = Scope, Path, description = "Which node")),
    responses((status = 204, description = "It has none of its own")))]
async fn remove(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(scope): Path<String>,
) -> Result<StatusCode, ApiError> {
    set::<AlertRules>(state, caller, &scope, None).await?;
    Ok(StatusCode::NO_CONTENT)
}
