//! Signing in and out: for programs as JSON, for browsers as plain forms that work
//! without JavaScript.
//!
//! A form's answer is always a redirect; where it leads after signing in is a path
//! of this server, whatever the form says.

use super::{
    answer::Answer,
    error::ApiError,
    input::{BODY_MAX_BYTES, Body, Peer, to_its_end},
};
use crate::{
    auth::{Caller, Denied, SignInError, Signed, origin, policy},
    state::Sentinel,
};
use axum::{
    Form, Json,
    extract::{DefaultBodyLimit, State, rejection::FormRejection},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use sentinel_app::pages::login::own_path;
use sentinel_model::{
    ids::ID_MAX_CHARS,
    people::{LoginAnswer, LoginBody, Me},
};
use serde::Deserialize;
use std::{fmt::Write as _, sync::Arc};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(me))
        .routes(routes!(change_password))
        .routes(routes!(login_form))
        .routes(routes!(logout))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

/// From a name and a password to a token for `Authorization: Bearer`.
#[utoipa::path(post, path = "/api/v1/auth/login", operation_id = "sign_in", tag = "Sign-in", security(()),
    request_body(content = LoginBody, example = json!({ "username": "commander", "password": "sentinel-demo" })),
    responses(
        (status = 200, description = "The token, and who it stands for", body = LoginAnswer),
        (status = 401, description = "This user name and password do not go together"),
        (status = 429, description = "Too many failed sign-ins for this name or from this address; wait"),
    ))]
async fn login(
    State(state): State<Arc<Sentinel>>,
    Peer(peer): Peer,
    Body(body): Body<LoginBody>,
) -> Result<Json<LoginAnswer>, ApiError> {
    let who = state.access.sign_in(&body.username, body.password, peer).await?;
    let (token, expires_at) = state.access.issue_token(&who)?;
    Ok(Json(LoginAnswer { token, expires_at, user: policy::public(who.record()) }))
}

/// Whom the credential of this request stands for.
#[utoipa::path(get, path = "/api/v1/auth/me", operation_id = "who_am_i", tag = "Sign-in",
    responses((status = 200, description = "The person, if it is one, and the scope", body = Me)))]
async fn me(Signed(caller): Signed) -> Result<Answer<Me>, ApiError> {
    if let Caller::Unit(_) = caller {
        return Err(Denied::PostsOnly.into());
    }
    Ok(Answer(Me { user: caller.user(), scope: caller.home_scope(), expires_at: caller.expires_at() }))
}

#[derive(Deserialize, ToSchema)]
struct PasswordChange {
    current: String,
    new: String,
}

/// Changes your own password; every other sign-in of yours ends.
///
/// 204 for a session, which goes on; 200 with a new token for a token, which ends.
#[utoipa::path(post, path = "/api/v1/auth/password", operation_id = "change_own_password", tag = "Sign-in",
    request_body(content = PasswordChange, example = json!({ "current": "sentinel-demo", "new": "correct horse battery staple" })),
    responses(
        (status = 200, description = "A token in place of the one that asked", body = LoginAnswer),
        (status = 204, description = "The session goes on"),
        (status = 429, description = "Too many wrong passwords; wait"),
    ))]
async fn change_password(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Peer(peer): Peer,
    Body(body): Body<PasswordChange>,
) -> Result<Response, ApiError> {
    let user = caller.user();
    let renewed =
        to_its_end(async move { state.access.change_password(&caller, body.current, body.new, peer).await })
            .await?;
    Ok(match (renewed, user) {
        (Some((token, expires_at)), Some(user)) => {
            Json(LoginAnswer { token, expires_at, user }).into_response()
        }
        _ => StatusCode::NO_CONTENT.into_response(),
    })
}

#[derive(Deserialize, ToSchema)]
struct LoginForm {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    /// Where to go then: a path of this server.
    #[serde(default)]
    next: String,
}

/// The sign-in form, which works without JavaScript: sets the session cookie.
#[utoipa::path(post, path = "/login", operation_id = "sign_in_by_form", tag = "Sign-in", security(()),
    request_body(content = LoginForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "To the page that was asked for; back to the form where it failed"),
        (status = 403, description = "The form was sent by another site's page"),
    ))]
async fn login_form(
    State(state): State<Arc<Sentinel>>,
    Peer(peer): Peer,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<LoginForm>, FormRejection>,
) -> Result<Response, ApiError> {
    refuse_other_sites(&headers, &uri)?;
    let Form(form) = form.map_err(|rejection| ApiError::bad_request(rejection.body_text()))?;
    let next = own_path(&form.next);
    let username = form.username.trim();
    let who = match state.access.sign_in(username, form.password, peer).await {
        Ok(who) => who,
        Err(error) => return Ok(see_other(&failed(error, next, username), None)),
    };
    // The session that the browser had before ends: who signs in starts afresh.
    let cookie = to_its_end(async move {
        state.access.close_session(&headers).await?;
        Ok(state.access.open_session(&who).await?)
    })
    .await?;
    Ok(see_other(next, Some(cookie)))
}

/// Ends the browser's session.
#[utoipa::path(post, path = "/logout", operation_id = "sign_out", tag = "Sign-in", security(()),
    responses(
        (status = 303, description = "To the sign-in form"),
        (status = 403, description = "The form was sent by another site's page"),
    ))]
async fn logout(
    State(state): State<Arc<Sentinel>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    refuse_other_sites(&headers, &uri)?;
    let cookie = to_its_end(async move { Ok(state.access.close_session(&headers).await?) }).await?;
    Ok(see_other("/login?error=signed_out", Some(cookie)))
}

/// Another site may neither sign anyone in under its name nor sign anyone out.
fn refuse_other_sites(headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
    if origin::is_own(headers, uri) {
        Ok(())
    } else {
        Err(ApiError::forbidden(
            "this form was sent by another site's page; open Sentinel itself and sign in there",
        ))
    }
}

/// Back to the form, with the reason, where one wanted to go and as whom.
fn failed(error: SignInError, next: &str, username: &str) -> String {
    let code = match error {
        SignInError::Wrong => "credentials",
        SignInError::Throttled { .. } | SignInError::Busy => "throttled",
        SignInError::Behind(_) => "away",
    };
    let username: String = username.chars().take(ID_MAX_CHARS).collect();
    format!("/login?error={code}&next={}&user={}", encoded(next), encoded(&username))
}

/// Text as a value of a query.
pub(super) fn encoded(text: &str) -> String {
    let mut to = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            to.push(char::from(byte));
        } else {
            write!(to, "%{byte:02X}").expect("a string takes what is written to it");
        }
    }
    to
}

pub(super) fn see_other(to: &str, cookie: Option<HeaderValue>) -> Response {
    let to = HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static("/"));
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_sign_in_keeps_where_one_wanted_to_go_and_as_whom() {
        let to = failed(SignInError::Wrong, "/units?scope=zone:3&x=1", "ചീഫ്&x=1");
        let user = "%E0%B4%9A%E0%B5%80%E0%B4%AB%E0%B5%8D%26x%3D1";
        assert_eq!(
            to,
            format!("/login?error=credentials&next=/units%3Fscope%3Dzone%3A3%26x%3D1&user={user}")
        );
        let long = failed(SignInError::Busy, "/", &"x".repeat(5000));
        assert!(long.len() < 200, "{long}");
    }
}
