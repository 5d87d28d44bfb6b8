//! `/admin/units`: the fleet, one unit of it, a new one, a new token.

use super::{Once, Posted, ROWS, Visit, is_loopback, name_of, scopes_of, server_of};
use crate::{
    auth::{Denied, Signed},
    http::{
        answer::Answer,
        error::ApiError,
        input::{Asked, Body},
        units as api,
    },
    state::Sentinel,
};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use sentinel_app::admin::{Section, unit as unit_page, units as pages};
use sentinel_model::{
    Level, Page, Scope, Unit,
    unit::{NewUnit, NewUnitAnswer},
};
use serde::Deserialize;
use std::sync::Arc;

pub fn routes() -> Router<Arc<Sentinel>> {
    Router::new()
        .route("/admin/units", get(list))
        .route("/admin/units/{id}", get(one))
        .route("/admin/units/{id}/token", post(renew))
        .route("/admin/new-unit", get(form).post(make))
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    q: String,
    cursor: Option<String>,
}

async fn list(
    State(state): State<Arc<Sentinel>>,
    visit: Visit,
    wanted: Result<Asked<Wanted>, ApiError>,
) -> Response {
    let found = async {
        let Asked(Wanted { q, cursor }) = wanted?;
        let asked =
            api::InScope { scope: None, q: Some(q.clone()), limit: Some(ROWS), cursor: cursor.clone() };
        let Answer(Page { items, next }) =
            api::list(State(state.clone()), Signed(visit.caller.clone()), Asked(asked)).await?;
        let row = |unit: Unit| pages::Row { station_name: name_of(&state, unit.station), unit };
        let rows = Page { items: items.into_iter().map(row).collect(), next };
        Ok::<_, ApiError>(pages::List { rows, words: q, is_first_page: cursor.is_none() })
    };
    match found.await {
        Ok(list) => visit.page(pages::list(&visit.frame, list)),
        Err(error) => visit.refused(Section::Units, &error),
    }
}

async fn one(State(state): State<Arc<Sentinel>>, visit: Visit, Path(id): Path<String>) -> Response {
    match api::one(State(state.clone()), Signed(visit.caller.clone()), Path(id)).await {
        Ok(Answer(unit)) => shown(&state, &visit, StatusCode::OK, unit, None),
        Err(error) => visit.refused(Section::Units, &error),
    }
}

/// Answers with the unit and its new token: there is no other time to show it.
async fn renew(
    State(state): State<Arc<Sentinel>>,
    visit: Visit,
    Path(id): Path<String>,
    posted: Result<Posted<Once>, ApiError>,
) -> Response {
    let once = match posted {
        Ok(Posted(Once { once })) => once,
        Err(error) => return visit.refused(Section::Units, &error),
    };
    match api::renew_once(state.clone(), visit.caller.clone(), id.clone(), once).await {
        Ok(Some(NewUnitAnswer { unit, ingest_token: token })) => {
            let fresh = unit_page::Fresh { token, with_unit: false };
            shown(&state, &visit, StatusCode::OK, unit, Some(fresh))
        }
        Ok(None) => visit.done_already(
            Section::Units,
            "The new token was made and shown once.",
            (&format!("/admin/units/{id}"), "See the unit"),
        ),
        Err(error) => visit.refused(Section::Units, &error),
    }
}

fn shown(
    state: &Sentinel,
    visit: &Visit,
    status: StatusCode,
    unit: Unit,
    fresh: Option<unit_page::Fresh>,
) -> Response {
    let Some(server) = server_of(state, &visit.frame.parts) else {
        return ApiError::bad_request("the request names no host that phones could be given").into_response();
    };
    let managed = api::managed(state, &visit.caller, unit.id.as_str());
    let set_aside = state.ingest.aside.of(&unit.id).into_iter();
    let set_aside =
        set_aside.map(|point| unit_page::SetAside { at: point.at, reason: point.reason }).collect();
    let shown = unit_page::Shown {
        station_name: name_of(state, unit.station),
        is_loopback: is_loopback(&server),
        token_mark: managed.ok().map(|unit| api::token_mark(&unit)),
        unit,
        server,
        fresh,
        set_aside,
    };
    visit.page_as(status, unit_page::shown(&visit.frame, shown))
}

async fn form(State(state): State<Arc<Sentinel>>, visit: Visit) -> Response {
    if !visit.frame.may_manage {
        return visit.refused(Section::Units, &Denied::NotAllowed("add units").into());
    }
    visit.page(pages::form(&visit.frame, stations(&state, &visit), pages::Typed::default(), None))
}

#[derive(Deserialize)]
struct Typed {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    kind: String,
    station: String,
}

impl Typed {
    fn read(&self) -> Result<NewUnit, ApiError> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(NewUnit {
            id: self.id.trim().parse().map_err(|error| ApiError::bad_request(format!("{error}")))?,
            name: given(&self.name),
            kind: given(&self.kind),
            station: self.station.parse().map_err(|error| ApiError::bad_request(format!("{error}")))?,
        })
    }
}

async fn make(
    State(state): State<Arc<Sentinel>>,
    visit: Visit,
    posted: Result<Posted<Typed>, ApiError>,
) -> Response {
    let Posted(typed) = match posted {
        Ok(posted) => posted,
        Err(error) => return visit.refused(Section::Units, &error),
    };
    let made =
        async { api::create(State(state.clone()), Signed(visit.caller.clone()), Body(typed.read()?)).await };
    match made.await {
        Ok((status, Json(NewUnitAnswer { unit, ingest_token: token }))) => {
            let fresh = unit_page::Fresh { token, with_unit: true };
            shown(&state, &visit, status, unit, Some(fresh))
        }
        Err(error) if matches!(error.status(), StatusCode::BAD_REQUEST | StatusCode::CONFLICT) => {
            let Typed { id, name, kind, station } = typed;
            let typed = pages::Typed { id, name, kind, station };
            // Whoever loads the answer anew sends the form again.
            let made = "If you have made it just now: its token was shown once; open it for a new one.";
            let is_there = error.status() == StatusCode::CONFLICT;
            let why =
                if is_there { format!("{}. {made}", error.message()) } else { error.message().to_owned() };
            visit.page_as(
                error.status(),
                pages::form(&visit.frame, stations(&state, &visit), typed, Some(why)),
            )
        }
        Err(error) => visit.refused(Section::Units, &error),
    }
}

fn stations(state: &Sentinel, visit: &Visit) -> Vec<sentinel_app::admin::ScopeChoice> {
    let mut stations = scopes_of(state, &visit.caller, |scope: Scope| scope.level == Level::Station);
    stations.iter_mut().for_each(|station| station.depth = 0);
    stations
}
