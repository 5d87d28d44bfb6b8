//! `/simulator/…`: a car moves, or stops. It takes the right to manage the unit.

use super::{
    Place,
    put::{known, make, nearest_station},
};
use crate::{
    auth::Signed,
    http::{error::ApiError, input::Asked},
    simulator::SimulatorError,
    state::Sentinel,
};
use axum::{
    Json,
    extract::{Path, State},
};
use sentinel_model::UnitId;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Begin {
    /// Degrees.
    #[param(minimum = -90, maximum = 90, example = 9.9624)]
    lat: Option<f64>,
    /// Degrees.
    #[param(minimum = -180, maximum = 180, example = 76.2995)]
    lng: Option<f64>,
}

/// Has a unit move, from where is said, else from where it is, else from its station.
#[utoipa::path(post, path = "/simulator/add/{car_id}", operation_id = "simulator_add", tag = "Earlier systems",
    params(("car_id" = UnitId, Path, description = "Which unit"), Begin),
    responses(
        (status = 200, description = "It moves", body = HashMap<String, String>,
            example = json!({ "status": "success", "car_id": "PC-001", "message": "car PC-001 moves" })),
        (status = 409, description = "As many units are simulated as can be"),
    ))]
pub async fn add(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Asked(from): Asked<Begin>,
) -> Result<Json<Value>, ApiError> {
    let id: UnitId = id.parse().map_err(|error| ApiError::bad_request(format!("the car's id: {error}")))?;
    let from = from.lat.zip(from.lng).map(|(lat, lng)| Place { lat, lng }.check()).transpose()?;
    let unit = match known(&sentinel, &id).await {
        Some(unit) => unit,
        None => {
            let station = nearest_station(&sentinel, &caller, from.unwrap_or_default());
            make(&sentinel, &caller, &id, station.ok_or_else(|| may_not_simulate(&id))?).await?
        }
    };
    if !caller.may_manage(&sentinel.directory, unit.home().station()) {
        return Err(may_not_simulate(&id));
    }
    let from = match (from, sentinel.positions.get(&id).await?) {
        (Some(from), _) => from,
        (None, Some(here)) => (here.latitude, here.longitude),
        (None, None) => {
            let site = sentinel.directory.scope(unit.path().station()).and_then(|station| station.site);
            site.ok_or_else(|| ApiError::bad_request("say where the car begins: ?lat=&lng=, in degrees"))?
        }
    };
    sentinel.simulator.add(&unit, from).await?;
    tracing::info!(by = %caller, unit = %id, "a car is simulated");
    Ok(Json(json!({ "status": "success", "car_id": id, "message": format!("car {id} moves") })))
}

/// Stops a simulated unit.
#[utoipa::path(delete, path = "/simulator/remove/{car_id}", operation_id = "simulator_remove", tag = "Earlier systems",
    params(("car_id" = UnitId, Path, description = "Which unit")),
    responses(
        (status = 200, description = "It stops", body = HashMap<String, String>,
            example = json!({ "status": "success", "car_id": "PC-001", "message": "car PC-001 stops" })),
        (status = 404, description = "No such unit is simulated by this server"),
    ))]
pub async fn remove(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let unit = match id.parse().ok() {
        Some(id) => known(&sentinel, &id).await,
        None => None,
    };
    let unit = unit.filter(|unit| caller.may_manage(&sentinel.directory, unit.home().station()));
    let id = match &unit {
        Some(unit) if sentinel.simulator.remove(&unit.record.id).await? => &unit.record.id,
        _ => {
            return Err(ApiError::not_found(
                "no such car is simulated by this server; one that another server moves stops when its patrol ends",
            ));
        }
    };
    tracing::info!(by = %caller, unit = %id, "a car is simulated no longer");
    Ok(Json(json!({ "status": "success", "car_id": id, "message": format!("car {id} stops") })))
}

fn may_not_simulate(id: &UnitId) -> ApiError {
    ApiError::forbidden(format!(
        "there is no car {id} that you may simulate: it takes the right to manage it"
    ))
}

impl From<SimulatorError> for ApiError {
    fn from(error: SimulatorError) -> Self {
        match error {
            SimulatorError::Full => ApiError::conflict(error.to_string()),
            SimulatorError::Patrol(error) => error.into(),
        }
    }
}
