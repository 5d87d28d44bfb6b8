//! The audit log, newest first: `/api/v1/audit`, for who manages.

use super::{error::ApiError, input::Paging};
use crate::{
    auth::{Denied, Signed},
    state::Sentinel,
};
use axum::{Json, extract::State};
use sentinel_model::{Page, audit::AuditEntry};
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Entries that are looked through for one page, where most are of other scopes.
const LOOKED_THROUGH_MAX: usize = 10_000;

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// What was done within what you manage, newest first. A page may be empty and have a next one.
#[utoipa::path(get, path = "/api/v1/audit", operation_id = "read_audit_log", tag = "Operation", params(Paging),
    responses((status = 200, description = "Entries", body = Page<AuditEntry>)))]
async fn list(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    paging: Paging,
) -> Result<Json<Page<AuditEntry>>, ApiError> {
    let directory = &sentinel.directory;
    if !caller.may_manage(directory, caller.home_scope()) {
        return Err(Denied::NotAllowed("read the audit log").into());
    }
    let (limit, mut cursor) = (paging.limit(), paging.after::<String>()?);
    let (mut items, mut looked) = (Vec::new(), 0);
    loop {
        let found = directory.registry().audit(cursor.as_deref(), Paging::LIMIT_MAX).await?;
        let is_last = found.len() < Paging::LIMIT_MAX;
        looked += found.len();
        for entry in found {
            if items.len() == limit {
                return Ok(Json(Page { items, next: cursor }));
            }
            cursor = Some(entry.id.clone());
            if directory.scope_within(entry.scope, caller.home_scope()) {
                items.push(entry);
            }
        }
        if is_last || looked >= LOOKED_THROUGH_MAX {
            return Ok(Json(Page { items, next: cursor.filter(|_| !is_last) }));
        }
    }
}
