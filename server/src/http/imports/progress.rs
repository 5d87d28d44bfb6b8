//! How far an import is, told while it goes on: an object of JSON a line, of which the last says
//! how it ended.

use crate::http::error::{ApiError, REQUEST_ID, request_id};
use axum::{
    body::Body,
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use sentinel_model::{ErrorBody, fix::ImportAnswer};
use serde::Serialize;
use std::{convert::Infallible, future::ready};
use tokio::sync::mpsc;
use utoipa::ToSchema;

pub const NDJSON: &str = "application/x-ndjson";

/// Lines that wait for whoever reads slowly; more are left out, but for the last.
const LINES: usize = 4;

/// A line.
#[derive(Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum ImportLine {
    /// So many are stored.
    Reading { total: u64, accepted: u64, duplicates: u64, rejected_total: u64 },
    /// Read to its end.
    Done(ImportAnswer),
    /// Broken off, and why.
    Failed(ErrorBody),
}

/// Whether who asks wants to be told.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    accepts.flat_map(|accepts| accepts.split(',')).any(|one| one.trim().starts_with(NDJSON))
}

/// The answer that tells it. The import is part of it, and ends with who reads it.
pub fn told<W>(import: impl FnOnce(Box<dyn Fn(&ImportAnswer) + Send + Sync>) -> W) -> Response
where
    W: Future<Output = Result<ImportAnswer, ApiError>> + Send + 'static,
{
    let (lines, told) = mpsc::channel(LINES);
    let last = lines.clone();
    let import = import(Box::new(move |so_far| {
        let &ImportAnswer { total, accepted, duplicates, rejected_total, .. } = so_far;
        lines.try_send(line(&ImportLine::Reading { total, accepted, duplicates, rejected_total })).ok();
    }));
    let importing = REQUEST_ID.scope(request_id(), async move {
        let end = match import.await {
            Ok(answer) => ImportLine::Done(answer),
            Err(error) => ImportLine::Failed(error.body()),
        };
        // Nobody may be there any more.
        last.send(line(&end)).await.ok();
    });
    let told = stream::unfold(told, |mut told| async move { Some((told.recv().await?, told)) });
    let importing = stream::once(importing).filter_map(|()| ready(None));
    let lines = stream::select(told, importing).map(Ok::<Bytes, Infallible>);
    ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response()
}

fn line(line: &ImportLine) -> Bytes {
    let text = serde_json::to_string(line).expect("numbers and texts are JSON");
    (text + "\n").into()
}
