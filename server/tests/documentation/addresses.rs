//! The router's addresses and the document's, compared both ways.

use crate::server::Server;
use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use sentinel_server::http;
use serde_json::Value;
use std::collections::BTreeSet;
use tower::ServiceExt as _;

/// What a person opens in a browser, and what pages load for themselves: nobody programs against it.
const FOR_PAGES: &[&str] = &[
    "GET /lab/map",
    "GET /wall",
    "GET /login",
    "GET /t/{token}",
    "GET /t/follow.js",
    "GET /t/look.css",
    "GET /t/map.js",
    "GET /outlines/{name}",
    "GET /api/docs",
    "GET /api/docs/look.js",
    "GET /api/docs/page.css",
    "GET /api/docs/recipes",
    "GET /api/docs/start.js",
    "GET /api/openapi.json",
    "GET /connect/sentinel.properties",
    "GET /reports",
];

/// Pages with forms: what they do, the addresses of the document do for programs.
const PAGES_UNDER: &str = "/admin";

/// The paths of a router, as its debug form tells them: there is no other way to ask.
fn paths(router: &Router) -> BTreeSet<String> {
    let shown = format!("{router:?}");
    let (_, nodes) = shown.split_once("Node { paths: {").expect("the router shows its paths");
    let (paths, _) = nodes.split_once("} }").expect("the list of paths ends");
    let quoted = paths.split('"').filter(|text| text.starts_with('/'));
    quoted.filter(|path| !path.contains("{*")).map(ToOwned::to_owned).collect()
}

/// What each path answers to, as the refusal of another method says.
async fn answered(router: Router) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for path in paths(&router) {
        let asked = path.replace(['{', '}'], "");
        let request =
            Request::builder().method("PROPFIND").uri(&asked).body(Body::empty()).expect("a request");
        let answer = router.clone().oneshot(request).await.expect("it answers");
        let Some(allowed) = answer.headers().get(header::ALLOW) else { continue };
        let allowed = allowed.to_str().expect("text");
        let methods = allowed.split(',').filter(|method| *method != "HEAD");
        all.extend(methods.map(|method| format!("{method} {path}")));
    }
    all
}

fn described(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().expect("paths");
    let of = |(path, item): (&String, &Value)| {
        let methods = item.as_object().expect("an item").keys().cloned().collect::<Vec<_>>();
        methods.into_iter().map(move |method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

#[tokio::test]
async fn an_address_is_in_the_document_exactly_if_the_router_answers_it() {
    let server = Server::start().await;
    let mut answered = answered(http::router(server.sentinel.clone())).await;
    for page in FOR_PAGES {
        assert!(answered.remove(*page), "{page} is no address any more; take it off the list");
    }
    answered.retain(|address| !address.split(' ').any(|path| path.starts_with(PAGES_UNDER)));
    let document = server.get("", "/api/openapi.json").await.json;
    let described = described(&document);
    let missing: Vec<_> = answered.difference(&described).collect();
    let made_up: Vec<_> = described.difference(&answered).collect();
    assert!(
        missing.is_empty() && made_up.is_empty(),
        "not described: {missing:?}; not answered: {made_up:?}"
    );
    assert!(described.len() > 30, "{described:?}");
}
