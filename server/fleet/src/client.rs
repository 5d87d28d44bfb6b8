//! A client of the public API: signs in, pages through lists, says what went wrong.
//!
//! Connections are kept and shared; the client is cheap to clone. Nothing is retried
//! here except a sign-in that has run out: who calls knows whether to wait, and
//! [`CallError::is_transient`] and [`Backoff`] are what it decides with.

use anyhow::Context;
use reqwest::{Method, StatusCode, Url, header};
use sentinel_model::{
    ErrorBody, Page,
    people::{LoginAnswer, LoginBody},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

/// Longest wait for a connection, and for a whole answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Items of a list asked for at a time.
const PAGE_ITEMS: u32 = 500;

/// Why a call has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the server at {base} is not reachable; is it running there? (sentinel serve, or --url)")]
    Unreachable { base: String, source: reqwest::Error },
    #[error("the server at {base} broke off {what}")]
    Broken { base: String, what: String, source: reqwest::Error },
    #[error("{what} was refused with {status}: {message}")]
    Refused { what: String, status: StatusCode, code: String, message: String, retry_after: Option<Duration> },
    #[error("{what} was answered with something that is not Sentinel's; is {base} a Sentinel server?")]
    Unreadable { base: String, what: String, source: serde_json::Error },
}

impl CallError {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            CallError::Unreachable { .. } | CallError::Broken { .. } => true,
            CallError::Refused { status, .. } => {
                status.is_server_error()
                    || matches!(*status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
            }
            CallError::Unreadable { .. } => false,
        }
    }

    pub fn status(&self) -> Option<StatusCode> {
        match self {
            CallError::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// How long the server asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            CallError::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// How a client proves who it is.
#[derive(Clone)]
pub enum Credential {
    /// An API key or a unit's ingest token.
    Key(String),
    /// A person's sign-in; the session token is renewed when it runs out.
    SignIn { username: String, password: String },
}

#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    base: Url,
    shared: Arc<Shared>,
}

struct Shared {
    credential: Credential,
    token: RwLock<Option<String>>,
}

impl Api {
    /// Checks the address; does not connect yet.
    pub fn new(url: &str, credential: Credential) -> anyhow::Result<Self> {
        let base: Url = url
            .parse()
            .with_context(|| format!("--url {url:?} is not an address such as http://127.0.0.1:3000"))?;
        anyhow::ensure!(
            base.scheme() == "http" && base.has_host(),
            "--url {url:?} must begin with http://: put TLS in front of the server, and speak to it from its own network"
        );
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .user_agent(concat!("sentinel-fleet/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("no HTTP client could be made")?;
        let token = match &credential {
            Credential::Key(key) => Some(key.clone()),
            Credential::SignIn { .. } => None,
        };
        Ok(Self { http, base, shared: Arc::new(Shared { credential, token: RwLock::new(token) }) })
    }

    /// The server's address, for messages.
    pub fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, CallError> {
        self.call(Method::GET, path, query, None).await
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CallError> {
        let body = serde_json::to_vec(body).map_err(|source| CallError::Unreadable {
            base: self.base().into(),
            what: format!("the body of POST {path}"),
            source,
        })?;
        self.call(Method::POST, path, &[], Some(body)).await
    }

    /// Posts a file, whose kind the server tells by its shape.
    pub async fn post_file<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        file: Vec<u8>,
    ) -> Result<T, CallError> {
        self.call(Method::POST, path, query, Some(file)).await
    }

    /// All items of a paged list.
    pub async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, CallError> {
        let limit = PAGE_ITEMS.to_string();
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = vec![("limit", limit.as_str())];
            query.extend(cursor.as_deref().map(|c| ("cursor", c)));
            let page: Page<T> = self.get(path, &query).await?;
            items.extend(page.items);
            match page.next {
                Some(next) if Some(&next) != cursor.as_ref() => cursor = Some(next),
                _ => return Ok(items),
            }
        }
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<T, CallError> {
        let token = match self.token() {
            Some(token) => token,
            None => self.sign_in().await?,
        };
        let first = self.send(method.clone(), path, query, body.clone(), Some(&token)).await;
        let runs_out = matches!(&self.shared.credential, Credential::SignIn { .. });
        match first {
            Err(refused) if runs_out && refused.status() == Some(StatusCode::UNAUTHORIZED) => {
                let token = self.sign_in().await?;
                self.send(method, path, query, body, Some(&token)).await
            }
            answer => answer,
        }
    }

    fn token(&self) -> Option<String> {
        self.shared.token.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    async fn sign_in(&self) -> Result<String, CallError> {
        let Credential::SignIn { username, password } = &self.shared.credential else {
            return Ok(self.token().unwrap_or_default());
        };
        let body = LoginBody { username: username.clone(), password: password.clone() };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let answer: LoginAnswer =
            self.send(Method::POST, "/api/v1/auth/login", &[], Some(body), None).await?;
        *self.shared.token.write().unwrap_or_else(|poisoned| poisoned.into_inner()) =
            Some(answer.token.clone());
        Ok(answer.token)
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Vec<u8>>,
        token: Option<&str>,
    ) -> Result<T, CallError> {
        let what = format!("{method} {path}");
        let mut url = self.base.clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        let base = || self.base().to_string();
        let answer = request.send().await.map_err(|source| {
            if source.is_connect() || source.is_timeout() {
                CallError::Unreachable { base: base(), source: source.without_url() }
            } else {
                CallError::Broken { base: base(), what: what.clone(), source: source.without_url() }
            }
        })?;
        let status = answer.status();
        let retry_after = answer
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.trim().parse().ok())
            .map(Duration::from_secs);
        let bytes = answer.bytes().await.map_err(|source| CallError::Broken {
            base: base(),
            what: what.clone(),
            source: source.without_url(),
        })?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|source| CallError::Unreadable {
                base: base(),
                what,
                source,
            });
        }
        let (code, message) = match serde_json::from_slice::<ErrorBody>(&bytes) {
            Ok(error) => (error.code, error.message),
            Err(_) => (String::new(), String::from_utf8_lossy(&bytes).chars().take(200).collect()),
        };
        Err(CallError::Refused { what, status, code, message, retry_after })
    }
}

/// Waits that grow, for calls that may succeed later.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(10);

    pub fn new() -> Self {
        Self { next: Self::FIRST }
    }

    /// How long to wait after this failure: at least what the server asked for.
    pub fn after(&mut self, error: &CallError) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(Self::LONGEST);
        error.retry_after().map_or(wait, |asked| asked.max(wait))
    }

    pub fn reset(&mut self) {
        self.next = Self::FIRST;
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{
        Json, Router,
        extract::Query,
        http::HeaderMap,
        response::IntoResponse,
        routing::{get, post},
    };
    use serde_json::{Value, json};
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicUsize, Ordering};

    async fn serve(router: Router) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    #[tokio::test]
    async fn a_list_is_read_to_its_last_page() {
        let router = Router::new().route(
            "/api/v1/numbers",
            get(|Query(query): Query<HashMap<String, String>>| async move {
                Json(match query.get("cursor").map(String::as_str) {
                    None => json!({"items": [1, 2], "next": "a&b=c"}),
                    Some("a&b=c") => json!({"items": [3], "next": null}),
                    Some(other) => json!({"items": [other], "next": null}),
                })
            }),
        );
        let api = Api::new(&serve(router).await, Credential::Key("k".into())).expect("an address");
        assert_eq!(api.list::<Value>("/api/v1/numbers").await.expect("answered"), vec![1, 2, 3]);
    }

    #[tokio::test]
    async fn a_session_that_ran_out_is_renewed_once_and_unseen() {
        static SIGN_INS: AtomicUsize = AtomicUsize::new(0);
        let router = Router::new()
            .route(
                "/api/v1/auth/login",
                post(|| async {
                    let n = SIGN_INS.fetch_add(1, Ordering::SeqCst);
                    Json(json!({"token": format!("t{n}"), "expires_at": "2026-11-21T02:00:00Z",
                        "user": {"username": "admin", "name": "A", "role": "admin", "scope": "district:1", "disabled": false}}))
                }),
            )
            .route(
                "/api/v1/thing",
                get(|headers: HeaderMap| async move {
                    let fresh = headers.get("authorization").is_some_and(|v| v == "Bearer t1");
                    if fresh { Json(json!(7)).into_response() } else { StatusCode::UNAUTHORIZED.into_response() }
                }),
            );
        let sign_in = Credential::SignIn { username: "admin".into(), password: "p".into() };
        let api = Api::new(&serve(router).await, sign_in).expect("an address");
        assert_eq!(api.get::<u8>("/api/v1/thing", &[]).await.expect("answered"), 7);
        assert_eq!(SIGN_INS.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_refusal_says_why_and_when_to_come_back() {
        let router = Router::new().route(
            "/api/v1/thing",
            get(|| async {
                let body = json!({"code": "overloaded", "message": "The queue is full.", "request_id": "r"});
                (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "3")], Json(body))
            }),
        );
        let api = Api::new(&serve(router).await, Credential::Key("k".into())).expect("an address");
        let error = api.get::<u8>("/api/v1/thing", &[]).await.expect_err("refused");
        assert!(error.is_transient());
        assert_eq!(Backoff::new().after(&error), Duration::from_secs(3));
        assert_eq!(
            error.to_string(),
            "GET /api/v1/thing was refused with 503 Service Unavailable: The queue is full."
        );
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        drop(listener);
        let api = Api::new(&url, Credential::Key("k".into())).expect("an address");
        let error = api.get::<u8>("/", &[]).await.expect_err("nobody there");
        assert!(error.is_transient() && error.to_string().contains(&url), "{error}");
    }

    #[test]
    fn an_address_that_is_none_is_refused_with_an_example() {
        for url in ["", "localhost:3000", "127.0.0.1:3000", "https://example.org"] {
            assert!(Api::new(url, Credential::Key("k".into())).is_err(), "{url}");
        }
    }

    #[test]
    fn waits_grow_to_a_limit_and_start_again() {
        let error = CallError::Refused {
            what: "x".into(),
            status: StatusCode::BAD_GATEWAY,
            code: String::new(),
            message: String::new(),
            retry_after: None,
        };
        let mut backoff = Backoff::new();
        let waits: Vec<_> = (0..8).map(|_| backoff.after(&error)).collect();
        assert_eq!(waits[0], Duration::from_millis(200));
        assert_eq!(waits[1], Duration::from_millis(400));
        assert_eq!(waits[7], Backoff::LONGEST);
        backoff.reset();
        assert_eq!(backoff.after(&error), Backoff::FIRST);
    }
}
