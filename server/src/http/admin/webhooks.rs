//! `/admin/webhooks`: which endpoints there are, a new one, another address or other events.

use super::{Posted, Visit, name_of, new_id, scopes_of};
use crate::{
    auth::{Denied, Signed, secret},
    http::{
        answer::Answer,
        error::ApiError,
        input::{Asked, Body, Paging},
        login::see_other,
        webhooks as api,
    },
    state::Sentinel,
    webhooks::room::ENDPOINTS_MAX,
};
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use sentinel_app::admin::{
    Section,
    webhooks::{self as pages, ALL, Typed},
};
use sentinel_model::{
    Page,
    webhook::{NewWebhook, NewWebhookAnswer, WantedEvents, Webhook, WebhookPatch},
};
use serde::Deserialize;
use std::sync::Arc;

pub fn routes() -> Router<Arc<Sentinel>> {
    Router::new()
        .route("/admin/webhooks", get(list))
        .route("/admin/new-webhook", get(form).post(make))
        .route("/admin/webhooks/{id}/change", get(change_form).post(change))
}

#[derive(Deserialize)]
struct Wanted {
    done: Option<String>,
}

async fn list(
    State(state): State<Arc<Sentinel>>,
    visit: Visit,
    wanted: Result<Asked<Wanted>, ApiError>,
) -> Response {
    let found = async {
        let Asked(Wanted { done }) = wanted?;
        // There are never more than fit on a page.
        let paging = Paging { limit: Some(ENDPOINTS_MAX), cursor: None };
        let Answer(Page { mut items, .. }) =
            api::list(State(state.clone()), Signed(visit.caller.clone()), paging).await?;
        items.sort_by(|a, b| a.name.cmp(&b.name));
        let row = |webhook: Webhook| pages::Row { scope_name: name_of(&state, webhook.scope), webhook };
        let rows = items.into_iter().map(row).collect();
        Ok::<_, ApiError>(pages::List { rows, removed: done.as_deref() == Some("removed") })
    };
    match found.await {
        Ok(list) => visit.page(pages::list(&visit.frame, list)),
        Err(error) => visit.refused(Section::Webhooks, &error),
    }
}

async fn form(State(state): State<Arc<Sentinel>>, visit: Visit) -> Response {
    if !visit.frame.may_keep_webhooks {
        return visit.refused(Section::Webhooks, &Denied::NotAllowed("make webhooks").into());
    }
    let typed = Typed { once: secret::random_id(), events: vec![ALL.to_owned()], ..Typed::default() };
    visit.page(pages::form(&visit.frame, None, scopes_of(&state, &visit.caller, |_| true), typed, None))
}

/// A browser sends only the boxes that are ticked, each by its event: `event.patrol.started`.
fn typed(fields: Vec<(String, String)>) -> Typed {
    let mut typed = Typed::default();
    for (name, value) in fields {
        match name.as_str() {
            "once" => typed.once = value,
            "name" => typed.name = value,
            "url" => typed.url = value,
            "scope" => typed.scope = value,
            _ => typed.events.extend(name.strip_prefix("event.").map(ToOwned::to_owned)),
        }
    }
    typed
}

/// With the box of all events the others say nothing more.
fn wanted_events(typed: &Typed) -> Result<WantedEvents, ApiError> {
    if typed.events.iter().any(|event| event == ALL) {
        return Ok(WantedEvents::All);
    }
    typed.events.clone().try_into().map_err(|error| ApiError::bad_request(format!("{error}")))
}

/// Answers with the secret: there is no other time to show it.
async fn make(
    State(state): State<Arc<Sentinel>>,
    visit: Visit,
    posted: Result<Posted<Vec<(String, String)>>, ApiError>,
) -> Response {
    let typed = match posted {
        Ok(Posted(fields)) => typed(fields),
        Err(error) => return visit.refused(Section::Webhooks, &error),
    };
    let made = async {
        let new = NewWebhook {
            name: typed.name.clone(),
            url: typed.url.trim().to_owned(),
            scope: typed.scope.parse().map_err(|error| ApiError::bad_request(format!("{error}")))?,
            events: wanted_events(&typed)?,
        };
        api::make_once(state.clone(), visit.caller.clone(), new, new_id(&typed.once)?).await
    };
    match made.await {
        Ok(Some(NewWebhookAnswer { id, name, secret, .. })) => {
            visit.page_as(StatusCode::CREATED, pages::secret(&visit.frame, &name, &id, secret, None))
        }
        Ok(None) => visit.done_already(
            Section::Webhooks,
            "The endpoint was added and its secret shown once.",
            ("/admin/webhooks", "See the endpoints"),
        ),
        Err(error) => refused_form(&state, &visit, None, typed, &error),
    }
}

async fn change_form(State(state): State<Arc<Sentinel>>, visit: Visit, Path(id): Path<String>) -> Response {
    match api::one(State(state), Signed(visit.caller.clone()), Path(id)).await {
        Ok(Answer(Webhook { id, name, url, scope, events, .. })) => {
            let typed =
                Typed { name, url, scope: scope.to_string(), events: events.into(), ..Typed::default() };
            visit.page(pages::form(&visit.frame, Some(&id), Vec::new(), typed, None))
        }
        Err(error) => visit.refused(Section::Webhooks, &error),
    }
}

async fn change(
    State(state): State<Arc<Sentinel>>,
    visit: Visit,
    Path(id): Path<String>,
    posted: Result<Posted<Vec<(String, String)>>, ApiError>,
) -> Response {
    let typed = match posted {
        Ok(Posted(fields)) => typed(fields),
        Err(error) => return visit.refused(Section::Webhooks, &error),
    };
    let changed = async {
        let patch = WebhookPatch {
            name: Some(typed.name.clone()),
            url: Some(typed.url.trim().to_owned()),
            events: Some(wanted_events(&typed)?),
            enabled: None,
        };
        api::change(State(state.clone()), Signed(visit.caller.clone()), Path(id.clone()), Body(patch)).await
    };
    match changed.await {
        Ok(Answer(Webhook { id, .. })) => see_other(&format!("/admin/webhooks/{id}?done=changed"), None),
        Err(error) => refused_form(&state, &visit, Some(&id), typed, &error),
    }
}

/// The form again with what was typed, where typing something else would help.
fn refused_form(
    state: &Sentinel,
    visit: &Visit,
    id: Option<&str>,
    typed: Typed,
    error: &ApiError,
) -> Response {
    if !matches!(error.status(), StatusCode::BAD_REQUEST | StatusCode::CONFLICT) {
        return visit.refused(Section::Webhooks, error);
    }
    let scopes = scopes_of(state, &visit.caller, |_| true);
    let why = Some(error.message().to_owned());
    visit.page_as(error.status(), pages::form(&visit.frame, id, scopes, typed, why))
}
