//! The page's questions, answered by the request that is being rendered.

use crate::{
    backend::{Backend, BackendError, Viewer},
    first_paint::{FirstPaint, NoPaint, scope_on_show},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{StatusCode, header::COOKIE, request::Parts};
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use sentinel_model::{Page, Time};
use std::{sync::Arc, time::SystemTime};

/// By the names that a browser has for them.
pub mod maths {
    macro_rules! of_f64 {
        ($($name:ident)*) => { $(pub fn $name(x: f64) -> f64 { x.$name() })* };
    }
    of_f64!(sin cos tan asin asinh sinh atan log2);

    pub fn pow(x: f64, y: f64) -> f64 {
        x.powf(y)
    }
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn viewer() -> Option<Viewer> {
    use_context::<Option<Viewer>>().flatten()
}

pub fn signed_in() -> bool {
    viewer().is_some()
}

pub fn cookie(name: &str) -> Option<String> {
    let parts = use_context::<Parts>()?;
    let lines = parts.headers.get_all(COOKIE).into_iter().filter_map(|v| v.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .find_map(|c| c.trim().strip_prefix(name)?.strip_prefix('=').map(str::to_string))
}

/// Answers this request with a redirect instead of the page.
pub fn redirect(to: &str) {
    if let Some(response) = use_context::<ResponseOptions>()
        && let Ok(location) = http::HeaderValue::from_str(to)
    {
        response.insert_header(http::header::LOCATION, location);
        response.set_status(StatusCode::SEE_OTHER);
    }
}

fn set_status(status: StatusCode) {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(status);
    }
}

pub fn say_not_found() {
    set_status(StatusCode::NOT_FOUND);
}

/// Draws from the backend, within what the viewer may see. What cannot be shown
/// also sets the response's status, so that a program is told the same.
pub async fn first_paint(asked: Option<String>) -> Result<FirstPaint, NoPaint> {
    let Some(viewer) = viewer() else { return Err(NoPaint::SignedOut) };
    let response = use_context::<ResponseOptions>();
    let Some(backend) = use_context::<Arc<dyn Backend>>() else {
        return Err(NoPaint::Failed("the page was rendered without a backend".into()));
    };
    let painted = paint(&*backend, viewer, asked).await;
    if let (Some(response), Err(why)) = (response, &painted) {
        response.set_status(match why {
            NoPaint::SignedOut => StatusCode::UNAUTHORIZED,
            NoPaint::NoPermission { .. } => StatusCode::FORBIDDEN,
            NoPaint::Failed(_) => StatusCode::SERVICE_UNAVAILABLE,
        });
    }
    painted
}

async fn paint(backend: &dyn Backend, viewer: Viewer, asked: Option<String>) -> Result<FirstPaint, NoPaint> {
    let failed = |e: BackendError| NoPaint::Failed(e.to_string());
    let scopes = backend.scopes(&viewer).await.map_err(failed)?;
    let scope = scope_on_show(asked.as_deref(), &viewer.user, &scopes)?;
    let units: Page<_> = backend.units(&viewer, scope, None).await.map_err(|e| match e {
        BackendError::Forbidden => NoPaint::NoPermission { asked: scope.to_string(), own: viewer.user.scope },
        BackendError::Failed(_) => failed(e),
    })?;
    Ok(FirstPaint { viewer: viewer.user, scopes, scope, units, map: backend.map_settings(), now: now() })
}

pub fn lowercase(text: &str) -> String {
    text.to_lowercase()
}

pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Makes what only the server sends.
pub fn on_server<T>(make: impl FnOnce() -> T) -> Option<T> {
    Some(make())
}
