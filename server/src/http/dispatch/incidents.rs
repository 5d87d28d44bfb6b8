//! Something to attend: `/api/v1/incidents`.

use super::{
    Assign, AssignmentAnswer, Close, HandOver, Note,
    list::{self, ListState, Wanted},
};
use crate::{
    auth::Signed,
    http::{
        answer::Answer,
        error::ApiError,
        input::{Asked, Body, Paging, to_its_end},
        units::no_unit,
    },
    state::Sentinel,
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use sentinel_model::{
    Page, Scope, UnitId,
    dispatch::{Incident, NearestUnit, NewTask, Outcome, Place, Priority, Step, Task, TaskEdit, What},
};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, edit))
        .routes(routes!(note))
        .routes(routes!(assign))
        .routes(routes!(hand_over))
        .routes(routes!(close))
        .routes(routes!(nearest))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Without one, the caller's own.
    scope: Option<Scope>,
    /// All that are not closed, where it is left out.
    #[param(inline)]
    state: Option<ListState>,
    /// All of them, where it is left out.
    #[param(inline)]
    priority: Option<Priority>,
    /// As it was given, in small or capital letters.
    kind: Option<String>,
    /// That this unit is or was assigned to.
    unit_id: Option<UnitId>,
    /// Words that its id, kind, notes, address or units' names hold, all of them.
    q: Option<String>,
    /// Items of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Incidents that a scope sees, newest first: its own, and those that its units attend to.
///
/// A page may be short, or empty, and have a `next`, where words or kinds are looked for among very many.
#[utoipa::path(get, path = "/api/v1/incidents", operation_id = "list_incidents", tag = "Dispatch", params(Which),
    responses((status = 200, description = "Incidents", body = Page<Task>)))]
async fn list(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Asked(which): Asked<Which>,
) -> Result<Answer<Page<Task>>, ApiError> {
    let grant = caller.view(&sentinel.directory, which.scope.unwrap_or_else(|| caller.home_scope()))?;
    let wanted = Wanted {
        is_order: false,
        state: which.state.unwrap_or_default(),
        priority: which.priority,
        kind: which.kind,
        unit: which.unit_id,
        words: which.q,
    };
    let paging = Paging { limit: which.limit, cursor: which.cursor };
    Ok(Answer(list::page(&sentinel, &grant, &wanted, &paging).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewIncident {
    #[schema(min_length = 1, max_length = 60, example = "accident")]
    kind: String,
    /// `normal`, where it is left out.
    #[schema(inline)]
    priority: Option<Priority>,
    /// Degrees. The place may be left out where `at_unit` is given.
    #[schema(minimum = -90, maximum = 90, example = 9.9624)]
    latitude: Option<f64>,
    /// Degrees.
    #[schema(minimum = -180, maximum = 180, example = 76.2995)]
    longitude: Option<f64>,
    #[schema(max_length = 200, example = "Kadavanthra junction")]
    address: Option<String>,
    /// Where this unit is now.
    at_unit: Option<UnitId>,
    #[schema(max_length = 2000, example = "Two cars, one lane is blocked")]
    notes: Option<String>,
    /// Whose it is; that of the nearest station, where it is left out.
    scope: Option<Scope>,
}

/// Makes an incident.
#[utoipa::path(post, path = "/api/v1/incidents", operation_id = "create_incident", tag = "Dispatch",
    request_body(content = NewIncident, example = json!({ "kind": "accident", "priority": "high",
        "latitude": 9.9624, "longitude": 76.2995, "address": "Kadavanthra junction", "notes": "Two cars" })),
    responses(
        (status = 201, description = "The incident", body = Task),
        (status = 404, description = "`at_unit` is no unit that you may see, or nobody knows where it is"),
        (status = 409, description = "There are too many open ones, or its scope has too many"),
    ))]
async fn create(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Body(new): Body<NewIncident>,
) -> Result<(StatusCode, Answer<Task>), ApiError> {
    let place = match (new.latitude, new.longitude, &new.at_unit) {
        (Some(latitude), Some(longitude), None) => Place { latitude, longitude, text: new.address },
        (None, None, Some(unit)) => {
            let entry = sentinel.reads.visible(&caller, unit).ok_or_else(|| no_unit(unit.as_str()))?;
            let location = sentinel.reads.unit(&entry).await?.location;
            let at = location
                .ok_or_else(|| ApiError::not_found(format!("nobody knows where {unit} is: say the place")))?;
            Place { latitude: at.latitude, longitude: at.longitude, text: new.address }
        }
        _ => {
            return Err(ApiError::bad_request("say where it is: latitude and longitude, or at_unit"));
        }
    };
    let scope = super::scope_of(&sentinel, &caller, new.scope, &place)?;
    let incident = Incident { kind: new.kind, priority: new.priority.unwrap_or(Priority::Normal) };
    let new = NewTask { what: What::Incident(incident), scope, place, notes: new.notes.unwrap_or_default() };
    to_its_end(async move {
        let made = sentinel.dispatch.create(&caller, None, new).await?;
        Ok((StatusCode::CREATED, Answer(made.task)))
    })
    .await
}

/// One incident, open or closed, with its timeline.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", operation_id = "read_incident", tag = "Dispatch",
    params(("id" = String, Path, description = "Which incident", example = "inc-17")),
    responses(
        (status = 200, description = "The incident", body = Task),
        (status = 404, description = "No incident of that id that you may see"),
    ))]
async fn one(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Answer<Task>, ApiError> {
    Ok(Answer(super::one(&sentinel, &caller, &id, false).await?.task))
}

/// Changes what is said of an incident; what is left out stays.
#[utoipa::path(patch, path = "/api/v1/incidents/{id}", operation_id = "edit_incident", tag = "Dispatch",
    params(("id" = String, Path, description = "Which incident", example = "inc-17")),
    request_body(content = TaskEdit, example = json!({ "priority": "low" })),
    responses(
        (status = 200, description = "The incident", body = Task),
        (status = 404, description = "No incident of that id that you may see"),
        (status = 409, description = "It is closed"),
    ))]
async fn edit(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Body(edit): Body<TaskEdit>,
) -> Result<Answer<Task>, ApiError> {
    Ok(Answer(super::take(sentinel, caller, &id, false, Step::Edit(edit)).await?.task))
}

/// Writes into the timeline of an incident, also of one that is closed.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/notes", operation_id = "note_incident", tag = "Dispatch",
    params(("id" = String, Path, description = "Which incident", example = "inc-17")),
    request_body(content = Note, example = json!({ "text": "The caller waits at the gate" })),
    responses(
        (status = 200, description = "The incident", body = Task),
        (status = 404, description = "No incident of that id that you may see"),
        (status = 409, description = "It has as many notes as it can have"),
    ))]
async fn note(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Body(note): Body<Note>,
) -> Result<Answer<Task>, ApiError> {
    let step = Step::Note { text: note.text };
    Ok(Answer(super::take(sentinel, caller, &id, false, step).await?.task))
}

/// Sends a unit to an incident, or one in place of another.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/assign", operation_id = "assign_incident", tag = "Dispatch",
    params(("id" = String, Path, description = "Which incident", example = "inc-17")),
    request_body(content = Assign, example = json!({ "unit_id": "PC-001" })),
    responses(
        (status = 201, description = "The unit's part in it", body = AssignmentAnswer),
        (status = 404, description = "No incident of that id that you may see"),
        (status = 409, description = "It is closed, or the unit is off duty, on another task or on this one"),
    ))]
async fn assign(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Body(asked): Body<Assign>,
) -> Result<(StatusCode, Json<AssignmentAnswer>), ApiError> {
    Ok((StatusCode::CREATED, Json(super::assign(sentinel, caller, &id, false, asked).await?)))
}

/// Gives an incident to another scope: both must be yours to dispatch in.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/handover", operation_id = "hand_over_incident",
    tag = "Dispatch", params(("id" = String, Path, description = "Which incident", example = "inc-17")),
    request_body(content = HandOver, example = json!({ "scope": "station:6" })),
    responses(
        (status = 200, description = "The incident", body = Task),
        (status = 404, description = "No incident of that id that you may see"),
        (status = 409, description = "It is closed"),
    ))]
async fn hand_over(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Body(asked): Body<HandOver>,
) -> Result<Answer<Task>, ApiError> {
    let step = Step::HandOver { to: asked.scope };
    Ok(Answer(super::take(sentinel, caller, &id, false, step).await?.task))
}

/// Closes an incident; units that still attend to it are free again.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/close", operation_id = "close_incident", tag = "Dispatch",
    params(("id" = String, Path, description = "Which incident", example = "inc-17")),
    request_body(content = Close, example = json!({ "outcome": "done", "note": "Both drivers go on" })),
    responses(
        (status = 200, description = "The incident", body = Task),
        (status = 404, description = "No incident of that id that you may see"),
        (status = 409, description = "It is closed already"),
    ))]
async fn close(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Body(close): Body<Close>,
) -> Result<Answer<Task>, ApiError> {
    let step = Step::Close { outcome: close.outcome.unwrap_or(Outcome::Done), note: close.note };
    Ok(Answer(super::take(sentinel, caller, &id, false, step).await?.task))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HowMany {
    /// Units of the answer.
    #[param(minimum = 1, maximum = 50, default = 8)]
    limit: Option<usize>,
}

/// Free units that could attend to an incident, the one that arrives first first.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/nearest", operation_id = "nearest_to_incident",
    tag = "Dispatch", params(("id" = String, Path, description = "Which incident", example = "inc-17"), HowMany),
    responses(
        (status = 200, description = "Units of your scope", body = Page<NearestUnit>),
        (status = 404, description = "No incident of that id that you may see"),
    ))]
async fn nearest(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Asked(many): Asked<HowMany>,
) -> Result<Answer<Page<NearestUnit>>, ApiError> {
    let place = super::one(&sentinel, &caller, &id, false).await?.task.place;
    let grant = caller.view(&sentinel.directory, caller.home_scope())?;
    let limit = many.limit.unwrap_or(8).clamp(1, 50);
    let items = sentinel.reads.nearest(&grant, &sentinel.dispatch.estimator, &place, limit).await?;
    Ok(Answer(Page { items, next: None }))
}
