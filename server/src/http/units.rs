//! Units as records: `/api/v1/units`. Where they are and were: [`super::places`].

use super::{
    answer::Answer,
    error::ApiError,
    input::{self, Asked, BODY_MAX_BYTES, Body, NAME_MAX_CHARS, Paging, to_its_end},
};
use crate::{
    audit,
    auth::{Caller, Signed, secret},
    directory::UnitEntry,
    ports::{Change, Home, UnitRecord},
    state::Sentinel,
};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    routing::{get, post},
};
use sentinel_model::{
    Level, Page, Scope, ScopePath, Unit, UnitId, UnitStatus,
    unit::{NewUnit, NewUnitAnswer},
};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

const KIND_MAX_CHARS: usize = 32;

pub fn routes() -> Router<Arc<Sentinel>> {
    Router::new()
        .route("/api/v1/units", get(list).post(create))
        .route("/api/v1/units/{id}", get(one).patch(change))
        .route("/api/v1/units/{id}/token", post(renew_token))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct InScope {
    /// All that you see, where it is left out.
    pub scope: Option<Scope>,
    /// Words, each of which the id, the name or the station's name holds.
    #[param(max_length = 100, example = "kadavanthra")]
    pub q: Option<String>,
    /// Items of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// Units of a scope, on patrol or not, with where they are.
#[utoipa::path(get, path = "/api/v1/units", operation_id = "list_units", tag = "Units", params(InScope),
    responses((status = 200, description = "Units by id", body = Page<Unit>)))]
pub(super) async fn list(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Asked(asked): Asked<InScope>,
) -> Result<Answer<Page<Unit>>, ApiError> {
    let scope = asked.scope.unwrap_or_else(|| caller.home_scope());
    let grant = caller.view(&sentinel.directory, scope)?;
    let paging = Paging { limit: asked.limit, cursor: asked.cursor };
    let cursor = paging.after::<UnitId>()?;
    let words = asked.q.unwrap_or_default();
    if words.chars().count() > NAME_MAX_CHARS {
        return Err(ApiError::bad_request(format!("q has at most {NAME_MAX_CHARS} characters")));
    }
    Ok(Answer(sentinel.reads.units(&grant, &words, cursor.as_ref(), paging.limit()).await?))
}

/// How the document tells of these addresses.
pub fn described() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, change))
        .routes(routes!(renew_token))
}

pub fn no_unit(id: &str) -> ApiError {
    let id: String = id.chars().take(sentinel_model::ids::ID_MAX_CHARS).collect();
    ApiError::not_found(format!("there is no unit {id:?} that you may see"))
}

/// The unit of an address, if the caller may see it now.
pub(super) fn visible(sentinel: &Sentinel, caller: &Caller, id: &str) -> Result<Arc<UnitEntry>, ApiError> {
    let unit = id.parse().ok().and_then(|id| sentinel.reads.visible(caller, &id));
    unit.ok_or_else(|| no_unit(id))
}

/// One unit, with where it is.
#[utoipa::path(get, path = "/api/v1/units/{id}", operation_id = "read_unit", tag = "Units", params(("id" = UnitId, Path, description = "Which unit")),
    responses((status = 200, description = "The unit", body = Unit), (status = 404, description = "No unit of that id that you may see")))]
pub(super) async fn one(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Answer<Unit>, ApiError> {
    let unit = visible(&sentinel, &caller, &id)?;
    Ok(Answer(sentinel.reads.unit(&unit).await?))
}

/// Makes a unit; its ingest token is shown this once.
#[utoipa::path(post, path = "/api/v1/units", operation_id = "make_unit", tag = "Units",
    request_body(content = NewUnit, example = json!({
        "id": "PC-201", "name": "Kadavanthra car 9", "kind": "patrol_car", "station": "station:5"
    })),
    responses(
        (status = 201, description = "The unit, with its ingest token", body = NewUnitAnswer),
        (status = 409, description = "There is a unit of that id already"),
    ))]
pub(super) async fn create(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Body(new): Body<NewUnit>,
) -> Result<(StatusCode, Json<NewUnitAnswer>), ApiError> {
    let name = new.name.as_deref().map(input::name).transpose()?.unwrap_or_else(|| new.id.to_string());
    let kind = new.kind.as_deref().map(kind).transpose()?.unwrap_or_else(|| "vehicle".into());
    to_its_end(async move {
        let ingest_token = make(&sentinel, &caller, &new.id, name, kind, new.station).await?;
        let unit = as_known(&sentinel, &caller, &new.id).await?;
        Ok((StatusCode::CREATED, Json(NewUnitAnswer { unit, ingest_token })))
    })
    .await
}

/// Makes a unit, if the caller may; answers its token, which is kept nowhere.
pub(super) async fn make(
    sentinel: &Sentinel,
    caller: &Caller,
    id: &UnitId,
    name: String,
    kind: String,
    station: Scope,
) -> Result<String, ApiError> {
    let token = secret::mint(secret::Kind::Unit);
    (sentinel.directory)
        .change(|| {
            let path = managed_station(sentinel, caller, station, "make units under")?;
            if sentinel.directory.unit(id).is_some() {
                return Err(ApiError::conflict(format!("there is a unit {id} already; choose another id")));
            }
            let now = sentinel.clock.now();
            let record = UnitRecord {
                id: id.clone(),
                name: name.clone(),
                kind: kind.clone(),
                homes: vec![Home { from: now, path }],
                token_hash: token.hash.clone(),
                created_at: now,
                patrols_managed: false,
            };
            let told = audit::entry(&sentinel.clock, caller, "unit_made", id, path.station(), None);
            Ok((vec![Change::PutUnit(record), told], ()))
        })
        .await?;
    tracing::info!(by = %caller, unit = %id, %station, "a unit was made");
    Ok(token.text)
}

/// What may change of a unit; what is absent stays.
#[derive(Deserialize, ToSchema)]
struct UnitPatch {
    #[schema(min_length = 1, max_length = 100, example = "Kadavanthra car 1")]
    name: Option<String>,
    #[schema(min_length = 1, max_length = 32, example = "patrol_car")]
    kind: Option<String>,
    /// The station that it belongs to from now on.
    station: Option<Scope>,
}

/// Renames a unit or gives it to another station; what is left out stays.
#[utoipa::path(patch, path = "/api/v1/units/{id}", operation_id = "change_unit", tag = "Units", params(("id" = UnitId, Path, description = "Which unit")),
    request_body(content = UnitPatch, example = json!({ "station": "station:6" })),
    responses(
        (status = 200, description = "The unit as it is now", body = Unit),
        (status = 404, description = "No unit of that id that you may change"),
    ))]
async fn change(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
    Body(patch): Body<UnitPatch>,
) -> Result<Json<Unit>, ApiError> {
    let name = patch.name.as_deref().map(input::name).transpose()?;
    let kind = patch.kind.as_deref().map(kind).transpose()?;
    to_its_end(async move {
        let unit = (sentinel.directory)
            .change(|| {
                let unit = managed(&sentinel, &caller, &id)?;
                let mut record = unit.record.clone();
                record.name = name.clone().unwrap_or(record.name);
                record.kind = kind.clone().unwrap_or(record.kind);
                if let Some(station) = patch.station {
                    let path = managed_station(&sentinel, &caller, station, "move units to")?;
                    if path != unit.home() {
                        record.homes.push(Home { from: sentinel.clock.now(), path });
                    }
                }
                let station = record.homes.last().map_or(unit.home(), |home| home.path).station();
                let told = audit::entry(&sentinel.clock, &caller, "unit_changed", &record.id, station, None);
                Ok::<_, ApiError>((vec![Change::PutUnit(record), told], unit))
            })
            .await?;
        tracing::info!(by = %caller, unit = %unit.record.id, "a unit was changed");
        Ok(Json(as_known(&sentinel, &caller, &unit.record.id).await?))
    })
    .await
}

/// A new ingest token, shown this once; the old one stops working at once.
#[utoipa::path(post, path = "/api/v1/units/{id}/token", operation_id = "renew_unit_token", tag = "Units", params(("id" = UnitId, Path, description = "Which unit")),
    responses(
        (status = 200, description = "The unit, with its new ingest token", body = NewUnitAnswer),
        (status = 404, description = "No unit of that id that you may change"),
    ))]
pub(super) async fn renew_token(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Json<NewUnitAnswer>, ApiError> {
    let renewed = renew_once(sentinel, caller, id, None).await?;
    Ok(Json(renewed.expect("any token was to be renewed")))
}

/// Makes a new token; where `instead_of` names the one to replace (by its mark) and the unit
/// has another by now, none.
pub(super) async fn renew_once(
    sentinel: Arc<Sentinel>,
    caller: Caller,
    id: String,
    instead_of: Option<String>,
) -> Result<Option<NewUnitAnswer>, ApiError> {
    to_its_end(async move {
        let token = secret::mint(secret::Kind::Unit);
        let unit = (sentinel.directory)
            .change(|| {
                let unit = managed(&sentinel, &caller, &id)?;
                if instead_of.as_ref().is_some_and(|mark| *mark != token_mark(&unit)) {
                    return Ok((Vec::new(), None));
                }
                let mut record = unit.record.clone();
                record.token_hash = token.hash.clone();
                let (id, station) = (&record.id, unit.home().station());
                let told = audit::entry(&sentinel.clock, &caller, "unit_token_renewed", id, station, None);
                Ok::<_, ApiError>((vec![Change::PutUnit(record), told], Some(unit)))
            })
            .await?;
        let Some(unit) = unit else { return Ok(None) };
        tracing::info!(by = %caller, unit = %unit.record.id, "a unit's token was renewed");
        let unit = as_known(&sentinel, &caller, &unit.record.id).await?;
        Ok(Some(NewUnitAnswer { unit, ingest_token: token.text }))
    })
    .await
}

/// Tells a unit's token from its next.
pub(super) fn token_mark(unit: &UnitEntry) -> String {
    secret::mark_of(&unit.record.token_hash)
}

/// The unit of an address, if the caller may change it. Asked while the directory is
/// held for the change.
pub fn managed(sentinel: &Sentinel, caller: &Caller, id: &str) -> Result<Arc<UnitEntry>, ApiError> {
    let unit = id.parse().ok().and_then(|id: UnitId| sentinel.directory.unit(&id));
    unit.filter(|unit| caller.may_manage(&sentinel.directory, unit.home().station())).ok_or_else(|| {
        ApiError::not_found(format!(
            "there is no unit {:?} that you may change",
            id.chars().take(sentinel_model::ids::ID_MAX_CHARS).collect::<String>()
        ))
    })
}

/// A unit as whoever manages it may know it. Managing goes by the station it belongs to,
/// seeing by the one it is under: of a unit that was lent beyond the caller's sight, or to
/// a caller who only manages, nothing is told but what the caller could have set.
async fn as_known(sentinel: &Sentinel, caller: &Caller, id: &UnitId) -> Result<Unit, ApiError> {
    let unit = sentinel.directory.unit(id).ok_or_else(|| no_unit(id.as_str()))?;
    if caller.may_view(&unit.path()) {
        return Ok(sentinel.reads.unit(&unit).await?);
    }
    Ok(Unit {
        id: unit.record.id.clone(),
        name: unit.record.name.clone(),
        kind: unit.record.kind.clone(),
        station: unit.home().station(),
        status: UnitStatus::OffDuty,
        patrol_id: None,
        location: None,
    })
}

/// The station that a unit shall belong to, if it is the caller's to give units to. Asked
/// within the change.
fn managed_station(
    sentinel: &Sentinel,
    caller: &Caller,
    station: Scope,
    what: &str,
) -> Result<ScopePath, ApiError> {
    let directory = &sentinel.directory;
    if !caller.may_manage(directory, station) {
        // Who manages everything learns nothing by being told.
        return Err(if directory.scope(station).is_none() && caller.manages_all(directory) {
            ApiError::bad_request(format!("there is no {station}; make it first, by POST /api/v1/scopes"))
        } else {
            ApiError::forbidden(format!("you may not {what} {station}"))
        });
    }
    Some(station)
        .filter(|station| station.level == Level::Station)
        .and_then(|station| directory.station_path(station.id))
        .ok_or_else(|| ApiError::bad_request(format!("{station} is no station; a unit belongs to one")))
}

fn kind(text: &str) -> Result<String, ApiError> {
    input::line("a kind", text, KIND_MAX_CHARS)
}
