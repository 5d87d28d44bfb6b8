//! Webhook endpoints: `/api/v1/webhooks`; the log of what was sent there is in [`deliveries`].
//!
//! What somebody may not see does not exist for them. A secret is shown when it is made,
//! and never again.

mod deliveries;

pub(super) use deliveries::{list as deliveries, redeliver, test};

use super::{
    answer::Answer,
    error::ApiError,
    input::{self, BODY_MAX_BYTES, Body, Paging, to_its_end},
};
use crate::{
    audit,
    auth::{Caller, Denied, Signed, secret},
    ports::{Change, WebhookRecord},
    state::Sentinel,
    webhooks::{address::AddressError, room, sign},
};
use axum::{
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
};
use sentinel_model::{
    Page, Time,
    webhook::{NewSecretAnswer, NewWebhook, NewWebhookAnswer, Webhook, WebhookPatch},
};
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(one, change, remove))
        .routes(routes!(rotate_secret))
        .merge(deliveries::routes())
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
        (status = 400, description = "The body does not read, or its URL is not https, leads to an address that is not public, or to none"),
        (status = 409, description = "There are as many webhooks as this scope, one above it, or the installation can have"),
    ))]
pub(super) async fn make(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Body(new): Body<NewWebhook>,
) -> Result<(StatusCode, Answer<NewWebhookAnswer>), ApiError> {
    let made = make_once(state, caller, new, secret::random_id()).await?;
    let made =
        made.ok_or_else(|| ApiError::conflict("there is a webhook of this id already; send it again"))?;
    Ok((StatusCode::CREATED, Answer(made)))
}

/// Makes a webhook of this id; none where there is one already.
pub(super) async fn make_once(
    state: Arc<Sentinel>,
    caller: Caller,
    new: NewWebhook,
    id: String,
) -> Result<Option<NewWebhookAnswer>, ApiError> {
    // Nobody else gets to know where names lead.
    if !caller.may_keep_webhooks(&state.directory, new.scope) {
        return Err(Denied::NotYours(new.scope).into());
    }
    let record = WebhookRecord {
        id,
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
            if state.directory.webhook(&record.id).is_some() {
                return Ok((Vec::new(), false));
            }
            room::for_one_more(&state.directory, record.scope)
                .map_err(|full| ApiError::conflict(full.to_string()))?;
            let told = told(&state, &caller, "webhook_made", &record, None);
            Ok::<_, ApiError>((vec![Change::PutWebhook(record.clone()), told], true))
        };
        if !state.directory.change(put).await? {
            return Ok(None);
        }
        tracing::info!(by = %caller, webhook = record.id, "a webhook was made");
        let secret = record.secrets[0].text.clone();
        let Webhook { id, name, url, scope, events, enabled, created_at, .. } = public(&record);
        let answer = NewWebhookAnswer { id, name, url, scope, events, enabled, created_at, secret };
        Ok(Some(answer))
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
            let webhook = own(&state, &caller, &id)?;
            let told = told(&state, &caller, "webhook_deleted", &webhook, None);
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
    let renewed = rotate_once(state, caller, id, None).await?;
    Ok(Answer(renewed.expect("any secret was to be renewed")))
}

/// Makes a new secret; where `instead_of` names the one to replace (by its mark) and the webhook
/// has another by now, none.
pub(super) async fn rotate_once(
    state: Arc<Sentinel>,
    caller: Caller,
    id: String,
    instead_of: Option<String>,
) -> Result<Option<NewSecretAnswer>, ApiError> {
    let (new, now) = (sign::new_secret(), state.clock.now());
    let secret = new.text.clone();
    let after = edit(state, caller, id, "webhook_secret_renewed", move |webhook, now| {
        if instead_of.as_ref().is_none_or(|mark| *mark == secret_mark(webhook)) {
            webhook.secrets = sign::rotated(&webhook.secrets, new.clone(), now);
        }
    })
    .await?;
    let is_renewed = after.secrets[0].text == secret;
    let previous_until = now.plus_ms(sign::OVERLAP_MS);
    Ok(is_renewed.then_some(NewSecretAnswer { secret, previous_until }))
}

/// A webhook, and what tells its signing secret from the next.
pub(super) fn with_mark(state: &Sentinel, caller: &Caller, id: &str) -> Result<(Webhook, String), ApiError> {
    let webhook = own(state, caller, id)?;
    Ok((public(&webhook), secret_mark(&webhook)))
}

fn secret_mark(webhook: &WebhookRecord) -> String {
    secret::mark_of(&webhook.secrets[0].text)
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
            let told = told(&state, &caller, action, &after, None);
            let changes = vec![Change::PutWebhook(after.clone()), told];
            Ok::<_, ApiError>((changes, after))
        };
        let after = state.directory.change(change).await?;
        tracing::info!(by = %caller, webhook = id, action, "a webhook was changed");
        Ok(after)
    })
    .await
}

/// What somebody did with a webhook.
fn told(
    state: &Sentinel,
    caller: &Caller,
    action: &str,
    webhook: &WebhookRecord,
    detail: Option<String>,
) -> Change {
    let entry = audit::entry(&state.clock, caller, action, &webhook.id, webhook.scope, detail);
    audit::of_name(entry, &webhook.name)
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

impl From<AddressError> for ApiError {
    fn from(error: AddressError) -> Self {
        ApiError::bad_request(error.to_string())
    }
}
