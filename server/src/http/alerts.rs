//! What waits for somebody's attention, and who took it: `/api/v1/alerts`.

use super::{
    answer::Answer,
    error::ApiError,
    input::{Asked, BODY_MAX_BYTES, Paging, to_its_end},
};
use crate::{
    auth::{Caller, Denied, Signed},
    directory::Directory,
    ports::{AlertRecord, AlertsOf},
    state::Sentinel,
};
use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
};
use sentinel_model::{
    Page, Scope, Time, UnitId,
    alerts::{Alert, AlertKind, NOTE_MAX},
};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(acknowledge))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Without one, the caller's own.
    scope: Option<Scope>,
    /// Open ones, where it is left out.
    #[param(inline)]
    state: Option<AlertState>,
    /// All kinds, where it is left out.
    kind: Option<AlertKind>,
    /// Of one unit alone.
    unit_id: Option<UnitId>,
    /// Open ones alone that the people of this scope are asked to take: of the station itself, or
    /// passed on to the scope. Then `scope` is this one.
    #[param(example = "zone:3")]
    waits_for: Option<Scope>,
    /// Items of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AlertState {
    #[default]
    Open,
    Acknowledged,
    All,
}

/// Alerts of a scope, newest first: calls for help, fences, and what alert rules ask for.
#[utoipa::path(get, path = "/api/v1/alerts", operation_id = "list_alerts", tag = "Alerts", params(Wanted),
    responses((status = 200, description = "Alerts", body = Page<Alert>)))]
async fn list(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Asked(wanted): Asked<Wanted>,
) -> Result<Answer<Page<Alert>>, ApiError> {
    let directory = &sentinel.directory;
    let scope = wanted.waits_for.or(wanted.scope).unwrap_or_else(|| caller.home_scope());
    let grant = caller.view(directory, scope)?;
    let of = AlertsOf {
        scope: Some(grant.scope()),
        is_open: match wanted.state.unwrap_or_default() {
            AlertState::Open => Some(true),
            AlertState::Acknowledged => Some(false),
            AlertState::All => None,
        },
        kind: wanted.kind,
        unit: wanted.unit_id,
    };
    let paging = Paging { limit: wanted.limit, cursor: wanted.cursor };
    let behind = paging.after::<Cursor>()?.map(|Cursor(at, id)| (at, id));
    let limit = paging.limit();
    let mut found = match wanted.waits_for {
        Some(waits) => waiting(directory, &of, waits, behind, limit + 1),
        None => directory.registry().alerts(&of, behind, limit + 1).await?,
    };
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    let next = last.map(|AlertRecord { alert, .. }| format!("{}_{}", alert.at.ms(), alert.id));
    Ok(Answer(Page { items: found.into_iter().map(|record| record.alert).collect(), next }))
}

/// Open ones that wait for the people of a scope, newest first: all that the running program holds.
fn waiting(
    directory: &Directory,
    of: &AlertsOf,
    scope: Scope,
    behind: Option<(Time, String)>,
    limit: usize,
) -> Vec<AlertRecord> {
    let place = |alert: &Alert| (alert.at, alert.id.clone());
    let mut found = directory.open_alerts_that(|AlertRecord { alert, path }| {
        path.within(scope)
            && (alert.station == scope || alert.escalated.iter().any(|up| up.to == scope))
            && of.kind.is_none_or(|kind| kind == alert.kind)
            && of.unit.as_ref().is_none_or(|unit| *unit == alert.unit_id)
            && behind.as_ref().is_none_or(|behind| place(alert) < *behind)
    });
    found.sort_by_key(|record| std::cmp::Reverse(place(&record.alert)));
    found.truncate(limit);
    found.iter().map(|record| (**record).clone()).collect()
}

/// Behind the alert of this time and id.
struct Cursor(Time, String);

impl std::str::FromStr for Cursor {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (at, id) = text.split_once('_').unwrap_or((text, ""));
        Ok(Self(Time(at.parse()?), id.to_owned()))
    }
}

/// One alert, open or acknowledged.
#[utoipa::path(get, path = "/api/v1/alerts/{id}", operation_id = "read_alert", tag = "Alerts",
    params(("id" = String, Path, description = "Which alert", example = "9f86d081884c7d659a2feaa0")),
    responses(
        (status = 200, description = "The alert", body = Alert),
        (status = 404, description = "No alert of that id that you may see"),
    ))]
async fn one(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Answer<Alert>, ApiError> {
    Ok(Answer(visible(&sentinel, &caller, &id).await?.alert))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Acknowledge)]
struct Acknowledge {
    /// What is done about it, say.
    #[serde(default)]
    #[schema(max_length = 500)]
    note: Option<String>,
}

/// Says that somebody has seen to an alert: it is open no more, for everybody.
///
/// The first to do so stays: who asks later is answered the alert as it is. The body may be left out.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/acknowledge", operation_id = "acknowledge_alert", tag = "Alerts",
    params(("id" = String, Path, description = "Which alert", example = "9f86d081884c7d659a2feaa0")),
    request_body(content = Acknowledge, example = json!({ "note": "PC-014 is on its way" })),
    responses(
        (status = 200, description = "The alert, acknowledged", body = Alert),
        (status = 404, description = "No alert of that id that you may see"),
    ))]
async fn acknowledge(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Answer<Alert>, ApiError> {
    let found = visible(&sentinel, &caller, &id).await?;
    if !caller.may_dispatch(&found.path) && !caller.may_run_patrol(&found.path) {
        return Err(Denied::NotAllowed("acknowledge alerts").into());
    }
    let note = note(&body)?;
    to_its_end(async move {
        let acknowledged = sentinel.ingest.alerts.acknowledge(&caller, found, &note).await?;
        Ok(Answer(acknowledged.alert))
    })
    .await
}

fn note(body: &[u8]) -> Result<String, ApiError> {
    if body.trim_ascii().is_empty() {
        return Ok(String::new());
    }
    if body.trim_ascii_start().starts_with(b"[") {
        // It would read as an object, member by member.
        return Err(ApiError::bad_request("the body does not read: this address takes an object, no list"));
    }
    let read: Result<Acknowledge, _> = serde_json::from_slice(body);
    let said = read.map_err(|error| ApiError::bad_request(format!("the body does not read: {error}")))?;
    let note = said.note.unwrap_or_default().trim().to_owned();
    let chars = note.chars().count();
    if chars > NOTE_MAX {
        return Err(ApiError::bad_request(format!(
            "a note has at most {NOTE_MAX} characters, this one has {chars}"
        )));
    }
    if note.chars().any(|c| c.is_control() && c != '\n') {
        return Err(ApiError::bad_request("a note is of ordinary characters"));
    }
    Ok(note)
}

/// The alert of that id, where the caller sees its station.
async fn visible(sentinel: &Sentinel, caller: &Caller, id: &str) -> Result<AlertRecord, ApiError> {
    let found = sentinel.ingest.alerts.one(id).await?;
    let seen = found.filter(|record| caller.may_view(&record.path));
    seen.ok_or_else(|| ApiError::not_found("there is no alert of that id that you may see"))
}
