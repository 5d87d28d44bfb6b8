//! A car says where it is; one that is not known yet is made.

use super::{Car, MPS_PER_MPH, Place, no_car};
use crate::{
    auth::{Caller, Signed},
    directory::UnitEntry,
    geo::distance_m,
    http::{
        error::ApiError,
        input::{Body, to_its_end},
        units,
    },
    ingest::{decode::Posted, finish::even_if_given_up},
    state::Sentinel,
};
use axum::{Json, extract::State, http::StatusCode};
use sentinel_model::{Fix, Level, Location, Scope, Time, UnitId};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Faster than anything on a road, miles per hour.
const SPEED_MAX_MPH: f64 = 1000.0;

#[derive(Deserialize, ToSchema)]
pub struct PutCar {
    car_id: UnitId,
    lat: Option<f64>,
    lng: Option<f64>,
    /// In place of the two.
    location: Option<Place>,
    /// Miles per hour.
    speed: Option<f64>,
    /// Degrees clockwise from north.
    heading: Option<f64>,
    /// Where a new car belongs; without one, to the nearest of the caller's stations.
    station: Option<Scope>,
}

impl PutCar {
    fn fix(&self, now: Time) -> Result<Fix, ApiError> {
        let place = match (self.location, self.lat, self.lng) {
            (Some(place), _, _) => place,
            (None, Some(lat), Some(lng)) => Place { lat, lng },
            _ => return Err(ApiError::bad_request("say where the car is: lat and lng, in degrees")),
        };
        let (latitude, longitude) = place.check()?;
        if self.speed.is_some_and(|mph| !(0.0..=SPEED_MAX_MPH).contains(&mph)) {
            return Err(ApiError::bad_request(format!("speed is miles per hour, 0 to {SPEED_MAX_MPH}")));
        }
        if self.heading.is_some_and(|degrees| !(0.0..=360.0).contains(&degrees)) {
            return Err(ApiError::bad_request("heading is degrees clockwise from north, 0 to 360"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "both are within bounds")]
        let single = |value: f64| value as f32;
        Ok(Fix {
            time: now,
            received_at: now,
            latitude,
            longitude,
            speed_mps: self.speed.map(|mph| single(mph * MPS_PER_MPH)),
            heading_deg: self.heading.map(|degrees| single(degrees % 360.0)),
            accuracy_m: None,
            altitude_m: None,
            battery: None,
            uuid: None,
            event: None,
            extras: None,
        })
    }
}

/// A unit is here now; one that is not known is made, which takes the right to manage a station.
#[utoipa::path(post, path = "/police/cars", operation_id = "earlier_put", tag = "Earlier systems",
    request_body(content = PutCar, example = json!({
        "car_id": "PC-001", "lat": 9.9624, "lng": 76.2995, "speed": 19.0, "heading": 271.5
    })),
    responses(
        (status = 200, description = "It is here; it is safe on disk", body = Car),
        (status = 201, description = "It was made, and is here", body = Car),
        (status = 409, description = "Somebody else has made it meanwhile"),
        (status = 429, description = "This unit posts more than its rate allows; nothing was stored, send it again later"),
    ))]
pub async fn put(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Body(car): Body<PutCar>,
) -> Result<(StatusCode, Json<Car>), ApiError> {
    let fix = car.fix(sentinel.clock.now())?;
    let not_yours = || ApiError::forbidden(format!("there is no car {} that you may post for", car.car_id));
    let (unit, status) = match known(&sentinel, &car.car_id).await {
        Some(unit) => (unit, StatusCode::OK),
        None => {
            let at = (fix.latitude, fix.longitude);
            let station =
                car.station.or_else(|| nearest_station(&sentinel, &caller, at)).ok_or_else(not_yours)?;
            if !caller.may_ingest_under(&sentinel.directory, station) {
                return Err(not_yours());
            }
            (make(&sentinel, &caller, &car.car_id, station).await?, StatusCode::CREATED)
        }
    };
    if !caller.may_ingest(&unit) {
        return Err(not_yours());
    }
    let id = car.car_id;
    let answer = Car::at(Location::of(id, None, &fix));
    let posted = Posted { fixes: vec![fix], ..Posted::default() };
    even_if_given_up(async move { sentinel.ingest.accept(&unit, posted).await }).await?;
    Ok((status, Json(answer)))
}

pub async fn known(sentinel: &Sentinel, id: &UnitId) -> Option<Arc<UnitEntry>> {
    match sentinel.directory.unit(id) {
        // Another node may have made it just now.
        None if sentinel.directory.freshen().await => sentinel.directory.unit(id),
        unit => unit,
    }
}

pub async fn make(
    sentinel: &Arc<Sentinel>,
    caller: &Caller,
    id: &UnitId,
    station: Scope,
) -> Result<Arc<UnitEntry>, ApiError> {
    let (kind, name) = ("patrol_car".to_owned(), id.to_string());
    let (state, caller, new) = (sentinel.clone(), caller.clone(), id.clone());
    // Its token is told to nobody: who needs it makes a new one.
    to_its_end(async move { units::make(&state, &caller, &new, name, kind, station).await }).await?;
    sentinel.directory.unit(id).ok_or_else(|| no_car(id.as_str()))
}

/// Of the stations that the caller manages, the one whose site is nearest.
pub fn nearest_station(sentinel: &Sentinel, caller: &Caller, to: (f64, f64)) -> Option<Scope> {
    let directory = &sentinel.directory;
    let stations = directory
        .scopes()
        .into_iter()
        .filter(|record| record.scope.level == Level::Station && caller.may_manage(directory, record.scope));
    let away = |site: Option<(f64, f64)>| site.map_or(f64::INFINITY, |site| distance_m(site, to));
    stations.min_by(|a, b| away(a.site).total_cmp(&away(b.site))).map(|record| record.scope)
}
