//! The few requests a page makes. Each fails with words for a person.

use gloo_net::http::{Request, RequestBuilder, Response};
use leptos::prelude::{RwSignal, Update as _, set_timeout};
use sentinel_model::{
    ErrorBody, Page, Patrol, PatrolId, RouteAnswer, Scope, Time, Unit, UnitId,
    alerts::{Alert, AlertKind},
    outline::Basemap,
    page::MIME_POSTCARD,
    scope::ScopeNode,
};
use serde::de::DeserializeOwned;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RestError {
    #[error("The server cannot be reached. Check the network, then try again.")]
    Unreachable,
    /// Somebody between the page and the server says so.
    #[error("The server cannot be reached now. Try again in a moment.")]
    Away,
    #[error("Your session has ended. Sign in again.")]
    SignedOut,
    /// The server's own words.
    #[error("{message}")]
    Refused { code: String, message: String },
    #[error("The server answered what this page does not understand. Load the page again.")]
    Unreadable,
}

const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Units per request when a long list is read through.
const PAGE_LIMIT: usize = 1_000;

async fn read<T: DeserializeOwned>(response: Result<Response, gloo_net::Error>) -> Result<T, RestError> {
    let body = body_of(response).await?;
    postcard::from_bytes(&body).map_err(|_| RestError::Unreadable)
}

/// What was answered, where that is no refusal.
async fn body_of(response: Result<Response, gloo_net::Error>) -> Result<Vec<u8>, RestError> {
    let response = response.map_err(|_| RestError::Unreachable)?;
    let (ok, status) = (response.ok(), response.status());
    let is_own = response.headers().get("content-type").is_some_and(|mime| mime == MIME_POSTCARD);
    let body = response.binary().await.map_err(|_| RestError::Unreachable)?;
    if ok {
        return Ok(body);
    }
    if status == 401 {
        return Err(RestError::SignedOut);
    }
    Err(refusal(status, &body, is_own))
}

/// What a refusal says: the server's own words, or a balancer's page while the server is away.
fn refusal(status: u16, body: &[u8], is_own: bool) -> RestError {
    match postcard::from_bytes(body) {
        Ok(ErrorBody { code, message, .. }) if is_own => RestError::Refused { code, message },
        _ if !is_own && matches!(status, 502..=504) => RestError::Away,
        _ => RestError::Unreadable,
    }
}

/// Has a question whose answer failed asked again after a while, where whoever asked follows
/// `again` and is still there.
pub fn ask_later(again: RwSignal<u32>) {
    set_timeout(
        move || {
            again.try_update(|n| *n = n.wrapping_add(1));
        },
        ASKED_AGAIN_AFTER,
    );
}

/// The page carries no JSON reader: it asks for what its socket speaks as well.
fn asking(request: RequestBuilder) -> RequestBuilder {
    request.header("accept", MIME_POSTCARD)
}

pub(super) async fn get<T: DeserializeOwned>(address: &str) -> Result<T, RestError> {
    read(asking(Request::get(address)).send().await).await
}

async fn post<T: DeserializeOwned>(address: &str, body: String) -> Result<T, RestError> {
    let request = asking(Request::post(address)).header("content-type", "application/json");
    read(request.body(body).map_err(|_| RestError::Unreadable)?.send().await).await
}

/// A request with a JSON body, or none where it is empty; what `take` makes of the answer. Any
/// other `method` than `PATCH`, `PUT` and `DELETE` is `POST`.
pub(super) async fn send<T>(
    method: &str,
    address: &str,
    body: String,
    take: fn(&[u8]) -> Option<T>,
) -> Result<T, RestError> {
    let request = asking(match method {
        "PATCH" => Request::patch(address),
        "PUT" => Request::put(address),
        "DELETE" => Request::delete(address),
        _ => Request::post(address),
    });
    let request = match body.is_empty() {
        true => request.build(),
        false => request.header("content-type", "application/json").body(body),
    };
    let answer = body_of(request.map_err(|_| RestError::Unreadable)?.send().await).await?;
    take(&answer).ok_or(RestError::Unreadable)
}

/// Whether the server still knows the person; a server that does not answer says nothing.
pub async fn is_signed_out() -> bool {
    matches!(get::<sentinel_model::people::Me>("/api/v1/auth/me").await, Err(RestError::SignedOut))
}

pub async fn scopes() -> Result<Vec<ScopeNode>, RestError> {
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let after = cursor.map(|c| format!("&cursor={}", encoded(&c))).unwrap_or_default();
        let page: Page<ScopeNode> = get(&format!("/api/v1/scopes?limit={PAGE_LIMIT}{after}")).await?;
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(all);
        }
    }
}

pub async fn units(scope: Scope, cursor: Option<&str>) -> Result<Page<Unit>, RestError> {
    let after = cursor.map(|c| format!("&cursor={}", encoded(c))).unwrap_or_default();
    get(&format!("/api/v1/units?scope={scope}&limit={PAGE_LIMIT}{after}")).await
}

/// The first few units of `scope` whose id, name or station holds all of `words`.
pub async fn units_named(scope: Scope, words: &str, most: usize) -> Result<Vec<Unit>, RestError> {
    let page: Page<Unit> =
        get(&format!("/api/v1/units?scope={scope}&limit={most}&q={}", encoded(words))).await?;
    Ok(page.items)
}

pub async fn route(unit: &UnitId, from: Time, to: Time, max_points: u32) -> Result<RouteAnswer, RestError> {
    get(&format!("/api/v1/units/{unit}/route?start_time={from}&end_time={to}&max_points={max_points}")).await
}

pub async fn patrol(id: PatrolId) -> Result<Patrol, RestError> {
    get(&format!("/api/v1/patrols/{id}")).await
}

pub async fn start_patrol(unit: &UnitId) -> Result<Patrol, RestError> {
    // The letters of an id need no escaping.
    post("/api/v1/patrols", format!(r#"{{"unit_id":"{unit}"}}"#)).await
}

pub async fn end_patrol(patrol: PatrolId) -> Result<Patrol, RestError> {
    post(&format!("/api/v1/patrols/{patrol}/end"), String::new()).await
}

/// Open alerts of a page where many are read.
const OPEN_LIMIT: usize = 200;
/// Acknowledged ones.
const PAST_LIMIT: usize = 50;

/// The `depth` newest open alerts of the viewer's own scope, and whether more are open than these:
/// where they are many, every SOS is among them, and the newest that wait for the people of `home`.
/// In no order, some twice.
pub async fn open_alerts(home: Scope, depth: usize) -> Result<(Vec<Alert>, bool), RestError> {
    let Page { mut items, next }: Page<Alert> =
        get(&format!("/api/v1/alerts?state=open&limit={depth}")).await?;
    if next.is_some() {
        items.retain(|alert| alert.kind != AlertKind::Sos);
        let waiting: Page<Alert> =
            get(&format!("/api/v1/alerts?waits_for={home}&limit={OPEN_LIMIT}")).await?;
        items.extend(waiting.items.into_iter().filter(|alert| alert.kind != AlertKind::Sos));
        let mut cursor = String::new();
        loop {
            let page: Page<Alert> =
                get(&format!("/api/v1/alerts?state=open&kind=sos&limit={OPEN_LIMIT}{cursor}")).await?;
            items.extend(page.items);
            let Some(next) = page.next else { break };
            cursor = format!("&cursor={}", encoded(&next));
        }
    }
    Ok((items, next.is_some()))
}

pub async fn acknowledged_alerts() -> Result<Vec<Alert>, RestError> {
    let page: Page<Alert> = get(&format!("/api/v1/alerts?state=acknowledged&limit={PAST_LIMIT}")).await?;
    Ok(page.items)
}

pub async fn alert(id: &str) -> Result<Alert, RestError> {
    get(&format!("/api/v1/alerts/{}", encoded(id))).await
}

/// The alert as it is after it; who was first stays.
pub async fn acknowledge(id: &str, note: &str) -> Result<Alert, RestError> {
    // A text always has its JSON.
    let note = js_sys::JSON::stringify(&note.into()).map(String::from).unwrap_or_default();
    post(&format!("/api/v1/alerts/{}/acknowledge", encoded(id)), format!(r#"{{"note":{note}}}"#)).await
}

pub async fn basemap(address: &str) -> Result<Basemap, RestError> {
    get(address).await
}

pub(super) fn encoded(text: &str) -> String {
    js_sys::encode_uri_component(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balancer_s_page_says_that_the_server_is_away() {
        let page = b"<html><body><h1>503 Service Unavailable</h1></body></html>";
        assert_eq!(refusal(503, page, false), RestError::Away);
        assert_eq!(refusal(404, page, false), RestError::Unreadable);
        let own = ErrorBody { code: "busy".into(), message: "later".into(), request_id: String::new() };
        let own = postcard::to_allocvec(&own).expect("writes");
        let expected = RestError::Refused { code: "busy".into(), message: "later".into() };
        assert_eq!(refusal(503, &own, true), expected);
    }
}
