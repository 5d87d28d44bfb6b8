//! Where units are and were: `/api/v1/units/nearby`, `…/{id}/location`, `…/{id}/route`,
//! `/api/v1/history`.

use super::{
    answer::Answer,
    error::ApiError,
    exports,
    input::{Asked, Paging},
    openapi::RouteFormat,
    units::{no_unit, visible},
};
use crate::{auth::Signed, clock::Clock, ingest::CLOCK_AHEAD_MS, ports::TimeRange, state::Sentinel};
use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
    routing::get,
};
use sentinel_model::{Location, Page, RouteAnswer, Scope, Time, UnitId, fix::Nearby, unit::HistoryAnswer};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Points of a route unless asked otherwise, and at most.
const POINTS_DEFAULT: usize = 2_000;
const POINTS_MAX: usize = 100_000;
const NEARBY_RADIUS_DEFAULT_M: f64 = 5_000.0;
const NEARBY_RADIUS_MAX_M: f64 = 500_000.0;

pub fn routes() -> Router<Arc<Sentinel>> {
    Router::new()
        .route("/api/v1/units/nearby", get(nearby))
        .route("/api/v1/units/{id}/location", get(location))
        .route("/api/v1/drivers/{id}/location", get(location))
        .route("/api/v1/units/{id}/route", get(route))
        .route("/api/v1/drivers/{id}/route", get(route))
        .route("/api/v1/history", get(history))
}

/// How the document tells of these addresses.
pub fn described() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(nearby))
        .routes(routes!(location))
        .routes(routes!(route))
        .routes(routes!(history))
}

/// Where a unit is.
#[utoipa::path(get, path = "/api/v1/units/{id}/location", operation_id = "read_location", tag = "Units", params(("id" = UnitId, Path, description = "Which unit")),
    responses(
        (status = 200, description = "Its newest position by device time", body = Location),
        (status = 404, description = "No unit of that id that you may see, or one that has posted no position yet"),
    ))]
async fn location(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Json<Location>, ApiError> {
    let unit = visible(&sentinel, &caller, &id)?;
    let location = sentinel.reads.unit(&unit).await?.location;
    location.map(Json).ok_or_else(|| ApiError::not_found(format!("unit {id} has posted no position yet")))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Around {
    /// Degrees.
    #[param(minimum = -90, maximum = 90, example = 9.9624)]
    lat: f64,
    /// Degrees.
    #[param(minimum = -180, maximum = 180, example = 76.2995)]
    lng: f64,
    /// Metres.
    #[param(minimum = 0, maximum = 500_000, default = 5_000)]
    radius: Option<f64>,
    /// Only units that are available.
    #[serde(default)]
    #[param(value_type = Option<bool>)]
    free: Option<String>,
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<usize>,
}

/// Units around a point, nearest first.
#[utoipa::path(get, path = "/api/v1/units/nearby", operation_id = "list_nearby_units", tag = "Units", params(Around),
    responses((status = 200, description = "Locations with their distance", body = Page<Nearby>)))]
async fn nearby(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Asked(around): Asked<Around>,
) -> Result<Json<Page<Nearby>>, ApiError> {
    if !(around.lat.abs() <= 90.0 && around.lng.abs() <= 180.0) {
        return Err(ApiError::bad_request("lat is within -90..90 and lng within -180..180, in degrees"));
    }
    let radius_m = around.radius.unwrap_or(NEARBY_RADIUS_DEFAULT_M);
    if !(0.0..=NEARBY_RADIUS_MAX_M).contains(&radius_m) {
        return Err(ApiError::bad_request(format!("radius is metres, 0 to {NEARBY_RADIUS_MAX_M}")));
    }
    let free_only = match around.free.as_deref() {
        None | Some("" | "false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => return Err(ApiError::bad_request("free is true or false")),
    };
    let limit = around.limit.unwrap_or(50).clamp(1, Paging::LIMIT_MAX);
    let grant = caller.view(&sentinel.directory, caller.home_scope())?;
    let at = (around.lat, around.lng);
    let items = sentinel.reads.nearby(&grant, at, radius_m, limit, free_only).await?;
    Ok(Json(Page { items, next: None }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Range {
    /// A day before the end, where it is left out.
    start_time: Option<Time>,
    /// Part of the range; now, where it is left out.
    end_time: Option<Time>,
    /// Thinned to so many points, first and last kept. Of a file all, where it is left out.
    #[param(minimum = 2, maximum = 100_000, default = 2_000)]
    max_points: Option<usize>,
    /// Of the answer: `json`, where it is left out, or a file's.
    #[param(inline, value_type = Option<RouteFormat>)]
    format: Option<String>,
}

/// Where a unit went.
#[utoipa::path(get, path = "/api/v1/units/{id}/route", operation_id = "read_route", tag = "Units", params(("id" = UnitId, Path, description = "Which unit"), Range),
    responses(
        (status = 200, description = "Its points by device time", content(
            (RouteAnswer = "application/json"),
            (String = "text/csv; charset=utf-8; header=present"), (Object = "application/geo+json"),
            (String = "application/gpx+xml"), (String = "application/vnd.google-earth.kml+xml"),
        )),
        (status = 404, description = "No unit of that id that you may see"),
        (status = 429, description = "Of files: two are on their way to you already"),
    ))]
async fn route(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Asked(asked): Asked<Range>,
) -> Result<Response, ApiError> {
    if asked.max_points.is_some_and(|max_points| !(2..=POINTS_MAX).contains(&max_points)) {
        return Err(ApiError::bad_request(format!("max_points is 2 to {POINTS_MAX}")));
    }
    let unit: UnitId = id.parse().map_err(|_| no_unit(&id))?;
    let range = in_range(&sentinel.clock, asked.start_time, asked.end_time)?;
    if let Some(format) = asked.format.as_deref().filter(|format| *format != "json") {
        let format = format.parse().map_err(|words| ApiError::bad_request(format!("{words}, or json")))?;
        return exports::of_unit(&sentinel, &caller, &unit, range, asked.max_points, format).await;
    }
    let max_points = asked.max_points.unwrap_or(POINTS_DEFAULT);
    let found = sentinel.reads.route(&caller, &unit, range, max_points).await?;
    found.map(|route| Answer(route).into_response()).ok_or_else(|| no_unit(&id))
}

/// From a start, or the last day; an end is part of the range.
pub fn in_range(clock: &Clock, start: Option<Time>, end: Option<Time>) -> Result<TimeRange, ApiError> {
    let to = end.unwrap_or_else(|| clock.now().plus_ms(CLOCK_AHEAD_MS));
    let from = start.unwrap_or_else(|| to.plus_ms(-24 * 3600 * 1000));
    if from > to {
        return Err(ApiError::bad_request("start_time is after end_time"));
    }
    Ok(TimeRange { from, to: to.plus_ms(1) })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Moment {
    /// All that you see, where it is left out.
    scope: Option<Scope>,
    /// Each unit's last fix at or before this that says a place.
    at: Time,
}

/// Where every unit of a scope was at a moment.
#[utoipa::path(get, path = "/api/v1/history", operation_id = "read_history", tag = "Units", params(Moment),
    responses((status = 200, description = "Locations", body = HistoryAnswer)))]
async fn history(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Asked(moment): Asked<Moment>,
) -> Result<Json<HistoryAnswer>, ApiError> {
    let scope = moment.scope.unwrap_or_else(|| caller.home_scope());
    let grant = caller.view(&sentinel.directory, scope)?;
    Ok(Json(sentinel.reads.history(&grant, moment.at).await?))
}
