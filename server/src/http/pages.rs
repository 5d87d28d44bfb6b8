//! The pages: rendered by `sentinel-app` on the server, with the viewer that the
//! policy found and nothing else to ask but [`Backend`].

use super::{assets, error::ApiError};
use crate::{auth::Caller, state::Sentinel};
use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header, request::Parts},
    response::IntoResponse,
};
use leptos::{config::LeptosOptions, nonce::use_nonce, prelude::*};
use leptos_axum::{LeptosRoutes, ResponseOptions, generate_route_list};
use sentinel_app::{
    App,
    backend::{Backend, BackendError, Viewer},
    shell,
};
use sentinel_model::{Page, Scope, Unit, UnitId, page::MapSettings, scope::ScopeNode};
use std::sync::Arc;

pub fn routes(sentinel: &Arc<Sentinel>) -> Router {
    let options = LeptosOptions::builder().output_name("sentinel").site_pkg_dir("pkg").build();
    let context = {
        let sentinel = sentinel.clone();
        move || provide(&sentinel)
    };
    let routes = generate_route_list(App);
    let fallback = {
        let (options, context) = (options.clone(), context.clone());
        let page = leptos_axum::render_app_to_stream_with_context(context, move || shell(options.clone()));
        move |request: Request| async move {
            match assets::file(request.uri(), request.headers()) {
                Some(file) => file,
                None => page(request).await.into_response(),
            }
        }
    };
    Router::new()
        .leptos_routes_with_context(&options, routes, context, {
            let options = options.clone();
            move || shell(options.clone())
        })
        .fallback(fallback)
        .with_state(options)
}

/// What the pages find in their context, for one request.
fn provide(sentinel: &Arc<Sentinel>) {
    let caller = use_context::<Parts>()
        .and_then(|parts| sentinel.access.caller(&parts.method, &parts.uri, &parts.headers).ok().flatten());
    let viewer = caller.as_ref().and_then(Caller::user).map(|user| Viewer { user });
    provide_context(viewer);
    provide_context::<Arc<dyn Backend>>(Arc::new(ForCaller { sentinel: sentinel.clone(), caller }));
    if let (Some(response), Some(nonce)) = (use_context::<ResponseOptions>(), use_nonce()) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy(&nonce, &sentinel.map));
        response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// Scripts run only with this page's nonce; images come from here and from the map's tiles.
fn policy(nonce: &str, map: &MapSettings) -> HeaderValue {
    let tiles = map.tile_url.as_deref().and_then(tile_origin).unwrap_or_default();
    let policy = format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self' 'nonce-{nonce}'; \
         img-src 'self' data: {tiles}; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'self'"))
}

/// `https://{s}.tiles.example/{z}/…` as a policy source: `https://*.tiles.example`.
pub(super) fn tile_origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next()?;
    Some(format!("{scheme}://{}", host.replace("{s}", "*")))
}

/// The port that pages ask, bound to who asks.
struct ForCaller {
    sentinel: Arc<Sentinel>,
    caller: Option<Caller>,
}

impl ForCaller {
    fn caller(&self) -> Result<&Caller, BackendError> {
        self.caller.as_ref().ok_or(BackendError::Forbidden)
    }
}

/// What went wrong inside is in the log; the page says only that something did.
fn failed(error: &ApiError) -> BackendError {
    if error.status().is_server_error() {
        BackendError::Failed("this could not be read right now; try again".into())
    } else {
        BackendError::Forbidden
    }
}

#[async_trait::async_trait]
impl Backend for ForCaller {
    async fn scopes(&self, _: &Viewer) -> Result<Vec<ScopeNode>, BackendError> {
        let caller = self.caller()?;
        super::scopes::visible(&self.sentinel, caller).await.map_err(|error| failed(&error))
    }

    async fn units(
        &self,
        _: &Viewer,
        scope: Scope,
        cursor: Option<String>,
    ) -> Result<Page<Unit>, BackendError> {
        let grant =
            self.caller()?.view(&self.sentinel.directory, scope).map_err(|_| BackendError::Forbidden)?;
        let cursor: Option<UnitId> = cursor.and_then(|cursor| cursor.parse().ok());
        self.sentinel
            .reads
            .units(&grant, "", cursor.as_ref(), super::input::Paging::LIMIT_MAX)
            .await
            .map_err(|error| failed(&error.into()))
    }

    fn map_settings(&self) -> MapSettings {
        self.sentinel.map.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::EngineError;

    #[test]
    fn a_page_tells_nobody_what_broke_inside() {
        let inside = std::io::Error::other("/secret/records.db is gone");
        let told = failed(&EngineError::new("reading units", inside).into()).to_string();
        assert!(told.contains("try again") && !told.contains("secret") && !told.contains("units"), "{told}");
        assert!(matches!(failed(&ApiError::forbidden("no")), BackendError::Forbidden));
    }
}
