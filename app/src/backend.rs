//! What the pages need of the server, and all they may ask.
//!
//! The server implements [`Backend`] over its own policy and puts an
//! `Arc<dyn Backend>` and, for a signed-in request, a [`Viewer`] into Leptos'
//! context. A `Viewer` is made only by the server's policy from the request's
//! credential, so what a page can ask for is already bounded by who asks.

use async_trait::async_trait;
use sentinel_model::{Page, Scope, Unit, people::User, scope::ScopeNode};

/// The signed-in person of this request, as the server's policy found them.
#[derive(Debug, Clone)]
pub struct Viewer {
    pub user: User,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum BackendError {
    #[error("this is outside what you may see")]
    Forbidden,
    #[error("{0}")]
    Failed(String),
}

#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Every scope the viewer may see, widest first, with counts.
    async fn scopes(&self, viewer: &Viewer) -> Result<Vec<ScopeNode>, BackendError>;

    /// The units of `scope`, by id, from after `cursor`.
    async fn units(
        &self,
        viewer: &Viewer,
        scope: Scope,
        cursor: Option<String>,
    ) -> Result<Page<Unit>, BackendError>;

    /// How the map is to be drawn here.
    fn map_settings(&self) -> sentinel_model::page::MapSettings;
}
