//! Positions in: `POST /api/v1/locations` and the addresses that mean the same.

use super::{
    error::ApiError,
    openapi::{PostedPositions, UnitPosition},
};
use crate::{
    auth::Caller,
    directory::{Directory, UnitEntry},
    ingest::{
        IngestError,
        decode::{self, DecodeError, Named, Posted},
        finish::even_if_given_up,
    },
    state::Sentinel,
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, RawQuery, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use sentinel_model::{
    Fix, PatrolId, UnitId,
    fix::{IngestAnswer, RejectedPoint},
};
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// The largest batch that phones send is some hundred kilobytes; this is room for
/// [`decode::POINTS_MAX`] points.
const BODY_MAX_BYTES: usize = 8 * 1024 * 1024;

/// Units of one body that are stored at once: they share commits, and one request
/// does not fill the queue.
const UNITS_AT_ONCE: usize = 64;

pub fn routes() -> Router<Arc<Sentinel>> {
    Router::new()
        .route("/api/v1/locations", post(locations))
        .route("/locations", post(locations))
        .route("/telemetry", post(locations))
        .route("/log", post(locations))
        .route("/", post(locations))
        .route("/api/v1/units/{id}/location", post(unit_location))
        .route("/api/v1/drivers/{id}/location", post(driver_location))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

/// Positions of a unit, one or many.
///
/// A 2xx means that what was accepted survives a power cut. Points that make no sense are set
/// aside and listed, the others stored; what was sent before is stored once. At most 10,000 points
/// and 8 MiB a request.
#[utoipa::path(post, path = "/api/v1/locations", operation_id = "post_positions", tag = "Positions",
    security(("bearer" = []), ("basic" = []), ("api_key" = []), ("token" = [])),
    request_body(content = PostedPositions, example = json!({
        "unit_id": "PC-001",
        "location": [{
            "timestamp": "2026-11-21T02:00:00Z",
            "coords": { "latitude": 9.9624, "longitude": 76.2995, "speed": 8.5, "heading": 271.5, "accuracy": 5.0 },
            "battery": { "level": 0.82 }
        }]
    })),
    responses(
        (status = 200, description = "Safe on disk, but for what is listed as rejected", body = IngestAnswer),
        (status = 429, description = "This unit posts more than its rate allows; nothing of this request was stored, send it again later"),
    ))]
async fn locations(
    State(sentinel): State<Arc<Sentinel>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<IngestAnswer>, ApiError> {
    let caller = sentinel.access.ingest_caller(&headers, query.as_deref())?;
    let posted = decode::decode(&whole(body)?, &sentinel.clock)?;
    // A device posts for itself, whatever its body says; a key or person names the unit.
    let unit = match (&caller, &posted.named) {
        (Caller::Unit(unit), _) => unit.entry().clone(),
        (_, Some(named)) => {
            let unit = meant(&sentinel, &caller, named).await?;
            unit.ok_or_else(|| ApiError::forbidden(not_meant(named)))?
        }
        (_, None) => return each_for_its_own(sentinel, &caller, posted).await,
    };
    accept(sentinel, unit, posted).await.map(Json)
}

/// A position of the unit that the address names.
///
/// Takes the bodies of `/api/v1/locations` too.
#[utoipa::path(post, path = "/api/v1/units/{id}/location", operation_id = "post_unit_position", tag = "Positions",
    security(("bearer" = []), ("basic" = []), ("api_key" = []), ("token" = [])),
    params(("id" = UnitId, Path, description = "Which unit")),
    request_body(content = UnitPosition, example = json!({
        "latitude": 9.9624, "longitude": 76.2995, "speed": 8.5, "heading": 271.5, "accuracy": 5.0
    })),
    responses(
        (status = 200, description = "Safe on disk", body = IngestAnswer),
        (status = 429, description = "This unit posts more than its rate allows; nothing of this request was stored, send it again later"),
    ))]
async fn unit_location(
    State(sentinel): State<Arc<Sentinel>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<IngestAnswer>, ApiError> {
    let caller = sentinel.access.ingest_caller(&headers, query.as_deref())?;
    let named = Named::Unit(id);
    let unit = meant(&sentinel, &caller, &named).await?;
    let unit = unit.ok_or_else(|| ApiError::forbidden(not_meant(&named)))?;
    let posted = decode::decode_for_unit(&whole(body)?, &sentinel.clock)?;
    accept(sentinel, unit, posted).await.map(Json)
}

/// The same, as an earlier system had it, which answered 202.
#[utoipa::path(post, path = "/api/v1/drivers/{id}/location", operation_id = "post_driver_position", tag = "Positions",
    security(("bearer" = []), ("basic" = []), ("api_key" = []), ("token" = [])),
    params(("id" = UnitId, Path, description = "Which unit")),
    request_body(content = UnitPosition, example = json!({
        "latitude": 9.9624, "longitude": 76.2995, "speed": 8.5, "heading": 271.5, "accuracy": 5.0
    })),
    responses(
        (status = 202, description = "Safe on disk", body = IngestAnswer),
        (status = 429, description = "This unit posts more than its rate allows; nothing of this request was stored, send it again later"),
    ))]
async fn driver_location(
    state: State<Arc<Sentinel>>,
    path: Path<String>,
    query: RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<IngestAnswer>), ApiError> {
    Ok((StatusCode::ACCEPTED, unit_location(state, path, query, headers, body).await?))
}

/// How the document tells of these addresses.
pub fn described() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(locations))
        .routes(routes!(unit_location))
        .routes(routes!(driver_location))
}

fn whole(body: Result<Bytes, BytesRejection>) -> Result<Bytes, ApiError> {
    body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            ApiError::too_large(format!(
                "a body has at most {BODY_MAX_BYTES} bytes; send the points in parts"
            ))
        } else {
            ApiError::bad_request("the body did not arrive whole; send it again")
        }
    })
}

/// Once the fixes are on disk they have to be shown too, even if the device has hung up.
async fn accept(
    sentinel: Arc<Sentinel>,
    unit: Arc<UnitEntry>,
    posted: Posted,
) -> Result<IngestAnswer, ApiError> {
    let accepted = even_if_given_up(async move { sentinel.ingest.accept(&unit, posted).await });
    Ok(accepted.await?)
}

/// A body whose records name their units themselves: what is of a unit that the caller
/// may post for is stored, the rest set aside. Refused where that leaves nothing.
async fn each_for_its_own(
    sentinel: Arc<Sentinel>,
    caller: &Caller,
    posted: Posted,
) -> Result<Json<IngestAnswer>, ApiError> {
    let by_record = posted.by_record.ok_or_else(|| {
        ApiError::bad_request(
            "with an API key the body names its unit: put \"unit_id\" (or \"patrol_id\") beside \"location\", or into each record",
        )
    })?;
    let mut named: HashMap<Option<Named>, Vec<(usize, Fix)>> = HashMap::new();
    for ((index, name), fix) in by_record.into_iter().zip(posted.fixes) {
        named.entry(name).or_default().push((index, fix));
    }
    let (mut meant_units, mut rejected, mut refusal) = (Vec::new(), posted.rejected, None);
    for (named, points) in named {
        let unit = match &named {
            Some(named) => meant(&sentinel, caller, named).await?,
            None => None,
        };
        match unit {
            Some(unit) => meant_units.push((unit, points.into_iter().map(|(_, fix)| fix).collect())),
            None => {
                let reason = named.as_ref().map_or("unit_id is missing".into(), not_meant);
                let aside = |(index, _)| RejectedPoint { index, reason: reason.clone() };
                rejected.extend(points.into_iter().map(aside));
                refusal = Some(reason);
            }
        }
    }
    if let Some(reason) = refusal.filter(|_| meant_units.is_empty()) {
        return Err(ApiError::forbidden(reason));
    }
    sentinel.ingest.counts.rejected.fetch_add(rejected.len() as u64, Ordering::Relaxed);
    rejected.sort_unstable_by_key(|point| point.index);
    let answer = IngestAnswer { status: "ok".into(), accepted: 0, duplicates: 0, rejected };
    let each = stream::iter(meant_units)
        .map(|(unit, fixes)| accept(sentinel.clone(), unit, Posted { fixes, ..Posted::default() }));
    let sum = |sum: IngestAnswer, one: IngestAnswer| async move {
        let (accepted, duplicates) = (sum.accepted + one.accepted, sum.duplicates + one.duplicates);
        Ok(IngestAnswer { accepted, duplicates, ..sum })
    };
    each.buffer_unordered(UNITS_AT_ONCE).try_fold(answer, sum).await.map(Json)
}

/// The unit that a name means, where the caller may post for it. An ended patrol still
/// names its unit: what a phone gathered offline comes late, under the patrol of then.
async fn meant(
    sentinel: &Sentinel,
    caller: &Caller,
    named: &Named,
) -> Result<Option<Arc<UnitEntry>>, ApiError> {
    let directory = &sentinel.directory;
    match known(directory, caller, named).await? {
        // Another node may have made it just now.
        None if directory.freshen().await => known(directory, caller, named).await,
        found => Ok(found),
    }
}

async fn known(
    directory: &Directory,
    caller: &Caller,
    named: &Named,
) -> Result<Option<Arc<UnitEntry>>, ApiError> {
    let unit = match named {
        Named::Unit(id) | Named::Device(id) => id.parse().ok().and_then(|id: UnitId| directory.unit(&id)),
        Named::Patrol(id) => match id.parse::<PatrolId>() {
            Err(_) => None,
            Ok(id) => match directory.unit_by_patrol(id) {
                Some(unit) => Some(unit),
                None => {
                    let ended = directory.registry().patrol(id).await?;
                    ended.and_then(|patrol| directory.unit(&patrol.unit_id))
                }
            },
        },
    };
    Ok(unit.filter(|unit| caller.may_ingest(unit)))
}

/// Why nothing is posted under a name. What is not the caller's and what does not
/// exist read alike.
fn not_meant(named: &Named) -> String {
    match named {
        Named::Unit(id) => format!("there is no unit {:?} that you may post for", shown(id)),
        Named::Patrol(id) => format!(
            "there is no patrol {:?} that you may post for; name the unit by unit_id, or start its patrol",
            shown(id)
        ),
        Named::Device(id) => format!(
            "there is no unit {:?} that you may post for; device_id counts as the unit where neither unit_id nor patrol_id is given",
            shown(id)
        ),
    }
}

/// As much of a stranger's text as an answer repeats.
fn shown(text: &str) -> String {
    text.chars().take(sentinel_model::ids::ID_MAX_CHARS).collect()
}

impl From<DecodeError> for ApiError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::TooMany(_) => ApiError::too_large(error.to_string()),
            DecodeError::NotJson(_) | DecodeError::Unknown => ApiError::bad_request(error.to_string()),
        }
    }
}

impl From<IngestError> for ApiError {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::TooFast { retry_after_s, .. } => {
                ApiError::too_many(error.to_string(), retry_after_s)
            }
            IngestError::Intake(error) => error.into(),
        }
    }
}
