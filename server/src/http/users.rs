//! People's accounts. Who manages a scope makes and changes those within it, never
//! with more rights than their own; the last admin of a top scope stays.

use super::{
    error::ApiError,
    input::{self, BODY_MAX_BYTES, Body, Paging, to_its_end},
};
use crate::{
    audit,
    auth::{
        Caller, Denied, Signed, password,
        policy::{Rights, public},
    },
    directory::Directory,
    ports::{Change, UserRecord},
    state::Sentinel,
};
use axum::{
    Json,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
};
use sentinel_model::{
    Page, Role, Scope, UserName,
    people::{NewUser, User, UserPatch},
};
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(change, disable))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

/// The accounts within what you manage.
#[utoipa::path(get, path = "/api/v1/users", operation_id = "list_users", tag = "People", params(Paging),
    responses((status = 200, description = "Accounts by user name", body = Page<User>)))]
async fn list(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    paging: Paging,
) -> Result<Json<Page<User>>, ApiError> {
    let directory = &state.directory;
    if !caller.may_manage(directory, caller.home_scope()) {
        return Err(Denied::NotAllowed("see who has an account").into());
    }
    let within = |user: &Arc<UserRecord>| directory.scope_within(user.scope, caller.home_scope());
    let users = directory.users().into_iter().filter(within);
    Ok(Json(paging.page(users, |user| user.username.clone(), |user| public(user))?))
}

/// Makes an account.
///
/// Its password has at least 10 characters and is not the user name.
#[utoipa::path(post, path = "/api/v1/users", operation_id = "make_user", tag = "People",
    request_body(content = NewUser, example = json!({
        "username": "anand", "name": "Anand K.", "role": "dispatcher", "scope": "zone:3",
        "password": "correct horse battery staple"
    })),
    responses(
        (status = 201, description = "The account", body = User),
        (status = 409, description = "The user name is taken"),
        (status = 429, description = "Too many passwords are being worked on; wait"),
    ))]
async fn make(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Body(new): Body<NewUser>,
) -> Result<(StatusCode, Json<User>), ApiError> {
    may_appoint(&state.directory, &caller, new.role, new.scope)?;
    let name = input::name(new.name.as_deref().unwrap_or(new.username.as_str()))?;
    let password_hash = hash(&state, &new.username, new.password).await?;
    let record = UserRecord {
        username: new.username,
        name,
        role: new.role,
        scope: new.scope,
        disabled: false,
        password_hash,
        credentials_version: 1,
    };
    to_its_end(async move {
        state
            .directory
            .change(|| {
                // Once more: a scope or a right may have gone while the password was hashed.
                may_appoint(&state.directory, &caller, record.role, record.scope)?;
                if state.directory.user(record.username.as_str()).is_some() {
                    return Err(ApiError::conflict(format!("the user name {} is taken", record.username)));
                }
                let told = audit::entry(
                    &state.clock,
                    &caller,
                    "user_made",
                    &record.username,
                    record.scope,
                    Some(record.role.as_str().into()),
                );
                Ok((vec![Change::PutUser(record.clone()), told], ()))
            })
            .await?;
        tracing::info!(by = %caller, user = %record.username, "an account was made");
        Ok((StatusCode::CREATED, Json(public(&record))))
    })
    .await
}

/// Changes an account; what is left out stays.
///
/// Another role, scope or password ends the sign-ins that the person has.
#[utoipa::path(patch, path = "/api/v1/users/{username}", operation_id = "change_user", tag = "People",
    params(("username" = UserName, Path, description = "Who")),
    request_body(content = UserPatch, example = json!({ "role": "commander" })),
    responses(
        (status = 200, description = "The account as it is now", body = User),
        (status = 404, description = "No such account within what you manage"),
        (status = 409, description = "The last admin of a top scope stays one"),
        (status = 429, description = "Too many passwords are being worked on; wait"),
    ))]
async fn change(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(username): Path<String>,
    Body(patch): Body<UserPatch>,
) -> Result<Json<User>, ApiError> {
    let before = theirs(&state.directory, &caller, &username)?;
    let name = patch.name.as_deref().map(input::name).transpose()?;
    let password_hash = match patch.password {
        Some(password) => Some(hash(&state, &before.username, password).await?),
        None => None,
    };
    to_its_end(async move {
        let after = (state.directory)
            .change(|| {
                let before = theirs(&state.directory, &caller, &username)?;
                let mut after = (*before).clone();
                after.name = name.clone().unwrap_or(after.name);
                after.role = patch.role.unwrap_or(after.role);
                after.scope = patch.scope.unwrap_or(after.scope);
                after.disabled = patch.disabled.unwrap_or(after.disabled);
                after.password_hash = password_hash.clone().unwrap_or(after.password_hash);
                may_appoint(&state.directory, &caller, after.role, after.scope)?;
                leaves_an_admin(&state.directory, &before, &after)?;
                if credentials_differ(&before, &after) {
                    after.credentials_version = before.credentials_version.wrapping_add(1);
                }
                let told = audit::entry(
                    &state.clock,
                    &caller,
                    "user_changed",
                    &after.username,
                    after.scope,
                    Some(difference(&before, &after)),
                );
                Ok::<_, ApiError>((vec![Change::PutUser(after.clone()), told], after))
            })
            .await?;
        tracing::info!(by = %caller, user = %after.username, "an account was changed");
        Ok(Json(public(&after)))
    })
    .await
}

/// What a change of an account comes to, for the audit log.
fn difference(before: &UserRecord, after: &UserRecord) -> String {
    let mut said = Vec::new();
    if before.role != after.role || before.scope != after.scope {
        said.push(format!("{} of {}", after.role.as_str(), after.scope));
    }
    if before.disabled != after.disabled {
        said.push(if after.disabled { "disabled" } else { "enabled" }.to_owned());
    }
    if before.password_hash != after.password_hash {
        said.push("another password".to_owned());
    }
    if before.name != after.name {
        said.push("another name".to_owned());
    }
    said.join(", ")
}

/// Accounts are disabled, not deleted: what they did keeps its author.
#[utoipa::path(delete, path = "/api/v1/users/{username}", operation_id = "disable_user", tag = "People",
    params(("username" = UserName, Path, description = "Who")),
    responses(
        (status = 200, description = "The account, disabled", body = User),
        (status = 404, description = "No such account within what you manage"),
        (status = 409, description = "The last admin of a top scope stays one"),
    ))]
async fn disable(
    state: State<Arc<Sentinel>>,
    signed: Signed,
    username: Path<String>,
) -> Result<Json<User>, ApiError> {
    change(state, signed, username, Body(UserPatch { disabled: Some(true), ..UserPatch::default() })).await
}

fn may_appoint(directory: &Directory, caller: &Caller, role: Role, scope: Scope) -> Result<(), Denied> {
    if !caller.may_manage(directory, scope) {
        return Err(Denied::NotYours(scope));
    }
    if !caller.may_give(directory, Rights::of_role(role), scope) {
        return Err(Denied::NotAllowed("give a role with more rights than your own"));
    }
    Ok(())
}

/// An account that is the caller's to change. One that is not answers like one that
/// does not exist.
fn theirs(directory: &Directory, caller: &Caller, username: &str) -> Result<Arc<UserRecord>, ApiError> {
    directory
        .user(username)
        .filter(|user| caller.may_give(directory, Rights::of_role(user.role), user.scope))
        .ok_or_else(|| ApiError::not_found("no such account within what you manage"))
}

fn credentials_differ(before: &UserRecord, after: &UserRecord) -> bool {
    let credentials = |user: &UserRecord| (user.role, user.scope, user.disabled, user.password_hash.clone());
    credentials(before) != credentials(after)
}

/// Whoever is the last able to manage a top scope cannot stop being so: nobody would
/// be left to undo it.
fn leaves_an_admin(directory: &Directory, before: &UserRecord, after: &UserRecord) -> Result<(), ApiError> {
    let runs = |user: &UserRecord| user.role == Role::Admin && !user.disabled && user.scope == before.scope;
    let is_top = directory.scope(before.scope).is_some_and(|scope| scope.parent.is_none());
    if !is_top || !runs(before) || runs(after) {
        return Ok(());
    }
    let another = directory.users().iter().any(|user| user.username != before.username && runs(user));
    if another {
        return Ok(());
    }
    Err(ApiError::conflict(format!(
        "{} is the last admin of {}: make another one first",
        before.username, before.scope
    )))
}

async fn hash(state: &Sentinel, username: &UserName, password: String) -> Result<String, ApiError> {
    password::check(username.as_str(), &password).map_err(ApiError::bad_request)?;
    Ok(state.access.passwords().hash(password).await?)
}
