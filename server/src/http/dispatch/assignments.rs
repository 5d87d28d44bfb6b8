//! How far the units are that were sent somewhere: `/api/v1/assignments`.

use super::AssignmentAnswer;
use crate::{
    auth::{Caller, Denied, Signed},
    dispatch::DispatchError,
    http::{
        error::ApiError,
        input::{Asked, Body, to_its_end},
    },
    state::Sentinel,
};
use axum::{
    Json,
    extract::{Path, State},
};
use sentinel_model::{
    Page, Scope, UnitId,
    dispatch::{AssignmentState, Place, Task},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(status))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Without one, the caller's own. Not for a unit's own token, which sees what it is assigned to.
    scope: Option<Scope>,
    /// Of this unit alone.
    unit_id: Option<UnitId>,
}

/// An active assignment, and what it is about.
#[derive(Serialize, ToSchema)]
struct Assigned {
    #[serde(flatten)]
    assignment: AssignmentAnswer,
    place: Place,
    notes: String,
}

/// Active assignments of units of a scope, or, with a unit's own token, of that unit.
#[utoipa::path(get, path = "/api/v1/assignments", operation_id = "list_assignments", tag = "Dispatch", params(Which),
    responses((status = 200, description = "Assignments, all of them", body = Page<Assigned>)))]
async fn list(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<Assigned>>, ApiError> {
    let directory = &sentinel.directory;
    let tasks = match &caller {
        Caller::Unit(unit) if which.unit_id.as_ref().is_none_or(|id| id == unit.id()) => {
            directory.tasks_of(unit.id())
        }
        Caller::Unit(_) => return Err(Denied::PostsOnly.into()),
        Caller::User(_) | Caller::Key(_) => {
            let grant = caller.view(directory, which.scope.unwrap_or_else(|| caller.home_scope()))?;
            directory.open_tasks(grant.scope())
        }
    };
    let own = if let Caller::Unit(unit) = &caller { Some(unit.id()) } else { which.unit_id.as_ref() };
    let assigned = |task: &Task| -> Vec<Assigned> {
        let active = task.active().filter(|assignment| own.is_none_or(|own| assignment.unit_id == *own));
        active
            .map(|assignment| Assigned {
                assignment: AssignmentAnswer::of(task, assignment),
                place: task.place.clone(),
                notes: task.notes.clone(),
            })
            .collect()
    };
    let items = tasks.iter().flat_map(|record| assigned(&record.task)).collect();
    Ok(Json(Page { items, next: None }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AssignmentStatus)]
struct Status {
    /// The states in their order; some may be left out. `cancelled` stands the unit down.
    #[serde(alias = "state")]
    status: AssignmentState,
}

/// Says how far a unit is: by its own token, its station, or whoever steers the task.
///
/// What is so already is answered as it is: a device may send it again.
#[utoipa::path(post, path = "/api/v1/assignments/{id}/status", operation_id = "set_assignment_status",
    tag = "Dispatch", params(("id" = String, Path, description = "Which assignment", example = "inc-17.1")),
    request_body(content = Status, example = json!({ "status": "en_route" })),
    responses(
        (status = 200, description = "The unit's part in the task", body = AssignmentAnswer),
        (status = 404, description = "No assignment of that id that you may see"),
        (status = 409, description = "It has ended, or is further already"),
    ))]
async fn status(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Body(Status { status }): Body<Status>,
) -> Result<Json<AssignmentAnswer>, ApiError> {
    to_its_end(async move {
        let after = sentinel.dispatch.status(&caller, &id, status).await?;
        let assignment = after.task.assignment(&id).ok_or(DispatchError::NoAssignment)?;
        Ok(Json(AssignmentAnswer::of(&after.task, assignment)))
    })
    .await
}
