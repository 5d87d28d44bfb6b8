//! The document and its routes.

use crate::{
    pages::{login::LoginPage, not_found::NotFoundPage},
    prefs::Look,
};
use leptos::{config::LeptosOptions, nonce::use_nonce, prelude::*};
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{FlatRoutes, Route, Router},
    path,
};

/// The whole HTML document. Leaflet comes before the wasm that binds to it:
/// a deferred script runs before a module that stands after it.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=Look::chosen().word()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"/>
                <meta name="color-scheme" content="dark light"/>
                <meta name="theme-color" content="#0e1216"/>
                <link rel="icon" type="image/svg+xml" href="/favicon.svg"/>
                <link rel="preload" href="/fonts/geist-latin.woff2" r#as="font" r#type="font/woff2" crossorigin="anonymous"/>
                <link rel="stylesheet" href="/pkg/leaflet.css"/>
                <link rel="stylesheet" href="/pkg/sentinel.css"/>
                <script src="/pkg/leaflet.js" defer nonce=use_nonce()></script>
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
                <div class="curtain stopped" role="alertdialog" aria-label="This page has stopped">
                    <div class="notice-card">
                        <h2>"This page has stopped"</h2>
                        <p>"Something in it went wrong: what it shows is no longer live. Nothing is lost on the server."</p>
                        <a class="button primary" href="" rel="external">"Load again"</a>
                    </div>
                </div>
            </body>
        </html>
    }
}

#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title formatter=|page: String| {
            if page.is_empty() { "Sentinel".to_string() } else { format!("{page} · Sentinel") }
        }/>
        <Router>
            <FlatRoutes fallback=NotFoundPage>
                <Route path=path!("/") view=crate::pages::console::ConsolePage ssr=SsrMode::Async/>
                <Route path=path!("/wall") view=crate::pages::wall::WallPage ssr=SsrMode::Async/>
                <Route path=path!("/lab/map") view=crate::map::lab::MapLab ssr=SsrMode::Async/>
                <Route path=path!("/login") view=LoginPage ssr=SsrMode::Async/>
            </FlatRoutes>
        </Router>
    }
}
