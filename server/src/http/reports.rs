//! How fast incidents and orders were attended to: `/api/v1/reports/response-times`.

use super::{error::ApiError, input::Asked};
use crate::{
    auth::{Caller, Signed},
    export::Format,
    reports::{self, ReportError},
    state::Sentinel,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use sentinel_model::{
    Scope, Time,
    report::{GroupBy, ResponseTimesReport, TaskKind},
};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub const DAY_MS: i64 = 24 * 3600 * 1000;
/// The longest time that a report is of.
pub const DAYS_MAX: i64 = 366;
/// How long one waits for those that are made already.
const TURN: Duration = Duration::from_secs(10);

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new().routes(routes!(response_times))
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ReportFormat {
    #[default]
    Json,
    Csv,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Without one, the caller's own.
    scope: Option<Scope>,
    /// A day before the end, where it is left out; at most 366 days before it.
    from: Option<Time>,
    /// Part of the time; now, where it is left out.
    to: Option<Time>,
    /// `incident`, where it is left out.
    #[param(inline)]
    kind: Option<TaskKind>,
    /// `station`, where it is left out. Orders have no `type` and no `priority`.
    #[param(inline)]
    group_by: Option<GroupBy>,
    /// `json`, unless `Accept` names `text/csv`.
    #[param(inline)]
    format: Option<ReportFormat>,
}

/// How fast the incidents or orders of a scope were attended to.
///
/// Of all that were opened in the time and that the scope sees (its own, and those that its units attend to), as their
/// timelines tell. An interval counts where both its ends have happened; a state that a unit left out has not:
///
/// - `to_assigned`, `to_accepted`, `to_en_route`, `to_on_scene`: from the opening to the first unit of any that was
///   dispatched, accepted, was en route, was on scene. `to_on_scene` is the response time.
/// - `on_scene`: from the first unit on scene to the closing.
///
/// Grouped by `unit`, a group's times are those of that unit's part, up to its end, and a task counts in the groups of all
/// its units. Cancelled tasks count like others as far as they came. Median and `p90_s` are of the nearest rank. As CSV
/// there is a line a group and one of the total, without the slowest. There is no report of more than 100,000 tasks.
#[utoipa::path(get, path = "/api/v1/reports/response-times", operation_id = "report_response_times", tag = "Dispatch",
    params(Wanted),
    responses(
        (status = 200, description = "The report", content(
            (ResponseTimesReport = "application/json"), (String = "text/csv; charset=utf-8; header=present"),
        )),
        (status = 503, description = "As many reports as this server makes at once are being made, or a database is away"),
    ))]
async fn response_times(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    headers: HeaderMap,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, ApiError> {
    let accepts_csv = || {
        let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        accept.is_some_and(|accept| accept.contains("text/csv"))
    };
    let format = wanted.format.unwrap_or(if accepts_csv() { ReportFormat::Csv } else { ReportFormat::Json });
    let to = wanted.to.unwrap_or_else(|| sentinel.clock.now());
    let asked = reports::Wanted {
        scope: wanted.scope.unwrap_or_else(|| caller.home_scope()),
        kind: wanted.kind.unwrap_or_default(),
        group_by: wanted.group_by.unwrap_or_default(),
        from: wanted.from.unwrap_or_else(|| to.plus_ms(-DAY_MS)),
        to,
    };
    let report = made(&sentinel, &caller, asked).await?;
    if format == ReportFormat::Json {
        return Ok(Json(report).into_response());
    }
    let of = format!("response-times_{}", report.scope);
    let name = Format::Csv.file_name(&of, report.from, report.to);
    let headers = [
        (header::CONTENT_TYPE, Format::Csv.mime().to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, reports::csv(&report)).into_response())
}

/// The report, where the caller may see its scope.
pub async fn made(
    sentinel: &Sentinel,
    caller: &Caller,
    wanted: reports::Wanted,
) -> Result<ResponseTimesReport, ApiError> {
    let grant = caller.view(&sentinel.directory, wanted.scope)?;
    if wanted.from > wanted.to {
        return Err(ApiError::bad_request("from is after to"));
    }
    if wanted.to.ms_since(wanted.from) > DAYS_MAX * DAY_MS {
        return Err(ApiError::bad_request(format!("a report is of at most {DAYS_MAX} days")));
    }
    if !wanted.group_by.is_of(wanted.kind) {
        let by = wanted.group_by.as_str();
        return Err(ApiError::bad_request(format!(
            "orders have no {by}: group them by station, unit or day"
        )));
    }
    let turn = tokio::time::timeout(TURN, sentinel.reports.acquire()).await;
    let Ok(Ok(_turn)) = turn else {
        return Err(ApiError::overloaded("as many reports as this server makes at once are being made", 10));
    };
    let wanted = reports::Wanted { scope: grant.scope(), ..wanted };
    let mut report = reports::response_times(sentinel.directory.registry(), wanted).await?;
    if wanted.group_by == GroupBy::Station {
        for group in &mut report.groups {
            let name = group.key.parse().map(|scope| name_for(sentinel, caller, scope));
            group.name = name.ok().filter(|name| *name != group.key);
        }
    }
    Ok(report)
}

/// A scope's name, where the caller may know it; else its id, which tasks say to who sees them.
pub fn name_for(sentinel: &Sentinel, caller: &Caller, scope: Scope) -> String {
    let seen =
        caller.may_view_along(&sentinel.directory, scope).then(|| sentinel.directory.scope(scope)).flatten();
    seen.map_or_else(|| scope.to_string(), |record| record.name.clone())
}

impl From<ReportError> for ApiError {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::TooMany => Self::bad_request(error.to_string()),
            ReportError::Engine(error) => error.into(),
        }
    }
}
