//! The profile that GPSLogger fetches by itself, without anybody's cookie: the unit's token in
//! the address says whose it is, and stands in the profile.

use super::server_of;
use crate::{
    auth::{Access, Caller},
    http::error::ApiError,
    state::Sentinel,
};
use axum::{
    Router,
    extract::{Query, Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::get,
};
use sentinel_app::admin::connect::{GPSLOGGER_PROFILE, gpslogger_profile};
use serde::Deserialize;
use std::sync::Arc;

pub fn routes() -> Router<Arc<Sentinel>> {
    Router::new().route(GPSLOGGER_PROFILE, get(gpslogger))
}

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    token: String,
}

async fn gpslogger(
    State(state): State<Arc<Sentinel>>,
    Query(given): Query<Given>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let caller = state.access.ingest_caller(&HeaderMap::new(), parts.uri.query())?;
    let Caller::Unit(unit) = caller.ok_or_else(Access::say_whose)? else {
        return Err(ApiError::forbidden("a profile is made for a unit's own token"));
    };
    let server = server_of(&state, &parts)
        .ok_or_else(|| ApiError::bad_request("the request names no host that the phone could post to"))?;
    let profile = gpslogger_profile(&server, unit.id(), &given.token);
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    Ok((kind, profile).into_response())
}
