//! `GET /api/openapi.json`: the addresses, described by what stands above their handlers.
//!
//! A handler's attribute says what it takes and what it alone answers. What holds of many
//! is added here: how to sign a request, what any address may refuse, the shape of every
//! refusal. A test compares the router's addresses with the document's, both ways.

mod files;
mod positions;
mod refusals;
mod webhooks;

pub use files::{FileFormat, RouteFormat};
pub use positions::{DeviceAnswer, PositionParameters, PostedPositions, UnitPosition};

use crate::{auth::session, gateway::sse::StreamClose, state::Sentinel};
use axum::{
    Router,
    body::Bytes,
    http::{HeaderValue, header},
    routing::get,
};
use sentinel_model::{
    ErrorBody,
    dispatch::Task,
    live::{ClientFrame, ServerFrame},
};
use std::sync::Arc;
use utoipa::{
    OpenApi,
    openapi::{
        OpenApi as Document, PathItem, RefOr, SecurityRequirement,
        path::Operation,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;
use webhooks::{AlertTold, EscalationTold, PatrolTold, PingTold, StatusTold, WebhookBody};

/// What stands once in the document; the addresses are added by the routers.
#[derive(OpenApi)]
#[openapi(
    info(title = "Sentinel", version = env!("CARGO_PKG_VERSION"), description = include_str!("about.md"),
        license(name = "Apache-2.0", identifier = "Apache-2.0")),
    paths(positions::post_position_as_query),
    components(schemas(
        ErrorBody, ServerFrame, ClientFrame, StreamClose, WebhookBody<PatrolTold>, WebhookBody<StatusTold>,
        WebhookBody<AlertTold>, WebhookBody<EscalationTold>, WebhookBody<PingTold>, WebhookBody<Task>,
    )),
    tags(
        (name = "Positions", description = "Positions in, from devices and from other systems."),
        (name = "Units", description = "Units, where they are and were."),
        (name = "Patrols", description = "Units come on and off duty."),
        (name = "Alerts", description = "What waits for somebody, until somebody says that they have it."),
        (name = "Geofences", description = "Areas of the map whose borders are watched."),
        (name = "Dispatch", description = "Incidents and orders, and the units that are sent to them."),
        (name = "Live", description = "What moves, as it moves."),
        (name = "Webhooks", description = "What happens, told to other systems."),
        (name = "Data in and out", description = "History as files."),
        (name = "Hierarchy", description = "Districts, zones, divisions, stations."),
        (name = "People", description = "Accounts."),
        (name = "API keys", description = "Credentials of programs."),
        (name = "Sign-in", description = "From a password to a token or a session."),
        (name = "Operation", description = "For operators and their tools."),
        (name = "Earlier systems", description = "Addresses that answer as earlier systems did: a unit is a car, \
            speeds are miles per hour, distances kilometres."),
    )
)]
struct Frame;

/// Addresses that mean what another one means, for devices and for clients of earlier systems.
const ALIASES: &[(&str, &str)] = &[
    ("/locations", "/api/v1/locations"),
    ("/telemetry", "/api/v1/locations"),
    ("/log", "/api/v1/locations"),
    ("/", "/api/v1/locations"),
    ("/start_patrol", "/api/v1/patrols"),
    ("/api/v1/drivers/{id}/location", "/api/v1/units/{id}/location"),
    ("/api/v1/drivers/{id}/route", "/api/v1/units/{id}/route"),
];

/// Of these the one that only starts patrols, though what it means lists them as well.
const POST_ALONE: &str = "/start_patrol";

pub fn frame() -> Document {
    Frame::openapi()
}

/// The addresses that are only described by this router: another one answers them.
pub fn described_only(router: OpenApiRouter<Arc<Sentinel>>) -> OpenApiRouter<Arc<Sentinel>> {
    let mut only = OpenApiRouter::new();
    only.get_openapi_mut().merge(router.into_openapi());
    only
}

/// `/api/openapi.json`, with what the routers described and what holds of all.
pub fn routes(mut document: Document) -> Router {
    finish(&mut document);
    let json = document.to_json().expect("the document is made of texts and numbers, which JSON writes");
    let (json, kind) = (Bytes::from(json), HeaderValue::from_static("application/json"));
    Router::new()
        .route("/api/openapi.json", get(move || async move { ([(header::CONTENT_TYPE, kind)], json) }))
}

fn finish(document: &mut Document) {
    document.webhooks = Some(webhooks::described());
    for (alias, meant) in ALIASES {
        add_alias(document, alias, meant);
    }
    sign(document);
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        refusals::complete(operation);
    }
    document.components.get_or_insert_default().responses.extend(refusals::shared());
}

fn add_alias(document: &mut Document, alias: &str, meant: &str) {
    let Some(PathItem { get, post, .. }) = document.paths.paths.get(meant).cloned() else { return };
    let get = get.filter(|_| alias != POST_ALONE);
    let at = document.paths.paths.entry(alias.to_owned()).or_default();
    for (at, meant_operation) in [(&mut at.get, get), (&mut at.post, post)] {
        // One of its own, such as an earlier system's other answer, stays.
        let Some(mut operation) = meant_operation.filter(|_| at.is_none()) else { continue };
        let id = operation.operation_id.unwrap_or_default();
        operation.operation_id = Some(format!("{id}_at_{}", alias.replace(['/', '{', '}'], "_")));
        operation.description = Some(format!("The same as `{meant}`."));
        *at = Some(operation);
    }
}

pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

/// How a request says whose it is. What an operation's attribute does not say is: by a
/// session, a token or a key.
fn sign(document: &mut Document) {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A JWT of `/api/v1/auth/login`, an API key, or a unit's ingest token."));
    let basic = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("An API key or a unit's ingest token as the password; the name is free."));
    let value = |name: &str, words: &str| ApiKeyValue::with_description(name, words);
    let schemes = [
        ("bearer", SecurityScheme::Http(bearer.build())),
        ("basic", SecurityScheme::Http(basic.build())),
        ("api_key", SecurityScheme::ApiKey(ApiKey::Header(value("X-API-Key", "An API key.")))),
        (
            "token",
            SecurityScheme::ApiKey(ApiKey::Query(value(
                "token",
                "An API key or a unit's ingest token, where a client can set no header.",
            ))),
        ),
        (
            "session",
            SecurityScheme::ApiKey(ApiKey::Cookie(value(
                session::COOKIE,
                "What the dashboard's sign-in sets. From a browser it counts on our own pages alone.",
            ))),
        ),
    ];
    let components = document.components.get_or_insert_default();
    for (name, scheme) in schemes {
        components.security_schemes.insert(name.to_owned(), RefOr::T(scheme));
    }
    let any = ["session", "bearer", "api_key"].map(|name| SecurityRequirement::new(name, [""; 0]));
    document.security = Some(any.to_vec());
}
