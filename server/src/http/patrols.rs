//! Units come on and off duty: `/api/v1/patrols`.

use super::{
    answer::Answer,
    error::ApiError,
    input::{BODY_MAX_BYTES, Body},
};
use crate::{
    auth::Signed,
    patrols::{PatrolError, Started},
    state::Sentinel,
};
use axum::{
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    routing::post,
};
use sentinel_model::{Patrol, PatrolId, Scope, UnitId};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .route("/start_patrol", post(start))
        .routes(routes!(one))
        .routes(routes!(end))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewPatrol)]
struct Start {
    /// Earlier systems say `driver_id`, `car_id` or `vehicle_id`.
    #[serde(alias = "driver_id", alias = "car_id", alias = "vehicle_id")]
    unit_id: UnitId,
    /// The unit's own, where it is left out.
    station: Option<Scope>,
    /// As an earlier system had it: a number, or the number as text.
    #[schema(value_type = Option<u32>, example = 5)]
    station_id: Option<NumberOrText>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(i64),
    Text(String),
    Neither(serde::de::IgnoredAny),
}

impl Start {
    fn station(&self) -> Result<Option<Scope>, ApiError> {
        let id = match (&self.station, &self.station_id) {
            (Some(station), _) => return Ok(Some(*station)),
            (None, None) => return Ok(None),
            (None, Some(NumberOrText::Number(id))) => u32::try_from(*id).ok(),
            (None, Some(NumberOrText::Text(text))) => text.trim().parse().ok(),
            (None, Some(NumberOrText::Neither(_))) => None,
        };
        id.map(|id| Some(Scope::station(id)))
            .ok_or_else(|| ApiError::bad_request("station_id is the station's number, such as 5"))
    }
}

/// Starts a unit's patrol under a station.
///
/// 201 with the new patrol, 200 with the one that is active already; one under another station is moved.
#[utoipa::path(post, path = "/api/v1/patrols", operation_id = "start_patrol", tag = "Patrols",
    request_body(content = Start, example = json!({ "unit_id": "PC-001", "station": "station:5" })),
    responses(
        (status = 200, description = "The patrol that is active already", body = Patrol),
        (status = 201, description = "The new patrol", body = Patrol),
        (status = 404, description = "The unit has gone meanwhile"),
    ))]
async fn start(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Body(start): Body<Start>,
) -> Result<(StatusCode, Answer<Patrol>), ApiError> {
    let not_yours =
        || ApiError::forbidden(format!("there is no unit {} that you may start a patrol for", start.unit_id));
    let unit = sentinel.directory.unit(&start.unit_id).ok_or_else(not_yours)?;
    // Who starts it needs the unit as well as the station it will be under.
    if !caller.may_run_patrol(&unit.home()) && !caller.may_run_patrol(&unit.path()) {
        return Err(not_yours());
    }
    let path = match start.station()? {
        None => unit.home(),
        Some(station) => Some(station)
            .filter(|station| station.level == sentinel_model::Level::Station)
            .and_then(|station| sentinel.directory.station_path(station.id))
            .filter(|path| caller.may_run_patrol(path))
            .ok_or_else(|| {
                ApiError::forbidden(format!("{station} is no station that you may start patrols under"))
            })?,
    };
    if !caller.may_run_patrol(&path) || unit.patrol.is_some_and(|active| !caller.may_run_patrol(&active.path))
    {
        return Err(not_yours());
    }
    let (patrol, new) = sentinel.patrols.start(&start.unit_id, Some(path), Started::ByHand).await?;
    Ok((if new { StatusCode::CREATED } else { StatusCode::OK }, Answer(patrol)))
}

/// One patrol, active or ended.
#[utoipa::path(get, path = "/api/v1/patrols/{id}", operation_id = "read_patrol", tag = "Patrols",
    params(("id" = PatrolId, Path, description = "Which patrol")),
    responses(
        (status = 200, description = "The patrol", body = Patrol),
        (status = 404, description = "No patrol of that id that you may see"),
    ))]
async fn one(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Answer<Patrol>, ApiError> {
    let none = || ApiError::not_found("there is no patrol of that id that you may see");
    let id: PatrolId = id.parse().map_err(|_| none())?;
    let patrol = sentinel.directory.registry().patrol(id).await?.ok_or_else(none)?;
    let path = sentinel.directory.station_path(patrol.station.id);
    path.filter(|path| caller.may_view(path)).map(|_| Answer(patrol)).ok_or_else(none)
}

/// Ends a patrol: the unit leaves the room of every scope above it.
#[utoipa::path(post, path = "/api/v1/patrols/{id}/end", operation_id = "end_patrol", tag = "Patrols",
    params(("id" = PatrolId, Path, description = "Which patrol")),
    responses(
        (status = 200, description = "The patrol, ended", body = Patrol),
        (status = 404, description = "No active patrol of that id that you may end"),
    ))]
async fn end(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Answer<Patrol>, ApiError> {
    let none = || ApiError::not_found("there is no active patrol of that id that you may end");
    let id: PatrolId = id.parse().map_err(|_| none())?;
    let unit = sentinel.directory.unit_by_patrol(id).ok_or_else(none)?;
    if !caller.may_run_patrol(&unit.path()) {
        return Err(none());
    }
    Ok(Answer(sentinel.patrols.end(id).await?))
}

impl From<PatrolError> for ApiError {
    fn from(error: PatrolError) -> Self {
        match error {
            PatrolError::NoUnit(_) | PatrolError::NotActive(_) => ApiError::not_found(error.to_string()),
            PatrolError::Engine(error) => error.into(),
        }
    }
}
