//! Erasing what is kept of one unit, as its person has a right to: `DELETE /api/v1/units/{id}/data`.
//!
//! All its fixes go, wherever they lie, where it is now, its alerts, and the events that tell where
//! it was, also those that are yet to be sent to webhooks. The unit itself stays, and so
//! do its patrols: who was on duty for which station and when is the station's own record, and says
//! no place. The one that is under way ends and goes on under another id, so that nobody who looks
//! on keeps its place. What is posted after is new.
//!
//! Told in the audit log before it begins and after it is done, with how many.

use super::{error::ApiError, input::to_its_end, units::managed};
use crate::{
    audit,
    auth::{Caller, Signed},
    directory::UnitEntry,
    patrols::PatrolError,
    ports::{AlertsOf, Change, EraseError, TimeRange},
    state::Sentinel,
};
use axum::{
    Json,
    extract::{Path, State},
};
use sentinel_model::{Scope, UnitId, alerts::AlertKind, unit::ErasedAnswer, webhook::WebhookEvent};
use std::{collections::BTreeSet, sync::Arc};
use utoipa_axum::{router::OpenApiRouter, routes};

/// Alerts that are removed by one commit.
const ALERTS_AT_ONCE: usize = 200;

pub fn routes() -> OpenApiRouter<Arc<Sentinel>> {
    OpenApiRouter::new().routes(routes!(erase))
}

/// Erases every position of a unit, for ever.
///
/// The unit stays, and so do its patrols, which tell no place; one that is under way goes on under another id. The audit log tells who asked and how many went.
#[utoipa::path(delete, path = "/api/v1/units/{id}/data", operation_id = "erase_unit_data", tag = "Data in and out",
    params(("id" = UnitId, Path, description = "Which unit")),
    responses(
        (status = 200, description = "Nothing is left", body = ErasedAnswer),
        (status = 404, description = "No unit of that id that you may change"),
    ))]
async fn erase(
    State(sentinel): State<Arc<Sentinel>>,
    Signed(caller): Signed,
    Path(id): Path<String>,
) -> Result<Json<ErasedAnswer>, ApiError> {
    to_its_end(async move {
        let unit = (sentinel.directory)
            .change(|| {
                let unit = managed(&sentinel, &caller, &id)?;
                let told = tell(&sentinel, &caller, &unit, "unit_data_erasure_begun", None);
                Ok::<_, ApiError>((vec![told], unit))
            })
            .await?;
        let unit_id = &unit.record.id;
        let last = sentinel.positions.get(unit_id).await?;
        let erased = sentinel.erasure.erase(unit_id).await?;
        sentinel.positions.remove(unit_id).await?;
        if let Some(watcher) = &sentinel.ingest.watcher {
            watcher.let_go(|unit| unit == unit_id);
        }
        sentinel.memory.forget(unit_id, sentinel.clock.now()).await?;
        // Nobody who looks on keeps the last place: the unit leaves and comes back without one.
        match sentinel.patrols.renew(unit_id, last).await {
            Ok(()) => {}
            Err(PatrolError::Engine(error)) => return Err(error.into()),
            // Somebody took it off duty at this very moment.
            Err(PatrolError::NoUnit(_) | PatrolError::NotActive(_)) => {}
        }
        erase_alerts(&sentinel, &caller, unit_id).await?;
        // What endpoints have been sent already is theirs; what is yet to be sent is not.
        for kind in AlertKind::ALL {
            sentinel.outbox.drop_about(unit_id.as_str(), WebhookEvent::of_alert(kind)).await?;
        }
        sentinel.ingest.bus.forget_events(&told_of(&sentinel, &unit).await?).await?;
        let detail = format!("{} fixes, {} entries that were given up", erased.fixes, erased.given_up);
        let told = tell(&sentinel, &caller, &unit, "unit_data_erased", Some(detail));
        sentinel.directory.put(vec![told]).await?;
        tracing::info!(by = %caller, unit = %unit_id, fixes = erased.fixes, "a unit's data was erased");
        Ok(Json(ErasedAnswer { unit_id: unit_id.clone(), fixes: erased.fixes }))
    })
    .await
}

/// Open ones are acknowledged first, so that every screen and node lets go of them.
async fn erase_alerts(sentinel: &Sentinel, caller: &Caller, unit: &UnitId) -> Result<(), ApiError> {
    let of = AlertsOf { unit: Some(unit.clone()), ..AlertsOf::default() };
    loop {
        let some = sentinel.directory.registry().alerts(&of, None, ALERTS_AT_ONCE).await?;
        if some.is_empty() {
            return Ok(());
        }
        let drops = some.iter().map(|record| Change::DropAlert { id: record.alert.id.clone() }).collect();
        sentinel.ingest.alerts.acknowledge_all(caller, &some, "").await?;
        sentinel.directory.put(drops).await?;
    }
}

fn tell(
    sentinel: &Sentinel,
    caller: &Caller,
    unit: &UnitEntry,
    action: &str,
    detail: Option<String>,
) -> Change {
    audit::entry(&sentinel.clock, caller, action, &unit.record.id, unit.home().station(), detail)
}

/// The scopes whose events may tell where the unit was: all that it ever was under.
async fn told_of(sentinel: &Sentinel, unit: &UnitEntry) -> Result<Vec<Scope>, ApiError> {
    let patrols = sentinel.directory.registry().patrols_of(&unit.record.id, TimeRange::ALL).await?;
    let on_patrol = patrols.iter().filter_map(|patrol| sentinel.directory.station_path(patrol.station.id));
    let paths = unit.record.homes.iter().map(|home| home.path).chain(on_patrol);
    Ok(paths.flat_map(|path| path.scopes()).collect::<BTreeSet<_>>().into_iter().collect())
}

impl From<EraseError> for ApiError {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::Waits => ApiError::unavailable(
                "positions of this unit wait for the database, and would be there after all: see that workers run \
                 and reach it (/readyz says so), then ask again",
                30,
            ),
            EraseError::Engine(error) => error.into(),
        }
    }
}
