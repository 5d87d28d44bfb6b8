//! What a request carries, read with limits and refused in words.

use super::error::{ApiError, REQUEST_ID, request_id};
use crate::state::Sentinel;
use axum::{
    body::Bytes,
    extract::{ConnectInfo, FromRequest, FromRequestParts, Query, Request},
    http::{StatusCode, Uri, request::Parts},
};
use sentinel_model::Page;
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    convert::Infallible,
    error::Error as _,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use utoipa::IntoParams;

/// Bodies of addresses that take one record.
pub const BODY_MAX_BYTES: usize = 16 * 1024;
/// Names that people give to things, in characters.
pub const NAME_MAX_CHARS: usize = 100;

/// A JSON object as the body. The type header is not asked for: what reads is taken, and a cookie
/// counts only from our own pages (`auth::origin`), so no form can slip one in.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                ApiError::too_large("the body is larger than this address takes")
            } else {
                ApiError::bad_request("the body did not arrive whole")
            }
        })?;
        if bytes.trim_ascii_start().starts_with(b"[") {
            // It would read as a record, member by member.
            return Err(ApiError::bad_request(
                "the body does not read: this address takes an object, no list",
            ));
        }
        let read = serde_json::from_slice(&bytes);
        read.map(Body).map_err(|error| ApiError::bad_request(format!("the body does not read: {error}")))
    }
}

/// `?limit=&cursor=` of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Items of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

impl Paging {
    pub const LIMIT_DEFAULT: usize = 100;
    pub const LIMIT_MAX: usize = 1_000;

    /// How many items to answer: what was asked for, within what is allowed.
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(Self::LIMIT_DEFAULT).clamp(1, Self::LIMIT_MAX)
    }

    /// The item after which the page begins.
    pub fn after<T: std::str::FromStr>(&self) -> Result<Option<T>, ApiError> {
        let cursor = self.cursor.as_deref().filter(|cursor| !cursor.is_empty());
        let bad = |_| ApiError::bad_request("the cursor is not one that a page of this list gave");
        cursor.map(|cursor| cursor.parse().map_err(bad)).transpose()
    }

    /// The page of `rows`, sorted by `id`, that this asks for.
    pub fn page<R, T, I: std::str::FromStr + Ord + ToString>(
        &self,
        rows: impl IntoIterator<Item = R>,
        id: impl Fn(&R) -> I,
        show: impl Fn(&R) -> T,
    ) -> Result<Page<T>, ApiError> {
        let after = self.after::<I>()?;
        let mut rows =
            rows.into_iter().filter(|row| after.as_ref().is_none_or(|after| id(row) > *after)).peekable();
        let mut items = Vec::new();
        let mut last = None;
        while items.len() < self.limit() {
            let Some(row) = rows.next() else { break };
            items.push(show(&row));
            last = Some(id(&row));
        }
        let next = rows.peek().and(last).map(|id| id.to_string());
        Ok(Page { items, next })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Asked::from_request_parts(parts, state).await.map(|Asked(paging)| paging)
    }
}

/// What the address's query asks for. `T` denies unknown fields: a misspelt `scope` must
/// not answer another one.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        // Whose request it is, not what it asks (`auth::access`).
        let asked: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("token=")).collect();
        let uri = Uri::builder().path_and_query(format!("/?{}", asked.join("&"))).build();
        let uri = uri.map_err(|_| ApiError::bad_request("the query does not read"))?;
        Query::try_from_uri(&uri).map(|Query(asked)| Asked(asked)).map_err(|rejection| {
            let why = rejection.source().map_or_else(|| rejection.body_text(), ToString::to_string);
            ApiError::bad_request(format!("the query does not read: {why}"))
        })
    }
}

/// The address that the request comes from, where the listener says it: the peer of the
/// connection, or whom a trusted proxy names.
pub struct Peer(pub Option<IpAddr>);

impl FromRequestParts<Arc<Sentinel>> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<Sentinel>) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Peer(peer.map(|ConnectInfo(address)| state.access.client(address.ip(), &parts.headers))))
    }
}

/// A name that a person gave to something.
pub fn name(text: &str) -> Result<String, ApiError> {
    line("a name", text, NAME_MAX_CHARS)
}

/// One line that a person wrote: trimmed, not empty, of ordinary characters.
pub fn line(what: &str, text: &str, max_chars: usize) -> Result<String, ApiError> {
    let text = text.trim();
    let chars = text.chars().count();
    if chars == 0 {
        return Err(ApiError::bad_request(format!("{what} cannot be empty")));
    }
    if chars > max_chars {
        return Err(ApiError::bad_request(format!(
            "{what} has at most {max_chars} characters, this one has {chars}"
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(ApiError::bad_request(format!("{what} is one line of ordinary characters")));
    }
    Ok(text.to_owned())
}

/// Runs a change to its end even if the client goes away meanwhile: between the
/// records on disk and their copy in memory nothing may be cut short.
pub async fn to_its_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::spawn(REQUEST_ID.scope(request_id(), change)).await {
        Ok(result) => result,
        Err(error) => Err(ApiError::internal(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paging(limit: usize, cursor: Option<&str>) -> Paging {
        Paging { limit: Some(limit), cursor: cursor.map(Into::into) }
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_end_twice() {
        let mut cursor = None;
        let mut seen = Vec::new();
        for _ in 0..4 {
            let page = paging(3, cursor.as_deref()).page(0..10u32, |n| *n, |n| *n).expect("pages");
            seen.extend(page.items);
            cursor = page.next;
        }
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
        assert_eq!(cursor, None);
        let exact = paging(10, None).page(0..10u32, |n| *n, |n| *n).expect("pages");
        assert_eq!((exact.items.len(), exact.next), (10, None));
    }

    #[test]
    fn a_limit_is_kept_within_bounds_and_a_wrong_cursor_refused() {
        assert_eq!(paging(0, None).limit(), 1);
        assert_eq!(paging(usize::MAX, None).limit(), Paging::LIMIT_MAX);
        assert!(paging(1, Some("x")).after::<u32>().is_err());
        assert_eq!(paging(1, Some("")).after::<u32>().ok(), Some(None));
    }

    #[test]
    fn a_name_is_one_short_line() {
        assert_eq!(name("  Kadavanthra ").ok().as_deref(), Some("Kadavanthra"));
        for bad in ["", "   ", "a\nb", &"x".repeat(101)] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        assert!(name(&"ക".repeat(100)).is_ok());
    }
}
