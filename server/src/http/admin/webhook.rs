//! `/admin/webhooks/{id}`: one endpoint, its deliveries, and what is done with it by one button.

use super::{Once, Posted, ROWS, Visit, name_of};
use crate::{
    auth::Signed,
    http::{
        answer::Answer,
        error::ApiError,
        input::{Asked, Body, Paging},
        login::see_other,
        webhooks as api,
    },
    state::Sentinel,
};
use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use sentinel_app::admin::{Section, webhook as pages, webhooks::secret};
use sentinel_model::webhook::{NewSecretAnswer, WebhookPatch};
use serde::Deserialize;
use std::sync::Arc;

pub fn routes() -> Router<Arc<Sentinel>> {
    Router::new()
        .route("/admin/webhooks/{id}", get(one))
        .route("/admin/webhooks/{id}/test", post(test))
        .route("/admin/webhooks/{id}/enabled", post(enable))
        .route("/admin/webhooks/{id}/rotate-secret", post(rotate_secret))
        .route("/admin/webhooks/{id}/remove", post(remove))
        .route("/admin/webhooks/{id}/deliveries/{delivery}/redeliver", post(redeliver))
}

#[derive(Deserialize)]
struct Wanted {
    cursor: Option<String>,
    done: Option<String>,
}

async fn one(
    State(state): State<Arc<Sentinel>>,
    visit: Visit,
    Path(id): Path<String>,
    wanted: Result<Asked<Wanted>, ApiError>,
) -> Response {
    let found = async {
        let Asked(Wanted { cursor, done }) = wanted?;
        let signed = || Signed(visit.caller.clone());
        let (webhook, secret_mark) = api::with_mark(&state, &visit.caller, &id)?;
        let is_first_page = cursor.is_none();
        let paging = Paging { limit: Some(ROWS), cursor };
        let Answer(deliveries) = api::deliveries(State(state.clone()), signed(), Path(id), paging).await?;
        let scope_name = name_of(&state, webhook.scope);
        let done = done.as_deref().and_then(words);
        Ok::<_, ApiError>(pages::Shown { webhook, secret_mark, scope_name, deliveries, is_first_page, done })
    };
    match found.await {
        Ok(shown) => visit.page(pages::shown(&visit.frame, shown)),
        Err(error) => visit.refused(Section::Webhooks, &error),
    }
}

/// What a button did, as its redirect names it.
fn words(done: &str) -> Option<&'static str> {
    match done {
        "tested" => Some("A ping is on its way. The log below shows what is answered."),
        "again" => Some("It is sent again. The log below shows what is answered."),
        "changed" => Some("The endpoint is changed."),
        "on" => Some("The endpoint is switched on. What happens from now on is sent."),
        "off" => Some("The endpoint is switched off. Nothing is sent there."),
        _ => None,
    }
}

/// Back to the endpoint's page, which says what was done.
fn done<T>(visit: &Visit, id: &str, what: &str, result: Result<T, ApiError>) -> Response {
    match result {
        Ok(_) => see_other(&format!("/admin/webhooks/{id}?done={what}"), None),
        Err(error) => visit.refused(Section::Webhooks, &error),
    }
}

async fn test(State(state): State<Arc<Sentinel>>, visit: Visit, Path(id): Path<String>) -> Response {
    let sent = api::test(State(state), Signed(visit.caller.clone()), Path(id.clone())).await;
    done(&visit, &id, "tested", sent)
}

#[derive(Deserialize)]
struct Switched {
    enabled: bool,
}

async fn enable(
    State(state): State<Arc<Sentinel>>,
    visit: Visit,
    Path(id): Path<String>,
    posted: Result<Posted<Switched>, ApiError>,
) -> Response {
    let enabled = match posted {
        Ok(Posted(Switched { enabled })) => enabled,
        Err(error) => return visit.refused(Section::Webhooks, &error),
    };
    let patch = WebhookPatch { enabled: Some(enabled), ..WebhookPatch::default() };
    let switched =
        api::change(State(state), Signed(visit.caller.clone()), Path(id.clone()), Body(patch)).await;
    done(&visit, &id, if enabled { "on" } else { "off" }, switched)
}

/// Answers with the new secret: there is no other time to show it.
async fn rotate_secret(
    State(state): State<Arc<Sentinel>>,
    visit: Visit,
    Path(id): Path<String>,
    posted: Result<Posted<Once>, ApiError>,
) -> Response {
    let rotated = async {
        let Posted(Once { once }) = posted?;
        let (webhook, _) = api::with_mark(&state, &visit.caller, &id)?;
        let new = api::rotate_once(state, visit.caller.clone(), id, once).await?;
        Ok::<_, ApiError>((webhook, new))
    };
    match rotated.await {
        Ok((webhook, Some(NewSecretAnswer { secret: new, previous_until }))) => {
            visit.page(secret(&visit.frame, &webhook.name, &webhook.id, new, Some(previous_until)))
        }
        Ok((webhook, None)) => visit.done_already(
            Section::Webhooks,
            "The new secret was made and shown once.",
            (&format!("/admin/webhooks/{}", webhook.id), "See the endpoint"),
        ),
        Err(error) => visit.refused(Section::Webhooks, &error),
    }
}

async fn remove(State(state): State<Arc<Sentinel>>, visit: Visit, Path(id): Path<String>) -> Response {
    match api::remove(State(state), Signed(visit.caller.clone()), Path(id)).await {
        Ok(_) => see_other("/admin/webhooks?done=removed", None),
        Err(error) => visit.refused(Section::Webhooks, &error),
    }
}

async fn redeliver(
    State(state): State<Arc<Sentinel>>,
    visit: Visit,
    Path((id, delivery)): Path<(String, String)>,
) -> Response {
    let signed = Signed(visit.caller.clone());
    let again = api::redeliver(State(state), signed, Path((id.clone(), delivery))).await;
    done(&visit, &id, "again", again)
}
