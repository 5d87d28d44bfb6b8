//! History to take away: `/api/v1/units/{id}/route?format=…`, `/api/v1/history/export`.

use super::{error::ApiError, input::Asked, openapi::FileFormat, places::in_range, units::no_unit};
use crate::{
    audit,
    auth::{Caller, ScopeGrant, Signed},
    export::{self, Format, Leave, Pieces},
    ports::TimeRange,
    state::Sentinel,
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use sentinel_model::{Scope, Time, UnitId};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new().routes(routes!(of_scope))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// All that you see, where it is left out.
    scope: Option<Scope>,
    /// A day before the end, where it is left out.
    start_time: Option<Time>,
    /// Part of the range; now, where it is left out.
    end_time: Option<Time>,
    /// Of the file; `csv`, where it is left out.
    #[param(inline, value_type = Option<FileFormat>)]
    format: Option<String>,
}

/// All positions of a scope's units, as a file.
///
/// Sent as it is read, however large; one that breaks off in the middle is not whole. Two at once for one caller, four for
/// all of a server's; a reader that takes nothing for half a minute is cut off. Each unit's positions are those
/// of the times at which it was under the scope.
#[utoipa::path(get, path = "/api/v1/history/export", operation_id = "export_history", tag = "Data in and out",
    params(Wanted),
    responses(
        (status = 200, description = "The file", content(
            (String = "text/csv; charset=utf-8; header=present"), (Object = "application/geo+json"),
            (String = "application/gpx+xml"), (String = "application/vnd.google-earth.kml+xml"),
        )),
        (status = 429, description = "Two files are on their way to you already"),
        (status = 503, description = "As many files as this server sends at once are on their way, or a database is away"),
    ))]
async fn of_scope(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, ApiError> {
    let format: Result<Format, String> = wanted.format.as_deref().unwrap_or("csv").parse();
    let format = format.map_err(ApiError::bad_request)?;
    let range = in_range(&sentinel.clock, wanted.start_time, wanted.end_time)?;
    let scope = wanted.scope.unwrap_or_else(|| caller.home_scope());
    let grant = caller.view(&sentinel.directory, scope)?;
    let name = scope.to_string();
    let pieces = sentinel.reads.taken_of_scope(grant.clone(), range);
    file(&sentinel, &caller, format, &name, range, pieces, grant).await
}

/// A unit's route in another format than JSON. Without `max_points` every fix of it.
pub async fn of_unit(
    sentinel: &Arc<Sentinel>,
    caller: &Caller,
    unit: &UnitId,
    range: TimeRange,
    max_points: Option<usize>,
    format: Format,
) -> Result<Response, ApiError> {
    let grant = caller.view(&sentinel.directory, caller.home_scope())?;
    let pieces = match max_points {
        None => sentinel.reads.taken_of_unit(caller, unit, range).await?,
        Some(max_points) => sentinel.reads.taken_at(caller, unit, range, max_points).await?,
    };
    let pieces = pieces.ok_or_else(|| no_unit(unit.as_str()))?;
    file(sentinel, caller, format, unit.as_str(), range, pieces, grant).await
}

/// The answer that is the file. What stands before it are ids, so the name needs no quoting.
async fn file(
    sentinel: &Sentinel,
    caller: &Caller,
    format: Format,
    of: &str,
    range: TimeRange,
    pieces: Pieces,
    grant: ScopeGrant,
) -> Result<Response, ApiError> {
    let Some(share) = sentinel.exports_each.take(caller) else {
        return Err(ApiError::too_many("as many files as you may take at once are on their way to you", 10));
    };
    let Ok(turn) = sentinel.exports.clone().try_acquire_owned() else {
        return Err(ApiError::overloaded("as many files as this server sends at once are on their way", 10));
    };
    let detail = Some(format!("{} to {}", range.from, range.to.plus_ms(-1)));
    let told = audit::entry(&sentinel.clock, caller, "history_exported", of, grant.scope(), detail);
    sentinel.directory.put(vec![told]).await?;
    tracing::info!(by = %caller, of, from = %range.from, to = %range.to, "history is taken away");
    let leave = Leave { grant, clock: sentinel.clock.clone(), turn, share };
    let name = format.file_name(of, range.from, range.to.plus_ms(-1));
    let mut response = Body::from_stream(export::body(format, pieces, leave)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.mime()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    headers.insert(header::CONTENT_DISPOSITION, disposition.expect("ids and digits are ASCII"));
    Ok(response)
}
