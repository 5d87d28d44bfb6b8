//! The links by which a customer follows an order: `/api/v1/orders/{id}/links`.

use super::task_id;
use crate::{
    auth::Signed,
    dispatch::links::{EXPIRES_IN_DEFAULT_S, EXPIRES_IN_S},
    http::{
        answer::Answer,
        error::ApiError,
        input::{Body, to_its_end},
    },
    ports::LinkRecord,
    state::Sentinel,
};
use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use sentinel_model::{Page, TaskId, dispatch::OrderLink};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A link is a secret: no copy of it is kept on the way.
const NO_STORE: (header::HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

fn shown(sentinel: &Sentinel, order: &TaskId, link: LinkRecord) -> OrderLink {
    let token = sentinel.access.link_token(order, &link);
    let LinkRecord { id, created_at, created_by, expires_at, revoked_at } = link;
    OrderLink { url: format!("/t/{token}"), id, token, created_at, created_by, expires_at, revoked_at }
}

/// The links of an order, oldest first, those that hold no more among them.
#[utoipa::path(get, path = "/api/v1/orders/{id}/links", operation_id = "list_order_links", tag = "Dispatch",
    params(("id" = String, Path, description = "Which order", example = "A-7731")),
    responses(
        (status = 200, description = "All of them", body = Page<OrderLink>),
        (status = 404, description = "No order of that id that you may see"),
    ))]
async fn list(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let order = task_id(&id, true)?;
    let record = sentinel.dispatch.links(&caller, &order).await?;
    let items = record.links.into_iter().map(|link| shown(&sentinel, &order, link)).collect();
    Ok(([NO_STORE], Answer(Page { items, next: None })))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOrderLink {
    /// For how long it holds, seconds; a day, where it is left out.
    #[schema(minimum = 60, maximum = 2_592_000, default = 86_400)]
    expires_in_s: Option<u32>,
}

/// Makes a link by which a customer follows an order, without an account.
///
/// Who opens it sees how far the order is, where it goes, and while a driver is sent, where that one is and when they
/// arrive: no name, no unit, no notes. An order has at most 20 that hold.
#[utoipa::path(post, path = "/api/v1/orders/{id}/links", operation_id = "create_order_link", tag = "Dispatch",
    params(("id" = String, Path, description = "Which order", example = "A-7731")),
    request_body(content = NewOrderLink, example = json!({ "expires_in_s": 7200 })),
    responses(
        (status = 201, description = "The link", body = OrderLink),
        (status = 404, description = "No order of that id that you may see"),
        (status = 409, description = "It is closed, or has too many"),
    ))]
async fn create(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Body(new): Body<NewOrderLink>,
) -> Result<impl IntoResponse, ApiError> {
    let order = task_id(&id, true)?;
    let expires_in_s = new.expires_in_s.unwrap_or(EXPIRES_IN_DEFAULT_S);
    if !EXPIRES_IN_S.contains(&expires_in_s) {
        let (least, most) = EXPIRES_IN_S.into_inner();
        return Err(ApiError::bad_request(format!("expires_in_s is seconds, {least} to {most}")));
    }
    to_its_end(async move {
        let made = sentinel.dispatch.make_link(&caller, &order, expires_in_s).await?;
        tracing::info!(by = %caller, %order, link = made.id, "a link of an order was made");
        Ok((StatusCode::CREATED, [NO_STORE], Answer(shown(&sentinel, &order, made))))
    })
    .await
}

/// Ends a link at once, for everybody who has it.
#[utoipa::path(delete, path = "/api/v1/orders/{id}/links/{link}", operation_id = "revoke_order_link",
    tag = "Dispatch", params(
        ("id" = String, Path, description = "Which order", example = "A-7731"),
        ("link" = String, Path, description = "The link's id", example = "0f3c9a5be1d24786"),
    ),
    responses(
        (status = 204, description = "It shows nothing any more"),
        (status = 404, description = "No order of that id that you may see, or no such link of it"),
    ))]
async fn revoke(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path((id, link)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let order = task_id(&id, true)?;
    to_its_end(async move {
        sentinel.dispatch.revoke_link(&caller, &order, &link).await?;
        tracing::info!(by = %caller, %order, link, "a link of an order was revoked");
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}
