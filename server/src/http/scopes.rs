//! The hierarchy: the part of it that a caller sees, and making and renaming nodes.
//!
//! A node keeps its number and its place for ever: history and grants rely on who
//! stands above whom.

use super::{
    answer::Answer,
    error::ApiError,
    input::{self, BODY_MAX_BYTES, Body, Paging, to_its_end},
};
use crate::{
    audit,
    auth::{Caller, Denied, Signed},
    directory::Directory,
    ports::{Change, ScopeRecord},
    state::Sentinel,
};
use axum::{
    Json,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
};
use sentinel_model::{
    Level, Page, Scope, ScopePath,
    scope::{NewScope, ScopeCounts, ScopeNode, ScopePatch},
};
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(change))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

/// The part of the hierarchy that you see, widest first, with its units counted.
#[utoipa::path(get, path = "/api/v1/scopes", operation_id = "list_scopes", tag = "Hierarchy", params(Paging),
    responses((status = 200, description = "Nodes, each with what stands above it", body = Page<ScopeNode>)))]
async fn list(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    paging: Paging,
) -> Result<Answer<Page<ScopeNode>>, ApiError> {
    let nodes = visible(&state, &caller).await?;
    Ok(Answer(paging.page(nodes, |node| node.scope, Clone::clone)?))
}

/// Every node that the caller sees, widest first, with its units counted by status.
pub async fn visible(state: &Sentinel, caller: &Caller) -> Result<Vec<ScopeNode>, ApiError> {
    let grant = caller.view(&state.directory, caller.home_scope())?;
    let counts = state.reads.counts().await?;
    let nodes = state.directory.scopes();
    Ok(nodes
        .iter()
        .filter(|record| state.directory.scope_within(record.scope, grant.scope()))
        .map(|record| node(record, grant.scope(), counts.get(&record.scope).copied().unwrap_or_default()))
        .collect())
}

/// Makes a zone, a division or a station.
///
/// It keeps its number and its place for ever. A district is made on the server's command line.
#[utoipa::path(post, path = "/api/v1/scopes", operation_id = "make_scope", tag = "Hierarchy",
    request_body(content = NewScope, example = json!({
        "scope": "station:31", "name": "Harbour", "parent": "division:2", "site": [9.9667, 76.2421]
    })),
    responses(
        (status = 201, description = "The node", body = ScopeNode),
        (status = 409, description = "The number is taken at this level"),
    ))]
async fn make(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Body(new): Body<NewScope>,
) -> Result<(StatusCode, Json<ScopeNode>), ApiError> {
    let name = input::name(&new.name)?;
    check_site(new.scope, new.site)?;
    match new.scope.level.parent() {
        None => {
            return Err(ApiError::forbidden(
                "a district stands outside every scope: it is made on the server's command line",
            ));
        }
        Some(level) if new.parent.level != level => {
            return Err(ApiError::bad_request(format!(
                "the parent of a {} is a {}, not {}",
                new.scope.level.as_str(),
                level.as_str(),
                new.parent
            )));
        }
        Some(_) => {}
    }
    to_its_end(async move {
        let record = (state.directory)
            .change(|| {
                if !caller.may_manage(&state.directory, new.parent) {
                    return Err(Denied::NotYours(new.parent).into());
                }
                if state.directory.scope(new.scope).is_some() {
                    return Err(ApiError::conflict(format!("{} is taken", new.scope)));
                }
                let path = station_path(&state.directory, new.scope, new.parent);
                let (name, parent) = (name.clone(), Some(new.parent));
                let record = ScopeRecord {
                    scope: new.scope,
                    name,
                    parent,
                    path,
                    site: new.site,
                    filters: None,
                    alert_rules: None,
                };
                let told =
                    audit::entry(&state.clock, &caller, "scope_made", record.scope, record.scope, None);
                Ok((vec![Change::PutScope(record.clone()), told], record))
            })
            .await?;
        tracing::info!(by = %caller, scope = %record.scope, "a scope was made");
        Ok((StatusCode::CREATED, Json(node(&record, caller.home_scope(), ScopeCounts::default()))))
    })
    .await
}

/// Renames a node, or says where a station stands.
#[utoipa::path(patch, path = "/api/v1/scopes/{scope}", operation_id = "change_scope", tag = "Hierarchy",
    params(("scope" = Scope, Path, description = "Which node")),
    request_body(content = ScopePatch, example = json!({ "name": "Harbour" })),
    responses((status = 200, description = "The node as it is now", body = ScopeNode)))]
async fn change(
    State(state): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(scope): Path<String>,
    Body(patch): Body<ScopePatch>,
) -> Result<Json<ScopeNode>, ApiError> {
    let scope: Scope = scope.parse().map_err(|error| ApiError::bad_request(format!("{error}")))?;
    let name = patch.name.as_deref().map(input::name).transpose()?;
    check_site(scope, patch.site)?;
    to_its_end(async move {
        let after = (state.directory)
            .change(|| {
                let before =
                    state.directory.scope(scope).filter(|_| caller.may_manage(&state.directory, scope));
                let mut after = (*before.ok_or(Denied::NotYours(scope))?).clone();
                after.name = name.clone().unwrap_or(after.name);
                after.site = patch.site.or(after.site);
                let told = audit::entry(&state.clock, &caller, "scope_changed", scope, scope, None);
                Ok::<_, ApiError>((vec![Change::PutScope(after.clone()), told], after))
            })
            .await?;
        tracing::info!(by = %caller, scope = %after.scope, "a scope was changed");
        let counts = state.reads.counts().await?.remove(&scope).unwrap_or_default();
        Ok(Json(node(&after, caller.home_scope(), counts)))
    })
    .await
}

/// Of a station: the numbers of everything above it.
fn station_path(directory: &Directory, scope: Scope, division: Scope) -> Option<ScopePath> {
    if scope.level != Level::Station {
        return None;
    }
    let zone = directory.scope(division)?.parent?;
    let district = directory.scope(zone)?.parent?;
    Some(ScopePath { district: district.id, zone: zone.id, division: division.id, station: scope.id })
}

fn check_site(scope: Scope, site: Option<(f64, f64)>) -> Result<(), ApiError> {
    let Some((latitude, longitude)) = site else { return Ok(()) };
    if scope.level != Level::Station {
        return Err(ApiError::bad_request("only a station has a site"));
    }
    if !((-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude)) {
        return Err(ApiError::bad_request(
            "a site is [latitude, longitude] in degrees, -90..90 and -180..180",
        ));
    }
    Ok(())
}

/// A node as someone whose sight ends at `top` sees it.
fn node(record: &ScopeRecord, top: Scope, counts: ScopeCounts) -> ScopeNode {
    // In bounds since `check_site`; rounding keeps what a metre is.
    let e6 = |degrees: f64| (degrees * 1e6).round() as i32;
    ScopeNode {
        scope: record.scope,
        name: record.name.clone(),
        parent: record.parent.filter(|_| record.scope != top),
        site_e6: record.site.map(|(latitude, longitude)| (e6(latitude), e6(longitude))),
        counts,
    }
}
