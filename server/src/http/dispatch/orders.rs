//! Jobs for customers: `/api/v1/orders`.

use super::{
    Assign, AssignmentAnswer, Close, HandOver, Note, Spot,
    list::{self, ListState, Wanted},
};
use crate::{
    auth::Signed,
    dispatch::{OWN_ID_MAX, is_of_ours},
    http::{
        answer::Answer,
        error::ApiError,
        input::{Asked, Body, Paging, to_its_end},
    },
    state::Sentinel,
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use sentinel_model::{
    Page, Scope, TaskId, UnitId,
    dispatch::{NearestUnit, NewTask, Order, Outcome, Place, Step, Task, TaskEdit, What},
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
    /// That this unit is or was assigned to.
    unit_id: Option<UnitId>,
    /// Words that its id, customer, notes, address or units' names hold, all of them.
    q: Option<String>,
    /// Items of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Orders that a scope sees, newest first: its own, and those that its units attend to.
///
/// A page may be short, or empty, and have a `next`, where words are looked for among very many.
#[utoipa::path(get, path = "/api/v1/orders", operation_id = "list_orders", tag = "Dispatch", params(Which),
    responses((status = 200, description = "Orders", body = Page<Task>)))]
async fn list(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Asked(which): Asked<Which>,
) -> Result<Answer<Page<Task>>, ApiError> {
    let grant = caller.view(&sentinel.directory, which.scope.unwrap_or_else(|| caller.home_scope()))?;
    let wanted = Wanted {
        is_order: true,
        state: which.state.unwrap_or_default(),
        priority: None,
        kind: None,
        unit: which.unit_id,
        words: which.q,
    };
    let paging = Paging { limit: which.limit, cursor: which.cursor };
    Ok(Answer(list::page(&sentinel, &grant, &wanted, &paging).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    /// By which it is known elsewhere; made here, where it is left out. Ids as they are made here,
    /// `ord-` or `inc-` and a number, are refused.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 60, example = "A-7731")]
    id: Option<TaskId>,
    #[schema(max_length = 100, example = "Marine Drive Bakery")]
    customer: Option<String>,
    /// Where it goes. Degrees.
    #[schema(minimum = -90, maximum = 90, example = 9.9624)]
    latitude: f64,
    /// Degrees.
    #[schema(minimum = -180, maximum = 180, example = 76.2995)]
    longitude: f64,
    #[schema(max_length = 200, example = "Panampilly Nagar 14")]
    address: Option<String>,
    /// Where it is fetched.
    pickup: Option<Spot>,
    #[schema(max_length = 2000, example = "Ring twice")]
    notes: Option<String>,
    /// Whose it is; that of the nearest station, where it is left out.
    scope: Option<Scope>,
}

/// Makes an order.
#[utoipa::path(post, path = "/api/v1/orders", operation_id = "create_order", tag = "Dispatch",
    request_body(content = NewOrder, example = json!({ "customer": "Marine Drive Bakery",
        "latitude": 9.9624, "longitude": 76.2995, "address": "Panampilly Nagar 14" })),
    responses(
        (status = 201, description = "The order", body = Task),
        (status = 409, description = "There is one of that id, there are too many open ones, or its scope has too many"),
    ))]
async fn create(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Body(new): Body<NewOrder>,
) -> Result<(StatusCode, Answer<Task>), ApiError> {
    if new.id.as_ref().is_some_and(|id| id.as_str().len() > OWN_ID_MAX) {
        return Err(ApiError::bad_request(format!("an order's id has at most {OWN_ID_MAX} characters")));
    }
    if let Some(id) = new.id.as_ref().filter(|id| is_of_ours(id)) {
        return Err(ApiError::bad_request(format!(
            "the id {id} is one of those that are made here: send another, or none"
        )));
    }
    let place = Place { latitude: new.latitude, longitude: new.longitude, text: new.address };
    let scope = super::scope_of(&sentinel, &caller, new.scope, &place)?;
    let order = Order { customer: new.customer, pickup: new.pickup.map(Place::from) };
    let id = new.id;
    let new = NewTask { what: What::Order(order), scope, place, notes: new.notes.unwrap_or_default() };
    to_its_end(async move {
        let made = sentinel.dispatch.create(&caller, id, new).await?;
        Ok((StatusCode::CREATED, Answer(made.task)))
    })
    .await
}

/// One order, open or closed, with its timeline.
#[utoipa::path(get, path = "/api/v1/orders/{id}", operation_id = "read_order", tag = "Dispatch",
    params(("id" = String, Path, description = "Which order", example = "ord-17")),
    responses(
        (status = 200, description = "The order", body = Task),
        (status = 404, description = "No order of that id that you may see"),
    ))]
async fn one(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Answer<Task>, ApiError> {
    Ok(Answer(super::one(&sentinel, &caller, &id, true).await?.task))
}

/// Changes what is said of an order; what is left out stays.
#[utoipa::path(patch, path = "/api/v1/orders/{id}", operation_id = "edit_order", tag = "Dispatch",
    params(("id" = String, Path, description = "Which order", example = "ord-17")),
    request_body(content = TaskEdit, example = json!({ "notes": "Ring twice" })),
    responses(
        (status = 200, description = "The order", body = Task),
        (status = 404, description = "No order of that id that you may see"),
        (status = 409, description = "It is closed"),
    ))]
async fn edit(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Body(edit): Body<TaskEdit>,
) -> Result<Answer<Task>, ApiError> {
    Ok(Answer(super::take(sentinel, caller, &id, true, Step::Edit(edit)).await?.task))
}

/// Writes into the timeline of an order, also of one that is closed.
#[utoipa::path(post, path = "/api/v1/orders/{id}/notes", operation_id = "note_order", tag = "Dispatch",
    params(("id" = String, Path, description = "Which order", example = "ord-17")),
    request_body(content = Note, example = json!({ "text": "The caller waits at the gate" })),
    responses(
        (status = 200, description = "The order", body = Task),
        (status = 404, description = "No order of that id that you may see"),
        (status = 409, description = "It has as many notes as it can have"),
    ))]
async fn note(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Body(note): Body<Note>,
) -> Result<Answer<Task>, ApiError> {
    let step = Step::Note { text: note.text };
    Ok(Answer(super::take(sentinel, caller, &id, true, step).await?.task))
}

/// Sends a unit to an order, or one in place of another.
#[utoipa::path(post, path = "/api/v1/orders/{id}/assign", operation_id = "assign_order", tag = "Dispatch",
    params(("id" = String, Path, description = "Which order", example = "ord-17")),
    request_body(content = Assign, example = json!({ "unit_id": "PC-001" })),
    responses(
        (status = 201, description = "The unit's part in it", body = AssignmentAnswer),
        (status = 404, description = "No order of that id that you may see"),
        (status = 409, description = "It is closed, or the unit is off duty, on another task or on this one"),
    ))]
async fn assign(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Body(asked): Body<Assign>,
) -> Result<(StatusCode, Json<AssignmentAnswer>), ApiError> {
    Ok((StatusCode::CREATED, Json(super::assign(sentinel, caller, &id, true, asked).await?)))
}

/// Gives an order to another scope: both must be yours to dispatch in.
#[utoipa::path(post, path = "/api/v1/orders/{id}/handover", operation_id = "hand_over_order",
    tag = "Dispatch", params(("id" = String, Path, description = "Which order", example = "ord-17")),
    request_body(content = HandOver, example = json!({ "scope": "station:6" })),
    responses(
        (status = 200, description = "The order", body = Task),
        (status = 404, description = "No order of that id that you may see"),
        (status = 409, description = "It is closed"),
    ))]
async fn hand_over(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Body(asked): Body<HandOver>,
) -> Result<Answer<Task>, ApiError> {
    let step = Step::HandOver { to: asked.scope };
    Ok(Answer(super::take(sentinel, caller, &id, true, step).await?.task))
}

/// Closes an order; units that still attend to it are free again.
#[utoipa::path(post, path = "/api/v1/orders/{id}/close", operation_id = "close_order", tag = "Dispatch",
    params(("id" = String, Path, description = "Which order", example = "ord-17")),
    request_body(content = Close, example = json!({ "outcome": "done", "note": "Left with the neighbour" })),
    responses(
        (status = 200, description = "The order", body = Task),
        (status = 404, description = "No order of that id that you may see"),
        (status = 409, description = "It is closed already"),
    ))]
async fn close(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Body(close): Body<Close>,
) -> Result<Answer<Task>, ApiError> {
    let step = Step::Close { outcome: close.outcome.unwrap_or(Outcome::Done), note: close.note };
    Ok(Answer(super::take(sentinel, caller, &id, true, step).await?.task))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HowMany {
    /// Units of the answer.
    #[param(minimum = 1, maximum = 50, default = 8)]
    limit: Option<usize>,
}

/// Free units that could attend to an order, the one that arrives first first.
#[utoipa::path(get, path = "/api/v1/orders/{id}/nearest", operation_id = "nearest_to_order",
    tag = "Dispatch", params(("id" = String, Path, description = "Which order", example = "ord-17"), HowMany),
    responses(
        (status = 200, description = "Units of your scope", body = Page<NearestUnit>),
        (status = 404, description = "No order of that id that you may see"),
    ))]
async fn nearest(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Asked(many): Asked<HowMany>,
) -> Result<Answer<Page<NearestUnit>>, ApiError> {
    let place = super::one(&sentinel, &caller, &id, true).await?.task.place;
    let grant = caller.view(&sentinel.directory, caller.home_scope())?;
    let limit = many.limit.unwrap_or(8).clamp(1, 50);
    let items = sentinel.reads.nearest(&grant, &sentinel.dispatch.estimator, &place, limit).await?;
    Ok(Answer(Page { items, next: None }))
}
