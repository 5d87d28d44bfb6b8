//! What the live page is first drawn from: by the server into HTML, by the
//! browser into the same nodes, so that nothing is fetched twice.

use crate::platform;
use leptos::server::codee::{Decoder, Encoder};
use sentinel_model::{Page, Scope, Time, Unit, page::MapSettings, people::User, scope::ScopeNode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Everything the page shows before its socket is up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FirstPaint {
    pub viewer: User,
    /// Every scope the viewer may see, widest first.
    pub scopes: Vec<ScopeNode>,
    /// The scope on show: the one asked for, else the viewer's own.
    pub scope: Scope,
    /// Its first units, by id.
    pub units: Page<Unit>,
    pub map: MapSettings,
    /// The server's clock, from which ages are told.
    pub now: Time,
}

/// Why there is nothing to draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoPaint {
    /// Nobody is signed in; the answer is a redirect to the sign-in page.
    SignedOut,
    /// The scope is not the viewer's to see, or no scope at all; here is their own.
    NoPermission { asked: String, own: Scope },
    /// The server could not say; what it said instead.
    Failed(String),
}

/// Picks the scope to show: what the address asks for where the viewer may see it.
pub fn scope_on_show(asked: Option<&str>, viewer: &User, scopes: &[ScopeNode]) -> Result<Scope, NoPaint> {
    let Some(asked) = asked.filter(|a| !a.is_empty()) else { return Ok(viewer.scope) };
    asked
        .parse()
        .ok()
        .filter(|scope| scopes.iter().any(|n| n.scope == *scope))
        .ok_or_else(|| NoPaint::NoPermission { asked: asked.to_string(), own: viewer.scope })
}

/// How the first paint's data travels within the page: postcard in base64. The page
/// carries no JSON reader.
pub struct Packed;

#[derive(Debug)]
pub struct Unpackable;

impl<T: Serialize> Encoder<T> for Packed {
    type Error = postcard::Error;
    type Encoded = String;

    fn encode(value: &T) -> Result<String, Self::Error> {
        postcard::to_allocvec(value).map(|bytes| platform::to_base64(&bytes))
    }
}

impl<T: DeserializeOwned> Decoder<T> for Packed {
    type Error = Unpackable;
    type Encoded = str;

    fn decode(text: &str) -> Result<T, Self::Error> {
        let bytes = platform::from_base64(text).ok_or(Unpackable)?;
        postcard::from_bytes(&bytes).map_err(|_| Unpackable)
    }
}
