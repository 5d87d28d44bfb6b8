//! `POST /police/dispatch`: an incident and the car that attends to it, in one request.

use super::Place;
use crate::{
    auth::Signed,
    dispatch::Send,
    http::{
        dispatch::{AssignmentAnswer, scope_of},
        error::ApiError,
        input::{Body, to_its_end},
    },
    state::Sentinel,
};
use axum::{Json, extract::State, http::StatusCode};
use sentinel_model::{
    UnitId,
    dispatch::{self, Incident, NewTask, Priority, Task, What},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[schema(as = CarSent)]
pub(super) struct Sent {
    car_id: UnitId,
    /// Degrees.
    #[schema(minimum = -90, maximum = 90)]
    lat: f64,
    /// Degrees.
    #[schema(minimum = -180, maximum = 180)]
    lng: f64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CarSentAnswer)]
pub(super) struct SentAnswer {
    incident: Task,
    assignment: AssignmentAnswer,
}

/// Makes an incident at a point and sends a unit there.
#[utoipa::path(post, path = "/police/dispatch", operation_id = "earlier_dispatch", tag = "Earlier systems",
    request_body(content = Sent, example = json!({ "car_id": "PC-001", "lat": 9.9624, "lng": 76.2995 })),
    responses(
        (status = 200, description = "The incident, and the unit's part in it", body = SentAnswer),
        (status = 409, description = "The unit is off duty, or on another task"),
    ))]
pub(super) async fn send(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Body(Sent { car_id, lat, lng }): Body<Sent>,
) -> Result<(StatusCode, Json<SentAnswer>), ApiError> {
    let (latitude, longitude) = Place { lat, lng }.check()?;
    let place = dispatch::Place { latitude, longitude, text: None };
    let send = Send { unit: car_id, even_if_busy: false };
    // Before there is an incident that nobody attends to.
    sentinel.dispatch.may_send(&caller, &send)?;
    let scope = scope_of(&sentinel, &caller, None, &place)?;
    let what = What::Incident(Incident { kind: "dispatch".into(), priority: Priority::Normal });
    to_its_end(async move {
        let new = NewTask { what, scope, place, notes: String::new() };
        let made = sentinel.dispatch.create(&caller, None, new).await?;
        let after = sentinel.dispatch.assign(&caller, &made.task.id, false, &send, None).await?;
        let assignment = after.task.active_of(&send.unit).map(|held| AssignmentAnswer::of(&after.task, held));
        let assignment = assignment.ok_or_else(|| ApiError::conflict("it was stood down at once"))?;
        Ok((StatusCode::OK, Json(SentAnswer { incident: after.task, assignment })))
    })
    .await
}
