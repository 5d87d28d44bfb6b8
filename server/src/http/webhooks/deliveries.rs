//! What was sent to a webhook and what is on its way: the log, a test, sending again.

use super::{enabled, own, told};
use crate::{
    auth::Signed,
    http::{
        answer::Answer,
        error::ApiError,
        input::{Paging, to_its_end},
    },
    ports::{BY_HAND, Change, Queued, WebhookRecord},
    state::Sentinel,
    webhooks::{enqueue, next_attempt},
};
use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use sentinel_model::{
    Page, Time,
    webhook::{Delivery, WebhookEvent},
};
use std::{str::FromStr, sync::Arc};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Deliveries of a page: each may hold a good many answers.
const LOG_MAX: usize = 100;

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(test)).routes(routes!(redeliver))
}

/// Sends the webhook a `ping`, whatever it wants.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/test", operation_id = "test_webhook", tag = "Webhooks",
    params(("id" = String, Path, description = "The webhook's id", example = "9f86d081884c7d65")),
    responses(
        (status = 202, description = "It is on its way; its log tells what comes of it", body = Delivery),
        (status = 404, description = "No such webhook that you may see"),
        (status = 409, description = "The webhook is switched off"),
    ))]
pub(in crate::http) async fn test(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<(StatusCode, Answer<Delivery>), ApiError> {
    to_its_end(async move {
        let now = state.clock.now();
        let put = || {
            let webhook = enabled(&state, &caller, &id)?;
            let ping = enqueue::ping(&webhook, now);
            let told = told(&state, &caller, "webhook_tested", &webhook, Some(ping.id.clone()));
            Ok::<_, ApiError>((vec![Change::PutDelivery(ping.clone()), told], (ping, webhook)))
        };
        let (ping, webhook) = state.directory.change(put).await?;
        Ok((StatusCode::ACCEPTED, Answer(shown(Queued::new(ping), &webhook, now))))
    })
    .await
}

/// What was sent and what is on its way, newest first, with each try. At most 100 a page.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}/deliveries", operation_id = "list_deliveries", tag = "Webhooks",
    params(("id" = String, Path, description = "The webhook's id", example = "9f86d081884c7d65"), Paging),
    responses(
        (status = 200, description = "Deliveries", body = Page<Delivery>),
        (status = 404, description = "No such webhook that you may see"),
    ))]
pub(in crate::http) async fn list(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    paging: Paging,
) -> Result<Answer<Page<Delivery>>, ApiError> {
    let (webhook, now) = (own(&state, &caller, &id)?, state.clock.now());
    let (limit, after) = (paging.limit().min(LOG_MAX), paging.after::<Behind>()?);
    let mut found = state.outbox.log(&id, after.map(|Behind(at, id)| (at, id)), limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(Behind::cursor);
    Ok(Answer(Page { items: found.into_iter().map(|queued| shown(queued, &webhook, now)).collect(), next }))
}

/// Sends a delivery again, under the same `webhook-id`.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/deliveries/{delivery}/redeliver", operation_id = "redeliver",
    tag = "Webhooks",
    params(("id" = String, Path, description = "The webhook's id", example = "9f86d081884c7d65"),
        ("delivery" = String, Path, description = "The delivery's id", example = "msg_2f1b9c0d7e5a4638")),
    responses(
        (status = 202, description = "It is on its way", body = Delivery),
        (status = 404, description = "No such webhook that you may see, or it has no such delivery"),
        (status = 409, description = "The webhook is switched off"),
    ))]
pub(in crate::http) async fn redeliver(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<(StatusCode, Answer<Delivery>), ApiError> {
    to_its_end(async move {
        let (webhook, now) = (enabled(&state, &caller, &id)?, state.clock.now());
        let again = state.outbox.redeliver(&id, &delivery, BY_HAND).await?;
        let again = again.ok_or_else(|| ApiError::not_found("this webhook has no such delivery"))?;
        let told = told(&state, &caller, "webhook_redelivered", &webhook, Some(delivery.clone()));
        state.directory.put(vec![told]).await?;
        tracing::info!(by = %caller, webhook = id, delivery, "a delivery is sent again");
        Ok((StatusCode::ACCEPTED, Answer(shown(again, &webhook, now))))
    })
    .await
}

fn shown(queued: Queued, webhook: &WebhookRecord, now: Time) -> Delivery {
    let next_attempt_at = next_attempt(&queued, webhook, now);
    let Queued { delivery, state, attempts, .. } = queued;
    Delivery {
        id: delivery.id,
        event: delivery.event,
        unit_id: (delivery.event != WebhookEvent::Ping).then(|| delivery.about.parse().ok()).flatten(),
        body: delivery.body,
        created_at: delivery.created_at,
        state,
        attempts,
        next_attempt_at,
    }
}

/// Where a page of the log ended: `1795226400000-msg_…`.
struct Behind(Time, String);

impl Behind {
    fn cursor(last: &Queued) -> String {
        format!("{}-{}", last.delivery.created_at.ms(), last.delivery.id)
    }
}

impl FromStr for Behind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, id) = text.split_once('-').ok_or(())?;
        Ok(Self(Time(at.parse().map_err(|_| ())?), id.to_owned()))
    }
}
