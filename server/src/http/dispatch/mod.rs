//! Incidents, orders and the units that are assigned to them: `/api/v1/incidents`,
//! `/api/v1/orders`, `/api/v1/assignments`.
//!
//! What both kinds of task take is read here once; `incidents` and `orders` hold their addresses,
//! `links` those of the links by which customers follow orders.

mod assignments;
mod incidents;
mod links;
mod list;
mod orders;

use super::{
    error::ApiError,
    input::{BODY_MAX_BYTES, to_its_end},
};
use crate::{
    auth::Caller,
    dispatch::{DispatchError, Send, word},
    ports::TaskRecord,
    state::Sentinel,
};
use axum::extract::DefaultBodyLimit;
use sentinel_model::{
    Scope, TaskId, UnitId,
    dispatch::{Assignment, Outcome, Place, Refusal, Step, Task},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    incidents::routes()
        .merge(orders::routes())
        .merge(links::routes())
        .merge(assignments::routes())
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

/// Where something is to be attended to.
#[derive(Debug, Clone, Deserialize, ToSchema)]
struct Spot {
    /// Degrees.
    #[schema(minimum = -90, maximum = 90, example = 9.9624)]
    latitude: f64,
    /// Degrees.
    #[schema(minimum = -180, maximum = 180, example = 76.2995)]
    longitude: f64,
    #[schema(max_length = 200, example = "Kadavanthra junction")]
    address: Option<String>,
}

impl From<Spot> for Place {
    fn from(Spot { latitude, longitude, address: text }: Spot) -> Self {
        Self { latitude, longitude, text }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Assign {
    /// Earlier systems say `driver_id`, `car_id` or `vehicle_id`.
    #[serde(alias = "driver_id", alias = "car_id", alias = "vehicle_id")]
    unit_id: UnitId,
    /// Whether the unit may be on another task at the same time.
    #[serde(default)]
    even_if_busy: bool,
    /// The assignment whose unit is stood down for this one.
    instead_of: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Note {
    #[schema(min_length = 1, max_length = 500, example = "The caller waits at the gate")]
    text: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HandOver {
    /// Whose it is from now on.
    scope: Scope,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Close {
    /// `done`, where it is left out.
    #[schema(inline)]
    outcome: Option<Outcome>,
    #[schema(max_length = 500, example = "Both drivers go on")]
    note: Option<String>,
}

/// A unit's part in a task, and in which.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AssignmentAnswer {
    #[serde(flatten)]
    assignment: Assignment,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident_id: Option<TaskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<TaskId>,
}

impl AssignmentAnswer {
    pub(super) fn of(task: &Task, assignment: &Assignment) -> Self {
        let (incident_id, order_id) = match task.is_order() {
            false => (Some(task.id.clone()), None),
            true => (None, Some(task.id.clone())),
        };
        Self { assignment: assignment.clone(), incident_id, order_id }
    }
}

fn task_id(id: &str, is_order: bool) -> Result<TaskId, ApiError> {
    id.parse().map_err(|_| DispatchError::NoTask(word(is_order)).into())
}

async fn one(sentinel: &Sentinel, caller: &Caller, id: &str, is_order: bool) -> Result<TaskRecord, ApiError> {
    Ok(sentinel.dispatch.visible(caller, &task_id(id, is_order)?, is_order).await?)
}

async fn take(
    sentinel: Arc<Sentinel>,
    caller: Caller,
    id: &str,
    is_order: bool,
    step: Step,
) -> Result<TaskRecord, ApiError> {
    let id = task_id(id, is_order)?;
    to_its_end(async move { Ok(sentinel.dispatch.step(&caller, &id, is_order, step).await?) }).await
}

async fn assign(
    sentinel: Arc<Sentinel>,
    caller: Caller,
    id: &str,
    is_order: bool,
    asked: Assign,
) -> Result<AssignmentAnswer, ApiError> {
    let id = task_id(id, is_order)?;
    to_its_end(async move {
        let send = Send { unit: asked.unit_id, even_if_busy: asked.even_if_busy };
        let instead = asked.instead_of.as_deref();
        let after = sentinel.dispatch.assign(&caller, &id, is_order, &send, instead).await?;
        let assigned = after.task.active_of(&send.unit);
        let assigned =
            assigned.ok_or_else(|| ApiError::conflict("the unit was stood down at this very moment"))?;
        Ok(AssignmentAnswer::of(&after.task, assigned))
    })
    .await
}

/// The scope that a new task belongs to: the one that is named, or that of the nearest station.
pub(super) fn scope_of(
    sentinel: &Sentinel,
    caller: &Caller,
    named: Option<Scope>,
    place: &Place,
) -> Result<Scope, ApiError> {
    if let Some(named) = named {
        return Ok(named);
    }
    let near = sentinel.directory.nearest_station((place.latitude, place.longitude), |station| {
        caller.may_dispatch_in(&sentinel.directory, station)
    });
    Ok(near.unwrap_or_else(|| caller.home_scope()))
}

impl From<DispatchError> for ApiError {
    fn from(error: DispatchError) -> Self {
        let message = error.to_string();
        match error {
            DispatchError::NoTask(_) | DispatchError::NoAssignment | DispatchError::NoLink => {
                Self::not_found(message)
            }
            DispatchError::NoUnit(_) => Self::forbidden(message),
            DispatchError::OffDuty(_) => Self::refused("off_duty", message),
            DispatchError::Busy { .. } => Self::refused("busy", message),
            DispatchError::Taken(_) | DispatchError::TooMany | DispatchError::TooManyOf(..) => {
                Self::conflict(message)
            }
            DispatchError::Denied(denied) => denied.into(),
            DispatchError::Refused(Refusal::Invalid { .. }) => Self::bad_request(message),
            DispatchError::Refused(Refusal::NoSuchAssignment(_)) => Self::not_found(message),
            DispatchError::Refused(refusal) => Self::refused(refusal.code(), message),
            DispatchError::Engine(error) => error.into(),
        }
    }
}
