//! Fences of Sentinel's own: `/api/v1/geofences`.

use super::{
    answer::Answer,
    error::ApiError,
    input::{self, Asked, Body, Paging, to_its_end},
};
use crate::{auth::Signed, geofences::FenceError, state::Sentinel};
use axum::{
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
};
use sentinel_model::{
    Page, Scope,
    geofence::{Geofence, GeofencePatch, NewGeofence},
};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

/// An outline of as many points as there may be, written with all their digits.
const BODY_MAX_BYTES: usize = 64 * 1024;

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(one, change, remove))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Without one, the caller's own.
    scope: Option<Scope>,
    /// Words that the name or id has, all of them.
    #[param(example = "depot")]
    q: Option<String>,
    /// Items of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// The fences that can concern units of a scope: its own, those of what is in it, and those of
/// what is above it.
#[utoipa::path(get, path = "/api/v1/geofences", operation_id = "list_geofences", tag = "Geofences", params(Wanted),
    responses((status = 200, description = "Fences, by id", body = Page<Geofence>)))]
async fn list(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Asked(wanted): Asked<Wanted>,
) -> Result<Answer<Page<Geofence>>, ApiError> {
    let directory = &sentinel.directory;
    let grant = caller.view(directory, wanted.scope.unwrap_or_else(|| caller.home_scope()))?;
    let words = wanted.q.unwrap_or_default().to_lowercase();
    let says = |fence: &Arc<Geofence>| {
        let text = format!("{}\n{}", fence.name.to_lowercase(), fence.id);
        words.split_whitespace().all(|word| text.contains(word))
    };
    let paging = Paging { limit: wanted.limit, cursor: wanted.cursor };
    let fences = directory.fences(grant.scope()).into_iter().filter(says);
    Ok(Answer(paging.page(fences, |fence| fence.id.clone(), |fence| Geofence::clone(fence))?))
}

/// Makes a fence: units of its scope are watched from now on.
///
/// A border counts as crossed where a unit is well beyond it or stays beyond it, so that a position that
/// is off by some metres tells of nothing; how alerts come of it the guide says.
#[utoipa::path(post, path = "/api/v1/geofences", operation_id = "make_geofence", tag = "Geofences",
    request_body(content = NewGeofence, example = json!({
        "name": "Depot", "scope": "station:5",
        "shape": { "type": "circle", "latitude": 9.9624, "longitude": 76.2995, "radius_m": 150 },
        "on": { "enter": true, "exit": true, "dwell_s": 900, "speed_limit_mps": 13.9, "silent": true }
    })),
    responses(
        (status = 201, description = "The fence", body = Geofence),
        (status = 400, description = "The body does not read, or its shape or rules cannot be watched: in words"),
        (status = 403, description = "The scope is not one whose fences you may change"),
        (status = 409, description = "There are as many fences as there can be, or as its scope can have"),
    ))]
async fn make(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Body(mut new): Body<NewGeofence>,
) -> Result<(StatusCode, Answer<Geofence>), ApiError> {
    new.name = input::name(&new.name)?;
    to_its_end(async move {
        let fence = sentinel.geofences.make(&caller, new).await?;
        tracing::info!(by = %caller, fence = fence.id, "a fence was made");
        Ok((StatusCode::CREATED, Answer(fence)))
    })
    .await
}

/// Reads one fence.
#[utoipa::path(get, path = "/api/v1/geofences/{id}", operation_id = "read_geofence", tag = "Geofences",
    params(("id" = String, Path, description = "The fence's id", example = "fence-9f86d081884c7d65")),
    responses(
        (status = 200, description = "The fence", body = Geofence),
        (status = 404, description = "No such fence that you may see"),
    ))]
async fn one(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Answer<Geofence>, ApiError> {
    Ok(Answer((*sentinel.geofences.visible(&caller, &id)?).clone()))
}

/// Changes a fence; what is absent stays.
///
/// With another shape, scope or rules, or switched on again, it begins anew: a unit that is in it then has
/// not come in.
#[utoipa::path(patch, path = "/api/v1/geofences/{id}", operation_id = "change_geofence", tag = "Geofences",
    params(("id" = String, Path, description = "The fence's id", example = "fence-9f86d081884c7d65")),
    request_body(content = GeofencePatch, example = json!({ "on": { "exit": true }, "enabled": true })),
    responses(
        (status = 200, description = "The fence as it is now", body = Geofence),
        (status = 400, description = "The body does not read, or its shape or rules cannot be watched: in words"),
        (status = 403, description = "You see the fence, and may not change those of its scope"),
        (status = 404, description = "No such fence that you may see"),
    ))]
async fn change(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Body(mut patch): Body<GeofencePatch>,
) -> Result<Answer<Geofence>, ApiError> {
    patch.name = patch.name.as_deref().map(input::name).transpose()?;
    to_its_end(async move {
        let after = sentinel.geofences.change(&caller, &id, &patch).await?;
        tracing::info!(by = %caller, fence = id, "a fence was changed");
        Ok(Answer(after))
    })
    .await
}

/// Removes a fence. Alerts that it raised stay.
#[utoipa::path(delete, path = "/api/v1/geofences/{id}", operation_id = "delete_geofence", tag = "Geofences",
    params(("id" = String, Path, description = "The fence's id", example = "fence-9f86d081884c7d65")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 403, description = "You see the fence, and may not change those of its scope"),
        (status = 404, description = "No such fence that you may see"),
    ))]
async fn remove(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    to_its_end(async move {
        sentinel.geofences.remove(&caller, &id).await?;
        tracing::info!(by = %caller, fence = id, "a fence was deleted");
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

impl From<FenceError> for ApiError {
    fn from(error: FenceError) -> Self {
        let message = error.to_string();
        match error {
            FenceError::Unknown => Self::not_found(message),
            FenceError::Invalid(_) => Self::bad_request(message),
            FenceError::TooMany | FenceError::TooManyOf(..) => Self::conflict(message),
            FenceError::Denied(denied) => denied.into(),
            FenceError::Engine(error) => error.into(),
        }
    }
}
