//! The browser's session cookie.
//!
//! Its value is a random token; the records keep the token's hash, who it is, and
//! when it ends: 12 hours after sign-in, whatever happens in between. Signing out
//! drops the record, so the cookie is worth nothing from then on.

use axum::http::{HeaderMap, HeaderValue, header};

pub const COOKIE: &str = "sentinel_session";

/// A cookie's token in a request, where there is one.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

/// `Set-Cookie` that begins a session.
pub fn begin(token: &str, max_age_s: i64, secure: bool) -> HeaderValue {
    cookie(token, max_age_s, secure)
}

/// `Set-Cookie` that makes the browser forget.
pub fn forget(secure: bool) -> HeaderValue {
    cookie("", 0, secure)
}

fn cookie(value: &str, max_age_s: i64, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::try_from(format!(
        "{COOKIE}={value}; HttpOnly; SameSite=Lax; Path=/; Max-Age={max_age_s}{secure}"
    ))
    .expect("a token is made of letters, digits, '-' and '_'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        assert_eq!(token(&headers), None);
        headers.append(header::COOKIE, HeaderValue::from_static("theme=dark; x"));
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; sentinel_session=t-1; c=d"));
        assert_eq!(token(&headers), Some("t-1"));
    }

    #[test]
    fn scripts_cannot_read_the_cookie_and_other_sites_cannot_post_it() {
        let set = begin("t", 60, false);
        assert_eq!(set, "sentinel_session=t; HttpOnly; SameSite=Lax; Path=/; Max-Age=60");
        assert!(forget(true).to_str().is_ok_and(|c| c.contains("Max-Age=0") && c.ends_with("; Secure")));
    }
}
