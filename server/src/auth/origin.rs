//! Whether a browser's request comes from our own pages.
//!
//! A browser attaches the session cookie to requests that other sites make it send.
//! Two headers that scripts cannot forge tell them apart: `Sec-Fetch-Site`, which
//! browsers send to HTTPS and to localhost, and `Origin`, which they send with every
//! unsafe request and every WebSocket. A request with neither is no browser's.

use axum::http::{HeaderMap, Method, Uri, header};

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Whether a cookie on this request is to be trusted only from our own pages:
/// whatever changes something, and a WebSocket, which begins as a GET.
pub fn must_be_own(method: &Method, headers: &HeaderMap) -> bool {
    !(method.is_safe()) || headers.contains_key(header::UPGRADE)
}

/// Whether the request is from our own pages or from no browser at all.
pub fn is_own(headers: &HeaderMap, uri: &Uri) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    // HTTP/2 has no Host header: there the address itself names the host.
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| uri.authority().map(|authority| authority.as_str()));
    let origin_host = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    matches!((origin_host, host), (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(pairs: &[(&'static str, &'static str)]) -> bool {
        let headers = pairs
            .iter()
            .map(|(name, value)| {
                (name.parse().expect("a header name"), value.parse().expect("a header value"))
            })
            .collect();
        is_own(&headers, &Uri::from_static("/"))
    }

    #[test]
    fn our_own_pages_and_programs_pass() {
        assert!(own(&[]));
        assert!(own(&[("sec-fetch-site", "same-origin")]));
        assert!(own(&[("sec-fetch-site", "none")]));
        assert!(own(&[("origin", "http://fleet.lan:3000"), ("host", "fleet.lan:3000")]));
        assert!(own(&[("origin", "https://Fleet.lan"), ("host", "fleet.lan")]));
    }

    #[test]
    fn other_sites_do_not() {
        assert!(!own(&[("sec-fetch-site", "cross-site")]));
        assert!(!own(&[("sec-fetch-site", "same-site")]));
        assert!(!own(&[("origin", "null"), ("host", "fleet.lan")]));
        assert!(!own(&[("origin", "http://evil.example"), ("host", "fleet.lan")]));
        assert!(!own(&[("origin", "http://fleet.lan:8080"), ("host", "fleet.lan:3000")]));
        assert!(!own(&[("origin", "http://fleet.lan.evil.example"), ("host", "fleet.lan")]));
        assert!(!own(&[("origin", "http://fleet.lan")]));
    }

    #[test]
    fn what_changes_something_and_sockets_must_be_own() {
        let plain = HeaderMap::new();
        assert!(must_be_own(&Method::POST, &plain) && must_be_own(&Method::DELETE, &plain));
        assert!(!must_be_own(&Method::GET, &plain));
        let upgrade = [(header::UPGRADE, "websocket".parse().expect("a value"))].into_iter().collect();
        assert!(must_be_own(&Method::GET, &upgrade));
    }
}
