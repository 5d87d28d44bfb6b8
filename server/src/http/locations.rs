//! Positions in: `POST /api/v1/locations` and the addresses that mean the same.

use super::error::ApiError;
use crate::{
    auth::Caller,
    directory::UnitEntry,
    ingest::{
        IngestError,
        decode::{self, DecodeError, Named},
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
use sentinel_model::{PatrolId, UnitId, fix::IngestAnswer};
use std::sync::Arc;

/// The largest batch that phones send is some hundred kilobytes; this is room for
/// [`decode::POINTS_MAX`] points.
const BODY_MAX_BYTES: usize = 8 * 1024 * 1024;

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

async fn locations(
    State(sentinel): State<Arc<Sentinel>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<IngestAnswer>, ApiError> {
    let caller = sentinel.access.ingest_caller(&headers, query.as_deref())?;
    let posted = decode::decode(&whole(body)?, &sentinel.clock)?;
    let unit = posting_unit(&sentinel, &caller, posted.named.as_ref())?;
    Ok(Json(sentinel.ingest.accept(&unit, posted).await?))
}

async fn unit_location(
    State(sentinel): State<Arc<Sentinel>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<IngestAnswer>, ApiError> {
    let caller = sentinel.access.ingest_caller(&headers, query.as_deref())?;
    let unit = named_unit(&sentinel, &caller, &id)?;
    let posted = decode::decode_for_unit(&whole(body)?, &sentinel.clock)?;
    Ok(Json(sentinel.ingest.accept(&unit, posted).await?))
}

/// As an earlier system had it, which answered 202.
async fn driver_location(
    state: State<Arc<Sentinel>>,
    path: Path<String>,
    query: RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<IngestAnswer>), ApiError> {
    Ok((StatusCode::ACCEPTED, unit_location(state, path, query, headers, body).await?))
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

/// A device posts for itself, whatever its body says; a key or person names the unit.
fn posting_unit(
    sentinel: &Sentinel,
    caller: &Caller,
    named: Option<&Named>,
) -> Result<Arc<UnitEntry>, ApiError> {
    if let Caller::Unit(unit) = caller {
        return Ok(unit.entry().clone());
    }
    match named {
        Some(Named::Unit(id)) => named_unit(sentinel, caller, id),
        Some(Named::Patrol(id)) => {
            let unit = id.parse::<PatrolId>().ok().and_then(|id| sentinel.directory.unit_by_patrol(id));
            unit.filter(|unit| caller.may_ingest(unit)).ok_or_else(|| {
                ApiError::forbidden(format!(
                    "there is no active patrol {:?} that you may post for; name the unit by unit_id, or start its patrol",
                    shown(id)
                ))
            })
        }
        None => Err(ApiError::bad_request(
            "with an API key the body names its unit: put \"unit_id\" (or \"patrol_id\") beside \"location\"",
        )),
    }
}

fn named_unit(sentinel: &Sentinel, caller: &Caller, id: &str) -> Result<Arc<UnitEntry>, ApiError> {
    let unit = id.parse::<UnitId>().ok().and_then(|id| sentinel.directory.unit(&id));
    unit.filter(|unit| caller.may_ingest(unit))
        .ok_or_else(|| ApiError::forbidden(format!("there is no unit {:?} that you may post for", shown(id))))
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
