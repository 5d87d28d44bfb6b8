//! Files of positions taken in: `POST /api/v1/import`, `POST /api/v1/units/{id}/import`.
//!
//! They take as long as they take, so no limit of time is around these addresses; who sends
//! nothing for [`SILENCE`] is cut off.

mod progress;

use super::{error::ApiError, fresh, input::Asked, units::no_unit};
use crate::{
    audit,
    auth::{Caller, Denied, Share, Signed},
    directory::{Directory, UnitEntry},
    import::store::{self, ImportError},
    state::Sentinel,
};
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, header},
    middleware::from_fn_with_state,
    response::{IntoResponse as _, Response},
    routing::post,
};
use bytes::Bytes;
use futures::StreamExt as _;
use progress::ImportLine;
use sentinel_model::{UnitId, fix::ImportAnswer};
use serde::Deserialize;
use std::{
    convert::Infallible,
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

const SILENCE: Duration = Duration::from_secs(60);

pub fn routes(sentinel: Arc<Sentinel>) -> Router {
    Router::new()
        .route("/api/v1/import", post(for_those_named))
        .route("/api/v1/units/{id}/import", post(for_unit))
        .layer(from_fn_with_state(sentinel.clone(), fresh::look_before))
        .with_state(sentinel)
}

/// How the document tells of these addresses.
pub fn described() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new().routes(routes!(for_those_named)).routes(routes!(for_unit))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ForWhom {
    /// Whose all points are, whomever the file names.
    unit_id: Option<UnitId>,
}

/// Takes a file of positions in, of the units it names.
///
/// Read as it arrives, however large. What is imported is of the past: it goes into history and moves no marker. What
/// makes no sense is set aside and listed; a position that history holds already is kept once, so what was broken off
/// is sent again.
#[utoipa::path(post, path = "/api/v1/import", operation_id = "import_positions", tag = "Data in and out",
    params(ForWhom),
    request_body(description = "GPX or CSV, as exported or of others, plain or packed by gzip. CSV begins with a line \
        of names: `time`, `latitude`, `longitude`, and where known `unit_id`, `speed_mps` and the like.",
        content(
            (String = "text/csv", example = json!("unit_id,time,latitude,longitude\nPC-001,2026-11-21T02:00:00Z,9.9624,76.2995\n")),
            (String = "application/gpx+xml", example = json!("<gpx version=\"1.1\" creator=\"me\" xmlns=\"http://www.topografix.com/GPX/1/1\"><trk><trkseg><trkpt lat=\"9.9624\" lon=\"76.2995\"><time>2026-11-21T02:00:00Z</time></trkpt></trkseg></trk></gpx>")),
        )),
    responses(
        (status = 200, description = "Read to its end; what was accepted is safe on disk. Asked for by `Accept: application/x-ndjson`, lines that tell how far it is, of which the last says how it ended",
            content((ImportAnswer = "application/json"), (ImportLine = "application/x-ndjson"))),
        (status = 415, description = "A form; the file itself is the body"),
        (status = 429, description = "Another file of yours is being read"),
        (status = 404, description = "No unit of that id that you may import for"),
    ))]
async fn for_those_named(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Asked(whom): Asked<ForWhom>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    import(sentinel, caller, whom.unit_id, &headers, body).await
}

/// Takes a file of one unit's positions in, whomever the file names.
#[utoipa::path(post, path = "/api/v1/units/{id}/import", operation_id = "import_unit_positions",
    tag = "Data in and out", params(("id" = UnitId, Path, description = "Which unit")),
    request_body(description = "GPX or CSV, as exported or of others, plain or packed by gzip. CSV begins with a line \
        of names: `time`, `latitude`, `longitude`, and where known `unit_id`, `speed_mps` and the like.",
        content(
            (String = "text/csv", example = json!("unit_id,time,latitude,longitude\nPC-001,2026-11-21T02:00:00Z,9.9624,76.2995\n")),
            (String = "application/gpx+xml", example = json!("<gpx version=\"1.1\" creator=\"me\" xmlns=\"http://www.topografix.com/GPX/1/1\"><trk><trkseg><trkpt lat=\"9.9624\" lon=\"76.2995\"><time>2026-11-21T02:00:00Z</time></trkpt></trkseg></trk></gpx>")),
        )),
    responses(
        (status = 200, description = "Read to its end; what was accepted is safe on disk. Asked for by `Accept: application/x-ndjson`, lines that tell how far it is, of which the last says how it ended",
            content((ImportAnswer = "application/json"), (ImportLine = "application/x-ndjson"))),
        (status = 415, description = "A form; the file itself is the body"),
        (status = 429, description = "Another file of yours is being read"),
        (status = 404, description = "No unit of that id that you may import for"),
    ))]
async fn for_unit(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let unit: UnitId = id.parse().map_err(|_| no_unit(&id))?;
    import(sentinel, caller, Some(unit), &headers, body).await
}

async fn import(
    sentinel: Arc<Sentinel>,
    caller: Caller,
    all_of: Option<UnitId>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    if let Caller::Unit(_) = caller {
        return Err(Denied::PostsOnly.into());
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if content_type.is_some_and(|of| of.trim_start().starts_with("multipart/")) {
        return Err(ApiError::unsupported(
            "a form is not read here: send the file itself as the body, as curl does with --data-binary @FILE",
        ));
    }
    let (directory, own) = (&sentinel.directory, caller.home_scope());
    match &all_of {
        Some(unit) => {
            of_unit(directory, &caller, unit).map_err(ApiError::not_found)?;
        }
        None if caller.may_ingest_under(directory, own) || caller.may_manage(directory, own) => {}
        None => return Err(Denied::NotAllowed("import positions").into()),
    }
    let Some(share) = sentinel.imports_each.take(&caller) else {
        return Err(ApiError::too_many(
            "a file that you sent is still being read; send one after the other",
            10,
        ));
    };
    let Ok(turn) = sentinel.imports.clone().try_acquire_owned() else {
        return Err(ApiError::overloaded("as many files as this server reads at once are being read", 10));
    };
    // Told before it begins: what is broken off has stored something too.
    let target = all_of.as_ref().map_or_else(|| own.to_string(), ToString::to_string);
    let told = audit::entry(&sentinel.clock, &caller, "history_imported", target, own, None);
    directory.put(vec![told]).await?;
    let reading = Reading { sentinel, caller, all_of, _turn: turn, _share: share };
    if progress::is_wanted(headers) {
        return Ok(progress::told(|stored| async move { reading.run(body, stored).await }));
    }
    reading.run(body, |_| {}).await.map(|answer| Json(answer).into_response())
}

/// An import that may be.
struct Reading {
    sentinel: Arc<Sentinel>,
    caller: Caller,
    all_of: Option<UnitId>,
    _turn: OwnedSemaphorePermit,
    _share: Share,
}

impl Reading {
    async fn run(&self, body: Body, stored: impl Fn(&ImportAnswer)) -> Result<ImportAnswer, ApiError> {
        let Self { sentinel, caller, .. } = self;
        let (pieces, file) = store::pipe();
        let storing =
            store::store(&*sentinel.intake, &sentinel.clock, file, |named| self.whose(named), stored);
        let forwarding = async {
            forward(body, pieces, sentinel, caller).await;
            std::future::pending::<Infallible>().await
        };
        let answer = tokio::select! {
            answer = storing => answer?,
            never = forwarding => match never {},
        };
        let counts = &sentinel.ingest.counts;
        counts.accepted.fetch_add(answer.accepted, Ordering::Relaxed);
        counts.duplicates.fetch_add(answer.duplicates, Ordering::Relaxed);
        counts.rejected.fetch_add(answer.rejected_total, Ordering::Relaxed);
        tracing::info!(by = %caller, total = answer.total, accepted = answer.accepted, "a file was imported");
        Ok(answer)
    }

    /// For whom a point is, by the unit that the file names.
    fn whose(&self, named: Option<UnitId>) -> Result<UnitId, String> {
        let unit = self.all_of.clone().or(named);
        let unit = unit.ok_or("the file does not say whose this is: give ?unit_id=, or a column unit_id")?;
        of_unit(&self.sentinel.directory, &self.caller, &unit).map(|entry| entry.record.id.clone())
    }
}

/// The unit, where the caller may put history under it: who posts for it or manages it.
fn of_unit(directory: &Directory, caller: &Caller, id: &UnitId) -> Result<Arc<UnitEntry>, String> {
    let may = |unit: &Arc<UnitEntry>| {
        caller.may_ingest(unit) || caller.may_manage(directory, unit.home().station())
    };
    directory.unit(id).filter(may).ok_or_else(|| format!("there is no unit {id} that you may import for"))
}

/// Hands the body on until it ends, is silent, nobody reads it any more, or whoever sends it
/// has lost the right to.
async fn forward(body: Body, pieces: mpsc::Sender<io::Result<Bytes>>, sentinel: &Sentinel, caller: &Caller) {
    let mut body = body.into_data_stream();
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(SILENCE, body.next()) => next,
            () = sentinel.stop.cancelled() => {
                pieces.send(Err(io::Error::other("the server is stopping"))).await.ok();
                return;
            }
        };
        let piece = match next {
            Ok(Some(_)) if !caller.still_holds(&sentinel.directory) => {
                Err(io::Error::other("the sign-in or key behind it has ended"))
            }
            Ok(Some(piece)) => piece.map_err(io::Error::other),
            Ok(None) => return,
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
        };
        let is_over = piece.is_err();
        if pieces.send(piece).await.is_err() || is_over {
            return;
        }
    }
}

impl From<ImportError> for ApiError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Read { .. } => ApiError::bad_request(error.to_string()),
            ImportError::Store { .. } => {
                tracing::warn!(error = &error as &dyn std::error::Error, "an import was broken off");
                ApiError::overloaded(error.to_string(), 5)
            }
            ImportError::Fault(fault) => ApiError::internal(&fault),
        }
    }
}
