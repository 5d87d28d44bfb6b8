//! Administration pages, under `/admin`, and `/reports`: forms and lists for people.
//!
//! Each asks the same functions as the JSON addresses do and draws what they answer; no rule
//! stands here. A form's answer is a redirect to a page, but where a secret was made: it stands in
//! the answer itself, so that it is kept nowhere in between. Whoever loads that answer anew sends
//! the form again; so it says which record it makes, or which secret it replaces ([`Once`]), and
//! any node sees in the records that this is done.
//!
//! Who is not signed in goes to the sign-in page; a form from another site's page is refused
//! with the cookie it brings (`auth::origin`).

mod keys;
mod profile;
mod reports;
mod units;
mod webhook;
mod webhooks;

use super::{
    error::{ApiError, request_id},
    fresh,
    input::BODY_MAX_BYTES,
    login::{encoded, see_other},
};
use crate::{
    auth::{Caller, secret},
    ports::ScopeRecord,
    state::Sentinel,
};
use axum::{
    Form, Router,
    extract::{ConnectInfo, DefaultBodyLimit, FromRequest, FromRequestParts, Request},
    http::{HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sentinel_app::admin::{Frame, ScopeChoice, Section, notice};
use sentinel_model::Scope;
use serde::de::DeserializeOwned;
use std::{net::SocketAddr, sync::Arc};

/// Rows of a list; more are on its next page.
const ROWS: usize = 50;

pub fn routes(sentinel: &Arc<Sentinel>) -> Router<Arc<Sentinel>> {
    Router::new()
        .route("/admin", get(|| async { see_other("/admin/units", None) }))
        .merge(units::routes())
        .merge(keys::routes())
        .merge(webhooks::routes())
        .merge(webhook::routes())
        .merge(profile::routes())
        .merge(reports::routes())
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(from_fn_with_state(sentinel.clone(), fresh::look_before))
}

/// A signed-in person's request for a page.
struct Visit {
    caller: Caller,
    frame: Frame,
}

impl FromRequestParts<Arc<Sentinel>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<Sentinel>) -> Result<Self, Response> {
        let caller = state.access.caller(&parts.method, &parts.uri, &parts.headers);
        let caller = caller.map_err(IntoResponse::into_response)?;
        let Some((caller, viewer)) = caller.and_then(|caller| caller.user().map(|user| (caller, user)))
        else {
            return Err(see_other(&sign_in(&parts.method, &parts.uri), None));
        };
        let directory = &state.directory;
        let frame = Frame {
            parts: parts.clone(),
            nonce: URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()),
            scope_name: name_of(state, viewer.scope),
            may_manage: caller.may_manage(directory, viewer.scope),
            may_keep_webhooks: caller.may_keep_webhooks(directory, viewer.scope),
            viewer,
            now: state.clock.now(),
        };
        Ok(Self { caller, frame })
    }
}

impl Visit {
    fn page(&self, html: String) -> Response {
        self.page_as(StatusCode::OK, html)
    }

    /// Nothing runs or loads but what the page brought along; nobody keeps a copy.
    fn page_as(&self, status: StatusCode, html: String) -> Response {
        let policy = format!(
            "default-src 'none'; script-src 'nonce-{}'; style-src 'self'; font-src 'self'; img-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            self.frame.nonce
        );
        let policy = HeaderValue::try_from(policy).expect("a nonce is base64");
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_SECURITY_POLICY, policy),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        (status, headers, html).into_response()
    }

    /// To a form that was sent again after its secret was shown.
    fn done_already(&self, section: Section, why: &str, instead: (&str, &'static str)) -> Response {
        self.page_as(StatusCode::CONFLICT, notice::done_already(&self.frame, section, why, instead))
    }

    /// A refusal as a page.
    fn refused(&self, section: Section, error: &ApiError) -> Response {
        let (status, why) = (error.status(), error.message());
        let html = match status {
            StatusCode::FORBIDDEN => notice::no_permission(&self.frame, section, why),
            StatusCode::NOT_FOUND => notice::not_found(&self.frame, section, why),
            _ => notice::failed(&self.frame, section, why, &request_id()),
        };
        self.page_as(status, html)
    }
}

/// The sign-in page, which leads back; not into a form that was on its way.
fn sign_in(method: &Method, uri: &Uri) -> String {
    let wanted = uri.path_and_query().filter(|_| method.is_safe()).map_or("/admin", |wanted| wanted.as_str());
    format!("/login?error=expired&next={}", encoded(wanted))
}

/// A posted form. Read after [`Visit`], so that nobody else's is read at all.
struct Posted<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Posted<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let form = Form::<T>::from_request(request, state).await;
        form.map(|Form(form)| Self(form)).map_err(|rejection| ApiError::bad_request(rejection.body_text()))
    }
}

/// The field `once` of a form: the id of the record that it makes.
fn new_id(once: &str) -> Result<String, ApiError> {
    match once {
        // Of a program, which loads no answer anew.
        "" => Ok(secret::random_id()),
        id if secret::is_id(id) => Ok(id.to_owned()),
        _ => Err(ApiError::bad_request("this form was changed on its way; open it again")),
    }
}

/// The same field where a secret is replaced: the mark of the one to replace.
#[derive(serde::Deserialize)]
struct Once {
    once: Option<String>,
}

fn name_of(state: &Sentinel, scope: Scope) -> String {
    state.directory.scope(scope).map_or_else(|| scope.to_string(), |record| record.name.clone())
}

/// What the caller's scope holds, as a form offers it: each node before what lies below it.
fn scopes_of(state: &Sentinel, caller: &Caller, keep: impl Fn(Scope) -> bool) -> Vec<ScopeChoice> {
    fn below(at: &ScopeRecord, depth: usize, all: &[Arc<ScopeRecord>], to: &mut Vec<ScopeChoice>) {
        to.push(ScopeChoice { scope: at.scope, name: at.name.clone(), depth });
        for child in all.iter().filter(|record| record.parent == Some(at.scope)) {
            below(child, depth + 1, all, to);
        }
    }
    let all = state.directory.scopes();
    let mut choices = Vec::new();
    if let Some(top) = state.directory.scope(caller.home_scope()) {
        below(&top, 0, &all, &mut choices);
    }
    choices.retain(|choice| keep(choice.scope));
    choices
}

/// Scheme and host as the browser reached us: what a phone is to be given. None where the
/// request names no host that reads as one.
fn server_of(state: &Sentinel, parts: &Parts) -> Option<String> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    state.access.address(peer, &parts.headers)
}

/// Whether an address means, to whoever uses it, their own machine.
fn is_loopback(server: &str) -> bool {
    let host = server.split_once("://").map_or(server, |(_, host)| host);
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let address = name.parse::<std::net::IpAddr>();
    name == "localhost" || name.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_cannot_reach_the_addresses_by_which_a_machine_means_itself() {
        for own in ["http://localhost:3000", "http://127.0.0.1", "http://127.8.0.1:80", "https://[::1]:3000"]
        {
            assert!(is_loopback(own), "{own}");
        }
        for other in ["https://fleet.example", "http://10.0.0.7:3000", "https://localhost.example"] {
            assert!(!is_loopback(other), "{other}");
        }
    }

    #[test]
    fn the_sign_in_page_leads_back_to_a_page_and_not_into_a_form() {
        let uri: Uri = "/admin/units?q=a%20b".parse().expect("an address");
        assert_eq!(sign_in(&Method::GET, &uri), "/login?error=expired&next=/admin/units%3Fq%3Da%2520b");
        assert_eq!(sign_in(&Method::POST, &uri), "/login?error=expired&next=/admin");
    }
}
