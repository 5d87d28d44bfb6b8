//! Positions in: `POST /api/v1/locations` and the addresses that mean the same.
//!
//! Devices of all formats come to all of them, also with GET where their position stands
//! in the address; [`decode`] tells the formats apart, [`whose`] finds the unit, and
//! [`answer`] says what each of them waits for.

mod answer;
mod whose;

use super::{
    error::ApiError,
    openapi::{DeviceAnswer, PositionParameters, PostedPositions, UnitPosition},
    units::visible,
};
use crate::{
    auth::{Access, Caller, Signed},
    directory::UnitEntry,
    ingest::{
        IngestError,
        aside::SetAside,
        decode::{self, DecodeError, Format, Incoming, Named, Posted},
        finish::even_if_given_up,
    },
    state::Sentinel,
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, RawQuery, Request, State, rejection::BytesRejection},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use sentinel_model::{Page, UnitId, fix::IngestAnswer};
use std::sync::{Arc, atomic::Ordering};
use utoipa_axum::{router::OpenApiRouter, routes};

/// The largest batch that phones send is some hundred kilobytes; this is room for
/// [`decode::POINTS_MAX`] points.
const BODY_MAX_BYTES: usize = 8 * 1024 * 1024;

/// Clients whose only secret is the name of their device send one point at a time; more
/// is not read of whoever has shown no credential yet.
const UNSIGNED_MAX_BYTES: usize = 16 * 1024;

pub fn routes() -> Router<Arc<Sentinel>> {
    Router::new()
        .route("/api/v1/locations", get(locations).post(locations))
        .route("/locations", get(locations).post(locations))
        .route("/telemetry", get(locations).post(locations))
        .route("/log", get(locations).post(locations))
        // GET is the dashboard's: see `before_pages`.
        .route("/", post(locations))
        .route("/api/v1/units/{id}/location", post(unit_location))
        .route("/api/v1/drivers/{id}/location", post(driver_location))
        .route("/api/v1/units/{id}/rejected", get(rejected))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

/// Some clients send their positions to the bare host, as parameters of a GET: those do
/// not ask for the page that everybody else finds there.
pub async fn before_pages(state: State<Arc<Sentinel>>, request: Request, next: Next) -> Response {
    let is_position = request.method() == Method::GET
        && request.uri().path() == "/"
        && request.uri().query().is_some_and(decode::is_position);
    if !is_position {
        return next.run(request).await;
    }
    let query = RawQuery(request.uri().query().map(Into::into));
    locations(state, query, request.headers().clone(), Ok(Bytes::new())).await.into_response()
}

/// Positions of a unit, one or many, in the words of any device.
///
/// Whose they are is said by a unit's ingest token, or with an API key by the body. Every app's format is told apart
/// by its shape, and answered as that app expects. A 2xx means that what was accepted survives a power cut. Points that
/// make no sense are set aside and listed, the others stored; what was sent before is stored once. At most 10,000
/// points and 8 MiB a request.
#[utoipa::path(post, path = "/api/v1/locations", operation_id = "post_positions", tag = "Positions",
    security(("bearer" = []), ("basic" = []), ("api_key" = []), ("token" = [])),
    request_body(description = "Sentinel's own form, or what an app sends", content(
        (PostedPositions = "application/json", examples(
            ("1 Sentinel" = (summary = "Sentinel's own", value = json!({
                "unit_id": "PC-001",
                "location": [{
                    "timestamp": "2026-11-21T02:00:00Z",
                    "coords": { "latitude": 9.9624, "longitude": 76.2995, "speed": 8.5, "heading": 271.5, "accuracy": 5.0 },
                    "battery": { "level": 0.82 }
                }]
            }))),
            ("2 Traccar" = (summary = "Traccar Client 9 and later", value = json!({
                "device_id": "PC-001",
                "location": {
                    "timestamp": "2026-11-21T02:00:00.000Z", "event": "motionchange", "is_moving": true, "odometer": 1530,
                    "coords": { "latitude": 9.9624, "longitude": 76.2995, "speed": 8.5, "heading": 271.5, "accuracy": 5.0, "altitude": 12.0 },
                    "battery": { "level": 0.82, "is_charging": false }
                }
            }))),
            ("3 OwnTracks" = (summary = "OwnTracks, HTTP mode", value = json!({
                "_type": "location", "tid": "P1", "tst": 1795226400, "lat": 9.9624, "lon": 76.2995, "acc": 5, "vel": 31, "cog": 271, "batt": 82
            }))),
            ("4 Overland" = (summary = "Overland", value = json!({
                "locations": [{
                    "type": "Feature",
                    "geometry": { "type": "Point", "coordinates": [76.2995, 9.9624] },
                    "properties": { "device_id": "PC-001", "timestamp": "2026-11-21T02:00:00Z", "speed": 8, "horizontal_accuracy": 5, "battery_level": 0.82 }
                }]
            }))),
        )),
        (PositionParameters = "application/x-www-form-urlencoded", example = json!({
            "id": "PC-001", "lat": 9.9624, "lon": 76.2995, "timestamp": 1795226400, "speed": 16.5, "bearing": 271.5, "batt": 82
        })),
    )),
    responses(
        (status = 200, description = "Safe on disk, but for what is set aside; nothing in it for OsmAnd and GPSLogger",
            content((DeviceAnswer = "application/json"), (String = "text/plain"))),
        (status = 429, description = "This unit posts more than its rate allows; nothing of this request was stored, send it again later"),
    ))]
async fn locations(
    State(sentinel): State<Arc<Sentinel>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let query = query.as_deref();
    let (caller, posted) = match sentinel.access.ingest_caller(&headers, query)? {
        Some(caller) => {
            let posted = decode::decode(&incoming(&headers, query, &whole(body)?), &sentinel.clock)?;
            (caller, posted)
        }
        None => signed_inside(&sentinel, &headers, query, body).await?,
    };
    let format = posted.format;
    let answer = match whose::of_body(&sentinel, &caller, &posted).await {
        Ok(Some(unit)) => accept(sentinel, unit, posted).await?,
        // Such as a word of a phone that is no position, which nobody has to own: refused, it
        // would be sent for ever.
        Ok(None) | Err(_)
            if posted.fixes.is_empty() && posted.calls.is_empty() && format != Format::Native =>
        {
            sentinel.ingest.counts.rejected.fetch_add(posted.rejected.len() as u64, Ordering::Relaxed);
            IngestAnswer { status: "ok".into(), accepted: 0, duplicates: 0, rejected: posted.rejected }
        }
        Ok(None) => whose::each_for_its_own(sentinel, &caller, posted).await?,
        Err(refusal) => return Err(refusal),
    };
    Ok(answer::of(format, StatusCode::OK, answer))
}

/// A request without a credential where one belongs: it may stand in its form, or be what
/// the device calls itself.
async fn signed_inside(
    sentinel: &Sentinel,
    headers: &HeaderMap,
    query: Option<&str>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(Caller, Posted), ApiError> {
    let body = body.ok().filter(|body| body.len() <= UNSIGNED_MAX_BYTES).ok_or_else(Access::say_whose)?;
    let form = std::str::from_utf8(&body).ok();
    let in_form = sentinel.access.ingest_caller(&HeaderMap::new(), form)?;
    // What it is, a stranger does not learn.
    let posted = decode::decode(&incoming(headers, query, &body), &sentinel.clock);
    let posted = match in_form {
        Some(caller) => return Ok((caller, posted?)),
        None => posted.map_err(|_| Access::say_whose())?,
    };
    let Some(Named::Device(names)) = &posted.named else { return Err(Access::say_whose()) };
    let caller = match sentinel.access.by_device_name(names)? {
        // Another node may have made it just now.
        None if Access::may_name_device(names) && sentinel.directory.freshen().await => {
            sentinel.access.by_device_name(names)?
        }
        caller => caller,
    };
    Ok((caller.ok_or_else(Access::say_whose)?, posted))
}

/// A position of the unit that the address names.
///
/// Takes the bodies of `/api/v1/locations` too, and answers them alike.
#[utoipa::path(post, path = "/api/v1/units/{id}/location", operation_id = "post_unit_position", tag = "Positions",
    security(("bearer" = []), ("basic" = []), ("api_key" = []), ("token" = [])),
    params(("id" = UnitId, Path, description = "Which unit")),
    request_body(content = UnitPosition, example = json!({
        "latitude": 9.9624, "longitude": 76.2995, "speed": 8.5, "heading": 271.5, "accuracy": 5.0
    })),
    responses(
        (status = 200, description = "Safe on disk",
            content((DeviceAnswer = "application/json"), (String = "text/plain"))),
        (status = 429, description = "This unit posts more than its rate allows; nothing of this request was stored, send it again later"),
    ))]
async fn unit_location(
    state: State<Arc<Sentinel>>,
    path: Path<String>,
    query: RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    of_unit(StatusCode::OK, state, path, query, headers, body).await
}

/// The same, as an earlier system had it, which answered 202.
#[utoipa::path(post, path = "/api/v1/drivers/{id}/location", operation_id = "post_driver_position", tag = "Positions",
    security(("bearer" = []), ("basic" = []), ("api_key" = []), ("token" = [])),
    params(("id" = UnitId, Path, description = "Which unit")),
    request_body(content = UnitPosition, example = json!({
        "latitude": 9.9624, "longitude": 76.2995, "speed": 8.5, "heading": 271.5, "accuracy": 5.0
    })),
    responses(
        (status = 200, description = "The same, of another app's body",
            content((DeviceAnswer = "application/json"), (String = "text/plain"))),
        (status = 202, description = "Safe on disk", body = IngestAnswer),
        (status = 429, description = "This unit posts more than its rate allows; nothing of this request was stored, send it again later"),
    ))]
async fn driver_location(
    state: State<Arc<Sentinel>>,
    path: Path<String>,
    query: RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    of_unit(StatusCode::ACCEPTED, state, path, query, headers, body).await
}

async fn of_unit(
    status: StatusCode,
    State(sentinel): State<Arc<Sentinel>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let caller = sentinel.access.ingest_caller(&headers, query.as_deref())?.ok_or_else(Access::say_whose)?;
    let unit = whose::the_unit(&sentinel, &caller, &Named::Unit(id)).await?;
    let body = whole(body)?;
    let posted = decode::decode_for_unit(&incoming(&headers, query.as_deref(), &body), &sentinel.clock)?;
    let format = posted.format;
    Ok(answer::of(format, status, accept(sentinel, unit, posted).await?))
}

/// The points of a unit that were set aside last, and why: for whoever wonders why a phone is not seen.
///
/// At most ten, newest first, of what this process was sent.
#[utoipa::path(get, path = "/api/v1/units/{id}/rejected", operation_id = "list_rejected", tag = "Positions",
    params(("id" = UnitId, Path, description = "Which unit")),
    responses(
        (status = 200, description = "Points that were set aside", body = Page<SetAside>),
        (status = 404, description = "No unit of that id that you may see"),
    ))]
async fn rejected(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Json<Page<SetAside>>, ApiError> {
    let unit = visible(&sentinel, &caller, &id)?;
    Ok(Json(Page { items: sentinel.ingest.aside.of(&unit.record.id), next: None }))
}

fn incoming<'a>(headers: &'a HeaderMap, query: Option<&'a str>, body: &'a [u8]) -> Incoming<'a> {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Incoming {
        query: query.unwrap_or_default(),
        body,
        user_agent: said(header::USER_AGENT.as_str()),
        user: said("x-limit-u"),
        device: said("x-limit-d"),
    }
}

/// How the document tells of these addresses.
pub fn described() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(locations))
        .routes(routes!(unit_location))
        .routes(routes!(driver_location))
        .routes(routes!(rejected))
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
            IngestError::Untold(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an SOS could not be told");
                ApiError::unavailable(
                    "this is stored, but the SOS in it could not be told to anybody right now; send it again",
                    1,
                )
            }
        }
    }
}
