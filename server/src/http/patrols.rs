//! Units come on and off duty: `/api/v1/patrols`.

use super::{
    answer::Answer,
    error::ApiError,
    input::{Asked, BODY_MAX_BYTES, Body, Paging},
    units::no_unit,
};
use crate::{
    auth::Signed,
    patrols::{PatrolError, Started, patrol_of},
    ports::TimeRange,
    state::Sentinel,
};
use axum::{
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    routing::post,
};
use sentinel_model::{Page, Patrol, PatrolId, Scope, UnitId};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(list, start))
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

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// All that you see, where it is left out.
    scope: Option<Scope>,
    /// Patrols of this unit, ended ones too.
    unit_id: Option<UnitId>,
    /// Only those that are active, or only those that have ended.
    active: Option<bool>,
    /// Items of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Patrols of a scope, by number: active ones, and of one unit those that have ended.
///
/// Without `unit_id` the patrols that are active now; with it those of the unit, back to its first. A patrol is seen by
/// who sees the station that it is or was under.
#[utoipa::path(get, path = "/api/v1/patrols", operation_id = "list_patrols", tag = "Patrols", params(Which),
    responses(
        (status = 200, description = "Patrols by number", body = Page<Patrol>),
        (status = 404, description = "There is no such unit, or you see neither it nor a patrol of it"),
    ))]
async fn list(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Asked(which): Asked<Which>,
) -> Result<Answer<Page<Patrol>>, ApiError> {
    let directory = &sentinel.directory;
    let grant = caller.view(directory, which.scope.unwrap_or_else(|| caller.home_scope()))?;
    let covers = |station: Scope| directory.station_path(station.id).is_some_and(|path| grant.covers(&path));
    let mut patrols = match &which.unit_id {
        Some(unit) => {
            let patrols = directory.registry().patrols_of(unit, TimeRange::ALL).await?;
            let patrols: Vec<_> = patrols.into_iter().filter(|patrol| covers(patrol.station)).collect();
            if patrols.is_empty() && sentinel.reads.visible(&caller, unit).is_none() {
                return Err(no_unit(unit.as_str()));
            }
            patrols
        }
        None if which.active == Some(false) => {
            return Err(ApiError::bad_request("ended patrols are listed a unit at a time: add unit_id"));
        }
        None => {
            let units = directory.units(None, usize::MAX, |unit| grant.covers(&unit.path()));
            units.iter().filter_map(|unit| Some(patrol_of(unit, unit.patrol?, None))).collect()
        }
    };
    patrols.retain(|patrol| which.active.is_none_or(|active| active == patrol.ended_at.is_none()));
    patrols.sort_by_key(|patrol| patrol.id);
    let paging = Paging { limit: which.limit, cursor: which.cursor };
    Ok(Answer(paging.page(patrols, |patrol| patrol.id, Clone::clone)?))
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
