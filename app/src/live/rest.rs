//! The few requests a page makes. Each fails with words for a person.

use gloo_net::http::{Request, RequestBuilder, Response};
use sentinel_model::{
    ErrorBody, Page, Patrol, PatrolId, RouteAnswer, Scope, Time, Unit, UnitId, outline::Basemap,
    page::MIME_POSTCARD, scope::ScopeNode,
};
use serde::de::DeserializeOwned;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RestError {
    #[error("The server cannot be reached. Check the network, then try again.")]
    Unreachable,
    #[error("Your session has ended. Sign in again.")]
    SignedOut,
    /// The server's own words.
    #[error("{message}")]
    Refused { code: String, message: String },
    #[error("The server answered what this page does not understand. Load the page again.")]
    Unreadable,
}

/// Units per request when a long list is read through.
const PAGE_LIMIT: usize = 1_000;

async fn read<T: DeserializeOwned>(response: Result<Response, gloo_net::Error>) -> Result<T, RestError> {
    let response = response.map_err(|_| RestError::Unreachable)?;
    let (ok, status) = (response.ok(), response.status());
    let body = response.binary().await.map_err(|_| RestError::Unreachable)?;
    if ok {
        return postcard::from_bytes(&body).map_err(|_| RestError::Unreadable);
    }
    if status == 401 {
        return Err(RestError::SignedOut);
    }
    let body: ErrorBody = postcard::from_bytes(&body).map_err(|_| RestError::Unreadable)?;
    Err(RestError::Refused { code: body.code, message: body.message })
}

/// The page carries no JSON reader: it asks for what its socket speaks as well.
fn asking(request: RequestBuilder) -> RequestBuilder {
    request.header("accept", MIME_POSTCARD)
}

async fn get<T: DeserializeOwned>(address: &str) -> Result<T, RestError> {
    read(asking(Request::get(address)).send().await).await
}

async fn post<T: DeserializeOwned>(address: &str, body: String) -> Result<T, RestError> {
    let request = asking(Request::post(address)).header("content-type", "application/json");
    read(request.body(body).map_err(|_| RestError::Unreadable)?.send().await).await
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

pub async fn basemap(address: &str) -> Result<Basemap, RestError> {
    get(address).await
}

fn encoded(text: &str) -> String {
    js_sys::encode_uri_component(text).into()
}
