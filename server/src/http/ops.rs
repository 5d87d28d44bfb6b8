//! For operators and their tools: `/healthz`, `/readyz`, `/metrics`, `/api/v1/stats`.

use super::{error::ApiError, input::Peer};
use crate::{
    auth::{Access, MaybeSigned, Signed},
    ports::{Condition, Health},
    state::Sentinel,
};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use sentinel_model::page::Stats;
use serde::Serialize;
use std::sync::{Arc, atomic::Ordering::Relaxed};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

const BEHIND: &str = "what other nodes have changed cannot be read from MongoDB, so whoever asks is refused; \
    the log says why";

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(alive))
        .routes(routes!(ready))
        .routes(routes!(metrics))
        .routes(routes!(stats))
}

/// Whether the process answers at all.
#[utoipa::path(
    get, path = "/healthz", operation_id = "is_alive", tag = "Operation", security(()),
    responses((status = 200, description = "The process answers", body = String, example = json!("ok")))
)]
async fn alive() -> &'static str {
    "ok"
}

#[derive(Serialize, ToSchema)]
struct Readiness {
    /// `ready`, or why no request should be sent here.
    #[schema(example = "ready")]
    status: String,
    /// The engines, with the settings that say what an answered position survives.
    engines: String,
    /// What does not work meanwhile, though positions are safe.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    degraded: Vec<String>,
}

/// Whether requests should be sent here: no longer once the process is stopping, nor
/// where it cannot make positions safe.
#[utoipa::path(get, path = "/readyz", operation_id = "is_ready", tag = "Operation", security(()),
    responses(
        (status = 200, description = "Send requests here", body = Readiness),
        (status = 503, description = "Send requests elsewhere", body = Readiness),
    ))]
async fn ready(State(sentinel): State<Arc<Sentinel>>) -> impl IntoResponse {
    let mut condition = sentinel.health.condition();
    if sentinel.stop.is_cancelled() {
        condition.trouble = Some("stopping".into());
    } else if !sentinel.intake.is_alive() {
        condition.trouble = Some("the intake has ended; the log says why; start Sentinel again".into());
    } else if sentinel.directory.ensure_current().is_err() {
        condition.trouble = Some(BEHIND.into());
    }
    readiness(condition)
}

fn readiness(condition: Condition) -> impl IntoResponse {
    let Condition { engines, trouble, degraded } = condition;
    let status = if trouble.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { status: trouble.unwrap_or_else(|| "ready".into()), engines, degraded }))
}

/// Prometheus metrics.
///
/// For a scraper on this machine as it is; from elsewhere, or through a proxy, with a
/// credential that may see something.
#[utoipa::path(get, path = "/metrics", operation_id = "read_metrics", tag = "Operation",
    security((), ("session" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "Prometheus' text form", body = String,
            content_type = "text/plain; version=0.0.4; charset=utf-8"),
        (status = 401, description = "Not from this machine, and without a credential"),
        (status = 403, description = "The credential sees nothing"),
    ))]
async fn metrics(
    State(sentinel): State<Arc<Sentinel>>,
    Peer(peer): Peer,
    headers: HeaderMap,
    MaybeSigned(caller): MaybeSigned,
) -> Result<impl IntoResponse, ApiError> {
    let proxied = headers.contains_key("x-forwarded-for") || headers.contains_key("forwarded");
    if proxied || !peer.is_some_and(|peer| peer.is_loopback()) {
        let caller = caller.ok_or_else(Access::say_who)?;
        caller.view(&sentinel.directory, caller.home_scope())?;
    }
    let (units, patrols) = sentinel.directory.counts();
    let counts = &sentinel.ingest.counts;
    gauge("sentinel_units", units);
    gauge("sentinel_patrols_active", patrols);
    gauge("sentinel_sockets", usize::try_from(sentinel.sockets_open.load(Relaxed)).unwrap_or(usize::MAX));
    gauge("sentinel_intake_queue", usize::try_from(sentinel.intake.queued()).unwrap_or(usize::MAX));
    metrics::counter!("sentinel_fixes_total", "outcome" => "accepted")
        .absolute(counts.accepted.load(Relaxed));
    metrics::counter!("sentinel_fixes_total", "outcome" => "duplicate")
        .absolute(counts.duplicates.load(Relaxed));
    metrics::counter!("sentinel_fixes_total", "outcome" => "rejected")
        .absolute(counts.rejected.load(Relaxed));
    metrics::counter!("sentinel_positions_hidden_total").absolute(counts.hidden.load(Relaxed));
    metrics::counter!("sentinel_fence_alerts_dropped_total").absolute(counts.fences_untold.load(Relaxed));
    sentinel.metrics.run_upkeep();
    Ok(as_metrics(sentinel.metrics.render()))
}

/// A worker's own addresses: there is nobody to sign in, so they are for this machine, or
/// for a network of the operator's.
pub fn of_worker(metrics: PrometheusHandle, health: Arc<dyn Health>) -> Router {
    let ready = move || {
        let condition = health.condition();
        async move { readiness(condition) }
    };
    let metrics = move || async move {
        metrics.run_upkeep();
        as_metrics(metrics.render())
    };
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).route("/metrics", get(metrics))
}

fn as_metrics(text: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// What each number of `/metrics` is, for its readers.
pub fn describe() {
    metrics::describe_gauge!("sentinel_units", "Units that are known.");
    metrics::describe_gauge!("sentinel_patrols_active", "Units on patrol.");
    metrics::describe_gauge!("sentinel_sockets", "Live streams that are open.");
    metrics::describe_counter!(
        "sentinel_streams_refused_total",
        "Live streams refused to who had as many as it may."
    );
    metrics::describe_gauge!("sentinel_intake_queue", "Posts that wait for the next commit.");
    metrics::describe_gauge!("sentinel_intake_backlog", "Posts in Redis that wait for the archive.");
    metrics::describe_counter!(
        "sentinel_fixes_total",
        "Fixes posted since the start, by what became of them."
    );
    metrics::describe_counter!(
        "sentinel_positions_hidden_total",
        "Positions newer than their unit's marker that did not move it, by the filters of its scope."
    );
    metrics::describe_counter!(
        "sentinel_fence_alerts_dropped_total",
        "What devices said of their fences beyond what one unit may in an hour; stored as history all the same."
    );
    metrics::describe_gauge!("sentinel_dead_letters", "Posts that the archive would not take.");
    metrics::describe_histogram!(
        "sentinel_archive_lag_seconds",
        "Seconds from a post's place in the queue to its place in the archive."
    );
    metrics::describe_counter!("sentinel_archive_entries_total", "Posts that were moved to the archive.");
    metrics::describe_counter!(
        "sentinel_archive_taken_over_total",
        "Posts that a worker was given with a shard: another had not dealt with them."
    );
    metrics::describe_gauge!("sentinel_worker_shards", "Shards of the queue that this worker reads.");
    metrics::describe_counter!("sentinel_archive_given_up_total", "Posts that became dead letters.");
    metrics::describe_counter!(
        "sentinel_webhook_attempts_total",
        "Requests to endpoints of webhooks, by what came of them: delivered or failed."
    );
    metrics::describe_counter!(
        "sentinel_webhook_deliveries_total",
        "Deliveries of webhooks that are settled: delivered, or failed after all tries."
    );
    metrics::describe_histogram!("sentinel_webhook_seconds", "Seconds that an endpoint of a webhook took.");
    metrics::describe_histogram!(
        "sentinel_response_seconds",
        "Seconds from an incident or order to the first unit on scene, as this node was told of it."
    );
    metrics::describe_histogram!("sentinel_request_seconds", "Seconds from a request to its answer.");
    metrics::describe_histogram!(
        "sentinel_commit_seconds",
        "Seconds that a group of writes took to be on disk."
    );
    metrics::describe_histogram!(
        "sentinel_fold_seconds",
        "Seconds that the log took to be folded into the database."
    );
}

#[expect(clippy::cast_precision_loss, reason = "a count")]
fn gauge(name: &'static str, value: usize) {
    metrics::gauge!(name).set(value as f64);
}

/// Counts of what the caller may see, and of the process.
#[utoipa::path(get, path = "/api/v1/stats", operation_id = "read_stats", tag = "Operation",
    responses((status = 200, description = "Counts", body = Stats)))]
pub(super) async fn stats(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
) -> Result<Json<Stats>, ApiError> {
    let grant = caller.view(&sentinel.directory, caller.home_scope())?;
    let units = sentinel.directory.units(None, usize::MAX, |unit| grant.covers(&unit.path()));
    let counts = &sentinel.ingest.counts;
    Ok(Json(Stats {
        units: units.len() as u64,
        patrols_active: units.iter().filter(|unit| unit.patrol.is_some()).count() as u64,
        sockets: sentinel.sockets_open.load(Relaxed),
        fixes_accepted: counts.accepted.load(Relaxed),
        fixes_duplicate: counts.duplicates.load(Relaxed),
        fixes_rejected: counts.rejected.load(Relaxed),
        intake_queue: sentinel.intake.queued(),
        uptime_s: sentinel.started.elapsed().as_secs(),
    }))
}
