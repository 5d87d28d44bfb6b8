//! Callers as handlers ask for them.

use super::{Access, Caller};
use crate::{http::error::ApiError, state::Sentinel};
use axum::{extract::FromRequestParts, http::request::Parts};
use std::sync::Arc;

/// The caller; a request without a good credential is answered 401 before the handler.
pub struct Signed(pub Caller);

/// The caller where there is one. A credential that is given but wrong is still a 401;
/// only a session cookie that has ended counts as none.
pub struct MaybeSigned(pub Option<Caller>);

impl FromRequestParts<Arc<Sentinel>> for Signed {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<Sentinel>) -> Result<Self, ApiError> {
        let caller = state.access.caller(&parts.method, &parts.uri, &parts.headers)?;
        caller.map(Signed).ok_or_else(Access::say_who)
    }
}

impl FromRequestParts<Arc<Sentinel>> for MaybeSigned {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<Sentinel>) -> Result<Self, ApiError> {
        state.access.caller(&parts.method, &parts.uri, &parts.headers).map(MaybeSigned)
    }
}
