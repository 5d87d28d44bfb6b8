//! API keys: made for a program, shown once, revoked at will. A key never holds more
//! than the rights of whoever makes it.

use super::{
    error::ApiError,
    input::{self, BODY_MAX_BYTES, Body, Paging, to_its_end},
};
use crate::{
    audit,
    auth::{
        Caller, Denied, Signed,
        policy::Rights,
        secret::{self, Kind},
    },
    directory::Directory,
    ports::{Change, KeyRecord},
    state::Sentinel,
};
use axum::{
    Json,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
};
use sentinel_model::{
    Page, Permission, Time,
    people::{ApiKey, NewApiKey, NewApiKeyAnswer},
};
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(revoke))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

/// The keys within what you manage.
#[utoipa::path(get, path = "/api/v1/api-keys", operation_id = "list_api_keys", tag = "API keys", params(Paging),
    responses((status = 200, description = "Keys without their secrets, by id", body = Page<ApiKey>)))]
pub(super) async fn list(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    paging: Paging,
) -> Result<Json<Page<ApiKey>>, ApiError> {
    let directory = &state.directory;
    if !caller.may_manage(directory, caller.home_scope()) {
        return Err(Denied::NotAllowed("see API keys").into());
    }
    let within = |key: &Arc<KeyRecord>| directory.scope_within(key.scope, caller.home_scope());
    let keys: Vec<_> = directory.keys().into_iter().filter(within).collect();
    let used = state.access.key_uses.read(state.directory.registry()).await;
    let show = |key: &Arc<KeyRecord>| public(key, used.get(&key.id).copied());
    Ok(Json(paging.page(keys, |key| key.id.clone(), show)?))
}

/// Makes a key; its secret is shown this once.
///
/// A key holds no more rights than whoever makes it, and no wider scope.
#[utoipa::path(post, path = "/api/v1/api-keys", operation_id = "make_api_key", tag = "API keys",
    request_body(content = NewApiKey, example = json!({
        "name": "dispatch software", "scope": "zone:3", "permissions": ["read", "ingest"]
    })),
    responses((status = 201, description = "The key, with its secret", body = NewApiKeyAnswer)))]
pub(super) async fn make(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Body(new): Body<NewApiKey>,
) -> Result<(StatusCode, Json<NewApiKeyAnswer>), ApiError> {
    let made = make_once(state, caller, new, secret::random_id()).await?;
    let made = made.ok_or_else(|| ApiError::conflict("there is a key of this id already; send it again"))?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Makes a key of this id; none where there is one already.
pub(super) async fn make_once(
    state: Arc<Sentinel>,
    caller: Caller,
    new: NewApiKey,
    id: String,
) -> Result<Option<NewApiKeyAnswer>, ApiError> {
    let name = input::name(&new.name)?;
    let permissions = distinct(&new.permissions)?;
    let now = state.clock.now();
    check_expiry(new.expires_at, now)?;
    let made = secret::mint(Kind::Key);
    let record = KeyRecord {
        id,
        name,
        scope: new.scope,
        permissions,
        hash: made.hash,
        created_at: now,
        expires_at: new.expires_at,
        revoked: false,
    };
    let id = record.id.clone();
    let is_new = to_its_end(async move {
        let is_new = state
            .directory
            .change(|| {
                may_make(&state.directory, &caller, &record)?;
                if state.directory.key(&record.id).is_some() {
                    return Ok((Vec::new(), false));
                }
                let told = audit::entry(
                    &state.clock,
                    &caller,
                    "key_made",
                    &record.id,
                    record.scope,
                    Some(rights(&record)),
                );
                let told = audit::of_name(told, &record.name);
                Ok::<_, ApiError>((vec![Change::PutKey(record.clone()), told], true))
            })
            .await?;
        if is_new {
            tracing::info!(by = %caller, key = record.id, "an API key was made");
        }
        Ok::<_, ApiError>(is_new)
    })
    .await?;
    Ok(is_new.then_some(NewApiKeyAnswer { id, key: made.text }))
}

/// Revokes a key: from the next request on it opens nothing, and its streams end.
#[utoipa::path(delete, path = "/api/v1/api-keys/{id}", operation_id = "revoke_api_key", tag = "API keys",
    params(("id" = String, Path, description = "The key's id, not its secret", example = "9f86d081884c7d65")),
    responses(
        (status = 200, description = "The key as it is now", body = ApiKey),
        (status = 404, description = "No such key within what you manage"),
    ))]
pub(super) async fn revoke(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Json<ApiKey>, ApiError> {
    to_its_end(async move {
        let (after, was_good) = (state.directory)
            .change(|| {
                let key = state
                    .directory
                    .key(&id)
                    .filter(|key| caller.may_manage(&state.directory, key.scope))
                    .ok_or_else(|| ApiError::not_found("no such key within what you manage"))?;
                let after = KeyRecord { revoked: true, ..(*key).clone() };
                let told = audit::entry(&state.clock, &caller, "key_revoked", &after.id, after.scope, None);
                let told = audit::of_name(told, &after.name);
                let changes =
                    if key.revoked { Vec::new() } else { vec![Change::PutKey(after.clone()), told] };
                Ok::<_, ApiError>((changes, (after, !key.revoked)))
            })
            .await?;
        if was_good {
            tracing::info!(by = %caller, key = after.id, "an API key was revoked");
        }
        let used = state.access.key_uses.read(state.directory.registry()).await;
        Ok(Json(public(&after, used.get(&after.id).copied())))
    })
    .await
}

fn may_make(directory: &Directory, caller: &Caller, key: &KeyRecord) -> Result<(), Denied> {
    if !caller.may_manage(directory, key.scope) {
        return Err(Denied::NotYours(key.scope));
    }
    if !caller.may_give(directory, Rights::of_permissions(&key.permissions), key.scope) {
        return Err(Denied::NotAllowed("give a key more rights than your own"));
    }
    // A key that ends must not make one that does not.
    if let (Caller::Key(own), made) = (caller, key.expires_at)
        && let Some(own) = own.record().expires_at
        && made.is_none_or(|made| made > own)
    {
        return Err(Denied::NotAllowed("make a key that outlives your own"));
    }
    Ok(())
}

fn distinct(permissions: &[Permission]) -> Result<Vec<Permission>, ApiError> {
    let mut kept = Vec::new();
    for permission in permissions {
        if !kept.contains(permission) {
            kept.push(*permission);
        }
    }
    if kept.is_empty() {
        return Err(ApiError::bad_request(
            "a key needs at least one permission: ingest, read, dispatch or manage",
        ));
    }
    Ok(kept)
}

fn rights(key: &KeyRecord) -> String {
    let named = |permission: &Permission| match permission {
        Permission::Ingest => "ingest",
        Permission::Read => "read",
        Permission::Dispatch => "dispatch",
        Permission::Manage => "manage",
    };
    key.permissions.iter().map(named).collect::<Vec<_>>().join(", ")
}

fn check_expiry(expires_at: Option<Time>, now: Time) -> Result<(), ApiError> {
    match expires_at {
        Some(at) if at <= now => Err(ApiError::bad_request(format!("expires_at {at} is not in the future"))),
        _ => Ok(()),
    }
}

fn public(key: &KeyRecord, last_used_at: Option<Time>) -> ApiKey {
    ApiKey {
        id: key.id.clone(),
        name: key.name.clone(),
        scope: key.scope,
        permissions: key.permissions.clone(),
        created_at: key.created_at,
        expires_at: key.expires_at,
        revoked: key.revoked,
        last_used_at,
    }
}
