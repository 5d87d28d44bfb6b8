//! Webhook endpoints and the log of what was sent there: `/api/v1/webhooks`.
//!
//! What somebody may not see does not exist for them. A secret is shown when it is made,
//! and never again.

use super::{
    answer::Answer,
    error::ApiError,
    input::{self, BODY_MAX_BYTES, Body, Paging, to_its_end},
};
use crate::{
    audit,
    auth::{Caller, Denied, Signed, secret::random_id},
    ports::{Change, Queued, WebhookRecord},
    state::Sentinel,
    webhooks::{ENDPOINTS_MAX, address::AddressError, enqueue, sign},
};
use axum::{
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
};
use sentinel_model::{
    Page, Time,
    webhook::{
        Delivery, DeliveryState, NewSecretAnswer, NewWebhook, NewWebhookAnswer, Webhook, WebhookPatch,
    },
};
use std::{str::FromStr, sync::Arc};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Deliveries of a page: each may hold a good many answers.
const LOG_MAX: usize = 100;

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(one, change, remove))
        .routes(routes!(rotate_secret))
        .routes(routes!(test))
        .routes(routes!(deliveries))
        .routes(routes!(redeliver))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

/// The webhooks within what you manage.
#[utoipa::path(get, path = "/api/v1/webhooks", operation_id = "list_webhooks", tag = "Webhooks", params(Paging),
    responses((status = 200, description = "Webhooks without their secrets, by id", body = Page<Webhook>)))]
pub(super) async fn list(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    paging: Paging,
) -> Result<Answer<Page<Webhook>>, ApiError> {
    if !caller.may_keep_webhooks(&state.directory, caller.home_scope()) {
        return Err(Denied::NotAllowed("see webhooks").into());
    }
    let webhooks = state.directory.webhooks(|_| true).into_iter();
    let own = webhooks.filter(|webhook| state.directory.scope_within(webhook.scope, caller.home_scope()));
    Ok(Answer(paging.page(own, |webhook| webhook.id.clone(), |webhook| public(webhook))?))
}

/// Makes a webhook; its secret is shown this once.
///
/// From now on the events it wants, of units on patrol within its scope, are posted to its URL as
/// `{"type","timestamp","data"}`, signed after the Standard Webhooks specification; a recipe shows how to verify that.
/// Any 2xx within 15 seconds counts as delivered; what is not is sent again, ever later, for a day.
#[utoipa::path(post, path = "/api/v1/webhooks", operation_id = "make_webhook", tag = "Webhooks",
    request_body(content = NewWebhook, example = json!({
        "name": "control room", "url": "https://hooks.example/sentinel", "scope": "zone:3",
        "events": ["patrol.started", "patrol.ended", "alert.sos"]
    })),
    responses(
        (status = 201, description = "The webhook, with its secret", body = NewWebhookAnswer),
        (status = 400, description = "The body does not read, or its URL is not https or leads to an address that is not public"),
        (status = 409, description = "There are as many webhooks as there can be"),
    ))]
pub(super) async fn make(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Body(new): Body<NewWebhook>,
) -> Result<(StatusCode, Answer<NewWebhookAnswer>), ApiError> {
    // Nobody else gets to know where names lead.
    if !caller.may_keep_webhooks(&state.directory, new.scope) {
        return Err(Denied::NotYours(new.scope).into());
    }
    let record = WebhookRecord {
        id: random_id(),
        name: input::name(&new.name)?,
        url: state.webhooks.guard.register(&new.url).await?.into(),
        scope: new.scope,
        events: new.events,
        enabled: true,
        disabled_because: None,
        failing_since: None,
        created_at: state.clock.now(),
        secrets: vec![sign::new_secret()],
    };
    to_its_end(async move {
        let put = || {
            if !caller.may_keep_webhooks(&state.directory, record.scope) {
                return Err(Denied::NotYours(record.scope).into());
            }
            if state.directory.webhooks(|_| true).len() >= ENDPOINTS_MAX {
                return Err(ApiError::conflict(format!(
                    "there are {ENDPOINTS_MAX} webhooks, and there can be no more; delete one that is not needed"
                )));
            }
            let told =
                audit::entry(&state.clock, &caller, "webhook_made", &record.id, record.scope, None);
            Ok((vec![Change::PutWebhook(record.clone()), told], ()))
        };
        state.directory.change(put).await?;
        tracing::info!(by = %caller, webhook = record.id, "a webhook was made");
        let secret = record.secrets[0].text.clone();
        let Webhook { id, name, url, scope, events, enabled, created_at, .. } = public(&record);
        let answer = NewWebhookAnswer { id, name, url, scope, events, enabled, created_at, secret };
        Ok((StatusCode::CREATED, Answer(answer)))
    })
    .await
}

/// One webhook.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}", operation_id = "read_webhook", tag = "Webhooks",
    params(("id" = String, Path, description = "The webhook's id", example = "9f86d081884c7d65")),
    responses(
        (status = 200, description = "The webhook, without its secret", body = Webhook),
        (status = 404, description = "No such webhook that you may see"),
    ))]
pub(super) async fn one(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Answer<Webhook>, ApiError> {
    Ok(Answer(public(&*own(&state, &caller, &id)?)))
}

/// Changes a webhook; what is absent stays. Switched on again, it begins anew.
#[utoipa::path(patch, path = "/api/v1/webhooks/{id}", operation_id = "change_webhook", tag = "Webhooks",
    params(("id" = String, Path, description = "The webhook's id", example = "9f86d081884c7d65")),
    request_body(content = WebhookPatch, example = json!({ "enabled": true })),
    responses(
        (status = 200, description = "The webhook as it is now", body = Webhook),
        (status = 404, description = "No such webhook that you may see"),
    ))]
pub(super) async fn change(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Body(patch): Body<WebhookPatch>,
) -> Result<Answer<Webhook>, ApiError> {
    own(&state, &caller, &id)?;
    let name = patch.name.as_deref().map(input::name).transpose()?;
    let url = match &patch.url {
        Some(url) => Some(String::from(state.webhooks.guard.register(url).await?)),
        None => None,
    };
    let after = edit(state, caller, id, "webhook_changed", move |webhook, _| {
        if let Some(name) = &name {
            webhook.name.clone_from(name);
        }
        if let Some(events) = &patch.events {
            webhook.events = events.clone();
        }
        // Elsewhere, or tried once more: what was wrong before says nothing of that.
        if let Some(url) = url.as_ref().filter(|url| **url != webhook.url) {
            webhook.url.clone_from(url);
            webhook.failing_since = None;
        }
        if let Some(enabled) = patch.enabled.filter(|enabled| *enabled != webhook.enabled) {
            webhook.enabled = enabled;
            (webhook.disabled_because, webhook.failing_since) = (None, None);
        }
    })
    .await?;
    Ok(Answer(public(&after)))
}

/// Deletes a webhook, with what was on its way there and its log.
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}", operation_id = "delete_webhook", tag = "Webhooks",
    params(("id" = String, Path, description = "The webhook's id", example = "9f86d081884c7d65")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such webhook that you may see"),
    ))]
pub(super) async fn remove(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    to_its_end(async move {
        let drop_it = || {
            let scope = own(&state, &caller, &id)?.scope;
            let told = audit::entry(&state.clock, &caller, "webhook_deleted", &id, scope, None);
            Ok::<_, ApiError>((vec![Change::DropWebhook { id: id.clone() }, told], ()))
        };
        state.directory.change(drop_it).await?;
        tracing::info!(by = %caller, webhook = id, "a webhook was deleted");
        // Nobody can ask for them any more; where this fails, they go with their time.
        if let Err(error) = state.outbox.drop_of(&id).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, webhook = id, "the deliveries of a deleted webhook are still there");
        }
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// A new secret, shown this once; for another day what is sent is signed with the one before, too.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/rotate-secret", operation_id = "rotate_webhook_secret",
    tag = "Webhooks", params(("id" = String, Path, description = "The webhook's id", example = "9f86d081884c7d65")),
    responses(
        (status = 200, description = "The new secret", body = NewSecretAnswer),
        (status = 404, description = "No such webhook that you may see"),
    ))]
pub(super) async fn rotate_secret(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Answer<NewSecretAnswer>, ApiError> {
    let (new, now) = (sign::new_secret(), state.clock.now());
    let secret = new.text.clone();
    edit(state, caller, id, "webhook_secret_renewed", move |webhook, now| {
        webhook.secrets = sign::rotated(&webhook.secrets, new.clone(), now);
    })
    .await?;
    Ok(Answer(NewSecretAnswer { secret, previous_until: now.plus_ms(sign::OVERLAP_MS) }))
}

/// Sends the webhook a `ping`, whatever it wants.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/test", operation_id = "test_webhook", tag = "Webhooks",
    params(("id" = String, Path, description = "The webhook's id", example = "9f86d081884c7d65")),
    responses(
        (status = 202, description = "It is on its way; its log tells what comes of it", body = Delivery),
        (status = 404, description = "No such webhook that you may see"),
        (status = 409, description = "The webhook is switched off"),
    ))]
pub(super) async fn test(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<(StatusCode, Answer<Delivery>), ApiError> {
    to_its_end(async move {
        let now = state.clock.now();
        let put = || {
            let ping = enqueue::ping(&*enabled(&state, &caller, &id)?, now);
            Ok::<_, ApiError>((vec![Change::PutDelivery(ping.clone())], ping))
        };
        let ping = state.directory.change(put).await?;
        Ok((StatusCode::ACCEPTED, Answer(shown(Queued::new(ping)))))
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
pub(super) async fn deliveries(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    paging: Paging,
) -> Result<Answer<Page<Delivery>>, ApiError> {
    own(&state, &caller, &id)?;
    let (limit, after) = (paging.limit().min(LOG_MAX), paging.after::<Behind>()?);
    let mut found = state.outbox.log(&id, after.map(|Behind(at, id)| (at, id)), limit + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(Behind::cursor);
    Ok(Answer(Page { items: found.into_iter().map(shown).collect(), next }))
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
pub(super) async fn redeliver(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<(StatusCode, Answer<Delivery>), ApiError> {
    enabled(&state, &caller, &id)?;
    let again = state.outbox.redeliver(&id, &delivery, state.clock.now()).await?;
    let again = again.ok_or_else(|| ApiError::not_found("this webhook has no such delivery"))?;
    tracing::info!(by = %caller, webhook = id, delivery, "a delivery is sent again");
    Ok((StatusCode::ACCEPTED, Answer(shown(again))))
}

/// A webhook that the caller may see and change.
fn own(state: &Sentinel, caller: &Caller, id: &str) -> Result<Arc<WebhookRecord>, ApiError> {
    let webhook = state.directory.webhook(id);
    webhook
        .filter(|webhook| caller.may_keep_webhooks(&state.directory, webhook.scope))
        .ok_or_else(|| ApiError::not_found("there is no such webhook that you may see"))
}

/// One that something can be sent to.
fn enabled(state: &Sentinel, caller: &Caller, id: &str) -> Result<Arc<WebhookRecord>, ApiError> {
    let webhook = own(state, caller, id)?;
    if !webhook.enabled {
        return Err(ApiError::conflict("this webhook is switched off; switch it on first (enabled: true)"));
    }
    Ok(webhook)
}

async fn edit(
    state: Arc<Sentinel>,
    caller: Caller,
    id: String,
    action: &'static str,
    edit: impl Fn(&mut WebhookRecord, Time) + Send + Sync + 'static,
) -> Result<WebhookRecord, ApiError> {
    to_its_end(async move {
        let now = state.clock.now();
        let change = || {
            let before = own(&state, &caller, &id)?;
            let mut after = (*before).clone();
            edit(&mut after, now);
            if after == *before {
                return Ok((Vec::new(), after));
            }
            let told = audit::entry(&state.clock, &caller, action, &id, after.scope, None);
            let changes = vec![Change::PutWebhook(after.clone()), told];
            Ok::<_, ApiError>((changes, after))
        };
        let after = state.directory.change(change).await?;
        tracing::info!(by = %caller, webhook = id, action, "a webhook was changed");
        Ok(after)
    })
    .await
}

fn public(webhook: &WebhookRecord) -> Webhook {
    let WebhookRecord {
        id,
        name,
        url,
        scope,
        events,
        enabled,
        disabled_because,
        failing_since,
        created_at,
        ..
    } = webhook.clone();
    Webhook { id, name, url, scope, events, enabled, disabled_because, failing_since, created_at }
}

fn shown(queued: Queued) -> Delivery {
    let Queued { delivery, state, due, attempts, .. } = queued;
    Delivery {
        id: delivery.id,
        event: delivery.event,
        created_at: delivery.created_at,
        state,
        attempts,
        next_attempt_at: Some(due).filter(|_| state == DeliveryState::Pending),
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

impl From<AddressError> for ApiError {
    fn from(error: AddressError) -> Self {
        ApiError::bad_request(error.to_string())
    }
}
