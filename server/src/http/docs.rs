//! `/api/docs`: the document as a page that also sends requests, and `/api/docs/recipes`.
//!
//! All of it comes from this server. The viewer (`pkg/swagger-ui.js`) is a file of the site;
//! what starts it and how it looks is carried here.

use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    response::IntoResponse,
    routing::get,
};
use pulldown_cmark::{Parser, html::push_html};
use std::sync::LazyLock;

/// What these pages may load: nothing from elsewhere, and no script or style within them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// As the source has it; a test runs every recipe in it.
pub const RECIPES: &str = include_str!("../../docs/recipes.md");

static VIEWER_PAGE: LazyLock<String> = LazyLock::new(|| {
    page(
        "Sentinel API",
        "<link rel=\"stylesheet\" href=\"/pkg/swagger-ui.css\">",
        "<main id=\"document\"><p class=\"words\">The document itself is at \
         <a href=\"/api/openapi.json\">/api/openapi.json</a>. This page needs JavaScript to show it.</p></main>\
         <script src=\"/pkg/swagger-ui.js\"></script><script src=\"/api/docs/start.js\"></script>",
    )
});

static RECIPES_PAGE: LazyLock<String> = LazyLock::new(|| {
    let mut html = String::from("<main class=\"words\">");
    push_html(&mut html, Parser::new(RECIPES));
    html.push_str("</main>");
    page("Recipes · Sentinel API", "", &html)
});

pub fn routes() -> Router {
    Router::new()
        .route("/api/docs", get(|| async { sent("text/html; charset=utf-8", &VIEWER_PAGE) }))
        .route("/api/docs/recipes", get(|| async { sent("text/html; charset=utf-8", &RECIPES_PAGE) }))
        .route(
            "/api/docs/start.js",
            get(|| async { sent("text/javascript; charset=utf-8", include_str!("../../docs/start.js")) }),
        )
        .route(
            "/api/docs/look.js",
            get(|| async { sent("text/javascript; charset=utf-8", include_str!("../../docs/look.js")) }),
        )
        .route(
            "/api/docs/page.css",
            get(|| async { sent("text/css; charset=utf-8", include_str!("../../docs/page.css")) }),
        )
}

fn sent(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text)
}

fn page(title: &str, head: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"/favicon.svg\">\
         <script src=\"/api/docs/look.js\"></script>{head}\
         <link rel=\"stylesheet\" href=\"/api/docs/page.css\"></head><body><nav><a href=\"/\">Dashboard</a>\
         <a href=\"/api/docs\">API</a><a href=\"/api/docs/recipes\">Recipes</a>\
         <a href=\"/api/openapi.json\">openapi.json</a></nav>{body}</body></html>"
    )
}
