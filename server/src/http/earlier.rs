//! The addresses of earlier systems, on the same code as our own. Their words: a unit is a
//! car, speeds are miles per hour, distances kilometres.
//!
//! Who asks needs a credential as everywhere, and is shown what lies in its scope. What means
//! the same as an address of ours stands beside it: `/start_patrol` in `patrols`,
//! `/api/v1/drivers/…` in `units` and `locations`.

mod put;
mod sent;
mod simulated;

use super::{
    error::ApiError,
    input::{BODY_MAX_BYTES, Body, Paging},
    ops,
};
use crate::{
    auth::Signed, gateway::track, ingest::CLOCK_AHEAD_MS, ports::TimeRange, reads::placed, state::Sentinel,
};
use axum::{
    Json,
    extract::{DefaultBodyLimit, Path, State},
};
use sentinel_model::{Location, RoutePoint, Time, UnitId, fix::Nearby, page::Stats};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(all_now))
        .routes(routes!(one_now))
        .routes(routes!(all_stored, put::put))
        .routes(routes!(one_stored))
        .routes(routes!(nearby))
        .routes(routes!(sent::send))
        .routes(routes!(track::open))
        .routes(routes!(simulated::add))
        .routes(routes!(simulated::remove))
        .routes(routes!(stats))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

const MPS_PER_MPH: f64 = 0.44704;
const RADIUS_DEFAULT_KM: f64 = 5.0;
const RADIUS_MAX_KM: f64 = 500.0;

/// Miles per hour, to the thousandth.
pub fn mph(mps: f32) -> f64 {
    (f64::from(mps) / MPS_PER_MPH * 1000.0).round() / 1000.0
}

#[derive(Serialize, ToSchema)]
struct Car {
    car_id: UnitId,
    /// Degrees.
    #[schema(example = 9.9624)]
    lat: f64,
    /// Degrees.
    #[schema(example = 76.2995)]
    lng: f64,
    /// Miles per hour.
    #[schema(example = 19.014)]
    speed: Option<f64>,
    /// Degrees clockwise from north.
    #[schema(example = 271.5)]
    heading: Option<f32>,
    updated_at: Time,
}

impl Car {
    fn at(place: Location) -> Self {
        Self {
            car_id: place.unit_id,
            lat: place.latitude,
            lng: place.longitude,
            speed: place.speed_mps.map(mph),
            heading: place.heading_deg,
            updated_at: place.time,
        }
    }

    fn was_at(car_id: UnitId, point: RoutePoint) -> Self {
        let RoutePoint { time: updated_at, latitude: lat, longitude: lng, speed_mps, heading_deg } = point;
        Self { car_id, lat, lng, speed: speed_mps.map(mph), heading: heading_deg, updated_at }
    }
}

#[derive(Serialize, ToSchema)]
struct Cars<T> {
    count: usize,
    cars: Vec<T>,
}

impl<T> FromIterator<T> for Cars<T> {
    fn from_iter<I: IntoIterator<Item = T>>(cars: I) -> Self {
        let cars: Vec<T> = cars.into_iter().collect();
        Self { count: cars.len(), cars }
    }
}

fn no_car(id: &str) -> ApiError {
    let id: String = id.chars().take(sentinel_model::ids::ID_MAX_CHARS).collect();
    ApiError::not_found(format!("there is no position of a car {id:?} that you may see"))
}

/// Where every unit that you see is.
#[utoipa::path(get, path = "/police/realtime", operation_id = "earlier_all_now", tag = "Earlier systems",
    responses((status = 200, description = "Those that have a position", body = Cars<Car>)))]
async fn all_now(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
) -> Result<Json<Cars<Car>>, ApiError> {
    let grant = caller.view(&sentinel.directory, caller.home_scope())?;
    let units = sentinel.reads.units(&grant, "", None, usize::MAX - 1).await?;
    Ok(Json(units.items.into_iter().filter_map(|unit| unit.location).map(Car::at).collect()))
}

/// Where a unit is.
#[utoipa::path(get, path = "/police/realtime/{car_id}", operation_id = "earlier_one_now", tag = "Earlier systems",
    params(("car_id" = UnitId, Path, description = "Which unit")),
    responses(
        (status = 200, description = "Its newest position by device time", body = Car),
        (status = 404, description = "No position of a unit of that id that you may see"),
    ))]
async fn one_now(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Json<Car>, ApiError> {
    let unit = id.parse().ok().and_then(|id| sentinel.reads.visible(&caller, &id));
    let unit = unit.ok_or_else(|| no_car(&id))?;
    let location = sentinel.reads.unit(&unit).await?.location;
    location.map(|location| Json(Car::at(location))).ok_or_else(|| no_car(&id))
}

/// Where every unit that you see was last, by what is stored.
#[utoipa::path(get, path = "/police/cars", operation_id = "earlier_all_stored", tag = "Earlier systems",
    responses((status = 200, description = "Those that have a position", body = Cars<Car>)))]
async fn all_stored(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
) -> Result<Json<Cars<Car>>, ApiError> {
    let grant = caller.view(&sentinel.directory, caller.home_scope())?;
    let at = sentinel.clock.now().plus_ms(CLOCK_AHEAD_MS);
    let then = sentinel.reads.history(&grant, at).await?;
    Ok(Json(then.units.into_iter().map(Car::at).collect()))
}

/// Where a unit was last, by what is stored.
#[utoipa::path(get, path = "/police/cars/{car_id}", operation_id = "earlier_one_stored", tag = "Earlier systems",
    params(("car_id" = UnitId, Path, description = "Which unit")),
    responses(
        (status = 200, description = "Its last position", body = Car),
        (status = 404, description = "No position of a unit of that id that you may see"),
    ))]
async fn one_stored(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Json<Car>, ApiError> {
    let unit: UnitId = id.parse().map_err(|_| no_car(&id))?;
    let at = sentinel.clock.now().plus_ms(CLOCK_AHEAD_MS);
    let last = placed::last_before(&*sentinel.reads.archive, std::slice::from_ref(&unit), at).await?;
    let (_, last) = last.into_iter().next().ok_or_else(|| no_car(&id))?;
    // Whether this caller may see what was made then is for the route to say.
    let moment = TimeRange { from: last.time, to: last.time.plus_ms(1) };
    let seen = sentinel.reads.route(&caller, &unit, moment, 2).await?;
    let point = seen.and_then(|route| route.points.last().copied());
    point.map(|point| Json(Car::was_at(unit, point))).ok_or_else(|| no_car(&id))
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[schema(as = CarPlace)]
struct Place {
    /// Degrees.
    #[schema(minimum = -90, maximum = 90)]
    lat: f64,
    /// Degrees.
    #[schema(minimum = -180, maximum = 180)]
    lng: f64,
}

impl Place {
    fn check(self) -> Result<(f64, f64), ApiError> {
        if self.lat.abs() <= 90.0 && self.lng.abs() <= 180.0 {
            return Ok((self.lat, self.lng));
        }
        Err(ApiError::bad_request("lat is within -90..90 and lng within -180..180, in degrees"))
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = CarsAround)]
struct Around {
    /// Degrees.
    #[schema(minimum = -90, maximum = 90)]
    lat: f64,
    /// Degrees.
    #[schema(minimum = -180, maximum = 180)]
    lng: f64,
    /// Kilometres.
    #[schema(minimum = 0, maximum = 500, default = 5)]
    radius_km: Option<f64>,
}

#[derive(Serialize, ToSchema)]
struct NearbyCar {
    #[serde(flatten)]
    car: Car,
    distance_km: f64,
}

/// Units on patrol around a point, nearest first.
#[utoipa::path(post, path = "/police/nearby", operation_id = "earlier_nearby", tag = "Earlier systems",
    request_body(content = Around, example = json!({ "lat": 9.9624, "lng": 76.2995, "radius_km": 2.5 })),
    responses((status = 200, description = "Units with their distance", body = Cars<NearbyCar>)))]
async fn nearby(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Body(around): Body<Around>,
) -> Result<Json<Cars<NearbyCar>>, ApiError> {
    let radius_km = around.radius_km.unwrap_or(RADIUS_DEFAULT_KM);
    if !(0.0..=RADIUS_MAX_KM).contains(&radius_km) {
        return Err(ApiError::bad_request(format!("radius_km is kilometres, 0 to {RADIUS_MAX_KM}")));
    }
    let at = Place { lat: around.lat, lng: around.lng }.check()?;
    let grant = caller.view(&sentinel.directory, caller.home_scope())?;
    let found = sentinel.reads.nearby(&grant, at, radius_km * 1000.0, Paging::LIMIT_MAX, false).await?;
    let near =
        |near: Nearby| NearbyCar { car: Car::at(near.location), distance_km: near.distance_m / 1000.0 };
    Ok(Json(found.into_iter().map(near).collect()))
}

/// Counts: units, patrols, sockets, fixes, and posts that wait to be stored (`lag`).
#[utoipa::path(get, path = "/stats", operation_id = "earlier_stats", tag = "Earlier systems",
    responses((status = 200, description = "Counts", body = HashMap<String, u64>,
        example = json!({ "units": 200, "patrols": 181, "sockets": 4, "fixes": 93841, "lag": 0 }))))]
async fn stats(state: State<Arc<Sentinel>>, signed: Signed) -> Result<Json<Value>, ApiError> {
    let Json(Stats { units, patrols_active, sockets, fixes_accepted, intake_queue, .. }) =
        ops::stats(state, signed).await?;
    Ok(Json(json!({
        "units": units,
        "patrols": patrols_active,
        "sockets": sockets,
        "fixes": fixes_accepted,
        "lag": intake_queue,
    })))
}
