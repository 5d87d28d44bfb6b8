//! `/admin/keys`: which API keys there are, a new one, and the end of one.

use super::{Posted, ROWS, Visit, name_of, new_id, scopes_of};
use crate::{
    auth::{Denied, Signed, secret},
    http::{
        api_keys as api,
        error::ApiError,
        input::{Asked, Paging},
        login::see_other,
    },
    state::Sentinel,
};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use sentinel_app::admin::{Section, keys as pages};
use sentinel_model::{
    Page, Permission, Time,
    people::{ApiKey, NewApiKey, NewApiKeyAnswer},
};
use serde::Deserialize;
use std::sync::Arc;

pub fn routes() -> Router<Arc<Sentinel>> {
    Router::new()
        .route("/admin/keys", get(list))
        .route("/admin/new-key", get(form).post(make))
        .route("/admin/keys/{id}/revoke", post(revoke))
}

#[derive(Deserialize)]
struct Wanted {
    cursor: Option<String>,
    done: Option<String>,
}

async fn list(
    State(state): State<Arc<Sentinel>>,
    visit: Visit,
    wanted: Result<Asked<Wanted>, ApiError>,
) -> Response {
    let found = async {
        let Asked(Wanted { cursor, done }) = wanted?;
        let is_first_page = cursor.is_none();
        let paging = Paging { limit: Some(ROWS), cursor };
        let Json(Page { items, next }) =
            api::list(State(state.clone()), Signed(visit.caller.clone()), paging).await?;
        let row = |key: ApiKey| pages::Row { scope_name: name_of(&state, key.scope), key };
        let rows = Page { items: items.into_iter().map(row).collect(), next };
        Ok::<_, ApiError>(pages::List { rows, is_first_page, revoked: done.as_deref() == Some("revoked") })
    };
    match found.await {
        Ok(list) => visit.page(pages::list(&visit.frame, list)),
        Err(error) => visit.refused(Section::Keys, &error),
    }
}

async fn form(State(state): State<Arc<Sentinel>>, visit: Visit) -> Response {
    if !visit.frame.may_manage {
        return visit.refused(Section::Keys, &Denied::NotAllowed("make API keys").into());
    }
    let once = secret::random_id();
    let typed = pages::Typed { once, permissions: vec![Permission::Read], ..pages::Typed::default() };
    visit.page(pages::form(&visit.frame, scopes_of(&state, &visit.caller, |_| true), typed, None))
}

/// A browser sends only the boxes that are ticked.
#[derive(Deserialize)]
struct Typed {
    #[serde(default)]
    once: String,
    name: String,
    scope: String,
    read: Option<String>,
    ingest: Option<String>,
    dispatch: Option<String>,
    manage: Option<String>,
    #[serde(default)]
    ends: String,
}

impl Typed {
    fn read(self) -> pages::Typed {
        let ticked = |permission: &Permission| match permission {
            Permission::Read => self.read.is_some(),
            Permission::Ingest => self.ingest.is_some(),
            Permission::Dispatch => self.dispatch.is_some(),
            Permission::Manage => self.manage.is_some(),
        };
        let permissions = pages::PERMISSIONS.map(|(permission, ..)| permission);
        pages::Typed {
            permissions: permissions.into_iter().filter(ticked).collect(),
            once: self.once,
            name: self.name,
            scope: self.scope,
            ends: self.ends,
        }
    }
}

fn new_key(typed: &pages::Typed) -> Result<NewApiKey, ApiError> {
    let last_instant = |day: &str| Time::parse(&format!("{day}T23:59:59.999Z"));
    let ends = Some(typed.ends.trim()).filter(|day| !day.is_empty());
    Ok(NewApiKey {
        name: typed.name.clone(),
        scope: typed.scope.parse().map_err(|error| ApiError::bad_request(format!("{error}")))?,
        permissions: typed.permissions.clone(),
        expires_at: ends
            .map(last_instant)
            .transpose()
            .map_err(|_| ApiError::bad_request("the last day does not read; write it as 2027-01-31"))?,
    })
}

/// Answers with the key: there is no other time to show it.
async fn make(
    State(state): State<Arc<Sentinel>>,
    visit: Visit,
    posted: Result<Posted<Typed>, ApiError>,
) -> Response {
    let typed = match posted {
        Ok(Posted(typed)) => typed.read(),
        Err(error) => return visit.refused(Section::Keys, &error),
    };
    let made = async {
        let (new, id) = (new_key(&typed)?, new_id(&typed.once)?);
        api::make_once(state.clone(), visit.caller.clone(), new, id).await
    };
    match made.await {
        Ok(Some(NewApiKeyAnswer { key, .. })) => {
            visit.page_as(StatusCode::CREATED, pages::made(&visit.frame, typed.name.trim(), key))
        }
        Ok(None) => visit.done_already(
            Section::Keys,
            "The key was made and shown once.",
            ("/admin/keys", "See the keys"),
        ),
        Err(error) if error.status() == StatusCode::BAD_REQUEST => {
            let scopes = scopes_of(&state, &visit.caller, |_| true);
            let why = Some(error.message().to_owned());
            visit.page_as(error.status(), pages::form(&visit.frame, scopes, typed, why))
        }
        Err(error) => visit.refused(Section::Keys, &error),
    }
}

async fn revoke(State(state): State<Arc<Sentinel>>, visit: Visit, Path(id): Path<String>) -> Response {
    match api::revoke(State(state), Signed(visit.caller.clone()), Path(id)).await {
        Ok(_) => see_other("/admin/keys?done=revoked", None),
        Err(error) => visit.refused(Section::Keys, &error),
    }
}
